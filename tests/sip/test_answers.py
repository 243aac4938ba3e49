from twisted.internet.task import Clock

from sip2xmpp.sip.answers import Answers
from sip2xmpp.sip.timers import TimerWheel


def test_an_answer_lives_for_timer_j(clock: Clock) -> None:
    answers = Answers(TimerWheel(clock), 32, {})
    answers.add("one", b"1", None)
    clock.pump([1] * 31)
    answers.add("two", b"2", None)
    assert answers.get("one") == b"1"
    clock.pump([1] * 2)
    assert answers.get("one") is None and answers.get("two") == b"2"
    clock.pump([1] * 40)
    assert len(answers) == 0 and not clock.getDelayedCalls()


def test_beyond_the_budget_the_oldest_go_early(clock: Clock) -> None:
    merged = {7: "one", 8: "two"}
    answers = Answers(TimerWheel(clock), 32, merged, budget=100)
    answers.add("one", b"x" * 60, 7)
    answers.add("two", b"x" * 60, 8)
    assert answers.get("one") is None and answers.get("two") is not None
    assert merged == {8: "two"}


def test_a_hundred_thousand_go_without_a_timer_each(clock: Clock) -> None:
    wheel = TimerWheel(clock)
    answers = Answers(wheel, 32, {})
    for number in range(100_000):
        answers.add(str(number), b"", None)
    assert wheel.running() == 1
    clock.pump([1] * 34)
    assert len(answers) == 0
