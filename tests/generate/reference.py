"""``etc/doc/configuration.rst``: every table and key of the configuration."""

import re
import textwrap
from collections.abc import Iterator

from tests.generate.reload import after_change
from tests.generate.sample import Entry, Fact, Table, explained, facts, inner_facts

WIDTH = 120

_HEAD = """\
.. Generated from sip2xmpp/settings.py and the comments of etc/sip2xmpp.toml by: python -m tests.generate

The configuration file
======================

One TOML file, ``/etc/sip2xmpp/sip2xmpp.toml`` unless ``--config`` or ``$SIP2XMPP_CONFIG`` names another.  Every key has a default,
and the defaults are safe: digest authentication, confirmation by the owner, no web port.  A table that stands for a leg,
``[xmpp]`` or ``[http]``, switches that leg off when it is missing.  An unknown key is an error, and all errors are told at once,
each with its place; ``sip2xmpp check`` tells more.  Relative paths are relative to the file.

*Reload* says that a running gateway obeys a change of the key when it is told to read its configuration again (``sip2xmpp reload``,
``systemctl reload sip2xmpp``, SIGHUP); *restart*, that it has to be started anew (``sip2xmpp restart`` does that and keeps dialogs
and sockets).
"""


def reference(sample: str) -> str:
    """The whole document."""
    return (
        "\n".join([_HEAD, *(line for table in explained(sample) for line in _table(table))]).rstrip() + "\n"
    )


def entries(table: Table) -> Iterator[tuple[Entry, list[Fact], list[Fact]]]:
    """Each entry of a table with what the code knows of its keys, and of the keys of the tables below them.

    Raises ``ValueError`` for a key that the sample does not explain, or that the code does not know.
    """
    known = facts(table.name)
    named = [name for entry in table.entries for name in entry.names]
    for name in known:
        if name not in named:
            table.entries.append(_mentioned(name, table))
    for entry in table.entries:
        if not entry.text or not set(entry.names) <= set(known):
            raise ValueError(f"etc/sip2xmpp.toml: {table.name}: {', '.join(entry.names)}: explained? a key?")
        inner = [fact for name in entry.names for fact in inner_facts(table.name, name)]
        yield entry, [known[name] for name in entry.names], inner


def _mentioned(name: str, table: Table) -> Entry:
    """A key that is only shown in the explanation of another one."""
    for entry in table.entries:
        if re.search(rf"\b{name} = ", entry.text):
            return Entry([name], f"Instead of {entry.names[0]}.")
    raise ValueError(f"etc/sip2xmpp.toml does not explain {table.name}.{name}")


def _table(table: Table) -> Iterator[str]:
    title = f"[{table.name}]"
    yield from (title, "-" * len(title), "")
    if table.text:
        yield from (*_filled(_escaped(table.text)), "")
    for entry, known, inner in entries(table):
        yield ", ".join(f"``{fact.name}``" for fact in known)
        if len(known) == 1:
            yield from _filled(_told(known[0], table.name), "    ")
        else:
            for fact in known:
                yield from _filled(f"- ``{fact.name}``: {_told(fact, table.name)}", "    ", "      ")
        yield from ("", *_filled(_escaped(entry.text), "    "), "")
        for fact in inner:
            yield from _filled(f"- ``{fact.name}``: {_told(fact)}", "    ", "      ")
        if inner:
            yield ""
        if entry.example:
            yield from ("    ::", "", *(f"        {line}" for line in entry.example), "")


def _told(fact: Fact, table: str = "") -> str:
    words = _escaped(fact.words[:1].upper() + fact.words[1:])
    default = "empty" if fact.is_empty else f"``{fact.default}``"
    return f"{words}.  Default: {default}.  {after_change(table, fact.name)}".rstrip()


def _filled(text: str, indent: str = "", later: str | None = None) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent if later is None else later,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _escaped(text: str) -> str:
    """Text in which reStructuredText sees no markup."""
    return re.sub(r"(?<=\w)_(?!\w)", r"\\_", re.sub(r"[\\*`|]", r"\\\g<0>", text))
