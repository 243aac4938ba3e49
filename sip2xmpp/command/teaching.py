"""``sip2xmpp help [VERB ...]``: what a verb does, when to use it, and examples."""

import argparse

from sip2xmpp.command.arguments import OK, Subparsers
from sip2xmpp.command.parser import PROGRAM, Group, Parser
from sip2xmpp.errors import BadInput
from sip2xmpp.keys import guess


def add_parser(subparsers: Subparsers) -> None:
    """Add ``help``."""
    parser = subparsers.add_parser(
        "help",
        help="teach a verb, or list all of them",
        group=Group.GATEWAY,
        description="Shows what a verb does, when to use it, and examples that can be typed as they are; without a verb, a list of all.",
        examples=(
            ("sip2xmpp help inject", "all about inject"),
            ("sip2xmpp help user add", "and about a verb of a verb"),
        ),
    )
    parser.add_argument("words", metavar="VERB", nargs="*", help="as in inject, or user add")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the help of a verb."""
    found(arguments.root, arguments.words).print_help()
    return OK


def found(root: Parser, words: list[str]) -> Parser:
    """The parser of a verb; raises ``BadInput``."""
    parser = root
    for word in words:
        verbs = parser.verbs
        if word not in verbs:
            above = parser.prog.removeprefix(PROGRAM).strip()
            place = f"{above} has no verb" if above else "there is no verb"
            raise BadInput(f"{place} {word}{guess(word, verbs)}")
        parser = verbs[word]
    return parser
