"""The XMPP package in a process of its own, against real servers and a client that shares no code with it."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sip2xmpp.xmpp.link import ADVICE
from tests.peers.ejabberd import Ejabberd
from tests.peers.process import Peer
from tests.peers.prosody import SECRET, Prosody
from tests.peers.rawxmpp import RawClient, RawComponent, child, condition, message, presence, text
from tests.peers.waiting import eventually, never

ROOT = Path(__file__).resolve().parents[2]
DOMAIN = "sip.example.org"
BOB = f"bob@{DOMAIN}"
PHONE = f"{BOB}/phone"
JULIET = "juliet@jabber.example"
INFO = "http://jabber.org/protocol/disco#info"

Server = Prosody | Ejabberd


class SmallComponent(Peer):
    """tests.xmpp.small_component, and what it prints."""

    name = "small-component"

    def __init__(self, directory: Path, server: Server, *domains: str, secret: str = SECRET) -> None:
        super().__init__(directory)
        self._arguments = [str(server.component_port), secret, *(domains or (DOMAIN,))]

    def command(self) -> list[str]:
        return [sys.executable, "-m", "tests.xmpp.small_component", *self._arguments]

    def environment(self) -> dict[str, str]:
        return {"PYTHONPATH": str(ROOT)}

    def told(self, event: str) -> list[dict[str, Any]]:
        found = (json.loads(line) for line in self.lines() if line.startswith("{") and line.endswith("}"))
        return [each for each in found if each["event"] == event]

    def wait_for(self, event: str, count: int = 1, within: float = 15.0) -> dict[str, Any]:
        """The ``count``-th event of this name."""
        found = eventually(
            lambda: self.told(event)[count - 1 : count], f"{count} times {event}", within=within, every=0.02
        )
        return found[0]

    def logged(self, words: str) -> list[str]:
        return [each["text"] for each in self.told("log") if words in each["text"]]


@pytest.fixture(scope="module", params=[Prosody, Ejabberd], ids=lambda kind: kind.name)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with request.param(
        tmp_path_factory.mktemp("server"), users={"juliet": "pw", "romeo": "pw"}, components=[DOMAIN]
    ) as server:
        yield server


@pytest.fixture
def server(running: Server) -> Server:
    """One server for all tests of this module; it is up when a test begins."""
    if not running.is_running:
        running.start()
    return running


@pytest.fixture
def component(server: Server, tmp_path: Path) -> Iterator[SmallComponent]:
    with SmallComponent(tmp_path / "component", server) as component:
        component.wait_for("link_up")
        yield component


@pytest.fixture
def juliet(server: Server, component: SmallComponent) -> Iterator[RawClient]:
    with RawClient(f"{JULIET}/balcony", "pw", server.c2s) as juliet:
        for contact in juliet.roster():
            juliet.remove_contact(contact)
        juliet.available()
        yield juliet


def test_presence_goes_both_ways(component: SmallComponent, juliet: RawClient) -> None:
    juliet.befriend(BOB)
    assert component.wait_for("subscribe")["sender"] == JULIET
    shown = juliet.wait(presence(sender=PHONE))
    assert child(shown, "c") is not None
    juliet.message(BOB, "Lunch & <coffee> \U0001f375")
    assert text(juliet.wait(presence(sender=PHONE)), "status", "en") == "Lunch & <coffee> \U0001f375"
    juliet.available("xa", "Gone", priority=7, to=BOB)
    heard = eventually(
        lambda: [each for each in component.told("available") if "Gone" in each["said"]], "juliet's presence"
    )
    assert heard[0]["sender"] == juliet.jid
    assert "show=<Show.XA: 'xa'>" in heard[0]["said"] and "priority=7" in heard[0]["said"]
    juliet.unavailable("Bye")
    assert "'Bye'" in component.wait_for("unavailable")["said"]


def test_what_a_stream_would_not_survive_is_taken_out(component: SmallComponent, juliet: RawClient) -> None:
    juliet.befriend(BOB)
    juliet.wait(presence(sender=PHONE))
    juliet.message(BOB, "garbage")
    assert text(juliet.wait(presence(sender=PHONE)), "status") == "bell , half , null , end"
    assert text(juliet.wait(message(sender=BOB)), "body") == "bell , half , null , end"
    juliet.message(BOB, "still here")
    assert text(juliet.wait(presence(sender=PHONE)), "status") == "still here"
    assert len(component.logged("a stanza is not sent")) == 2
    assert not component.told("link_down")


def test_a_fault_of_ours_is_told_to_the_sender_and_costs_nobody_else(
    component: SmallComponent, juliet: RawClient
) -> None:
    number = juliet.message(BOB, "fault")
    error = juliet.wait(message(sender=BOB, type_="error"))
    assert (condition(error), error.get("id")) == ("internal-server-error", number)
    assert component.logged("while taking a message")
    assert not component.told("link_down")


def test_every_question_is_answered(juliet: RawClient) -> None:
    gateway = juliet.iq("get", f"<query xmlns='{INFO}'/>", DOMAIN)
    identity = gateway.find(f".//{{{INFO}}}identity")
    assert identity is not None and (identity.get("category"), identity.get("type")) == ("gateway", "simple")
    for jid in (DOMAIN, BOB, PHONE):
        assert juliet.iq("get", "<ping xmlns='urn:xmpp:ping'/>", jid).get("type") == "result"
        assert (
            juliet.iq("get", "<query xmlns='http://jabber.org/protocol/disco#items'/>", jid).get("type")
            == "result"
        )
    version = juliet.iq("get", "<query xmlns='jabber:iq:version'/>", DOMAIN)
    assert version.findtext(".//{jabber:iq:version}name") == "sip2xmpp"
    card = juliet.iq("get", "<vCard xmlns='vcard-temp'/>", BOB)
    assert card.findtext(".//{vcard-temp}FN") == f"Card of {BOB}"
    assert juliet.iq("get", "<vCard xmlns='vcard-temp'/>", f"alice@{DOMAIN}").get("type") == "result"
    assert condition(juliet.iq("set", "<vCard xmlns='vcard-temp'/>", BOB)) == "forbidden"
    for jid in (DOMAIN, BOB, PHONE):
        assert condition(juliet.iq("get", "<query xmlns='urn:nobody:knows'/>", jid)) == "service-unavailable"


def test_a_server_tells_what_a_user_publishes_about_itself(
    component: SmallComponent, juliet: RawClient
) -> None:
    mood = "http://jabber.org/protocol/mood"
    activity = "http://jabber.org/protocol/activity"
    juliet.publish(mood, f"<mood xmlns='{mood}'><happy/><text>!</text></mood>")
    juliet.befriend(BOB)
    juliet.message(BOB, "befriend")
    juliet.wait(presence("subscribe", sender=BOB))
    juliet.subscribed(BOB)
    component.wait_for("subscribed")
    juliet.available()
    juliet.publish(activity, f"<activity xmlns='{activity}'><working><coding/></working></activity>")

    def heard(value: str) -> list[dict[str, Any]]:
        return [each for each in component.told("pep") if value in each["value"]]

    assert eventually(lambda: heard("value='happy', text='!'"), "the mood")[0]["sender"] == JULIET
    assert (
        eventually(lambda: heard("general='working', specific='coding'"), "the activity")[0]["kind"]
        == "ACTIVITY"
    )
    juliet.publish(activity, f"<activity xmlns='{activity}'/>")
    assert eventually(lambda: heard("None"), "that there is no activity any more")[0]["kind"] == "ACTIVITY"


def test_a_wrong_secret_is_reported_once_and_tried_again(server: Server, tmp_path: Path) -> None:
    with SmallComponent(tmp_path / "component", server, secret="wrong") as component:
        eventually(lambda: component.logged(ADVICE["not-authorized"]), "advice")
        component.stop()
        assert len(component.logged("not-authorized")) == 1
        assert not component.told("link_up") and not component.logged("wrong")
        assert component.status == 0


def test_a_domain_the_server_does_not_know_is_reported(server: Server, tmp_path: Path) -> None:
    with SmallComponent(tmp_path / "component", server, "unknown.example.org") as component:
        said = "host-unknown" if server.name == "prosody" else "not-authorized"
        eventually(lambda: component.logged(ADVICE[said]), "advice")


def test_a_second_gateway_is_told_of_the_first_and_takes_over_from_it(tmp_path: Path) -> None:
    with (
        Prosody(tmp_path / "server") as server,
        RawComponent(DOMAIN, SECRET, server.component) as first,
        SmallComponent(tmp_path / "component", server) as component,
    ):
        eventually(lambda: component.logged(ADVICE["conflict"]), "advice")
        first.close()
        component.wait_for("link_up")


@pytest.mark.parametrize("global_routes", [False, True])
def test_components_that_ejabberd_mixes_are_told_apart(tmp_path: Path, global_routes: bool) -> None:
    domains = ["sip.example.org", "gw.example.org"]
    server = Ejabberd(
        tmp_path / "server", users={"juliet": "pw"}, components=domains, global_routes=global_routes
    )
    with server, SmallComponent(tmp_path / "component", server, *domains) as component:
        component.wait_for("link_up", 2)
        with RawClient(f"{JULIET}/balcony", "pw", server.c2s) as juliet:

            def is_told() -> bool:
                """Asks each, because each link notices what comes to it that is of the other."""
                for domain in domains:
                    assert juliet.iq("get", f"<query xmlns='{INFO}'/>", domain).get("type") == "result"
                return len(component.logged("set global_routes to false")) == 2

            if global_routes:
                eventually(is_told, "both links say that they are mixed")
            else:
                assert not any(is_told() for _ in range(10))
        assert len(component.logged("set global_routes to false")) == (2 if global_routes else 0)


def test_a_link_comes_back_after_the_server_restarts_and_after_it_is_killed(
    server: Server, component: SmallComponent
) -> None:
    server.restart()
    component.wait_for("link_up", 2)
    server.kill()
    component.wait_for("link_down", 2)
    server.start()
    component.wait_for("link_up", 3)
    assert component.told("link_down")[0]["domain"] == DOMAIN


def test_a_server_that_hangs_is_noticed(server: Server, component: SmallComponent) -> None:
    assert server.process is not None
    os.killpg(server.process.pid, signal.SIGSTOP)
    try:
        why = component.wait_for("link_down")["why"]
    finally:
        os.killpg(server.process.pid, signal.SIGCONT)
    assert why == "the server does not answer"
    component.wait_for("link_up", 2)


def test_a_quiet_link_stays_up(component: SmallComponent) -> None:
    never(lambda: component.told("link_down"), "the link is lost", during=4.0, every=0.2)


def test_the_end_is_orderly(component: SmallComponent) -> None:
    assert component.stop() == 0
    assert component.told("link_down")[0]["why"] == "stopped"
    assert component.told("stopped")
    assert not [each for each in component.told("log") if each["level"] in ("error", "critical")]
