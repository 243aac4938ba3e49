"""Summaries of mailboxes."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.documents.message_summary import (
    CLASSES,
    MOST,
    SIZE_LIMIT,
    Count,
    MessageSummary,
    read,
    write,
)
from sip2xmpp.errors import BadDocument

numbers = st.integers(0, MOST)
counts = st.builds(Count, new=numbers, old=numbers, urgent=st.none() | st.tuples(numbers, numbers))
summaries = st.builds(
    MessageSummary,
    waiting=st.booleans(),
    account=st.just("") | st.from_regex(r"\Asips?:[a-z0-9.]{1,9}@[a-z.]{1,9}\Z"),
    counts=st.dictionaries(st.sampled_from(CLASSES), counts).map(
        lambda chosen: tuple((name, chosen[name]) for name in CLASSES if name in chosen)
    ),
)


@given(summaries)
def test_what_is_written_is_read_back(summary: MessageSummary) -> None:
    assert read(write(summary)) == summary


@given(
    st.binary(max_size=300)
    | st.text(max_size=300).map(lambda text: b"Messages-Waiting: yes\n" + text.encode())
)
def test_whatever_comes_is_read_or_refused(octets: bytes) -> None:
    try:
        summary = read(octets)
    except BadDocument:
        return
    assert read(write(summary)) == summary


def test_a_summary_is_written_as_the_standard_has_it() -> None:
    summary = MessageSummary(
        waiting=True,
        account="sip:alice@vmail.example.org",
        counts=(("voice-message", Count(new=4, old=8, urgent=(1, 2))), ("fax-message", Count(new=0, old=3))),
    )
    assert write(summary) == (
        b"Messages-Waiting: yes\r\nMessage-Account: sip:alice@vmail.example.org\r\n"
        b"Voice-Message: 4/8 (1/2)\r\nFax-Message: 0/3\r\n"
    )
    assert write(MessageSummary()) == b"Messages-Waiting: no\r\n"


@pytest.mark.parametrize(
    "octets",
    [
        b"messages-waiting: YES\nmessage-account:<sip:vm@example.org>\nVOICE-MESSAGE : 2/ 1 ( 0/0 )\n",
        b"\r\nMessages-Waiting:yes\r\nMessage-Account: sip:vm@example.org\r\nVoice-Message: 2/1 (0/0)\r\nX-Other: 1\r\n",
        b"Voice-Message: 2/1 (0/0)\r\nMessage-Account: sip:vm@example.org\r\n\r\nTo: <alice@example.org>\r\nFax-Message: 9/9\r\n",
    ],
)
def test_servers_that_spell_otherwise_are_understood(octets: bytes) -> None:
    assert read(octets) == MessageSummary(
        waiting=True,
        account="sip:vm@example.org",
        counts=(("voice-message", Count(new=2, old=1, urgent=(0, 0))),),
    )


def test_the_word_counts_more_than_the_numbers() -> None:
    assert not read(b"Messages-Waiting: no\r\nVoice-Message: 3/0\r\n").waiting
    assert not read(b"Voice-Message: 0/3\r\n").waiting


@pytest.mark.parametrize(
    "octets", [b"", b"\r\n\r\n", b"Messages-Waiting: maybe\r\n", b"\xff", b"x" * (SIZE_LIMIT + 1), b"<xml/>"]
)
def test_what_says_nothing_is_refused(octets: bytes) -> None:
    with pytest.raises(BadDocument):
        read(octets)


def test_numbers_beyond_all_measure_are_bounded() -> None:
    summary = read(
        b"Messages-Waiting: yes\r\nVoice-Message: 99999999999/1\r\nFax-Message: " + b"9" * 5000 + b"/1\r\n"
    )
    assert summary.counts == (("voice-message", Count(new=MOST, old=1)),)


def test_an_account_with_something_else_in_it_is_left_out() -> None:
    assert read(b"Messages-Waiting: yes\r\nMessage-Account: sip:a\x01b@example.org\r\n").account == ""


def test_a_line_of_blanks_is_read_at_once() -> None:
    octets = b"Messages-Waiting: yes\r\nX-Other: a" + b" " * (SIZE_LIMIT - 40) + b"b\r\n"
    began = time.process_time()
    assert read(octets).waiting
    assert time.process_time() - began < 0.2
