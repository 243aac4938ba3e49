"""``sip2xmpp completion``: a script that completes verbs, options, file names and the addresses of accounts in a shell.

The script is made from the parser, so it knows what this version knows.  For an address it calls the command again, as
``completion addresses``, which prints nothing where the state file is not for this user to read.
"""

import argparse
from typing import Final

import shtab

from sip2xmpp.command.arguments import OK, Subparsers, configuration
from sip2xmpp.command.parser import PROGRAM, Group, Parser
from sip2xmpp.errors import Sip2XmppError
from sip2xmpp.presence.telling import STATES
from sip2xmpp.store.offline import offline

SHELLS: Final = ("bash", "zsh", "fish")
ADDRESSES: Final = "addresses"

_ASK: Final = f"{PROGRAM} completion {ADDRESSES} 2>/dev/null"
_OURS: Final = {
    "bash": "_sip2xmpp_addresses",
    "zsh": "_sip2xmpp_addresses",
    "fish": f"({_ASK})",
    "preamble": {
        # an address is one word
        "bash": "COMP_WORDBREAKS=${COMP_WORDBREAKS//@/}\n"
        f'_sip2xmpp_addresses() {{ compgen -W "$({_ASK})" -- "$1"; }}',
        "zsh": f'_sip2xmpp_addresses() {{ compadd -- ${{(f)"$({_ASK})"}} }}',
    },
}
"""The accounts of the state file, asked for when the key is pressed."""

_STATES: Final = {
    "bash": "_sip2xmpp_states",
    "zsh": f"({' '.join(STATES)})",
    "fish": " ".join(STATES),
    "preamble": {"bash": f'_sip2xmpp_states() {{ compgen -W "{" ".join(STATES)}" -- "$1"; }}'},
}

_KINDS: Final = {
    "FILE": shtab.FILE,
    "PIDF": shtab.FILE,
    "FOLDER": shtab.DIRECTORY,
    "ADDRESS": _OURS,
    "PRESENTITY": _OURS,
    "WATCHER": _OURS,
    "STATE": _STATES,
}
"""What stands for an argument, by how the help calls it."""


def add_parser(subparsers: Subparsers) -> None:
    """Add ``completion``."""
    parser = subparsers.add_parser(
        "completion",
        help="print a script that completes verbs, options and addresses in a shell",
        group=Group.GATEWAY,
        description="Prints a script for a shell, which then completes verbs, options, file names and, where the state file may be read, "
        "the addresses of accounts.",
        examples=(
            (
                "sip2xmpp completion bash >~/.local/share/bash-completion/completions/sip2xmpp",
                "for every new bash",
            ),
            ('sip2xmpp completion zsh >"${fpath[1]}/_sip2xmpp"', "before compinit runs"),
            ("sip2xmpp completion fish >~/.config/fish/completions/sip2xmpp.fish", "for every new fish"),
        ),
    )
    parser.add_argument(
        "shell",
        metavar="SHELL",
        choices=(*SHELLS, ADDRESSES),
        help="bash, zsh or fish; or addresses, to list those of all accounts",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the script, or what it asks for."""
    if arguments.shell == ADDRESSES:
        for address in addresses(arguments):
            print(address)
    else:
        print(script(arguments.root, arguments.shell))
    return OK


def addresses(arguments: argparse.Namespace) -> list[str]:
    """The addresses of all accounts; none when they cannot be had, because a shell has nothing to do with the reason."""
    try:
        with offline(configuration(arguments).gateway.state) as store:
            return sorted(account.key for account in store.accounts.all())
    except Sip2XmppError:
        return []


def script(root: Parser, shell: str) -> str:
    """The script for a shell."""
    for verb in (root, *root.leaves()):
        for action in verb._actions:
            kind = _KINDS.get(str(action.metavar))
            if kind is not None and action.choices is None:
                action.complete = kind  # type: ignore[attr-defined]
            elif isinstance(action.choices, dict) and not isinstance(action, argparse._SubParsersAction):
                # shtab takes these for verbs
                action.choices = list(action.choices)
    made: str = shtab.complete(root, shell)
    return made
