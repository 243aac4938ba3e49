"""A Jabber user at the gateway's own address: registers, states presence and decides about watchers from the client's menus."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape, quoteattr

import pytest

from tests.journeys.conftest import GATEWAY_DOMAIN, PASSWORDS, SIP_DOMAIN, World
from tests.peers.ejabberd import Ejabberd
from tests.peers.prosody import Prosody
from tests.peers.rawxmpp import RawClient, any_presence, condition, message, presence, text
from tests.peers.sipclient import pidf
from tests.peers.waiting import eventually

BOB = f"bob@{SIP_DOMAIN}"
WEATHER = f"weather@{SIP_DOMAIN}"
ITEMS = "http://jabber.org/protocol/disco#items"
COMMANDS = "http://jabber.org/protocol/commands"
REGISTER = "jabber:iq:register"
C, X = f"{{{COMMANDS}}}", "{jabber:x:data}"


@pytest.fixture(params=[Prosody, Ejabberd], ids=["prosody", "ejabberd"])
def desk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    """Nobody sees anybody before the owner has said so; juliet is the operator."""
    world = World(
        tmp_path,
        request.param,
        presence={"default": "confirm"},
        xmpp={"operators": ["juliet@jabber.example"]},
    )
    try:
        world.open()
        yield world
    finally:
        world.close()


@pytest.fixture
def open_rosters(tmp_path: Path) -> Iterator[World]:
    """The server lets the gateway change rosters; juliet is the operator."""
    world = World(
        tmp_path,
        partial(Prosody, rosters="both"),  # type: ignore[arg-type]
        presence={"default": "confirm"},
        xmpp={"operators": ["juliet@jabber.example"]},
    )
    try:
        world.open()
        yield world
    finally:
        world.close()


@pytest.fixture
def half_open_rosters(tmp_path: Path) -> Iterator[World]:
    """ejabberd 23.01 grants access to rosters and lets them be read, but fails when one is to be changed."""
    world = World(tmp_path, partial(Ejabberd, rosters="both"))  # type: ignore[arg-type]
    try:
        world.open()
        yield world
    finally:
        world.close()


class Dialogue:
    """One ad-hoc command, step by step."""

    def __init__(self, client: RawClient, node: str) -> None:
        self.client = client
        self.node = node
        self.session = ""
        self.last = self.step("execute")

    def step(self, action: str, **values: str | list[str]) -> Element:
        """The answer to a step: ``<command/>``, or the whole error."""
        fields = "".join(
            f"<field var={quoteattr(name)}>"
            + "".join(
                f"<value>{escape(each)}</value>" for each in ([value] if isinstance(value, str) else value)
            )
            + "</field>"
            for name, value in values.items()
        )
        session = f" sessionid='{self.session}'" if self.session else ""
        form = f"<x xmlns='jabber:x:data' type='submit'>{fields}</x>" if values else ""
        answer = self.client.iq(
            "set",
            f"<command xmlns='{COMMANDS}' node='{self.node}' action='{action}'{session}>{form}</command>",
            GATEWAY_DOMAIN,
        )
        if answer.get("type") == "error":
            self.last = answer
            return answer
        self.last = answer[0]
        self.session = self.last.get("sessionid", "")
        return self.last

    @property
    def status(self) -> str | None:
        return self.last.get("status")

    @property
    def note(self) -> str:
        return self.last.findtext(f"{C}note") or ""

    @property
    def texts(self) -> list[str]:
        """All that the form says."""
        return [value.text or "" for value in self.last.iter(f"{X}value")]


def nodes(client: RawClient, domain: str = GATEWAY_DOMAIN) -> set[str | None]:
    """The commands that a client may run."""
    answer = client.iq("get", f"<query xmlns='{ITEMS}' node='{COMMANDS}'/>", domain)
    return {item.get("node") for item in answer[0]}


def register(client: RawClient, name: str = "bob", password: str = "") -> Element:
    """Register as a SIP user."""
    fields = f"<username>{name}@{SIP_DOMAIN}</username><password>{password or PASSWORDS[name]}</password>"
    return client.iq("set", f"<query xmlns='{REGISTER}'>{fields}</query>", GATEWAY_DOMAIN)


def test_a_jabber_user_registers_and_acts_for_a_sip_user(desk: World) -> None:
    romeo, juliet = desk.jabber("romeo"), desk.jabber("juliet")
    asked = romeo.iq("get", f"<query xmlns='{REGISTER}'/>", GATEWAY_DOMAIN)[0]
    assert asked.find(f"{{{REGISTER}}}registered") is None
    assert nodes(romeo) == set()
    assert condition(register(romeo, password="wrong")) == "not-authorized"
    assert register(romeo).get("type") == "result"
    romeo.wait(presence("subscribe", sender=GATEWAY_DOMAIN), "the gateway wants to be in the roster")
    romeo.subscribed(GATEWAY_DOMAIN)
    there = romeo.wait(presence(sender=GATEWAY_DOMAIN), "the gateway is there")
    assert text(there, "status") == f"SIP account {BOB}"
    romeo.befriend(GATEWAY_DOMAIN)
    assert nodes(romeo) == {
        "presence",
        "permanent-presence",
        "watchers",
        "import-contacts",
        "departments",
        "lookup",
    }
    prompt = romeo.iq(
        "set", "<query xmlns='jabber:iq:gateway'><prompt>sip:bob@example.com</prompt></query>", GATEWAY_DOMAIN
    )
    assert prompt[0][0].text == rf"bob\40example.com@{GATEWAY_DOMAIN}"

    juliet.subscribe(BOB)
    juliet.expect_nothing(any_presence(BOB))
    decide = Dialogue(romeo, "watchers")
    assert "juliet@jabber.example" in decide.texts
    decide.step("complete", watchers="juliet@jabber.example", decision="allow")
    assert decide.status == "completed" and "juliet@jabber.example" in decide.note
    juliet.wait(presence("subscribed", sender=BOB), "the approval")
    juliet.wait(presence("unavailable", sender=BOB), "bob, who is not there")

    mine = Dialogue(romeo, "presence")
    mine.step("next", do="state")
    mine.step("next", state="dnd", text="rehearsing & more")
    assert mine.step("complete", until="yesterday").findtext(f"{C}note")
    mine.step("complete", until="2h")
    assert mine.status == "completed"
    shown = juliet.wait(presence(sender=BOB, show="dnd"), "what bob states")
    assert text(shown, "status") == "rehearsing & more"
    desk.gateway.kill()
    desk.gateway.start()
    desk.gateway.wait_for_leg("xmpp", "up")
    again = Dialogue(romeo, "presence")
    assert any("rehearsing & more" in each for each in again.texts)
    again.step("execute", do="clear")
    assert again.status == "completed"
    juliet.wait(presence("unavailable", sender=BOB), "bob gone again")
    holiday = Dialogue(romeo, "permanent-presence")
    holiday.step("complete", do="state", state="xa", text="on holiday", activity="vacation", until="2d")
    assert holiday.status == "completed"
    permanent = juliet.wait(presence(sender=BOB, show="xa"), "bob on holiday, with no device at all")
    assert text(permanent, "status") == "on holiday"

    assert (
        romeo.iq("set", f"<query xmlns='{REGISTER}'><remove/></query>", GATEWAY_DOMAIN).get("type")
        == "result"
    )
    romeo.wait(presence("unsubscribed", sender=GATEWAY_DOMAIN), "the gateway leaves")
    assert nodes(romeo) == set()


def test_an_operator_states_the_weather(desk: World) -> None:
    romeo, juliet = desk.jabber("romeo"), desk.jabber("juliet")
    assert nodes(juliet, SIP_DOMAIN) == {"lookup", "inject", "suggest"}
    refused = Dialogue(romeo, "inject")
    assert condition(refused.last) == "forbidden"
    weather = Dialogue(juliet, "inject")
    weather.step("next", address="weather@elsewhere.example", source="station", do="state")
    assert "not a domain of ours" in weather.note
    weather.step("next", address=WEATHER, source="station", do="state")
    weather.step("complete", state="online", text="17 degrees")
    assert weather.status == "completed"
    desk.gateway.run("allow", WEATHER, "romeo@jabber.example")
    romeo.befriend(WEATHER)
    assert text(romeo.wait(presence(sender=WEATHER), "the weather"), "status") == "17 degrees"
    lost = Dialogue(juliet, "inject")
    desk.gateway.kill()
    desk.gateway.start()
    desk.gateway.wait_for_leg("xmpp", "up")
    lost.step("next", address=WEATHER, source="station", do="state")
    assert lost.last.find(f".//{C}bad-sessionid") is not None
    eventually(
        lambda: any("17 degrees" in (text(each, "status") or "") for each in romeo.drain(0.2)),
        "the weather is there again",
    )
    look = Dialogue(juliet, "lookup")
    look.step("complete", domain="jabber.example")
    assert any("configured as xmpp" in each for each in look.texts)


def test_a_server_that_opens_its_rosters_has_contacts_added(open_rosters: World) -> None:
    world = open_rosters
    romeo, juliet, bob = world.jabber("romeo"), world.jabber("juliet"), world.phone("bob")
    bob.publish(pidf(bob.uri, "open", "away"))
    assert register(romeo).get("type") == "result"
    romeo.wait(presence(sender=BOB, show="away"), "bob's presence, which is romeo's own")
    assert romeo.roster()[BOB] == ("to", False)

    suggest = Dialogue(juliet, "suggest")
    suggest.step(
        "complete", jid="juliet@jabber.example", contacts=[f"alice@{SIP_DOMAIN}", "carol@example.com"]
    )
    assert suggest.note == "juliet@jabber.example: added to the roster"
    assert {f"alice@{SIP_DOMAIN}", rf"carol\40example.com@{GATEWAY_DOMAIN}"} <= set(juliet.roster())

    romeo.iq("set", f"<query xmlns='{REGISTER}'><remove/></query>", GATEWAY_DOMAIN)
    eventually(lambda: BOB not in romeo.roster(), "bob is out of the roster")


def test_where_a_roster_cannot_be_changed_the_contact_asks(half_open_rosters: World) -> None:
    romeo = half_open_rosters.jabber("romeo")
    assert register(romeo).get("type") == "result"
    romeo.wait(presence("subscribe", sender=BOB), "bob asks romeo, who is bob")
    romeo.befriend(BOB)
    romeo.wait(presence("unavailable", sender=BOB), "bob, who is not there")


def test_a_client_that_takes_suggestions_gets_them(prosody_world: World) -> None:
    romeo = prosody_world.jabber("romeo")
    register(romeo)
    romeo.wait(presence("subscribe", sender=GATEWAY_DOMAIN), "the gateway wants to be in the roster")
    romeo.subscribed(GATEWAY_DOMAIN)
    asked = romeo.wait(
        lambda stanza: stanza.get("type") == "get" and stanza.get("from") == GATEWAY_DOMAIN,
        "the gateway asks what the client can do",
    )
    romeo.send(
        f"<iq type='result' to='{GATEWAY_DOMAIN}' id='{asked.get('id')}'><query "
        "xmlns='http://jabber.org/protocol/disco#info'><feature var='http://jabber.org/protocol/rosterx'/></query></iq>"
    )
    told = romeo.wait(message(sender=GATEWAY_DOMAIN), "the suggestion")
    exchange = told.find("{http://jabber.org/protocol/rosterx}x")
    assert exchange is not None
    assert [(item.get("jid"), item.get("action")) for item in exchange] == [(BOB, "add")]
