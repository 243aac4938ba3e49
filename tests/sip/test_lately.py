from twisted.internet.task import Clock

from sip2xmpp.sip.lately import Lately


def test_members_leave_after_their_time_or_when_told(clock: Clock) -> None:
    lately: Lately[str] = Lately(clock, 60.0)
    lately.add("a")
    clock.advance(59)
    assert "a" in lately and "b" not in lately
    lately.add("b")
    clock.advance(1)
    assert "a" not in lately and "b" in lately
    lately.discard("b")
    lately.discard("c")
    assert "b" not in lately


def test_what_is_over_makes_room_and_if_nothing_is_everything_does(clock: Clock) -> None:
    lately: Lately[int] = Lately(clock, 60.0, size=3)
    for number in range(3):
        lately.add(number)
        clock.advance(25)
    lately.add(3)
    assert [number in lately for number in range(4)] == [False, True, True, True]
    lately.add(4)
    assert len(lately) == 1 and 4 in lately
