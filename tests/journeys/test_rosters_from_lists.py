"""The lists of SIP users and of the operator in the rosters of Jabber users."""

import json
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.journeys.conftest import GATEWAY_DOMAIN, PASSWORDS, SIP_DOMAIN, World
from tests.journeys.test_gateway_commands import Dialogue, register
from tests.peers.ports import LOOPBACK
from tests.peers.prosody import Prosody
from tests.peers.rawxmpp import RawClient, presence, text
from tests.peers.sipclient import pidf
from tests.peers.waiting import eventually
from tests.peers.xcapclient import XcapClient

TOKEN = "the-operators-own-token"
NS = "urn:ietf:params:xml:ns:resource-lists"
ALICE, BOB, JULIET = f"alice@{SIP_DOMAIN}", f"bob@{SIP_DOMAIN}", "juliet@jabber.example"
SUPPORT = f"support@{SIP_DOMAIN}"
CAROL = rf"carol\40other.example@{GATEWAY_DOMAIN}"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """The server lets rosters be changed."""
    token = {"token": TOKEN, "addresses": ["*@*"], "may": ["read", "documents"]}
    world = World(
        tmp_path,
        partial(Prosody, rosters="both"),  # type: ignore[arg-type]
        presence={"default": "allow"},
        http={"tokens": {"operator": token}},
        dns={"domains": {"jabber.example": "xmpp", "other.example": "sip:127.0.0.1:9"}},
    )
    try:
        world.open()
        yield world
        bad = [line for line in world.gateway.lines() if "Traceback" in line or " critical " in line]
        assert not bad, world.gateway.tail(60)
    finally:
        world.close()


def roster(client: RawClient) -> dict[str, tuple[str, str, list[str]]]:
    """The name, the subscription and the groups of each contact but those that come with the registration."""
    answer = client.iq("get", "<query xmlns='jabber:iq:roster'/>")
    return {
        item.get("jid", ""): (
            item.get("name", ""),
            item.get("subscription", ""),
            sorted(group.text or "" for group in item),
        )
        for item in answer.iter("{jabber:iq:roster}item")
        if item.get("jid") not in (BOB, SUPPORT, GATEWAY_DOMAIN)
    }


def departments(world: World, **lists: list[str]) -> None:
    """Put the lists of the operator."""
    inside = "".join(
        f'<list name="{name}">{"".join(f"""<entry uri="sip:{each}"/>""" for each in members)}</list>'
        for name, members in lists.items()
    )
    request = urllib.request.Request(
        f"http://{LOOPBACK}:{world.gateway.http_port}/xcap/resource-lists/global/index",
        data=f'<resource-lists xmlns="{NS}">{inside}</resource-lists>'.encode(),
        method="PUT",
        headers={"Content-Type": "application/resource-lists+xml", "Authorization": f"Bearer {TOKEN}"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status in (200, 201)


def test_a_buddy_list_follows_its_user_from_xcap_to_jabber(world: World) -> None:
    alice, romeo = world.phone("alice"), world.jabber("romeo")
    assert alice.publish(pidf(alice.uri, "open", "away")).status == 200
    xcap = XcapClient(world.gateway.http_port, BOB, PASSWORDS["bob"])
    document = (
        f'<?xml version="1.0"?>\n<resource-lists xmlns="{NS}" xmlns:x="urn:x">\n <list name="Friends">\n'
        f'  <entry uri="sip:{ALICE}" x:id="7"><display-name>Alice L.</display-name></entry><!-- best -->\n'
        f'  <entry uri="sip:{JULIET}"/>\n  <x:kept>by a client</x:kept>\n </list>\n</resource-lists>\n'
    )
    assert xcap.put("resource-lists", document).status == 201

    added = world.gateway.run(
        "contacts", BOB, "add", "carol@other.example", "--name", "Carol", "--group", "Work"
    )
    assert added == "carol@other.example Carol [sip] in Work\n"
    now = xcap.get("resource-lists")
    head, _, tail = now.octets.decode().partition('\n <list name="Work">')
    assert head + tail.partition("</list>")[2] == document
    told = json.loads(world.gateway.run("contacts", BOB, "--json"))
    assert [each["id"] for each in told["groups"]] == ["Friends", "Work"]
    # what was read before the command changed it must not be written over that
    assert xcap.put("resource-lists", document, conditions={"If-Match": '"old"'}).status == 412

    world.gateway.kill()
    world.gateway.start()
    world.gateway.wait_for_leg("xmpp", "up")
    assert xcap.get("resource-lists") == now

    assert register(romeo).get("type") == "result"
    eventually(lambda: BOB in romeo.roster(), "romeo's own SIP user is there")
    take_over = Dialogue(romeo, "import-contacts")
    assert {"Friends", "Work"} <= set(take_over.texts)
    take_over.step("complete", groups=["Friends", "Work"])
    assert take_over.status == "completed" and "3 added" in take_over.note
    shown = roster(romeo)
    assert shown[ALICE] == ("Alice L.", "to", ["Friends"])
    assert shown[JULIET] == (JULIET, "none", ["Friends"])
    assert shown[CAROL][::2] == ("Carol", ["Work"])
    romeo.wait(presence(sender=ALICE, show="away"), "alice, who is away")

    world.gateway.run("user", "password", BOB, text="another password\n")
    eventually(lambda: set(roster(romeo)) == {JULIET}, "without the proof only the Jabber user stays")


def test_departments_are_followed_over_changes_and_a_kill(world: World) -> None:
    alice, romeo = world.phone("alice"), world.jabber("romeo")
    assert alice.publish(pidf(alice.uri, "open", "busy")).status == 200
    departments(world, sales=[ALICE, JULIET], support=[ALICE])
    assert register(romeo).get("type") == "result"
    choose = Dialogue(romeo, "departments")
    choose.step("complete", departments=["sales", "support"])
    assert choose.note == "sales: added to the roster\nsupport: nothing was to do"
    assert roster(romeo) == {ALICE: (ALICE, "to", ["sales", "support"]), JULIET: (JULIET, "none", ["sales"])}
    romeo.wait(presence(sender=ALICE, show="dnd"), "alice, who is busy")

    romeo.befriend(SUPPORT)
    shown = romeo.wait(presence(sender=SUPPORT, show="away"), "the department as one contact")
    assert text(shown, "status") == "1 of 1 available"

    departments(world, sales=["carol@other.example"], support=[ALICE])
    eventually(
        lambda: (
            {jid: told[2] for jid, told in roster(romeo).items()} == {ALICE: ["support"], CAROL: ["sales"]}
        ),
        "the roster says what the list says",
        within=1.0,
    )

    world.gateway.kill()
    world.gateway.start()
    world.gateway.wait_for_leg("xmpp", "up")
    romeo.wait(
        lambda stanza: (
            stanza.get("from", "").startswith(SUPPORT) and text(stanza, "status") == "1 of 1 available"
        ),
        "the department again",
    )
    departments(world, sales=[JULIET], support=[])
    eventually(lambda: set(roster(romeo)) == {JULIET}, "the roster follows also after a crash")
    Dialogue(romeo, "departments").step("complete", departments=["support"])
    assert roster(romeo) == {}
