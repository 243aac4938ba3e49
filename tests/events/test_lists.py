"""Subscriptions to lists: of a service, and those that a SUBSCRIBE brings along."""

import gc
import random
import zlib
from collections.abc import Sequence
from typing import Any

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.documents.presence import Basic
from sip2xmpp.events.list_package import BODY_LIMIT, Lists
from sip2xmpp.events.package import EventPackage
from sip2xmpp.presence.list_state import ListState
from sip2xmpp.presence.policy import Handling
from sip2xmpp.sip.delivery import Credentials
from sip2xmpp.store.documents import GLOBAL
from sip2xmpp.store.records import Account
from tests.documents.test_event_filter import body as filters
from tests.events.gateway import Gateway
from tests.events.listing import ACCEPT, DOMAIN, SUPPORTED, body_of, lists_of, related, service
from tests.events.phone import Line, Phone
from tests.events.test_notifier import OnePassword
from tests.fakes import Network

ALICE, BOB, JULIET = (f"sip:{name}@{DOMAIN}" for name in ("alice", "bob", "juliet"))
FRIENDS = f"sip:friends@{DOMAIN}"
SALES = f"sip:sales@{DOMAIN}"
NOBODY = f"sip:lists@{DOMAIN}"

BODY = "Content-Type: application/resource-lists+xml\r\nContent-Disposition: recipient-list\r\n"

OPEN, CLOSED = (
    f'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="{BOB}"><tuple id="t"><status><basic>{word}</basic></status></tuple>'
    "</presence>".encode()
    for word in ("open", "closed")
)


def is_user(address: Address) -> bool:
    return address.domain == DOMAIN and (
        address.local in ("alice", "bob", "juliet") or address.local.startswith("user")
    )


class Scene:
    """Alice has a list of bob and juliet, and subscribes; everybody is allowed to see everybody."""

    def __init__(
        self,
        clock: Clock,
        *,
        room: int = 32_768,
        takes_bodies: bool = True,
        credentials: Credentials | None = None,
        **wires: Any,
    ) -> None:
        self.network = Network(clock, **wires)
        self.credentials = credentials
        self.room = room
        self.takes_bodies = takes_bodies
        self.gateway = self.start()
        self.documents = self.gateway.store.documents
        self.alice = Phone(self.network, "192.0.2.20", ALICE)
        self.bob = Phone(self.network, "192.0.2.21", BOB)
        self.serve(FRIENDS, "alice@sip.example.org", BOB, JULIET)
        for watcher in ("alice", "bob"):
            for presentity in ("bob", "juliet", "alice"):
                self.gateway.decide(f"{presentity}@{DOMAIN}", f"{watcher}@{DOMAIN}", Handling.ALLOW)

    def start(self, **options: Any) -> Gateway:
        return Gateway(self.network, users=is_user, lists=self.lists, credentials=self.credentials, **options)

    def lists(self, gateway: Gateway, packages: Sequence[EventPackage]) -> Lists:
        return lists_of(gateway, packages, is_user=is_user, room=self.room, takes_bodies=self.takes_bodies)

    def restart(self) -> None:
        """Kill the process, and start another one on what it had stored."""
        self.gateway = self.start(kept=self.gateway.killed(), seed=2)
        self.documents = self.gateway.store.documents

    def serve(self, address: str, owner: str, *uris: str, packages: tuple[str, ...] | None = None) -> None:
        self.documents.put(service(address, owner, *uris, packages=packages))

    def line(
        self, target: str = FRIENDS, *, headers: str = SUPPORTED, expires: int = 600, **options: Any
    ) -> Line:
        line = self.alice.subscribe(target, expires, headers=headers, **options)
        self.run()
        return line

    def bring(self, *uris: str, headers: str = SUPPORTED, target: str = NOBODY) -> Line:
        """A list in the body."""
        return self.line(target, headers=headers + BODY, body=body_of(*uris))

    def publish(self, body: bytes = OPEN) -> None:
        self.bob.publish(body)
        self.run()

    def run(self, seconds: float = 1.0) -> None:
        self.network.drive(seconds)


@pytest.fixture
def scene(clock: Clock) -> Scene:
    return Scene(clock)


def told(line: Line) -> list[tuple[int, bool, dict[str, str]]]:
    """Of each NOTIFY: version, whether it is full, and what it says of whom."""
    said = []
    for notify in line.notifies:
        taken = related(notify)
        states = {}
        for resource in taken.information.resources:
            word = ""
            for instance in resource.instances:
                word = instance.reason or instance.state.value
                if instance.cid:
                    word = "open" if b"<basic>open<" in taken.parts[instance.cid].body else "closed"
            states[resource.uri] = word
        said.append((taken.information.version, taken.information.full, states))
    return said


# A service


def test_a_list_is_told_in_full_and_then_what_changed(scene):
    line = scene.line()
    scene.publish()
    assert told(line) == [
        (0, True, {BOB: "closed", JULIET: "closed"}),
        (1, False, {BOB: "open"}),
    ]


def test_the_answer_and_every_notify_say_that_it_is_a_list(scene):
    line = scene.line()
    scene.publish()
    line.send()
    scene.run()
    assert line.response["Require"] == "eventlist"
    assert [notify["Require"] for notify in line.notifies] == ["eventlist"] * 3


def test_after_each_subscribe_the_state_is_full(scene):
    line = scene.line()
    scene.publish()
    line.send()
    scene.run()
    line.unsubscribe()
    scene.run()
    assert [full for _, full, _ in told(line)] == [True, False, True, True]
    assert [version for version, _, _ in told(line)] == [0, 1, 2, 3]
    assert line.states == ["active", "active", "active", "terminated"]


def test_the_list_is_called_as_the_watcher_calls_it(scene):
    line = scene.line("sip:Friends@sip.example.org")
    assert related(line.last).information.uri == "sip:Friends@sip.example.org"


def test_who_does_not_know_lists_is_told_that_they_are_required(scene):
    line = scene.line(headers=ACCEPT)
    assert line.status == 421
    assert line.response["Require"] == "eventlist"


def test_who_accepts_no_lists_gets_none(scene):
    assert scene.line(headers="Supported: eventlist\r\nAccept: application/pidf+xml\r\n").status == 406


def test_who_says_nothing_of_what_it_accepts_gets_a_list(scene):
    assert scene.line(headers="Supported: eventlist\r\n").status == 200


def test_a_package_that_the_list_is_not_about_is_refused(scene):
    scene.serve(FRIENDS, "alice@sip.example.org", BOB, packages=("dialog",))
    assert scene.line().status == 489


def test_an_unknown_list_is_not_found(scene):
    assert scene.line(NOBODY).status == 404


def test_the_list_of_somebody_else_is_refused(scene):
    scene.serve(FRIENDS, "bob@sip.example.org", JULIET)
    scene.serve(SALES, GLOBAL, BOB)
    scene.documents.remove("rls-services alice@sip.example.org index")
    assert scene.line().status == 403
    assert scene.line(SALES).status == 200


def test_a_user_is_never_hidden_behind_a_list(scene):
    scene.gateway.store.accounts.put(
        Account(address=Address("bob", DOMAIN), realm=DOMAIN, ha1_md5="", ha1_sha256="")
    )
    scene.serve(BOB, "alice@sip.example.org", JULIET)
    line = scene.line(BOB)
    assert line.last["Content-Type"].startswith("application/pidf+xml")
    assert "Require" not in line.last


def test_members_that_may_not_be_seen_are_told_with_the_reason(scene):
    scene.gateway.decide("bob@sip.example.org", "alice@sip.example.org", Handling.BLOCK)
    scene.gateway.decide("juliet@sip.example.org", "alice@sip.example.org", Handling.CONFIRM)
    line = scene.line()
    assert told(line) == [(0, True, {BOB: "rejected", JULIET: "pending"})]


def test_a_member_that_is_politely_blocked_looks_like_one_who_is_offline(scene):
    scene.gateway.decide("bob@sip.example.org", "alice@sip.example.org", Handling.POLITE_BLOCK)
    scene.publish()
    line = scene.line()
    parts = related(line.last).parts
    bodies = {part.body.replace(b"juliet", b"bob") for part in parts.values()}
    assert len(parts) == 2
    assert len(bodies) == 1


def test_another_list_in_the_document_is_told_at_once(scene):
    line = scene.line()
    scene.serve(FRIENDS, "alice@sip.example.org", BOB, ALICE)
    scene.run()
    assert told(line)[1:] == [(1, True, {BOB: "closed", ALICE: "closed"})]


def test_a_service_that_is_gone_ends_the_subscription(scene):
    line = scene.line()
    scene.documents.remove("rls-services alice@sip.example.org index")
    scene.run()
    assert (line.last.state, line.last.reason) == ("terminated", "noresource")
    assert len(scene.gateway.notifier) == 0


def test_a_fetch_has_the_state_of_everybody(scene):
    scene.publish()
    line = scene.line(expires=0)
    assert told(line) == [(0, True, {BOB: "open", JULIET: "closed"})]
    assert line.states == ["terminated"]
    assert not scene.gateway.presence.is_watched(Address("bob", DOMAIN))


def test_unsubscribing_stops_all_watches(scene):
    line = scene.line()
    assert len(scene.gateway.presence) == 2
    line.unsubscribe()
    scene.run()
    assert len(scene.gateway.presence) == 0
    assert len(scene.gateway.store.dialogs) == 0


FILTER = SUPPORTED + "Content-Type: application/simple-filter+xml\r\n"
ONLY_BASIC = "<what><include>//pidf:tuple/pidf:status/pidf:basic</include></what>"
AWAY = OPEN.replace(b"</status>", b"</status><note>Away</note>")


def test_filters_hold_for_the_documents_of_members(scene):
    scene.publish(AWAY)
    inside = f'<filter id="1">{ONLY_BASIC}</filter>'
    line = scene.line(headers=FILTER, body=filters(inside))
    whole = scene.line()
    assert b"Away" in whole.last.body
    assert b"Away" not in line.last.body
    assert told(line) == [(0, True, {BOB: "open", JULIET: "closed"})]
    scene.publish(OPEN)
    assert len(whole.notifies) == 2
    assert len(line.notifies) == 1, "what it is shown has not changed"


@pytest.mark.parametrize(
    ("whose", "is_filtered"), [(f'uri="{BOB}"', True), (f'uri="{JULIET}"', False), (f'uri="{FRIENDS}"', True)]
)
def test_filters_are_about_a_member_or_the_list(scene, whose, is_filtered):
    scene.publish(AWAY)
    line = scene.line(headers=FILTER, body=filters(f'<filter id="1" {whose}>{ONLY_BASIC}</filter>'))
    assert (b"Away" not in line.last.body) == is_filtered


def test_filters_are_in_force_after_a_refresh_and_a_restart(scene):
    scene.publish(AWAY)
    line = scene.line(headers=FILTER, body=filters(f'<filter id="1">{ONLY_BASIC}</filter>'))
    line.send(headers=SUPPORTED)
    scene.run()
    scene.restart()
    scene.run(2)
    assert len(line.notifies) == 3
    assert all(b"open" in notify.body and b"Away" not in notify.body for notify in line.notifies)


def test_triggers_are_not_taken_for_a_list(scene):
    inside = '<filter id="1"><trigger><added>//rpid:busy</added></trigger></filter>'
    assert scene.line(headers=FILTER, body=filters(inside)).status == 488


def test_filters_alone_make_no_list(scene):
    line = scene.line(NOBODY, headers=FILTER, body=filters(f'<filter id="1">{ONLY_BASIC}</filter>'))
    assert line.status == 404


def test_other_bodies_are_not_taken_for_a_list(scene):
    line = scene.line(headers=SUPPORTED + "Content-Type: text/plain\r\n", body=b"<x/>")
    assert line.status == 415


@pytest.mark.parametrize(
    ("agent", "line"),
    [("Linphone/5.1.65 (belle-sip/5.1.64)", b"\r\nContent-Id: 1."), ("Blink 5.9", b"\r\nContent-ID: <1.")],
)
def test_parts_are_named_as_the_client_reads_them(scene, agent, line):
    phone = Phone(scene.network, "192.0.2.30", ALICE, agent=agent)
    subscription = phone.subscribe(FRIENDS, headers=SUPPORTED)
    scene.run()
    assert line in subscription.last.body


def test_the_event_is_echoed_as_it_was_written(scene):
    assert scene.line(event="Presence").last["Event"] == "Presence"


@pytest.mark.parametrize(
    ("agent", "event"),
    [
        ("Linphonec/5.1.65", "Presence"),
        ("LinphoneAndroid/5.2.5 (Phone) LinphoneSDK/5.3.48", "Presence"),
        ("LinphoneAndroid/6.0.0 (Phone) LinphoneSDK/5.4.0", "presence"),
        ("Blink 5.9", "presence"),
    ],
)
def test_the_event_is_called_as_the_client_reads_it(scene, agent, event):
    phone = Phone(scene.network, "192.0.2.30", ALICE, agent=agent)
    subscription = phone.subscribe(FRIENDS, headers=SUPPORTED)
    single = phone.subscribe(BOB)
    scene.run()
    assert subscription.last["Event"] == event
    assert single.last["Event"] == "presence"


# A list in the body


def test_a_list_may_be_in_the_body(scene):
    scene.publish()
    line = scene.bring(BOB, JULIET)
    assert told(line) == [(0, True, {BOB: "open", JULIET: "closed"})]


def test_a_list_may_be_squeezed(scene):
    headers = SUPPORTED + BODY + "Content-Encoding: deflate\r\n"
    line = scene.line(NOBODY, headers=headers, body=zlib.compress(body_of(BOB)))
    assert told(line) == [(0, True, {BOB: "closed"})]


def test_members_are_called_as_the_list_calls_them(scene):
    line = scene.bring("sip:BOB@sip.example.org:5070;transport=tcp")
    assert list(told(line)[0][2]) == ["sip:BOB@sip.example.org:5070;transport=tcp"]


def test_a_refresh_with_the_same_list_or_none_leaves_it(scene):
    line = scene.bring(BOB)
    line.send(headers=SUPPORTED)
    scene.run()
    line.send(headers=SUPPORTED + BODY, body=body_of(BOB))
    scene.run()
    assert [sorted(states) for _, _, states in told(line)] == [[BOB], [BOB], [BOB]]
    assert len(scene.gateway.presence) == 1


def test_another_list_in_a_refresh_takes_its_place(scene):
    line = scene.bring(BOB)
    line.send(headers=SUPPORTED + BODY, body=body_of(JULIET, ALICE))
    scene.run()
    assert told(line)[1:] == [(1, True, {JULIET: "closed", ALICE: "closed"})]
    assert not scene.gateway.presence.is_watched(Address("bob", DOMAIN))


def test_another_list_while_a_notify_is_under_way_is_told_after_it(scene):
    line = scene.bring(BOB)
    line.answer = lambda notify: None
    scene.publish()
    line.send(headers=SUPPORTED + BODY, body=body_of(JULIET))
    scene.run(3)
    line.answer = lambda notify: "200 OK"
    scene.run(8)
    assert told(line)[-1][1:] == (True, {JULIET: "closed"})


def test_a_list_in_a_body_needs_one_who_knows_lists(scene):
    assert scene.bring(BOB, headers=ACCEPT).status == 421


def test_only_our_own_users_bring_lists(scene):
    phone = Phone(scene.network, "192.0.2.31", "sip:romeo@example.net")
    line = phone.subscribe(NOBODY, headers=SUPPORTED + BODY, body=body_of(BOB))
    scene.run()
    assert line.status == 403


def test_the_address_of_a_user_takes_no_lists(scene):
    assert scene.bring(JULIET, target=BOB).status == 415


def test_a_service_takes_no_other_list(scene):
    assert scene.bring(BOB, target=FRIENDS).status == 415


def test_nobody_takes_the_address_to_which_others_send_their_lists(scene):
    scene.serve(NOBODY, "bob@sip.example.org", JULIET)
    line = scene.bring(BOB)
    assert line.status == 200
    assert told(line)[-1][2] == {BOB: "closed"}


def test_lists_in_bodies_can_be_switched_off(clock):
    scene = Scene(clock, takes_bodies=False)
    assert scene.bring(BOB).status == 415


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (b"<no", "", 400),
        (b'<resource-lists xmlns="urn:example"/>', "", 400),
        (b"no zlib", "deflate", 400),
        (zlib.compress(body_of(BOB))[:-6], "deflate", 400),
        (zlib.compress(b" " * (BODY_LIMIT + 1)), "deflate", 400),
        (body_of(BOB), "br", 415),
        (b"x" * (BODY_LIMIT + 1), "", 413),
        (body_of(*[f"sip:u{number}@{DOMAIN}" for number in range(1001)]), "", 413),
    ],
)
def test_bad_lists_are_refused(scene, body, encoding, status):
    headers = SUPPORTED + BODY + (f"Content-Encoding: {encoding}\r\n" if encoding else "")
    assert scene.line(NOBODY, headers=headers, body=body).status == status


def test_a_body_of_another_kind_in_a_refresh_is_refused(scene):
    line = scene.bring(BOB)
    line.send(headers=SUPPORTED + "Content-Type: text/plain\r\n", body=b"x")
    scene.run()
    assert line.status == 415
    scene.publish()
    assert told(line)[-1] == (1, False, {BOB: "open"})


def test_a_list_that_is_required_has_to_be_there(scene):
    assert scene.line(headers=SUPPORTED + "Require: recipient-list-subscribe\r\n").status == 400


def test_options_tells_of_lists(scene):
    asked = scene.alice.request("OPTIONS", "sip:192.0.2.1")
    scene.run()
    assert asked.final["Supported"] == "eventlist, recipient-list-subscribe"


def test_an_empty_list_is_told(scene):
    assert told(scene.bring()) == [(0, True, {})]


# Terms


def test_who_has_what_it_would_be_told_is_told_nothing(scene):
    line = scene.line()
    tag = line.last["SIP-ETag"]
    line.send(headers=SUPPORTED + f"Suppress-If-Match: {tag}\r\n")
    scene.run()
    assert line.status == 204
    assert len(line.notifies) == 1
    scene.publish()
    assert told(line)[-1] == (1, True, {BOB: "open", JULIET: "closed"})
    assert line.last["SIP-ETag"] != tag


def test_the_tag_is_the_same_in_another_subscription(scene):
    scene.publish()
    tag = scene.line().last["SIP-ETag"]
    again = scene.line(headers=SUPPORTED + f"Suppress-If-Match: {tag}\r\n")
    assert again.status == 200
    assert again.last.body == b""


def test_news_may_be_asked_for_less_often(scene):
    line = scene.line(event="presence;max-rate=0.1")
    scene.publish()
    scene.publish(CLOSED)
    scene.publish()
    assert len(line.notifies) == 1
    scene.run(12)
    assert told(line)[1:] == [(1, False, {BOB: "open"})]


# Size


def test_what_has_no_room_in_one_notify_comes_in_the_next(clock):
    scene = Scene(clock, room=4_000)
    uris = [f"sip:user{number}@{DOMAIN}" for number in range(60)]
    scene.serve(FRIENDS, "alice@sip.example.org", *uris)
    line = scene.line()
    scene.run(5)
    said = told(line)
    assert [full for _, full, _ in said] == [True] + [False] * (len(said) - 1)
    assert [version for version, _, _ in said] == list(range(len(said)))
    assert max(len(notify.body) for notify in line.notifies) <= 4_000
    known: dict[str, str] = {}
    for _, _, states in said:
        known.update(states)
    assert known == dict.fromkeys(uris, "closed")


def test_who_refuses_a_portion_is_not_told_the_rest_until_there_is_news(clock):
    scene = Scene(clock, room=4_000)
    scene.serve(
        FRIENDS, "alice@sip.example.org", BOB, *[f"sip:user{number}@{DOMAIN}" for number in range(60)]
    )
    line = scene.alice.subscribe(FRIENDS, headers=SUPPORTED)
    line.answer = lambda notify: "488 Not Acceptable Here"
    scene.run(30)
    told_so_far = len(line.notifies)
    assert told_so_far == 1
    line.answer = lambda notify: "200 OK"
    scene.publish()
    scene.run(5)
    assert told(line)[told_so_far][1] is True
    known: dict[str, str] = {}
    for _, _, states in told(line)[told_so_far:]:
        known.update(states)
    assert len(known) == 61
    assert known[BOB] == "open"


def test_nothing_is_kept_of_portions_that_were_told(clock):
    scene = Scene(clock, room=4_000)
    uris = [f"sip:user{number}@{DOMAIN}" for number in range(60)]
    scene.serve(FRIENDS, "alice@sip.example.org", BOB, *uris)
    gc.collect()
    before = {id(each) for each in gc.get_objects() if isinstance(each, ListState)}
    line = scene.line()
    scene.run(5)
    scene.publish()
    gc.collect()
    states = [each for each in gc.get_objects() if isinstance(each, ListState) and id(each) not in before]
    assert len(line.notifies) > 3
    assert len(states) == 1


def test_a_way_that_asks_for_credentials_each_time_carries_all_portions_once(clock):
    scene = Scene(clock, room=4_000, credentials=OnePassword())
    uris = [f"sip:user{number}@{DOMAIN}" for number in range(60)]
    scene.serve(FRIENDS, "alice@sip.example.org", *uris)
    line = scene.alice.subscribe(FRIENDS, headers=SUPPORTED)
    line.answer = lambda notify: "200 OK" if "Proxy-Authorization" in notify else "407 Who Are You"
    scene.run(20)
    line.notifies = [notify for notify in line.notifies if "Proxy-Authorization" in notify]
    said = told(line)
    assert [full for _, full, _ in said] == [True] + [False] * (len(said) - 1)
    assert [version - said[0][0] for version, _, _ in said] == list(range(len(said)))
    known: dict[str, str] = {}
    for _, _, states in said:
        known.update(states)
    assert known == dict.fromkeys(uris, "closed")


def test_one_user_has_so_many_lists_at_most(scene):
    statuses = [scene.line().status for _ in range(21)]
    assert statuses == [200] * 20 + [480]


# After a restart, and on bad wires


@pytest.mark.parametrize("brought", [False, True])
def test_lists_survive_a_restart(scene, brought):
    line = scene.bring(BOB, JULIET) if brought else scene.line()
    scene.restart()
    scene.run(2)
    scene.publish()
    said = told(line)
    assert said[1][1:] == (True, {BOB: "closed", JULIET: "closed"})
    assert said[2][1:] == (False, {BOB: "open"})
    assert said[1][0] > said[0][0]
    line.unsubscribe()
    scene.run()
    assert line.states[-1] == "terminated"
    assert len(scene.gateway.presence) == 0


@pytest.mark.parametrize("room", [2_048, 32_768])
@pytest.mark.parametrize("seed", range(8))
def test_a_list_survives_bad_wires(clock, seed, room):
    scene = Scene(clock, room=room, rng=random.Random(seed), loss=0.2, duplication=0.2, jitter=0.1)
    crowd = [f"sip:user{number}@{DOMAIN}" for number in range(12)]
    scene.serve(FRIENDS, "alice@sip.example.org", *crowd, BOB, JULIET)
    line = scene.line()
    for number in range(5):
        scene.publish(CLOSED if number % 2 else OPEN)
        if number == seed % 5:
            line.send(headers=SUPPORTED)
    if seed % 2:
        scene.restart()
    scene.serve(FRIENDS, "alice@sip.example.org", *crowd[3:], BOB, ALICE)
    scene.run(90)
    known: dict[str, str] = {}
    for _, full, states in told(line):
        known = states if full else {**known, **states}
    # a PUBLISH may have been lost for good, but not what was heard of it
    document = scene.gateway.presence.composed(Address("bob", DOMAIN))
    heard = document.tuples and document.tuples[0].basic is Basic.OPEN
    assert known == {**dict.fromkeys([*crowd[3:], ALICE], "closed"), BOB: "open" if heard else "closed"}
    versions = [version for version, _, _ in told(line)]
    assert versions == sorted(set(versions))
