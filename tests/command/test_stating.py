"""``inject`` and ``permanent``: what somebody with a shell states."""

import json
import time

import pytest

from sip2xmpp.command import stating
from sip2xmpp.documents import pidf
from sip2xmpp.errors import BadInput
from sip2xmpp.presence.hearing import Rank
from sip2xmpp.presence.states import State, state_of
from sip2xmpp.presence.telling import Telling, document_of
from sip2xmpp.store.offline import offline
from sip2xmpp.store.records import Statement, Virtual
from tests.command.conftest import Operator

WEATHER = "weather@sip.example.org"


def held(operator: Operator) -> tuple[list[Statement], list[Virtual]]:
    with offline(operator.url) as store:
        return store.statements.all(), store.virtuals.all()


def test_seventeen_degrees_in_two_languages(operator: Operator) -> None:
    status, out, err = operator(
        "inject", WEATHER, "--note", "17 degrees", "--note", "17 Grad;de", "--for", "2h"
    )
    assert (status, err) == (0, "")
    assert out.startswith("command ") and "17 degrees; 17 Grad" in out
    (statement,), (virtual,) = held(operator)
    assert str(virtual.address) == WEATHER
    assert statement.rank == Rank.INJECTED and statement.told_by == "command line"
    assert statement.expires_at is not None and 7190 < statement.expires_at - time.time() <= 7200
    document = pidf.read(statement.document)
    assert state_of(document) is State.ONLINE
    assert [(note.language, note.text) for note in document.tuples[0].notes] == [
        (None, "17 degrees"),
        ("de", "17 Grad"),
    ]


def test_what_was_stated_is_listed_withdrawn_and_forgotten(operator: Operator) -> None:
    operator(
        "inject", WEATHER, "away", "--source", "roof", "--always", "--mood", "happy", "--place", "outdoors"
    )
    _, out, _ = operator("inject", WEATHER, "--list", "--json")
    (row,) = json.loads(out)
    assert (row["source"], row["rank"], row["state"], row["until"]) == ("roof", "override", "away", None)
    assert operator("inject", WEATHER, "--withdraw")[0] == 1
    assert operator("inject", WEATHER, "--withdraw", "--source", "roof")[:2] == (0, "withdrawn\n")
    statements, virtuals = held(operator)
    assert not statements and virtuals
    assert operator("inject", WEATHER, "--forget")[:2] == (0, "forgotten\n")
    assert held(operator) == ([], [])
    assert operator("inject", WEATHER, "--forget")[0] == 1


def test_a_holiday_is_set_listed_and_cleared(operator: Operator) -> None:
    status, out, _ = operator(
        "permanent", "alice@sip.example.org", "xa", "--note", "On holiday until 5 January", "--activity", "vacation",
        "--from", "2096-12-20", "--until", "2097-01-05T09:00:00Z", "--json",
    )  # fmt: skip
    (row,) = json.loads(out)
    assert status == 0 and row["rank"] == "permanent" and row["until"] == "2097-01-05T09:00:00Z"
    assert row["from"].startswith("2096-12-") and row["note"] == {"": "On holiday until 5 January"}
    operator("inject", "alice@sip.example.org", "busy")
    assert len(json.loads(operator("permanent", "alice@sip.example.org", "--list", "--json")[1])) == 1
    assert operator("permanent", "alice@sip.example.org", "--clear")[:2] == (0, "cleared\n")
    assert operator("permanent", "alice@sip.example.org", "--clear")[0] == 1
    assert operator("permanent", "alice@sip.example.org")[:2] == (0, "")


def test_a_document_is_stated_as_it_is(operator: Operator, tmp_path) -> None:
    octets = pidf.write(document_of(Telling(state=State.BUSY), f"sip:{WEATHER}"))
    file = tmp_path / "document.xml"
    file.write_bytes(octets)
    assert operator("inject", WEATHER, "--pidf", str(file))[0] == 0
    assert held(operator)[0][0].document == octets
    assert operator("inject", WEATHER, "away", "--pidf", str(file))[0] == 2
    file.write_text("<presence")
    assert operator("inject", WEATHER, "--pidf", str(file), "--source", "other")[0] == 2
    assert operator("inject", WEATHER, "--pidf", str(tmp_path / "none"))[0] == 2
    assert len(held(operator)[0]) == 1


@pytest.mark.parametrize(
    "typed",
    [[], ["awya"], ["away", "--withdraw"], ["away", "--for", "soon"], ["away", "--for", "0"], ["away", "--until", "tomorrow"],
     ["away", "--until", "2001-01-01"], ["away", "--source", "two words"], ["away", "--priority", "2"], ["--note", ""]],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_in_one_line(operator: Operator, typed: list[str]) -> None:
    status, out, err = operator("inject", WEATHER, *typed)
    assert status == 2 and not out and err.startswith("sip2xmpp: ") and err.count("\n") == 1
    assert held(operator) == ([], [])


def test_what_lasts_beyond_all_dates_can_be_listed(operator: Operator) -> None:
    typed = ("xa", "--from", "9999-12-31T12:00Z", "--for", "9d")
    assert operator("permanent", "alice@sip.example.org", *typed)[0] == 0
    assert "until 9999-12-31T23:59:59Z" in operator("permanent", "alice@sip.example.org", "--list")[1]


def test_a_document_without_end_is_not_read(operator: Operator) -> None:
    status, _, told = operator("inject", WEATHER, "--pidf", "/dev/zero")
    assert (status, told) == (2, "sip2xmpp: /dev/zero has more than 65535 octets (limits.body)\n")


def test_only_addresses_of_ours_are_stated_something_about(operator: Operator) -> None:
    assert operator("inject", "weather@elsewhere.example", "away")[0] == 2
    assert operator("permanent", "weather@elsewhere.example", "away")[0] == 2


def test_there_is_room_for_so_many_sources(operator: Operator) -> None:
    for number in range(20):
        assert operator("inject", WEATHER, "away", "--source", f"s{number}")[0] == 0
    assert operator("inject", WEATHER, "away", "--source", "more")[0] == 2
    assert operator("inject", WEATHER, "busy", "--source", "s3")[0] == 0


@pytest.mark.parametrize(
    ("text", "span"), [("60", 60), ("90m", 5400), ("15min", 900), ("8h", 28800), ("3d", 259200), ("5s", 5)]
)
def test_spans_have_units(text: str, span: float) -> None:
    assert stating.seconds(text) == span


@pytest.mark.parametrize("text", ["", "1w", "-5", "1.5h", "9999999999"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        stating.seconds(text)


def test_every_source_is_shown_and_what_becomes_of_them(operator: Operator) -> None:
    operator("permanent", "alice@sip.example.org", "xa", "--note", "On holiday")
    operator("inject", "alice@sip.example.org", "busy", "--note", "In a meeting", "--for", "1h")
    operator("inject", WEATHER, "online")
    status, out, err = operator("sources", "alice@sip.example.org")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert [line.split()[0] for line in lines] == ["permanent", "injected", "shown"]
    assert "busy: In a meeting" in lines[1] and "until " in lines[1] and "by command line" in lines[1]
    assert "busy: In a meeting" in lines[2]
    told = json.loads(operator("sources", "alice@sip.example.org", "--json")[1])
    assert told["composed"]["state"] == "busy" and len(told["sources"]) == 2
    assert operator("sources", "nobody@sip.example.org")[1] == "shown offline\n"
