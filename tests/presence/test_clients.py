"""The table of clients, and the operator's rows before it."""

import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.config import read
from sip2xmpp.errors import ConfigError
from sip2xmpp.events.renderings import PIDF_TYPE, XPIDF_TYPE, profile_for
from sip2xmpp.presence import profiles
from sip2xmpp.presence.clients import (
    CLIENTS,
    LONGEST_AGENT,
    OPTIONS,
    PROFILES,
    known_as,
    own_client,
    sound_pattern,
)


def test_each_row_says_what_it_does_and_where_that_comes_from() -> None:
    for row in CLIENTS:
        assert row.why and row.seen
        lists = row.has_bare_content_ids or row.has_capital_event
        assert row.profile is not None or row.reads_xpidf or row.keeps_show or lists
        assert row.profile is None or PROFILES[row.profile.name] is row.profile
    assert set(OPTIONS) == {"linphone-sdk-dnd", "linphone-desktop-offline"}


def test_the_operators_row_comes_first() -> None:
    rows = [own_client("^linphonec/5", profiles.RFC), own_client("Example", profiles.XPIDF)]
    assert profile_for(PIDF_TYPE, "Linphonec/5.1", clients=rows) is profiles.RFC
    assert profile_for(PIDF_TYPE, "Linphonec/4.1", clients=rows) is profiles.LINPHONE_5
    assert profile_for("", "ExamplePhone/1", clients=rows) is profiles.XPIDF
    assert profile_for(f"{PIDF_TYPE}, {XPIDF_TYPE}", "ExamplePhone/1", clients=rows) is profiles.XPIDF
    assert profile_for("*/*", "ExamplePhone/1", clients=rows) is profiles.XPIDF
    udp = profile_for("", "Linphonec/5.1", clients=rows, datagram=True)
    assert udp is not None and udp.name == "rfc-slim"


def test_the_operator_may_undo_a_row_of_the_table() -> None:
    rows = [own_client("Cisco", profiles.INTEROP), own_client("poly", profiles.INTEROP)]
    assert profile_for(PIDF_TYPE, "Cisco-CP7841/12.5", clients=rows) is profiles.INTEROP
    assert profile_for("", "PolycomVVX", clients=rows) is profiles.INTEROP


def test_what_a_client_does_not_take_it_is_not_sent_whatever_the_operator_says() -> None:
    rows = [own_client("Example", profiles.XPIDF), own_client("Linphonec", profiles.XPIDF)]
    assert profile_for(PIDF_TYPE, "ExamplePhone/1", clients=rows) is profiles.INTEROP
    assert profile_for(PIDF_TYPE, "Linphonec/5.1", clients=rows) is profiles.LINPHONE_5
    assert profile_for("text/plain", "ExamplePhone/1", clients=rows) is None


def test_only_the_beginning_of_a_user_agent_is_looked_at() -> None:
    assert known_as("x" * (LONGEST_AGENT - 4) + "poly")
    assert not known_as("x" * LONGEST_AGENT + "poly")


@pytest.mark.parametrize(
    "pattern",
    ["^Example", "Linphone/3\\.[0-9]+", "a|b", "(?:one|two) phone", "(ab)?c*", "[(*+)|]{1,3}x", r"\(\*\)+", "x{3}", "^Yealink.*T4[0-9]", "a|b|c|d|e|f|g|h|i|j|k|(?:one|two)? phone", "a+?b*?c??"],
)  # fmt: skip
def test_ordinary_patterns_are_taken(pattern: str) -> None:
    assert sound_pattern(pattern).flags & re.IGNORECASE


@pytest.mark.parametrize(
    "pattern",
    [
        "", "(", "*", "a" * 201, "(a+)+", "(a*)*$", "((a|b))*", "(a|a)*", "(?:a{2,})+", "(a+){2,}", "(a)\\1", "(?P<x>a)(?P=x)",
        ".*.*.*.*x", "(?x)a # (", "(?#(a)", "(?i:(?x:a))", "((a+)b)+", "([)]a+)*", "[[a]", "a{99999999999999999999}",
        "a?" * 18 + "a" * 18 + "[xy]", "(a?){18}a{18}[xy]", "(a|ab)" * 18 + "[xy]", "(?:a??)" * 9,
    ],
)  # fmt: skip
def test_patterns_that_are_wrong_or_may_take_long_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        sound_pattern(pattern)


@given(st.text("ab(){}|*+?.\\[]^$,12", max_size=12))
def test_a_pattern_that_is_taken_is_answered_soon(pattern: str) -> None:
    try:
        sound = sound_pattern(pattern)
    except ValueError:
        return
    for agent in ("a" * LONGEST_AGENT, "ab" * (LONGEST_AGENT // 2), "a" * (LONGEST_AGENT - 1) + "("):
        began = time.process_time()
        sound.search(agent)
        assert time.process_time() - began < 2


def configured(*clients: object) -> object:
    return read({"sip": {"domains": ["a.example"]}, "presence": {"clients": list(clients)}}, Path("/"), {})


def test_rows_come_from_the_configuration() -> None:
    config = configured({"user_agent": "^Example", "profile": "cisco"}, {"user_agent": "b"})
    rows = config.presence.clients  # type: ignore[attr-defined]
    assert [(each.user_agent, each.profile.name) for each in rows] == [
        ("^Example", "cisco"),
        ("b", "interop"),
    ]


@pytest.mark.parametrize(
    ("client", "fault"),
    [
        ({"user_agent": "(a+)+"}, "presence.clients[1].user_agent: has a repetition"),
        ({"user_agent": "("}, "presence.clients[1].user_agent: is not a regular expression"),
        ({"profile": "rfc"}, "presence.clients[1].user_agent: is missing"),
        ({"user_agent": "a", "profile": "cisko"}, 'presence.clients[1].profile: "cisko" is none of'),
        ({"user_agent": "a", "agent": "b"}, "presence.clients[1].agent: no such key"),
        ("a", "presence.clients[1]: a table is expected"),
    ],
)
def test_a_bad_row_is_a_fault_with_its_place(client: object, fault: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configured({"user_agent": "x"}, client)
    assert len(caught.value.faults) == 1 and caught.value.faults[0].startswith(fault)
