"""What strangers may cost the HTTP port: time, octets, connections."""

from collections.abc import Callable

import pytest
from twisted.internet.error import ConnectionLost
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web.server import NOT_DONE_YET, Request

from sip2xmpp.portal.bounds import BODY, CONNECTIONS, DRAINED, IDLE, LARGE, WHOLE
from sip2xmpp.xcap.usages import LARGEST
from tests.xcap.scene import DOCUMENT, INDEX, LISTS, Answer, Scene


@pytest.fixture
def scene() -> Scene:
    return Scene()


def lose(transport: StringTransport) -> None:
    protocol = transport.protocol
    protocol.connectionLost(Failure(ConnectionLost()))


def test_a_request_that_trickles_in_is_cut_off(scene: Scene) -> None:
    transport, send = scene.connect()
    octets = f"GET /xcap/{INDEX} HTTP/1.1\r\nHost: x\r\nX: ".encode()
    for number in range(int(WHOLE)):
        send(octets[number : number + 1] or b"y")
        assert not transport.disconnecting
        scene.clock.advance(1)
    assert transport.disconnecting
    lose(transport)
    assert scene.site.connections == 0


def test_a_body_that_trickles_in_is_cut_off(scene: Scene) -> None:
    first = scene.request("PUT", INDEX, DOCUMENT)
    transport, send = scene.connect()
    send(
        f"PUT /xcap/{INDEX} HTTP/1.1\r\nHost: x\r\nContent-Type: {LISTS}\r\nContent-Length: {len(DOCUMENT)}\r\n"
        f"Authorization: {scene.credentials(first, 'PUT', INDEX)}\r\n\r\n".encode()
    )
    for number in range(int(WHOLE)):
        send(DOCUMENT[number : number + 1])
        scene.clock.advance(1)
    assert transport.disconnecting and transport.value() == b""
    lose(transport)
    assert len(scene.documents) == 0


def test_half_a_body_changes_nothing(scene: Scene) -> None:
    first = scene.request("PUT", INDEX, DOCUMENT)
    transport, send = scene.connect()
    send(
        f"PUT /xcap/{INDEX} HTTP/1.1\r\nHost: x\r\nContent-Type: {LISTS}\r\nContent-Length: {len(DOCUMENT)}\r\n"
        f"Authorization: {scene.credentials(first, 'PUT', INDEX)}\r\n\r\n".encode()
        + DOCUMENT[:-5]
    )
    lose(transport)
    assert transport.value() == b"" and len(scene.documents) == 0


def test_requests_in_time_may_go_on_for_as_long_as_they_like(scene: Scene) -> None:
    transport, send = scene.connect()
    for _ in range(10):
        send(b"GET /xcap/xcap-caps/global/index HTTP/1.1\r\nHost: x\r\n\r\n")
        assert Answer(transport.value()).status == 200
        transport.clear()
        scene.clock.advance(50)
    assert not transport.disconnecting
    scene.clock.advance(61)
    assert transport.disconnecting


def test_connections_are_so_many(scene: Scene) -> None:
    open_ = [scene.connect()[0] for _ in range(CONNECTIONS)]
    assert scene.site.buildProtocol(None) is None
    lose(open_.pop())
    assert scene.connect()


def large(scene: Scene, length: int = LARGEST) -> tuple[StringTransport, Callable[[bytes], None]]:
    transport, send = scene.connect()
    send(f"PUT /xcap/{INDEX} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode())
    return transport, send


def test_large_bodies_share_a_bound(scene: Scene) -> None:
    many = [large(scene) for _ in range(LARGE // LARGEST + 5)]
    assert scene.site.large == LARGE // LARGEST * LARGEST
    assert scene.ask("PUT", INDEX, DOCUMENT + b" " * 200_000).status == 503
    assert scene.ask("PUT", INDEX, DOCUMENT).status == 201
    for transport, _ in many:
        lose(transport)
    assert scene.site.large == 0
    assert scene.ask("PUT", INDEX, DOCUMENT + b" " * 200_000).status == 200
    assert scene.site.large == 0


def test_large_bodies_are_kept_only_where_they_may_be(scene: Scene) -> None:
    assert scene.site.bound_of(b"/xcap/x") == LARGEST and scene.site.bound_of(b"/xcap@a/x") == LARGEST
    assert scene.site.bound_of(b"/api/x") == BODY and scene.site.bound_of(b"/") == BODY
    _, send = scene.connect()
    send(f"PUT /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: {LARGEST}\r\n\r\n".encode())
    assert scene.site.large == 0


def test_a_body_that_is_too_large_is_read_for_a_while_and_then_cut_off(scene: Scene) -> None:
    transport, send = large(scene, 10 * DRAINED)
    for _ in range(DRAINED // 65_536):
        send(bytes(65_536))
    assert not transport.disconnecting
    send(bytes(65_536))
    assert transport.disconnecting


def test_the_next_request_is_looked_at_when_the_answer_to_the_last_was_taken(scene: Scene) -> None:
    transport, send = scene.connect()
    transport.protocol.pauseProducing()
    send(b"GET /xcap/xcap-caps/global/index HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
    assert transport.value().count(b"HTTP/1.1 200 ") == 1
    scene.clock.advance(IDLE - 1)
    transport.protocol.resumeProducing()
    assert transport.value().count(b"HTTP/1.1 200 ") == 3
    scene.clock.advance(IDLE - 1)
    send(b"GET /xcap/xcap-caps/global/index HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert transport.value().count(b"HTTP/1.1 200 ") == 4 and transport.disconnecting
    lose(transport)
    assert scene.site.connections == 0 and not scene.clock.getDelayedCalls()


@pytest.mark.parametrize("connection", ["close", "keep-alive"])
def test_a_client_that_does_not_take_its_answer_is_cut_off(scene: Scene, connection: str) -> None:
    transport, send = scene.connect()
    transport.protocol.pauseProducing()
    send(
        f"GET /xcap/xcap-caps/global/index HTTP/1.1\r\nHost: x\r\nConnection: {connection}\r\n\r\n".encode()
        + b"GET / HTTP/1.1\r\n"
    )
    scene.clock.advance(IDLE + 1)
    assert transport.disconnecting
    lose(transport)
    assert scene.site.connections == 0 and not scene.clock.getDelayedCalls()


@pytest.mark.parametrize("media", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_forms_of_strangers_are_not_taken_apart(scene: Scene, media: str) -> None:
    asked: list[Request] = []
    scene.xcap.render = lambda request: asked.append(request) or NOT_DONE_YET  # type: ignore[method-assign,func-returns-value]
    body = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb&c=d\r\n--x--\r\n'
    transport, send = scene.connect()
    send(
        f"POST /xcap/x HTTP/1.1\r\nHost: x\r\nContent-Type: {media}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    assert asked[0].args == {}
    lose(transport)


@pytest.mark.parametrize(
    "octets",
    [
        b"\r\n\r\n\r\n",
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /xcap/ HTTP/9.9\r\n\r\n",
        b"SUBSCRIBE sip:bob@sip.example.org SIP/2.0\r\n\r\n",
        b"PUT /xcap/x HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"PUT /xcap/x HTTP/1.1\r\nContent-Length: " + b"1" * 5_000 + b"\r\nHost: x\r\n\r\n",
        b"PUT /xcap/x HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"1" * 5_000 + b"\r\n\r\n",
        b"PUT /xcap/x HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        b"PUT /xcap/x HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /xcap/\xff HTTP/1.1\r\n\r\n",
        b"GET /xcap/x y HTTP/1.1\r\n\r\n",
        b"GET /xcap/x HTTP/1.1\r\nA\r\n\r\n",
        b"GET /xcap/x HTTP/1.1\r\n" + b"A: b\r\n" * 600 + b"\r\n",
        b"GET /" + b"a" * 20_000,
        b"GET /xcap/" + b"%00" * 1_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /xcap/resource-lists/global/index/~~/" + b"a/" * 2_500 + b" HTTP/1.1\r\n\r\n",
    ],
)
def test_garbage_is_refused_and_leaves_nothing_behind(scene: Scene, octets: bytes) -> None:
    transport, send = scene.connect()
    send(octets)
    scene.clock.advance(0)
    answer = transport.value()
    assert answer == b"" or answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 401 ", b"HTTP/1.1 404 "))
    lose(transport)
    assert scene.site.connections == 0
    assert not scene.clock.getDelayedCalls()
