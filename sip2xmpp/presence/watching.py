"""The seam: whoever watches meets whoever knows.

A *front end* (SIP notifier, Jabber watchers, command line) supplies a ``Watcher``; a *back end* (presence agent,
Jabber presentities, remote SIP presentities) returns a ``Watch``.  Rules of the seam:

- ``watch`` returns at once, may raise ``Refused``, and never calls ``notified`` from inside itself: the first
  notification comes on a later reactor turn, and there is always a first one.
- A notification is the whole truth for this watcher at that moment; the newest wins.  A document of None with an
  ACTIVE standing means "authorized, but nothing is known yet".
- TERMINATED is the last notification of a watch; the back end has forgotten the watcher when it sends it.
- ``stop`` may be called at any time, also after TERMINATED; nothing is notified after it.  Ending a watch never
  withdraws an authorization.
- The seam is about presence; a back end of another kind of state (``presence.state_agent``) keeps the same rules with
  ``Told`` of another document.
- One notification object may be given to many watchers; ``renderings`` caches what was written from it, by profile and
  entity, so that a change to ten thousand watchers is written once.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Generic, Protocol, TypeVar

from sip2xmpp.address import Address
from sip2xmpp.documents.presence import Presence

D_co = TypeVar("D_co", covariant=True)


class Standing(Enum):
    """What the watcher may see; the values are those of Subscription-State (RFC 6665, section 4.1.2)."""

    PENDING = "pending"
    ACTIVE = "active"
    TERMINATED = "terminated"


class Reason(Enum):
    """Why a watch ended (RFC 6665, section 4.1.3)."""

    DEACTIVATED = "deactivated"
    PROBATION = "probation"
    REJECTED = "rejected"
    TIMEOUT = "timeout"
    GIVEUP = "giveup"
    NORESOURCE = "noresource"
    INVARIANT = "invariant"


@dataclass(slots=True, kw_only=True)
class Told(Generic[D_co]):
    """What one watcher learns; treat as frozen, except for the cache.

    ``retry_after`` is seconds, only with TERMINATED.  ``document`` is None unless the standing is ACTIVE.  ``known_at`` is when
    the change became known, Unix time, and 0 for what is no change.
    """

    standing: Standing
    document: D_co | None = None
    reason: Reason | None = None
    retry_after: int | None = None
    known_at: float = field(default=0.0, compare=False)
    renderings: dict[str, bytes] = field(default_factory=dict)


class Notification(Told[Presence]):
    """What one watcher learns about presence."""

    __slots__ = ()


class Watcher(Protocol):
    """Who wants to know."""

    @property
    def address(self) -> Address:
        """The proved identity of the watcher."""

    def notified(self, notification: Notification) -> None:
        """Take the newest truth."""


class StateWatcher(Protocol):
    """Who wants to know, whatever kind of state it is."""

    @property
    def address(self) -> Address:
        """The proved identity of the watcher."""

    def notified(self, notification: Told[Any]) -> None:
        """Take the newest truth."""


class Watch(Protocol):
    """A running watch, as its front end holds it."""

    def stop(self) -> None:
        """Stop notifying; no authorization is withdrawn."""

    def refresh(self) -> None:
        """Notify again soon with what is known, and ask the source again where that is cheap."""


class BackEnd(Protocol):
    """Where the state of some presentities is known."""

    def watch(self, presentity: Address, watcher: Watcher, *, fetch: bool = False) -> Watch:
        """Begin to watch.  With ``fetch`` the watcher wants one answer and will stop by itself.

        Raises ``NoSuchPresentity`` or another ``Refused`` when that is known at once.
        """
