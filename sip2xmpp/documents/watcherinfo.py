"""Who watches whom: the document of the watcher information template, written.

Attributes are unqualified and the list names its resource exactly as the subscriber does, because clients compare it with
the address of their own account letter by letter (Blink, Jitsi).

Implements: RFC 3858 sections 3 and 4 (``application/watcherinfo+xml``).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from sip2xmpp.documents.namespaces import WATCHER_INFORMATION
from sip2xmpp.documents.xml import attribute, text

CONTENT_TYPE: Final = "application/watcherinfo+xml"

OVERHEAD: Final = 200
"""Octets that an element for one watcher has at most beside its URI and its display name."""


class Status(Enum):
    """Where a watcher stands."""

    PENDING = "pending"
    ACTIVE = "active"
    WAITING = "waiting"
    TERMINATED = "terminated"


class Event(Enum):
    """What brought a watcher where it stands."""

    SUBSCRIBE = "subscribe"
    APPROVED = "approved"
    DEACTIVATED = "deactivated"
    PROBATION = "probation"
    REJECTED = "rejected"
    TIMEOUT = "timeout"
    GIVEUP = "giveup"
    NORESOURCE = "noresource"


@dataclass(frozen=True, slots=True, kw_only=True)
class WatcherElement:
    """One watcher; ``expiration`` and ``duration`` are whole seconds, None where they are not known."""

    id: str
    uri: str
    status: Status
    event: Event
    display_name: str = ""
    expiration: int | None = None
    duration: int | None = None


def write(
    watchers: Iterable[WatcherElement], *, version: int, full: bool, resource: str, package: str
) -> bytes:
    """The document about the watchers of one resource; unless ``full`` it says only what has changed."""
    inside = "".join(map(_element, watchers))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<watcherinfo xmlns="{WATCHER_INFORMATION}" version="{version}" state="{"full" if full else "partial"}">\n'
        f'<watcher-list resource="{attribute(resource)}" package="{attribute(package)}">\n'
        f"{inside}</watcher-list>\n</watcherinfo>\n"
    ).encode()


def _element(watcher: WatcherElement) -> str:
    more = f' display-name="{attribute(watcher.display_name)}"' if watcher.display_name else ""
    if watcher.expiration is not None:
        more += f' expiration="{watcher.expiration}"'
    if watcher.duration is not None:
        more += f' duration-subscribed="{watcher.duration}"'
    return (
        f'<watcher id="{attribute(watcher.id)}" status="{watcher.status.value}" event="{watcher.event.value}"{more}>'
        f"{text(watcher.uri)}</watcher>\n"
    )
