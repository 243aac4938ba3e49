"""What Prosody does alone: the same stanzas, with a bare component in the place of the gateway.

Beside the rows of ``crossing_rates`` this says how much of their limit is Prosody's.  The component writes prepared octets
and looks for marks in what it reads, and so costs next to nothing.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sip2xmpp.documents.presence import Show
from sip2xmpp.xmpp.availability import Availability, UserActivity, UserMood
from sip2xmpp.xmpp.disco import CONTACT
from sip2xmpp.xmpp.prepared import prepared_presence, recipient_of
from tests.bench.crossing_clients import Client, Component
from tests.bench.crossing_meter import CrossingMeter
from tests.bench.crossing_rates import CLIENTS, DOMAIN, JABBER, PATIENCE, PRESENTITIES, WINDOW
from tests.bench.load import Load, Start
from tests.bench.meter import BOUND
from tests.bench.wire import Wire
from tests.peers.prosody import Prosody

Result = dict[str, Any]

FEWEST: Final = 200
"""Changes that take some tens of milliseconds."""
NOBODY: Final = ("127.0.0.1", 9)
"""Where no SIP is sent to."""


def said(mark: str) -> Availability:
    """What the gateway makes of the document that the load publishes."""
    return Availability(
        show=Show.DND,
        statuses=(("en", mark),),
        priority=102,
        stamp=datetime(2026, 1, 27, 16, 49, 29, tzinfo=UTC),
        activity=UserActivity(general="talking", specific="on_the_phone"),
        mood=UserMood(value="happy"),
    )


class _Stage:
    """Prosody, a component of it, and Jabber users who are online."""

    def __init__(self, wire: Wire, component: Component, clients: list[Client], prosody: int) -> None:
        self.wire = wire
        self.component = component
        self.clients = clients
        self.prosody = prosody
        self.load = Load(wire, DOMAIN)

    def measured(self, one: Start, size: int, window: int, recipients: int) -> Result:
        """``size`` changes, ``window`` at a time, but not so few that the scheduler has not counted yet whom they cost what.

        The server of the result is Prosody.
        """
        size = max(size, FEWEST)
        self.load.keep_going([one] * min(size, 50), window)
        meter = CrossingMeter(self.prosody, self.prosody)
        lost = self.load.keep_going([one] * size, window) * recipients
        result = meter.stop(size * recipients)
        return {
            **result,
            "changes": size / result["seconds"],
            "lost": lost,
            "late": 0,
            "generator_bound": result["generator_share"] > BOUND,
            "counted": dict(self.wire.count),
        }


@contextmanager
def _stage(directory: Path, clients: int) -> Iterator[_Stage]:
    names = [f"juliet-{index:03d}" for index in range(clients)]
    with ExitStack() as stack:
        users = dict.fromkeys(names, "capulet")
        server = stack.enter_context(Prosody(directory / "prosody", users=users, components=[DOMAIN]))
        assert server.process is not None
        wire = Wire(NOBODY)
        stack.callback(wire.close)
        component = Component(wire, DOMAIN, server.secret, server.component)
        stack.callback(component.close)
        users_online = [Client(wire, f"{name}@{JABBER}", "capulet", server.c2s) for name in names]
        for client in users_online:
            stack.callback(client.close)
        yield _Stage(wire, component, users_online, server.process.pid)


def to_jabber_alone(directory: Path, _: str, size: int) -> Result:
    """``size`` changes to ``CLIENTS`` users each, as ``to_jabber`` has them."""
    with _stage(directory, CLIENTS) as stage:
        recipients = [recipient_of(client.jid) for client in stage.clients]
        open_: dict[int, list[Any]] = {}
        senders = deque(f"watched-{index:06d}@{DOMAIN}" for index in range(PRESENTITIES))

        def marked(_: Client, number: int, __: float) -> None:
            change = open_[number]
            change[0] -= 1
            if not change[0]:
                del open_[number]
                change[1]()

        for client in stage.clients:
            client.marked = marked

        def one(over: Callable[[], None]) -> None:
            senders.rotate()
            number, mark = stage.load.change()
            open_[number] = [len(recipients), over]
            stanza = prepared_presence(f"{senders[0]}/sip", DOMAIN, said(mark.decode()), caps=CONTACT.element)
            stage.component.send(b"".join(map(stanza.to, recipients)))

        return stage.measured(one, size, WINDOW, CLIENTS)


def to_sip_alone(directory: Path, _: str, size: int, users: int = CLIENTS) -> Result:
    """``size`` changes of ``users`` Jabber users, each of whom one contact watches, as ``to_sip`` has them."""
    with _stage(directory, users) as stage:
        for index, client in enumerate(stage.clients):
            contact = f"watcher-{index:06d}@{DOMAIN}"
            stage.component.send(f"<presence from='{contact}' to='{client.jid}' type='subscribe'/>".encode())
        allowed = stage.wire.run(lambda: all(client.asked for client in stage.clients), PATIENCE)
        assert allowed, "not everybody was asked"
        idle = deque(stage.clients)
        open_: dict[int, Callable[[], None]] = {}

        stage.component.marked = lambda number: open_.pop(number)()

        def one(over: Callable[[], None]) -> None:
            client = idle.popleft()

            def done() -> None:
                idle.append(client)
                over()

            number, mark = stage.load.change()
            open_[number] = done
            show = b"away" if number % 2 else b"dnd"
            client.send(b"<presence><show>%b</show><status>%b</status></presence>" % (show, mark))

        return stage.measured(one, size, users, 1)
