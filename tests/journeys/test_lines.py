"""A line that alice and bob share: they seize, hold and leave it, over a kill -9, and romeo sees from Jabber that it is in use."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.journeys.conftest import PASSWORDS, SIP_DOMAIN, World
from tests.peers.ejabberd import Ejabberd
from tests.peers.prosody import Prosody
from tests.peers.rawxmpp import presence, text
from tests.peers.sipclient import SipClient, Subscription
from tests.peers.sipmessage import SipMessage
from tests.peers.waiting import eventually

SALES = f"sales@{SIP_DOMAIN}"
LINE = {"appearances": 2, "members": [f"alice@{SIP_DOMAIN}", f"bob@{SIP_DOMAIN}"], "always_open": True}
DIALOG_INFO = "application/dialog-info+xml"


@pytest.fixture
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """With Prosody, unless a journey asks for another server."""
    world = World(tmp_path, getattr(request, "param", Prosody), sip={"lines": {SALES: LINE}})
    world.gateway.users["juliet"] = PASSWORDS["juliet"]
    try:
        world.open()
        yield world
    finally:
        world.close()


def call(name: str, number: int, state: str, *, hold: bool = False) -> str:
    """One dialog as a phone tells of it that follows the draft; somebody is at its other end unless it is trying."""
    friend = "" if state == "trying" else "<remote><identity>sip:customer@example.net</identity></remote>"
    ids = "" if state == "trying" else f' call-id="call-{name}" local-tag="l{name}" remote-tag="r{name}"'
    rendering = '<param pname="+sip.rendering" pval="no"/>' if hold else ""
    return (
        f'<dialog id="{name}"{ids}><state>{state}</state><local><target uri="sip:{SALES}">'
        f'<param pname="x-line-id" pval="{number}"/>{rendering}</target></local>{friend}</dialog>'
    )


class LinePhone:
    """A telephone with lamps for the line."""

    def __init__(self, client: SipClient) -> None:
        self.client = client
        self.etag = ""
        self.lamps: Subscription = client.subscribe(f"sip:{SALES}", event="dialog;sla", accept=DIALOG_INFO)
        self.lamps.wait()

    def tells(self, *calls: str) -> SipMessage:
        body = (
            '<?xml version="1.0"?><dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="0"'
            f' state="full" entity="sip:{SALES}">{"".join(calls)}</dialog-info>'
        )
        named = [("SIP-If-Match", self.etag)] if self.etag else []
        fields = [("Event", "dialog;sla"), ("Expires", "120"), ("Content-Type", DIALOG_INFO), *named]
        answer = self.client.request("PUBLISH", f"sip:{SALES}", fields, body)
        if answer.status == 200:
            self.etag = answer.get("sip-etag")
        return answer

    def sees(self, name: str, number: int, state: str) -> None:
        """Wait until the newest that this phone was told has this call at this appearance."""

        def is_seen() -> bool:
            newest = self.lamps.notifies[-1].text
            _, found, rest = newest.partition(f'<dialog id="{name}"')
            rest = rest.partition("</dialog>")[0]
            return bool(found) and f">{state}</state>" in rest and f'"x-line-id" pval="{number}"' in rest

        eventually(is_seen, f"{name} {state} at {number}\n{self.client.transcript()}", every=0.02)


@pytest.mark.parametrize("world", [Prosody, Ejabberd], indirect=True, ids=["prosody", "ejabberd"])
def test_a_shared_line_is_seized_held_over_a_kill_and_seen_from_jabber(world: World) -> None:
    alice, bob = LinePhone(world.phone("alice")), LinePhone(world.phone("bob"))
    romeo = world.jabber("romeo")
    romeo.befriend(SALES)
    idle = romeo.wait(presence(sender=SALES), "the line is open")
    assert text(idle, "show") is None

    assert alice.tells(call("a", 1, "trying")).status == 200
    bob.sees("a", 1, "trying")
    assert bob.tells(call("b", 1, "trying")).status == 400
    alice.tells(call("a", 1, "confirmed"))
    bob.sees("a", 1, "confirmed")
    busy = romeo.wait(presence(sender=SALES, show="dnd"), "one line in use")
    assert text(busy, "status") == "On the phone (1 of 2 lines in use)"
    assert "customer" not in "".join(busy.itertext())
    alice.tells(call("a", 1, "confirmed", hold=True))

    before = len(bob.lamps.notifies)
    world.gateway.kill()
    world.gateway.start()
    world.gateway.wait_for_leg("xmpp", "up")
    bob.lamps.wait_for_text("+sip.rendering", after=before)
    bob.sees("a", 1, "confirmed")
    assert bob.tells(call("b", 1, "trying")).status == 400
    assert bob.tells(call("b", 2, "confirmed")).status == 200
    alice.sees("b", 2, "confirmed")
    both = romeo.wait(
        lambda stanza: text(stanza, "status") == "On the phone (2 of 2 lines in use)", "both lines in use"
    )
    assert text(both, "show") == "dnd"

    alice.tells()
    bob.tells()
    alice.sees("b", 2, "terminated")
    free = romeo.wait(lambda stanza: presence(sender=SALES)(stanza) and text(stanza, "show") is None, "idle")
    assert text(free, "status") is None


def test_of_phones_that_seize_at_the_same_moment_one_has_the_appearance(world: World) -> None:
    alice, bob = LinePhone(world.phone("alice")), LinePhone(world.phone("bob"))
    for round_ in range(1, 6):
        with ThreadPoolExecutor(2) as pool:
            names = [f"a{round_}", f"b{round_}"]
            phones = [alice, bob]
            answers = list(pool.map(lambda phone, name: phone.tells(call(name, 1, "trying")), phones, names))
        statuses = [answer.status for answer in answers]
        assert sorted(statuses) == [200, 400]
        winner = statuses.index(200)
        for phone in phones:
            phone.sees(names[winner], 1, "trying")
        phones[winner].tells()
        for phone in phones:
            phone.sees(names[winner], 1, "terminated")


def test_a_line_is_available_while_a_phone_of_it_is_registered(tmp_path: Path) -> None:
    world = World(tmp_path, Prosody, sip={"lines": {SALES: {"appearances": 1}}})
    world.gateway.users["sales"] = "counter"
    try:
        world.open()
        romeo = world.jabber("romeo")
        romeo.befriend(SALES)
        romeo.wait(presence("unavailable", sender=SALES), "nobody is there")
        client = SipClient("sales", SIP_DOMAIN, world.gateway.sip, password="counter")
        phone = world.stage.enter_context(client)
        assert phone.register().status == 200
        assert text(romeo.wait(presence(sender=SALES), "registered"), "show") is None
        asked = phone.wait_for_request("SUBSCRIBE")
        assert asked.get("event") == "dialog;sla"
        line = LinePhone(phone)
        line.tells(call("a", 1, "confirmed"))
        romeo.wait(presence(sender=SALES, show="dnd"), "in use")
        phone.register(0)
        romeo.wait(presence("unavailable", sender=SALES), "gone, with its call")
    finally:
        world.close()


def test_the_lamps_of_a_phone_go_out_with_its_connection(world: World) -> None:
    alice, bob = LinePhone(world.phone("alice", transport="tcp")), LinePhone(world.phone("bob"))
    alice.tells(call("a", 1, "confirmed"))
    bob.sees("a", 1, "confirmed")
    alice.client.hide()
    bob.sees("a", 1, "terminated")
    assert bob.tells(call("b", 1, "trying")).status == 200


def test_strangers_neither_see_nor_tell_anything_of_the_line(world: World) -> None:
    alice = LinePhone(world.phone("alice"))
    juliet = world.phone("juliet")
    answer = juliet.subscribe(f"sip:{SALES}", event="dialog;sla", accept=DIALOG_INFO)
    assert answer.response.status == 403
    fields = [("Event", "dialog;sla"), ("Expires", "120"), ("Content-Type", DIALOG_INFO)]
    assert juliet.request("PUBLISH", f"sip:{SALES}", fields, "x").status == 403
    member = alice.client.request("PUBLISH", f"sip:{SALES}", [("Event", "presence"), *fields[1:]], "x")
    assert member.status == 403
