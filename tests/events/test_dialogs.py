"""Package ``dialog`` as a proxy that publishes calls and phones with lamps see it."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.documents.dialog_info import (
    CONTENT_TYPE,
    RENDERING,
    Call,
    CallState,
    DialogInfo,
    Direction,
    Party,
    read,
    write,
)
from sip2xmpp.documents.presence import Activity, Basic, Person, Presence, Tuple
from sip2xmpp.events.dialogs import DialogPackage, wanted_by
from sip2xmpp.presence.calls import Calls, OnThePhone
from sip2xmpp.presence.feeds import Feed
from sip2xmpp.presence.lamps import Lamps, Wanted, watched_calls
from sip2xmpp.presence.policy import Handling
from sip2xmpp.presence.watching import Notification, Reason, Standing, Watcher
from sip2xmpp.store.memory import MemoryStore
from tests.conftest import START
from tests.events.gateway import Gateway
from tests.events.phone import Exchange, Line, Phone
from tests.fakes import Network

ALICE, BOB, JULIET = "sip:alice@sip.example.org", "sip:bob@sip.example.org", "sip:juliet@jabber.example"
OPEN = (
    b'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:alice@sip.example.org">'
    b'<tuple id="t"><status><basic>open</basic></status></tuple></presence>'
)
BUSY = (
    b'<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" '
    b'xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:alice@sip.example.org">'
    b'<tuple id="t"><status><basic>open</basic></status></tuple>'
    b'<dm:person id="p"><rpid:activities><rpid:busy/></rpid:activities></dm:person></presence>'
)
EARLY, CONFIRMED, TERMINATED = CallState.EARLY, CallState.CONFIRMED, CallState.TERMINATED


def call(name: str, state: CallState = CONFIRMED, **said: Any) -> Call:
    return Call(
        id=name,
        state=state,
        call_id=f"{name}@192.0.2.7",
        local_tag=f"l{name}",
        remote_tag=f"r{name}",
        direction=Direction.RECIPIENT,
        duration=7,
        local=said.pop("local", Party(identity=ALICE, target="sip:alice@192.0.2.10")),
        remote=Party(identity=BOB, display="Bob", target="sip:bob@192.0.2.11", session="v=0"),
        **said,
    )


def told(*calls: Call, partial: bool = False) -> bytes:
    return write(DialogInfo(entity=ALICE, is_full=not partial, calls=calls))


class Jabber:
    """Presence of contacts elsewhere: one state for each watcher."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.watchers: list[Watcher] = []
        self.stopped = 0

    def watch(self, presentity: Address, watcher: Watcher, *, fetch: bool = False) -> Any:
        if presentity.domain == "sip.example.org":
            return self.gateway.presence.watch(presentity, watcher, fetch=fetch)
        self.watchers.append(watcher)
        return self

    def stop(self) -> None:
        self.stopped += 1

    def refresh(self) -> None:
        """Nothing is known that was not said."""

    def say(self, *activities: str, basic: Basic | None = Basic.OPEN) -> None:
        person = Person(id="p", activities=tuple(Activity(name) for name in activities))
        document = Presence(entity=JULIET, tuples=(Tuple(id="t", basic=basic),), persons=(person,))
        for watcher in self.watchers:
            watcher.notified(Notification(standing=Standing.ACTIVE, document=document))


class Scene:
    """A gateway, a proxy that publishes alice's calls, and bob's phone with a lamp."""

    def __init__(self, clock: Clock, *, details: bool = False, **options: Any) -> None:
        self.network = Network(clock)
        self.details = details
        self.when = options.pop("when", OnThePhone.CONFIRMED)
        self.gateway = self.start(**options)
        self.proxy = Phone(self.network, "192.0.2.7", ALICE, agent="Proxy/5.6")
        self.alice = Phone(self.network, "192.0.2.10", ALICE)
        self.bob = Phone(self.network, "192.0.2.11", BOB)

    def start(self, **options: Any) -> Gateway:
        clock: Any = self.network.clock

        def feeds(store: MemoryStore) -> Sequence[Feed]:
            self.calls = Calls(store, clock=clock, when=self.when)
            return [self.calls]

        def packages(gateway: Gateway) -> list[DialogPackage]:
            self.jabber = Jabber(gateway)
            self.watched = watched = watched_calls(
                self.calls,
                clock=clock,
                decide=gateway.policy.decide,
                exists=lambda address: address.domain == "sip.example.org",
            )
            gateway.policy.listen(watched.rules_changed)
            lamps = Lamps(
                watched,
                self.jabber,
                clock=clock,
                is_own=lambda address: address.domain == "sip.example.org",
                decide=gateway.policy.decide,
                details=self.details,
            )
            gateway.policy.listen(lamps.rules_changed)
            return [DialogPackage(lamps)]

        return Gateway(self.network, feeds=feeds, packages=packages, **options)

    def lamp(
        self, phone: Phone | None = None, target: str = ALICE, *, params: str = "", expires: int | None = 600
    ) -> Line:
        line = (phone or self.bob).subscribe(target, expires, event=f"dialog{params}", headers="")
        self.network.drive(0.1)
        return line

    def published(self, *calls: Call, etag: str = "", phone: Phone | None = None, **options: Any) -> Exchange:
        body = options.pop("body", told(*calls))
        exchange = (phone or self.proxy).publish(
            body, event="dialog", content_type=CONTENT_TYPE, user=ALICE, etag=etag, **options
        )
        self.network.drive(1.1)
        return exchange


@pytest.fixture
def scene(clock: Clock) -> Scene:
    return Scene(clock)


def tag(exchange: Exchange) -> str:
    assert exchange.final is not None and exchange.status == 200
    return exchange.final["SIP-ETag"]


def shown(line: Line) -> list[str]:
    """The states in the last NOTIFY."""
    return [one.state.value for one in read(line.last.body).calls]


def test_a_lamp_that_is_gone_watches_nothing(scene: Scene) -> None:
    line = scene.lamp()
    assert len(scene.gateway.presence) == 1 and scene.watched.is_watched(
        Address.parse("alice@sip.example.org")
    )
    line.unsubscribe()
    scene.network.drive(0.1)
    assert len(scene.gateway.presence) == 0
    assert not scene.watched.is_watched(Address.parse("alice@sip.example.org"))


def test_a_lamp_of_somebody_without_calls_has_something_to_be_dark_by(scene: Scene) -> None:
    line = scene.lamp()
    assert (line.status, line.last.state) == (200, "active")
    assert line.last["Content-Type"] == CONTENT_TYPE
    document = read(line.last.body)
    assert document.is_full and document.entity == ALICE
    (idle,) = document.calls
    assert idle.id and idle.state is TERMINATED


def test_a_lamp_follows_a_call(scene: Scene) -> None:
    line = scene.lamp()
    etag = tag(scene.published(call("a", EARLY)))
    assert shown(line) == ["early"]
    etag = tag(scene.published(call("a"), etag=etag))
    assert shown(line) == ["confirmed"]
    ids = {read(notify.body).calls[0].id for notify in line.notifies[1:]}
    assert len(ids) == 1
    scene.published(call("a", TERMINATED), etag=etag)
    assert shown(line) == ["terminated"]
    assert {read(line.last.body).calls[0].id} == ids
    versions = [read(notify.body).version for notify in line.notifies]
    assert versions == list(range(versions[0], versions[0] + 4))


def test_the_end_of_a_call_may_be_published_for_moments(scene: Scene) -> None:
    line = scene.lamp()
    begun = scene.published(call("a"), expires=43_201)
    assert begun.final is not None and begun.final["Expires"] == "600"
    etag = tag(begun)
    ended = scene.published(call("a", TERMINATED), etag=etag, expires=11)
    assert ended.final is not None and (ended.status, ended.final["Expires"]) == (200, "11")
    assert shown(line) == ["terminated"]
    scene.network.drive(12)
    assert len(scene.gateway.store.publications) == 0


def test_a_call_that_is_over_is_told_once(scene: Scene) -> None:
    line = scene.lamp()
    etag = tag(scene.published(call("a")))
    tag(scene.published(call("b", EARLY)))
    assert shown(line) == ["confirmed", "early"]
    scene.published(call("a", TERMINATED), etag=etag)
    assert sorted(shown(line)) == ["early", "terminated"]
    line.send()
    scene.network.drive(0.1)
    assert shown(line) == ["early"]


def test_several_publications_of_one_socket_are_several_calls(scene: Scene) -> None:
    """A proxy publishes every call apart, and may use the same id for them."""
    line = scene.lamp()
    one = tag(scene.published(call("x")))
    two = tag(scene.published(Call(id="x", state=EARLY, call_id="other")))
    assert shown(line) == ["confirmed", "early"]
    assert len({each.id for each in read(line.last.body).calls}) == 2
    scene.published(call("x"), etag=two, expires=0)
    assert shown(line) == ["confirmed", "terminated"]
    scene.published(call("x"), etag=one, expires=0)
    assert shown(line) == ["terminated"]


def test_a_proxy_that_lost_its_tag_goes_on_with_the_same_call(scene: Scene) -> None:
    line = scene.lamp()
    scene.published(call("a"))
    scene.published(call("a", TERMINATED))
    assert shown(line) == ["terminated"]
    assert len(scene.gateway.store.publications) == 1


def test_a_phone_that_restarts_says_that_it_has_no_calls(scene: Scene) -> None:
    line = scene.lamp()
    etag = tag(scene.published(phone=scene.alice))
    scene.published(call("a"), etag=etag, phone=scene.alice)
    assert shown(line) == ["confirmed"]
    scene.published(phone=scene.alice)
    assert shown(line) == ["terminated"]
    assert len(scene.gateway.store.publications) == 1


def test_a_phone_that_lost_its_tag_in_a_call_goes_on_with_it(scene: Scene) -> None:
    """It was first known with no call, or with another one."""
    line = scene.lamp()
    for first in ((), (call("z"),)):
        etag = tag(scene.published(*first, phone=scene.alice))
        scene.published(call("a"), etag=etag, phone=scene.alice)
        etag = tag(scene.published(call("a"), phone=scene.alice))
        assert shown(line)[0] == "confirmed" and len(scene.gateway.store.publications) == 1
        scene.published(call("a"), etag=etag, expires=0, phone=scene.alice)
        assert shown(line) == ["terminated"]


def test_a_change_is_merged_into_what_was_published(scene: Scene) -> None:
    line = scene.lamp()
    etag = tag(scene.published(call("a")))
    etag = tag(scene.published(body=told(call("b", EARLY), partial=True), etag=etag))
    assert shown(line) == ["confirmed", "early"]
    (row,) = scene.gateway.store.publications.all()
    assert [each.id for each in read(row.document).calls] == ["a", "b"]
    scene.published(body=told(call("a", TERMINATED), partial=True), etag=etag)
    assert sorted(shown(line)) == ["early", "terminated"]


def test_a_call_ends_with_its_publication(scene: Scene) -> None:
    line = scene.lamp()
    scene.published(call("a"), expires=120)
    scene.network.drive(60)
    assert shown(line) == ["confirmed"]
    scene.network.drive(70)
    assert shown(line) == ["terminated"]


def test_who_may_watch_learns_of_a_call_but_not_with_whom(scene: Scene) -> None:
    line = scene.lamp()
    scene.published(
        call("a", local=Party(identity=ALICE, target="sip:alice@192.0.2.10", params=((RENDERING, "no"),)))
    )
    (said,) = read(line.last.body).calls
    assert said.is_held and said.direction is Direction.RECIPIENT
    assert said == Call(
        id=said.id,
        state=CONFIRMED,
        direction=Direction.RECIPIENT,
        local=Party(identity=ALICE, target=ALICE, params=((RENDERING, "no"),)),
    )
    assert not any(secret in line.last.body for secret in (b"bob", b"Bob", b"192.0.2", b"call-id", b"-tag"))


def test_the_owner_sees_all_of_a_call(scene: Scene) -> None:
    line = scene.lamp(scene.alice)
    scene.published(call("a"))
    (said,) = read(line.last.body).calls
    assert said.remote == Party(identity=BOB, display="Bob", target="sip:bob@192.0.2.11")
    assert (said.call_id, said.local_tag, said.remote_tag) == ("a@192.0.2.7", "la", "ra")
    sessions = scene.lamp(scene.alice, params=";include-session-description")
    (said,) = read(sessions.last.body).calls
    assert said.remote is not None and said.remote.session == "v=0"


def test_everybody_sees_all_of_it_where_the_operator_wants_that(clock: Clock) -> None:
    scene = Scene(clock, details=True)
    line = scene.lamp()
    scene.published(call("a"))
    (said,) = read(line.last.body).calls
    assert said.remote is not None and said.remote.identity == BOB and not said.remote.session


@pytest.mark.parametrize("tags", ["", ";from-tag=ra;to-tag=la", ";from-tag=la;to-tag=ra", ";to-tag=la"])
def test_a_single_dialog_can_be_watched(scene: Scene, tags: str) -> None:
    line = scene.lamp(params=f';call-id="a@192.0.2.7"{tags}')
    scene.published(call("b"))
    assert shown(line) == ["terminated"]
    scene.published(call("a", EARLY))
    assert shown(line) == ["early"]


def test_another_leg_of_a_call_is_another_dialog(scene: Scene) -> None:
    line = scene.lamp(params=";call-id=a@192.0.2.7;to-tag=zz")
    scene.published(call("a"))
    assert shown(line) == ["terminated"]


def test_what_is_asked_for_is_read_from_the_event_header() -> None:
    assert wanted_by("dialog;include-session-description;id=4") == Wanted(sessions=True)
    assert wanted_by('Dialog;call-id="a b";to-tag=t') == Wanted(call_id="a b", tags=("t",))
    assert wanted_by("dialog;to-tag=t") == Wanted()
    assert wanted_by(";;;") == Wanted()


def test_owners_decide_who_sees_their_lamps(scene: Scene) -> None:
    scene.gateway.decide("alice@sip.example.org", "bob@sip.example.org", Handling.BLOCK)
    assert scene.lamp().status == 403
    scene.gateway.decide("alice@sip.example.org", "bob@sip.example.org", Handling.CONFIRM)
    scene.published(call("a"))
    line = scene.lamp()
    assert (line.last.state, line.last.body) == ("pending", b"")
    scene.gateway.decide("alice@sip.example.org", "bob@sip.example.org", Handling.ALLOW)
    scene.network.drive(0.1)
    assert shown(line) == ["confirmed"]
    scene.gateway.decide("alice@sip.example.org", "bob@sip.example.org", Handling.POLITE_BLOCK)
    scene.network.drive(0.1)
    assert (line.last.state, shown(line)) == ("active", ["terminated"])
    scene.gateway.decide("alice@sip.example.org", "bob@sip.example.org", Handling.BLOCK)
    scene.network.drive(0.1)
    assert (line.last.state, line.last.reason) == ("terminated", "rejected")


def test_a_politely_blocked_lamp_looks_like_one_of_somebody_without_calls(scene: Scene) -> None:
    idle = scene.lamp().last.body
    scene.gateway.decide("alice@sip.example.org", "bob@sip.example.org", Handling.POLITE_BLOCK)
    scene.published(call("a"))
    scene.alice.publish(BUSY)
    scene.network.drive(0.1)
    blocked = scene.lamp()
    assert blocked.last.body == idle
    count = len(blocked.notifies)
    scene.published(call("b"))
    assert len(blocked.notifies) == count


def test_unknown_addresses_types_and_bodies_are_refused(scene: Scene) -> None:
    assert scene.bob.subscribe("sip:x@elsewhere.example", event="dialog").phone is scene.bob
    refused = scene.bob.subscribe(ALICE, event="dialog", headers="Accept: application/pidf+xml\r\n")
    wrong = scene.proxy.publish(told(), event="dialog", content_type="application/pidf+xml", user=ALICE)
    broken = scene.proxy.publish(b"<dialog-info", event="dialog", content_type=CONTENT_TYPE, user=ALICE)
    scene.network.drive(0.5)
    assert refused.status == 406
    assert wrong.final is not None and (wrong.status, wrong.final["Accept"]) == (415, CONTENT_TYPE)
    assert broken.status == 400


def test_a_lifetime_that_is_not_asked_for_is_an_hour(scene: Scene) -> None:
    assert scene.lamp(expires=None).response["Expires"] == "3600"
    assert "dialog" in scene.lamp().response["Allow-Events"]


def test_a_fetch_is_answered_with_the_calls(scene: Scene) -> None:
    scene.published(call("a"))
    line = scene.lamp(expires=0)
    assert (line.last.state, shown(line)) == ("terminated", ["confirmed"])


def test_a_phone_that_takes_one_call_gets_the_one_that_matters_most(scene: Scene) -> None:
    naive = Phone(scene.network, "192.0.2.12", BOB, agent="Linksys/SPA962-6.1.5(a)")
    line = scene.lamp(naive)
    etag = tag(scene.published(call("a")))
    tag(scene.published(Call(id="b", state=EARLY, direction=Direction.RECIPIENT)))
    assert shown(line) == ["early"]
    scene.published(body=told(call("c", EARLY)), etag=etag)
    assert len(shown(line)) == 1
    mine = tag(scene.published(Call(id="d", state=EARLY, direction=Direction.INITIATOR)))
    assert mine and shown(line) == ["early"]


def test_a_phone_that_blinks_for_callers_is_told_that_they_talk(scene: Scene) -> None:
    naive = Phone(scene.network, "192.0.2.12", BOB, agent="Cisco/SPA504G-7.4.9c")
    line = scene.lamp(naive)
    scene.published(Call(id="d", state=EARLY, direction=Direction.INITIATOR))
    assert shown(line) == ["confirmed"]


def test_what_happens_within_a_second_is_told_together(scene: Scene) -> None:
    line = scene.lamp()
    for state in (CallState.TRYING, EARLY, CONFIRMED):
        scene.proxy.publish(told(call("a", state)), event="dialog", content_type=CONTENT_TYPE, user=ALICE)
        scene.network.drive(0.2)
    scene.network.drive(1)
    assert [shown_in(notify.body) for notify in line.notifies[1:]] == [["trying"], ["confirmed"]]


def test_hundreds_of_calls_fit_into_a_datagram(scene: Scene) -> None:
    line, mine = scene.lamp(), scene.lamp(scene.alice)
    long = Party(identity=ALICE, params=tuple((f"p{number}", "x" * 60) for number in range(30)))
    for number in range(5):
        scene.published(*[call(f"{number}.{each}", local=long) for each in range(20)])
    scene.published(call("rings", EARLY))
    for watch in (line, mine):
        assert len(watch.last.body) < 40_000
        assert shown(watch) == ["confirmed"] * 23 + ["early"]
    more = told(*[Call(id=str(number), state=CONFIRMED) for number in range(201)])
    assert scene.published(body=more).status == 400


def test_changes_do_not_pile_up_without_end(scene: Scene) -> None:
    etag = tag(scene.published(call("a")))
    for batch in range(10):
        calls = [call(f"{batch}.{number}") for number in range(80)]
        answer = scene.published(body=told(*calls, partial=True), etag=etag)
        assert answer.status in (200, 400)
        etag = tag(answer) if answer.status == 200 else etag
    (row,) = scene.gateway.store.publications.all()
    assert len(row.document) <= 65_536 and len(read(row.document).calls) <= 200


# presence lights lamps


def test_presence_lights_the_lamp_of_a_user_without_calls(scene: Scene) -> None:
    line = scene.lamp()
    scene.alice.publish(BUSY)
    scene.network.drive(0.1)
    assert shown(line) == ["confirmed"]
    scene.alice.publish(OPEN)
    scene.network.drive(0.1)
    assert shown(line) == ["terminated"]


def test_calls_count_before_presence_and_the_lamp_goes_dark_once(scene: Scene) -> None:
    """Presence says for a moment longer that she is on the phone, and that must not light the lamp again."""
    line = scene.lamp()
    scene.alice.publish(OPEN)
    etag = tag(scene.published(call("a", EARLY)))
    assert shown(line) == ["early"]
    etag = tag(scene.published(call("a"), etag=etag))
    assert shown(line) == ["confirmed"]
    count = len(line.notifies)
    scene.published(call("a"), etag=etag, expires=0)
    assert [shown_in(notify.body) for notify in line.notifies[count:]] == [["terminated"]]


def shown_in(body: bytes) -> list[str]:
    return [one.state.value for one in read(body).calls]


def test_a_lamp_stays_lit_after_a_call_of_somebody_who_is_busy(scene: Scene) -> None:
    line = scene.lamp()
    scene.alice.publish(BUSY)
    etag = tag(scene.published(call("a")))
    scene.published(call("a"), etag=etag, expires=0)
    assert sorted(shown(line)) == ["confirmed", "terminated"]
    assert read(line.last.body).calls[0].state is CONFIRMED


def test_a_jabber_contact_lights_a_lamp(scene: Scene) -> None:
    line = scene.lamp(target=JULIET)
    assert line.status == 200
    assert [str(watcher.address) for watcher in scene.jabber.watchers] == ["bob@sip.example.org"]
    for activity, state in (("on-the-phone", "confirmed"), ("away", "terminated"), ("busy", "confirmed")):
        scene.jabber.say(activity)
        scene.network.drive(0.1)
        assert shown(line) == [state]
    scene.jabber.say(basic=Basic.CLOSED)
    scene.network.drive(0.1)
    assert shown(line) == ["terminated"]
    assert read(line.last.body).entity == JULIET
    line.unsubscribe()
    scene.network.drive(0.1)
    assert scene.jabber.stopped == 1


def test_a_jabber_contact_who_refuses_ends_the_lamp(scene: Scene) -> None:
    line = scene.lamp(target=JULIET)
    scene.jabber.watchers[0].notified(Notification(standing=Standing.PENDING))
    scene.network.drive(0.1)
    assert line.last.state == "pending"
    scene.jabber.watchers[0].notified(Notification(standing=Standing.TERMINATED, reason=Reason.REJECTED))
    scene.network.drive(0.1)
    assert (line.last.state, line.last.reason) == ("terminated", "rejected")


# a restart


def test_a_lamp_is_right_after_a_restart_in_a_call(scene: Scene) -> None:
    line = scene.lamp()
    etag = tag(scene.published(call("a"), expires=120))
    kept = scene.gateway.killed()
    scene.network.drive(1)
    scene.gateway = scene.start(kept=kept, seed=2)
    count = len(line.notifies)
    scene.network.drive(5)
    assert shown(line) == ["confirmed"] and len(line.notifies) > count
    versions = [read(notify.body).version for notify in line.notifies]
    assert versions == sorted(set(versions))
    scene.published(call("a", TERMINATED), etag=etag)
    assert shown(line) == ["terminated"]


def test_a_lamp_is_not_stuck_when_the_call_expired_during_a_restart(scene: Scene) -> None:
    line = scene.lamp()
    scene.published(call("a"), expires=60)
    kept = scene.gateway.killed()
    scene.network.drive(61)
    scene.gateway = scene.start(kept=kept, seed=2)
    scene.network.drive(5)
    assert shown(line) == ["terminated"]


# in any order

states = st.sampled_from(list(CallState))
steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("tell"), st.integers(0, 2), st.lists(st.tuples(st.integers(0, 3), states), max_size=3)
        ),
        st.tuples(
            st.just("change"), st.integers(0, 2), st.lists(st.tuples(st.integers(0, 3), states), max_size=2)
        ),
        st.tuples(st.just("take back"), st.integers(0, 2), st.just([])),
        st.tuples(st.just("restart"), st.just(0), st.just([])),
    ),
    max_size=8,
)


@given(steps)
@settings(max_examples=60)
def test_a_lamp_shows_in_the_end_what_publishers_said_last(
    script: list[tuple[str, int, list[tuple[int, CallState]]]],
) -> None:
    """Three publishers tell of a few calls each, in full or what changed, and the gateway is killed in between."""
    clock = Clock()
    clock.rightNow = START
    scene = Scene(clock)
    line = scene.lamp()
    phones = [Phone(scene.network, "192.0.2.7", ALICE, port=6000 + number) for number in range(3)]
    etags: dict[int, str] = {}
    said: dict[int, dict[int, CallState]] = {}
    seed = 1
    for what, who, calls in script:
        if what == "restart":
            seed += 1
            kept = scene.gateway.killed()
            scene.gateway = scene.start(kept=kept, seed=seed)
            scene.network.drive(2)
            continue
        body = told(*[call(f"{who}.{number}", state) for number, state in calls], partial=what == "change")
        phone = phones[who]
        if what == "take back":
            if who in etags:
                assert scene.published(body=b"", etag=etags.pop(who), expires=0, phone=phone).status == 200
                del said[who]
            continue
        if who not in etags:
            said[who] = {}
        etags[who] = tag(scene.published(body=body, etag=etags.get(who, ""), phone=phone))
        said[who] = {**(said[who] if what == "change" else {}), **dict(calls)}
    line.send()
    scene.network.drive(2)
    live = sorted(
        state.value for calls in said.values() for state in calls.values() if state is not TERMINATED
    )
    assert sorted(shown(line)) == (live or ["terminated"])
    scene.gateway.killed()
