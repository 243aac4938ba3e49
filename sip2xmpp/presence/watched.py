"""What the presence agent holds while somebody watches: a presentity with its views, and each watch of it.

Implements: RFC 3856 section 6.
"""

from collections import deque
from typing import Protocol

from sip2xmpp.address import Address
from sip2xmpp.documents.permissions import Permissions
from sip2xmpp.documents.presence import Presence
from sip2xmpp.presence.canonical import offline_document
from sip2xmpp.presence.composition import settle
from sip2xmpp.presence.policy import Judgement
from sip2xmpp.presence.revealing import reveal
from sip2xmpp.presence.watching import Notification, Standing, Watcher

VIEWS = 100
"""Documents of one presentity that are kept because watchers may see different parts of it."""


class Agent(Protocol):
    """What a watch needs of its agent."""

    def queue(self, watch: "OneWatch") -> None:
        """Notify this one watch on a coming turn."""

    def forget(self, watch: "OneWatch") -> None:
        """Drop a watch."""


class Watched:
    """A presentity while somebody watches it; the views are None until they are first asked for."""

    __slots__ = (
        "address",
        "changed_at",
        "changes_at",
        "current",
        "documents",
        "fingerprint",
        "offline",
        "queue",
        "stale",
        "views",
        "watches",
    )

    def __init__(self, address: Address) -> None:
        self.address = address
        self.watches: dict[OneWatch, None] = {}
        self.queue: deque[OneWatch] | None = None
        self.current: Notification | None = None
        self.offline: Notification | None = None
        self.fingerprint: tuple[object, ...] | None = None
        self.documents: dict[bytes, Presence | None] = {}
        self.changed_at = 0.0
        self.changes_at: float | None = None
        self.stale = False
        self.views: dict[Permissions, tuple[Notification, Notification]] = {}

    def revealed(self, whole: Notification, permissions: Permissions) -> Notification:
        """What these permissions show of ``whole``: the same object as before if that says the same.

        It says the same also if only times are others: the time of a change that is withheld would tell of it.
        """
        if whole is self.offline:
            # whoever comes back does so at a time that everybody may know
            self.views.pop(permissions, None)
            return whole
        known = self.views.get(permissions)
        if known is not None and known[0] is whole:
            return known[1]
        assert whole.document is not None
        document = reveal(whole.document, permissions)
        if not document.tuples and not document.persons:
            # The very object that everybody gets who is shown nothing for another reason.
            view = self.offline = self.offline or Notification(
                standing=Standing.ACTIVE, document=offline_document(self.address.sip_uri())
            )
        elif known is not None and settle(known[1].document, document) is known[1].document:
            view = known[1]
        else:
            view = Notification(standing=Standing.ACTIVE, document=document, known_at=whole.known_at)
        if known is None and len(self.views) >= VIEWS:
            del self.views[next(iter(self.views))]
        self.views[permissions] = whole, view
        return view


class OneWatch:
    """One watcher of one presentity; ``told`` is the view it has, ``end`` the last one once that is decided.

    ``undecided``: the rules have changed since it was decided about; ``approved``: it had to wait for the decision.
    """

    __slots__ = (
        "agent",
        "approved",
        "began_at",
        "end",
        "handling",
        "permissions",
        "presentity",
        "queued",
        "stopped",
        "told",
        "undecided",
        "watcher",
    )

    def __init__(self, agent: "Agent", presentity: Watched, watcher: Watcher, judgement: Judgement) -> None:
        self.agent = agent
        self.presentity = presentity
        self.watcher = watcher
        self.handling = judgement.handling
        self.permissions = judgement.permissions
        self.told: Notification | None = None
        self.end: Notification | None = None
        self.queued = False
        self.stopped = False
        self.undecided = False
        self.approved = False
        self.began_at = 0.0

    def stop(self) -> None:
        if not self.stopped:
            self.stopped = True
            self.agent.forget(self)

    def refresh(self) -> None:
        self.told = None
        self.agent.queue(self)
