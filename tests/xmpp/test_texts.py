"""Foreign text on its way into a stanza."""

from datetime import UTC, datetime, timedelta, timezone
from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.xmpp.texts import clean, quote, text_of
from sip2xmpp.xmpp.times import read_stamp, stamp

ANYTHING = st.text(st.characters(codec=None, exclude_categories=()))
"""Surrogates and control characters included."""


@pytest.mark.parametrize(
    ("dirty", "cleaned"),
    [
        ("plain", "plain"),
        ("\x01bell\x07", "bell"),
        ("half \ud800 pair", "half  pair"),
        ("\ufffe\uffff", ""),
        ("a\r\nb\rc\n\td", "a\nb\nc\n\td"),
        ("\U0001f4de naïve\u00a0café", "\U0001f4de naïve\u00a0café"),
        ("\x7f\x85", "\x7f\x85"),
    ],
)
def test_clean_removes_what_xml_forbids_and_nothing_else(dirty: str, cleaned: str) -> None:
    assert clean(dirty) == cleaned


def test_a_long_text_is_cut_with_an_ellipsis() -> None:
    assert clean("x" * 10, 10) == "x" * 10
    assert clean("x" * 11, 10) == "x" * 9 + "…"


@given(ANYTHING)
def test_any_text_survives_a_parser_as_it_was_cleaned(text: str) -> None:
    element = fromstring(f"<a b='{quote(text)}'>{text_of(text)}</a>".encode())
    assert (element.text or "") == clean(text)
    assert element.get("b") == clean(text)


@given(ANYTHING, st.integers(1, 30))
def test_no_text_is_longer_than_its_limit(text: str, limit: int) -> None:
    assert len(clean(text, limit)) <= limit


@pytest.mark.parametrize(
    ("written", "when"),
    [
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:00:00.5Z", datetime(2026, 1, 31, 12, microsecond=500_000, tzinfo=UTC)),
        ("2026-01-31T14:30:00+02:30", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("20260131T12:00:00", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("", None),
        ("yesterday at noon", None),
        ("2026-13-31T12:00:00Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9" * 5000, None),
    ],
)
def test_stamps_are_read_leniently(written: str, when: datetime | None) -> None:
    assert read_stamp(written) == when


@given(
    st.datetimes(
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]),
        min_value=datetime(2, 1, 1),
    )
)
def test_a_stamp_keeps_the_millisecond(when: datetime) -> None:
    again = read_stamp(stamp(when))
    assert again is not None and timedelta(0) <= when - again < timedelta(milliseconds=1)
    assert again.utcoffset() == timedelta(0)
