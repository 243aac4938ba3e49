"""``etc/doc/command-line.rst``: every verb of the command, as its help has it."""

import textwrap
from collections.abc import Iterator

from sip2xmpp.command.main import parser
from sip2xmpp.command.parser import PROGRAM, STATUSES, Group, Parser
from tests.generate.arguments import described

WIDTH = 120

_HEAD = f"""\
.. Generated from the parser in sip2xmpp/command by: python -m tests.generate

The command {PROGRAM}
{"=" * (12 + len(PROGRAM))}

What an operator and a script say to the gateway and to its state file.  ``{PROGRAM} help VERB`` shows what is below in the
terminal, ``man {PROGRAM}`` has it too, and ``{PROGRAM} completion bash`` (``zsh``, ``fish``) prints what completes verbs, options and
addresses.  With ``--json`` a verb prints JSON for scripts.  Colours and tables that are drawn again appear on terminals only, and
without colours where ``NO_COLOR`` is set or ``TERM`` is ``dumb``.

Exit statuses are the same for all verbs:

"""


def command_line() -> str:
    """The whole document."""
    root = parser()
    lines = [f"{status}\n    {meaning[:1].upper()}{meaning[1:]}." for status, meaning in STATUSES.items()]
    for group in Group:
        title = group.value[:1].upper() + group.value[1:]
        lines += ["", title, "-" * len(title)]
        for verb in root.verbs.values():
            if verb.group is group:
                lines += [
                    line for each in ([verb] if not verb.verbs else verb.leaves()) for line in _verb(each)
                ]
    return _HEAD + "\n".join(lines).rstrip() + "\n"


def _verb(verb: Parser) -> Iterator[str]:
    name = verb.prog.removeprefix(f"{PROGRAM} ")
    yield from ("", name, "~" * len(name), "")
    yield from _filled(_escaped(verb.description or ""))
    yield from ("", "::", "")
    yield from (f"    {command}  # {meaning}" for command, meaning in verb.examples)
    yield ""
    for invocation, told in described(verb):
        yield f"``{invocation}``"
        yield from _filled(_escaped(told), "    ")
        yield ""
    if verb.no:
        yield from _filled(f"Exit status 1: {_escaped(verb.no)}.")


def _filled(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def _escaped(text: str) -> str:
    return "".join(f"\\{char}" if char in "\\*`|" else char for char in text)
