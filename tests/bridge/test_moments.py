"""Points in time as people write them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.bridge.moments import LONGEST_SECONDS, moment, written_moment
from sip2xmpp.errors import BadInput

NOW = datetime(2027, 1, 4, 12, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("words", "at"),
    [
        ("2h", "2027-01-04T14:00:00Z"),
        ("+30 min", "2027-01-04T12:30:00Z"),
        ("1w", "2027-01-11T12:00:00Z"),
        ("17:30", "2027-01-04T17:30:00Z"),
        ("9:05", "2027-01-05T09:05:00Z"),
        ("2027-01-05", "2027-01-06T00:00:00Z"),
        ("2027-01-05T09:00", "2027-01-05T09:00:00Z"),
        (" 2027-01-05 09:00 ", "2027-01-05T09:00:00Z"),
        ("2027-01-05T09:00+01:00", "2027-01-05T08:00:00Z"),
    ],
)
def test_what_people_write_is_a_time(words: str, at: str) -> None:
    read = moment(words, NOW)
    assert read is not None and written_moment(read) == at


def test_a_day_to_begin_with_is_its_beginning() -> None:
    read = moment("2027-01-05", NOW, is_end=False)
    assert read is not None and written_moment(read) == "2027-01-05T00:00:00Z"
    assert moment("2026-12-24", NOW, is_end=False) is not None


def test_nothing_is_no_time() -> None:
    assert moment("  ", NOW) is None


@pytest.mark.parametrize(
    "words",
    [
        "yesterday",
        "2026-12-24",
        "25:00",
        "0s",
        "9999-01-01",
        "999999w",
        "2027-13-01",
        "2027-01-05T09:00+99:00",
        "0001-01-01T00:00+14:00",
    ],
)
def test_what_is_none_or_over_or_too_far_is_refused(words: str) -> None:
    with pytest.raises(BadInput):
        moment(words, NOW)


@given(st.text(max_size=30), st.booleans())
def test_anything_is_a_time_or_refused(words: str, is_end: bool) -> None:
    try:
        at = moment(words, NOW, is_end=is_end)
    except BadInput:
        return
    assert at is None or (at <= NOW + LONGEST_SECONDS and (at > NOW or not is_end))


@given(st.floats(min_value=NOW + 1, max_value=NOW + LONGEST_SECONDS - 1))
def test_a_written_time_is_read_again(at: float) -> None:
    assert moment(written_moment(at), NOW) == int(at)
