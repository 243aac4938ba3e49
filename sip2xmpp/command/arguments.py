"""What the verbs of the command share.

A verb is a module with ``add_parser(subparsers)``, which adds one or more sub-commands and gives each, with
``set_defaults(run=...)``, a function that takes the parsed arguments and returns the exit status.  What it says of itself to
``subparsers.add_parser`` is described in ``parser``.  A verb that needs the configuration asks ``configuration`` for it, so that
one that does not works without a file.
"""

import argparse
import getpass
import sys
from typing import TYPE_CHECKING, Any, Protocol

from sip2xmpp.address import Address, address_from_jid, address_from_sip
from sip2xmpp.command.parser import Parser
from sip2xmpp.command.screen import json_of
from sip2xmpp.config import Config, load
from sip2xmpp.errors import BadInput
from sip2xmpp.escaping import unescape_node

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[Parser]
else:
    Subparsers = argparse._SubParsersAction

OK = 0
NOT_AS_WISHED = 1
"""The command did its work, and the answer is no: a leg is down, a test failed."""

FAILED = 2
"""The command could not do its work; argparse ends with the same status."""


class Verb(Protocol):
    """A module that adds sub-commands."""

    def add_parser(self, subparsers: Subparsers) -> None:
        """Add them, each with ``set_defaults(run=...)``."""


def configuration(arguments: argparse.Namespace) -> Config:
    """The configuration in the file that ``--config`` names; raises ``ConfigError``."""
    return load(arguments.config)


def add_json(parser: argparse.ArgumentParser, told: str = "print JSON") -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help=told)


def say(arguments: argparse.Namespace, told: str, value: Any) -> None:
    """The outcome: ``told`` to a person, ``value`` as JSON if that is wished."""
    print(json_of(value) if arguments.json else told)


def ask_password(prompt: str = "Password: ") -> str:
    """A password: asked for twice on a terminal, else one line of standard input."""
    if not sys.stdin.isatty():
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = getpass.getpass(prompt)
        if getpass.getpass("Again: ") != password:
            raise BadInput("the two passwords differ")
    if not password:
        raise BadInput("a password is needed")
    return password


def any_address(text: str) -> Address:
    """The address of a person in any form an operator may paste it: bare, ``sip:``, ``sips:``, ``pres:``, ``xmpp:``."""
    scheme, _, rest = text.partition(":")
    if scheme.lower() == "xmpp":
        address, _ = address_from_jid(rest)
    elif scheme.lower() in ("sip", "sips", "pres", "im"):
        address = address_from_sip(text)
    else:
        address = Address.parse(text)
    if not address.local:
        raise BadInput(f"{text} names a domain and nobody in it")
    return address


def watcher_address(text: str, config: Config) -> Address:
    """The address of a watcher, also in the form in which the other world knows it: inside of the gateway domain."""
    address = any_address(text)
    if config.xmpp is not None and address.domain == config.xmpp.gateway_domain:
        inner = unescape_node(address.local)
        if "@" in inner:
            return Address.parse(inner)
    return address


def own_address(text: str, config: Config) -> Address:
    """The address of one of our own users."""
    address = any_address(text)
    if address.domain not in config.sip.domains:
        ours = ", ".join(config.sip.domains) or "none"
        raise BadInput(f"{address.domain} is not a domain of ours; sip.domains: {ours}")
    return address
