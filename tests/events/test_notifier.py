"""SUBSCRIBE in and NOTIFY out, as a phone on a network sees them."""

import re

import pytest
from twisted.internet.task import Clock
from twisted.logger import formatEvent, globalLogPublisher

from sip2xmpp.address import Address
from sip2xmpp.errors import NoSuchPresentity, NotAuthorized, TooMany, Unreachable
from sip2xmpp.events.notifier import SubscriptionLimits
from sip2xmpp.presence.policy import Handling
from sip2xmpp.presence.watching import Notification, Reason, Standing, Watch, Watcher
from sip2xmpp.sip.flow import HostPort
from sip2xmpp.sip.message import Request, Response
from tests.events.gateway import Gateway
from tests.events.phone import Line, Phone, Text, parameter
from tests.events.test_publication import SlowStore
from tests.fakes import Network
from tests.presence.test_agent import document

ALICE = "sip:alice@sip.example.org"
BOB = "sip:bob@sip.example.org"


def subscribed(phone: Phone, target: str = ALICE, expires: int | None = 600) -> Line:
    """A subscription that is up, its first NOTIFY answered."""
    line = phone.subscribe(target, expires)
    phone.network.drive(0.5)
    assert line.status == 200 and line.notifies
    return line


def sent_by_gateway(network: Network, what: bytes) -> list[bytes]:
    return [
        octets
        for octets, source, _ in network.datagrams
        if source.host == "192.0.2.1" and octets.startswith(what)
    ]


# A first SUBSCRIBE


def test_a_subscribe_is_answered_and_then_notified(network: Network, bob: Phone) -> None:
    line = subscribed(bob)
    assert (
        line.response["Expires"] == "600"
        and line.response["Allow-Events"] == "presence"
        and parameter(line.response["To"], "tag")
    )
    notify = line.last
    assert notify.state == "active" and notify.expires == 600 and notify["Event"] == "presence"
    assert notify["Content-Type"] == "application/pidf+xml" and b"closed" in notify.body
    sent = [octets for octets, source, _ in network.datagrams if source.host == "192.0.2.1"]
    assert sent[0].startswith(b"SIP/2.0 200") and sent[1].startswith(b"NOTIFY ")


def test_the_notify_is_the_peer_of_the_subscribe(bob: Phone) -> None:
    line = subscribed(bob)
    notify = line.last
    assert notify.start == "NOTIFY sip:192.0.2.20:5060 SIP/2.0"
    assert parameter(notify["To"], "tag") == line.tag
    assert parameter(notify["From"], "tag") == parameter(line.response["To"], "tag")
    assert notify["From"].startswith(f"<{ALICE}>") and notify["Call-ID"] == line.call_id
    assert notify["Max-Forwards"] == "70" and notify["Contact"] == line.response["Contact"]


@pytest.mark.parametrize("event", ["", "no-such-package", "presence.winfo"])
def test_an_unknown_package_is_refused_with_those_there_are(bob: Phone, network: Network, event: str) -> None:
    line = bob.subscribe(ALICE, event=event)
    network.drive(0.5)
    assert line.status == 489 and line.response["Allow-Events"] == "presence"
    assert not line.notifies


@pytest.mark.parametrize("event", ["presence;id=4711", "Presence", "presence ; id=a;x=y"])
def test_the_event_goes_back_byte_for_byte(bob: Phone, network: Network, event: str) -> None:
    line = bob.subscribe(ALICE, event=event)
    network.drive(0.5)
    assert line.last["Event"] == event


@pytest.mark.parametrize(
    ("asked", "granted"), [(None, 3600), (60, 60), (7200, 7200), (7201, 7200), (2**32 - 1, 7200)]
)
def test_the_lifetime_is_never_longer_than_asked_for(
    bob: Phone, network: Network, asked: int | None, granted: int
) -> None:
    line = bob.subscribe(ALICE, asked)
    network.drive(0.5)
    assert line.response["Expires"] == str(granted) and line.last.expires == granted


@pytest.mark.parametrize("asked", [1, 59])
def test_a_lifetime_too_brief_is_refused_with_the_least(bob: Phone, network: Network, asked: int) -> None:
    line = bob.subscribe(ALICE, asked)
    network.drive(0.5)
    assert line.status == 423 and line.response["Min-Expires"] == "60"


def test_a_watcher_that_accepts_nothing_we_write_gets_406(bob: Phone, network: Network) -> None:
    line = bob.subscribe(ALICE, headers="Accept: application/simple-message-summary\r\n")
    network.drive(0.5)
    assert line.status == 406


def test_somebody_whom_we_do_not_have_is_404(network: Network, clock: Clock) -> None:
    Gateway(network, users=lambda address: address.local == "alice")
    phone = Phone(network, "192.0.2.20", BOB)
    line = phone.subscribe("sip:nobody@sip.example.org")
    network.drive(0.5)
    assert line.status == 404 and not line.notifies


def test_a_subscribe_without_a_contact_is_400(bob: Phone, network: Network) -> None:
    exchange = bob.request("SUBSCRIBE", ALICE, headers="Event: presence\r\nExpires: 600\r\n")
    network.drive(0.5)
    assert exchange.status == 400


def test_record_route_comes_back_and_makes_the_route_of_the_notify(bob: Phone, network: Network) -> None:
    routes = "Record-Route: <sip:192.0.2.20;lr;a=1>, <sip:192.0.2.99:5070;lr>\r\n"
    line = bob.subscribe(ALICE, headers=routes)
    network.drive(0.5)
    assert ", ".join(line.response.all("Record-Route")) == "<sip:192.0.2.20;lr;a=1>, <sip:192.0.2.99:5070;lr>"
    assert ", ".join(line.last.all("Route")) == "<sip:192.0.2.20;lr;a=1>, <sip:192.0.2.99:5070;lr>"


@pytest.mark.parametrize("route", ["nonsense", "<sip:>", "<tel:1>", "<sip:192.0.2.9;lr>, <"])
def test_a_route_that_no_notify_could_follow_is_400(bob: Phone, network: Network, route: str) -> None:
    line = bob.subscribe(ALICE, headers=f"Record-Route: {route}\r\n")
    network.drive(0.5)
    assert line.status == 400 and not line.notifies


def test_a_watcher_may_not_have_more_subscriptions_than_the_limit(network: Network) -> None:
    gateway = Gateway(network, subscriptions=SubscriptionLimits(per_watcher=2))
    phone = Phone(network, "192.0.2.20", BOB)
    first, second, third = (phone.subscribe(ALICE) for _ in range(3))
    network.drive(0.5)
    assert (first.status, second.status, third.status) == (200, 200, 403)
    fetched = phone.subscribe(ALICE, 0)
    first.unsubscribe()
    network.drive(0.5)
    assert fetched.status == 200
    again = phone.subscribe(ALICE)
    network.drive(0.5)
    assert again.status == 200 and len(gateway.notifier) == 2


# Changes


def test_every_change_is_notified_with_the_next_cseq(bob: Phone, alice: Phone, network: Network) -> None:
    line = subscribed(bob)
    first = alice.publish(document("away"))
    network.drive(0.5)
    alice.publish(document("busy"), etag=first.responses[0]["SIP-ETag"])
    network.drive(0.5)
    assert [notify.cseq for notify in line.notifies] == [1, 2, 3]
    assert b"away" in line.notifies[1].body and b"busy" in line.last.body


def test_a_change_that_this_watcher_does_not_see_is_not_notified(
    bob: Phone, alice: Phone, network: Network
) -> None:
    line = subscribed(bob)
    first = alice.publish(document("away"))
    network.drive(0.5)
    alice.publish(etag=first.responses[0]["SIP-ETag"])
    network.drive(0.5)
    assert len(line.notifies) == 2


def test_one_notify_is_in_flight_and_the_newest_state_is_next(
    bob: Phone, alice: Phone, network: Network
) -> None:
    line = subscribed(bob)
    line.answer = lambda notify: None
    etag = ""
    for activity in ("away", "busy", "meeting", "on-the-phone"):
        exchange = alice.publish(document(activity), etag=etag)
        network.drive(0.4)
        etag = exchange.responses[0]["SIP-ETag"]
    assert len({text.branch for text in map(Text, sent_by_gateway(network, b"NOTIFY"))}) == 2
    line.answer = lambda notify: "200 OK"
    network.drive(5)
    assert [b"away" in n.body or b"on-the-phone" in n.body for n in line.notifies[1:]] == [True, True]
    assert len(line.notifies) == 3


def test_a_change_comes_with_the_seconds_that_are_left(bob: Phone, alice: Phone, network: Network) -> None:
    line = subscribed(bob)
    network.drive(100)
    alice.publish(document("away"))
    network.drive(0.5)
    assert line.last.expires == 500


# Refresh, end, fetch


def test_a_refresh_is_answered_and_notified_with_the_full_state(
    bob: Phone, alice: Phone, network: Network
) -> None:
    line = subscribed(bob)
    alice.publish(document("away"))
    network.drive(300)
    line.send(600)
    network.drive(0.5)
    assert line.status == 200 and len(line.notifies) == 3
    assert b"away" in line.last.body and line.last.expires == 600
    network.drive(400)
    assert line.last.state == "active"


def test_a_refresh_from_another_place_moves_the_notifies(
    bob: Phone, alice: Phone, network: Network, gateway: Gateway
) -> None:
    line = subscribed(bob)
    other = Phone(network, "192.0.2.21", BOB)
    other.lines[line.call_id] = line
    line.phone = other
    line.send(600)
    network.drive(0.5)
    alice.publish(document("away"))
    network.drive(0.5)
    assert line.last.start == "NOTIFY sip:192.0.2.21:5060 SIP/2.0" and b"away" in line.last.body
    assert network.datagrams[-2][2] == HostPort("192.0.2.21", 5060)


def test_an_unsubscribe_is_answered_and_closed_with_the_last_state(
    bob: Phone, alice: Phone, network: Network, gateway: Gateway
) -> None:
    line = subscribed(bob)
    alice.publish(document("away"))
    network.drive(0.5)
    line.unsubscribe()
    network.drive(0.5)
    assert line.response["Expires"] == "0"
    assert (line.last.state, line.last.reason, line.last.expires) == ("terminated", "timeout", -1)
    assert b"away" in line.last.body
    assert len(gateway.notifier) == 0 and len(gateway.store.dialogs) == 0 and len(gateway.presence) == 0


def test_after_the_end_the_dialog_is_unknown(bob: Phone, network: Network) -> None:
    line = subscribed(bob)
    line.unsubscribe()
    network.drive(0.5)
    line.send(600)
    network.drive(0.5)
    assert line.status == 481 and len(line.notifies) == 2


def test_a_fetch_gets_the_state_once_and_leaves_nothing_behind(
    bob: Phone, alice: Phone, network: Network, gateway: Gateway
) -> None:
    alice.publish(document("away"))
    network.drive(0.5)
    line = bob.subscribe(ALICE, 0)
    network.drive(0.5)
    assert line.status == 200 and line.response["Expires"] == "0"
    assert len(line.notifies) == 1 and (line.last.state, line.last.reason) == ("terminated", "timeout")
    assert b"away" in line.last.body
    assert len(gateway.notifier) == 0 and len(gateway.store.dialogs) == 0 and len(gateway.presence) == 0


def test_a_subscription_that_is_not_refreshed_ends_at_its_time(
    bob: Phone, network: Network, gateway: Gateway
) -> None:
    line = subscribed(bob, expires=60)
    network.drive(58)
    assert len(line.notifies) == 1
    network.drive(3)
    assert (line.last.state, line.last.reason) == ("terminated", "timeout")
    assert len(gateway.notifier) == 0 and len(gateway.presence) == 0


def test_a_cseq_that_goes_back_is_refused(bob: Phone, network: Network) -> None:
    line = subscribed(bob)
    line.send(600)
    network.drive(0.5)
    line.send(600, cseq=1)
    network.drive(0.5)
    assert line.status == 500
    line.send(600, cseq=7)
    network.drive(0.5)
    assert line.status == 200


@pytest.mark.parametrize("change", ["event", "call_id", "tag", "remote_tag"])
def test_a_subscribe_in_a_dialog_that_is_not_there_is_481(bob: Phone, network: Network, change: str) -> None:
    line = subscribed(bob)
    setattr(line, change, "presence;id=other" if change == "event" else "other")
    bob.lines[line.call_id] = line
    line.send(600)
    network.drive(0.5)
    assert line.status == 481


def test_nobody_else_can_take_over_a_dialog(bob: Phone, network: Network) -> None:
    line = subscribed(bob)
    thief = Phone(network, "192.0.2.66", "sip:stranger@sip.example.org")
    stolen = Line(thief, ALICE, "presence", line.call_id, line.tag, 5, line.remote_tag, line.remote_target)
    thief.lines[line.call_id] = stolen
    stolen.send(600)
    network.drive(0.5)
    assert stolen.status == 403 and not stolen.notifies


# Policy


def test_an_undecided_watcher_is_pending_until_the_owner_decides(
    bob: Phone, alice: Phone, network: Network, gateway: Gateway
) -> None:
    gateway.decide("alice@sip.example.org", "bob@sip.example.org", Handling.CONFIRM)
    alice.publish(document("away"))
    line = subscribed(bob)
    assert line.last.state == "pending" and line.last.body == b"" and "Content-Type" not in line.last
    gateway.decide("alice@sip.example.org", "bob@sip.example.org", Handling.ALLOW)
    network.drive(0.5)
    assert line.states == ["pending", "active"] and b"away" in line.last.body


def test_a_blocked_watcher_is_refused(bob: Phone, network: Network, gateway: Gateway) -> None:
    gateway.decide("alice@sip.example.org", "bob@sip.example.org", Handling.BLOCK)
    line = bob.subscribe(ALICE)
    network.drive(0.5)
    assert line.status == 403 and not line.notifies


def test_a_watcher_that_becomes_blocked_is_rejected_without_a_word_of_state(
    bob: Phone, alice: Phone, network: Network, gateway: Gateway
) -> None:
    alice.publish(document("away"))
    line = subscribed(bob)
    gateway.decide("alice@sip.example.org", "bob@sip.example.org", Handling.BLOCK)
    network.drive(0.5)
    assert (line.last.state, line.last.reason, line.last.body) == ("terminated", "rejected", b"")
    assert len(gateway.notifier) == 0 and len(gateway.store.dialogs) == 0


def test_a_politely_blocked_watcher_gets_the_bytes_of_somebody_who_is_offline(
    bob: Phone, alice: Phone, network: Network, gateway: Gateway
) -> None:
    honest = subscribed(bob)
    gateway.decide("alice@sip.example.org", "bob@sip.example.org", Handling.POLITE_BLOCK)
    alice.publish(document("away"))
    network.drive(0.5)
    line = subscribed(bob)
    assert line.last.body == honest.notifies[0].body

    def shape(notify: Text) -> list[str]:
        return [re.sub(r"[0-9a-f]{8,}|s\d+@|t\d+x", "*", f"{name}: {value}") for name, value in notify.fields]

    assert shape(line.last) == shape(honest.notifies[0])


# What becomes of a NOTIFY


@pytest.mark.parametrize("status", [404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604])
def test_a_watcher_that_is_gone_is_forgotten_in_silence(
    bob: Phone, alice: Phone, network: Network, gateway: Gateway, status: int
) -> None:
    line = subscribed(bob)
    line.answer = lambda notify: f"{status} No"
    alice.publish(document("away"))
    network.drive(40)
    assert len(line.notifies) == 2
    assert len(gateway.notifier) == 0 and len(gateway.store.dialogs) == 0 and len(gateway.presence) == 0


@pytest.mark.parametrize("status", [302, 400, 403, 415, 486, 488, 500, 503, 600])
def test_a_watcher_that_did_not_like_one_notify_gets_the_next(
    bob: Phone, alice: Phone, network: Network, gateway: Gateway, status: int
) -> None:
    line = subscribed(bob)
    line.answer = lambda notify: f"{status} No"
    first = alice.publish(document("away"))
    network.drive(40)
    assert len(line.notifies) == 2
    line.answer = lambda notify: "200 OK"
    alice.publish(document("busy"), etag=first.responses[0]["SIP-ETag"])
    network.drive(0.5)
    assert len(line.notifies) == 3 and b"busy" in line.last.body


def test_a_watcher_that_does_not_answer_is_forgotten_after_timer_f(
    bob: Phone, alice: Phone, network: Network, gateway: Gateway
) -> None:
    line = subscribed(bob)
    line.answer = lambda notify: None
    alice.publish(document("away"))
    network.drive(31)
    assert len(gateway.notifier) == 1
    network.drive(2)
    assert len(gateway.notifier) == 0 and len(gateway.store.dialogs) == 0


def test_retry_after_is_respected_and_then_the_newest_state_sent(
    bob: Phone, alice: Phone, network: Network
) -> None:
    line = subscribed(bob)
    line.answer = lambda notify: "503 Busy\r\nRetry-After: 20 (soon)"
    first = alice.publish(document("away"))
    network.drive(1)
    line.answer = lambda notify: "200 OK"
    alice.publish(document("busy"), etag=first.responses[0]["SIP-ETag"])
    network.drive(18)
    assert len(line.notifies) == 2
    network.drive(3)
    assert len(line.notifies) == 3 and b"busy" in line.last.body


def test_a_second_pause_is_not_cut_short_by_the_first(bob: Phone, alice: Phone, network: Network) -> None:
    line = subscribed(bob)
    line.answer = lambda notify: "503 Busy\r\nRetry-After: 20"
    alice.publish(document("away"))
    network.drive(10)
    line.answer = lambda notify: "503 Busy\r\nRetry-After: 100"
    line.send(600)
    network.drive(1)
    line.answer = lambda notify: "200 OK"
    network.drive(80)
    assert len(line.notifies) == 3
    network.drive(20)
    assert len(line.notifies) == 4


def test_a_refresh_ends_a_pause(bob: Phone, alice: Phone, network: Network) -> None:
    line = subscribed(bob)
    line.answer = lambda notify: "503 Busy\r\nRetry-After: 300"
    alice.publish(document("away"))
    network.drive(1)
    line.answer = lambda notify: "200 OK"
    line.send(600)
    network.drive(1)
    assert len(line.notifies) == 3 and b"away" in line.last.body
    network.drive(320)
    assert len(line.notifies) == 3


def test_an_unsubscribe_during_a_notify_waits_for_it(
    bob: Phone, alice: Phone, network: Network, gateway: Gateway
) -> None:
    line = subscribed(bob)
    line.answer = lambda notify: None
    alice.publish(document("away"))
    network.drive(0.2)
    line.unsubscribe()
    network.drive(0.2)
    assert line.status == 200 and line.states == ["active", "active"]
    line.answer = lambda notify: "200 OK"
    network.drive(5)
    assert line.states == ["active", "active", "terminated"]
    assert len(gateway.notifier) == 0


# Other back ends


class Script:
    """A back end that does what a test says."""

    def __init__(self) -> None:
        self.refusal: Exception | None = None
        self.watchers: list[Watcher] = []
        self.stopped = 0
        self.refreshed = 0

    def watch(self, presentity: Address, watcher: Watcher, *, fetch: bool = False) -> Watch:
        if self.refusal is not None:
            raise self.refusal
        self.watchers.append(watcher)
        return self

    def stop(self) -> None:
        self.stopped += 1

    def refresh(self) -> None:
        self.refreshed += 1


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def scripted(network: Network, script: Script) -> Phone:
    Gateway(network, back_end=script)
    return Phone(network, "192.0.2.20", BOB)


@pytest.mark.parametrize(
    ("refusal", "status"),
    [(NoSuchPresentity("x"), 404), (NotAuthorized("x"), 403), (TooMany("x"), 480), (Unreachable("x"), 480)],
)
def test_a_refusal_of_the_back_end_becomes_a_status(
    scripted: Phone, script: Script, network: Network, refusal: Exception, status: int
) -> None:
    script.refusal = refusal
    line = scripted.subscribe(ALICE)
    network.drive(0.5)
    assert line.status == status and not line.notifies


def test_while_the_back_end_says_nothing_the_watcher_is_told_that_it_is_pending(
    scripted: Phone, script: Script, network: Network
) -> None:
    line = scripted.subscribe(ALICE)
    network.drive(1)
    assert line.status == 200 and not line.notifies
    network.drive(3)
    assert line.states == ["pending"]
    script.watchers[0].notified(Notification(standing=Standing.ACTIVE))
    network.drive(1)
    assert line.states == ["pending", "active"] and line.last.body == b""


def test_a_fetch_of_a_silent_back_end_is_answered_too(
    scripted: Phone, script: Script, network: Network
) -> None:
    line = scripted.subscribe(ALICE, 0)
    network.drive(12)
    assert line.states == ["terminated"] and line.last.body == b"" and script.stopped == 1


def test_an_end_from_the_back_end_reaches_the_watcher_with_reason_and_time(
    scripted: Phone, script: Script, network: Network
) -> None:
    line = scripted.subscribe(ALICE)
    network.drive(0.5)
    script.watchers[0].notified(
        Notification(standing=Standing.TERMINATED, reason=Reason.PROBATION, retry_after=30)
    )
    network.drive(0.5)
    assert line.last["Subscription-State"] == "terminated;reason=probation;retry-after=30"
    assert script.stopped == 0


def test_a_refresh_asks_the_back_end_again_and_is_answered_before_it_says_anything(
    scripted: Phone, script: Script, network: Network
) -> None:
    line = scripted.subscribe(ALICE)
    network.drive(0.5)
    script.watchers[0].notified(Notification(standing=Standing.PENDING))
    network.drive(0.5)
    line.send(600)
    network.drive(0.5)
    assert script.refreshed == 1 and line.states == ["pending", "pending"]
    script.watchers[0].notified(Notification(standing=Standing.PENDING))
    network.drive(0.5)
    assert len(line.notifies) == 2


# The way to the watcher


def test_a_subscription_over_tcp_is_notified_on_its_connection(network: Network, gateway: Gateway) -> None:
    peer = network.stream_peer("192.0.2.30")
    wires: list = []
    peer.connect(HostPort("192.0.2.1", 5060)).addCallback(wires.append)
    network.drive(0.1)
    wires[0].write(tcp_subscribe())
    network.drive(1)
    assert peer.arrived[0].startswith(b"SIP/2.0 200") and peer.arrived[1].startswith(b"NOTIFY sip:")
    assert b"Contact: <sip:192.0.2.1:5060;transport=tcp>" in peer.arrived[1]


def tcp_subscribe() -> bytes:
    return (
        f"SUBSCRIBE {ALICE} SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.30;branch=z9hG4bKtcp1\r\nMax-Forwards: 70\r\n"
        f"From: <{BOB}>;tag=a\r\nTo: <{ALICE}>\r\nCall-ID: tcp1\r\nCSeq: 1 SUBSCRIBE\r\nEvent: presence\r\n"
        "Contact: <sip:192.0.2.30:5060;transport=tcp>\r\nExpires: 600\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def test_when_the_connection_is_gone_the_watcher_is_found_by_its_contact(
    network: Network, gateway: Gateway, alice: Phone
) -> None:
    peer = network.stream_peer("192.0.2.30")
    wires: list = []
    peer.connect(HostPort("192.0.2.1", 5060)).addCallback(wires.append)
    network.drive(0.1)
    wires[0].write(tcp_subscribe())
    network.drive(0.1)
    wires[0].write(ok(peer.arrived[1]))
    network.drive(0.1)
    wires[0].close()
    network.drive(0.1)
    peer.answers = lambda request: ok(request.to_bytes())
    for activity in ("away", "busy"):
        alice.publish(document(activity))
        network.drive(2)
    notifies = [Text(octets) for octets in peer.arrived if octets.startswith(b"NOTIFY")]
    assert len(peer.wires) == 2
    assert [notify.cseq for notify in notifies] == sorted({notify.cseq for notify in notifies})
    assert b"away" in notifies[1].body and b"busy" in notifies[-1].body
    assert len(gateway.notifier) == 1


def ok(octets: bytes) -> bytes:
    text = Text(octets)
    lines = [f"{name}: {text[name]}" for name in ("Via", "From", "To", "Call-ID", "CSeq")]
    return ("SIP/2.0 200 OK\r\n" + "\r\n".join(lines) + "\r\nContent-Length: 0\r\n\r\n").encode()


def test_a_watcher_that_cannot_be_reached_at_all_is_given_up_in_the_end(
    network: Network, gateway: Gateway, alice: Phone
) -> None:
    peer = network.stream_peer("192.0.2.30")
    wires: list = []
    peer.connect(HostPort("192.0.2.1", 5060)).addCallback(wires.append)
    network.drive(0.1)
    wires[0].write(tcp_subscribe())
    network.drive(0.1)
    wires[0].write(ok(peer.arrived[1]))
    network.drive(0.1)
    wires[0].close()
    network.refuse(peer.transport, peer.place)
    network.drive(0.1)
    alice.publish(document("away"))
    network.drive(30)
    assert len(gateway.notifier) == 1
    network.drive(120)
    assert len(gateway.notifier) == 0 and len(gateway.store.dialogs) == 0


class OnePassword:
    """Credentials that answer any challenge once."""

    def answer(self, request: Request, response: Response) -> Request | None:
        if "Proxy-Authorization" in request.headers:
            return None
        again = Request(
            method=request.method, uri=request.uri, headers=request.headers.copy(), body=request.body
        )
        again.headers.set("Proxy-Authorization", "Digest ...")
        again.headers.set("CSeq", f"{request.cseq.number + 1} {request.method}")
        return again

    def preempt(self, request: Request) -> Request:
        return request


def test_a_proxy_on_the_way_that_asks_for_credentials_gets_them(network: Network) -> None:
    gateway = Gateway(network, credentials=OnePassword())
    bob = Phone(network, "192.0.2.20", BOB)
    alice = Phone(network, "192.0.2.10", ALICE)
    line = bob.subscribe(ALICE)
    line.answer = lambda notify: "200 OK" if "Proxy-Authorization" in notify else "407 Who Are You"
    network.drive(2)
    assert line.last.state == "active" and "Proxy-Authorization" in line.last
    alice.publish(document("away"))
    network.drive(2)
    assert b"away" in line.last.body and "Proxy-Authorization" in line.last
    numbers = [notify.cseq for notify in line.notifies]
    assert numbers == sorted(set(numbers)) and len(gateway.notifier) == 1


def test_a_challenge_that_cannot_be_answered_does_not_end_the_subscription(
    network: Network, gateway: Gateway, bob: Phone, alice: Phone
) -> None:
    line = subscribed(bob)
    line.answer = lambda notify: "401 Who Are You"
    first = alice.publish(document("away"))
    network.drive(40)
    assert len(line.notifies) == 3 and len(gateway.notifier) == 1
    line.answer = lambda notify: "200 OK"
    alice.publish(document("busy"), etag=first.responses[0]["SIP-ETag"])
    network.drive(1)
    assert b"busy" in line.last.body


def test_a_refresh_may_ask_for_another_form_of_body(bob: Phone, network: Network) -> None:
    line = subscribed(bob)
    line.send(600, headers="Accept: application/xpidf+xml\r\n")
    network.drive(0.5)
    assert [notify["Content-Type"] for notify in line.notifies] == [
        "application/pidf+xml",
        "application/xpidf+xml",
    ]
    line.send(600)
    network.drive(0.5)
    assert line.last["Content-Type"] == "application/xpidf+xml"
    line.send(600, headers="Accept: text/plain\r\n")
    network.drive(0.5)
    assert line.status == 406 and len(line.notifies) == 3


def test_a_refresh_that_cannot_be_stored_leaves_the_subscription_as_it_was(
    network: Network, clock: Clock
) -> None:
    store = SlowStore(clock)
    gateway = Gateway(network, store=store)
    bob, alice = Phone(network, "192.0.2.20", BOB), Phone(network, "192.0.2.10", ALICE)
    line = bob.subscribe(ALICE)
    network.drive(0.1)
    store.waiting.pop()(None)
    network.drive(1)
    store.broken = True
    line.send(600)
    network.drive(1)
    assert line.status == 500 and len(line.notifies) == 1 and len(gateway.notifier) == 1
    store.broken = False
    alice.publish(document("away"))
    network.drive(1)
    assert b"away" in line.last.body
    store.broken = True
    line.unsubscribe()
    network.drive(1)
    assert line.status == 500 and line.last.state == "terminated"


# Loss


def test_a_lost_answer_and_a_lost_notify_are_repeated_and_seen_once(
    network: Network, bob: Phone, gateway: Gateway
) -> None:
    lost: list[bytes] = []

    def drops(octets: bytes, source: HostPort, goal: HostPort) -> bool:
        kind = octets[:7]
        if source.host == "192.0.2.1" and kind not in lost:
            lost.append(kind)
            return True
        return False

    network.drops = drops
    line = bob.subscribe(ALICE)
    network.drive(5)
    assert lost == [b"SIP/2.0", b"NOTIFY "]
    assert line.status == 200 and [notify.cseq for notify in line.notifies] == [1]
    assert len(gateway.notifier) == 1


# Many watchers


def test_a_large_fan_out_does_not_delay_the_watchers_of_somebody_else(
    network: Network, gateway: Gateway, alice: Phone
) -> None:
    crowd = [Phone(network, f"10.0.{n // 250}.{n % 250}", BOB) for n in range(900)]
    lines = [phone.subscribe(ALICE) for phone in crowd]
    juliet = Phone(network, "192.0.2.70", "sip:juliet@sip.example.org")
    lone = Phone(network, "192.0.2.71", BOB).subscribe("sip:juliet@sip.example.org")
    network.drive(1)
    network.datagrams.clear()
    alice.publish(document("away"))
    juliet.publish(document("busy"))
    network.drive(2)
    order = [Text(octets)["Call-ID"] for octets in sent_by_gateway(network, b"NOTIFY")]
    assert len(order) == 901 and order.index(lone.call_id) < 60
    assert all(b"rpid:away" in line.last.body for line in lines) and b"rpid:busy" in lone.last.body


# The log


def test_each_change_of_a_subscription_is_one_line_without_the_state(
    network: Network, gateway: Gateway, bob: Phone, alice: Phone
) -> None:
    written: list[str] = []
    observer = lambda event: written.append(str(formatEvent(event)))  # noqa: E731
    globalLogPublisher.addObserver(observer)
    try:
        alice.publish(document("away"))
        line = subscribed(bob)
        line.send(300)
        network.drive(1)
        line.unsubscribe()
        network.drive(1)
    finally:
        globalLogPublisher.removeObserver(observer)
    pair = "bob@sip.example.org -> alice@sip.example.org (presence"
    assert [text for text in written if text.startswith("subscription ")] == [
        f"subscription created: {pair}, 600 s)",
        f"subscription refreshed: {pair}, 300 s)",
        f"subscription ended: {pair}), timeout",
    ]
    assert not any("away" in text for text in written)
