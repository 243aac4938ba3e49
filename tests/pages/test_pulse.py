"""The beat by which pages of operators change."""

from twisted.internet.task import Clock

from sip2xmpp.pages.live import CHANGED, Live, Stream
from sip2xmpp.pages.pulse import Pulse


def test_numbers_are_told_of_every_second_and_long_tables_every_third() -> None:
    clock, heard, looks = Clock(), {"panel": 0, "panel-rows": 0}, [0]
    live = Live(clock)
    for topic in heard:

        def hear(octets: bytes, topic: str = topic) -> None:
            heard[topic] += octets == CHANGED

        live.listen(Stream(topic, hear, lambda: None), [topic])

    def look() -> None:
        looks[0] += 1

    pulse = Pulse(live, clock, look, lambda: 14_999)
    pulse.start()
    assert looks == [0]
    clock.advance(0)
    clock.pump([0.25] * 4 * 12)
    assert heard == {"panel": 12, "panel-rows": 4}
    assert looks == [13]
    pulse.stop()
    clock.pump([0.25] * 20)
    assert looks == [13]


def test_the_legs_are_looked_at_where_nobody_listens() -> None:
    clock, looks = Clock(), [0]

    def look() -> None:
        looks[0] += 1

    Pulse(Live(clock), clock, look, lambda: 0).start()
    clock.advance(0)
    clock.pump([0.5] * 10)
    assert looks[0] == 6


def test_the_longer_the_tables_the_less_often_they_are_looked_at() -> None:
    clock, heard = Clock(), [0]
    live = Live(clock)

    def hear(octets: bytes) -> None:
        heard[0] += octets == CHANGED

    live.listen(Stream("session", hear, lambda: None), ["panel-rows"])
    Pulse(live, clock, lambda: None, lambda: 100_000).start()
    clock.pump([0.25] * 4 * 61)
    assert heard == [3]
