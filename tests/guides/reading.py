"""The guides as docutils reads them: blocks by kind, commands, and links."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from docutils import nodes  # type: ignore[import-untyped]
from docutils.core import publish_doctree  # type: ignore[import-untyped]

ROOT: Final = Path(__file__).resolve().parent.parent.parent
DOC: Final = ROOT / "etc" / "doc"
GUIDES: Final = ("how-to.rst", "troubleshooting.rst")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One block of code.  ``runs``: its commands are meant to be played; ``chapter`` is the title that it stands under."""

    language: str
    text: str
    runs: bool
    chapter: str

    def commands(self) -> Iterator[str]:
        """What is typed, without the prompt."""
        for line in self.text.splitlines():
            assert line.startswith("$ "), f"no prompt before {line!r}"
            yield line.removeprefix("$ ")


@cache
def tree(name: str) -> nodes.document:
    """A guide; whatever docutils dislikes is an error."""
    settings = {"halt_level": 2, "report_level": 2, "warning_stream": ""}
    return publish_doctree((DOC / name).read_text("utf-8"), str(DOC / name), settings_overrides=settings)


def blocks(name: str) -> list[Block]:
    """Its blocks of code in their order."""
    return [
        Block(
            language=next(each for each in block["classes"] if each not in ("code", "run")),
            text=block.astext(),
            runs="run" in block["classes"],
            chapter=_chapter(block),
        )
        for block in tree(name).findall(nodes.literal_block)
        if "code" in block["classes"]
    ]


def _chapter(node: nodes.Node) -> str:
    section: nodes.Node | None = node
    while section is not None and not (
        isinstance(section, nodes.section) and isinstance(section.parent, nodes.document)
    ):
        section = section.parent
    return section.next_node(nodes.title).astext() if section is not None else ""


def inline(name: str) -> list[str]:
    """What is quoted as code in its sentences."""
    return [each.astext() for each in tree(name).findall(nodes.literal)]


def links(name: str) -> list[str]:
    """Where it refers to, within the project."""
    found = (each.get("refuri", "") for each in tree(name).findall(nodes.reference))
    return [each for each in found if each and "://" not in each]


def calls(command: str) -> Iterator[list[str]]:
    """The arguments of each ``sip2xmpp`` in a line for the shell, where it is the command itself."""
    lexed = shlex.shlex(command, posix=True, punctuation_chars="|;&<>")
    lexed.whitespace_split = True
    words: list[str] = []
    for word in [*lexed, "|"]:
        if not set(word) <= set("|;&<>"):
            words.append(word)
            continue
        if words[:1] == ["sip2xmpp"]:
            yield words[1:]
        words = []
