"""Claims of appearances, as values."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.documents.dialog_info import Call, CallState, DialogInfo, DialogName, Direction, Party
from sip2xmpp.presence.appearances import (
    AppearanceTaken,
    Line,
    Relation,
    admit,
    is_seizure,
    live,
    lowest_free,
    relation,
    shown,
)

FRIEND = Party(identity="sip:romeo@jabber.example")
TALK = Call(id="t", state=CallState.CONFIRMED, call_id="c1", direction=Direction.INITIATOR, remote=FRIEND)
RING = Call(id="r", state=CallState.EARLY, call_id="c2", direction=Direction.RECIPIENT, remote=FRIEND)


def on(number: int | None, call: Call = TALK, name: str = "") -> Call:
    return replace(call, id=name or call.id, appearance=number)


def document(*calls: Call) -> DialogInfo:
    return DialogInfo(entity="sip:sales@sip.example.org", calls=calls)


def test_somebody_who_is_off_hook_has_called_nobody_yet() -> None:
    assert is_seizure(Call(id="1", state=CallState.TRYING))
    assert is_seizure(Call(id="1", state=CallState.TRYING, remote=Party()))
    assert not is_seizure(Call(id="1", state=CallState.TRYING, remote=FRIEND))
    assert not is_seizure(Call(id="1", state=CallState.CONFIRMED))


@pytest.mark.parametrize(
    ("call", "held", "expected"),
    [
        (replace(TALK, call_id="c9"), TALK, Relation.CONFLICT),
        (TALK, TALK, Relation.CONFLICT),
        (Call(id="1", state=CallState.TRYING), Call(id="2", state=CallState.TRYING), Relation.CONFLICT),
        (RING, RING, Relation.SHARES),
        (replace(RING, state=CallState.CONFIRMED), RING, Relation.TAKES_OVER),
        (RING, replace(RING, state=CallState.CONFIRMED), Relation.SHARES),
        (Call(id="1", state=CallState.TRYING, replaced=(DialogName(call_id="c1"),)), TALK, Relation.TAKES_OVER),
        (Call(id="1", state=CallState.TRYING, replaces=DialogName(call_id="c1")), TALK, Relation.TAKES_OVER),
        (TALK, Call(id="1", state=CallState.TRYING, replaces=DialogName(call_id="c1")), Relation.SHARES),
        (Call(id="1", state=CallState.EARLY, joined=(DialogName(call_id="c1"),)), TALK, Relation.SHARES),
        (Call(id="1", state=CallState.EARLY, joined=(DialogName(call_id=""),)), Call(id="2", state=CallState.EARLY), Relation.CONFLICT),
    ],
)  # fmt: skip
def test_how_a_call_stands_to_the_one_that_has_the_appearance(
    call: Call, held: Call, expected: Relation
) -> None:
    assert relation(call, held) is expected


@pytest.mark.parametrize(
    ("others", "calls"),
    [
        ({}, [on(1), on(2, name="b")]),
        ({}, [on(0), on(1, name="b")]),
        ({1: TALK}, [on(2), on(1, replace(TALK, state=CallState.TERMINATED), "b")]),
        ({1: TALK}, [on(None)]),
        ({1: RING, 2: TALK}, [on(1, RING)]),
        ({1: RING, 2: TALK}, [on(None, RING)]),
        ({1: TALK, 2: RING}, [on(1, replace(TALK, call_id="c5", replaced=(DialogName(call_id="c1"),)))]),
    ],
)
def test_what_is_free_or_ones_own_may_be_had(others: dict[int, Call], calls: list[Call]) -> None:
    admit(Line(appearances=2), document(*calls), others)


@pytest.mark.parametrize(
    ("others", "calls"),
    [
        ({1: TALK}, [on(1)]),
        ({1: TALK, 2: TALK}, [on(None)]),
        ({1: TALK, 2: TALK}, [on(0)]),
        ({}, [on(3)]),
        ({}, [on(1), on(1, name="b")]),
        ({}, [on(None), on(None, name="b"), on(None, name="c")]),
    ],
)
def test_what_somebody_else_has_or_is_not_there_is_refused(
    others: dict[int, Call], calls: list[Call]
) -> None:
    with pytest.raises(AppearanceTaken):
        admit(Line(appearances=2), document(*calls), others)


numbers = st.none() | st.integers(0, 5)
calls = st.builds(
    Call,
    id=st.sampled_from(["a", "b", "a-1", "a-2", "a-3"]),
    state=st.sampled_from(CallState),
    call_id=st.sampled_from(["", "c1", "c2"]),
    direction=st.none() | st.sampled_from(Direction),
    appearance=numbers,
)


@given(st.lists(calls, max_size=6), st.dictionaries(st.integers(0, 4), calls, max_size=4), st.integers(1, 4))
def test_nobody_is_let_in_who_would_make_more_than_there_are(
    claimed: list[Call], others: dict[int, Call], size: int
) -> None:
    line = Line(appearances=size)
    told = document(*claimed)
    try:
        admit(line, told, others)
    except AppearanceTaken:
        return
    fresh = [
        call
        for call in live(told)
        if all(relation(call, held) is Relation.CONFLICT for held in others.values())
    ]
    assert len(fresh) <= max(0, size - len(others))


@given(st.dictionaries(st.integers(0, 4), calls, max_size=4))
def test_what_is_shown_has_ids_of_its_own(held: dict[int, Call]) -> None:
    told = shown(held.items())
    assert [one.number for one in told] == sorted(held)
    assert len({one.call.id for one in told}) == len(held)


def test_the_lowest_free_number_is_given_until_all_are_in_use() -> None:
    assert lowest_free(Line(appearances=3), ()) == 1
    assert lowest_free(Line(appearances=3), (1, 3)) == 2
    assert lowest_free(Line(appearances=2), (1, 2)) is None
    assert lowest_free(Line(appearances=2), (0, 1)) is None


def test_session_descriptions_stay_with_their_phones() -> None:
    call = replace(TALK, local=Party(target="sip:a@192.0.2.1", session="v=0", session_type="application/sdp"))
    (one,) = shown([(1, call)])
    assert one.call.local == Party(target="sip:a@192.0.2.1")
