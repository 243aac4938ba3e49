"""Whoever is politely blocked cannot tell that from somebody who is offline: not by an octet, not by a moment.

Two worlds run side by side.  In one bob is not there, in the other he lives, is on the phone, changes his rules and hides from
alice, who does the same in both.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.events.dialogs import DialogPackage
from sip2xmpp.events.list_package import Lists
from sip2xmpp.events.package import EventPackage
from sip2xmpp.presence.call_policy import CallPolicy
from sip2xmpp.presence.calls import Calls, OnThePhone
from sip2xmpp.presence.lamps import Lamps, watched_calls
from sip2xmpp.presence.policy import Handling, Policy
from sip2xmpp.presence.rule_book import DIALOGS, RuleBook
from sip2xmpp.sip.flow import HostPort
from tests.conftest import START
from tests.events.gateway import Gateway
from tests.events.listing import lists_of, service
from tests.events.phone import Line, Phone, parameter
from tests.events.test_dialogs import CONFIRMED, call, told
from tests.fakes import Network
from tests.presence.privacy import ACTIVITIES, EVERYTHING, keep, rule, ruleset
from tests.presence.test_agent import document

ALICE = Address("alice", "sip.example.org")
BOB = Address("bob", "sip.example.org")
CAROL = Address("carol", "sip.example.org")
ROBBER = Address("robber", "sip.example.org")
SERVICES = "<provide-services><all-services/></provide-services>"
FRIENDS = "sip:friends@sip.example.org"
BOBS = "sip:bob@sip.example.org"

_ONES_OWN = re.compile(rb"(tag=|branch=|[<\"]\d+\.|boundary=|--)[0-9a-zA-Z-]{10,}")
"""What is made up for each dialog and transaction."""


def calls_of(gateway: Gateway) -> Sequence[EventPackage]:
    """Package ``dialog``, with the rules of calls and of presence."""
    store, clock = gateway.store, gateway.clock
    calls = Calls(store, clock=clock, when=OnThePhone.CONFIRMED)
    policy = CallPolicy(
        store,
        calls=Policy(store.verdicts, rules=RuleBook(store, clock, usages=DIALOGS)),
        presence=gateway.policy,
    )
    agent = watched_calls(calls, clock=clock, decide=policy.decide, exists=lambda _: True)
    policy.listen(agent.rules_changed)
    lamps = Lamps(agent, gateway.presence, clock=clock, is_own=lambda _: True, decide=policy.decide)
    gateway.policy.listen(lamps.rules_changed)
    return [DialogPackage(lamps)]


class Alice(Phone):
    """Her phone, which keeps every octet."""

    def __init__(self, network: Network, heard: list[tuple[float, bytes]]) -> None:
        self.heard = heard
        super().__init__(network, "192.0.2.10", ALICE.sip_uri())

    def _received(self, octets: bytes, source: HostPort) -> None:
        self.heard.append((round(self.clock.seconds() - START, 6), _ONES_OWN.sub(rb"\1x", octets)))
        super()._received(octets, source)


def lists(gateway: Gateway, packages: Sequence[EventPackage]) -> Lists:
    return lists_of(gateway, packages, is_user=lambda address: address.sip_uri() != FRIENDS)


@dataclass
class World:
    """One of the two; ``heard`` is all that reached alice, with when."""

    handling: Handling
    provide: str = EVERYTHING
    clock: Clock = field(default_factory=Clock)
    heard: list[tuple[float, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock.rightNow = START
        self.network = Network(self.clock)
        self.gateway = Gateway(self.network, packages=calls_of, lists=lists)
        self.gateway.store.documents.put(service(FRIENDS, str(ALICE), BOBS, CAROL.sip_uri()))
        self.obey()
        self.alice = Alice(self.network, self.heard)
        self.bob = Phone(self.network, "192.0.2.20", BOBS)

    def obey(self, *more: str) -> None:
        keep(
            self.gateway.store.documents,
            ruleset(rule(self.handling.value, ALICE, provide=self.provide), *more),
        )

    def until(self, moment: float) -> None:
        """Let time pass until so many seconds after the beginning."""
        self.network.drive(START + moment - self.clock.seconds())


Script = Callable[[World], None]


def told_alike(script: Script, provide: str = EVERYTHING) -> list[tuple[float, bytes]]:
    """Plays a script in both worlds; what alice heard, which must be the same.  She may see what is provided."""
    absent = World(Handling.ALLOW, provide)
    script(absent)
    present = World(Handling.POLITE_BLOCK)
    for number in range(70):
        present.clock.callLater(number * 13.7, live, present, number)
    present.network.drive(1)
    script(present)
    assert present.heard == absent.heard
    return absent.heard


def live(world: World, number: int) -> None:
    """Bob does something."""
    match number % 6:
        case 5:
            for each in tuple(world.gateway.store.publications.all()):
                world.gateway.store.publications.remove(each.key)
        case 4:
            world.obey(rule("allow", CAROL), rule("block", ROBBER, name=f"r{number}"))
        case 3:
            about = told(call(f"c{number}", CONFIRMED))
            world.bob.publish(about, event="dialog", content_type="application/dialog-info+xml")
        case _:
            world.bob.publish(document(("away", "busy", "meeting", "on-the-phone")[number % 4]))


def watching(accept: str, event: str, more: str = "", body: bytes = b"") -> Script:
    """Subscribes, refreshes under every condition, fetches, leaves and comes back."""

    def script(world: World) -> None:
        headers = f"Accept: {accept}\r\n{more}"
        world.until(5)
        line = world.alice.subscribe(BOBS, 600, event=event, headers=headers, body=body)
        world.until(100)
        line.send(600, headers=headers)
        world.until(200)
        tag = line.last["SIP-ETag"]
        line.send(600, headers=f"{headers}Suppress-If-Match: {tag}\r\n")
        world.until(300)
        line.send(600, headers=headers)
        world.until(400)
        for number, condition in enumerate((tag, "*", "something-else")):
            conditional = f"{headers}Suppress-If-Match: {condition}\r\n"
            world.alice.subscribe(BOBS, 0, event=event, headers=conditional, body=body)
            world.until(420 + 20 * number)
        fetched: Line = world.alice.subscribe(BOBS, 0, event=event, headers=headers, body=body)
        world.until(500)
        assert fetched.status == 200
        line.unsubscribe()
        world.until(550)
        again = world.alice.subscribe(BOBS, 120, event=event, headers=headers, body=body)
        world.until(900)
        assert again.states[-1] == "terminated"

    return script


FILTER = (
    b'<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter"><ns-bindings>'
    b'<ns-binding prefix="pidf" urn="urn:ietf:params:xml:ns:pidf"/></ns-bindings>'
    b'<filter id="1"><what><include>//pidf:tuple/pidf:status/pidf:basic</include></what></filter></filter-set>'
)


@pytest.mark.parametrize(
    ("accept", "event", "more", "body"),
    [
        ("application/pidf+xml", "presence", "", b""),
        ("application/pidf+xml", "presence", "User-Agent: Linphone/5.0\r\n", b""),
        ("application/pidf-diff+xml, application/pidf+xml;q=0.3", "presence", "", b""),
        ("application/xpidf+xml", "presence", "", b""),
        ("application/cpim-pidf+xml", "presence", "", b""),
        ("application/pidf+xml", "presence;min-rate=0.02", "", b""),
        ("application/pidf+xml", "presence;max-rate=0.01", "", b""),
        ("application/pidf+xml", "presence", "Content-Type: application/simple-filter+xml\r\n", FILTER),
        ("application/dialog-info+xml", "dialog", "", b""),
    ],
)
def test_hidden_is_like_offline(accept: str, event: str, more: str, body: bytes) -> None:
    heard = told_alike(watching(accept, event, more, body))
    notifies = [octets for _, octets in heard if octets.startswith(b"NOTIFY")]
    assert len(notifies) >= 5
    assert not any(b"away" in octets or b"confirmed" in octets for octets in notifies)


@pytest.mark.parametrize("provide", [ACTIVITIES, SERVICES, ""])
@pytest.mark.parametrize("agent", ["", "User-Agent: Blink 5\r\n", "User-Agent: Jitsi2.10\r\n"])
def test_hidden_is_like_offline_for_one_who_sees_only_a_part(provide: str, agent: str) -> None:
    told_alike(watching("application/pidf+xml", "presence", agent), provide)


@pytest.mark.parametrize("event", ["presence", "dialog"])
@pytest.mark.parametrize("target", [FRIENDS, BOBS])
def test_hidden_is_like_offline_in_a_list(event: str, target: str) -> None:
    headers = (
        "Accept: application/pidf+xml, application/dialog-info+xml, application/rlmi+xml, multipart/related\r\n"
        "Supported: eventlist\r\n"
    )

    def script(world: World) -> None:
        world.until(5)
        line = world.alice.subscribe(target, 600, event=event, headers=headers)
        for moment in (100, 200, 300):
            world.until(moment)
            line.send(600, headers=headers)
        world.until(400)
        world.alice.subscribe(target, 0, event=event, headers=headers)
        world.until(500)
        line.unsubscribe()
        world.until(550)

    heard = told_alike(script)
    assert any(b"rlmi" in octets for _, octets in heard) is (target == FRIENDS)


def test_whoever_is_told_nothing_is_told_so_alike() -> None:
    """A format that nobody writes is refused before anybody is asked about."""

    def script(world: World) -> None:
        world.until(5)
        world.alice.subscribe(BOBS, 600, headers="Accept: image/png\r\n")
        world.until(900)

    heard = told_alike(script)
    assert heard[-1][1].startswith(b"SIP/2.0 406")


def test_watcher_information_is_refused_alike() -> None:
    def script(world: World) -> None:
        world.until(5)
        world.alice.subscribe(BOBS, 600, event="presence.winfo")
        world.until(900)

    assert all(octets.startswith(b"SIP/2.0 489") for _, octets in told_alike(script))


def test_a_hidden_person_is_hidden_over_a_restart() -> None:
    def script(world: World) -> None:
        world.until(5)
        line = world.alice.subscribe(BOBS, 900)
        world.until(100)
        world.gateway = Gateway(
            world.network, seed=2, kept=world.gateway.killed(), packages=calls_of, lists=lists
        )
        world.until(300)
        line.send(900)
        world.until(900)
        assert parameter(line.last["Subscription-State"], "expires")

    told_alike(script)


def test_to_be_hidden_is_like_bob_going_away() -> None:
    """From the moment at which alice is blocked politely, what she hears is what she hears when bob goes."""
    worlds = [World(Handling.ALLOW), World(Handling.ALLOW)]
    for world in worlds:
        world.bob.publish(document("away"))
        world.until(5)
        world.alice.subscribe(BOBS, 600)
        world.alice.subscribe(
            BOBS, 600, headers="Accept: application/pidf-diff+xml, application/pidf+xml;q=0.3\r\n"
        )
        world.alice.subscribe(BOBS, 600, event="dialog", headers="Accept: application/dialog-info+xml\r\n")
        world.until(10)
    gone, hidden = worlds
    for each in tuple(gone.gateway.store.publications.all()):
        gone.gateway.store.publications.remove(each.key)
    hidden.handling = Handling.POLITE_BLOCK
    hidden.obey()
    for world in worlds:
        world.until(20)
    hidden.bob.publish(document("busy"))
    for world in worlds:
        world.until(100)
        for line in tuple(world.alice.lines.values()):
            line.send(600)
        world.until(200)
    assert hidden.heard == gone.heard
    assert any(b"closed" in octets for _, octets in gone.heard)
