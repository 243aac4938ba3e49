"""Forms of body that count, or depend on what the watcher was told before."""

from dataclasses import dataclass
from typing import Any

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.errors import BadDocument
from sip2xmpp.events.package import Body, Form, announced, package_of
from sip2xmpp.presence.policy import Handling
from sip2xmpp.presence.state_agent import StateAgent
from sip2xmpp.presence.watching import StateWatcher, Told, Watch
from tests.events.gateway import Gateway
from tests.events.phone import Line, Phone
from tests.fakes import Network

ALICE = "sip:alice@sip.example.org"
BOB = "sip:bob@sip.example.org"
RESOURCE = Address("alice", "sip.example.org")


@dataclass(frozen=True)
class Counting:
    """Writes its number, what was told before, and the state."""

    name: str = "counting"
    numbered: bool = True

    def body(self, told: Told[str], before: Told[str] | None, entity: str, number: int) -> Body | None:
        if told.document is None:
            return None
        text = f"{number} {before.document if before else 'everything'} {told.document} {entity}"
        return Body(content_type="text/plain", octets=text.encode())


class Weather:
    """A package whose state is a word."""

    name = "weather;local"
    default_expires = 1800
    accepts = ("text/plain",)

    def __init__(self, gateway: Gateway) -> None:
        self.word = "sunny"
        self.agent = StateAgent[str](
            clock=gateway.clock,
            compute=lambda _: self.word,
            neutral=lambda _: "nothing",
            decide=lambda *_: Handling.ALLOW,
            exists=lambda address: address == RESOURCE,
        )

    def watch(self, resource: Address, watcher: StateWatcher, *, fetch: bool = False) -> Watch:
        return self.agent.watch(resource, watcher, fetch=fetch)

    def form(self, accept: str, user_agent: str, *, datagram: bool) -> Form | None:
        return Counting() if accept in ("", "text/plain") else None

    def check(self, body: bytes) -> None:
        if body != b"rain":
            raise BadDocument("no such weather")

    def device_of(self, body: bytes) -> str:
        return ""

    def becomes(self, word: str) -> None:
        self.word = word
        self.agent.changed(RESOURCE)


class Scene:
    def __init__(self, clock: Clock) -> None:
        self.network = Network(clock)
        self.gateway = self.start()
        self.phone = Phone(self.network, "192.0.2.20", BOB)

    def start(self, **options: Any) -> Gateway:
        def packages(gateway: Gateway) -> list[Weather]:
            self.weather = Weather(gateway)
            return [self.weather]

        return Gateway(self.network, packages=packages, **options)

    def line(self, event: str = "weather;local", expires: int | None = 600, headers: str = "") -> Line:
        line = self.phone.subscribe(ALICE, expires, event=event, headers=headers)
        self.network.drive(0.5)
        return line

    def becomes(self, word: str) -> None:
        self.weather.becomes(word)
        self.network.drive(0.5)


@pytest.fixture
def scene(clock: Clock) -> Scene:
    return Scene(clock)


def bodies(line: Line) -> list[str]:
    return [notify.body.decode().removesuffix(f" {ALICE}") for notify in line.notifies]


def test_what_was_told_before_and_a_number_make_the_body(scene):
    line = scene.line()
    scene.becomes("cloudy")
    scene.becomes("rain")
    assert bodies(line) == ["0 everything sunny", "1 sunny cloudy", "2 cloudy rain"]


def test_each_subscribe_is_answered_with_everything(scene):
    line = scene.line()
    scene.becomes("rain")
    line.send()
    scene.network.drive(0.5)
    line.unsubscribe()
    scene.network.drive(0.5)
    assert bodies(line)[2:] == ["2 everything rain", "3 everything rain"]
    assert line.states[-1] == "terminated"


def test_what_did_not_arrive_is_not_counted_upon(scene):
    line = scene.line()
    refusals = ["503 Service Unavailable\r\nRetry-After: 2"]
    line.answer = lambda _: refusals.pop() if refusals else "200 OK"
    scene.becomes("rain")
    scene.network.drive(5)
    assert bodies(line)[-1] == "2 everything rain"


def test_two_watchers_have_a_number_each(scene):
    first = scene.line()
    scene.becomes("rain")
    second = scene.line()
    assert bodies(second) == ["0 everything rain"]
    scene.becomes("snow")
    assert (bodies(first)[-1], bodies(second)[-1]) == ("2 rain snow", "1 rain snow")


def test_numbers_go_on_growing_after_a_restart(scene):
    line = scene.line()
    scene.becomes("rain")
    scene.start(seed=2, kept=scene.gateway.killed())
    scene.network.drive(30)
    numbers = [int(body.split()[0]) for body in bodies(line)]
    assert numbers == sorted(set(numbers))
    assert bodies(line)[-1].split()[1:] == ["everything", "sunny"]


@pytest.mark.parametrize(
    "event", ["weather;local", "Weather;LOCAL", "weather ;local;id=7", "weather;x=1;local"]
)
def test_the_event_is_known_in_any_spelling_and_said_back_as_it_came(scene, event):
    line = scene.line(event)
    assert line.status == 200
    assert line.last["Event"] == event


@pytest.mark.parametrize("event", ["weather", "weather;remote", "weather;local=1", "storm"])
def test_a_package_that_nobody_has_is_refused_with_those_there_are(scene, event):
    line = scene.line(event)
    assert line.status == 489
    assert line.response["Allow-Events"] == "presence"


def test_each_package_has_its_own_lifetime_and_types(scene):
    assert scene.line(expires=None).response["Expires"] == "1800"
    assert scene.line(headers="Accept: application/pidf+xml\r\n").status == 406


def test_each_package_checks_what_is_published(scene):
    def published(kind: str, body: bytes) -> int:
        exchange = scene.phone.request(
            "PUBLISH",
            BOB,
            to=f"<{BOB}>",
            headers=f"Event: weather;local\r\nExpires: 600\r\nContent-Type: {kind}\r\n",
            body=body,
        )
        scene.network.drive(0.5)
        return exchange.status

    assert published("text/plain", b"rain") == 200
    assert published("text/plain", b"frogs") == 400
    assert published("application/pidf+xml", b"rain") == 415


def test_neither_templates_nor_parameters_are_announced():
    assert announced(["presence", "presence.winfo", "dialog", "dialog;sla"]) == "presence, dialog"


def test_no_event_names_no_package():
    assert package_of(None, {"presence": 1}) is None
    assert package_of("", {"presence": 1}) is None
    assert package_of("pre sence", {"presence": 1}) is None
