"""What every engine promises, whatever it stores records in."""

from contextlib import suppress
from dataclasses import replace

import pytest

from sip2xmpp.store.expiry import SLICE
from sip2xmpp.store.interface import Change, ChangeKind
from sip2xmpp.store.records import Publication, publication_key
from sip2xmpp.store.schema import LAYOUTS
from tests.store.engines import ALICE, BOB, JULIET, START, Engine, dialog, publication, verdict

PUT, REMOVED, EXPIRED = ChangeKind.PUT, ChangeKind.REMOVED, ChangeKind.EXPIRED


def feed(engine: Engine) -> list[tuple[ChangeKind, str]]:
    told: list[tuple[ChangeKind, str]] = []
    engine.store.publications.listen(lambda change: told.append((change.kind, change.record.etag)))
    return told


def test_a_record_is_found_by_its_key_and_in_its_group(engine):
    table = engine.store.publications
    first, second, other = publication("a"), publication("b"), publication("c", ALICE)
    for record in (first, second, other):
        table.put(record)
    assert table.get("a") is first
    assert table.get("z") is None
    assert table.select(str(BOB)) == (first, second)
    assert table.select(str(JULIET)) == ()
    assert list(table.all()) == [first, second, other]
    assert len(table) == 3


def test_a_replacement_keeps_its_place_in_the_group(engine):
    table = engine.store.publications
    table.put(publication("a"))
    table.put(publication("b"))
    table.put(publication("a", text="new"))
    assert [r.etag for r in table.select(str(BOB))] == ["a", "b"]
    assert table.get("a").document == b"new"


def test_a_record_may_move_to_another_group(engine):
    table = engine.store.publications
    table.put(publication("a", BOB))
    table.put(publication("a", ALICE))
    assert table.select(str(BOB)) == ()
    assert [r.etag for r in table.select(str(ALICE))] == ["a"]


def test_removing_what_is_not_there_is_no_change(engine):
    told = feed(engine)
    engine.store.publications.remove("a")
    assert told == []


def test_the_feed_names_what_was_replaced_and_what_is_gone(engine):
    changes: list[Change[Publication]] = []
    table = engine.store.publications
    table.listen(changes.append)
    first, second = publication("a"), publication("a", text="new")
    table.put(first)
    table.put(second)
    table.remove("a")
    assert changes == [Change(PUT, first), Change(PUT, second, first), Change(REMOVED, second)]


def test_a_change_is_visible_when_it_is_told(engine):
    table = engine.store.publications
    seen = []
    table.listen(lambda change: seen.append(table.get(change.record.key)))
    table.put(publication("a"))
    table.remove("a")
    assert seen == [publication("a"), None]


def test_every_listener_hears_changes_in_order_though_one_makes_changes(engine):
    table = engine.store.publications

    def answer(change: Change[Publication]) -> None:
        if change.record.etag == "a" and change.kind is PUT:
            table.put(publication("b"))
            table.remove("a")

    table.listen(answer)
    told = feed(engine)
    table.put(publication("a"))
    assert told == [(PUT, "a"), (PUT, "b"), (REMOVED, "a")]


def test_a_failing_listener_does_not_keep_the_change_from_the_others(engine):
    def fail(change: Change[Publication]) -> None:
        raise RuntimeError("no")

    engine.store.publications.listen(fail)
    told = feed(engine)
    engine.store.publications.put(publication("a"))
    assert told == [(PUT, "a")]


def test_a_record_is_gone_at_the_instant_it_expires_and_told_within_a_second(engine):
    told = feed(engine)
    table = engine.store.publications
    table.put(publication("a", ends=START + 10.25))
    engine.clock.advance(10.2)
    assert table.get("a") is not None
    engine.clock.advance(0.05)
    assert table.get("a") is None
    assert table.select(str(BOB)) == ()
    assert list(table.all()) == []
    assert told == [(PUT, "a")]
    engine.clock.advance(0.75)
    assert told == [(PUT, "a"), (EXPIRED, "a")]
    assert len(table) == 0


def test_a_refresh_moves_the_deadline(engine):
    told = feed(engine)
    table = engine.store.publications
    table.put(publication("a", ends=START + 10))
    engine.clock.advance(9)
    table.put(publication("a", ends=START + 20))
    engine.clock.advance(10)
    assert told == [(PUT, "a"), (PUT, "a")]
    engine.clock.advance(1)
    assert told[2:] == [(EXPIRED, "a")]


def test_a_dialog_refreshed_is_the_same_with_other_values(engine):
    new = {
        "remote_target": "sip:alice@192.0.2.2",
        "remote_cseq": 2,
        "flow": "udp 192.0.2.9 5060 192.0.2.2 5060",
        "accept": "application/pidf+xml, application/xpidf+xml",
        "user_agent": "phone/2",
        "expires_at": START + 7200,
    }
    assert dialog(1).refreshed(**new) == replace(dialog(1), **new)


def test_a_change_of_a_publication_takes_its_place_and_its_tag_alone_is_new(engine):
    changes: list[Change[Publication]] = []
    table = engine.store.publications
    table.listen(changes.append)
    first, other, second = publication("a~1"), publication("b~1"), publication("a~2", text="new")
    for record in (first, other, second):
        table.put(record)
    assert table.get("a") is second
    assert table.select(str(BOB)) == (second, other)
    assert changes[-1] == Change(PUT, second, first)
    assert publication_key("a~2") == publication_key("a") == "a"


def test_a_shorter_lifetime_moves_the_deadline_too(engine):
    told = feed(engine)
    engine.store.publications.put(publication("a", ends=START + 100))
    engine.store.publications.put(publication("a", ends=START + 5))
    engine.clock.advance(5)
    assert told[2:] == [(EXPIRED, "a")]


def test_a_deadline_moved_within_its_second_is_still_kept(engine):
    told = feed(engine)
    table = engine.store.publications
    table.put(publication("a", ends=START + 10.25))
    table.put(publication("a", ends=START + 10.5))
    engine.clock.advance(10.3)
    assert table.get("a") is not None
    engine.clock.advance(0.7)
    assert told[2:] == [(EXPIRED, "a")]


def test_what_is_removed_does_not_expire(engine):
    told = feed(engine)
    engine.store.publications.put(publication("a", ends=START + 5))
    engine.store.publications.remove("a")
    engine.clock.advance(10)
    assert told == [(PUT, "a"), (REMOVED, "a")]


def test_writing_over_what_has_expired_tells_first_that_it_expired(engine):
    changes: list[Change[Publication]] = []
    engine.store.publications.listen(changes.append)
    old, new = publication("a", ends=START + 0.5), publication("a", ends=START + 100)
    engine.store.publications.put(old)
    engine.clock.advance(0.6)
    engine.store.publications.put(new)
    engine.clock.advance(10)
    assert changes == [Change(PUT, old), Change(EXPIRED, old), Change(PUT, new)]


def test_removing_what_has_expired_tells_that_it_expired(engine):
    told = feed(engine)
    engine.store.publications.put(publication("a", ends=START + 0.5))
    engine.clock.advance(0.6)
    engine.store.publications.remove("a")
    engine.clock.advance(10)
    assert told == [(PUT, "a"), (EXPIRED, "a")]


def test_a_record_that_is_expired_when_put_is_never_seen(engine):
    told = feed(engine)
    engine.store.publications.put(publication("a", ends=START - 1))
    assert engine.store.publications.get("a") is None
    engine.clock.advance(0)
    assert told == [(PUT, "a"), (EXPIRED, "a")]


def test_a_record_without_an_end_stays(engine):
    table = engine.store.verdicts
    table.put(verdict(ALICE))
    engine.clock.advance(10 * 366 * 86_400)
    assert table.get(f"{BOB} {ALICE}") == verdict(ALICE)
    table.put(verdict(ALICE, ends=engine.clock.seconds() + 5))
    table.put(verdict(ALICE))
    engine.clock.advance(10)
    assert len(table) == 1


def test_an_end_far_away_is_reached_by_several_timers(engine):
    told = feed(engine)
    engine.store.publications.put(publication("a", ends=START + 3 * 86_400 + 7))
    for _ in range(4):
        assert told == [(PUT, "a")]
        engine.clock.advance(86_399)
    assert told == [(PUT, "a"), (EXPIRED, "a")]


def test_many_that_end_together_are_told_in_slices_and_may_be_refreshed_between_them(engine):
    count = 2 * SLICE + 1
    last = str(count - 1)
    told = feed(engine)
    for number in range(count):
        engine.store.publications.put(publication(str(number), ends=START + 5))
    engine.clock.callLater(5, engine.store.publications.put, publication(last, ends=START + 50))
    del told[:]
    engine.clock.advance(5)
    expired = [(EXPIRED, str(number)) for number in range(count)]
    assert told == [*expired[:SLICE], (EXPIRED, last), (PUT, last), *expired[SLICE:-1]]
    assert engine.store.publications.get(last) is not None


def test_the_earliest_end_is_told_first_whatever_the_order_of_arrival(engine):
    told = feed(engine)
    for etag, seconds in (("c", 30), ("a", 10), ("b", 20)):
        engine.store.publications.put(publication(etag, ends=START + seconds))
    del told[:]
    for _ in range(3):
        engine.clock.advance(10)
    assert told == [(EXPIRED, "a"), (EXPIRED, "b"), (EXPIRED, "c")]


def test_committed_fires_at_once_when_nothing_is_pending(engine):
    assert engine.store.committed().called


def test_committed_fires_after_changes(engine):
    engine.store.dialogs.put(dialog(1))
    engine.commit()
    engine.store.dialogs.remove(dialog(1).key)
    engine.commit()
    assert engine.store.committed().called


def test_after_commit_calls_at_once_when_nothing_is_pending(engine):
    told = []
    engine.store.after_commit(told.append)
    assert told == [None]


def test_those_who_wait_for_a_commit_are_called_in_order_and_one_that_fails_keeps_nobody_from_it(engine):
    told = []

    def fail(trouble):
        raise RuntimeError("no")

    engine.store.dialogs.put(dialog(1))
    engine.store.after_commit(lambda trouble: told.append(("first", trouble)))
    with suppress(RuntimeError):  # where nothing is waited for, the caller gets it
        engine.store.after_commit(fail)
    engine.store.after_commit(lambda trouble: told.append(("second", trouble)))
    engine.commit()
    assert told == [("first", None), ("second", None)]


def test_a_closed_store_leaves_no_timer(engine):
    engine.store.publications.put(publication("a"))
    engine.close()
    assert engine.clock.getDelayedCalls() == []


@pytest.mark.parametrize("kind", sorted(LAYOUTS))
def test_every_kind_of_record_has_an_empty_table_at_first(engine, kind):
    assert len(getattr(engine.store, kind)) == 0
