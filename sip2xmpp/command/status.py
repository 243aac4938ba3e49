"""``sip2xmpp status``: ask the running gateway how each of its legs is.

The answer is that of ``GET /health``, as a table or as it came.  Exit status 0 says that everything is up, 1 that the
gateway runs and something is down or not ready, 2 that it does not answer.
"""

import argparse
import json
import sys
import urllib.error
from collections.abc import Iterator, Mapping
from typing import Any

from sip2xmpp.command.arguments import NOT_AS_WISHED, OK, Subparsers, configuration
from sip2xmpp.command.parser import Group
from sip2xmpp.command.reaching import base_url, opener
from sip2xmpp.command.screen import ink_for
from sip2xmpp.errors import Unreachable
from sip2xmpp.settings import Config

TIMEOUT = 5.0
"""Seconds to wait for the answer."""

LARGEST = 1_000_000
"""Octets of the answer that are read."""


def add_parser(subparsers: Subparsers) -> None:
    """Add ``status``."""
    parser = subparsers.add_parser(
        "status",
        help="ask the running gateway how its legs are",
        group=Group.GATEWAY,
        description="Asks the running gateway how its legs are, over its web port, and what it holds. For a look, and for monitoring: "
        "the exit status says it all. Why something is down, check tells.",
        examples=(
            ("sip2xmpp status", "the state of each leg, and how much is held"),
            ("sip2xmpp status --json", "the answer as it came"),
        ),
        no="it runs, and something is down or not ready",
    )
    parser.add_argument("--json", action="store_true", help="print the answer as it came")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Ask and print."""
    report = ask(url_of(configuration(arguments)))
    if arguments.json:
        print(json.dumps(report, indent=2))
    else:
        print("\n".join(lines(report)))
    return OK if report.get("status") == "ok" else NOT_AS_WISHED


def url_of(config: Config) -> str:
    """Where the gateway of this configuration says how it is."""
    return f"{base_url(config)}/health"


def ask(url: str) -> dict[str, Any]:
    """The body of the answer, which a gateway that is starting or stopping gives with status 503."""
    try:
        with opener().open(url, timeout=TIMEOUT) as answer:
            body = answer.read(LARGEST)
    except urllib.error.HTTPError as error:
        with error:
            body = error.read(LARGEST)
    except OSError as error:
        raise Unreachable(f"no gateway answers at {url}: {getattr(error, 'reason', error)}") from None
    try:
        report = json.loads(body)
    except ValueError:
        report = None
    if not isinstance(report, dict) or "status" not in report:
        raise Unreachable(f"what answers at {url} is not the gateway")
    return report


def lines(report: Mapping[str, Any]) -> Iterator[str]:
    """The report as a person reads it."""
    ink = ink_for(sys.stdout)
    uptime = duration(float(report.get("uptime", 0)))
    yield f"sip2xmpp {report.get('version', '?')}: {report['status']}, up {uptime}"
    legs: Mapping[str, Mapping[str, Any]] = report.get("legs", {})
    counts: Mapping[str, Any] = report.get("counts", {})
    width = max((len(name) for name in (*legs, *counts)), default=0)
    for name, leg in legs.items():
        details = ", ".join(
            f"{key} {said(value)}" for key, value in leg.items() if key != "state" and value not in ("", [])
        )
        state = str(leg.get("state", "?"))
        paint = {"up": ink.green, "down": ink.red}.get(state, ink.dim)
        yield f"  {name:<{width}}  {paint(state)}{' ' * (5 - len(state))} {details}".rstrip()
    for name, value in counts.items():
        yield f"  {name:<{width}}  {said(value)}"


def said(value: object) -> str:
    """A value of the report on one line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {said(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return " ".join(said(inner) for inner in value)
    return value if isinstance(value, str) else json.dumps(value)


def duration(seconds: float) -> str:
    """The two largest units: ``2 d 3 h``, ``5 min 7 s``."""
    whole = int(seconds)
    units = [(whole // 86_400, "d"), (whole // 3_600 % 24, "h"), (whole // 60 % 60, "min"), (whole % 60, "s")]
    shown = [f"{count} {unit}" for count, unit in units if count]
    return " ".join(shown[:2]) or "0 s"
