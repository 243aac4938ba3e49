"""One notification dialog, seen from the notifier: what its watcher was told, and what has to be told next.

A subscription is the ``Watcher`` of one watch.  One NOTIFY is in flight at a time; what the back end says meanwhile
replaces what was to be said, so a slow watcher gets the newest state next and nothing else.  What must be told is kept
in three fields: ``_newest`` (the truth), ``_told`` (what the last NOTIFY carried) and ``_owed`` (a SUBSCRIBE was
answered, so a NOTIFY follows even without news).  ``_proceed`` is the only place that decides, and every input ends
there.

=============  ==============================  =====================================================================
state          input                           what follows
=============  ==============================  =====================================================================
waiting        ``answered``                    a NOTIFY as soon as the back end has said anything
any            ``notified`` pending or active  a NOTIFY with that state, unless the watcher has just that view
any            ``notified`` terminated         the final NOTIFY with the back end's reason
any            ``end``                         the final NOTIFY: ``timeout`` when expired, unsubscribed or fetched
any            NOTIFY outcome ``TAKEN``        the next one if there is news
any            NOTIFY outcome ``GONE``         no more NOTIFYs, the watcher is not there
any            NOTIFY outcome ``DELAYED``      nothing until then, then the newest state
any            NOTIFY outcome ``REFUSED``      goes on with the next news
=============  ==============================  =====================================================================

How a NOTIFY leaves, and what its outcome means, is in ``events.sending``.  The durable part is its ``DialogRecord``.

Implements: RFC 6665 sections 4.1.3, 4.2.2 (notifier).
"""

from dataclasses import replace
from typing import Any

from sip2xmpp.address import Address
from sip2xmpp.events.conditions import holds
from sip2xmpp.events.dialog_report import DialogReport
from sip2xmpp.events.economy import NEVER, Course, Economy
from sip2xmpp.events.forms import Comparing, Portioned
from sip2xmpp.events.package import Form, entity_of
from sip2xmpp.events.rates import rates_of
from sip2xmpp.events.sending import Sender
from sip2xmpp.events.terms import Terms
from sip2xmpp.presence.watching import Notification, Reason, Standing, Told
from sip2xmpp.sip.flow import Flow
from sip2xmpp.store.records import DialogRecord

TIMED_OUT = Notification(standing=Standing.TERMINATED, reason=Reason.TIMEOUT)


class Subscription(Sender):
    """A watcher's subscription.  ``record.expires_at`` is when it ends unless it is refreshed."""

    __slots__ = ()

    @property
    def address(self) -> Address:
        """The watcher's proved identity."""
        return self.record.watcher

    @property
    def is_silent(self) -> bool:
        """Whether the watcher waits for the first word of the back end."""
        return self._newest is None and self._ending is None and not self.over

    def report(self) -> DialogReport:
        """For operators."""
        record, newest = self.record, self._newest
        waits = 0.0 < self._paused_until < record.expires_at
        return DialogReport(
            role=record.role,
            watcher=record.watcher,
            presentity=record.presentity,
            event=record.event,
            state="ending" if self.over else "waiting" if newest is None else newest.standing.value,
            call_id=record.call_id,
            expires_at=record.expires_at,
            next_what="NOTIFY is tried again" if waits else "expires unless the watcher refreshes",
            next_at=self._paused_until if waits else record.expires_at,
            local_cseq=self._cseq,
            remote_cseq=record.remote_cseq,
            flow=record.flow,
            remote_target=record.remote_target,
            user_agent=record.user_agent,
            under_way=self._busy,
            failures=self._failures,
        )

    # Inputs

    def notified(self, notification: Told[Any]) -> None:
        """The back end's newest truth."""
        if self.over:
            return
        if notification.standing is Standing.TERMINATED:
            self.watch = None
            self.end(notification)
        else:
            if self.economy is not None:
                self.economy.heard(self._newest, notification, entity_of(self.record.local_uri))
            self._newest = notification
            if self.fetch:
                self.end(TIMED_OUT, with_state=True)
            else:
                self._proceed()

    def answered(self, *, is_known: bool = False) -> None:
        """A 2xx to a SUBSCRIBE has left: a NOTIFY must follow it, unless the watcher has what it would be told."""
        self._ready = True
        if not is_known:
            self._owed = True
        self._paused_until = 0.0
        self._proceed()

    def refreshed(
        self, record: DialogRecord, flow: Flow | None, form: Form, terms: Terms | None = None
    ) -> bool:
        """The watcher extended the subscription, and may be somewhere else or want something else now.

        Answers whether it said that it has what it would be told: nothing is to be sent then.
        """
        old, self.record = self.record, record
        if (record.remote_target, record.flow) != (old.remote_target, old.flow) or flow != self.flow:
            self.flow = flow
            self._prepared = None
            self._is_asked = False
        if form is not self.form:
            self.form = form
            self._numbered = -1  # what it was told before was in another form
            self._rendering = self._rendering_key()
        self._failures = 0
        if self.economy is not None or terms is not None:
            self._agree(terms or Terms(), form)
        if terms is None or not self.is_known(terms.condition):
            return False
        self._known()
        return True

    def _agree(self, terms: Terms, form: Form) -> None:
        if self.economy is None:
            self.economy = Economy(terms, form)
        else:
            self.economy.agreed(terms, form)
        self._look_again()

    def is_known(self, condition: str) -> bool:
        """Whether the watcher has what there is to tell, by the condition that it states."""
        told, newest = self._told, self._newest
        if not condition or told is None or newest is None or told.standing is not newest.standing:
            return False
        return holds(condition, self._tag(newest))

    def _known(self) -> None:
        """The watcher has the newest state, though not from us."""
        self._told = self._newest
        self._numbered = -1
        self._owed = False
        if self.economy is not None:
            self.economy.known()

    def looked_at(self) -> None:
        """A deadline of the watcher's terms has come."""
        economy, now = self.economy, self.owner.clock.seconds()
        if economy is None or economy.deadline == NEVER or economy.deadline > now:
            return
        economy.deadline = NEVER
        if economy.is_wanted(now) and not self._busy:
            self._owed = self._owed or self._newest is not None
        self._proceed()
        self._look_again()

    def begun_anew(self) -> None:
        """What the subscription is about has changed: nothing that was told counts, and a new watch is to be begun."""
        watch, self.watch = self.watch, None
        if watch is not None:
            watch.stop()
        self._newest = None
        self._numbered = -1

    def left(self) -> None:
        """The watcher is gone, with all that it wanted to know."""
        self._gone("left")

    def unsubscribed(self, terms: Terms | None = None) -> None:
        """The watcher leaves; what it is told last waits for the answer to its SUBSCRIBE."""
        self._ready = False
        if terms is not None:
            self._agree(terms, self.form)
        self.end(TIMED_OUT, with_state=True)

    def end(self, final: Told[Any], *, with_state: bool = False) -> None:
        """Tell the watcher that it is over, and why; ``with_state`` adds what is known, for one who asked for it."""
        if self.over:
            return
        self._ending = final
        if not with_state:
            self._newest = None
        self._close(final.reason.value if final.reason is not None else "ended")
        self._proceed()

    def withdraw(self) -> None:
        """Forget everything at once: the SUBSCRIBE that made it was never answered with a 2xx."""
        if not self.over:
            self._close("not stored")

    def resumed(self) -> None:
        """A pause is over."""
        if 0.0 < self._paused_until <= self.owner.clock.seconds():
            self._paused_until = 0.0
            self._proceed()

    # What to send

    def _proceed(self) -> None:
        if self._busy or not self._ready:
            return
        if self._ending is not None:
            self._send(self._ending)
        elif self._newest is None or self._paused_until:
            return
        elif self._owed or self._is_news(self._newest):
            if self.economy is None:
                self._send(self._newest)
            else:
                self._consider(self.economy, self._newest)

    def _consider(self, economy: Economy, newest: Told[Any]) -> None:
        """Send what the terms of the watcher allow."""
        tag = self._tag(newest) if economy.terms.condition else ""
        course = economy.course(self._told, newest, tag, owed=self._owed, now=self.owner.clock.seconds())
        if course is Course.KNOWN:
            self._known()
        elif course is Course.LAPSED:
            economy.terms = replace(economy.terms, condition="")
            self._store(replace(self.record, terms=economy.terms.to_text()))
        elif course is Course.HELD:
            self._look_again()
        else:
            self._send(newest)

    def _look_again(self) -> None:
        economy = self.economy
        if economy is not None:
            waiting = self._newest is not None and self._newest is not self._told
            until = 0.0 if self.over else self.record.expires_at
            at = economy.next_look(self.owner.clock.seconds(), is_waiting=waiting, until=until)
            before, economy.deadline = economy.deadline, at
            if at != before:
                self.owner.look_again(self, before, at)

    def _is_news(self, notification: Told[Any]) -> bool:
        """Whether the watcher would see anything new: what is compared is what it is sent."""
        told = self._told
        if told is notification:
            return False
        return (
            told is None
            or told.standing is not notification.standing
            or (
                self._content(told) != self._content(notification)
                if not self.form.numbered
                else self.form.is_news(told, notification, entity_of(self.record.local_uri))
                if isinstance(self.form, Portioned)
                else told.document != notification.document
                and not (isinstance(self.form, Comparing) and self._tag(told) == self._tag(notification))
            )
        )

    def _heed(self, economy: Economy, event: str | None) -> None:
        """The watcher may ask for other rates in its answer; one that has no Event says nothing of them."""
        rates = economy.terms.rates if event is None else rates_of(event)
        if rates != economy.terms.rates and not self.over:
            economy.agreed(replace(economy.terms, rates=rates), self.form)
            self.record = replace(self.record, terms=economy.terms.to_text())
            self.owner.store.dialogs.put(self.record)
            self._look_again()

    def _close(self, why: str) -> None:
        self.over = True
        watch, self.watch = self.watch, None
        if watch is not None:
            watch.stop()
        if not self.fetch:
            self.owner.store.dialogs.remove(self.record.key)
        self._look_again()
        self.owner.ended(self, why)
