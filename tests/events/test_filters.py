"""A watcher that wants a part of what there is, or of what changes (RFC 4660, 5263)."""

from dataclasses import replace
from functools import reduce

import pytest
from lxml import etree

from sip2xmpp.documents import pidf
from sip2xmpp.documents.event_filter import NAMESPACE, SIZE_LIMIT, FilterSet
from sip2xmpp.documents.selectors import NotUnderstood
from sip2xmpp.events.rates import rates_of
from sip2xmpp.events.terms import Terms
from sip2xmpp.presence.policy import Handling
from tests.documents.patching import Reader, canonical
from tests.documents.test_event_filter import body
from tests.events.gateway import Gateway, HoldingStore
from tests.events.phone import Line, Phone
from tests.events.test_rates import Alice
from tests.fakes import Network
from tests.presence.test_agent import document

ALICE = "sip:alice@sip.example.org"
BOB = "sip:bob@sip.example.org"
PIDF = "Accept: application/pidf+xml\r\n"
PARTIAL = "Accept: application/pidf+xml;q=0.3, application/pidf-diff+xml;q=1\r\n"
FILTER = "Content-Type: application/simple-filter+xml\r\n"
BASIC = '<filter id="1"><what><include>//pidf:tuple/pidf:status/pidf:basic</include></what></filter>'
WHEN_BUSY = '<filter id="1"><trigger><added>//rpid:busy</added></trigger></filter>'


@pytest.fixture
def alice(network: Network, gateway: Gateway) -> Alice:
    return Alice(network)


def filtering(
    phone: Phone, inside: str, headers: str = PIDF, event: str = "presence", expires: int = 3600
) -> Line:
    line = phone.subscribe(ALICE, expires, headers=headers + FILTER, body=body(inside), event=event)
    phone.network.drive(0.2)
    return line


# filters


def test_a_watcher_is_told_what_its_filter_leaves(alice: Alice, bob: Phone) -> None:
    alice.says("away")
    line = filtering(bob, BASIC)
    assert line.status == 200 and b"<basic>open" in line.last.body and b"away" not in line.last.body
    assert line.last["Content-Type"] == "application/pidf+xml"
    alice.says("busy")
    assert len(line.notifies) == 1, "what it is shown has not changed"


def test_filters_that_are_longer_with_their_prefixes_are_in_force_after_a_restart() -> None:
    names = {f"p{n}": f"urn:ietf:params:xml:ns:pidf:a-long-name-of-a-namespace-{n}" for n in range(6)}
    bound = "".join(f'<ns-binding prefix="{prefix}" urn="{urn}"/>' for prefix, urn in names.items())
    chosen = "".join(f"<include>//{prefix}:a</include>" for prefix in names)
    inside = "".join(f'<filter id="f{n}"><what>{chosen}</what></filter>' for n in range(8))
    asked = (
        f'<filter-set xmlns="{NAMESPACE}"><ns-bindings>{bound}</ns-bindings>{inside}</filter-set>'.encode()
    )
    terms = Terms(
        rates=rates_of("presence;max-rate=0.1"), filters=FilterSet().joined(FilterSet.from_octets(asked))
    )
    assert len(asked) <= SIZE_LIMIT < len(terms.filters.to_octets())
    assert Terms.from_text(terms.to_text()) == terms


def test_more_filters_than_can_be_kept_are_refused() -> None:
    chosen = f"<include>//rpid:{'a' * 400}</include>" * 8
    asked = [
        FilterSet.from_octets(body(f'<filter id="{n}"><what>{chosen}</what></filter>')) for n in range(6)
    ]
    held = FilterSet().joined(asked[0]).joined(asked[1]).joined(asked[0])
    with pytest.raises(NotUnderstood):
        reduce(FilterSet.joined, asked, held)


def test_rates_hold_after_a_restart_when_the_filters_are_not_understood_any_more() -> None:
    terms = Terms.from_text('{"rates": ";max-rate=0.1", "condition": "x", "filters": "<gone/>"}')
    assert terms == Terms(rates=rates_of("presence;max-rate=0.1"), condition="x")


def test_a_trigger_says_when_to_tell_and_what_is_told_is_whole(
    alice: Alice, bob: Phone, network: Network
) -> None:
    line = filtering(bob, WHEN_BUSY)
    for activity in ("away", "meal"):
        alice.says(activity)
    assert len(line.notifies) == 1
    alice.says("busy")
    assert len(line.notifies) == 2 and b"<rpid:busy/>" in line.last.body
    alice.says("vacation")
    assert len(line.notifies) == 2
    line.send(3600)
    network.drive(0.2)
    assert len(line.notifies) == 3 and b"vacation" in line.last.body


def test_what_was_triggered_and_had_to_wait_is_told(alice: Alice, bob: Phone, network: Network) -> None:
    line = filtering(bob, WHEN_BUSY, event="presence;max-rate=0.1")
    for activity in ("away", "busy", "meal"):
        alice.says(activity)
    assert len(line.notifies) == 1
    network.drive(12)
    assert len(line.notifies) == 2 and b"meal" in line.last.body


def test_a_refresh_keeps_replaces_switches_and_removes_filters(
    gateway: Gateway, alice: Alice, bob: Phone, network: Network
) -> None:
    alice.says("away")
    line = filtering(bob, BASIC)

    def refreshed(inside: str = "") -> bytes:
        line.send(3600, headers=PIDF + FILTER if inside else PIDF, body=body(inside) if inside else b"")
        network.drive(0.2)
        assert line.status == 200
        return line.last.body

    assert b"away" not in refreshed()
    assert b"away" in refreshed('<filter id="1" enabled="false"/>')
    assert b"away" not in refreshed('<filter id="1" enabled="true"/>')
    assert b"basic" not in refreshed(
        BASIC.replace("//pidf:tuple/pidf:status/pidf:basic", "//rpid:activities")
    )
    assert b"basic" in refreshed('<filter id="1" remove="true"/>')
    assert next(iter(gateway.store.dialogs.all())).terms == ""


def test_a_filter_is_in_force_after_a_restart(network: Network) -> None:
    process = Gateway(network)
    alice = Alice(network)
    alice.says("away")
    line = filtering(Phone(network, "192.0.2.20", BOB), BASIC, event="presence;max-rate=0.1")
    Gateway(network, seed=2, kept=process.killed())
    network.drive(1)
    assert len(line.notifies) == 2 and b"<basic>open" in line.last.body and b"away" not in line.last.body
    alice.says("busy")
    network.drive(15)
    assert len(line.notifies) == 2


@pytest.mark.parametrize("terms", ['{"filters": "<filter-set/>"}', "{", '{"filters": "<x"}'])
def test_a_stored_filter_that_is_not_understood_any_more_hides_nothing(network: Network, terms: str) -> None:
    process = Gateway(network)
    Alice(network).says("away")
    line = filtering(Phone(network, "192.0.2.20", BOB), BASIC)
    store = process.killed()
    store.dialogs.put(replace(next(iter(store.dialogs.all())), terms=terms))
    Gateway(network, seed=2, kept=store)
    network.drive(1)
    assert len(line.notifies) == 2 and b"away" in line.last.body


def test_a_trigger_fires_anew_after_a_204(alice: Alice, bob: Phone, network: Network) -> None:
    line = filtering(bob, WHEN_BUSY)
    line.send(3600, headers=f"{PIDF}Suppress-If-Match: {line.last['SIP-ETag']}\r\n")
    network.drive(0.2)
    assert line.status == 204
    alice.says("away")
    alice.says("meal")
    assert len(line.notifies) == 1
    alice.says("busy")
    assert len(line.notifies) == 2


def test_a_filter_does_not_show_what_policy_hides(
    gateway: Gateway, alice: Alice, bob: Phone, network: Network
) -> None:
    alice.says("away")
    gateway.decide("alice@sip.example.org", "bob@sip.example.org", Handling.POLITE_BLOCK)
    line = filtering(bob, '<filter id="1"><what><include>//rpid:activities</include></what></filter>')
    assert b"away" not in line.last.body
    gateway.decide("alice@sip.example.org", "bob@sip.example.org", Handling.CONFIRM)
    network.drive(0.2)
    assert line.last.state == "pending" and line.last.body == b""


def test_a_fetch_may_be_filtered(alice: Alice, bob: Phone) -> None:
    alice.says("away")
    line = filtering(bob, BASIC, expires=0)
    assert line.last.state == "terminated" and b"<basic>open" in line.last.body
    assert b"away" not in line.last.body


@pytest.mark.parametrize(
    ("refused", "status"),
    [
        ((FILTER, b"<filter-set"), 400),
        ((FILTER, b"<other/>"), 488),
        ((FILTER, body('<filter id="1"><what><include>id(1)</include></what></filter>')), 488),
        ((FILTER, body(BASIC, package="dialog")), 488),
        ((FILTER, body(BASIC) + b" " * 5000), 413),
        (("Content-Type: text/plain\r\n", b"hello"), 415),
        ((FILTER + "Content-Encoding: deflate\r\n", body(BASIC)), 415),
    ],
)
def test_a_body_that_is_no_filter_of_ours_is_refused(
    gateway: Gateway, bob: Phone, network: Network, refused: tuple[str, bytes], status: int
) -> None:
    headers, inside = refused
    line = bob.subscribe(ALICE, headers=PIDF + headers, body=inside)
    network.drive(0.2)
    assert line.status == status and len(gateway.notifier) == 0 and not line.notifies
    if inside == b"hello":
        assert line.response["Accept"] == "application/simple-filter+xml"


def test_a_bad_filter_in_a_refresh_changes_nothing(alice: Alice, bob: Phone, network: Network) -> None:
    alice.says("away")
    line = filtering(bob, BASIC)
    line.send(600, headers=PIDF + FILTER, body=b"<other/>")
    network.drive(0.2)
    assert line.status == 488 and len(line.notifies) == 1
    line.send(600, headers=PIDF)
    network.drive(0.2)
    assert line.status == 200 and b"away" not in line.last.body


def test_a_body_that_may_be_ignored_is(bob: Phone, network: Network) -> None:
    headers = f"{PIDF}Content-Type: text/plain\r\nContent-Disposition: x; handling = optional\r\n"
    line = bob.subscribe(ALICE, headers=headers, body=b"hello")
    network.drive(0.2)
    assert line.status == 200


def test_dialects_of_pidf_are_not_filtered(alice: Alice, bob: Phone) -> None:
    alice.says("away")
    line = filtering(bob, BASIC, headers="Accept: application/xpidf+xml\r\n")
    assert line.status == 200 and b'substatus="away"' in line.last.body


# changes only


def test_a_watcher_of_changes_is_told_all_and_then_what_changed(
    alice: Alice, bob: Phone, network: Network
) -> None:
    alice.says("away")
    partial, whole = bob.subscribe(ALICE, headers=PARTIAL), bob.subscribe(ALICE, headers=PIDF)
    network.drive(0.2)
    reader = Reader()
    for number, activity in enumerate(("busy", "meal", "vacation", "away"), 2):
        alice.says(activity)
        assert len(partial.notifies) == len(whole.notifies) == number
    for told, octets in zip(partial.notifies, whole.notifies, strict=True):
        assert told["Content-Type"] == "application/pidf-diff+xml"
        reader.read(told.body)
        assert not reader.stale and reader.document == canonical(octets.body)
        assert pidf.read(octets.body).entity == ALICE
    kinds = [etree.fromstring(told.body).tag.rpartition("}")[2] for told in partial.notifies]
    assert kinds[0] == "pidf-full" and kinds.count("pidf-diff") >= 2, "a diff that is no shorter is not sent"
    assert sum(len(told.body) for told in partial.notifies) < sum(len(told.body) for told in whole.notifies)


def test_after_each_subscribe_all_is_told(alice: Alice, bob: Phone, network: Network) -> None:
    line = bob.subscribe(ALICE, headers=PARTIAL)
    network.drive(0.2)
    alice.says("away")
    line.send(600, headers=PARTIAL)
    network.drive(0.2)
    assert b"pidf-full" in line.last.body
    alice.says("busy")
    assert b"pidf-diff" in line.last.body and b"pidf-full" not in line.last.body


@pytest.mark.parametrize("answer", ["500 Server Internal Error", "488 Not Acceptable Here"])
def test_after_a_notify_that_was_not_taken_all_is_told(
    alice: Alice, bob: Phone, network: Network, answer: str
) -> None:
    line = bob.subscribe(ALICE, headers=PARTIAL)
    network.drive(0.2)
    alice.says("away")
    line.answer = lambda notify: answer
    alice.says("busy")
    line.answer = lambda notify: "200 OK"
    alice.says("meal")
    assert b"pidf-full" in line.last.body


def test_after_a_notify_without_a_body_all_is_told(
    gateway: Gateway, alice: Alice, bob: Phone, network: Network
) -> None:
    alice.says("away")
    line = bob.subscribe(ALICE, headers=PARTIAL)
    network.drive(0.2)
    for handling in (Handling.CONFIRM, Handling.ALLOW):
        gateway.decide("alice@sip.example.org", "bob@sip.example.org", handling)
        network.drive(0.2)
    assert line.states == ["active", "pending", "active"] and b"pidf-full" in line.last.body


def test_after_a_restart_all_is_told_with_a_later_version(network: Network) -> None:
    process = Gateway(network)
    alice = Alice(network)
    alice.says("away")
    line = Phone(network, "192.0.2.20", BOB).subscribe(ALICE, 3600, headers=PARTIAL)
    network.drive(0.2)
    Gateway(network, seed=2, kept=process.killed())
    network.drive(1)
    alice.says("busy")
    reader = Reader()
    for told in line.notifies:
        reader.read(told.body)
        assert not reader.stale
    assert b"pidf-full" in line.notifies[1].body and b"busy" in reader.document.encode()


def test_what_is_filtered_may_be_told_by_its_changes(alice: Alice, bob: Phone, network: Network) -> None:
    alice.says("away")
    line = filtering(
        bob, '<filter id="1"><what><include>//rpid:activities</include></what></filter>', headers=PARTIAL
    )
    reader = Reader()
    reader.read(line.last.body)
    assert "away" in reader.document and "tuple" not in reader.document
    alice.says("busy")
    reader.read(line.last.body)
    assert "busy" in reader.document and not reader.stale and len(line.notifies) == 2
    line = filtering(bob, BASIC, headers=PARTIAL)
    alice.says("meal")
    assert len(line.notifies) == 1, "nothing has changed in what it is shown"


def test_conditions_hold_for_watchers_of_changes(alice: Alice, bob: Phone, network: Network) -> None:
    alice.says("away")
    line = bob.subscribe(ALICE, headers=PARTIAL)
    network.drive(0.2)
    alice.says("busy")
    tag = line.last["SIP-ETag"]
    line.send(600, headers=f"{PARTIAL}Suppress-If-Match: {tag}\r\n")
    network.drive(0.2)
    assert line.status == 204 and len(line.notifies) == 2
    alice.says("meal")
    reader = Reader()
    for told in line.notifies:
        reader.read(told.body)
    assert not reader.stale and "meal" in reader.document


@pytest.mark.parametrize(
    ("accept", "is_partial"),
    [
        ("application/pidf+xml, application/pidf-diff+xml", True),
        ("application/pidf-diff+xml", True),
        ("application/PIDF-diff+xml; q=0.5, application/pidf+xml;q=0.4", True),
        ("application/pidf-diff+xml;q=0.4, application/pidf+xml;q=0.5", False),
        ("application/pidf-diff+xml;q=0, application/pidf+xml", False),
        ("application/pidf-diff+xml;q=x, application/pidf+xml;q=0.9", True),
        ("application/pidf+xml, application/x-pidf-diff+xml", False),
    ],
)
def test_accept_says_whether_changes_are_wanted(
    bob: Phone, network: Network, accept: str, is_partial: bool
) -> None:
    line = bob.subscribe(ALICE, headers=f"Accept: {accept}\r\n")
    network.drive(0.2)
    assert (b"pidf-full" in line.last.body) is is_partial


def test_what_changes_while_other_filters_are_stored_is_told_whole(network: Network) -> None:
    """A change could not be understood: it would say what changed in a part that the watcher never had."""
    store = HoldingStore(network.clock)
    Gateway(network, store=store)
    alice, bob = Alice(network), Phone(network, "192.0.2.20", BOB)
    alice.says("away")
    line = bob.subscribe(ALICE, headers=PARTIAL)
    network.drive(0.2)
    assert b"pidf-full" in line.last.body
    store.held = []
    without = '<filter id="1"><what><exclude>//rpid:activities</exclude></what></filter>'
    line.send(600, headers=PARTIAL + FILTER, body=body(without))
    alice.phone.publish(document("busy"), etag=alice.etag, expires=7200)
    network.drive(0.2)
    assert len(line.notifies) == 2 and b"pidf-full" in line.last.body
    assert b"busy" not in line.last.body
