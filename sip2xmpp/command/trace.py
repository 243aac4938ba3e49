"""``sip2xmpp trace``: how a watcher and a presentity stand, and what is said between them, as it is said.

The running gateway is asked by its API.  Tracing is switched on for as long as the command runs and off when it ends, unless
somebody had switched it on before.  Secrets never leave the gateway.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from sip2xmpp.command.api import ask
from sip2xmpp.command.arguments import NOT_AS_WISHED, OK, Subparsers, configuration, watcher_address
from sip2xmpp.command.parser import Group
from sip2xmpp.command.screen import Ink, ink_for, json_of, printable
from sip2xmpp.command.stating import seconds
from sip2xmpp.config import Config
from sip2xmpp.errors import BadInput
from sip2xmpp.portal.pairs import LONGEST, SHORTEST

POLL: Final = 0.5
"""Seconds between two questions."""

_ARROWS: Final = {
    ("sip", "in"): "SIP ->|     ",
    ("sip", "out"): "SIP <-|     ",
    ("xmpp", "in"): "      |<- XMPP",
    ("xmpp", "out"): "      |-> XMPP",
}


def add_parser(subparsers: Subparsers) -> None:
    """Add ``trace``."""
    parser = subparsers.add_parser(
        "trace",
        help="follow what is said between a watcher and a presentity",
        group=Group.LOOKING,
        description="Tells how the two stand (dialogs with their timers, authorization, decision, both domains, the last trouble) and "
        "then shows every message between them on both legs, and each presence before and after mapping with what was "
        'lost, until Ctrl-C. For the question "why does her lamp not light up?". Passwords are left out.',
        examples=(
            (
                "sip2xmpp trace romeo@jabber.example bob@sip.example.org",
                "follow what Romeo's server and Bob's phone say",
            ),
            (
                "sip2xmpp trace bob@sip.example.org juliet@jabber.example --for 5m --json >trace.jsonl",
                "keep five minutes, a JSON object on each line",
            ),
            ("sip2xmpp trace romeo@jabber.example bob@sip.example.org --now", "only how the two stand now"),
        ),
        no="the gateway knows nothing of the two",
    )
    parser.add_argument("watcher", metavar="WATCHER", help="a SIP or Jabber user, as in romeo@jabber.example")
    parser.add_argument(
        "presentity", metavar="PRESENTITY", help="who is watched, as in bob@sip.example.org; may be a list"
    )
    parser.add_argument("--for", dest="lasts", metavar="SPAN", help="end after so long, as in 90s or 5m")
    parser.add_argument("--now", action="store_true", help="tell how they stand, and end")
    parser.add_argument("--json", action="store_true", help="print JSON: an object on each line")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Follow the pair; exit status 1 if there is neither a dialog nor an authorization, and nothing was said."""
    config = configuration(arguments)
    pair = "/".join(
        quote(str(watcher_address(text, config)), safe="")
        for text in (arguments.watcher, arguments.presentity)
    )
    if arguments.now:
        facts = _asked(config, "GET", f"/operator/pairs/{pair}")
        if arguments.json:
            print(json_of(facts))
        else:
            _show(_facts(facts))
        return OK if _is_known(facts) else NOT_AS_WISHED
    lasts = seconds(arguments.lasts) if arguments.lasts is not None else None
    return _follow(config, f"/operator/trace/{pair}", lasts, as_json=arguments.json)


def _follow(config: Config, path: str, lasts: float | None, *, as_json: bool) -> int:
    ink = ink_for(sys.stdout)
    first = _asked(config, "GET", path)
    was_traced = first["trace"] is not None
    span = max(SHORTEST, min(LONGEST, int(lasts or LONGEST)))
    _asked(config, "POST", path, {"seconds": span})
    number, known = 0, _is_known(first)
    end = None if lasts is None else time.monotonic() + lasts
    try:
        if as_json:
            print(
                json_of(
                    {"pair": {name: value for name, value in first.items() if name != "messages"}},
                    indent=None,
                )
            )
        else:
            _show([*_facts(first), "", "tracing; Ctrl-C ends it"])
        sys.stdout.flush()
        while True:
            is_over = end is not None and time.monotonic() >= end
            for message in _asked(config, "GET", f"{path}?after={number}")["messages"]:
                if message["number"] > number + 1 and number:
                    missed = message["number"] - number - 1
                    print(f"({missed} messages were forgotten before they could be shown)", file=sys.stderr)
                number = message["number"]
                if as_json:
                    print(json_of(message, indent=None))
                else:
                    _show(_message(message, ink))
            sys.stdout.flush()
            if is_over:
                return OK if known or number else NOT_AS_WISHED
            time.sleep(POLL if end is None else min(POLL, max(0.0, end - time.monotonic())))
    finally:
        if not was_traced:
            ask(config, "DELETE", path)


def _asked(config: Config, method: str, path: str, body: object = None) -> Any:
    reply = ask(config, method, path, body)
    if reply.trouble:
        raise BadInput(reply.trouble)
    return reply.value


def _is_known(facts: Mapping[str, Any]) -> bool:
    return bool(facts["dialogs"] or facts["authorizations"])


def _show(lines: Iterator[str] | list[str]) -> None:
    for line in lines:
        print(line)


def _facts(facts: Mapping[str, Any]) -> Iterator[str]:
    yield f"{facts['watcher']} watches {facts['presentity']}"
    for each in facts["domains"]:
        leg = each["leg"] or "neither protocol"
        yield f"  domain {printable(each['domain'])}: {leg}, {printable(each['why'])}"
    judgement = facts["judgement"]
    if judgement is not None:
        since = f" since {judgement['decided_at']}" if judgement["decided_at"] else ""
        yield f"  decision: {judgement['handling']}, by {judgement['decided_by']}{since}"
    for each in facts["authorizations"]:
        jids = f"{printable(each['watcher_jid'])} -> {printable(each['contact_jid'])}"
        yield f"  authorization: {each['state']} since {each['since'] or 'unknown'} ({jids})"
    for each in facts["dialogs"]:
        yield (
            f"  dialog: we are {each['role']}, {printable(each['event'])}, {each['state']}; "
            f"{each['next']['what']} at {each['next']['at']}"
        )
        yield (
            f"    Call-ID {printable(each['call_id'])}, CSeq {each['local_cseq']} ours, {each['remote_cseq']} theirs; "
            f"{printable(each['flow']) or 'no flow'}; {printable(each['user_agent']) or 'no User-Agent'}"
        )
        if each["under_way"] or each["failures"]:
            waiting = "waits for an answer" if each["under_way"] else "waits for nothing"
            yield f"    {waiting}, {each['failures']} failures in a row"
    if not _is_known(facts):
        yield "  there is neither a dialog nor an authorization"
    for name, link in facts["links"].items():
        why = f", {printable(link['why'])}" if "why" in link else ""
        yield f"  link of {printable(name)}: {link['state']}{why}"
    trouble = facts["trouble"]
    if trouble is not None:
        yield f"  last trouble: {trouble['at']} {printable(trouble['what'])}"


def _message(message: Mapping[str, Any], ink: Ink) -> Iterator[str]:
    """A message with its arrow: SIP stands on the left of the gateway and XMPP on the right."""
    place = (message["leg"], message["way"])
    arrow = _ARROWS.get(place, "   mapping")
    peer = f" {printable(message['peer'])}" if message["peer"] else ""
    colour = {"sip": ink.green, "xmpp": ink.yellow}.get(message["leg"], ink.bold)
    yield ""
    what = f"{arrow} {printable(message['what'])}"
    yield f"{message['at']} {colour(what)}{ink.dim(peer)}"
    yield from _indented(message["text"])
    if message["after"]:
        yield ink.bold("    becomes")
        yield from _indented(message["after"])
    for sentence in message["lost"]:
        yield ink.red(f"    lost: {printable(sentence)}")
    if message["cut"]:
        yield ink.dim("    (there was more)")


def _indented(text: str) -> Iterator[str]:
    return (f"    {_without_controls(line)}".rstrip() for line in text.split("\n"))


def _without_controls(line: str) -> str:
    """As ``printable``, but blanks stay where they are."""
    return "".join(char if char.isprintable() else " " for char in line)
