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

The durable part is its ``DialogRecord``.  CSeq numbers are persisted in blocks: no NOTIFY leaves with a number that is
not below a committed ceiling, and a restarted process goes on above it, so that the watcher never sees a number twice.

A NOTIFY goes out on the flow that the last SUBSCRIBE came in on, which is the one way that is known to reach the
watcher; when that flow is gone, or asks for credentials, it is routed by the dialog instead.

Implements: RFC 6665 sections 4.1.3, 4.2.2 (notifier), 4.4.1; RFC 5057 section 5.1 (which failures end the usage).
"""

from dataclasses import replace
from functools import lru_cache
from math import ceil
from typing import Any, Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from sip2xmpp.address import Address
from sip2xmpp.errors import Sip2XmppError, TransportFailed
from sip2xmpp.events.outcomes import Outcome, outcome_of, retry_after
from sip2xmpp.events.package import Body, EventPackage, Form, entity_of
from sip2xmpp.presence.watching import Notification, Reason, Standing, Told, Watch
from sip2xmpp.sip.agent import UserAgent
from sip2xmpp.sip.dialog import Dialog, Prepared, body_block
from sip2xmpp.sip.flow import Flow, Transport
from sip2xmpp.sip.message import Response
from sip2xmpp.store.interface import Store
from sip2xmpp.store.records import DialogRecord

CSEQ_BLOCK = 1000
"""How many NOTIFYs are sent between two writes of the CSeq ceiling."""
LOST_PAUSE = 10.0
"""Seconds before a watcher that could not be reached is tried again, doubled each time."""
LOST_TRIES = 4
"""Failures of the way to a watcher in succession before its subscription is given up."""

NO_BODY = body_block(None, b"")
TIMED_OUT = Notification(standing=Standing.TERMINATED, reason=Reason.TIMEOUT)


@lru_cache(maxsize=4096)
def rendering_key(package: str, form: str, entity: str) -> str:
    """Under which a notification keeps the written form for these; one string for all subscriptions that share it."""
    return f"NOTIFY {package} {form} {entity}"


class Owner(Protocol):
    """What a subscription needs of its notifier."""

    agent: UserAgent
    store: Store
    clock: IReactorTime

    def pause(self, subscription: "Subscription", until: float) -> None:
        """Call ``resumed`` at ``until``, Unix time."""

    def ended(self, subscription: "Subscription", why: str) -> None:
        """The subscription takes no more SUBSCRIBEs; a final NOTIFY may still be under way."""


class Subscription:
    """A watcher's subscription.  ``record.expires_at`` is when it ends unless it is refreshed."""

    __slots__ = (
        "_busy",
        "_by_route",
        "_cseq",
        "_ending",
        "_failures",
        "_newest",
        "_owed",
        "_paused_until",
        "_prepared",
        "_ready",
        "_rendering",
        "_told",
        "fetch",
        "flow",
        "form",
        "over",
        "owner",
        "package",
        "record",
        "watch",
    )

    log = Logger()

    def __init__(
        self,
        owner: Owner,
        *,
        package: EventPackage,
        form: Form,
        record: DialogRecord,
        flow: Flow | None,
        fetch: bool = False,
        first_cseq: int = 0,
    ) -> None:
        self.owner = owner
        self.package = package
        self.form = form
        self.record = record
        self.flow = flow
        self.fetch = fetch
        self.watch: Watch | None = None
        self.over = False
        self._cseq = first_cseq
        self._newest: Told[Any] | None = None
        self._told: Told[Any] | None = None
        self._owed = False
        self._ready = False
        self._busy = False
        self._paused_until = 0.0
        self._by_route = False
        self._failures = 0
        self._ending: Told[Any] | None = None
        self._prepared: Prepared | None = None
        self._rendering = self._rendering_key()

    @property
    def address(self) -> Address:
        """The watcher's proved identity."""
        return self.record.watcher

    @property
    def is_silent(self) -> bool:
        """Whether the watcher waits for the first word of the back end."""
        return self._newest is None and self._ending is None and not self.over

    def _rendering_key(self) -> str:
        return rendering_key(self.package.name, self.form.name, entity_of(self.record.local_uri))

    # Inputs

    def notified(self, notification: Told[Any]) -> None:
        """The back end's newest truth."""
        if self.over:
            return
        if notification.standing is Standing.TERMINATED:
            self.watch = None
            self.end(notification)
        else:
            self._newest = notification
            if self.fetch:
                self.end(TIMED_OUT, with_state=True)
            else:
                self._proceed()

    def answered(self) -> None:
        """A 2xx to a SUBSCRIBE has left: a NOTIFY must follow it."""
        self._ready = True
        self._owed = True
        self._paused_until = 0.0
        self._proceed()

    def refreshed(self, record: DialogRecord, flow: Flow | None, form: Form) -> None:
        """The watcher extended the subscription, and may be somewhere else or want another body now."""
        old, self.record = self.record, record
        if (record.remote_target, record.flow) != (old.remote_target, old.flow) or flow != self.flow:
            self.flow = flow
            self._prepared = None
        if form is not self.form:
            self.form = form
            self._rendering = self._rendering_key()
        self._failures = 0

    def unsubscribed(self) -> None:
        """The watcher leaves; what it is told last waits for the answer to its SUBSCRIBE."""
        self._ready = False
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
            self._send(self._newest)

    def _is_news(self, notification: Told[Any]) -> bool:
        """Whether the watcher would see anything new: what is compared is what it is sent."""
        told = self._told
        if told is notification:
            return False
        return (
            told is None
            or told.standing is not notification.standing
            or (
                told.document != notification.document
                if self.form.numbered
                else self._content(told) != self._content(notification)
            )
        )

    def _send(self, notification: Told[Any]) -> None:
        number = self._cseq + 1
        if number >= self.record.cseq_ceiling and not self.over:
            self._raise_ceiling()
            return
        flow = self.flow
        if flow is None or self._by_route:
            self._send_by_route(notification, number)
            return
        prepared = self._prepared
        if prepared is None:
            prepared = self._prepared = self._dialog(number).prepare("NOTIFY", self._headers())
        newest = self._newest
        if newest is None:
            content = NO_BODY
        elif self.form.numbered:
            content = _block(self._body(newest, number))
        else:
            content = self._content(newest)
        head, tail = prepared.render(number, self._state(notification), content)
        self._sending(notification, number)
        self.owner.agent.send_prepared(head, tail, "NOTIFY", flow, self._sent)

    def _send_by_route(self, notification: Told[Any], number: int) -> None:
        """The slow way: by the route set and target of the dialog, with whatever credentials the way asks for."""
        body = self._body(self._newest, number)
        try:
            headers = [*self._headers(), ("Subscription-State", self._state(notification).decode("ascii"))]
        except TransportFailed as error:
            # Nothing listens any more for the transport that the watcher came in on.
            self._gone(str(error))
            return
        request = self._dialog(number).next_request(
            "NOTIFY",
            headers=headers,
            body=b"" if body is None else body.octets,
            content_type=None if body is None else body.content_type,
        )
        self._sending(notification, number)
        self._by_route = True
        answer = self.owner.agent.request(request)
        answer.addErrback(_as_outcome).addCallback(self._sent).addErrback(self._broken)

    def _sending(self, notification: Told[Any], number: int) -> None:
        """Everything is written, nothing can fail any more before ``_sent``."""
        self._cseq = number
        self._busy = True
        self._owed = False
        self._told = notification

    def _state(self, notification: Told[Any]) -> bytes:
        """The Subscription-State header (RFC 6665, section 8.2.3)."""
        if notification.standing is not Standing.TERMINATED:
            left = max(ceil(self.record.expires_at - self.owner.clock.seconds()), 1)
            word = b"active" if notification.standing is Standing.ACTIVE else b"pending"
            return b"%b;expires=%d" % (word, left)
        reason = "" if notification.reason is None else f";reason={notification.reason.value}"
        retry = "" if notification.retry_after is None else f";retry-after={notification.retry_after}"
        return f"terminated{reason}{retry}".encode("ascii")

    def _content(self, notification: Told[Any]) -> bytes:
        """Content-Type, Content-Length and body, written once for all watchers who get the same."""
        if notification.document is None:
            return NO_BODY
        content = notification.renderings.get(self._rendering)
        if content is None:
            content = notification.renderings[self._rendering] = _block(self._body(notification))
        return content

    def _body(self, notification: Told[Any] | None, cseq: int = 1) -> Body | None:
        if notification is None:
            return None
        before, number = None, 0
        if self.form.numbered:
            number = cseq - 1
            if not self._owed and self._told is not None and self._told.document is not None:
                before = self._told
        return self.form.body(notification, before, entity_of(self.record.local_uri), number)

    def _headers(self) -> list[tuple[str, str]]:
        way = self.flow or Transport(self.record.flow.partition(" ")[0])
        return [("Contact", self.owner.agent.contact_uri(way)), ("Event", self.record.event)]

    def _dialog(self, number: int) -> Dialog:
        """The dialog before the NOTIFY with that CSeq."""
        record = self.record
        return Dialog(
            call_id=record.call_id,
            local_tag=record.local_tag,
            remote_tag=record.remote_tag,
            local_uri=record.local_uri,
            remote_uri=record.remote_uri,
            remote_target=record.remote_target,
            route_set=record.route_set,
            local_cseq=number - 1,
            remote_cseq=record.remote_cseq,
        )

    def _raise_ceiling(self) -> None:
        """Reserve the next block of CSeq numbers; nothing is sent until that is durable."""
        self._busy = True
        self.record = replace(self.record, cseq_ceiling=self._cseq + CSEQ_BLOCK)
        self.owner.store.dialogs.put(self.record)
        self.owner.store.committed().addCallback(self._raised).addErrback(self._broken)

    def _raised(self, _: None) -> None:
        self._busy = False
        self._proceed()

    # What became of it

    def _sent(self, answer: Response | Sip2XmppError) -> None:
        self._busy = False
        by_route, self._by_route = self._by_route, False
        outcome = outcome_of(answer)
        if outcome is not Outcome.TAKEN:
            self._not_taken(outcome, answer, by_route=by_route)
        elif by_route:
            self._adopt(answer)
        else:
            self._failures = 0
        if self._told is self._ending and not self._owed:
            self._ending = self._newest = None
        self._proceed()

    def _not_taken(self, outcome: Outcome, answer: Response | Sip2XmppError, *, by_route: bool) -> None:
        if outcome is Outcome.GONE:
            self._gone(str(answer.status) if isinstance(answer, Response) else "no answer")
        elif outcome is Outcome.CHALLENGED and not by_route:
            self._owed = self._by_route = True
        elif outcome is Outcome.LOST and not by_route:
            self.flow = self._prepared = None
            self._owed = True
        elif outcome is Outcome.LOST:
            self._failures += 1
            if self._failures >= LOST_TRIES:
                self._gone(str(answer))
            else:
                self._pause(LOST_PAUSE * 2 ** (self._failures - 1))
        elif outcome is Outcome.DELAYED and isinstance(answer, Response):
            self._pause(float(retry_after(answer) or 0))

    def _adopt(self, answer: Response | Sip2XmppError) -> None:
        """Stay on the way that worked."""
        self._failures = 0
        if isinstance(answer, Response):
            self._cseq = max(self._cseq, answer.cseq.number)
            self.flow = answer.flow or self.flow
            self._prepared = None

    def _pause(self, delay: float) -> None:
        if not self.over:
            self._owed = True
            self._paused_until = self.owner.clock.seconds() + delay
            self.owner.pause(self, self._paused_until)

    def _gone(self, why: str) -> None:
        """The watcher has no such subscription, so nothing is said to it."""
        self._ending = self._newest = None
        if not self.over:
            self._close(f"gone: {why}")

    def _close(self, why: str) -> None:
        self.over = True
        watch, self.watch = self.watch, None
        if watch is not None:
            watch.stop()
        if not self.fetch:
            self.owner.store.dialogs.remove(self.record.key)
        self.owner.ended(self, why)

    def _broken(self, failure: Failure) -> None:
        self._busy = False
        self.log.failure("NOTIFY to {watcher} failed", failure, watcher=self.record.watcher)


def _block(body: Body | None) -> bytes:
    return NO_BODY if body is None else body_block(body.content_type, body.octets)


def _as_outcome(failure: Failure) -> Sip2XmppError:
    error = failure.value
    if not isinstance(error, Sip2XmppError):
        failure.raiseException()
    return error
