"""What one SIP watcher knows of one Jabber contact, and the watches that hang on it; see ``bridge.presentities``.

Implements: RFC 8048 section 5 (XMPP contact, SIP watcher), as state.
"""

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall

from sip2xmpp.address import Address
from sip2xmpp.bridge.mapping import presence_from_resources
from sip2xmpp.presence.canonical import offline_document
from sip2xmpp.presence.watching import Notification, Standing, Watcher
from sip2xmpp.xmpp.availability import Availability, UserActivity, UserMood

ALIKE = 128
"""Presences remembered, so that what a contact sends to many watchers is mapped and written once."""


class Owner(Protocol):
    """Who holds the pairs."""

    def stopped(self, watch: "PairWatch") -> None:
        """A front end left."""

    def refreshed(self, watch: "PairWatch") -> None:
        """A front end wants to hear again what is known."""


@dataclass(slots=True, eq=False)
class PairWatch:
    """One dialog (or other front end's watch) on a pair."""

    pair: "Pair"
    watcher: Watcher
    fetch: bool
    told: bool = False
    stopped: bool = False
    waiting: IDelayedCall | None = None

    def stop(self) -> None:
        if not self.stopped:
            self.stopped = True
            self.pair.owner.stopped(self)

    def refresh(self) -> None:
        if not self.stopped:
            self.pair.owner.refreshed(self)


@dataclass(slots=True, eq=False)
class Pair:
    """What one watcher knows of one contact."""

    owner: "Owner"
    watcher: Address
    contact: Address
    watcher_jid: str
    contact_jid: str
    watches: list[PairWatch] = field(default_factory=list)
    resources: dict[str, Availability] = field(default_factory=dict)
    unconfirmed: set[str] = field(default_factory=set)
    farewell: Availability | None = None
    mood: UserMood | None = None
    activity: UserActivity | None = None
    nickname: str | None = None
    known: bool = False
    probed_at: float = 0.0
    probe_ends: IDelayedCall | None = None
    key: str = field(init=False)
    entity: str = field(init=False)

    def __post_init__(self) -> None:
        self.key = f"{self.watcher_jid} {self.contact_jid}"
        self.entity = self.contact.sip_uri()

    def presence(self) -> Notification:
        """The contact's presence for this watcher, without a document while nothing is known."""
        if not self.known:
            return Notification(standing=Standing.ACTIVE)
        if not self.resources:
            farewell = self.farewell
            text = farewell.statuses[0][1] if farewell is not None and farewell.statuses else ""
            since = farewell.stamp if farewell is not None else None
            document = offline_document(self.entity, text=text, since=since)
            return Notification(standing=Standing.ACTIVE, document=document)
        resources = self.resources
        if self.mood is not None or self.activity is not None or self.nickname:
            resources = {
                name: replace(
                    said,
                    mood=said.mood or self.mood,
                    activity=said.activity or self.activity,
                    nickname=said.nickname or self.nickname,
                )
                for name, said in resources.items()
            }
        return presence_of(self.entity, self.contact, tuple(resources.items()))


@lru_cache(maxsize=ALIKE)
def presence_of(
    entity: str, contact: Address, resources: tuple[tuple[str, Availability], ...]
) -> Notification:
    """What a contact says by these resources; the same object for whoever is sent the very same."""
    document = presence_from_resources(entity, contact, dict(resources))
    return Notification(standing=Standing.ACTIVE, document=document)
