"""The parser of the command line: one that teaches.

A verb gives more than argparse asks for: the ``group`` that it is listed under, a ``description`` of what it does and when to use
it, ``examples`` that can be typed as they are, and ``no``, what exit status 1 means.  The help, the manual page and the shell
completion are made from that, and tests hold every verb to it.

Faults are one line on standard error and exit status 2, with the word that was probably meant.  Options are not
abbreviated: a script that does so breaks when another option of that beginning comes.
"""

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Any, Final, NoReturn

from sip2xmpp.command.screen import ink_for, printable
from sip2xmpp.keys import guess

PROGRAM: Final = "sip2xmpp"

STATUSES: Final = {
    0: "done, and if something was asked, the answer is yes",
    1: "done, and the answer is no: nothing of the kind is there, or something is not as it should be",
    2: "not done: the command line, the configuration or the other side is at fault; standard error says why",
    130: "interrupted by Ctrl-C",
}
"""The exit statuses of every verb."""

Example = tuple[str, str]
"""A command line as it is typed, and what it does."""

_HEADING = re.compile(r"^(?=[a-z])([^\n]*:)$", re.MULTILINE)


class Group(Enum):
    """What verbs are listed under."""

    ACCOUNTS = "accounts"
    PEOPLE = "people's presence"
    LOOKING = "looking and tracing"
    GATEWAY = "the gateway"


class Parser(argparse.ArgumentParser):
    """The whole command line, a verb, or a verb of a verb."""

    def __init__(
        self,
        *,
        group: Group | None = None,
        examples: Sequence[Example] = (),
        no: str = "",
        **others: Any,
    ) -> None:
        super().__init__(**{"allow_abbrev": False, **others})
        self.group = group
        self.examples = tuple(examples)
        self.no = no

    # its parts

    @property
    def verbs(self) -> dict[str, "Parser"]:
        """The verbs below it by name; none for one that does something."""
        return {
            name: made
            for action in self._actions
            if isinstance(action, argparse._SubParsersAction)
            for name, made in action.choices.items()
        }

    @property
    def options(self) -> list[str]:
        """Everything that begins with a hyphen."""
        return [name for action in self._actions for name in action.option_strings]

    def leaves(self) -> Iterator["Parser"]:
        """Every verb below it that does something."""
        for verb in self.verbs.values():
            yield from verb.leaves() if verb.verbs else (verb,)

    # its help

    def format_help(self) -> str:
        """What ``--help`` shows."""
        if not self.verbs:
            told = super().format_help()
        else:
            formatter = self._get_formatter()
            formatter.add_usage(self.usage, self._actions, self._mutually_exclusive_groups)
            formatter.add_text(self.description)
            for title, actions in self._sections():
                formatter.start_section(title)
                formatter.add_arguments(actions)
                formatter.end_section()
            told = formatter.format_help()
        if self.examples:
            told += "\nexamples:\n" + "".join(
                f"  {command}\n      {meaning}\n" for command, meaning in self.examples
            )
        if self.no:
            told += f"\nexit status:\n  0 done, 1 {self.no}, 2 could not be done\n"
        elif self.prog == PROGRAM:
            told += "\nexit status:\n" + "".join(
                f"  {status:<5} {meaning}\n" for status, meaning in STATUSES.items()
            )
            told += f"\n{PROGRAM} help VERB teaches one verb, with examples.\n"
        if self.verbs and self.epilog:
            told += f"{self.epilog}\n"
        return told

    def print_help(self, file: Any = None) -> None:
        """The same with emphasis where it can be shown."""
        stream = file if file is not None else sys.stdout
        bold = ink_for(stream).bold
        stream.write(_HEADING.sub(lambda found: bold(found[1]), self.format_help()))

    def _sections(self) -> Iterator[tuple[str, list[argparse.Action]]]:
        """The options, then the verbs by group."""
        listed: list[argparse.Action] = []
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                listed = list(action._choices_actions)
        yield "options", [action for action in self._actions if action.option_strings]
        groups = {name: verb.group for name, verb in self.verbs.items()}
        for group in (*Group, None):
            members = [each for each in listed if groups[each.dest] is group]
            if members:
                yield (group.value if group is not None else "verbs"), members

    # its faults

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """As it is; but a verb says itself that it does not know an option, because it knows which one was meant."""
        parsed, left = super().parse_known_args(args, namespace)
        if not self.verbs and self.prog != PROGRAM:
            self._refuse(left)
        return parsed, left

    def error(self, message: str) -> NoReturn:
        """One line, and exit status 2."""
        self.exit(2, f"{PROGRAM}: {printable(message)} (see: {self.prog} --help)\n")

    def _refuse(self, left: Sequence[str]) -> None:
        if not left:
            return
        option = left[0].partition("=")[0]
        if option.startswith("-"):
            hint = guess(option, self.options)
            if option in ("--config", "--version"):
                hint = f"; it stands before the verb, as in: {PROGRAM} {' '.join(left[:2])} VERB"
            self.error(f"{self.prog.removeprefix(PROGRAM + ' ')} has no option {option}{hint}")
        self.error(f"{left[0]} is one word too many")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Is it one of the choices?"""
        if action.choices is None or value in action.choices:
            return
        known = list(map(str, action.choices))
        hint = guess(str(value), known)
        if isinstance(action, argparse._SubParsersAction):
            raise argparse.ArgumentError(
                None, f"there is no verb {value}{hint or f': {PROGRAM} help lists them'}"
            )
        raise argparse.ArgumentError(action, f"{value} is none of {', '.join(known)}{hint}")
