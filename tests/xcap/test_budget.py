"""How much work one client may make."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from sip2xmpp.xcap.budget import A_MINUTE, CLIENTS, REQUEST, Budget


@given(st.lists(st.tuples(st.integers(0, 500_000), st.floats(0, 5)), max_size=80))
def test_in_no_minute_more_is_done_than_what_comes_back_in_it(steps: list[tuple[int, float]]) -> None:
    clock = Clock()
    budget = Budget(clock)
    done = 0.0
    for octets, pause in steps:
        clock.advance(pause)
        if not budget.take("bob", octets):
            done += octets + REQUEST
        assert done <= A_MINUTE * (1 + clock.seconds() / 60) + 500_000 + REQUEST


def test_who_is_told_to_wait_may_go_on_when_he_has_waited() -> None:
    clock = Clock()
    budget = Budget(clock, 60_000)
    assert budget.take("bob", 200_000) == 0
    wait = budget.take("bob", 1)
    assert wait > 60 and budget.take("alice", 1) == 0
    clock.advance(wait - 1)
    assert budget.take("bob", 1) > 0
    clock.advance(1)
    assert budget.take("bob", 1) == 0


def test_so_many_clients_are_remembered() -> None:
    budget = Budget(Clock(), 1_000)
    assert budget.take("first", 5_000) == 0 and budget.take("first", 0) > 0
    for number in range(CLIENTS):
        budget.take(str(number), 0)
    assert budget.take("first", 0) == 0
