"""``sip2xmpp explain``: what a watcher is shown of one of our users, which decision or rules say so, and what is left out.

Read from the state file, with the gateway running or stopped, and decided as the gateway decides it.
"""

import argparse
import time
from collections.abc import Iterator

from twisted.internet.task import Clock

from sip2xmpp.command.arguments import (
    NOT_AS_WISHED,
    OK,
    Subparsers,
    configuration,
    own_address,
    watcher_address,
)
from sip2xmpp.command.parser import Group
from sip2xmpp.command.screen import json_of, printable
from sip2xmpp.own_side import own_side
from sip2xmpp.portal.explanations import explanation_told
from sip2xmpp.presence.explaining import Decision, Explanation, ToldRule
from sip2xmpp.presence.policy import Ground, Handling
from sip2xmpp.presence.states import state_of
from sip2xmpp.store.offline import extract

_GROUNDS = {
    Ground.OWNER: "it is the owner",
    Ground.DECISION: "the owner decided about this watcher",
    Ground.RULES: "by the owner's rules",
    Ground.VIRTUAL: "by default for addresses that nobody owns",
    Ground.DOMAIN: "by default of the domain",
    Ground.DEFAULT: "by default",
}


def add_parser(subparsers: Subparsers) -> None:
    """Add ``explain``."""
    parser = subparsers.add_parser(
        "explain",
        help="tell what a watcher is shown of one of our users, and why",
        group=Group.LOOKING,
        description="Tells which decision or which of the owner's rules decides what a watcher is shown of one of our users, what "
        'each condition says at the moment, and what is left out of the present document. For the question "why can '
        'he not see me?". Read from the state file, so the gateway may be stopped.',
        examples=(
            (
                "sip2xmpp explain romeo@jabber.example bob@sip.example.org",
                "what does Romeo see of Bob, and why?",
            ),
            ("sip2xmpp explain romeo@jabber.example bob@sip.example.org --json", "as the API gives it"),
        ),
        no="there is no such user",
    )
    parser.add_argument(
        "watcher", metavar="WATCHER", help="a SIP or Jabber user, as in juliet@jabber.example"
    )
    parser.add_argument(
        "presentity", metavar="PRESENTITY", help="one of our users, as in bob@sip.example.org"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, as the API gives it")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the explanation; exit status 1 if there is no such user."""
    config = configuration(arguments)
    presentity = own_address(arguments.presentity, config)
    watcher = watcher_address(arguments.watcher, config)
    clock = Clock()
    clock.rightNow = time.time()
    own = own_side(config, extract(config.gateway.state, presentity, clock), clock)
    explanation = own.explaining.explain(presentity, watcher)
    if arguments.json:
        print(json_of(explanation_told(explanation)))
    else:
        for line in _lines(explanation):
            print(printable(line) if not line.startswith(" ") else "  " + printable(line))
    return OK if explanation.exists else NOT_AS_WISHED


def _lines(explanation: Explanation) -> Iterator[str]:
    if not explanation.exists:
        yield f"nobody is called {explanation.presentity}"
    yield f"presence: {_decided(explanation.presence)}"
    yield from _rules(explanation.presence)
    if explanation.presence.handling is Handling.ALLOW:
        provided = explanation.provides
        yield " provides " + ("everything" if provided is None else ", ".join(provided) or "nothing")
    shown = explanation.shown
    yield " shown: " + ("nothing" if shown is None else state_of(shown).value)
    if shown is not None and explanation.removed:
        yield " left out: " + "; ".join(explanation.removed)
    yield f"calls: {_decided(explanation.calls)}"
    if explanation.calls.rules != explanation.presence.rules:
        yield from _rules(explanation.calls)


def _decided(decision: Decision) -> str:
    return f"{decision.handling.value} ({_GROUNDS[decision.ground]})"


def _rules(decision: Decision) -> Iterator[str]:
    for name in decision.unreadable:
        yield f" {name} cannot be read and is not heard"
    for rule in decision.rules:
        yield f" {_rule(rule)}"


def _rule(rule: ToldRule) -> str:
    told = f"{rule.document} {rule.id or '(no id)'}: {'applies' if rule.applies else 'does not apply'}"
    if rule.applies and rule.handling:
        told += f", {rule.handling}"
    conditions = [f"{each.text}: {'yes' if each.holds else 'no'}" for each in rule.conditions]
    return f"{told} [{'; '.join(conditions) or 'no conditions'}]"
