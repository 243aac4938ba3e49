"""A line that several phones share, as they see it."""

import random
import re
from typing import Any

import pytest
from lxml import etree
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.documents.dialog_info import CONTENT_TYPE, read
from sip2xmpp.events.lines import line_packages, line_publications
from sip2xmpp.presence.appearances import Line as SharedLine
from sip2xmpp.presence.line_presence import LinePresence
from sip2xmpp.presence.lines import Lines
from sip2xmpp.store.memory import MemoryStore
from tests.events.gateway import Gateway
from tests.events.phone import Exchange, Line, Phone
from tests.fakes import Network

SALES = "sip:sales@sip.example.org"
ALICE, BOB = "sip:alice@sip.example.org", "sip:bob@sip.example.org"
LINE = SharedLine(
    appearances=2,
    members=frozenset((Address.parse("alice@sip.example.org"), Address.parse("bob@sip.example.org"))),
)


def dialog_info(*dialogs: str, state: str = "full") -> bytes:
    return (
        f'<?xml version="1.0"?><dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="0" state="{state}"'
        f' entity="{SALES}">{"".join(dialogs)}</dialog-info>'
    ).encode()


def dialog(name: str, number: int, state: str, *, friend: str = "", hold: bool = False) -> str:
    """A call, as phones write it that follow the draft."""
    rendering = '<param pname="+sip.rendering" pval="no"/>' if hold else ""
    remote = f"<remote><identity>{friend}</identity></remote>" if friend else ""
    ids = f' call-id="call-{name}" local-tag="l" remote-tag="r"' if friend else ""
    return (
        f'<dialog id="{name}"{ids}><state>{state}</state><local><target uri="sip:a@192.0.2.1">'
        f'<param pname="x-line-id" pvalue="{number}"/>{rendering}</target></local>{remote}</dialog>'
    )


class Scene:
    def __init__(self, clock: Clock, **wires: Any) -> None:
        self.network = Network(clock, random.Random(11), **wires)
        self.gateway = self.start()
        self.alice = Phone(self.network, "192.0.2.10", ALICE)
        self.bob = Phone(self.network, "192.0.2.20", BOB)

    def start(self, **options: Any) -> Gateway:
        clock: Any = self.network.clock

        def feeds(store: MemoryStore) -> list[LinePresence]:
            self.lines = Lines(store=store, clock=clock, lines={Address.parse(SALES[4:]): LINE})
            self.packages = line_packages(self.lines, clock)
            return [LinePresence(self.lines, clock)]

        gateway = Gateway(self.network, feeds=feeds, packages=lambda _: self.packages, **options)
        publications: Any = line_publications(
            self.lines,
            store=gateway.store,
            clock=clock,
            rng=random.Random(7),
            packages=self.packages,
            others=gateway.publications,
        )
        gateway.publications = publications
        return gateway

    def watching(self, phone: Phone, event: str = "dialog;sla", headers: str = "") -> Line:
        line = phone.subscribe(SALES, 600, event=event, headers=headers)
        self.network.drive(0.5)
        return line

    def tells(self, phone: Phone, body: bytes = b"", event: str = "dialog;sla", **options: Any) -> Exchange:
        exchange = phone.publish(body, event=event, content_type=CONTENT_TYPE, user=SALES, **options)
        self.network.drive(0.5)
        return exchange


@pytest.fixture
def scene(clock: Clock) -> Scene:
    return Scene(clock)


def told(line: Line) -> list[str]:
    """What the last NOTIFY says: number, id and state of each call."""
    document = read(line.last.body)
    assert document.is_full and document.entity == SALES
    return [f"{call.line} {call.id} {call.state.value}" for call in document.calls]


def tag_of(exchange: Exchange) -> str:
    assert exchange.final is not None
    return exchange.final["SIP-ETag"]


def test_a_phone_that_goes_off_hook_lights_the_lamp_of_all(scene: Scene) -> None:
    alice, bob = scene.watching(scene.alice), scene.watching(scene.bob)
    assert told(bob) == [] and bob.last["Event"] == "dialog;sla"
    assert scene.tells(scene.alice, dialog_info(dialog("a", 1, "trying"))).status == 200
    assert told(alice) == told(bob) == ["1 a trying"]


def test_the_second_claim_of_an_appearance_is_refused(scene: Scene) -> None:
    bob = scene.watching(scene.bob)
    scene.tells(scene.alice, dialog_info(dialog("a", 1, "trying")))
    refused = scene.tells(scene.bob, dialog_info(dialog("b", 1, "trying")))
    assert refused.status == 400
    assert told(bob) == ["1 a trying"] and len(scene.gateway.store.publications) == 1
    assert scene.tells(scene.bob, dialog_info(dialog("b", 2, "trying"))).status == 200
    assert told(bob) == ["1 a trying", "2 b trying"]
    assert (
        scene.tells(scene.bob, dialog_info(dialog("b", 2, "trying"), dialog("c", 0, "trying"))).status == 400
    )


def test_of_two_claims_at_the_same_moment_one_is_taken(scene: Scene) -> None:
    exchanges = [
        phone.publish(
            dialog_info(dialog(name, 1, "trying")), event="dialog;sla", content_type=CONTENT_TYPE, user=SALES
        )
        for phone, name in ((scene.alice, "a"), (scene.bob, "b"))
    ]
    scene.network.drive(1)
    assert sorted(exchange.status for exchange in exchanges) == [200, 400]


def test_a_call_is_followed_to_its_end_and_the_lamp_put_out_in_words(scene: Scene) -> None:
    bob = scene.watching(scene.bob)
    exchange = scene.tells(scene.alice, dialog_info(dialog("a", 1, "trying")))
    for call in (dialog("a", 1, "confirmed", friend=BOB), dialog("a", 1, "confirmed", friend=BOB, hold=True)):
        exchange = scene.tells(scene.alice, dialog_info(call), etag=tag_of(exchange))
        assert told(bob) == ["1 a confirmed"]
    (call,) = read(bob.last.body).calls
    assert call.is_held and call.remote is not None and call.remote.identity == BOB
    scene.tells(scene.alice, dialog_info(dialog("a", 1, "terminated", friend=BOB)), etag=tag_of(exchange))
    assert told(bob) == ["1 a terminated"]
    bob.send()
    scene.network.drive(0.5)
    assert told(bob) == []


def test_versions_go_up_by_one(scene: Scene) -> None:
    bob = scene.watching(scene.bob)
    exchange = scene.tells(scene.alice, dialog_info(dialog("a", 1, "trying")))
    scene.tells(scene.alice, etag=tag_of(exchange), expires=0)
    first, *others = [read(notify.body).version for notify in bob.notifies]
    assert others == [first + 1, first + 2]


def test_a_lamp_goes_out_when_the_word_that_it_is_over_was_lost(scene: Scene) -> None:
    bob = scene.watching(scene.bob)
    exchange = scene.tells(scene.alice, dialog_info(dialog("a", 1, "confirmed", friend=BOB)), expires=3600)
    assert exchange.final is not None and exchange.final["Expires"] == "300"
    scene.network.drive(302)
    assert told(bob) == ["1 a terminated"]


def test_who_is_off_hook_and_silent_loses_the_appearance(scene: Scene) -> None:
    bob = scene.watching(scene.bob)
    scene.tells(scene.alice, dialog_info(dialog("a", 1, "trying")))
    scene.network.drive(17)
    assert told(bob) == ["1 a terminated"]
    assert scene.tells(scene.bob, dialog_info(dialog("b", 1, "trying"))).status == 200
    assert told(bob)[0] == "1 b trying"


def test_the_standard_and_the_draft_number_one_line(scene: Scene) -> None:
    standard, draft = scene.watching(scene.alice, "dialog;shared"), scene.watching(scene.bob)
    claim = (
        '<dialog id="a"><state>trying</state><appearance xmlns="urn:ietf:params:xml:ns:sa-dialog-info">2'
        '</appearance><exclusive xmlns="urn:ietf:params:xml:ns:sa-dialog-info">true</exclusive></dialog>'
    )
    assert scene.tells(scene.alice, dialog_info(claim), "dialog;shared").status == 200
    assert told(standard) == told(draft) == ["2 a trying"]
    assert b"appearance>2<" in standard.last.body and b"x-line-id" not in standard.last.body
    assert b'pname="x-line-id" pval="2"' in draft.last.body and b"sa-dialog-info" not in draft.last.body
    assert scene.tells(scene.bob, dialog_info(dialog("b", 2, "trying"))).status == 400
    for line in (standard, draft):
        assert etree.fromstring(line.last.body) is not None


def test_only_who_shares_the_line_may_watch_it(scene: Scene) -> None:
    romeo = Phone(scene.network, "192.0.2.40", "sip:romeo@sip.example.org")
    assert scene.watching(romeo).status == 403
    sales = Phone(scene.network, "192.0.2.41", SALES)
    assert scene.watching(sales).status == 200
    assert scene.watching(scene.alice, headers="Accept: text/plain\r\n").status == 406


def test_a_line_that_is_not_shared_is_not_there(scene: Scene) -> None:
    line = scene.alice.subscribe(ALICE, 600, event="dialog;sla", headers="")
    scene.network.drive(0.5)
    assert line.status == 404


def test_what_is_no_document_is_refused_as_such(scene: Scene) -> None:
    assert scene.tells(scene.alice, b"<rubbish").status == 400
    assert scene.tells(scene.alice, dialog_info(dialog("a", 1, "trying")), etag="unknown").status == 412
    exchange = scene.alice.publish(b"x", event="dialog;sla", content_type="text/plain", user=SALES)
    scene.network.drive(0.5)
    assert exchange.status == 415


def test_a_phone_that_tells_only_what_changed_keeps_its_other_calls(scene: Scene) -> None:
    bob = scene.watching(scene.bob)
    exchange = scene.tells(scene.alice, dialog_info(dialog("a", 1, "confirmed", friend=BOB)))
    change = dialog_info(dialog("b", 2, "trying"), state="partial")
    scene.tells(scene.alice, change, etag=tag_of(exchange))
    assert told(bob) == ["1 a confirmed", "2 b trying"]


def test_a_phone_that_restarted_takes_its_appearance_again(scene: Scene) -> None:
    bob = scene.watching(scene.bob)
    scene.tells(scene.alice, dialog_info(dialog("a", 1, "confirmed", friend=BOB)))
    assert scene.tells(scene.alice, dialog_info(dialog("z", 1, "trying"))).status == 200
    assert told(bob) == ["1 a terminated", "1 z trying"] and len(scene.gateway.store.publications) == 1


def test_a_lamp_is_lit_after_its_call_was_handed_over(scene: Scene) -> None:
    """Phones that go by the number put the lamp out if the end of the old call is what they read last."""
    bob = scene.watching(scene.bob)
    scene.tells(scene.alice, dialog_info(dialog("a", 1, "confirmed", friend=BOB)))
    taken = dialog("b", 1, "confirmed", friend=BOB).replace(
        "</state>", '</state><replaces call-id="call-a"/>'
    )
    assert scene.tells(scene.bob, dialog_info(taken)).status == 200
    assert told(bob) == ["1 a terminated", "1 b confirmed"]


def test_no_lamp_stays_lit_where_a_call_has_moved_away(scene: Scene) -> None:
    bob = scene.watching(scene.bob)
    exchange = scene.tells(scene.alice, dialog_info(dialog("a", 1, "confirmed", friend=BOB)))
    exchange = scene.tells(
        scene.alice, dialog_info(dialog("a", 2, "confirmed", friend=BOB)), etag=tag_of(exchange)
    )
    assert told(bob) == ["1 a-2 terminated", "2 a confirmed"]
    scene.tells(scene.alice, etag=tag_of(exchange), expires=0)
    assert told(bob) == ["2 a terminated"]


def test_what_a_phone_adds_is_bounded(scene: Scene) -> None:
    """A publication that cannot be read again would have nothing."""
    first, second = (dialog(name * 40_000, number, "trying") for name, number in (("a", 1), ("b", 2)))
    exchange = scene.tells(scene.alice, dialog_info(first))
    added = scene.tells(scene.alice, dialog_info(second, state="partial"), etag=tag_of(exchange))
    assert added.status == 400
    assert [one.number for one in scene.lines.in_use(Address.parse(SALES[4:]))] == [1]


def test_a_held_line_outlives_the_process(scene: Scene) -> None:
    bob = scene.watching(scene.bob)
    exchange = scene.tells(scene.alice, dialog_info(dialog("a", 1, "confirmed", friend=BOB, hold=True)))
    version = read(bob.last.body).version
    scene.gateway = scene.start(kept=scene.gateway.killed(), seed=2)
    scene.network.drive(2)
    assert told(bob) == ["1 a confirmed"] and read(bob.last.body).version > version
    assert scene.tells(scene.bob, dialog_info(dialog("b", 1, "trying"))).status == 400
    scene.tells(scene.alice, etag=tag_of(exchange), expires=0)
    assert told(bob) == ["1 a terminated"]


def test_whoever_watches_presence_sees_how_much_of_the_line_is_in_use(scene: Scene) -> None:
    watcher = scene.bob.subscribe(SALES)
    scene.network.drive(0.5)
    assert b"closed" in watcher.last.body
    scene.tells(scene.alice, dialog_info(dialog("a", 1, "trying")))
    assert b"closed" in watcher.last.body
    exchange = scene.tells(
        scene.alice,
        dialog_info(dialog("a", 1, "confirmed", friend=BOB), dialog("b", 2, "confirmed", friend=BOB)),
    )
    assert b"on-the-phone" in watcher.last.body
    assert b"On the phone (2 of 2 lines in use)" in watcher.last.body
    assert not re.search(rb"bob@|call-a", watcher.last.body)
    scene.tells(scene.alice, dialog_info(dialog("b", 2, "confirmed", friend=BOB)), etag=tag_of(exchange))
    assert b"On the phone (1 of 2 lines in use)" in watcher.last.body


def test_other_events_of_the_line_go_their_own_way(scene: Scene) -> None:
    exchange = scene.alice.publish(b"<p/>", event="presence", user=SALES)
    scene.network.drive(0.5)
    assert exchange.status == 400 and scene.tells(scene.alice, b"x", event="nothing").status == 489


@pytest.mark.parametrize("seed", range(8))
def test_on_a_bad_network_all_phones_end_up_seeing_what_is(clock: Clock, seed: int) -> None:
    rng, scene = random.Random(seed), Scene(clock, loss=0.2, jitter=0.05, duplication=0.1)
    phones = [scene.alice, scene.bob, Phone(scene.network, "192.0.2.30", ALICE)]
    lamps = [phone.subscribe(SALES, 7200, event="dialog;sla", headers="") for phone in phones]
    tags = [""] * len(phones)
    for step in range(25):
        index = rng.randrange(len(phones))
        state = rng.choice(["trying", "confirmed", "confirmed", "terminated"])
        friend = BOB if state != "trying" else ""
        call = dialog(f"p{index}s{step}", rng.randint(0, 3), state, friend=friend)
        exchange = phones[index].publish(
            dialog_info(call), event="dialog;sla", content_type=CONTENT_TYPE, user=SALES, etag=tags[index]
        )
        scene.network.drive(rng.choice([0.1, 1, 20]))
        final = exchange.final
        if final is not None and final.status in (200, 412):
            tags[index] = final["SIP-ETag"] if final.status == 200 else ""
        if step == 12:
            scene.gateway = scene.start(kept=scene.gateway.killed(), seed=seed + 100)
    scene.network.drive(40)
    truth = [
        f"{one.number} {one.call.id}" for one in scene.lines.in_use(Address.parse("sales@sip.example.org"))
    ]
    for lamp in lamps:
        calls = [call for call in read(lamp.last.body).calls if call.is_live]
        assert [f"{call.line} {call.id}" for call in calls] == truth
    scene.network.drive(400)
    assert all(not [c for c in read(lamp.last.body).calls if c.is_live] for lamp in lamps)
