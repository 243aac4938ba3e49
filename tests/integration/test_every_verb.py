"""Every verb with ``--json`` beside a running gateway: a script can read whatever it says, also where the answer is no."""

import json
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest

from sip2xmpp.command.main import main, parser
from sip2xmpp.command.parser import PROGRAM, Parser
from tests.command.test_every_verb import words_of
from tests.peers.gateway import Gateway

ALONE = {
    "watch": "test_gateway_and_clients",
    "publish": "test_gateway_and_clients",
    "lookup": "test_lookup",
    "check": "test_check",
    "trace": "until Ctrl-C",
    "import": "needs a database of others",
    "restart": "ends the gateway of this test",
}
"""Verbs that run a reactor, which can be done once in a process, or end something; where they are tried."""

INSTEAD = {
    "user add": ["user", "add", "carol@sip.example.org"],
    "user remove": ["user", "remove", "dave@sip.example.org"],
    "map": ["map", "-"],
}
"""What is typed where the first example does not fit."""


def name_of(verb: Parser) -> str:
    return verb.prog.removeprefix(f"{PROGRAM} ")


VERBS = [verb for verb in parser().leaves() if "--json" in verb.options and name_of(verb) not in ALONE]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    users = dict.fromkeys(("alice", "bob", "dave"), "a password")
    with Gateway(tmp_path_factory.mktemp("gateway"), users=users) as running:
        yield running


@pytest.mark.parametrize("verb", VERBS, ids=name_of)
def test_a_script_can_read_what_a_verb_says(
    verb: Parser, gateway: Gateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = INSTEAD.get(name_of(verb)) or words_of(verb.examples[0][0])
    monkeypatch.setattr(sys, "stdin", _Input("<presence/>" if name_of(verb) == "map" else "a password\n"))
    status = main(["--config", str(gateway.file), *words, *([] if "--json" in words else ["--json"])])
    out, err = capsys.readouterr()
    assert status in (0, 1), err
    assert err == ""
    if out or not status:
        json.loads(out)


class _Input(StringIO):
    """Standard input, as text and as octets."""

    @property
    def buffer(self) -> "_Octets":
        return _Octets(self.getvalue().encode())


class _Octets:
    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def read(self, most: int) -> bytes:
        return self._octets[:most]


def test_verbs_that_are_tried_elsewhere_are_there() -> None:
    here = Path(__file__).parent
    verbs = {name_of(verb) for verb in parser().leaves()}
    assert set(ALONE) <= verbs
    assert all((here / f"{where}.py").exists() for where in ALONE.values() if where.startswith("test_"))
