"""The phones of shared lines, asked for their calls on them: the way of the older draft, where the server subscribes.

A phone that registers for the address of a line is sent a SUBSCRIBE of ``dialog;sla``, and tells by NOTIFY what another phone
would publish.  What it tells is kept as a publication of the line in its name, which lives a little longer than the
subscription is to be refreshed, so nothing else has to know how it came.  A phone that publishes is not asked.

Nobody can be refused in a NOTIFY: whoever claims what somebody else has learns from what it is told itself that it has it not.

Implements: draft-anil-sipping-bla-03 section 5; RFC 6665 section 4.1.
"""

from collections.abc import Collection
from dataclasses import replace
from hashlib import sha256
from random import Random
from typing import Final

from twisted.internet.interfaces import IReactorTime

from sip2xmpp.address import Address
from sip2xmpp.documents.dialog_info import CONTENT_TYPE, SIZE_LIMIT, DialogInfo, merged, read, write
from sip2xmpp.errors import BadDocument
from sip2xmpp.events.asked import asked_package
from sip2xmpp.events.contact_subscriptions import AskingLimits, ContactSubscriptions
from sip2xmpp.presence.lines import PACKAGES
from sip2xmpp.sip.agent import UserAgent
from sip2xmpp.sip.message import Request
from sip2xmpp.sip.server_transaction import ServerTransaction
from sip2xmpp.store.interface import Change, ChangeKind, Store
from sip2xmpp.store.records import Binding, Publication

EVENT: Final = "dialog;sla"
EXPIRES: Final = 300
"""Seconds a subscription lasts: a phone that vanished is missed at the latest when it is to be refreshed."""
LASTS: Final = 360.0
"""Seconds for which what a phone told holds, unless it tells it again."""
PHONES: Final = 50
"""Phones of one line that are asked."""

_MARK: Final = "asked-"
"""What the keys of these publications begin with; those of a PUBLISH are hexadecimal."""


class LinePhones:
    """Asks the phones of ``lines``, and keeps what they tell."""

    def __init__(
        self,
        *,
        agent: UserAgent,
        store: Store,
        clock: IReactorTime,
        rng: Random,
        lines: Collection[Address],
    ) -> None:
        self._clock = clock
        self._rng = rng
        self._lines = frozenset(lines)
        self._publications = store.publications
        self._bindings = store.bindings
        self._forget_who_is_gone()
        self._asking: ContactSubscriptions[DialogInfo] = ContactSubscriptions(
            agent=agent,
            store=store,
            clock=clock,
            rng=rng,
            package=asked_package(EVENT, CONTENT_TYPE, read, expires=EXPIRES, limit=SIZE_LIMIT),
            role="line-phone",
            qualifies=self._qualifies,
            identity=lambda binding: binding.aor.sip_uri(),
            told=self._told,
            gone=self._gone,
            limits=AskingLimits(per_user=PHONES),
        )
        store.publications.listen(self._publication_changed)

    def __len__(self) -> int:
        """How many phones are asked."""
        return len(self._asking)

    def notify_received(self, transaction: ServerTransaction, request: Request) -> bool:
        """Take a NOTIFY if it belongs to a subscription of ours; False if it does not."""
        return self._asking.notify_received(transaction, request)

    def _qualifies(self, binding: Binding) -> bool:
        if binding.aor not in self._lines or binding.registrar:
            return False
        marks = set(binding.source.split())
        return not any(
            each.package in PACKAGES and not _is_told(each) and not marks.isdisjoint(each.source.split())
            for each in self._publications.select(binding.group)
        )

    def _publication_changed(self, change: Change[Publication]) -> None:
        publication, kind = change.record, change.kind
        if publication.presentity not in self._lines or publication.package not in PACKAGES:
            return
        if not _is_told(publication):
            if kind is not ChangeKind.PUT or change.previous is None:
                self._asking.reconsider(publication.group)
        elif kind is ChangeKind.EXPIRED:
            # COMPAT: a phone that makes its subscription longer than it was asked for is not refreshed in time.
            for binding in self._bindings.select(publication.group):
                if _key(binding) == publication.key:
                    self._asking.ask_again(binding)

    def _told(self, binding: Binding, document: DialogInfo) -> None:
        key, now = _key(binding), self._clock.seconds()
        kept = self._publications.get(key)
        before = None if kept is None else _read(kept)
        if not document.is_full:
            if before is not None and document.version <= before.version:
                return
            if before is None or document.version > before.version + 1:
                self._asking.ask_again(binding)
        whole = merged(before, document)
        octets = write(whole)
        if len(octets) > SIZE_LIMIT:
            return
        is_same = before is not None and replace(before, version=whole.version) == whole
        self._publications.put(
            Publication(
                presentity=binding.aor,
                package=EVENT,
                etag=f"{key}~{self._rng.getrandbits(64):016x}",
                source=binding.source,
                content_type=CONTENT_TYPE,
                document=octets,
                user_agent=binding.user_agent,
                published_at=kept.published_at if is_same and kept is not None else now,
                expires_at=now + LASTS,
            )
        )

    def _gone(self, binding: Binding) -> None:
        self._publications.remove(_key(binding))

    def _forget_who_is_gone(self) -> None:
        """After a restart: what was told by phones whose registration ended meanwhile."""
        for line in self._lines:
            registered = {_key(binding) for binding in self._bindings.select(str(line))}
            for publication in self._publications.select(str(line)):
                if _is_told(publication) and publication.key not in registered:
                    self._publications.remove(publication.key)


def _key(binding: Binding) -> str:
    """The key of what the phone of a binding tells."""
    return _MARK + sha256(binding.key.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _is_told(publication: Publication) -> bool:
    return publication.etag.startswith(_MARK)


def _read(publication: Publication) -> DialogInfo | None:
    try:
        return read(publication.document)
    except BadDocument:
        return None
