"""kill -9 and a new process: every acknowledged subscription and publication goes on."""

from itertools import pairwise

import pytest
from twisted.internet.task import Clock

from sip2xmpp.events.restoration import AT_ONCE, INTERVAL
from sip2xmpp.events.sending import CSEQ_BLOCK
from sip2xmpp.presence.policy import Handling
from sip2xmpp.sip.flow import HostPort, Transport
from tests.events.gateway import Gateway
from tests.events.phone import Line, Phone, Text
from tests.events.test_notifier import ok, tcp_subscribe
from tests.fakes import Network
from tests.presence.test_agent import document

ALICE = "sip:alice@sip.example.org"
BOB = "sip:bob@sip.example.org"


@pytest.fixture
def network(clock: Clock) -> Network:
    return Network(clock)


def watching(network: Network, expires: int = 3600, host: str = "192.0.2.20") -> Line:
    phone = Phone(network, host, BOB)
    line = phone.subscribe(ALICE, expires)
    network.drive(0.5)
    assert line.states == ["active"]
    return line


def test_a_watcher_is_told_the_current_state_in_the_same_dialog(network: Network) -> None:
    first = Gateway(network)
    line = watching(network)
    alice = Phone(network, "192.0.2.10", ALICE)
    alice.publish(document("away"))
    network.drive(0.5)
    second = Gateway(network, seed=2, kept=first.killed())
    network.drive(2)
    assert len(line.notifies) == 3 and line.last.state == "active" and b"away" in line.last.body
    alice.publish(document("busy"))
    network.drive(0.5)
    assert b"busy" in line.last.body and len(second.notifier) == 1


def test_a_cseq_is_never_used_twice_whatever_was_sent_before(network: Network) -> None:
    process = Gateway(network)
    line = watching(network)
    for seed in range(2, 6):
        process = Gateway(network, seed=seed, kept=process.killed())
        network.drive(2)
    numbers = [notify.cseq for notify in line.notifies]
    assert len(numbers) == 5 and numbers == sorted(set(numbers))
    assert all(later - earlier < 2 * CSEQ_BLOCK for earlier, later in pairwise(numbers))


def test_the_ceiling_is_written_once_a_block_and_always_above_what_is_sent(network: Network) -> None:
    gateway = Gateway(network)
    line = watching(network)
    writes: list[int] = []
    gateway.store.dialogs.listen(lambda change: writes.append(change.record.cseq_ceiling))
    (subscription,) = gateway.notifier
    for n in range(2 * CSEQ_BLOCK + 10):
        subscription.answered()
        network.drive(0.05)
        (record,) = gateway.store.dialogs.all()
        assert record.cseq_ceiling > line.last.cseq, n
    assert line.last.cseq > 2 * CSEQ_BLOCK and len(writes) == 2


def test_a_refresh_and_an_unsubscribe_work_after_a_restart(network: Network) -> None:
    first = Gateway(network)
    line = watching(network)
    second = Gateway(network, seed=2, kept=first.killed())
    line.send(3600)
    network.drive(2)
    assert line.status == 200 and line.last.expires >= 3599
    line.unsubscribe()
    network.drive(1)
    assert line.last.state == "terminated" and len(second.notifier) == 0


def test_a_watcher_that_comes_before_its_turn_is_told_at_once(network: Network) -> None:
    first = Gateway(network)
    lines = [watching(network, host=f"192.0.{n // 200 + 3}.{n % 200 + 1}") for n in range(250)]
    Gateway(network, seed=2, kept=first.killed())
    for line in lines:
        line.send(3600)
    network.drive(0.04)
    assert all(line.status == 200 and len(line.notifies) >= 2 for line in lines)
    network.drive(5)
    told = [len(line.notifies) for line in lines]
    before = AT_ONCE * round(network.latency / INTERVAL)
    assert set(told) == {2, 3} and told.count(3) == before, "who had been told just before is told again"


def test_there_is_no_storm(network: Network, clock: Clock) -> None:
    first = Gateway(network)
    lines = [watching(network, host=f"192.0.{n // 200 + 3}.{n % 200 + 1}") for n in range(450)]
    network.datagrams.clear()
    Gateway(network, seed=2, kept=first.killed())
    per_step = []
    for _ in range(10):
        network.drive(0.05)
        per_step.append(
            sum(octets.startswith(b"NOTIFY") for octets, _, _ in network.datagrams) - sum(per_step)
        )
    notified = [octets for octets, _, _ in network.datagrams if octets.startswith(b"NOTIFY")]
    assert len(notified) == 450 and max(per_step) <= AT_ONCE * (0.05 / INTERVAL + 1)
    assert all(len(line.notifies) == 2 for line in lines)
    order = [Text(octets)["Call-ID"] for octets in notified]
    assert order != sorted(order, key=[line.call_id for line in lines].index)


def test_what_expired_meanwhile_is_over(network: Network) -> None:
    first = Gateway(network)
    line = watching(network, expires=60)
    alice = Phone(network, "192.0.2.10", ALICE)
    alice.publish(document("away"), expires=60)
    network.drive(0.5)
    kept = first.killed()
    network.drive(120)
    second = Gateway(network, seed=2, kept=kept)
    network.drive(2)
    assert len(second.notifier) == 0 and len(line.notifies) == 2
    fetched = Phone(network, "192.0.2.21", BOB).subscribe(ALICE, 0)
    network.drive(1)
    assert b"closed" in fetched.last.body


def test_what_expires_after_the_restart_ends_with_a_notify(network: Network) -> None:
    first = Gateway(network)
    line = watching(network, expires=60)
    second = Gateway(network, seed=2, kept=first.killed())
    network.drive(62)
    assert (line.last.state, line.last.reason) == ("terminated", "timeout") and len(second.notifier) == 0


def test_who_was_blocked_meanwhile_is_rejected(network: Network) -> None:
    first = Gateway(network)
    line = watching(network)
    kept = first.killed()
    first.decide("alice@sip.example.org", "bob@sip.example.org", Handling.BLOCK)
    second = Gateway(network, seed=2, kept=kept)
    network.drive(2)
    assert (line.last.state, line.last.reason, line.last.body) == ("terminated", "rejected", b"")
    assert len(second.store.dialogs) == 0


def test_who_watches_a_user_that_was_removed_meanwhile_is_told_so(network: Network) -> None:
    first = Gateway(network)
    line = watching(network)
    Gateway(network, seed=2, kept=first.killed(), users=lambda address: False)
    network.drive(2)
    assert (line.last.state, line.last.reason) == ("terminated", "noresource")


def test_an_acknowledged_tag_is_good_after_a_restart(network: Network) -> None:
    first = Gateway(network)
    alice = Phone(network, "192.0.2.10", ALICE)
    exchange = alice.publish(document("away"))
    network.drive(0.5)
    Gateway(network, seed=2, kept=first.killed())
    again = alice.publish(etag=exchange.responses[0]["SIP-ETag"])
    network.drive(0.5)
    assert again.status == 200


def test_a_watcher_over_tcp_is_called_at_its_contact(network: Network) -> None:
    first = Gateway(network)
    peer = network.stream_peer("192.0.2.30")
    wires: list = []
    peer.connect(HostPort("192.0.2.1", 5060)).addCallback(wires.append)
    network.drive(0.1)
    wires[0].write(tcp_subscribe())
    network.drive(0.1)
    peer.answers = lambda request: ok(request.to_bytes())
    Gateway(network, seed=2, kept=first.killed())
    network.drive(2)
    notifies = [Text(octets) for octets in peer.arrived if octets.startswith(b"NOTIFY")]
    assert len(notifies) == 2 and notifies[1].cseq > notifies[0].cseq and len(peer.wires) == 2


def test_a_watcher_over_a_transport_that_is_not_served_any_more_is_forgotten(network: Network) -> None:
    first = Gateway(network)
    peer = network.stream_peer("192.0.2.30")
    wires: list = []
    peer.connect(HostPort("192.0.2.1", 5060)).addCallback(wires.append)
    network.drive(0.1)
    wires[0].write(tcp_subscribe())
    network.drive(0.1)
    line = watching(network)
    second = Gateway(network, seed=2, kept=first.killed(), transports=(Transport.UDP,))
    network.drive(2)
    assert len(second.notifier) == 1 and len(line.notifies) == 2


def test_a_dialog_of_a_package_that_is_gone_is_dropped(network: Network) -> None:
    first = Gateway(network)
    watching(network)
    kept = first.killed()
    (record,) = kept.dialogs.all()
    kept.dialogs.remove(record.key)
    fields = {name: getattr(record, name) for name in record.__slots__}
    first.store.dialogs.put(type(record)(**{**fields, "event": "no-more"}))
    second = Gateway(network, seed=2, kept=kept)
    network.drive(2)
    assert len(second.notifier) == 0 and len(second.store.dialogs) == 0
