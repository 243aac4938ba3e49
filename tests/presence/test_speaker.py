"""Which of many sources speaks for the person: what a page shows as the one that is heard."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.presence.composition import Rank, Source, compose, speaker
from sip2xmpp.presence.states import State, state_of
from tests.presence.test_composition import BOB, START, plain, source

PHONE = source(plain(State.AWAY), 1, name="phone")
DESK = source(plain(State.BUSY), 2, name="desk")
CALL = source(plain(State.ON_THE_PHONE), 0, rank=Rank.DIALOG, name="call")
REACHABLE = source(plain(), 9, rank=Rank.REGISTERED, name="binding")
HOLIDAY = source(plain(State.XA), 0, rank=Rank.PERMANENT, name="holiday")
ALWAYS = source(plain(State.DND), 0, rank=Rank.OVERRIDE, name="always")
GONE = source(plain(State.OFFLINE), 3, name="gone")


@pytest.mark.parametrize(
    ("sources", "name"),
    [
        ((), None),
        ((REACHABLE,), None),
        ((PHONE,), "phone"),
        ((PHONE, REACHABLE), "phone"),
        ((PHONE, DESK), "desk"),
        ((PHONE, CALL), "call"),
        ((DESK, CALL), "desk"),
        ((HOLIDAY,), "holiday"),
        ((HOLIDAY, PHONE), "phone"),
        ((HOLIDAY, REACHABLE), "holiday"),
        ((ALWAYS, DESK, CALL), "always"),
        ((GONE, REACHABLE), "gone"),
        ((source(plain(State.OFFLINE), rank=Rank.OVERRIDE, name="off"), DESK), "off"),
    ],
)
def test_one_source_speaks(sources: tuple[Source, ...], name: str | None) -> None:
    assert speaker(BOB, list(sources), START + 10) == name
    assert speaker(BOB, list(reversed(sources)), START + 10) == name


@given(
    st.lists(
        st.sampled_from([PHONE, DESK, CALL, REACHABLE, HOLIDAY, ALWAYS, GONE]), unique_by=lambda one: one.id
    )
)
def test_whoever_speaks_says_what_is_shown(sources: list[Source]) -> None:
    name = speaker(BOB, sources, START + 10)
    shown = state_of(compose(BOB, sources, START + 10))
    for one in (PHONE, DESK, CALL, HOLIDAY, ALWAYS, GONE):
        if one.id == name:
            assert state_of(one.document) is shown
