import argparse
import sys
from pathlib import Path

import pytest

from sip2xmpp import __version__
from sip2xmpp.command import main as command
from sip2xmpp.command.arguments import Subparsers, ask_password, configuration
from sip2xmpp.command.main import VERBS, main, meant, modules
from sip2xmpp.command.parser import Parser
from sip2xmpp.errors import BadInput, NoSuchPresentity


class Sample:
    """A verb that does what it is told."""

    def __init__(self, outcome: int | BaseException = 0) -> None:
        self.outcome = outcome

    def add_parser(self, subparsers: Subparsers) -> None:
        subparsers.add_parser("sample").set_defaults(run=self.run)

    def run(self, arguments: argparse.Namespace) -> int:
        self.config = arguments.config
        if isinstance(self.outcome, int):
            return self.outcome
        raise self.outcome


@pytest.mark.parametrize("status", [0, 1])
def test_the_verb_says_how_the_command_ends(status: int) -> None:
    assert main(["sample"], [Sample(status)]) == status


def test_an_error_is_one_line_and_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample"], [Sample(NoSuchPresentity("nobody here"))]) == 2
    assert capsys.readouterr().err == "sip2xmpp: nobody here\n"


def test_an_interrupted_command_ends_as_shells_expect() -> None:
    assert main(["sample"], [Sample(KeyboardInterrupt())]) == 130


def test_every_fault_of_the_configuration_is_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class NeedsConfiguration(Sample):
        def run(self, arguments: argparse.Namespace) -> int:
            return configuration(arguments).limits.body

    file = tmp_path / "c.toml"
    file.write_text("[sip]\ncolour = 1\nt1 = 0\n")
    assert main(["--config", str(file), "sample"], [NeedsConfiguration()]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "sip2xmpp: sip.colour: no such key",
        "sip2xmpp: sip.t1: 0 is not between 0.05 and 5.0",
        "sip2xmpp: sip.domains: nothing to serve: give our SIP domains here, or an [xmpp] table, or both",
    ]


def test_the_configuration_comes_from_the_option_or_the_environment_or_its_usual_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    verb = Sample()
    monkeypatch.delenv("SIP2XMPP_CONFIG", raising=False)
    main(["sample"], [verb])
    assert verb.config == Path("/etc/sip2xmpp/sip2xmpp.toml")
    monkeypatch.setenv("SIP2XMPP_CONFIG", "/tmp/a.toml")
    main(["sample"], [verb])
    assert verb.config == Path("/tmp/a.toml")
    main(["--config", "/tmp/b.toml", "sample"], [verb])
    assert verb.config == Path("/tmp/b.toml")


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"sip2xmpp {__version__}\n"


def test_without_a_verb_the_usage_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2
    assert "VERB" in capsys.readouterr().err


def test_every_verb_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--help"])
    told = capsys.readouterr().out
    assert "status" in told
    assert "twistd -n sip2xmpp --config FILE" in told


def test_a_password_is_one_line_of_standard_input(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("secret word\nnext\n")
    with file.open() as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        assert ask_password() == "secret word"


def test_an_empty_password_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "password").touch()
    with (tmp_path / "password").open() as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        with pytest.raises(BadInput, match="a password is needed"):
            ask_password()


@pytest.mark.parametrize("name", VERBS)
def test_a_module_has_the_verbs_that_are_looked_for_in_it(name: str) -> None:
    parser = Parser(prog="sip2xmpp")
    subparsers = parser.add_subparsers()
    for module in modules([name]):
        module.add_parser(subparsers)
    assert tuple(parser.verbs) == VERBS[name]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("status", ["status"]),
        ("--config status user list", ["accounts"]),
        ("--config=status user list", ["accounts"]),
        ("polite-block --help", ["verdicts"]),
        ("completion addresses", ["completion"]),
        ("completion bash", list(VERBS)),
        ("help status", list(VERBS)),
        ("--help status", list(VERBS)),
        ("--config", list(VERBS)),
        ("sattus", list(VERBS)),
        ("", list(VERBS)),
    ],
)
def test_only_the_module_of_the_verb_is_read_where_that_is_enough(words: str, names: list[str]) -> None:
    assert list(meant(words.split())) == names
