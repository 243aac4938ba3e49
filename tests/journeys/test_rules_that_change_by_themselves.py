"""Rules that name a list, a sphere and a time: what they say changes without anybody touching them, also over a kill -9."""

import time
from datetime import UTC, datetime, timedelta

from tests.journeys.conftest import PASSWORDS, SIP_DOMAIN, World
from tests.peers.rawxmpp import presence
from tests.peers.sipclient import pidf
from tests.peers.xcapclient import XcapClient
from tests.presence.privacy import ruleset

ALICE = f"alice@{SIP_DOMAIN}"
ROMEO = "romeo@jabber.example"
OMA = "org.openmobilealliance.pres-rules"
"""As Blink lays them down: contacts are moved from one list to another, and the rules stay as they are."""


def lists(granted: str = "", blocked: str = "") -> bytes:
    entry = '<entry uri="{}"/>'
    return (
        '<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists">'
        f'<list name="oma_grantedcontacts">{"".join(map(entry.format, granted.split()))}</list>'
        f'<list name="oma_blockedcontacts">{"".join(map(entry.format, blocked.split()))}</list></resource-lists>'
    ).encode()


def rule(name: str, handling: str, condition: str, shows: str = "") -> str:
    return (
        f'<cp:rule id="{name}"><cp:conditions>{condition}</cp:conditions>'
        f"<cp:actions><sub-handling>{handling}</sub-handling></cp:actions>{shows}</cp:rule>"
    )


def in_list(xcap: XcapClient, name: str) -> str:
    node = f"~~/resource-lists/list%5B@name=%22{name}%22%5D"
    return f'<ocp:external-list><ocp:entry anc="{xcap.root}/{xcap.path("resource-lists")}/{node}"/></ocp:external-list>'


def test_contacts_are_moved_between_lists_that_rules_name(prosody_world: World) -> None:
    world = prosody_world
    romeo, bob, alice = world.jabber("romeo"), world.phone("bob"), world.phone("alice")
    xcap = XcapClient(world.gateway.http_port, ALICE, PASSWORDS["alice"])
    document = ruleset(
        rule("wp_prs_grantedcontacts", "allow", in_list(xcap, "oma_grantedcontacts")),
        rule("wp_prs_blockedcontacts", "polite-block", in_list(xcap, "oma_blockedcontacts")),
        rule("wp_prs_unlisted", "confirm", "<ocp:other-identity/>"),
        rule("wp_prs_block_anonymous", "block", "<ocp:anonymous-request/>"),
    )

    def move(granted: str = "", blocked: str = "") -> None:
        assert xcap.put("resource-lists", lists(granted, blocked)).status in (200, 201)

    move(granted=f"xmpp:{ROMEO}")
    assert xcap.put(OMA, document).status == 201
    alice.publish(pidf(alice.uri, "open", "away"))
    romeo.befriend(ALICE)
    romeo.wait(presence(sender=ALICE, show="away"), "alice's presence")
    watch = bob.subscribe(alice.uri)
    watch.wait_for_state("pending")
    move(granted=f"xmpp:{ROMEO} {bob.uri}")
    watch.wait_for_text("away")
    world.gateway.kill()
    world.gateway.start()
    world.gateway.wait_for_leg("xmpp", "up")
    move(granted=bob.uri, blocked=f"sip:{ROMEO}")
    romeo.wait(presence("unavailable", sender=ALICE), "alice gone")
    watch.forget()
    move()
    watch.wait_for_state("pending")


def test_the_sphere_and_the_time_say_who_is_let_in(prosody_world: World) -> None:
    world = prosody_world
    bob, alice = world.phone("bob"), world.phone("alice")
    xcap = XcapClient(world.gateway.http_port, ALICE, PASSWORDS["alice"])
    watch = bob.subscribe(alice.uri)
    watch.wait_for_state("active")
    watch.forget()
    at_work = f'<cp:identity><cp:one id="{bob.uri}"/></cp:identity><cp:sphere value="work travel"/>'
    assert xcap.put(OMA, ruleset(rule("w", "allow", at_work), rule("o", "confirm", ""))).status == 201
    watch.wait_for_state("pending")
    there = pidf(alice.uri, "open", "meeting").replace(
        "</dm:person>", "<rpid:sphere><rpid:work/></rpid:sphere></dm:person>"
    )
    etag = alice.publish(there).get("sip-etag")
    watch.wait_for_text("meeting")
    watch.forget()
    alice.publish(there.replace("rpid:work", "rpid:home"), etag=etag)
    watch.wait_for_state("pending")

    begin = datetime.now(UTC) + timedelta(seconds=3)
    span = f"<cp:from>{begin.isoformat()}</cp:from><cp:until>{(begin + timedelta(seconds=3)).isoformat()}</cp:until>"
    for_a_while = rule("v", "allow", f"<cp:validity>{span}</cp:validity>")
    assert xcap.put(OMA, ruleset(for_a_while, rule("o", "confirm", ""))).status == 200
    world.gateway.kill()
    world.gateway.start()
    watch.forget()
    watch.wait_for_text("meeting")
    assert time.time() >= begin.timestamp()
    watch.forget()
    watch.wait_for_state("pending")
