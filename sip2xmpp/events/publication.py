"""The event state compositor's edge: PUBLISH requests from the owners of our presentities.

A publication is a row of the store.  Every accepted PUBLISH gives it an entity tag that was never used before, so a
publisher that missed an answer gets 412 and publishes afresh.
The presence agent hears of it by the store's feed; nothing is composed here.  The 200 leaves when the row is durable.

A device that restarts has forgotten its tag, and what it published before would stand beside the new until it
expires.  So each row keeps by what marks its device may be known (``source``), and an initial publication replaces
an older one that shares a mark: the instance id, the tuple id or the socket, the latter two together with the
User-Agent and the host that the device says it is.

This is the busiest path through the program.  What a PUBLISH that modifies costs, in microseconds of one core (CPython 3.11 as
Debian builds it, state in memory, everything warm; a busy machine takes half as much again):

====  ====================================================================================================
 1.2  ``sip.udp``: the datagram is read
 3.9  ``sip.splitting``, ``sip.message``: cut into lines, a request with raw headers
 1.1  ``sip.hop``: the Via of this client is known; transaction key, received and rport
 2.5  ``Request.check_but_via``: From, To, Call-ID, CSeq, Max-Forwards, Request-URI
 4.7  ``sip.transactions``: neither repetition nor merged; begun, completed, its answer kept for 32 seconds
 2.4  ``events.gate``: who sent it, whose it is, who acts
 3.5  here: package, entity tag, lifetime, type of the body, the new row
 9    ``documents.pidf``: is the body well-formed, and a presence document
 4    ``store.tables``: the row is exchanged and listeners are told; SQLite's thread adds about 10
 1.2  ``sip.responses``: the 200 is written
 3.3  ``sip.udp``: and sent, a few together
====  ====================================================================================================

Where somebody watches, the agent adds 55 for reading, composing and writing the document, and 12 for each NOTIFY with its 200.

Implements: RFC 3903 sections 4, 6 (processing), 11.3 (489); RFC 3261 section 8.2.3 (bodies).
"""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sip2xmpp.address import Address
from sip2xmpp.errors import BadDocument, IntervalTooBrief, StorageFailed
from sip2xmpp.events.devices import marks_of, without_socket
from sip2xmpp.events.lifetimes import granted, too_brief
from sip2xmpp.events.package import EventPackage, announced, package_of
from sip2xmpp.presence.agent import PACKAGE
from sip2xmpp.sip.message import STAR, Request
from sip2xmpp.sip.server_transaction import ServerTransaction
from sip2xmpp.store.interface import Store
from sip2xmpp.store.records import Publication, publication_key


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicationLimits:
    """Lifetimes in seconds, publications of one presentity, octets of a body."""

    min_expires: int = 60
    max_expires: int = 7200
    per_presentity: int = 20
    body: int = 65_536


DEFAULT_LIMITS = PublicationLimits()


@runtime_checkable
class Transient(Protocol):
    """A package of what does not last: its publications live for so many seconds, where that is less than the operator says."""

    @property
    def least_expires(self) -> int: ...
    @property
    def most_expires(self) -> int: ...


@runtime_checkable
class Merging(Protocol):
    """A package of which one device may have several publications, and may publish only what changed."""

    def merged(self, body: bytes, before: bytes | None) -> bytes:
        """The whole document when ``body``, which was checked, is published where ``before`` was; raises ``BadDocument``."""

    def speaks_for_socket(self, body: bytes) -> bool:
        """Whether a first publication of ``body`` takes the place of one that came from the same socket."""


class Publications:
    """Publications of our presentities.  Requests arrive proved, and the gate has checked that the sender may.

    ``exists(presentity)`` says whether we serve an address; ``taken_back`` is told of a publication of presence that its own
    publisher removes; ``tells``, whether coming and going is logged (at level debug).
    """

    log = Logger()

    def __init__(
        self,
        *,
        store: Store,
        clock: IReactorTime,
        rng: random.Random,
        packages: Iterable[EventPackage],
        exists: Callable[[Address], bool],
        limits: PublicationLimits = DEFAULT_LIMITS,
        taken_back: Callable[[Publication], None] = lambda _: None,
        tells: bool = True,
    ) -> None:
        self._store = store
        self._clock = clock
        self._packages = {package.name: package for package in packages if package.accepts}
        self._merging = {
            name: package for name, package in self._packages.items() if isinstance(package, Merging)
        }
        self._exists = exists
        self.limit(limits)
        self._taken_back = taken_back
        self.tells = tells
        self._tag_prefix = rng.randbytes(6).hex()
        self._tags_made = 0

    def limit(self, limits: PublicationLimits) -> None:
        """Grant lifetimes and room by these from now on."""
        self._limits = limits
        self._lifetimes = {
            name: (
                min(package.least_expires, limits.min_expires),
                min(package.most_expires, limits.max_expires),
            )
            for name, package in self._packages.items()
            if isinstance(package, Transient)
        }

    def publish_received(
        self,
        transaction: ServerTransaction,
        request: Request,
        sender: Address,  # noqa: ARG002
        presentity: Address,
    ) -> None:
        """Answer a PUBLISH for ``presentity`` in the order of RFC 3903, section 6."""
        if not self._exists(presentity):
            transaction.reply(404)
            return
        package = package_of(request.event_value, self._packages)
        if package is None:
            transaction.reply(489, headers=[("Allow-Events", announced(self._packages))])
            return
        old: Publication | None = None
        tag = request.headers.get("SIP-If-Match")
        if tag is not None:
            old = self._publication(tag, presentity, package)
            if old is None:
                transaction.reply(412)
                return
        limits = self._limits
        least, most = self._lifetimes.get(package.name) or (limits.min_expires, limits.max_expires)
        try:
            expires = granted(
                request.expires, default=min(package.default_expires, most), least=least, most=most
            )
        except IntervalTooBrief as brief:
            transaction.reply(423, headers=too_brief(brief))
            return
        if old is not None and expires == 0:
            if package.name == PACKAGE:
                self._taken_back(old)
            self._change(transaction, None, [old], 0)
        elif request.body or old is None:
            if self._is_body_right(transaction, request, package):
                self._publish(transaction, presentity, package, old=old, expires=expires)
        else:
            renewed = replace(old, etag=self._next_tag(old), expires_at=self._clock.seconds() + expires)
            self._change(transaction, renewed, [old], expires)

    def _publication(self, tag: str, presentity: Address, package: EventPackage) -> Publication | None:
        found = self._store.publications.get(publication_key(tag))
        if found is None or found.etag != tag:
            return None
        return found if found.presentity == presentity and found.package == package.name else None

    def _is_body_right(self, transaction: ServerTransaction, request: Request, package: EventPackage) -> bool:
        """Whether the body can be published; if not, the transaction has been answered."""
        if not request.body:
            transaction.reply(400, "A first publication needs a body")
            return False
        if len(request.body) > self._limits.body:
            transaction.reply(413)
            return False
        accept = ("Accept", ", ".join(package.accepts))
        if not _is_accepted(request, package):
            transaction.reply(415, headers=[accept])
            return False
        encoding = request.headers.get("Content-Encoding")
        if encoding is not None and encoding.lower() != "identity":
            transaction.reply(415, headers=[accept, ("Accept-Encoding", "identity")])
            return False
        try:
            package.check(request.body)
        except BadDocument as bad:
            transaction.reply(400, str(bad))
            return False
        return True

    def _publish(
        self,
        transaction: ServerTransaction,
        presentity: Address,
        package: EventPackage,
        *,
        old: Publication | None,
        expires: int,
    ) -> None:
        """An initial or a modifying publication.

        COMPAT: the entity in the document is not compared with the Request-URI: phones write pres:, their contact
        address or another spelling there.  The Request-URI counts.
        """
        request, now = transaction.request, self._clock.seconds()
        last, body, merging = old, request.body, self._merging.get(package.name)
        if merging is not None:
            try:
                body = merging.merged(body, old.document if old is not None else None)
            except BadDocument as bad:
                transaction.reply(400, str(bad))
                return
        if old is not None:
            gone = [old]
            source = (
                old.source if merging is None else _followed(old.source, request, package.device_of(body))
            )
        else:
            source = source_of(request, package)
            if merging is not None and not merging.speaks_for_socket(body):
                source = without_socket(source)
            last, gone = self._replaced(presentity, package, source)
        # COMPAT: Linphone repeats the whole document to refresh it.  The state is as old as it was.
        is_same = last is not None and last.document == body
        published = Publication(
            presentity=presentity,
            package=package.name,
            etag=self._next_tag(last),
            source=source,
            content_type=package.accepts[0],
            document=last.document if is_same and last is not None else body,
            user_agent=request.user_agent,
            published_at=last.published_at if is_same and last is not None else now,
            expires_at=now + expires,
        )
        if self.tells and last is None and expires:
            self.log.debug(
                "publication created: {presentity} ({package}, {user_agent})",
                presentity=presentity,
                package=package.name,
                user_agent=request.user_agent,
            )
        self._change(transaction, published if expires else None, gone, expires)

    def _replaced(
        self, presentity: Address, package: EventPackage, source: str
    ) -> tuple[Publication | None, list[Publication]]:
        """What an initial publication takes the place of.

        The same device's older one, and all that have to go: that one and others of the device, else the oldest of too many.
        """
        live = [p for p in self._store.publications.select(str(presentity)) if p.package == package.name]
        if not live:
            return None, live
        marks = set(source.split())
        same = [p for p in live if not marks.isdisjoint(p.source.split())]
        if same:
            return same[0], same
        if len(live) < self._limits.per_presentity:
            return None, []
        return None, [min(live, key=lambda p: p.expires_at)]

    def _change(
        self, transaction: ServerTransaction, new: Publication | None, gone: list[Publication], expires: int
    ) -> None:
        """Make the change, and answer when it is durable."""
        table = self._store.publications
        for old in gone:
            if new is None or old.key != new.key:
                table.remove(old.key)
        if new is not None:
            table.put(new)
        elif gone and self.tells:
            self.log.debug("publication removed: {presentity}", presentity=gone[0].presentity)

        def stored(trouble: StorageFailed | None) -> None:
            if trouble is None:
                tag = new.etag if new is not None else self._next_tag(None)
                transaction.reply(200, headers=(("SIP-ETag", tag), ("Expires", str(expires))))
            else:
                self._not_stored(transaction, new, gone, trouble)

        self._store.after_commit(stored)

    def _not_stored(
        self,
        transaction: ServerTransaction,
        new: Publication | None,
        gone: list[Publication],
        trouble: StorageFailed,
    ) -> None:
        self.log.error("a publication could not be stored: {trouble}", trouble=trouble)
        table = self._store.publications
        # unless it has been changed again since
        if new is None or table.get(new.key) is new:
            if new is not None:
                table.remove(new.key)
            for old in gone:
                table.put(old)
        transaction.reply(500)

    def _next_tag(self, old: Publication | None) -> str:
        """An entity tag of ``old``, or of a new publication, that no one has or had, in this run of the process or another."""
        self._tags_made += 1
        tag = f"{self._tag_prefix}.{self._tags_made:x}"
        return tag if old is None else f"{old.key}~{tag}"


def _is_accepted(request: Request, package: EventPackage) -> bool:
    if request.headers.get("Content-Type") in package.accepts:
        return True
    media = request.content_type
    return media is not None and media.type in package.accepts


def _followed(source: str, request: Request, device: str) -> str:
    """The marks of a publication that tells of another thing now, which is what its device would begin with again."""
    if not device:
        return source
    kept = [mark for mark in source.split() if not mark.startswith("document=")]
    return " ".join(
        [*kept, *(mark for mark in marks_of(request, None, device).split() if mark.startswith("document="))]
    )


def source_of(request: Request, package: EventPackage) -> str:
    """The marks by which the publishing device may be known again, blank separated."""
    contacts = request.contacts if "Contact" in request.headers.first else ()
    instance = contacts[0].param("+sip.instance") if contacts is not STAR and contacts else None
    return marks_of(request, instance, package.device_of(request.body))
