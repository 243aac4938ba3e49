"""Who did what: kept, in order, and bounded."""

import pytest
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from sip2xmpp.portal import audit as module
from sip2xmpp.portal.audit import Audit
from sip2xmpp.store.keeping import KEPT, make_deed
from sip2xmpp.store.memory import MemoryStore


def test_the_newest_is_told_first_and_those_about_one_address_alone(clock: Clock) -> None:
    store = MemoryStore(clock)
    audit = Audit(store, clock)
    for number in range(5):
        clock.advance(1)
        about = "bob@sip.example.org" if number % 2 else "alice@sip.example.org"
        audit.record(who="alice@sip.example.org", by="page", what=f"change {number}", about=about)
    assert [deed.what for deed in audit.latest(3)] == ["change 4", "change 3", "change 2"]
    assert [deed.what for deed in audit.latest(9, "bob@sip.example.org")] == ["change 3", "change 1"]
    assert [deed.what for deed in Audit(store, clock).latest(2)] == ["change 4", "change 3"]


def test_what_the_command_writes_beside_the_gateway_is_among_them(clock: Clock) -> None:
    store = MemoryStore(clock)
    audit = Audit(store, clock)
    store.deeds.put(
        make_deed(clock.seconds(), who="root", by="command", what="add", about="x@sip.example.org")
    )
    assert [(deed.who, deed.by) for deed in audit.latest(1)] == [("root", "command")]


def test_only_so_many_are_kept_and_for_so_long(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 10)
    store = MemoryStore(clock)
    audit = Audit(store, clock)
    for number in range(25):
        clock.advance(1)
        audit.record(who="token station", by="API", what=str(number))
    assert [deed.what for deed in audit.latest(99)] == [str(number) for number in range(24, 14, -1)]
    assert len(store.deeds) == 10
    clock.advance(KEPT + 2)
    assert audit.latest(99) == [] and len(store.deeds) == 0


def test_nobody_gets_rid_of_what_operators_did_by_being_busy(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST", 10)
    store = MemoryStore(clock)
    audit = Audit(store, clock)
    mallory, bob = "mallory@sip.example.org", "bob@sip.example.org"
    for number in range(5):
        audit.record(who=bob, by="page", what=f"disable the account {number}", about=mallory)
    for _ in range(2):
        for number in range(50):
            clock.advance(1)
            audit.record(who=mallory, by="page", what=f"allow {number}", about=mallory)
        audit = Audit(store, clock)
    assert len(audit.latest(99)) == len(store.deeds) == 10
    assert [deed.who for deed in audit.latest(99)] == 5 * [mallory] + 5 * [bob]
    for number in range(9):
        clock.advance(1)
        audit.record(who=bob, by="page", what=f"enable the account {number}", about=mallory)
    assert [deed.who for deed in audit.latest(99)] == 9 * [bob] + [mallory]


def test_what_is_written_out_of_order_goes_in_order(clock: Clock) -> None:
    store = MemoryStore(clock)
    audit, began = Audit(store, clock), clock.seconds()
    clock.advance(10)
    audit.record(who="a", by="page", what="one", about="x")
    for at in (began + 5, began + 7):
        store.deeds.put(make_deed(at, who="root", by="command", what="two", about="x"))
    clock.advance(KEPT - 4)
    assert [deed.at for deed in audit.latest(9)] == [began + 10, began + 7]
    clock.advance(10)
    assert audit.latest(9) == []


def test_each_is_a_line_of_the_log(clock: Clock) -> None:
    audit = Audit(MemoryStore(clock), clock)
    with capturedLogs() as logs:
        audit.record(
            who="token station", by="API", what="station states", about="w@x.example", peer="192.0.2.1"
        )
    assert [(one["who"], one["what"], one["peer"]) for one in logs] == [
        ("token station", "station states", "192.0.2.1")
    ]


def test_who_does_the_same_again_and_again_has_one_line_in_an_hour(clock: Clock) -> None:
    audit = Audit(MemoryStore(clock), clock)
    weather = "weather@sip.example.org"

    def states(what: str = "roof states") -> None:
        audit.record(who="token roof", by="API", what=what, about=weather, peer="192.0.2.1")

    for _ in range(120):
        states()
        clock.advance(60)
    assert len(audit.latest(999)) == 2
    states("roof is withdrawn")
    states()
    states("roof is withdrawn")
    assert [deed.what for deed in audit.latest(3)] == [
        "roof is withdrawn",
        "roof states",
        "roof is withdrawn",
    ]


def test_the_same_by_somebody_else_or_to_somebody_else_is_a_line_of_its_own(clock: Clock) -> None:
    audit = Audit(MemoryStore(clock), clock)
    for who, about in (("a", "x@sip.example.org"), ("a", "y@sip.example.org"), ("b", "y@sip.example.org")):
        audit.record(who=who, by="page", what="add the account", about=about)
    assert len(audit.latest(9)) == 3
