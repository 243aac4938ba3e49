"""Watchers that never answer a NOTIFY cost no more than its own timers, and nobody else notices (RFC 6665, section 4.2.2)."""

import gc

from sip2xmpp.address import Address
from sip2xmpp.store.records import DialogRecord
from tests.events.gateway import Gateway
from tests.events.phone import SERVER, Line, Phone, Text
from tests.fakes import Network

ALICE = "sip:alice@sip.example.org"
GIVE_UP = 32.0
"""Timer F (RFC 3261, section 17.1.2.2)."""
SENT_AGAIN = 10
"""How often timer E sends a request again before timer F: after 0.5, 1.5, 3.5 and then each 4 seconds."""


def document(note: str) -> bytes:
    return (
        f'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="{ALICE}"><tuple id="t1"><status><basic>open</basic>'
        f"</status><note>{note}</note></tuple></presence>"
    ).encode()


def watcher(network: Network, number: int, target: str = ALICE) -> Line:
    """A subscription of a phone of its own, whose first NOTIFY was answered."""
    phone = Phone(network, "192.0.2.20", f"sip:w{number}@sip.example.org", port=10_000 + number)
    line = phone.subscribe(target)
    network.drive(0.1)
    assert line.status == 200 and line.notifies
    return line


def publish(alice: Phone, note: str, etag: str = "") -> str:
    exchange = alice.publish(document(note), etag=etag)
    alice.network.drive(0.1)
    assert exchange.final is not None and exchange.status == 200
    return exchange.final["SIP-ETag"]


def silent(_: Text) -> None:
    return None


def notifies(network: Network, line: Line) -> list[Text]:
    """Every NOTIFY that was sent to a watcher, repetitions included."""
    return [
        Text(octets)
        for octets, source, goal in network.datagrams
        if source == SERVER and goal == line.phone.place and octets.startswith(b"NOTIFY ")
    ]


def kept_of(line: Line) -> list[DialogRecord]:
    """What is in memory of a watcher's subscriptions, whoever keeps it."""
    gc.collect()
    user = Address.parse(line.phone.user.removeprefix("sip:"))
    return [each for each in gc.get_objects() if isinstance(each, DialogRecord) and each.watcher == user]


def test_a_silent_watcher_has_one_notify_in_flight_and_nothing_else(
    network: Network, gateway: Gateway, alice: Phone
) -> None:
    line = watcher(network, 1)
    line.answer = silent
    network.datagrams.clear()
    etag = publish(alice, "change 0")
    for number in range(1, 50):
        etag = publish(alice, f"change {number}", etag)
    network.drive(GIVE_UP + 1)
    sent = notifies(network, line)
    assert {text.branch for text in sent} == {sent[0].branch} and b"change 0" in sent[0].body
    assert len(sent) == 1 + SENT_AGAIN
    assert not len(gateway.notifier)


def test_who_hears_again_is_told_the_newest_and_not_what_was_missed(
    network: Network, gateway: Gateway, alice: Phone
) -> None:
    line = watcher(network, 1)
    line.answer = silent
    etag = publish(alice, "change 0")
    for number in range(1, 20):
        etag = publish(alice, f"change {number}", etag)
    line.answer = lambda _: "200 OK"
    network.drive(10)
    seen = [text.body for text in line.notifies]
    assert [b"change 0" in body for body in seen[-2:]] == [True, False] and b"change 19" in seen[-1]
    assert len(gateway.notifier) == 1


def test_after_timer_f_the_subscription_is_over_and_nothing_of_it_is_left(
    network: Network, gateway: Gateway, alice: Phone
) -> None:
    etag = publish(alice, "before")
    network.drive(GIVE_UP + 2)
    timers = gateway.agent.wheel.running()
    line = watcher(network, 4711)  # nobody else in all tests
    line.answer = silent
    assert kept_of(line)
    etag = publish(alice, "after", etag)
    network.drive(GIVE_UP - 1)
    assert len(gateway.notifier) == 1 and len(gateway.presence) == 1
    network.drive(1.5)
    assert not len(gateway.notifier) and not len(gateway.presence) and not list(gateway.store.dialogs.all())
    network.drive(GIVE_UP)
    assert not kept_of(line) and gateway.agent.wheel.running() == timers
    network.datagrams.clear()
    publish(alice, "much later", etag)
    line.send()
    network.drive(1)
    assert line.status == 481 and not notifies(network, line)


def test_a_refresh_of_a_silent_watcher_puts_no_second_notify_in_flight(
    network: Network, gateway: Gateway, alice: Phone
) -> None:
    line = watcher(network, 1)
    line.answer = silent
    publish(alice, "change")
    network.datagrams.clear()
    for _ in range(5):
        line.send()
        network.drive(0.1)
        assert line.status == 200
    assert len({text.branch for text in notifies(network, line)}) == 1
    line.answer = lambda _: "200 OK"
    network.drive(5)
    assert len({text.branch for text in notifies(network, line)}) == 2
    assert line.last.state == "active" and len(gateway.notifier) == 1


def test_a_thousand_silent_watchers_delay_nobody_and_are_all_forgotten(
    network: Network, gateway: Gateway, alice: Phone
) -> None:
    count = 1000
    dead = [watcher(network, number) for number in range(count)]
    for line in dead:
        line.answer = silent
    good = watcher(network, count)
    romeo = Phone(network, "192.0.2.11", "sip:romeo@sip.example.org")
    other = watcher(network, count + 1, romeo.user)
    network.datagrams.clear()
    etag, his = publish(alice, "change 0"), publish(romeo, "his 0")
    for number in range(1, 60):
        etag, his = publish(alice, f"change {number}", etag), publish(romeo, f"his {number}", his)
        assert b"change %d<" % number in good.last.body and b"his %d<" % number in other.last.body
        network.drive(0.5)
    network.drive(10)
    assert len(gateway.notifier) == 2
    sent = sum(octets.startswith(b"NOTIFY ") for octets, *_ in network.datagrams)
    assert sent == count * (1 + SENT_AGAIN) + 2 * 60
