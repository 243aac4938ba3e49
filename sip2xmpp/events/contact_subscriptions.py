"""Subscriptions that we make to registered contacts themselves: phones asked for what they do not publish.

``ContactSubscriptions`` keeps one subscription of one package to each registered binding that qualifies: begun when the
binding appears, moved when its flow changes, ended when it goes.  It goes to the *contact* along the Path and over the
flow of the registration, so that it reaches a phone behind an address translator and nobody whom the phone names instead.

A phone may know nothing of the package: what it refuses it is not asked again as long as that registration lives (the
same device or Call-ID, and the same program), also after a restart of ours; what fails in passing is tried a few times, ever
later.  Many phones may
come at once, and one may register many contacts: subscriptions are begun at a pace, and only so many are kept for one
user and in all.  Their dialogs are stored: a restarted process finds the binding by the mark in the Call-ID, and goes on
by a refresh.

Implements: RFC 6665 section 4.1; RFC 3327 section 5.3 (Path); RFC 5626 section 5.3 (requests over the flow).
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from random import Random
from typing import Generic, TypeVar

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from sip2xmpp.documents.reginfo import ContactEvent
from sip2xmpp.errors import BadMessage
from sip2xmpp.events.asked import AskedPackage
from sip2xmpp.events.kept_dialogs import KeptDialogs, dialog_of
from sip2xmpp.events.outgoing import News, Outgoing, Phase, backoff
from sip2xmpp.events.paced import Paced
from sip2xmpp.presence.watching import Reason
from sip2xmpp.sip.agent import UserAgent
from sip2xmpp.sip.dialog import Dialog
from sip2xmpp.sip.flow import Flow
from sip2xmpp.sip.headers import NameAddr
from sip2xmpp.sip.message import Request
from sip2xmpp.sip.server_transaction import ServerTransaction
from sip2xmpp.sip.uri import SipUri
from sip2xmpp.store.interface import Change, ChangeKind, Store
from sip2xmpp.store.observations import Observation
from sip2xmpp.store.records import Binding

D = TypeVar("D")

SOON = 0.3
"""Seconds after which a phone that registered is asked: it does not answer before it has got its 200. (COMPAT: Linphone)"""

ATTEMPTS = 3
"""Passing failures in a row after which a phone is left alone until it registers as another."""

SETTLED = 300.0
"""Seconds a subscription must have lasted for its end to be the first of a row."""

ASK_AGAIN = 30.0
"""Seconds between two times that a phone is asked to say everything anew, because it left something out."""

PASSING = frozenset({408, 423, 429, 430, 480, 486, 491})
"""Refusals below 500 that may be others later."""

_FINAL = frozenset({Reason.REJECTED, Reason.NORESOURCE, Reason.INVARIANT})


@dataclass(frozen=True, slots=True, kw_only=True)
class AskingLimits:
    """How many bindings of one user and in all are asked, and how many subscriptions are begun in a second."""

    per_user: int = 10
    total: int = 20_000
    pace: float = 50.0


DEFAULT_LIMITS = AskingLimits()


@dataclass(slots=True, eq=False)
class _Asked(Generic[D]):
    """What is known of asking one binding.  ``is_known``: what was told of it last still stands."""

    binding: Binding
    subscription: Outgoing[D] | None = None
    begun_at: float = 0.0
    again_at: float = 0.0
    failures: int = 0
    retry: IDelayedCall | None = None
    is_waiting: bool = False
    is_refused: bool = False
    is_known: bool = False
    is_over: bool = False


class ContactSubscriptions(Generic[D]):
    """One subscription of ``package`` to every binding for which ``qualifies(binding)``.

    ``told(binding, document)`` is called with each document a phone sends, ``gone(binding)`` when the last one does not
    hold any more, because the phone, the binding or the subscription is gone.  Whoever keeps what was told over a restart
    gets ``gone`` for it then, too: from this constructor for a binding without a stored dialog, later for one whose dialog
    cannot be resumed; what is kept of a binding that is not there any more is the keeper's to forget.  Nothing else than
    that calls back before the constructor has returned.

    ``qualifies`` is asked whenever a binding is written, at every REGISTER, so it has to be quick; who knows that it would
    answer otherwise now calls ``reconsider``.  Bindings told by another registrar are bindings, too.

    ``role`` tells these dialogs from others in the store.  ``identity(binding)`` is the URI in whose name we subscribe.
    """

    log = Logger()

    def __init__(
        self,
        *,
        agent: UserAgent,
        store: Store,
        clock: IReactorTime,
        rng: Random,
        package: AskedPackage[D],
        role: str,
        qualifies: Callable[[Binding], bool],
        identity: Callable[[Binding], str],
        told: Callable[[Binding, D], None],
        gone: Callable[[Binding], None],
        limits: AskingLimits = DEFAULT_LIMITS,
    ) -> None:
        self._agent = agent
        self._bindings = store.bindings
        self._kept = KeptDialogs(store, role)
        self._refusals = store.observations
        self._clock = clock
        self._rng = rng
        self._package = package
        self._role = role
        self._qualifies = qualifies
        self._identity = identity
        self._told = told
        self._gone = gone
        self._limits = limits
        self._asked: dict[str, _Asked[D]] = {}
        self._of_user: dict[str, int] = {}
        self._dialogs: dict[str, _Asked[D]] = {}
        self._leaving: dict[str, Outgoing[D]] = {}
        self._queue: Paced[_Asked[D]] = Paced(clock, limits.pace, self._begin)
        self._restore()
        store.bindings.listen(self._binding_changed)

    def __len__(self) -> int:
        """How many bindings have a subscription or wait for one."""
        return len(self._asked)

    def reconsider(self, aor: str) -> None:
        """What ``qualifies`` says may be another thing now for the bindings of ``aor``, an address as text."""
        for binding in self._bindings.select(aor):
            self._appeared(binding)

    def ask_again(self, binding: Binding) -> None:
        """Have the phone say everything anew; not more often than every ``ASK_AGAIN`` seconds."""
        asked = self._asked.get(binding.key)
        now = self._clock.seconds()
        if asked is not None and asked.subscription is not None and now - asked.again_at >= ASK_AGAIN:
            asked.again_at = now
            # not from within the NOTIFY that is being taken
            self._clock.callLater(0, asked.subscription.refresh)

    # NOTIFY in

    def notify_received(self, transaction: ServerTransaction, request: Request) -> bool:
        """Take a NOTIFY if it belongs to a subscription of ours; False if it does not."""
        tag = request.to.tag or ""
        asked = self._dialogs.get(tag)
        subscription = self._leaving.get(tag) if asked is None else asked.subscription
        if subscription is None or subscription.dialog.call_id != request.call_id:
            return False
        subscription.notify_received(transaction, request)
        return True

    def told(self, subscription: Outgoing[D], news: News[D]) -> None:
        """A NOTIFY said something; without a document the last one stands."""
        asked = self._dialogs.get(subscription.dialog.local_tag)
        if asked is None:
            return
        if not news.active:
            self._unknown(asked)
        elif news.document is not None:
            asked.is_known = True
            self._told(asked.binding, news.document)

    def over(self, subscription: Outgoing[D], reason: Reason, retry_after: int) -> None:
        """The subscription ended by itself: come back at once, later, or never."""
        asked = self._dialogs.pop(subscription.dialog.local_tag, None)
        if asked is None:
            return
        asked.subscription = None
        self._unknown(asked)
        lasted = self._clock.seconds() - asked.begun_at >= SETTLED
        asked.failures = 1 if lasted else asked.failures + 1
        passing = reason is Reason.DEACTIVATED or not _is_lasting(subscription.refused)
        if reason in _FINAL or not passing or asked.failures >= ATTEMPTS:
            self._leave_alone(asked)
            self.log.info(
                "{contact} of {aor} is not asked for {package}: {reason} {status}",
                contact=asked.binding.contact, aor=asked.binding.aor, package=self._package.event,
                reason=reason.value, status=subscription.refused or "",
            )  # fmt: skip
        elif asked.failures == 1 and reason in (Reason.DEACTIVATED, Reason.TIMEOUT):
            self._enqueue(asked)
        else:
            wait = max(retry_after, backoff(asked.failures - 1, self._rng))
            asked.retry = self._clock.callLater(wait, self._again, asked)

    def changed(self, subscription: Outgoing[D]) -> None:
        """Keep the stored dialog true."""
        self._kept.keep(subscription)
        if subscription.phase is Phase.OVER:
            self._leaving.pop(subscription.dialog.local_tag, None)

    # Bindings come and go

    def _binding_changed(self, change: Change[Binding]) -> None:
        if change.kind is ChangeKind.PUT:
            self._appeared(change.record)
            return
        asked = self._asked.get(change.record.key)
        if asked is not None:
            # Whoever let its registration run out is not there to be told that nobody asks any more.
            self._stop(asked, silently=change.kind is ChangeKind.EXPIRED)
        if self._refusals.get(self._refusal_of(change.record)) is not None:
            self._refusals.remove(self._refusal_of(change.record))
        if asked is not None:
            self.reconsider(change.record.group)

    def _appeared(self, binding: Binding) -> None:
        asked = self._asked.get(binding.key)
        if not self._is_wanted(binding):
            if asked is not None:
                self._stop(asked, silently=False)
        elif asked is not None:
            self._came_again(asked, binding)
        elif self._has_room(binding):
            asked = self._add(binding)
            if not asked.is_refused:
                asked.retry = self._clock.callLater(SOON, self._again, asked)

    def _is_wanted(self, binding: Binding) -> bool:
        return ContactEvent(binding.event).keeps and self._qualifies(binding)

    def _came_again(self, asked: _Asked[D], binding: Binding) -> None:
        before, asked.binding = asked.binding, binding
        if _registration(before) != _registration(binding):
            asked.is_refused, asked.failures = False, 0
            self._refusals.remove(self._refusal_of(binding))
        restarted = before.call_id != binding.call_id
        if asked.subscription is not None:
            asked.subscription.flow = _flow_of(binding)
            if restarted:
                asked.subscription.refresh()
        elif not asked.is_refused and (asked.retry is None or restarted or before.flow != binding.flow):
            self._enqueue(asked)

    def _has_room(self, binding: Binding) -> bool:
        held = self._of_user.get(binding.group, 0)
        return held < self._limits.per_user and len(self._asked) < self._limits.total

    def _add(self, binding: Binding) -> _Asked[D]:
        asked = self._asked[binding.key] = _Asked(binding)
        refusal = self._refusals.get(self._refusal_of(binding))
        asked.is_refused = refusal is not None and refusal.document == _registration(binding)
        self._of_user[binding.group] = self._of_user.get(binding.group, 0) + 1
        return asked

    def _stop(self, asked: _Asked[D], *, silently: bool) -> None:
        del self._asked[asked.binding.key]
        left = self._of_user.pop(asked.binding.group) - 1
        if left:
            self._of_user[asked.binding.group] = left
        asked.is_over = True
        if asked.retry is not None:
            asked.retry.cancel()
            asked.retry = None
        subscription, asked.subscription = asked.subscription, None
        if subscription is not None:
            tag = subscription.dialog.local_tag
            del self._dialogs[tag]
            if silently:
                subscription.drop()
            else:
                self._leaving[tag] = subscription
                subscription.leave()
        self._unknown(asked)

    def _unknown(self, asked: _Asked[D]) -> None:
        if asked.is_known:
            asked.is_known = False
            self._gone(asked.binding)

    def _leave_alone(self, asked: _Asked[D]) -> None:
        """Ask no more, as long as this registration lives."""
        asked.is_refused = True
        binding = asked.binding
        self._refusals.put(
            Observation(
                presentity=binding.aor,
                package=f"no {self._role}",
                binding=binding.key,
                user_agent=binding.user_agent,
                document=_registration(binding),
                changed_at=self._clock.seconds(),
            )
        )

    def _refusal_of(self, binding: Binding) -> str:
        """The key of what is kept of a binding that is left alone."""
        return f"no {self._role} {binding.key}"

    # Asking, at a pace

    def _enqueue(self, asked: _Asked[D]) -> None:
        if asked.retry is not None:
            asked.retry.cancel()
            asked.retry = None
        if not asked.is_waiting:
            asked.is_waiting = True
            self._queue.add(asked)

    def _again(self, asked: _Asked[D]) -> None:
        asked.retry = None
        self._enqueue(asked)

    def _begin(self, asked: _Asked[D]) -> bool:
        """Ask, or refresh a dialog of an earlier life of this process."""
        asked.is_waiting = False
        if asked.is_over:
            return False
        try:
            if asked.subscription is None:
                self._hold(asked, self._dialog(asked.binding))
            assert asked.subscription is not None, "it was held just now"
            asked.begun_at = self._clock.seconds()
            asked.subscription.begin()
            return True
        except BadMessage as bad:
            self.log.info("{contact} cannot be asked: {bad}", contact=asked.binding.contact, bad=bad)
            self._leave_alone(asked)
            subscription, asked.subscription = asked.subscription, None
            if subscription is not None:
                del self._dialogs[subscription.dialog.local_tag]
                subscription.drop()
            return False

    def _hold(self, asked: _Asked[D], dialog: Dialog, *, established: bool = False) -> None:
        binding = asked.binding
        asked.subscription = Outgoing(
            owner=self,
            package=self._package,
            agent=self._agent,
            clock=self._clock,
            rng=self._rng,
            watcher=binding.aor,
            presentity=binding.aor,
            dialog=dialog,
            flow=_flow_of(binding),
            established=established,
        )
        self._dialogs[dialog.local_tag] = asked

    def _dialog(self, binding: Binding) -> Dialog:
        """A new dialog with the contact; raises ``BadMessage`` for one that no request can be sent to."""
        contact = SipUri.parse(binding.contact)
        if contact.headers or contact.param("method") is not None:
            raise BadMessage("a contact with headers or a method")
        for hop in binding.path:
            SipUri.parse(NameAddr.parse(hop).uri)
        return Dialog(
            call_id=f"{self._mark(binding)}-{self._rng.getrandbits(96):024x}",
            local_tag=f"{self._rng.getrandbits(64):016x}",
            remote_tag="",
            local_uri=self._identity(binding),
            remote_uri=binding.aor.sip_uri(),
            remote_target=binding.contact,
            route_set=binding.path,
        )

    def _mark(self, binding: Binding) -> str:
        """What in a Call-ID tells which binding it is about."""
        return sha256(f"{self._role} {binding.key}".encode("utf-8", "surrogatepass")).hexdigest()[:24]

    # After a restart

    def _restore(self) -> None:
        """Hold the stored dialogs of bindings that still qualify, and forget the others."""
        records = self._kept.all()
        kept = {record.call_id.partition("-")[0]: record for record in records}
        goes_on = set()
        for binding in self._bindings.all():
            if not self._is_wanted(binding):
                continue
            record = kept.get(self._mark(binding))
            if not self._has_room(binding):
                self._gone(binding)
                continue
            asked = self._add(binding)
            if asked.is_refused:
                self._gone(binding)
                continue
            if record is None:
                self._gone(binding)
            else:
                goes_on.add(record.key)
                asked.is_known = True
                self._hold(asked, dialog_of(record, record.cseq_ceiling), established=True)
            self._enqueue(asked)
        for record in records:
            if record.key not in goes_on:
                self._kept.forget(record)
        for refusal in list(self._refusals.all()):
            if refusal.package == f"no {self._role}" and self._bindings.get(refusal.binding) is None:
                self._refusals.remove(refusal.key)


def _registration(binding: Binding) -> bytes:
    """What is the same as long as the same program runs on the same device."""
    return f"{binding.instance or binding.call_id}\n{binding.user_agent}".encode("utf-8", "surrogatepass")


def _flow_of(binding: Binding) -> Flow | None:
    return Flow.from_text(binding.flow) if binding.flow else None


def _is_lasting(status: int) -> bool:
    """Whether a refusal means that the phone does not do this, and not only that it cannot now."""
    return status == 501 or (300 <= status < 500 and status not in PASSING)
