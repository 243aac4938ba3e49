"""The guides are well formed, and every command, key, file and page that they name is there."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from docutils import nodes

from sip2xmpp.command.main import parser
from sip2xmpp.config import read
from tests.guides.reading import DOC, GUIDES, ROOT, blocks, calls, inline, links, tree

guides = pytest.mark.parametrize("name", GUIDES)

GENERATED = {"command-line.rst", "configuration.rst"}
PAGES = ["../../README.rst", *sorted({each.name for each in DOC.glob("*.rst")} - GENERATED)]
"""Everything that somebody wrote, from where the guides are."""

PACKAGES = {"presence.winfo"}
"""Names of event packages look like keys."""

FILE = re.compile(r"(?<![\w/.~-])etc/[a-z][\w./-]*\w")

KEY = re.compile(r"([a-z0-9]+)\.([a-z0-9_]+)")


def reference() -> dict[str, set[str]]:
    """Every key of each table, from the reference that is made of the settings."""
    found: dict[str, set[str]] = {}
    table = ""
    for line in (DOC / "configuration.rst").read_text("utf-8").splitlines():
        if heading := re.fullmatch(r"\[+([a-z0-9.]+).*\]+", line):
            table = heading[1].partition(".")[0]
        if table and line.startswith("``"):
            found.setdefault(table, set()).update(re.findall(r"``([a-z0-9_]+)``", line))
        elif heading:
            found.setdefault(table, set()).add(heading[1].rpartition(".")[2])
    return found


@guides
def test_a_guide_is_well_formed_and_what_it_refers_to_is_there(name: str) -> None:
    assert blocks(name)
    for link in links(name):
        assert (DOC / link).exists(), link


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_well_formed_and_leads_to_what_is_there(name: str) -> None:
    for link in links(name):
        assert (DOC / name).parent.joinpath(link).exists(), link
    for picture in tree(name).findall(nodes.image):
        assert (DOC / name).parent.joinpath(picture["uri"]).exists()


@pytest.mark.parametrize("name", PAGES)
def test_every_command_of_a_page_can_be_typed(name: str) -> None:
    for block in tree(name).findall(nodes.literal_block):
        for line in block.astext().splitlines():
            if line.startswith(("sip2xmpp ", "mysqldump ")):
                for arguments in calls(line.partition("  #")[0]):
                    parser().parse_args(arguments)


@guides
def test_every_command_of_a_guide_can_be_typed(name: str) -> None:
    seen = 0
    for block in blocks(name):
        if block.language != "console":
            continue
        for command in block.commands():
            for arguments in calls(command):
                parser().parse_args(arguments)
                seen += 1
    assert seen > 5


@guides
def test_verbs_that_are_named_in_passing_are_verbs(name: str) -> None:
    for code in inline(name):
        words = code.split()
        if words and words[0] == "sip2xmpp" and len(words) > 1 and not words[1].startswith("-"):
            verb = parser().verbs.get(words[1])
            assert verb is not None, code
            assert len(words) == 2 or not verb.verbs or words[2] in verb.verbs, code


@guides
def test_every_key_that_is_named_in_passing_is_a_key(name: str) -> None:
    known = reference()
    for code in inline(name):
        found = KEY.fullmatch(code.partition(" = ")[0].strip("[]"))
        if found and found[1] in known and code not in PACKAGES:
            assert found[2] in known[found[1]], code


@guides
def test_every_configuration_that_a_guide_shows_loads(name: str, tmp_path: Path) -> None:
    (tmp_path / "xmpp-secret").write_text("s3cret\n")
    for block in blocks(name):
        if block.language == "toml":
            tables: dict[str, Any] = tomllib.loads(block.text)
            tables.setdefault("sip", {}).setdefault("domains", ["sip.example.org"])
            read(tables, tmp_path, {})


def test_every_file_of_etc_that_is_named_is_there() -> None:
    texts = [ROOT / "README.rst", *DOC.glob("*.rst"), *ROOT.glob("sip2xmpp/**/*.py")]
    texts += [each for each in ROOT.glob("etc/**/*") if each.is_file() and each.suffix != ".png"]
    named = {(str(text), name) for text in texts for name in FILE.findall(text.read_text("utf-8"))}
    assert [(text, name) for text, name in sorted(named) if not (ROOT / name).exists()] == []


def test_every_sample_is_told_of() -> None:
    told = set(links("how-to.rst"))
    for neighbour in (ROOT / "etc" / "beside").iterdir():
        assert any(f"/beside/{neighbour.name}" in link for link in told), neighbour.name
