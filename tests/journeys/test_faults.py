"""What an operator sees of mistakes, and what telephones on streams live through."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.journeys.conftest import GATEWAY_DOMAIN, PASSWORDS, SIP_DOMAIN, World
from tests.peers.gateway import Gateway
from tests.peers.prosody import Prosody
from tests.peers.rawxmpp import presence
from tests.peers.sipclient import SipClient, pidf
from tests.peers.waiting import eventually

ROMEO, BOB = "sip:romeo@jabber.example", f"bob@{SIP_DOMAIN}"


# mistakes


def test_a_wrong_secret_is_said_once_and_the_sip_side_serves(tmp_path: Path) -> None:
    users = {name: PASSWORDS[name] for name in ("alice", "bob")}
    with Prosody(tmp_path / "xmpp", components=[SIP_DOMAIN, GATEWAY_DOMAIN]) as server:
        gateway = Gateway(
            tmp_path / "gateway", xmpp=server, gateway_domain=GATEWAY_DOMAIN, users=users,
            settings={"xmpp": {"secret": "guessed"}},
        )  # fmt: skip
        with gateway:
            lines = [
                gateway.wait_for_line(rf" error .*{domain}.*secret")
                for domain in (SIP_DOMAIN, GATEWAY_DOMAIN)
            ]
            health = gateway.health()["legs"]
            assert health["sip"]["state"] == health["store"]["state"] == "up"
            assert health["xmpp"]["state"] == "down"
            assert health["xmpp"]["links"][SIP_DOMAIN]["why"] == "not-authorized"
            assert "guessed" not in gateway.output.read_text()
            with (
                SipClient("alice", SIP_DOMAIN, gateway.sip, password=PASSWORDS["alice"]) as alice,
                SipClient("bob", SIP_DOMAIN, gateway.sip, password=PASSWORDS["bob"]) as bob,
            ):
                watch = alice.subscribe(bob.uri)
                assert bob.publish(pidf(bob.uri, "open", "busy")).status == 200
                watch.wait_for_text("busy")
            status = gateway.attempt("status")
            assert status.returncode == 1
            assert "not-authorized" in status.stdout
            assert {line for line in gateway.lines() if " error " in line} == set(lines)


FAULTS = """\
[sip]
domain = ["sip.example.org"]
listen = ["udp:127.0.0.1"]
t1 = "fast"
[xmpp]
server = "127.0.0.1:0"
[presence]
default = "perhaps"
[nonsense]
"""


def test_every_fault_of_the_configuration_is_told_at_once(tmp_path: Path) -> None:
    class Faulty(Gateway):
        def prepare(self) -> None:
            self.file.write_text(FAULTS, "utf-8")

    gateway = Faulty(tmp_path)
    gateway.launch()
    assert gateway.process is not None
    assert gateway.process.wait(20) == 1
    lines = gateway.lines()
    assert all(line.startswith("sip2xmpp: ") for line in lines), lines
    for place in ("sip.domain", "sip.listen[0]", "sip.t1", "xmpp.server", "presence.default", "nonsense"):
        assert any(line.startswith(f"sip2xmpp: {place}") for line in lines), (place, lines)
    assert len(set(lines)) == len(lines)


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    with Gateway(tmp_path / "first") as first:
        second = Gateway(tmp_path / "second")
        second.sip_port = first.sip_port
        second.launch()
        assert second.process is not None
        assert second.process.wait(20) == 1
        assert [line for line in second.lines() if line.startswith("sip2xmpp: sip.listen[0]")]
        assert not [line for line in second.lines() if "Traceback" in line]


# telephones on streams


@pytest.fixture
def tls_world(tmp_path: Path) -> Iterator[World]:
    """A gateway that speaks TLS beside UDP and TCP; telephones believe the authority in ``authorities``."""
    certificate, key = Authority(tmp_path).issue("gateway", dns=[SIP_DOMAIN], ips=["127.0.0.1"])
    world = World(tmp_path, Prosody)
    gateway = world.gateway
    gateway.settings["sip"] = {
        "listen": [f"udp:127.0.0.1:{gateway.sip_port}", f"tcp:127.0.0.1:{gateway.sip_port}", f"tls:127.0.0.1:{gateway.tls_port}"],
        "certificate": str(certificate),
        "private_key": str(key),
    }  # fmt: skip
    try:
        world.open()
        yield world
    finally:
        world.close()
    bad = [line for line in gateway.lines() if "Traceback" in line or " critical " in line]
    assert not bad, gateway.tail(60)


def telephone(world: World, transport: str, directory: Path) -> SipClient:
    """Bob, registered by TCP or TLS."""
    context = None
    where = world.gateway.sip
    if transport == "tls":
        context = ssl.create_default_context(cafile=str(next(directory.glob("*Authority*.pem"))))
        where = "127.0.0.1", world.gateway.tls_port
    bob = SipClient("bob", SIP_DOMAIN, where, password=PASSWORDS["bob"], transport=transport, tls=context)
    world.stage.enter_context(bob)
    assert bob.register().status == 200
    return bob


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_a_telephone_whose_connection_breaks_is_told_after_its_next_request(
    tls_world: World, tmp_path: Path, transport: str
) -> None:
    """As behind a network address translator, nobody can connect to the telephone; it has to come back itself."""
    romeo, bob = tls_world.jabber("romeo"), telephone(tls_world, transport, tmp_path)
    watch = bob.subscribe(ROMEO)
    romeo.wait(presence("subscribe", sender=BOB), "bob's request")
    romeo.subscribed(BOB)
    watch.wait_for_text("<basic>open</basic>")
    romeo.available("away", "By stream")
    watch.wait_for_text("By stream")
    bob.hide()
    romeo.available("dnd", "While he was away")
    romeo.roster()
    assert bob.register().status == 200
    assert watch.refresh().status == 200
    watch.wait_for_text("While he was away")
    romeo.available("xa", "And later")
    watch.wait_for_text("And later")
    numbers = [notify.cseq for notify in watch.notifies]
    assert numbers == sorted(set(numbers))


def test_a_telephone_that_can_be_reached_is_connected_to_when_its_connection_is_gone(
    tls_world: World, tmp_path: Path
) -> None:
    romeo, bob = tls_world.jabber("romeo"), telephone(tls_world, "tcp", tmp_path)
    watch = bob.subscribe(ROMEO)
    romeo.wait(presence("subscribe", sender=BOB), "bob's request")
    romeo.subscribed(BOB)
    watch.wait_for_text("<basic>open</basic>")
    bob.drop_streams()
    romeo.available("dnd", "Knock, knock")
    watch.wait_for_text("Knock, knock")


def test_a_message_reaches_a_telephone_on_a_stream(tls_world: World, tmp_path: Path) -> None:
    romeo, bob = tls_world.jabber("romeo"), telephone(tls_world, "tls", tmp_path)
    romeo.message(BOB, "Through the same connection")
    bob.wait_for_message("Through the same connection")
    eventually(lambda: len(bob.requests("MESSAGE")) == 1, "one MESSAGE")
