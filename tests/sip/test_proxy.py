"""The forwarding proxy between two parties on a network in memory."""

import random
from collections.abc import Callable
from time import process_time
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from sip2xmpp.sip.agent import UserAgent
from sip2xmpp.sip.dns import AddressRecord, Naptr, Srv
from sip2xmpp.sip.flow import Flow, HostPort, Target, Transport
from sip2xmpp.sip.headers import NameAddr
from sip2xmpp.sip.message import Request, Response, make_request, make_response, parse_message
from sip2xmpp.sip.proxy import ForwardingProxy
from sip2xmpp.sip.record_route import RecordRoutes
from sip2xmpp.sip.server_transaction import ServerTransaction
from sip2xmpp.sip.uri import SipUri
from tests.fakes import Host, Network, RawPeer

US = HostPort("192.0.2.1", 5060)
ALICE = HostPort("192.0.2.10", 5060)
BOB = HostPort("192.0.2.20", 5060)
SPARE = HostPort("192.0.2.21", 5060)
OURS = {"sip.example.org", "192.0.2.1"}


class Zone:
    """Two servers of example.com, one after the other; those of example.net are the same and speak TCP."""

    def naptr(self, name: str) -> "Deferred[tuple[Naptr, ...]]":
        return succeed(())

    def srv(self, name: str) -> "Deferred[tuple[Srv, ...]]":
        if name not in {"_sip._udp.example.com", "_sip._tcp.example.net"}:
            return succeed(())
        return succeed(
            tuple(Srv(priority=at, weight=0, port=5060, target=f"s{at}.example.com") for at in (0, 1))
        )

    def addresses(self, name: str) -> "Deferred[tuple[AddressRecord, ...]]":
        hosts = {"s0.example.com": BOB.host, "s1.example.com": SPARE.host, "loop.example.com": US.host}
        return succeed((AddressRecord(host=hosts[name]),) if name in hosts else ())


class Way:
    """Forwards whatever comes."""

    def __init__(self) -> None:
        self.target: str | None = None
        self.signed: list[bool] = []
        self.proxy: ForwardingProxy

    def request_received(self, transaction: ServerTransaction, request: Request) -> None:
        self.signed.append(self.proxy.has_signed_route(request))
        self.proxy.forward(transaction, request, self.target)


@pytest.fixture
def network(clock: Clock) -> Network:
    return Network(clock)


@pytest.fixture
def host(network: Network) -> Host:
    return network.host(US.host)


Build = Callable[..., Way]


@pytest.fixture
def build(host: Host, clock: Clock) -> Build:
    def build(**options: Any) -> Way:
        agent = UserAgent(transports=host, clock=clock, rng=random.Random(1))
        way = Way()
        way.proxy = ForwardingProxy(
            agent=agent,
            dns=Zone(),
            rng=random.Random(2),
            secret=b"secret",
            is_ourselves=OURS.__contains__,
            **options,
        )
        for method in ("MESSAGE", "SUBSCRIBE", "NOTIFY"):
            agent.serve(method, way)
        return way

    return build


@pytest.fixture
def way(build: Build) -> Way:
    return build()


@pytest.fixture
def alice(network: Network) -> RawPeer:
    return network.peer(ALICE.host)


def ok(request: Request) -> bytes:
    return make_response(request, 200, to_tag="remote").to_bytes()


@pytest.fixture
def bob(network: Network) -> RawPeer:
    peer = network.peer(BOB.host)
    peer.answers = ok
    return peer


@pytest.fixture
def spare(network: Network) -> RawPeer:
    peer = network.peer(SPARE.host)
    peer.answers = ok
    return peer


def sent(
    *headers: tuple[str, str],
    method: str = "MESSAGE",
    uri: str = f"sip:bob@{BOB}",
    to: str = "<sip:bob@example.com>",
    branch: str = "z9hG4bKalice",
    contact: str = f"<sip:alice@{ALICE}>",
    body: bytes = b"hello",
    cseq: int = 1,
    **options: Any,
) -> Request:
    """A request of Alice's."""
    request = make_request(
        method,
        uri,
        from_="<sip:alice@sip.example.org>;tag=a",
        to=to,
        call_id="call-1",
        cseq=cseq,
        headers=[("Contact", contact), *headers],
        body=body,
        content_type="text/plain",
        **options,
    )
    request.headers.prepend("Via", f"SIP/2.0/UDP {ALICE};branch={branch};rport")
    return request


def exchange(network: Network, alice: RawPeer, request: Request, seconds: float = 0.5) -> Response:
    alice.send(request.to_bytes(), US)
    network.drive(seconds)
    return alice.responses[-1]


# there and back


def test_a_request_goes_to_where_its_uri_leads_and_the_response_comes_back(
    network: Network, way: Way, alice: RawPeer, bob: RawPeer
) -> None:
    response = exchange(network, alice, sent(("X-Own", "1")))
    [request] = bob.requests
    assert request.uri == f"sip:bob@{BOB}"
    assert [via.host for via in request.vias] == [US.host, ALICE.host]
    assert request.vias[1].received == ALICE.host
    assert request.max_forwards == 69
    assert request.body == b"hello"
    assert request.headers.get("X-Own") == "1"
    assert request.record_route == []
    assert "User-Agent" not in request.headers
    assert response.status == 200
    assert response.to.tag == "remote"
    assert [via.branch for via in response.vias] == ["z9hG4bKalice"]


@pytest.mark.parametrize("status", [202, 302, 401, 404, 489, 504, 603])
def test_a_final_response_is_handed_back_as_it_is(
    network: Network, way: Way, alice: RawPeer, bob: RawPeer, status: int
) -> None:
    bob.answers = lambda request: make_response(
        request, status, "So be it", headers=[("WWW-Authenticate", 'Digest realm="example.com"')]
    ).to_bytes()
    response = exchange(network, alice, sent())
    assert (response.status, response.reason) == (status, "So be it")
    assert response.headers.get("WWW-Authenticate") == 'Digest realm="example.com"'


def test_a_repeated_request_is_forwarded_once(
    network: Network, way: Way, alice: RawPeer, bob: RawPeer
) -> None:
    for _ in range(3):
        exchange(network, alice, sent())
    assert len(bob.requests) == 1
    assert len(alice.responses) == 3


def test_a_lossy_network_only_costs_time(
    clock: Clock, network: Network, way: Way, alice: RawPeer, bob: RawPeer
) -> None:
    network.loss, network.duplication, network.jitter = 0.3, 0.2, 0.2
    for number in range(20):
        request = sent(branch=f"z9hG4bK{number}", cseq=number).to_bytes()
        for at in (0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5):
            clock.callLater(at, alice.send, request, US)
    network.drive(40)
    assert {response.cseq.number for response in alice.responses if response.status == 200} == set(range(20))


# validation


def test_no_hops_left_is_483(network: Network, way: Way, alice: RawPeer, bob: RawPeer) -> None:
    assert exchange(network, alice, sent(max_forwards=0)).status == 483
    assert bob.requests == []


def test_a_request_without_max_forwards_gets_one(
    network: Network, way: Way, alice: RawPeer, bob: RawPeer
) -> None:
    request = sent()
    request.headers.remove("Max-Forwards")
    exchange(network, alice, request)
    assert bob.requests[0].headers.get("Max-Forwards") == "70"


def test_what_the_sender_demands_of_proxies_is_refused(
    network: Network, way: Way, alice: RawPeer, bob: RawPeer
) -> None:
    response = exchange(network, alice, sent(("Proxy-Require", "foo, bar")))
    assert (response.status, response.headers.get("Unsupported")) == (420, "foo, bar")
    assert bob.requests == []


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"uri": "tel:+1"}, 416),
        ({"uri": "sip:bob@nowhere.example"}, 480),
        ({"uri": "sip:bob@loop.example.com"}, 480),
    ],
)
def test_a_uri_that_leads_nowhere_is_refused(
    network: Network, way: Way, alice: RawPeer, changes: dict[str, Any], status: int
) -> None:
    assert exchange(network, alice, sent(**changes)).status == status


@pytest.mark.parametrize("route", ["<sip:p", "p", "<tel:+1>"])
def test_a_route_that_cannot_be_followed_is_refused(
    network: Network, way: Way, alice: RawPeer, route: str
) -> None:
    assert exchange(network, alice, sent(("Route", route))).status in {400, 416}


def test_the_operator_says_which_servers_may_be_reached(
    network: Network, build: Build, alice: RawPeer, bob: RawPeer
) -> None:
    asked: list[Target] = []
    build(permits=asked.append)
    assert exchange(network, alice, sent()).status == 403
    assert [target.host for target in asked] == [BOB.host]
    assert bob.requests == []


def test_a_request_that_comes_back_to_us_unchanged_is_a_loop(
    network: Network, way: Way, alice: RawPeer
) -> None:
    other = network.peer(BOB.host)

    def send_back(request: Request) -> None:
        request.headers.prepend("Via", f"SIP/2.0/UDP {BOB};branch=z9hG4bKother{request.max_forwards}")
        other.send(request.to_bytes(), US)

    other.answers = send_back  # type: ignore[assignment]
    inside_a_dialog = sent(to="<sip:bob@example.com>;tag=b")
    alice.send(inside_a_dialog.to_bytes(), US)
    network.drive(0.2)
    assert [response.status for response in other.responses] == [482]
    assert len(other.requests) == 1


def test_a_request_that_comes_back_for_somebody_else_is_no_loop(
    network: Network, way: Way, alice: RawPeer, spare: RawPeer
) -> None:
    other = network.peer(BOB.host)

    def retarget(request: Request) -> None:
        request.headers.prepend("Via", f"SIP/2.0/UDP {BOB};branch=z9hG4bKother")
        request.uri = f"sip:juliet@{SPARE}"
        other.send(request.to_bytes(), US)

    other.answers = retarget  # type: ignore[assignment]
    alice.send(sent().to_bytes(), US)
    network.drive(0.2)
    [request] = spare.requests
    assert [via.host for via in request.vias] == [US.host, BOB.host, US.host, ALICE.host]
    assert other.responses[-1].status == 200


# Route


@pytest.mark.parametrize(
    "uri", ["sip:sip.example.org;lr", "sip:192.0.2.1;lr", "sip:192.0.2.1:5060;transport=tcp;lr"]
)
def test_a_route_to_ourselves_is_taken_out(
    network: Network, way: Way, alice: RawPeer, bob: RawPeer, uri: str
) -> None:
    exchange(network, alice, sent(("Route", f"<{uri}>")))
    assert bob.requests[0].route == []


def test_another_port_of_our_host_is_somebody_else(
    network: Network, way: Way, alice: RawPeer, bob: RawPeer
) -> None:
    neighbour = network.peer(US.host, 5080)
    neighbour.answers = ok
    exchange(network, alice, sent(("Route", "<sip:192.0.2.1:5080;lr>")))
    assert len(neighbour.requests) == 1


def test_a_hostile_number_of_our_own_routes_costs_no_more_than_reading_them(
    network: Network, way: Way, alice: RawPeer, bob: RawPeer
) -> None:
    ours = ", ".join(["<sip:sip.example.org>"] * 700)
    started = process_time()
    exchange(network, alice, sent(*[("Route", ours)] * 4))
    assert process_time() - started < 2.0
    assert bob.requests[0].route == []


def test_a_loose_route_is_followed_and_kept(
    network: Network, way: Way, alice: RawPeer, spare: RawPeer, bob: RawPeer
) -> None:
    routes = [("Route", f"<sip:sip.example.org;lr>, <sip:{SPARE};lr>"), ("Route", "<sip:far.example;lr>")]
    exchange(network, alice, sent(*routes))
    [request] = spare.requests
    assert request.route == [f"<sip:{SPARE};lr>", "<sip:far.example;lr>"]
    assert request.uri == f"sip:bob@{BOB}"
    assert bob.requests == []


def test_a_strict_router_gets_the_request_for_itself(
    network: Network, way: Way, alice: RawPeer, spare: RawPeer
) -> None:
    exchange(network, alice, sent(("Route", f"<sip:{SPARE}>, <sip:far.example;lr>")))
    [request] = spare.requests
    assert request.uri == f"sip:{SPARE}"
    assert request.route == ["<sip:far.example;lr>", f"<sip:bob@{BOB}>"]


def test_maddr_that_names_us_is_taken_off(network: Network, way: Way, alice: RawPeer, bob: RawPeer) -> None:
    exchange(network, alice, sent(uri=f"sip:bob@{BOB.host};maddr={US.host};transport=tcp;x=1"))
    assert bob.requests[0].uri == f"sip:bob@{BOB.host};x=1"


def test_without_a_route_the_target_of_the_caller_or_the_outbound_proxy_is_next(
    network: Network, build: Build, alice: RawPeer, bob: RawPeer, spare: RawPeer
) -> None:
    way = build(outbound_proxy=f"sip:{SPARE};lr")
    exchange(network, alice, sent(uri="sip:bob@nowhere.example"))
    assert spare.requests[0].uri == "sip:bob@nowhere.example"
    way.target = f"sip:{BOB}"
    exchange(network, alice, sent(uri="sip:bob@nowhere.example", branch="z9hG4bK2", cseq=2))
    assert bob.requests[0].uri == "sip:bob@nowhere.example"
    assert bob.requests[0].route == []


# what stays at home


def test_identities_and_credentials_of_ours_do_not_leave(
    network: Network, way: Way, alice: RawPeer, bob: RawPeer
) -> None:
    exchange(
        network,
        alice,
        sent(
            ("P-Asserted-Identity", "<sip:alice@sip.example.org>"),
            ("Authorization", 'Digest username="alice", realm="sip.example.org", nonce="n", response="r"'),
            ("Authorization", 'Digest username="alice", realm="example.com", nonce="n", response="r"'),
            ("Proxy-Authorization", 'Digest realm="sip.example.org", realm="x"'),
        ),
    )
    [request] = bob.requests
    assert "P-Asserted-Identity" not in request.headers
    assert "Proxy-Authorization" not in request.headers
    assert ['realm="example.com"' in value for value in request.headers.all("Authorization")] == [True]


# failover


def test_a_server_that_says_503_gives_way_to_the_next(
    network: Network, way: Way, alice: RawPeer, bob: RawPeer, spare: RawPeer
) -> None:
    bob.answers = lambda request: make_response(request, 503).to_bytes()
    assert exchange(network, alice, sent(uri="sip:bob@example.com")).status == 200
    assert (len(bob.requests), len(spare.requests)) == (1, 1)
    assert bob.requests[0].via.branch != spare.requests[0].via.branch


def test_a_silent_server_gives_way_while_the_client_still_waits_and_is_tried_last_for_a_while(
    network: Network, way: Way, alice: RawPeer, spare: RawPeer
) -> None:
    alice.send(sent(uri="sip:bob@example.com").to_bytes(), US)
    network.drive(7)
    assert spare.requests == []
    network.drive(2)
    assert alice.responses[-1].status == 200
    second = sent(uri="sip:bob@example.com", branch="z9hG4bK2", cseq=2)
    assert exchange(network, alice, second).status == 200


def test_a_server_that_cannot_be_connected_to_gives_way(network: Network, way: Way, alice: RawPeer) -> None:
    stream = network.stream_peer(SPARE.host)
    stream.answers = ok
    assert exchange(network, alice, sent(uri="sip:bob@example.net")).status == 200
    assert len(stream.requests) == 1


def test_503_everywhere_is_500_because_it_is_not_us(
    network: Network, way: Way, alice: RawPeer, bob: RawPeer
) -> None:
    bob.answers = lambda request: make_response(request, 503, headers=[("Retry-After", "9")]).to_bytes()
    response = exchange(network, alice, sent())
    assert response.status == 500
    assert "Retry-After" not in response.headers


def test_a_refused_connection_is_500(network: Network, way: Way, alice: RawPeer) -> None:
    assert exchange(network, alice, sent(uri=f"sip:bob@{BOB};transport=tcp")).status == 500


def test_silence_is_answered_by_a_late_100_and_then_silence(
    network: Network, way: Way, alice: RawPeer
) -> None:
    bob = network.peer(BOB.host)
    alice.send(sent().to_bytes(), US)
    network.drive(31)
    assert len(bob.requests) > 5
    bob.send(ok(bob.requests[0]), US)
    network.drive(60)
    assert {response.status for response in alice.responses} == {100}


def test_a_response_that_lost_its_vias_is_502(
    network: Network, way: Way, alice: RawPeer, bob: RawPeer
) -> None:
    def forgetful(request: Request) -> bytes:
        response = make_response(request, 200)
        top = response.headers.all("Via")[0]
        response.headers.set("Via", top)
        return response.to_bytes()

    bob.answers = forgetful
    assert exchange(network, alice, sent()).status == 502


# dialogs


def subscribe(**changes: Any) -> Request:
    return sent(("Event", "presence"), method="SUBSCRIBE", **changes)


def notify(subscribed: Request, **changes: Any) -> Request:
    """The NOTIFY that answers a SUBSCRIBE as it arrived."""
    request = make_request(
        "NOTIFY",
        changes.get("uri", NameAddr.parse(subscribed.headers.all("Contact")[0]).uri),
        from_="<sip:bob@example.com>;tag=remote",
        to="<sip:alice@sip.example.org>;tag=a",
        call_id=changes.get("call_id", "call-1"),
        cseq=1,
        headers=[
            *(("Route", route) for route in changes.get("routes", subscribed.record_route)),
            ("Contact", f"<sip:bob@{BOB}>"),
            ("Event", "presence"),
            ("Subscription-State", "active"),
        ],
    )
    request.headers.prepend("Via", f"SIP/2.0/UDP {BOB};branch=z9hG4bKbob")
    return request


def test_a_dialog_stays_with_us_in_both_directions(
    network: Network, way: Way, alice: RawPeer, bob: RawPeer
) -> None:
    alice.answers = ok
    exchange(network, alice, subscribe())
    [first] = bob.requests
    [record] = first.record_route
    uri = NameAddr.parse(record).sip_uri
    assert (uri.host, uri.port, uri.is_loose) == (US.host, US.port, True)
    bob.send(notify(first).to_bytes(), US)
    network.drive(0.5)
    [notified] = alice.requests
    assert bob.responses[-1].status == 200
    assert notified.route == []
    assert len(notified.record_route) == 1
    refresh = subscribe(
        to="<sip:bob@example.com>;tag=remote", branch="z9hG4bK2", cseq=2, uri=f"sip:bob@{BOB}"
    )
    refresh.headers.add("Route", notified.record_route[0])
    assert exchange(network, alice, refresh).status == 200
    assert bob.requests[-1].cseq.number == 2
    assert way.signed == [False, True, True]


def test_a_route_of_another_dialog_is_not_ours(
    network: Network, way: Way, alice: RawPeer, bob: RawPeer
) -> None:
    exchange(network, alice, subscribe())
    [first] = bob.requests
    [record] = first.record_route
    user = NameAddr.parse(record).sip_uri.user or ""
    other = "A" if user[0] != "A" else "B"
    for forged in (
        notify(first, call_id="call-2"),
        notify(first, routes=[record.replace(user, other + user[1:])]),
        notify(first, routes=[record.replace(user, "%41")]),
        notify(first, routes=[record.replace(user + "@", "")]),
        notify(first, routes=["<sip:"]),
        notify(first, routes=[]),
    ):
        assert not way.proxy.has_signed_route(forged)
    assert way.proxy.has_signed_route(notify(first))


def test_a_strict_router_peer_is_understood(network: Network, way: Way, alice: RawPeer, bob: RawPeer) -> None:
    alice.answers = ok
    exchange(network, alice, subscribe())
    [first] = bob.requests
    strict = notify(first, uri=NameAddr.parse(first.record_route[0]).uri, routes=[f"<sip:alice@{ALICE}>"])
    bob.send(strict.to_bytes(), US)
    network.drive(0.5)
    assert way.signed[-1]
    assert alice.requests[-1].uri == f"sip:alice@{ALICE}"
    assert alice.requests[-1].route == []


def test_a_client_behind_an_address_translator_is_reached_where_it_came_from(
    network: Network, way: Way, alice: RawPeer, bob: RawPeer
) -> None:
    alice.answers = ok
    exchange(network, alice, subscribe(contact="<sip:alice@10.0.0.5:5062>"))
    [first] = bob.requests
    bob.send(notify(first).to_bytes(), US)
    network.drive(0.5)
    assert alice.requests[-1].uri == "sip:alice@10.0.0.5:5062"
    assert bob.responses[-1].status == 200


def test_a_client_on_a_stream_is_reached_on_it_and_the_route_has_both_transports(
    network: Network, way: Way, bob: RawPeer
) -> None:
    phone = network.stream_peer("192.0.2.11")
    wires: list[Any] = []
    phone.connect(US).addCallback(wires.append)
    network.drive(0.1)
    request = subscribe(contact="<sip:alice@192.0.2.11:40000;transport=tcp>")
    request.headers.set("Via", "SIP/2.0/TCP 192.0.2.11;branch=z9hG4bKtcp")
    wires[0].write(request.to_bytes())
    network.drive(0.5)
    assert phone.responses[-1].status == 200
    [first] = bob.requests
    transports = [NameAddr.parse(route).sip_uri.param("transport") for route in first.record_route]
    assert transports == [None, "tcp"]
    bob.send(notify(first).to_bytes(), US)
    network.drive(0.2)
    [notified] = phone.requests
    assert notified.via.transport == "TCP"
    assert notified.route == []
    wires[0].write(ok(notified))
    network.drive(0.2)
    assert bob.responses[-1].status == 200
    # when the stream is gone, the address in the Contact is tried
    phone.network.refuse(Transport.TCP, phone.place)
    wires[0].close()
    network.drive(0.2)
    again = notify(first)
    again.headers.set("Via", f"SIP/2.0/UDP {BOB};branch=z9hG4bKbob2")
    bob.send(again.to_bytes(), US)
    network.drive(0.5)
    assert bob.responses[-1].status == 500


def test_a_dialog_of_a_server_holds_no_flow(way: Way) -> None:
    records = RecordRoutes(b"secret")
    flow = Flow(transport=Transport.UDP, local=US, peer=ALICE)
    request = subscribe()
    for recorded in (flow, None):
        value = records.write(request, US, Transport.TCP, recorded)
        found = records.read(NameAddr.parse(value).sip_uri, request)
        assert found is not None
        assert found.flow == recorded
    assert RecordRoutes(b"other").read(NameAddr.parse(value).sip_uri, request) is None


def test_what_is_forwarded_is_a_message_again(
    network: Network, way: Way, alice: RawPeer, bob: RawPeer
) -> None:
    request = sent(("Subject", "a,b"), body=bytes(range(256)))
    exchange(network, alice, request)
    received = parse_message(bob.arrived[0])
    assert received.body == request.body
    assert SipUri.parse(received.uri)  # type: ignore[union-attr]
