"""A list of the operator is at the address of its name, for all users of the house."""

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.conftest import PASSWORDS, SIP_DOMAIN, World
from tests.journeys.test_lists import subscribe
from tests.peers.ports import LOOPBACK
from tests.peers.prosody import Prosody
from tests.peers.rawxmpp import presence
from tests.peers.sipclient import pidf
from tests.peers.waiting import eventually
from tests.peers.xcapclient import XcapClient

TOKEN = "the-operators-own-token"
SALES, NIGHT = f"sip:sales@{SIP_DOMAIN}", f"sip:nightshift@{SIP_DOMAIN}"
ALICE, BOB, JULIET = f"sip:alice@{SIP_DOMAIN}", f"sip:bob@{SIP_DOMAIN}", "xmpp:juliet@jabber.example"
RESOURCE_LISTS = "urn:ietf:params:xml:ns:resource-lists"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    token = {"token": TOKEN, "addresses": ["*@*"], "may": ["documents"]}
    world = World(tmp_path, Prosody, http={"tokens": {"operator": token}})
    try:
        world.open()
        yield world
        bad = [line for line in world.gateway.lines() if "Traceback" in line or " critical " in line]
        assert not bad, world.gateway.tail(60)
    finally:
        world.close()


def departments(world: World, **lists: list[str]) -> int:
    """Put the lists of the operator, as a program that has a token for everybody."""
    inside = "".join(
        f'<list name="{name}">{"".join(f"""<entry uri="{uri}"/>""" for uri in uris)}</list>'
        for name, uris in lists.items()
    )
    request = urllib.request.Request(
        f"http://{LOOPBACK}:{world.gateway.http_port}/xcap/resource-lists/global/index",
        data=f'<resource-lists xmlns="{RESOURCE_LISTS}">{inside}</resource-lists>'.encode(),
        method="PUT",
        headers={"Content-Type": "application/resource-lists+xml", "Authorization": f"Bearer {TOKEN}"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return int(answer.status)


def own_list(uri: str, *members: str) -> str:
    entries = "".join(f'<rl:entry uri="{member}"/>' for member in members)
    return (
        f'<rls-services xmlns="urn:ietf:params:xml:ns:rls-services" xmlns:rl="{RESOURCE_LISTS}">'
        f'<service uri="{uri}"><list>{entries}</list></service></rls-services>'
    )


def test_a_department_is_watched_by_its_name_over_changes_and_a_kill(world: World) -> None:
    alice, bob, juliet = world.phone("alice", transport="tcp"), world.phone("bob"), world.jabber("juliet")
    assert bob.publish(pidf(bob.uri, "open", "away")).status == 200
    assert departments(world, sales=[BOB, JULIET], nightshift=[ALICE]) == 201

    sales = subscribe(alice, SALES)
    sales.wait((BOB, "<rpid:away/>"), (JULIET, "pending"))
    juliet.wait(presence("subscribe", sender=ALICE.removeprefix("sip:")), "alice's request")
    juliet.subscribed(ALICE.removeprefix("sip:"))
    juliet.available("dnd")
    sales.wait((JULIET, "<rpid:busy/>"))
    # what juliet showed to alice is not shown to another who watches the same list
    others = subscribe(bob, SALES)
    others.wait((BOB, "<rpid:away/>"), (JULIET, "pending"))
    others.subscription.unsubscribe()

    # nobody takes the name of a department, and everybody may have it in a list
    xcap = XcapClient(world.gateway.http_port, ALICE.removeprefix("sip:"), PASSWORDS["alice"])
    assert xcap.put("rls-services", own_list(SALES, BOB)).status == 409
    mine = f"sip:alice-work@{SIP_DOMAIN}"
    assert xcap.put("rls-services", own_list(mine, SALES, NIGHT)).status == 201
    work = subscribe(alice, mine)
    work.wait((BOB, "<rpid:away/>"), (JULIET, "<rpid:busy/>"), (ALICE, ""))

    assert departments(world, sales=[BOB], nightshift=[ALICE]) == 200
    for table in (sales, work):
        eventually(lambda table=table: JULIET not in table.read(), "a list without juliet", within=5)
    assert departments(world, sales=[BOB, JULIET]) == 200
    for table in (sales, work):
        table.wait((BOB, "<rpid:away/>"), (JULIET, "<rpid:busy/>"))

    before = len(sales.versions)
    world.gateway.kill()
    world.gateway.start()
    world.gateway.wait_for_leg("xmpp", "up")
    eventually(lambda: bool(sales.read()) and len(sales.versions) > before, "something after the kill")
    sales.wait((BOB, "<rpid:away/>"), (JULIET, "<rpid:busy/>"))
    assert departments(world) == 200
    end = sales.subscription.wait_for_state("terminated")
    assert end.get("subscription-state") == "terminated;reason=noresource"
