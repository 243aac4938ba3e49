"""What the tests of the bridge have in common: an XMPP side that writes down, a store whose commits wait, a scripted source."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.documents.presence import Basic, Presence, Show, Tuple
from sip2xmpp.presence.watching import Notification, Reason, Standing, Watcher
from sip2xmpp.store.memory import MemoryStore
from sip2xmpp.xmpp.availability import Availability
from sip2xmpp.xmpp.prepared import Prepared

ROMEO, JULIET = "romeo@jabber.example", "juliet@jabber.example"
BOB, ALICE = "bob@sip.example.org", "alice@sip.example.org"


class Said(NamedTuple):
    """A presence stanza of ours, its type ``available`` if it has none."""

    kind: str
    sender: str
    recipient: str
    show: str = ""
    status: str = ""
    id: str = ""
    condition: str = ""

    @property
    def brief(self) -> str:
        """What tests mostly ask for: ``available sender show``."""
        return " ".join(part for part in (self.kind, self.sender, self.show or self.condition) if part)


def local(tag: str) -> str:
    return tag.rpartition("}")[2]


def read(xml: str) -> Said:
    element = ET.fromstring(xml)
    found = {local(each.tag): each for each in element}
    error = found.get("error")
    return Said(
        kind=element.get("type", "available"),
        sender=element.get("from", ""),
        recipient=element.get("to", ""),
        show=(found["show"].text or "") if "show" in found else "",
        status=(found["status"].text or "") if "status" in found else "",
        id=element.get("id", ""),
        condition=local(error[0].tag) if error is not None else "",
    )


class Wire:
    """Stands for ``Links``: writes down what was sent, unless it is down."""

    def __init__(self) -> None:
        self.up = True
        self.xml: list[str] = []

    def send(self, xml: str, from_domain: str, to_domain: str = "") -> bool:
        if self.up:
            self.xml.append(xml)
        return self.up

    def send_prepared(self, stanza: Prepared, recipient: bytes) -> bool:
        return self.send(stanza.to(recipient).decode(), stanza.domain)

    def is_up(self, domain: str, to_domain: str = "") -> bool:
        return self.up

    def take(self) -> list[Said]:
        """The presence stanzas since the last time."""
        taken, self.xml = self.xml, []
        return [read(xml) for xml in taken]

    def brief(self) -> list[str]:
        return [said.brief for said in self.take()]

    def elements(self) -> list[ET.Element]:
        """All stanzas since the last time."""
        taken, self.xml = self.xml, []
        return [ET.fromstring(xml) for xml in taken]


class SlowStore(MemoryStore):
    """A store whose commits take as long as a test wants."""

    def __init__(self, clock: Any) -> None:
        super().__init__(clock)
        self.slow = False
        self._waiting: list[Deferred[None]] = []

    def committed(self) -> Deferred[None]:
        if not self.slow:
            return succeed(None)
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        return waiting

    def commit(self, failure: Exception | None = None) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if failure is None:
                each.callback(None)
            else:
                each.errback(failure)


@dataclass(eq=False)
class ScriptedWatch:
    """A watch that a test answers for."""

    presentity: Address
    watcher: Watcher
    fetch: bool
    stopped: bool = False
    refreshed: int = 0

    def stop(self) -> None:
        assert not self.stopped, "stopped twice"
        self.stopped = True

    def refresh(self) -> None:
        self.refreshed += 1

    def active(self, *tuples: Tuple, empty: bool = False) -> None:
        document = None if empty else Presence(entity=self.presentity.sip_uri(), tuples=tuples)
        self.watcher.notified(Notification(standing=Standing.ACTIVE, document=document))

    def pending(self) -> None:
        self.watcher.notified(Notification(standing=Standing.PENDING))

    def ended(self, reason: Reason, retry_after: int | None = None) -> None:
        self.watcher.notified(
            Notification(standing=Standing.TERMINATED, reason=reason, retry_after=retry_after)
        )


@dataclass
class Source:
    """A back end that does what the test says."""

    refusal: Exception | None = None
    watches: list[ScriptedWatch] = field(default_factory=list)

    def watch(self, presentity: Address, watcher: Watcher, *, fetch: bool = False) -> ScriptedWatch:
        if self.refusal is not None:
            raise self.refusal
        self.watches.append(ScriptedWatch(presentity, watcher, fetch))
        return self.watches[-1]

    @property
    def last(self) -> ScriptedWatch:
        return self.watches[-1]


@dataclass(eq=False)
class Looker:
    """A SIP watcher: keeps what it was told."""

    address: Address
    told: list[Notification] = field(default_factory=list)
    react: Callable[[Notification], None] = lambda notification: None

    def notified(self, notification: Notification) -> None:
        self.told.append(notification)
        self.react(notification)

    @property
    def last(self) -> Notification:
        return self.told[-1]

    def brief(self) -> list[str]:
        """What was told since the last time."""
        told, self.told = self.told, []
        return [in_brief(notification) for notification in told]


def in_brief(notification: Notification) -> str:
    """``active unknown``, ``active closed``, ``active open away``, ``pending``, ``terminated rejected``."""
    if notification.standing is Standing.TERMINATED and notification.reason is not None:
        return f"terminated {notification.reason.value}"
    if notification.standing is Standing.PENDING:
        assert notification.document is None
        return "pending"
    if notification.document is None:
        return "active unknown"
    words = ["active"]
    for each in notification.document.tuples:
        words.append(each.basic.value if each.basic is not None else "?")
        if each.show is not None:
            words.append(each.show.value)
    return " ".join(words)


def device(name: str, show: Show | None = None, *, closed: bool = False) -> Tuple:
    """A tuple that becomes the resource ``name``."""
    return Tuple(id=f"ID-{name}", basic=Basic.CLOSED if closed else Basic.OPEN, show=show)


def said(show: Show | None = None, status: str = "", **more: Any) -> Availability:
    return Availability(show=show, statuses=(("", status),) if status else (), **more)


def gone(status: str = "") -> Availability:
    return Availability(available=False, statuses=(("", status),) if status else ())


def soon(clock: Clock) -> None:
    """Let everything happen that was put off to the next turn."""
    clock.advance(0)
    clock.advance(0)
