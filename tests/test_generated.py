"""What is generated from the code is what the code says now, and is well made."""

import re
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from sip2xmpp.command.main import parser
from sip2xmpp.config import _TABLES, read
from tests.generate.files import ETC, generated
from tests.generate.reference import reference
from tests.generate.sample import explained

FILES = generated()
SAMPLE = (ETC / "sip2xmpp.toml").read_text("utf-8")


def said_by(*command: str | Path) -> str:
    """Everything that a program prints."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_is_up_to_date(path: Path) -> None:
    assert path.exists() and path.read_text("utf-8") == FILES[path], "run: python -m tests.generate"


@pytest.mark.parametrize("name", ["sip2xmpp.1", "sip2xmpp.toml.5"])
def test_manual_pages_are_without_fault(name: str) -> None:
    assert said_by("mandoc", "-T", "lint", "-W", "warning", ETC / name) == ""
    told = said_by("sh", "-c", 'groff -man -ww -Tutf8 "$1" >/dev/null', "sh", ETC / name)
    assert told == ""


def test_the_manual_teaches_every_verb_and_every_key() -> None:
    shown = said_by("mandoc", "-T", "ascii", "-O", "width=200", ETC / "sip2xmpp.1")
    plain = re.sub(".\b", "", shown)
    for verb in parser().leaves():
        assert re.search(rf"^ +{re.escape(verb.prog.removeprefix('sip2xmpp '))} ", plain, re.MULTILINE), (
            verb.prog
        )
        assert verb.examples[0][0] in plain
    shown = re.sub(".\b", "", said_by("mandoc", "-T", "ascii", "-O", "width=200", ETC / "sip2xmpp.toml.5"))
    for kind in _TABLES.values():
        for each in fields(kind):
            assert re.search(rf"^ +{each.name} \(", shown, re.MULTILINE), each.name


@pytest.mark.parametrize("name", ["configuration.rst", "command-line.rst"])
def test_documents_are_without_fault(name: str) -> None:
    command = (sys.executable, "-m", "docutils", "--strict", "--writer=null", ETC / "doc" / name)
    assert said_by(*command) == ""


def test_the_reference_has_every_key_once() -> None:
    text = reference(SAMPLE)
    for name, kind in _TABLES.items():
        section = text.partition(f"\n[{name}]\n")[2].partition("\n[")[0]
        terms = re.findall(r"``([a-z0-9_]+)``", " ".join(re.findall(r"^``.*$", section, re.MULTILINE)))
        assert sorted(terms) == sorted(each.name for each in fields(kind))


def test_the_reference_says_of_every_key_what_a_change_needs() -> None:
    text = reference(SAMPLE)
    keys = sum(len(fields(kind)) for kind in _TABLES.values())
    assert text.count("*Reload.*") + text.count("*Restart.*") == keys


def test_a_key_without_an_explanation_is_not_let_through() -> None:
    bare = SAMPLE.replace("# How many days somebody waits who asked to watch a user", "")
    bare = re.sub(
        r"\n# and about whom nothing was decided.*\n|\n.*about whom nothing was decided\.\n", "\n", bare
    )
    assert bare != SAMPLE
    tables = {table.name: table for table in explained(bare)}
    assert [entry.names for entry in tables["limits"].entries if "waiting" in entry.names] == [
        ["publications", "subscriptions", "waiting"]
    ]
    with pytest.raises(ValueError, match=r"xyzzy"):
        reference(SAMPLE.replace("waiting = 30", "waiting = 30\nxyzzy = 1"))
    with pytest.raises(ValueError, match=r"does not explain limits\.waiting"):
        reference(SAMPLE.replace("waiting = 30\n", ""))


def test_what_the_sample_shows_in_comments_can_be_used(tmp_path: Path) -> None:
    shown = re.sub(r'^# (?=\[|[a-z_]+ = |"[^"]+" = )', "", SAMPLE, flags=re.MULTILINE)
    assert shown.count("\n# [") == 0
    for name in ("xmpp-secret", "example.com.password", "weather.token"):
        (tmp_path / name).write_text("a-secret-of-24-characters\n")
    config = read(tomllib.loads(shown), tmp_path, {})
    assert config.sip.credentials
    assert config.sip.lines
    assert config.http is not None
    assert config.http.tokens
    assert config.http.roles
    assert config.registrar.follow
