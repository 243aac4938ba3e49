"""The SIP client and the SIP server of the tests, against each other."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.peers.sipclient import SipClient, pidf
from tests.peers.sipmessage import challenge_fields, cut, digest_response, parameter, parse
from tests.peers.sipserver import SipServer


@pytest.fixture
def server() -> Iterator[SipServer]:
    with SipServer() as server:
        yield server


@pytest.fixture
def alice(server: SipServer) -> Iterator[SipClient]:
    with SipClient("alice", "sip.example.org", server.address, password="secret") as client:
        yield client


def test_digest_is_that_of_the_rfc() -> None:
    """RFC 7616, section 3.9.1, with qop=auth."""
    fields = {
        "realm": "http-auth@example.org",
        "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        "nc": "00000001",
        "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        "qop": "auth",
    }
    mufasa = {"username": "Mufasa", "password": "Circle of Life", "method": "GET", "uri": "/dir/index.html"}
    assert digest_response(fields, **mufasa) == "8ca523f5e9506fed4657c9700eebdbec"
    assert (
        digest_response({**fields, "algorithm": "SHA-256"}, **mufasa)
        == "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
    )


def test_a_message_is_read_as_it_was_written() -> None:
    raw = b"NOTIFY sip:a@b SIP/2.0\r\nv: SIP/2.0/UDP h;branch=z9hG4bK1\r\nf: <sip:x;tag=no>;tag=yes\r\nX:  a\r\n  b\r\n\r\nbody"
    message = parse(raw)
    assert (message.method, message.uri, message.branch, message.from_tag) == (
        "NOTIFY",
        "sip:a@b",
        "z9hG4bK1",
        "yes",
    )
    assert message.get("x") == "a b"
    assert message.body == b"body"
    assert parameter("<sip:a>;lr;x=1", "lr") == "lr"


def test_a_stream_is_cut_into_messages() -> None:
    whole = b"OPTIONS sip:a SIP/2.0\r\nl: 2\r\n\r\nab"
    assert cut(b"\r\n\r\n" + whole + b"rest") == (whole, b"rest")
    assert cut(whole[:-1]) == (b"", whole[:-1])


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_a_password_is_proved_once_and_remembered(
    server: SipServer, alice: SipClient, algorithm: str
) -> None:
    server.accounts = {"alice": "secret"}
    server.algorithm = algorithm
    assert alice.register().status == 200
    assert alice.publish(pidf(alice.uri)).status == 200
    assert [request.method for request in server.received] == ["REGISTER", "REGISTER", "PUBLISH"]
    assert challenge_fields(server.received[2].get("authorization"))["nc"] == "00000002"


def test_a_wrong_password_is_refused(server: SipServer, alice: SipClient) -> None:
    server.accounts = {"alice": "another"}
    assert alice.register().status == 401


def test_a_watcher_learns_each_change(server: SipServer, alice: SipClient) -> None:
    server.documents["sip:bob@example.com"] = pidf("sip:bob@example.com")
    watch = alice.subscribe("sip:bob@example.com")
    assert watch.response.status == 200
    watch.wait_for_text("open")
    dialog = server.wait_for_watcher("sip:bob@example.com")
    assert dialog.watcher == alice.uri
    answer = server.notify(dialog, pidf("sip:bob@example.com", "open", "away"))
    assert answer is not None
    assert answer.status == 200
    watch.wait_for_text("rpid:away")
    assert watch.refresh().status == 200
    watch.unsubscribe()
    watch.wait_for_state("terminated")
    assert [notify.cseq for notify in watch.notifies] == [1, 2, 3, 4]


def test_a_lost_answer_is_asked_for_again_and_answered_alike(server: SipServer, alice: SipClient) -> None:
    lost = iter([True])
    alice.lose = lambda message: message.status == 200 and next(lost, False)
    assert alice.options().status == 200
    assert len(server.retransmissions) == 1
    assert len(server.requests("OPTIONS")) == 1


def test_a_method_can_be_refused(server: SipServer, alice: SipClient) -> None:
    server.refuse["SUBSCRIBE"] = (403, "Forbidden", ())
    assert alice.subscribe("sip:bob@example.com").response.status == 403
    assert server.watched == []


def test_silence_is_told_with_what_was_said(server: SipServer, alice: SipClient) -> None:
    server.lose = lambda _: True
    with pytest.raises(AssertionError, match="no final response to OPTIONS"):
        alice.request("OPTIONS", "sip:example.com", within=0.6)
    assert len(server.lost) == 2


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_streams_carry_both_directions(tmp_path: Path, transport: str) -> None:
    authority = Authority(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*authority.issue("server", ips=["127.0.0.1"]))
    trusting = ssl.create_default_context(cafile=authority.file)
    with (
        SipServer(transport=transport, tls=context) as server,
        SipClient("alice", "example.com", server.address, transport=transport, tls=trusting) as alice,
    ):
        watch = alice.subscribe("sip:bob@example.com")
        dialog = server.wait_for_watcher("sip:bob@example.com")
        for number in range(20):
            server.notify(dialog, pidf("sip:bob@example.com", note=f"{number} " * 1000))
        watch.wait_for_text("19 19")
        assert alice.message("sip:bob@example.com", "hello").status == 200
        alice.drop_streams()
        assert watch.refresh().status == 200
