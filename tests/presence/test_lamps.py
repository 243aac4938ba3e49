"""What a watcher of calls is told: nothing but how many there are and how far they are, unless more is allowed."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.address import Address
from sip2xmpp.documents.dialog_info import RENDERING, Call, CallState, Direction, Party
from sip2xmpp.presence.lamps import Wanted, most_important, revealed
from tests.documents.test_dialog_info import calls, words

ALICE = Address.parse("alice@sip.example.org")
any_call = calls(words)


@given(any_call, st.booleans())
def test_an_allowed_watcher_learns_state_and_direction_and_nothing_else(call: Call, sessions: bool) -> None:
    told = revealed(call, ALICE, details=False, sessions=sessions)
    assert told == Call(id=call.id, state=call.state, direction=call.direction, local=told.local)
    uri = "sip:alice@sip.example.org"
    held = Party(identity=uri, target=uri, params=((RENDERING, "no"),))
    assert told.local == (held if call.is_held else None)


@given(any_call)
def test_session_descriptions_are_for_those_who_ask(call: Call) -> None:
    plain = revealed(call, ALICE, details=True, sessions=False)
    for party in (plain.local, plain.remote):
        assert party is None or not (party.session or party.session_type)
    assert revealed(call, ALICE, details=True, sessions=True) == replace(call, duration=None)


@given(st.lists(any_call, max_size=6, unique_by=lambda call: call.id), st.integers(1, 4))
def test_those_that_ring_are_the_last_to_be_left_out(some: list[Call], most: int) -> None:
    told = most_important(some, most)
    assert len(told) == min(len(some), most)
    assert [call for call in some if call in told] == list(told)
    if any(call.state is CallState.EARLY for call in some):
        assert any(call.state is CallState.EARLY for call in told)


def test_two_legs_with_one_tag_twice_are_told_apart() -> None:
    call = Call(
        id="a",
        state=CallState.EARLY,
        direction=Direction.RECIPIENT,
        call_id="c",
        local_tag="l",
        remote_tag="r",
    )
    assert Wanted(call_id="c", tags=("l", "r")).covers(call)
    assert not Wanted(call_id="c", tags=("l", "l")).covers(call)
    assert not Wanted(call_id="d").covers(call)
    assert Wanted().covers(call)
