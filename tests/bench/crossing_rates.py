"""Many changes at a time across a real Prosody, in both directions, with what the gateway and Prosody each spend on one.

``to_jabber``: 20 SIP users whom 10 Jabber users each watch; a delivery is one of the ten stanzas that a PUBLISH becomes at a
Jabber client, counted there.  ``to_sip``: Jabber users whom SIP users watch; a change is a user's stanza, a delivery the
NOTIFY at one watcher.  A user's next change begins when the one before has arrived everywhere, so nothing may be skipped.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.bench.crossing_clients import Client
from tests.bench.crossing_meter import CrossingMeter
from tests.bench.load import Load, Start
from tests.bench.messages import MARK
from tests.bench.meter import BOUND, spread
from tests.bench.rows import LATE
from tests.bench.wire import Wire, now
from tests.peers.gateway import Gateway
from tests.peers.prosody import Prosody

Result = dict[str, Any]

DOMAIN: Final = "sip.example.org"
JABBER: Final = "jabber.example"
PATIENCE: Final = 20.0
PRESENTITIES: Final = 20
CLIENTS: Final = 10
WINDOW: Final = 16
"""Changes in flight, of different presentities."""
WARM_UP: Final = 40
"""Changes that are not measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Everything that takes part."""

    wire: Wire
    load: Load
    clients: list[Client]
    gateway: int
    prosody: int

    def meter(self) -> CrossingMeter:
        return CrossingMeter(self.gateway, self.prosody)


@contextmanager
def scene(directory: Path, state: str, clients: int) -> Iterator[Scene]:
    """Prosody, the gateway without authentication, and so many Jabber users who are online."""
    names = [f"juliet-{index:03d}" for index in range(clients)]
    server = Prosody(directory / "prosody", users=dict.fromkeys(names, "capulet"), components=[DOMAIN])
    gateway = Gateway(
        directory / "gateway",
        xmpp=server,
        settings={
            "gateway": {"state": state},
            "sip": {"authentication": "none"},
            "dns": {"domains": {JABBER: "xmpp"}},
        },
    )
    with ExitStack() as stack:
        stack.enter_context(server)
        stack.enter_context(gateway)
        gateway.wait_for_leg("xmpp", "up")
        assert gateway.process is not None and server.process is not None
        wire = Wire(gateway.sip)
        stack.callback(wire.close)
        users = [Client(wire, f"{name}@{JABBER}", "capulet", server.c2s) for name in names]
        for user in users:
            stack.callback(user.close)
        yield Scene(
            wire=wire,
            load=Load(wire, DOMAIN),
            clients=users,
            gateway=gateway.process.pid,
            prosody=server.process.pid,
        )


def to_jabber(directory: Path, state: str, size: int) -> Result:
    """``size`` PUBLISHes, ``WINDOW`` at a time, each until all ``CLIENTS`` watchers have it; then as many, up to 300, one by one."""
    with scene(directory, state, CLIENTS) as here:
        idle = deque(here.load.presentity("watched", index) for index in range(PRESENTITIES))
        _watch_from_jabber(here, list(idle))
        waiting: dict[int, _Change] = {}

        def marked(_: Client, number: int, at: float) -> None:
            change = waiting.get(number)
            if change is not None:
                change.arrived(at)
                if not change.missing:
                    del waiting[number]

        for client in here.clients:
            client.marked = marked

        def one(samples: list[float]) -> Start:
            def start(over: Callable[[], None]) -> None:
                presentity = idle.popleft()

                def done() -> None:
                    idle.append(presentity)
                    over()

                # the 200 counts, too: it brings the tag for the next change
                change = _Change(CLIENTS, samples, done)
                number, change.began = here.load.publish(presentity, lambda *_: change.answered())
                waiting[number] = change

            return start

        return _measured(here, one, size, WINDOW, CLIENTS)


def to_sip(directory: Path, state: str, size: int, users: int = 10, watchers: int = 1) -> Result:
    """``size`` changes of ``users`` Jabber users in parallel, each watched by ``watchers`` SIP users; then up to 300 one by one."""
    with scene(directory, state, users) as here:
        watched = _watch_from_sip(here, watchers)
        idle = deque(here.clients)
        waiting: dict[int, _Change] = {}
        numbers = iter(range(1, 10**9))

        def notified(_: int, octets: bytes, at: float) -> None:
            found = MARK.search(octets)
            change = waiting.get(int(found[1])) if found is not None else None
            if change is not None and found is not None:
                change.arrived(at)
                if not change.missing:
                    del waiting[int(found[1])]

        here.wire.notified = notified

        def one(samples: list[float]) -> Start:
            def start(over: Callable[[], None]) -> None:
                client, number = idle.popleft(), next(numbers)

                def done() -> None:
                    idle.append(client)
                    over()

                waiting[number] = change = _Change(watched, samples, done)
                change.answered()
                change.began = now()
                show = b"away" if number % 2 else b"dnd"
                client.send(
                    b"<presence><show>%b</show><status>change-%09d</status></presence>" % (show, number)
                )

            return start

        return _measured(here, one, size, users, watched)


class _Change:
    """One change under way: over when it was answered and all who are to see it have."""

    __slots__ = ("_open", "_over", "_samples", "began", "missing")

    def __init__(self, recipients: int, samples: list[float], over: Callable[[], None]) -> None:
        self.missing = recipients
        self.began = 0.0
        self._samples = samples
        self._open = True
        self._over = over

    def arrived(self, at: float) -> None:
        self.missing -= 1
        self._samples.append(at - self.began)
        self._perhaps_over()

    def answered(self) -> None:
        self._open = False
        self._perhaps_over()

    def _perhaps_over(self) -> None:
        if not self.missing and not self._open:
            self._over()


def _measured(
    here: Scene, one: Callable[[list[float]], Start], size: int, window: int, recipients: int
) -> Result:
    """The rate with ``window`` changes in flight, and the latency of single ones."""
    load = here.load
    lost = load.keep_going([one([]) for _ in range(min(WARM_UP, size))], window)
    samples: list[float] = []
    meter = here.meter()
    load.keep_going([one(samples) for _ in range(size)], window)
    result = meter.stop(len(samples))
    alone: list[float] = []
    singles = min(size, 300)
    load.keep_going([one(alone) for _ in range(singles)], 1)
    lost += (size + singles) * recipients - len(samples) - len(alone)
    single = spread(alone)
    return {
        **result,
        **spread(samples),
        "single_p50": single.get("p50", 0.0),
        "single_p99": single.get("p99", 0.0),
        "changes": size / result["seconds"],
        "lost": lost,
        "late": sum(each > LATE for each in samples + alone),
        "generator_bound": result["generator_share"] > BOUND,
        "counted": dict(here.wire.count),
    }


def _watch_from_jabber(here: Scene, presentities: list[bytes]) -> None:
    """Every client asks to watch every presentity, and is shown its document."""
    published = seen = 0

    def answered(status: int, _: float) -> None:
        nonlocal published
        published += status == 200

    for presentity in presentities:
        here.load.publish(presentity, answered)
    assert here.wire.run(lambda: published == len(presentities), PATIENCE), "not everybody could publish"

    def marked(*_: object) -> None:
        nonlocal seen
        seen += 1

    for client in here.clients:
        client.marked = marked
        for presentity in presentities:
            client.send(b"<presence type='subscribe' to='%b'/>" % presentity.partition(b":")[2])
    wanted = len(here.clients) * len(presentities)
    assert here.wire.run(lambda: seen >= wanted, PATIENCE), f"only {seen} of {wanted} are watched"


def _watch_from_sip(here: Scene, watchers: int) -> int:
    """So many SIP users watch every client, who lets them."""
    shown: set[int] = set()
    wanted = watchers * len(here.clients)

    def notified(index: int, octets: bytes, _: float) -> None:
        if b"<basic>open" in octets:
            shown.add(index)

    here.wire.notified = notified
    for client in here.clients:
        for _ in range(watchers):
            here.load.subscribe(f"sip:{client.jid}".encode(), lambda *_: None)
    assert here.wire.run(lambda: len(shown) >= wanted, PATIENCE), f"only {len(shown)} of {wanted} watch"
    return watchers
