"""An owner's client writes rules over XCAP, and SIP and Jabber users see their effect at once; also over a kill -9."""

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.journeys.conftest import PASSWORDS, SIP_DOMAIN, World
from tests.peers.prosody import Prosody
from tests.peers.rawxmpp import any_presence, presence, text
from tests.peers.sipclient import pidf
from tests.peers.xcapclient import XcapClient
from tests.presence.privacy import ACTIVITIES, EVERYTHING, ROMEO, rule, ruleset
from tests.presence.privacy import BOB as BOBS_ADDRESS

ALICE = f"alice@{SIP_DOMAIN}"
TOKEN = "reader-token-0123456789x"
AT_ONCE = 1.0
"""Seconds within which a change of the rules has to be seen."""


def soon(change: Callable[[], object], *seen: Callable[[], object]) -> None:
    """Make a change, and see its effects in time."""
    begin = time.monotonic()
    change()
    for each in seen:
        each()
    assert time.monotonic() - begin < AT_ONCE + 1.0  # the machine may be busy with other tests


def test_rules_are_obeyed_on_both_sides_at_once(prosody_world: World) -> None:
    world = prosody_world
    romeo, bob, alice = world.jabber("romeo"), world.phone("bob"), world.phone("alice")
    xcap = XcapClient(world.gateway.http_port, ALICE, PASSWORDS["alice"])
    alice.publish(pidf(alice.uri, "open", "away", note="at the sea"))
    romeo.befriend(ALICE)
    romeo.wait(presence(sender=ALICE, show="away"), "alice's presence")
    watch = bob.subscribe(alice.uri)
    watch.wait_for_text("at the sea")

    def rules(*them: str) -> None:
        assert xcap.put("pres-rules", ruleset(*them)).status in (200, 201)

    # bob and romeo are allowed to see activities only
    soon(
        lambda: rules(rule("allow", BOBS_ADDRESS, ROMEO, name="activities", provide=ACTIVITIES)),
        lambda: watch.wait(lambda notify: b"away" in notify.body and b"sea" not in notify.body, "no note"),
        lambda: romeo.wait(
            lambda stanza: presence(sender=ALICE, show="away")(stanza) and text(stanza, "status") is None,
            "no note",
            AT_ONCE,
        ),
    )
    # bob is blocked, romeo politely
    count = len(watch.notifies)
    soon(
        lambda: rules(rule("block", BOBS_ADDRESS, name="b"), rule("polite-block", ROMEO, name="r")),
        lambda: watch.wait_for_state("terminated", within=AT_ONCE),
        lambda: romeo.wait(presence("unavailable", sender=ALICE), "alice gone", AT_ONCE),
    )
    assert "reason=rejected" in watch.notifies[-1].get("subscription-state")
    assert len(watch.notifies) == count + 1
    assert bob.subscribe(alice.uri).response.status == 403
    alice.publish(pidf(alice.uri, "open", "busy"))
    romeo.expect_nothing(any_presence(ALICE), 0.3)
    # the gateway dies, and neither learns anything when it is back
    world.gateway.kill()
    world.gateway.start()
    world.gateway.wait_for_leg("xmpp", "up")
    alice.publish(pidf(alice.uri, "open", "on-the-phone"))
    romeo.send(f"<presence type='probe' to='{ALICE}'/>")
    assert bob.subscribe(alice.uri).response.status == 403
    answers = [stanza.get("type") for stanza in romeo.drain(0.5) if stanza.get("from", "").startswith(ALICE)]
    assert set(answers) <= {"unavailable"}
    # confirm keeps bob waiting, and the removal of the document lets everybody in
    rules(rule("confirm", BOBS_ADDRESS, name="b"), rule("polite-block", ROMEO, name="r"))
    again = bob.subscribe(alice.uri)
    assert again.wait_for_state("pending").body == b""
    soon(
        lambda: xcap.delete("pres-rules"),
        lambda: again.wait_for_text("on-the-phone", within=AT_ONCE),
        lambda: romeo.wait(presence(sender=ALICE, show="dnd"), "alice on the phone", AT_ONCE),
    )


@pytest.fixture
def read_world(tmp_path: Path) -> Iterator[World]:
    """With a token that may read."""
    reader = {"token": TOKEN, "addresses": [f"*@{SIP_DOMAIN}"], "may": ["read"]}
    world = World(tmp_path, Prosody, http={"tokens": {"reader": reader}})
    try:
        world.open()
        yield world
    finally:
        world.close()


def test_the_command_and_the_api_explain_the_same(read_world: World) -> None:
    world = read_world
    alice = world.phone("alice")
    xcap = XcapClient(world.gateway.http_port, ALICE, PASSWORDS["alice"])
    alice.publish(pidf(alice.uri, "open", "away", note="at the sea"))
    xcap.put(
        "pres-rules",
        ruleset(
            rule("allow", ROMEO, name="friends", provide=ACTIVITIES),
            rule("block", '<cp:many domain="spam.example"/>', name="spam", provide=EVERYTHING),
        ),
    )
    told = json.loads(world.gateway.run("explain", str(ROMEO), ALICE, "--json"))
    assert told["presence"]["decided_by"] == "rules"
    assert [one["id"] for one in told["presence"]["rules"] if one["applies"]] == ["friends"]
    assert "at the sea" not in told["shown"] and any("notes" in one for one in told["removed"])
    request = urllib.request.Request(
        f"http://127.0.0.1:{world.gateway.http_port}/api/v1/users/{ALICE}/watchers/{ROMEO}/explanation",
        headers={"Authorization": f"Bearer {TOKEN}"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert json.load(answer) == told
