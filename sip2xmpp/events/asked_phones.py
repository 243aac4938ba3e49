"""Registered phones that are asked for what they do not publish: their presence, and their calls.

Most phones answer a SUBSCRIBE that is sent to them with NOTIFYs of their own, whether or not they publish.  A phone that
publishes is not asked, and one that begins to is asked no more; so is a contact that another registrar told us of, since it
can be reached only from there.  What phones say is kept by ``presence.observed``.

Implements: RFC 3856 section 6 (presence at the phone itself); RFC 4235 section 3.
"""

from random import Random
from typing import Any, Final

from twisted.internet.interfaces import IReactorTime

from sip2xmpp.documents import dialog_info, pidf
from sip2xmpp.documents.bodies import is_presence_type, read_presence
from sip2xmpp.documents.mime import inflated, media_type
from sip2xmpp.events.asked import AskedPackage, asked_package
from sip2xmpp.events.contact_subscriptions import DEFAULT_LIMITS, AskingLimits, ContactSubscriptions
from sip2xmpp.presence.observed import DIALOG, PRESENCE, ObservedCalls, ObservedSources
from sip2xmpp.sip.agent import UserAgent
from sip2xmpp.sip.message import Request
from sip2xmpp.sip.server_transaction import ServerTransaction
from sip2xmpp.store.interface import Change, ChangeKind, Store
from sip2xmpp.store.records import Binding, Publication

LARGEST: Final = 65_536
"""Octets of a document that is kept."""


def _pidf(content_type: str, octets: bytes, encoding: str, now: float) -> bytes:
    """A body that was read once, as PIDF octets."""
    document = read_presence(content_type, octets, encoding=encoding, now=now)
    if media_type(content_type)[0] == pidf.CONTENT_TYPE:
        return inflated(octets, encoding, limit=LARGEST)
    return pidf.write(document)


PHONES_PRESENCE: Final = AskedPackage(
    event=PRESENCE,
    accept=pidf.CONTENT_TYPE,
    expires=3600,
    takes=is_presence_type,
    read=_pidf,
    limit=LARGEST,
)
PHONES_CALLS: Final = asked_package(
    DIALOG, dialog_info.CONTENT_TYPE, dialog_info.read, expires=3600, limit=dialog_info.SIZE_LIMIT
)


class AskedPhones:
    """Who asks phones; ``sources`` and ``calls`` take what they say, None where that is not asked for.

    ``identity`` is the URI in whose name phones are asked; None: in their own users' name.
    """

    def __init__(
        self,
        *,
        agent: UserAgent,
        store: Store,
        clock: IReactorTime,
        rng: Random,
        sources: ObservedSources | None,
        calls: ObservedCalls | None,
        identity: str | None = None,
        limits: AskingLimits = DEFAULT_LIMITS,
    ) -> None:
        self._publications = store.publications
        self._bindings = store.bindings
        self._identity = identity
        self._asking: dict[str, ContactSubscriptions[Any]] = {}
        if sources is not None:
            self._asking[PRESENCE] = ContactSubscriptions(
                agent=agent,
                store=store,
                clock=clock,
                rng=rng,
                package=PHONES_PRESENCE,
                role="phone-presence",
                qualifies=lambda binding: self._qualifies(binding, PRESENCE),
                identity=self._identity_for,
                told=sources.told,
                gone=sources.gone,
                limits=limits,
            )
        if calls is not None:
            asking = self._asking[DIALOG] = ContactSubscriptions(
                agent=agent,
                store=store,
                clock=clock,
                rng=rng,
                package=PHONES_CALLS,
                role="phone-dialog",
                qualifies=lambda binding: self._qualifies(binding, DIALOG),
                identity=self._identity_for,
                told=calls.told,
                gone=calls.gone,
                limits=limits,
            )
            calls.ask_again = asking.ask_again
        if self._asking:
            store.publications.listen(self._publication_changed)

    def __len__(self) -> int:
        """How many phones are asked, each counted once for each package."""
        return sum(map(len, self._asking.values()))

    def notify_received(self, transaction: ServerTransaction, request: Request) -> bool:
        """Take a NOTIFY if it belongs to a subscription of ours; False if it does not."""
        return any(asking.notify_received(transaction, request) for asking in self._asking.values())

    def _qualifies(self, binding: Binding, package: str) -> bool:
        if binding.registrar or (binding.reg_id and self._has_earlier_flow(binding)):
            return False
        marks = set(binding.source.split())
        return not any(
            publication.package == package and not marks.isdisjoint(publication.source.split())
            for publication in self._publications.select(binding.group)
        )

    def _has_earlier_flow(self, binding: Binding) -> bool:
        """Whether the device is asked over another of its flows."""
        return any(
            other.instance == binding.instance and 0 < other.reg_id < binding.reg_id
            for other in self._bindings.select(binding.group)
        )

    def _identity_for(self, binding: Binding) -> str:
        return self._identity or binding.aor.sip_uri()

    def _publication_changed(self, change: Change[Publication]) -> None:
        asking = self._asking.get(change.record.package)
        if asking is not None and (change.kind is not ChangeKind.PUT or change.previous is None):
            asking.reconsider(change.record.group)
