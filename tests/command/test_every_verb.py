"""Rules that every verb of the command line keeps, also those that are yet to come."""

import argparse
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest

from sip2xmpp.command.completion import SHELLS, script
from sip2xmpp.command.main import main, parser
from sip2xmpp.command.parser import PROGRAM, STATUSES, Parser
from tests.command.conftest import Operator

ROOT = parser()
LEAVES = list(ROOT.leaves())
SAY_NOTHING_TO_SCRIPTS = {"help", "completion"}
"""Verbs whose output is text for people, or a script itself."""


def name_of(verb: Parser) -> str:
    return verb.prog.removeprefix(f"{PROGRAM} ")


def all_parsers(root: Parser) -> Iterator[Parser]:
    yield root
    for verb in root.verbs.values():
        yield from all_parsers(verb)


def words_of(example: str) -> list[str]:
    """The arguments of the command in an example, which may stand in a pipe."""
    words = shlex.split(example, comments=True)
    mine = words[words.index(PROGRAM) + 1 :]
    ends = [index for index, word in enumerate(mine) if word[:1] in ("|", "<", ">", "&")]
    return mine[: ends[0]] if ends else mine


every = pytest.mark.parametrize("verb", LEAVES, ids=name_of)


@every
def test_it_says_what_it_does_and_shows_how(verb: Parser) -> None:
    assert verb.description
    assert verb.description.endswith((".", "?"))
    assert 1 <= len(verb.examples) <= 3
    assert all(command and meaning for command, meaning in verb.examples)


@every
def test_its_examples_can_be_typed_as_they_are(verb: Parser) -> None:
    for command, _ in verb.examples:
        words = words_of(command)
        if words[0] == "--config":
            assert ROOT.parse_args(words).run
            del words[:2]
        assert words[: len(name_of(verb).split())] == name_of(verb).split()
        assert ROOT.parse_args(words).run


@pytest.mark.parametrize("verb", list(ROOT.verbs.values()), ids=name_of)
def test_it_is_listed_under_a_heading(verb: Parser) -> None:
    assert verb.group is not None


@pytest.mark.parametrize("verb", list(all_parsers(ROOT)), ids=lambda verb: verb.prog)
def test_every_argument_and_every_verb_is_explained(verb: Parser) -> None:
    for action in verb._actions:
        if isinstance(action, argparse._SubParsersAction):
            assert all(each.help for each in action._choices_actions)
    for action in verb._actions:
        if action.dest != "help" and not hasattr(action, "_choices_actions"):
            assert action.help, action.dest


@every
def test_a_script_can_read_what_it_says(verb: Parser) -> None:
    assert ("--json" in verb.options) is (name_of(verb) not in SAY_NOTHING_TO_SCRIPTS)


@pytest.mark.parametrize("shell", SHELLS)
def test_shells_can_complete_it(shell: str) -> None:
    made = script(parser(), shell)
    for verb in LEAVES:
        assert name_of(verb).split()[-1] in made


@every
@pytest.mark.parametrize("width", ["40", "80", "200"])
def test_its_help_fits_and_is_plain_where_nobody_looks(
    verb: Parser, width: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    assert main(["help", *name_of(verb).split()]) == 0
    told = capsys.readouterr().out
    assert "\x1b" not in told
    assert "examples:" in told


@every
def test_an_option_it_has_not_is_one_line_and_status_2(
    verb: Parser, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*words_of(verb.examples[0][0]), "--no-such-option"])
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(rf"sip2xmpp: {name_of(verb)} has no option --no-such-option.*\n", err)


@every
def test_a_faulty_configuration_is_a_line_for_each_fault_and_status_2(
    verb: Parser, operator: Operator
) -> None:
    needs_none = {"help", "completion", "map", "check"}
    operator.config.write_text("[sip]\ncolour = 1\ndomains = ['sip.example.org']\n")
    if name_of(verb) not in needs_none:
        status, out, err = operator(*words_of(verb.examples[0][0]), answers="a password\n")
        assert (status, out) == (2, "")
        assert err == "sip2xmpp: sip.colour: no such key\n"


# faults of the command line


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("usr", "there is no verb usr; did you mean user?"),
        ("user ad", "there is no verb ad; did you mean add?"),
        ("registratons", "did you mean registrations?"),
        ("user list --jsno", "user list has no option --jsno; did you mean --json?"),
        ("user list --jso", "did you mean --json?"),
        ("status --config x", "it stands before the verb, as in: sip2xmpp --config x VERB"),
        ("contacts a@sip.example.org lst", "lst is none of list, add"),
        ("user list everybody", "everybody is one word too many"),
        ("", "the following arguments are required: VERB"),
        ("xyzzy", "there is no verb xyzzy: sip2xmpp help lists them"),
        ("permanent a@sip.example.org --for", "--for: expected one argument"),
    ],
)
def test_what_was_probably_meant_is_said(typed: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(typed.split())
    assert ended.value.code == 2
    err = capsys.readouterr().err
    assert told in err
    assert err.count("\n") == 1


def test_options_are_not_abbreviated(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--conf", "x", "status"])
    assert capsys.readouterr().err.startswith("sip2xmpp: ")


@pytest.mark.parametrize("words", [["--help"], ["help"]])
def test_the_help_has_every_verb_once_and_the_exit_statuses(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        main(words)
    except SystemExit as ended:
        assert ended.code == 0  # noqa: PT017 - only one of the two ends so
    told = capsys.readouterr().out
    for verb in ROOT.verbs:
        assert len(re.findall(rf"^  {re.escape(verb)}(?: |$)", told, re.MULTILINE)) == 1
    for heading in (
        "accounts:",
        "people's presence:",
        "looking and tracing:",
        "the gateway:",
        "exit status:",
    ):
        assert f"\n{heading}\n" in told
    for status in STATUSES:
        assert f"\n  {status} " in told


def test_help_for_a_verb_that_is_not_there_is_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "user", "ad"]) == 2
    assert capsys.readouterr().err == "sip2xmpp: user has no verb ad; did you mean add?\n"


def test_a_disk_that_is_full_is_one_line_and_status_2() -> None:
    command = [sys.executable, "-m", "sip2xmpp.command.main", "help"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    assert (done.returncode, done.stderr) == (2, "sip2xmpp: input or output: No space left on device\n")


HOSTILE = [
    "",
    "@",
    "a@",
    "nobody",
    "a@b@c",
    "a b@sip.example.org",
    "\x00@sip.example.org",
    "\udcff@sip.example.org",
    "alice@sip.example.org\nbob@sip.example.org",
    "x" * 5_000 + "@sip.example.org",
    "alice@" + "x" * 5_000,
    "sip:alice@[::1",
    "../../etc/passwd@sip.example.org",
]
MAY_WAIT = {"lookup", "check", "watch", "publish", "trace"}
"""Verbs that run a reactor, which can be done once in a process."""


@pytest.mark.parametrize("verb", [verb for verb in LEAVES if name_of(verb) not in MAY_WAIT], ids=name_of)
def test_what_is_no_address_is_one_line_and_no_accident(verb: Parser, operator: Operator) -> None:
    words = words_of(verb.examples[0][0])
    places = [index for index, word in enumerate(words) if "@" in word]
    for place in places:
        for hostile in HOSTILE:
            typed = [*words[:place], hostile, *words[place + 1 :]]
            try:
                status, out, err = operator(*typed, answers="a password\n")
            except SystemExit as ended:
                assert ended.code == 2  # noqa: PT017 - argparse may be the one who refuses
                continue
            assert status in (0, 1, 2)
            assert err.count("\n") == (1 if status == 2 else 0), (hostile, err)
            assert "Traceback" not in err
            assert not {char for char in out + err if ord(char) < 32} - {"\n"}, (hostile, out, err)


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False), ({"TERM": "xterm", "NO_COLOR": "1"}, False)],
)
def test_the_help_is_set_off_where_it_can_be_and_nobody_minds(
    environment: dict[str, str], coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    stream = Terminal()
    ROOT.print_help(stream)
    assert ("\x1b[1maccounts:\x1b[0m\n" in stream.getvalue()) is coloured
    assert ("\x1b" in stream.getvalue()) is coloured
