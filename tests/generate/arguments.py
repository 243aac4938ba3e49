"""The arguments of a verb as its help shows them."""

import argparse
from collections.abc import Iterator

from sip2xmpp.command.parser import Parser


def described(verb: Parser) -> Iterator[tuple[str, str]]:
    """How each argument but ``--help`` is written, and what it is; positional ones first."""
    formatter = verb._get_formatter()
    for action in sorted(verb._actions, key=lambda action: bool(action.option_strings)):
        if action.dest != "help" and action.help not in (None, argparse.SUPPRESS):
            yield formatter._format_action_invocation(action), formatter._expand_help(action)
