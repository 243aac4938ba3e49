"""Both engines behind one face, with virtual time and, for SQLite, the real writer thread."""

from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

from sip2xmpp.address import Address
from sip2xmpp.store.interface import Store
from sip2xmpp.store.journal import INTERVAL
from sip2xmpp.store.opening import open_store
from sip2xmpp.store.records import DialogRecord, Publication, Verdict

START = 1_800_000_000.0


@implementer(IReactorFromThreads)
class ThreadedClock(Clock):
    """Virtual time that takes calls from real threads when the test waits for them."""

    def __init__(self) -> None:
        super().__init__()
        self.rightNow = START
        self._calls: SimpleQueue[Callable[[], object]] = SimpleQueue()

    def callFromThread(self, callable: Callable[..., object], *args: Any, **kwargs: Any) -> None:  # noqa: A002
        self._calls.put(lambda: callable(*args, **kwargs))

    def run_until(self, deferred: Deferred[Any]) -> Any:
        """The result of ``deferred``; what threads do is waited for, time hardly moves."""
        results: list[Any] = []
        deferred.addBoth(results.append)
        self.breathe()
        while not results:
            self._calls.get(timeout=20)()
            self.breathe()
        if isinstance(results[0], Failure):
            results[0].raiseException()
        return results[0]

    def breathe(self) -> None:
        """Run what is due now, and the transaction that waits because another one has just begun."""
        self.advance(0)
        soon = [
            call.getTime() for call in self.getDelayedCalls() if call.getTime() <= self.rightNow + INTERVAL
        ]
        if soon:
            self.rightNow = max(soon)
            self.advance(0)

    def take_call(self) -> None:
        """Wait for one call from a thread."""
        self._calls.get(timeout=20)()


class Engine:
    """An open store that can be closed and opened again."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.clock = ThreadedClock()
        self.store: Store = open_store(url, reactor=self.clock)
        self.is_open = True

    def commit(self) -> None:
        self.clock.run_until(self.store.committed())

    def close(self) -> None:
        if self.is_open:
            self.is_open = False
            self.clock.run_until(self.store.close())

    def reopen(self, after: float = 0.0) -> None:
        """Close, let seconds pass, open."""
        self.close()
        self.clock.rightNow += after
        self.store = open_store(self.url, reactor=self.clock)
        self.is_open = True


def sqlite_url(directory: Path) -> str:
    return f"sqlite:{directory / 'state.db'}"


ALICE = Address("alice", "sip.example.org")
BOB = Address("bob", "sip.example.org")
JULIET = Address("juliet", "jabber.example")


def publication(
    etag: str, presentity: Address = BOB, *, ends: float = START + 3600, text: str = ""
) -> Publication:
    return Publication(
        presentity=presentity,
        package="presence",
        etag=etag,
        source="phone",
        content_type="application/pidf+xml",
        document=text.encode(),
        user_agent="",
        published_at=START,
        expires_at=ends,
    )


def verdict(watcher: Address, handling: str = "allow", *, ends: float | None = None) -> Verdict:
    return Verdict(presentity=BOB, watcher=watcher, handling=handling, decided_at=START, expires_at=ends)


def dialog(number: int, *, cseq: int = 1, ends: float = START + 3600) -> DialogRecord:
    return DialogRecord(
        role="notifier",
        call_id=f"{number}@phone.example.org",
        local_tag=f"l{number}",
        remote_tag=f"r{number}",
        watcher=ALICE,
        presentity=BOB,
        event="presence",
        local_uri="sip:bob@sip.example.org",
        remote_uri="sip:alice@sip.example.org",
        remote_target="sip:alice@192.0.2.1:5060",
        route_set=("<sip:proxy.example.org;lr>",),
        cseq_ceiling=cseq,
        remote_cseq=1,
        flow="udp 192.0.2.9 5060 192.0.2.1 5060",
        accept="application/pidf+xml",
        user_agent="",
        expires_at=ends,
    )
