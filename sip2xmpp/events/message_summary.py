"""Package ``message-summary``: the lamp of a mailbox.

A voicemail server that is a trusted peer publishes for our users, or a user for himself; the user subscribes, and nobody else
may.  Publications of one mailbox (``Message-Account``) are news of the same thing, so the newest counts; several mailboxes
of one user are added up, class by class, and then no single account is named.  A user without any has no messages.

Implements: RFC 3842 sections 3 (the package) and 4; RFC 6665 section 5.4.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import ClassVar, Final

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sip2xmpp.address import Address
from sip2xmpp.documents.message_summary import (
    CLASSES,
    CONTENT_TYPE,
    MOST,
    Count,
    MessageSummary,
    read,
    write,
)
from sip2xmpp.errors import BadDocument
from sip2xmpp.events.accepting import accepts
from sip2xmpp.events.package import Body
from sip2xmpp.presence.policy import Handling
from sip2xmpp.presence.state_agent import StateAgent
from sip2xmpp.presence.watching import StateWatcher, Told, Watch
from sip2xmpp.store.interface import Change, Store
from sip2xmpp.store.records import Publication

PACKAGE: Final = "message-summary"
INTERVAL: Final = 1.0
"""Seconds between two NOTIFYs about one mailbox (RFC 3842, section 3.9)."""

NOTHING: Final = MessageSummary()


def combined(newest_first: Iterable[MessageSummary]) -> MessageSummary:
    """What several summaries say together: of each account the newest, and all accounts added up."""
    accounts: dict[str, MessageSummary] = {}
    for summary in newest_first:
        accounts.setdefault(summary.account, summary)
    if len(accounts) == 1:
        return next(iter(accounts.values()))
    counts: dict[str, Count] = {}
    for summary in accounts.values():
        for name, count in summary.counts:
            counts[name] = _sum(counts[name], count) if name in counts else count
    return MessageSummary(
        waiting=any(summary.waiting for summary in accounts.values()),
        counts=tuple((name, counts[name]) for name in CLASSES if name in counts),
    )


def _sum(one: Count, other: Count) -> Count:
    urgent = one.urgent or other.urgent
    if one.urgent is not None and other.urgent is not None:
        urgent = (min(one.urgent[0] + other.urgent[0], MOST), min(one.urgent[1] + other.urgent[1], MOST))
    return Count(new=min(one.new + other.new, MOST), old=min(one.old + other.old, MOST), urgent=urgent)


class MessageSummaryForm:
    """The body of RFC 3842, for everybody."""

    name = "message-summary"
    numbered: ClassVar[bool] = False

    def body(
        self,
        told: Told[MessageSummary],
        before: Told[MessageSummary] | None,  # noqa: ARG002
        entity: str,  # noqa: ARG002
        number: int,  # noqa: ARG002
    ) -> Body | None:
        if told.document is None:
            return None
        return Body(content_type=CONTENT_TYPE, octets=write(told.document))


class MessageSummaryPackage:
    """Mailboxes of our users.  ``exists(user)`` says whether we serve one."""

    log = Logger()

    name = PACKAGE
    default_expires = 3600
    accepts = (CONTENT_TYPE,)

    def __init__(self, *, store: Store, clock: IReactorTime, exists: Callable[[Address], bool]) -> None:
        self._publications = store.publications
        self._form = MessageSummaryForm()
        self._read = lru_cache(maxsize=256)(read)
        self._agent: StateAgent[MessageSummary] = StateAgent(
            clock=clock,
            compute=self.summary,
            neutral=lambda _: NOTHING,
            decide=lambda user, watcher: Handling.ALLOW if watcher == user else Handling.BLOCK,
            exists=exists,
            interval=INTERVAL,
        )
        store.publications.listen(self._publication_changed)

    def watch(self, resource: Address, watcher: StateWatcher, *, fetch: bool = False) -> Watch:
        return self._agent.watch(resource, watcher, fetch=fetch)

    def form(self, accept: str, user_agent: str, *, datagram: bool) -> MessageSummaryForm | None:  # noqa: ARG002
        return self._form if accepts(accept, CONTENT_TYPE) else None

    def check(self, body: bytes) -> None:
        read(body)

    def device_of(self, body: bytes) -> str:
        """The mailbox: a server that lost its entity tag publishes about the same one again."""
        return read(body).account

    def merged(self, body: bytes, before: bytes | None) -> bytes:  # noqa: ARG002
        """A summary is always whole."""
        return body

    def speaks_for_socket(self, body: bytes) -> bool:
        """A server publishes about several mailboxes of one user from one socket, if it says which."""
        return not read(body).account

    def existence_changed(self, user: Address) -> None:
        """An account may have come or gone."""
        self._agent.existence_changed(user)

    def summary(self, user: Address) -> MessageSummary:
        """What waits for ``user`` now, over all mailboxes."""
        live = [each for each in self._publications.select(str(user))[::-1] if each.package == PACKAGE]
        live.sort(key=lambda each: each.published_at, reverse=True)
        summaries = [summary for each in live if (summary := self._summary_of(each)) is not None]
        return combined(summaries) if summaries else NOTHING

    def _summary_of(self, publication: Publication) -> MessageSummary | None:
        try:
            return self._read(publication.document)
        except BadDocument:
            self.log.failure("a message summary of {user} cannot be read", user=publication.presentity)
            return None

    def _publication_changed(self, change: Change[Publication]) -> None:
        publication = change.record
        if publication.package == PACKAGE:
            self._agent.changed(publication.presentity)
