"""What is granted of what is asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.errors import IntervalTooBrief
from sip2xmpp.events.lifetimes import granted, too_brief


@given(asked=st.integers(0, 2**32 - 1), least=st.integers(0, 10_000), most=st.integers(1, 100_000))
def test_never_more_than_asked_and_refused_only_below_the_least(asked: int, least: int, most: int) -> None:
    if 0 < asked < least and asked < 3600:
        with pytest.raises(IntervalTooBrief) as brief:
            granted(asked, default=3600, least=least, most=most)
        assert too_brief(brief.value) == [("Min-Expires", str(least))]
    else:
        assert granted(asked, default=3600, least=least, most=most) == min(asked, most)


def test_nothing_asked_is_the_default() -> None:
    assert granted(None, default=1234, least=60, most=7200) == 1234


def test_who_asks_for_an_hour_is_never_too_brief() -> None:
    assert granted(3600, default=3600, least=86_400, most=100_000) == 3600
    with pytest.raises(IntervalTooBrief):
        granted(3599, default=3600, least=86_400, most=100_000)
