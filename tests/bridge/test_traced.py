"""What a trace keeps of XMPP and of mappings, and what is counted of those that lose something."""

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.bridge.addressing import Addressing
from sip2xmpp.bridge.mapping import availabilities_from_presence, presence_from_resources
from sip2xmpp.bridge.traced import EVERY, TO_SIP, TO_XMPP, Mappings, StanzaTap
from sip2xmpp.documents.presence import Basic, Note, Person, Presence, Show, Tuple
from sip2xmpp.store.memory import MemoryStore
from sip2xmpp.tracing import Trace, Tracer
from sip2xmpp.xmpp.availability import Availability

ROMEO = Address("romeo", "jabber.example")
BOB = Address("bob", "sip.example.org")
LOSSY = Presence(
    entity="sip:bob@sip.example.org",
    tuples=(Tuple(id="a", basic=Basic.OPEN),),
    persons=(Person(id="p", sphere="work", place_types=("office",), notes=(Note(text="Hello"),)),),
)


class Scene:
    def __init__(self) -> None:
        self.clock = Clock()
        self.tracer = Tracer(self.clock)
        self.mappings = Mappings(self.tracer, self.clock)
        addressing = Addressing(("sip.example.org",), "gw.example.org", MemoryStore(self.clock).spellings)
        self.tap = StanzaTap(self.tracer, addressing.address_of_jid)

    def in_(self, xml: str) -> None:
        self.tap(xml, "sip.example.org", True)

    def out(self, xml: str) -> None:
        self.tap(xml, "sip.example.org", False)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def kept(trace: Trace) -> list[str]:
    return [f"{message.leg.value} {message.way.value} {message.what}" for message in trace.kept]


def test_who_asks_is_the_watcher_and_so_is_who_is_told(scene: Scene) -> None:
    watching, watched = scene.tracer.begin(ROMEO, BOB), scene.tracer.begin(BOB, ROMEO)
    scene.in_("<presence from='romeo@jabber.example' to='bob@sip.example.org' type='subscribe'/>")
    scene.out("<presence from='bob@sip.example.org' to='romeo@jabber.example' type='subscribed'/>")
    scene.out(
        "<presence from='bob@sip.example.org/desk' to='romeo@jabber.example'><show>away</show></presence>"
    )
    scene.in_(
        "<presence to='bob@sip.example.org' xmlns='jabber:component:accept' from='romeo@jabber.example/x'/>"
    )
    assert kept(watching) == [
        "xmpp in presence subscribe",
        "xmpp out presence subscribed",
        "xmpp out presence",
    ]
    assert kept(watched) == ["xmpp in presence"]


def test_an_error_is_of_both_directions_because_it_does_not_say_which_it_answers(scene: Scene) -> None:
    watching, watched = scene.tracer.begin(ROMEO, BOB), scene.tracer.begin(BOB, ROMEO)
    scene.in_(
        "<presence type='error' from='romeo@jabber.example' to='bob@sip.example.org'><error/></presence>"
    )
    assert kept(watching) == kept(watched) == ["xmpp in presence error"]


def test_encapsulated_jids_mean_the_sip_user(scene: Scene) -> None:
    trace = scene.tracer.begin(ROMEO, Address("bob", "example.com"))
    scene.in_("<presence from='romeo@jabber.example' to='bob\\40example.com@gw.example.org' type='probe'/>")
    assert kept(trace) == ["xmpp in presence probe"]


@pytest.mark.parametrize(
    "xml",
    [
        "<message from='romeo@jabber.example' to='bob@sip.example.org'><body>private</body></message>",
        "<message from='romeo@jabber.example' to='bob@sip.example.org'><body>http://jabber.org/protocol/pubsub#event</body></message>",
        "<iq from='romeo@jabber.example' to='bob@sip.example.org' type='get'/>",
        "<presence to='bob@sip.example.org'/>",
        "<presence from='@' to='bob@sip.example.org'/>",
        "<presence from='romeo@jabber.example' to='bob@sip.example.org",
        "",
    ],
)
def test_what_people_write_and_what_cannot_be_read_is_not_kept(scene: Scene, xml: str) -> None:
    traces = scene.tracer.begin(ROMEO, BOB), scene.tracer.begin(BOB, ROMEO)
    scene.in_(xml)
    assert [kept(trace) for trace in traces] == [[], []]


def test_a_password_for_a_room_is_left_out(scene: Scene) -> None:
    trace = scene.tracer.begin(BOB, ROMEO)
    scene.in_(
        "<presence from='romeo@jabber.example/x' to='bob@sip.example.org'><x xmlns='http://jabber.org/protocol/muc'>"
        "<password>s3cr3t</password><m:password xmlns:m='urn:example' a='b'>s3cr3t</m:password></x></presence>"
    )
    (message,) = trace.kept
    assert "s3cr3t" not in message.text
    assert "<password>(not shown)</password>" in message.text


def test_a_mood_is_kept(scene: Scene) -> None:
    trace = scene.tracer.begin(BOB, ROMEO)
    scene.in_(
        "<message from='romeo@jabber.example' to='bob@sip.example.org' type='headline'>"
        "<event xmlns='http://jabber.org/protocol/pubsub#event'/></message>"
    )
    assert kept(trace) == ["xmpp in message headline"]


def test_a_traced_mapping_tells_both_sides_and_what_was_lost(scene: Scene) -> None:
    trace = scene.tracer.begin(ROMEO, BOB)
    assert scene.mappings.at <= scene.clock.seconds()
    said = availabilities_from_presence(LOSSY)
    for _ in range(2):
        scene.mappings.to_xmpp(ROMEO, BOB, LOSSY, said)
    first, second = trace.kept
    assert "<rpid:sphere>" in first.text or "work" in first.text
    assert "<presence " in first.after
    assert first.lost == ("the person's sphere", "the place office")
    assert second.lost == first.lost
    assert scene.mappings.checked == {TO_SIP: 0, TO_XMPP: 1}
    assert dict(scene.mappings.lost) == {(TO_XMPP, "person"): 1}


def test_the_other_way_round_too(scene: Scene) -> None:
    trace = scene.tracer.begin(BOB, ROMEO)
    resources = {"orchard": Availability(show=Show.AWAY, statuses=((None, "Gone fishing"),), priority=-5)}
    document = presence_from_resources("sip:romeo@jabber.example", ROMEO, resources)
    scene.mappings.to_sip(BOB, ROMEO, resources, document)
    (mapped,) = trace.kept
    assert "<show>away</show>" in mapped.text
    assert "Gone fishing" in mapped.after
    assert scene.mappings.checked[TO_SIP] == 1


def test_one_in_a_second_is_looked_at_where_nobody_traces(scene: Scene) -> None:
    said = availabilities_from_presence(LOSSY)
    for _ in range(100):
        if scene.clock.seconds() >= scene.mappings.at:
            scene.mappings.to_xmpp(ROMEO, BOB, LOSSY, said)
        scene.clock.advance(EVERY / 10)
    assert scene.mappings.checked[TO_XMPP] == 10


def test_a_trace_that_ends_leaves_the_hot_path_alone(scene: Scene) -> None:
    scene.mappings.to_xmpp(ROMEO, BOB, LOSSY, availabilities_from_presence(LOSSY))
    scene.tracer.begin(ROMEO, BOB)
    assert scene.mappings.at < scene.clock.seconds()
    scene.tracer.end(ROMEO, BOB)
    assert scene.mappings.at == EVERY
