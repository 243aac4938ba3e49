"""``sip2xmpp reload`` and ``restart``: have the running gateway read its configuration again, or start anew without farewell.

The file is checked here first, so that faults are told to whoever typed the command.  The gateway is asked by its web port, which
says what became of it; one without is signalled, and says so in its log.
"""

import argparse
from signal import Signals
from typing import Any

from sip2xmpp.command.api import Reply, ask
from sip2xmpp.command.arguments import OK, Subparsers, add_json, configuration, say
from sip2xmpp.command.parser import Group
from sip2xmpp.command.reaching import send_signal
from sip2xmpp.config import Config
from sip2xmpp.errors import Refused, Unreachable


def add_parser(subparsers: Subparsers) -> None:
    """Add both."""
    reload = subparsers.add_parser(
        "reload",
        help="have the gateway read its configuration again",
        group=Group.GATEWAY,
        description="Checks the configuration and has the running gateway take it over: certificates, domains, tokens, limits and "
        "what else can change without ending a subscription. With one fault nothing changes. What needs a restart is named.",
        examples=(("sip2xmpp reload", "after a certificate was renewed, or the file was edited"),),
    )
    add_json(reload)
    reload.set_defaults(run=run_reload)
    restart = subparsers.add_parser(
        "restart",
        help="have the gateway start anew, without farewell",
        group=Group.GATEWAY,
        description="Has the running gateway become the program that is installed now, with the configuration that is in the file "
        "now. Its listening sockets stay open meanwhile, so nothing that is sent is lost, and nobody is seen to go "
        "offline. For updates, and for what reload says needs a restart; another sip.listen or http.listen as well.",
        examples=(("sip2xmpp restart", "after an update"),),
    )
    add_json(restart)
    restart.set_defaults(run=run_restart)


def run_reload(arguments: argparse.Namespace) -> int:
    """Check, ask, tell."""
    config = configuration(arguments)
    reply = _asked(config, "/reload")
    if reply is None:
        return _signalled(arguments, send_signal(config, Signals.SIGHUP), "reads its configuration again")
    made: dict[str, Any] = reply.value
    told = [f"taken over: {key}" for key in made["taken"]] or ["nothing to take over"]
    told += [f"needs a restart: {key}" for key in made["waiting"]]
    say(arguments, "\n".join(told), made)
    return OK


def run_restart(arguments: argparse.Namespace) -> int:
    """Check, ask, tell."""
    config = configuration(arguments)
    if _asked(config, "/restart") is None:
        return _signalled(arguments, send_signal(config, Signals.SIGUSR2), "starts anew")
    say(arguments, "the gateway starts anew", {"restarting": True})
    return OK


def _asked(config: Config, path: str) -> Reply | None:
    """What the gateway answered; None if it has no port, or another one than the file says now."""
    if config.http is None:
        return None
    try:
        reply = ask(config, "POST", path)
    except Unreachable:
        return None
    if reply.trouble:
        raise Refused(reply.trouble)
    return reply


def _signalled(arguments: argparse.Namespace, process: int, what: str) -> int:
    say(arguments, f"process {process} {what}; its log says how that went", {"process": process})
    return OK
