"""Users who register elsewhere: their registrar is subscribed to, and what it tells counts as registered here.

For a domain whose users register at another server, ``FollowedRegistrars`` keeps one subscription of package ``reg`` to that
server for each user whom somebody watches, and for a while after.  Contacts become rows of ``store.bindings`` that bear the
URI of their registrar: presence is made of them as of all bindings, while requests for them go to that registrar.  The
rows alone are what is known: they are there after a restart, and go away when the registrar says so, when it tells of all
contacts and not of this one, or when their time is over without news, as after the loss of the subscription.

A document counts only for the user it was asked for.  One that lacks what was before is applied, and everything is asked
for anew; so it is after a document that cannot be read, which says nothing.  NOTIFYs are in order already, so a full
document counts whatever its version is.  (COMPAT: Kamailio writes version 0 into all.)

Implements: RFC 3680 sections 4.5 to 4.10 (subscriber) and 5.2 (the algorithm for versions).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from sip2xmpp.address import Address, address_from_sip
from sip2xmpp.documents import reginfo
from sip2xmpp.documents.reginfo import Contact, ContactEvent, RegistrationInformation, RegistrationState
from sip2xmpp.errors import BadAddress, BadDocument, BadMessage
from sip2xmpp.events.asked import AskedPackage, asked_package
from sip2xmpp.events.contact_subscriptions import SETTLED
from sip2xmpp.events.kept_dialogs import KeptDialogs, dialog_of
from sip2xmpp.events.outgoing import News, Outgoing, Phase, backoff
from sip2xmpp.events.paced import Paced
from sip2xmpp.presence.watching import Reason
from sip2xmpp.sip.agent import UserAgent
from sip2xmpp.sip.dialog import Dialog
from sip2xmpp.sip.grammar import cleaned, format_params, is_token, quote, unquote
from sip2xmpp.sip.headers import CSEQ_LIMIT
from sip2xmpp.sip.message import Request
from sip2xmpp.sip.server_transaction import ServerTransaction
from sip2xmpp.sip.uri import SipUri
from sip2xmpp.store.interface import Change, ChangeKind, Store
from sip2xmpp.store.records import Binding

ROLE: Final = "registrar-follower"

GRACE: Final = 30.0
"""Seconds that a contact is believed past its time, because the news of its refresh takes a moment."""

LINGER: Final = 300.0
"""Seconds for which a user is still followed whom nobody watches any more."""

ASK_AGAIN: Final = 30.0
"""Seconds between two times that a registrar is asked for everything because of what it said."""

LONGEST_WAIT: Final = 3600
"""Seconds after which a registrar that failed or refused is asked again at the latest."""

LONGEST_CONTACT: Final = 2048
"""Characters of a contact and its parameters."""

_COMING = frozenset({ContactEvent.REGISTERED, ContactEvent.CREATED})
_FINAL = frozenset({Reason.REJECTED, Reason.NORESOURCE, Reason.INVARIANT})

Said = RegistrationInformation | BadDocument
"""What a body says, or why it says nothing."""


def _read(octets: bytes) -> Said:
    try:
        return reginfo.read(octets)
    except BadDocument as bad:
        return bad


REG: Final[AskedPackage[Said]] = asked_package(
    "reg", reginfo.CONTENT_TYPE, _read, expires=3761, limit=reginfo.SIZE_LIMIT
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowingLimits:
    """How many users are followed, how many contacts each may have, and how many subscriptions are begun in a second."""

    users: int = 20_000
    contacts: int = 20
    pace: float = 50.0


DEFAULT_LIMITS = FollowingLimits()


@dataclass(slots=True, eq=False)
class _Followed:
    """One user.  ``version`` is that of the last document in this subscription, None before the first."""

    address: Address
    registrar: str
    subscription: Outgoing[Said] | None = None
    version: int | None = None
    failures: int = 0
    begun_at: float = 0.0
    again_at: float = 0.0
    retry: IDelayedCall | None = None
    again: IDelayedCall | None = None
    end: IDelayedCall | None = None
    is_over: bool = False


class FollowedRegistrars:
    """Follows the users of some domains; ``registrars`` gives the URI of each domain's registrar.

    ``identity`` is the URI in whose name we subscribe; None: in each user's own.  ``malformed`` counts bodies that could not
    be read.
    """

    log = Logger()

    def __init__(
        self,
        *,
        agent: UserAgent,
        store: Store,
        clock: IReactorTime,
        rng: Random,
        registrars: Mapping[str, str],
        identity: str | None = None,
        limits: FollowingLimits = DEFAULT_LIMITS,
    ) -> None:
        self._agent = agent
        self._bindings = store.bindings
        self._kept = KeptDialogs(store, ROLE)
        self._clock = clock
        self._rng = rng
        self._registrars = registrars
        self._identity = identity
        self._limits = limits
        self._followed: dict[Address, _Followed] = {}
        self._dialogs: dict[str, _Followed] = {}
        self._leaving: dict[str, Outgoing[Said]] = {}
        self._queue: Paced[_Followed] = Paced(clock, limits.pace, self._begin)
        self.malformed = 0
        self._restore()
        if registrars:
            store.bindings.listen(self._binding_changed)

    def __len__(self) -> int:
        """How many users are followed."""
        return len(self._followed)

    def registrar_of(self, address: Address) -> str | None:
        """Where the users of a domain register, if that is elsewhere."""
        return self._registrars.get(address.domain)

    def watched(self, address: Address, *, anybody: bool) -> None:
        """Somebody watches ``address`` now, or nobody does any more; may be said again."""
        registrar = self._registrars.get(address.domain)
        if registrar is None:
            return
        followed = self._followed.get(address)
        if not anybody:
            if followed is not None and followed.end is None:
                followed.end = self._clock.callLater(LINGER, self._stop, followed)
        elif followed is None:
            if len(self._followed) < self._limits.users:
                followed = self._followed[address] = _Followed(address, registrar)
                self._queue.add(followed)
        elif followed.end is not None:
            followed.end.cancel()
            followed.end = None

    # NOTIFY in

    def notify_received(self, transaction: ServerTransaction, request: Request) -> bool:
        """Take a NOTIFY if it belongs to a subscription of ours; False if it does not."""
        tag = request.to.tag or ""
        followed = self._dialogs.get(tag)
        subscription = self._leaving.get(tag) if followed is None else followed.subscription
        if subscription is None or subscription.dialog.call_id != request.call_id:
            return False
        subscription.notify_received(transaction, request)
        return True

    def told(self, subscription: Outgoing[Said], news: News[Said]) -> None:
        """The registrar said something; that we may not know it says nothing about anybody."""
        followed = self._dialogs.get(subscription.dialog.local_tag)
        if followed is None or not news.active:
            return
        document = news.document
        if isinstance(document, BadDocument):
            self.malformed += 1
            self.log.info(
                "{registrar} said of {user} what cannot be read: {bad}",
                registrar=followed.registrar, user=followed.address, bad=document,
            )  # fmt: skip
            self._ask_again(followed)
        elif document is not None:
            self._take(followed, document)

    def over(self, subscription: Outgoing[Said], reason: Reason, retry_after: int) -> None:
        """The subscription ended by itself: what is known stands for its time, unless we are not to know it."""
        followed = self._dialogs.pop(subscription.dialog.local_tag, None)
        if followed is None:
            return
        followed.subscription, followed.version = None, None
        self._cancel_again(followed)
        lasted = self._clock.seconds() - followed.begun_at >= SETTLED
        followed.failures = 1 if lasted else followed.failures + 1
        if reason in _FINAL:
            self._forget_contacts(followed)
            wait = LONGEST_WAIT
        elif followed.failures == 1 and reason in (Reason.DEACTIVATED, Reason.TIMEOUT):
            wait = 0
        else:
            wait = min(max(retry_after, backoff(followed.failures - 1, self._rng)), LONGEST_WAIT)
        self.log.info(
            "the registrations of {user} at {registrar} are asked for again in {wait} s: {reason}",
            user=followed.address, registrar=followed.registrar, wait=wait, reason=reason.value,
        )  # fmt: skip
        followed.retry = self._clock.callLater(wait, self._retry, followed)

    def changed(self, subscription: Outgoing[Said]) -> None:
        """Keep the stored dialog true."""
        self._kept.keep(subscription)
        if subscription.phase is Phase.OVER:
            self._leaving.pop(subscription.dialog.local_tag, None)

    # What the registrar says

    def _take(self, followed: _Followed, document: RegistrationInformation) -> None:
        last = followed.version
        if not document.full:
            if last is not None and document.version <= last:
                return
            if last is None or document.version > last + 1:
                self._ask_again(followed)
        followed.version = document.version
        about = [
            registration
            for registration in document.registrations
            if _address(registration.aor) == followed.address
        ]
        active: dict[str, Contact] = {}
        ended: dict[str, Contact] = {}
        for registration in about:
            gone = registration.state is not RegistrationState.ACTIVE
            for contact in registration.contacts:
                here = contact.active and contact.event.keeps and not gone
                (active if here else ended)[contact.uri] = contact
        flushed = document.full or any(one.state is not RegistrationState.ACTIVE for one in about)
        for binding in self._theirs(followed):
            if binding.contact in ended or (flushed and binding.contact not in active):
                told = ended.get(binding.contact)
                self._end(binding, told.event if told is not None else ContactEvent.UNREGISTERED)
        for contact in active.values():
            self._bind(followed, contact)

    def _bind(self, followed: _Followed, contact: Contact) -> None:
        made = self._binding(followed, contact)
        if made is None:
            return
        before = self._bindings.get(made.key)
        if before is None:
            if len(self._bindings.select(made.group)) >= self._limits.contacts:
                return
        elif before.registrar != followed.registrar:
            # whoever registered here as well is known better here
            return
        else:
            # that it is there is no news; a refresh is
            event = made.event if contact.event not in _COMING else before.event
            made = replace(made, registered_at=before.registered_at, event=event)
            if abs(made.expires_at - before.expires_at) < 1 and made == replace(
                before, expires_at=made.expires_at
            ):
                return
        self._bindings.put(made)

    def _binding(self, followed: _Followed, contact: Contact) -> Binding | None:
        """The row of a contact; None for one that no request could be sent to."""
        stated = [(name, cleaned(unquote(value))) for name, value in contact.unknown_params if is_token(name)]
        try:
            SipUri.parse(contact.uri)
        except BadMessage:
            return None
        written = format_params(
            tuple(
                (name, None if not value else value if is_token(value) else quote(value))
                for name, value in stated
            )
        )
        if len(contact.uri) + len(written) > LONGEST_CONTACT:
            return None
        subscription = followed.subscription
        assert subscription is not None, "it said so"
        now = self._clock.seconds()
        lifetime = contact.expires if contact.expires is not None else subscription.expires_at - now
        instance = next((value for name, value in stated if name.lower() == "+sip.instance"), "")
        return Binding(
            aor=followed.address,
            contact=contact.uri,
            params=written,
            q=contact.q if contact.q is not None else 1.0,
            call_id=cleaned(contact.call_id or ""),
            cseq=min(contact.cseq or 0, CSEQ_LIMIT),
            path=(),
            flow="",
            user_agent="",
            instance=instance,
            reg_id=0,
            registered_at=now - min(contact.duration_registered or 0, now),
            expires_at=now + min(lifetime, 10 * 86_400) + GRACE,
            display=cleaned(contact.display_name or ""),
            event=contact.event.value,
            registrar=followed.registrar,
        )

    def _theirs(self, followed: _Followed) -> list[Binding]:
        return [one for one in self._bindings.select(str(followed.address)) if one.registrar]

    def _end(self, binding: Binding, event: ContactEvent) -> None:
        """Remove a binding whose row says why, as those of our own registrar do."""
        self._bindings.put(replace(binding, event=(event if not event.keeps else ContactEvent.EXPIRED).value))
        self._bindings.remove(binding.key)

    def _forget_contacts(self, followed: _Followed) -> None:
        for binding in self._theirs(followed):
            self._end(binding, ContactEvent.DEACTIVATED)

    def _binding_changed(self, change: Change[Binding]) -> None:
        """A contact whose time is over although its registrar is there was perhaps refreshed in silence."""
        if change.kind is ChangeKind.EXPIRED and change.record.registrar:
            followed = self._followed.get(change.record.aor)
            if followed is not None:
                self._ask_again(followed)

    # Asking

    def _ask_again(self, followed: _Followed) -> None:
        """Have everything said anew, soon, and not over and over."""
        if followed.again is None and followed.subscription is not None:
            wait = max(0.0, followed.again_at + ASK_AGAIN - self._clock.seconds())
            followed.again = self._clock.callLater(wait, self._ask_now, followed)

    def _ask_now(self, followed: _Followed) -> None:
        followed.again = None
        followed.again_at = self._clock.seconds()
        if followed.subscription is not None:
            followed.subscription.refresh()

    def _cancel_again(self, followed: _Followed) -> None:
        if followed.again is not None:
            followed.again.cancel()
            followed.again = None

    def _retry(self, followed: _Followed) -> None:
        followed.retry = None
        self._queue.add(followed)

    def _begin(self, followed: _Followed) -> bool:
        if followed.is_over:
            return False
        if followed.subscription is None:
            own = followed.address.sip_uri()
            dialog = Dialog(
                call_id=f"{self._rng.getrandbits(128):032x}",
                local_tag=f"{self._rng.getrandbits(64):016x}",
                remote_tag="",
                local_uri=self._identity or own,
                remote_uri=own,
                remote_target=own,
            )
            self._hold(followed, dialog)
        assert followed.subscription is not None, "it was held just now"
        followed.begun_at = self._clock.seconds()
        followed.subscription.begin()
        return True

    def _hold(self, followed: _Followed, dialog: Dialog, *, established: bool = False) -> None:
        followed.subscription = Outgoing(
            owner=self,
            package=REG,
            agent=self._agent,
            clock=self._clock,
            rng=self._rng,
            watcher=followed.address,
            presentity=followed.address,
            dialog=dialog,
            next_hop=SipUri.parse(followed.registrar),
            established=established,
        )
        self._dialogs[dialog.local_tag] = followed

    def _stop(self, followed: _Followed) -> None:
        """Nobody has watched for a while: what would not be kept up to date is forgotten."""
        del self._followed[followed.address]
        followed.is_over, followed.end = True, None
        self._cancel_again(followed)
        if followed.retry is not None:
            followed.retry.cancel()
            followed.retry = None
        subscription, followed.subscription = followed.subscription, None
        if subscription is not None:
            tag = subscription.dialog.local_tag
            del self._dialogs[tag]
            self._leaving[tag] = subscription
            subscription.leave()
        self._forget_contacts(followed)

    # After a restart

    def _restore(self) -> None:
        """Go on in stored dialogs, which end soon unless somebody watches; forget what is not followed any more."""
        for binding in list(self._bindings.all()):
            if binding.registrar and self._registrars.get(binding.aor.domain) != binding.registrar:
                self._bindings.remove(binding.key)
        for record in self._kept.all():
            address = record.presentity
            registrar = self._registrars.get(address.domain)
            if registrar is None or address in self._followed:
                self._kept.forget(record)
                continue
            followed = self._followed[address] = _Followed(address, registrar)
            self._hold(followed, dialog_of(record, record.cseq_ceiling), established=True)
            self._queue.add(followed)
            self.watched(address, anybody=False)


def _address(uri: str) -> Address | None:
    try:
        return address_from_sip(uri)
    except BadAddress:
        return None
