"""``sip2xmpp check``: what is wrong in the configuration and in the neighbourhood, before it bites.

Everything is looked at with the eyes of the gateway, by the modules that it uses itself; nothing is changed.  Works with the
gateway running, which is then asked what only it can know, and stopped.  What has to be waited for is asked for at the same time,
and given up after ``LONGEST`` seconds.
"""

import argparse
import os
import sys
import textwrap
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import CancelledError, Deferred, gatherResults

from sip2xmpp.command.arguments import NOT_AS_WISHED, OK, Subparsers, add_json, configuration
from sip2xmpp.command.checks import certificates, component, machine, names, ports, settings, state, web
from sip2xmpp.command.checks.findings import Finding, Level, Scene, Topic
from sip2xmpp.command.parser import Group
from sip2xmpp.command.reacting import react
from sip2xmpp.command.screen import ink_for, json_of, printable, window
from sip2xmpp.command.status import ask, url_of
from sip2xmpp.config import Config
from sip2xmpp.errors import ConfigError, Unreachable
from sip2xmpp.sip.name_servers import open_dns
from sip2xmpp.store.connection import holder_of
from sip2xmpp.store.opening import state_path

LONGEST: Final = 12.0
"""Seconds that anything may be waited for."""

_LOOKS: Final[Sequence[Callable[[Scene], Iterator[Finding]]]] = (
    settings.look,
    state.look,
    ports.look,
    certificates.look,
    web.look,
    machine.look,
)
_WAITS: Final[Sequence[tuple[Topic, Callable[[Scene], Coroutine[Any, Any, list[Finding]]]]]] = (
    (names.topic, names.look),
    (component.topic, component.look),
    (web.topic, web.reach),
)


def add_parser(subparsers: Subparsers) -> None:
    """Add ``check``."""
    parser = subparsers.add_parser(
        "check",
        help="tell what is wrong in the configuration and in the neighbourhood",
        group=Group.GATEWAY,
        description="Looks at the configuration, the state file, ports, DNS, certificates, the XMPP server and its secrets, the web port "
        "and the machine, and says of each what is wrong, what it means and what to do. Changes nothing; works before "
        "the first start and beside a running gateway. Run it as the user of the gateway.",
        examples=(
            ("sip2xmpp check", "before the first start, after each change, and when something does not work"),
            ("sip2xmpp --config new.toml check --offline", "without asking DNS and the XMPP server"),
            ("sip2xmpp check --json", "for monitoring"),
        ),
        no="there is a fault; warnings alone are status 0",
    )
    parser.add_argument(
        "--offline", action="store_true", help="ask nobody else: neither DNS, the XMPP server nor web servers"
    )
    add_json(parser, "print all findings as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Look, and print; raises ``ConfigError`` if there is no configuration to look at."""
    found = list(findings(arguments))
    worst = next(level for level in Level if any(each.level is level for each in found))
    if arguments.json:
        told = {"verdict": worst.value, "findings": [each.as_json() for each in found]}
        print(json_of(told))
    elif sys.stdout.isatty():
        print("\n".join(_pages(found)))
    else:
        print("\n".join(map(_line, found)))
    return NOT_AS_WISHED if worst is Level.FAULT else OK


def findings(arguments: argparse.Namespace) -> list[Finding]:
    """Everything that is found."""
    file: Path = arguments.config
    try:
        config = configuration(arguments)
    except ConfigError as error:
        if not os.access(file, os.R_OK) or file.is_dir():
            raise
        rest = settings.topic.warning(
            "check", "nothing else was looked at", "mend the configuration, then check again"
        )
        return [*settings.faults(list(error.faults)), rest]
    process, health = _running(config)

    async def look(reactor: Any) -> list[Finding]:
        dns = open_dns(reactor, config.dns.servers)
        scene = Scene(config=config, file=file, dns=dns, reactor=reactor, process=process, health=health)
        return await _look(scene, offline=arguments.offline)

    return react(look)


def _running(config: Config) -> tuple[int | None, dict[str, Any] | None]:
    """The gateway of this configuration: its process, and what it says of itself."""
    path = state_path(config.gateway.state)
    process = holder_of(path) if path is not None else None
    try:
        health = ask(url_of(config))
    except (Unreachable, ConfigError):
        health = None
    return process, health


async def _look(scene: Scene, *, offline: bool) -> list[Finding]:
    """What is seen at once, then what has to be waited for."""
    found = [finding for look in _LOOKS for finding in look(scene)]
    if not offline:
        waited = await gatherResults(
            [_bounded(topic, look, scene) for topic, look in _WAITS], consumeErrors=True
        )
        found += [finding for each in waited for finding in each]
    return found


def _bounded(
    topic: Topic, look: Callable[[Scene], Coroutine[Any, Any, list[Finding]]], scene: Scene
) -> "Deferred[list[Finding]]":
    """The findings of what has to be waited for, or that it took too long."""

    async def looked() -> list[Finding]:
        waiting = Deferred.fromCoroutine(look(scene)).addTimeout(LONGEST, scene.reactor)
        try:
            return await waiting
        except (TimeoutError, CancelledError):
            return [
                topic.warning(
                    topic.name, f"nothing was learned in {LONGEST:g} seconds", "check again, or --offline"
                )
            ]

    return Deferred.fromCoroutine(looked())


def _line(finding: Finding) -> str:
    """A finding on one line, for a pipe."""
    told = f"{finding.level.value}: {finding.topic}: {finding.about}: {finding.told}"
    return printable(f"{told} -> {finding.do}" if finding.do else told)


def _pages(found: Sequence[Finding]) -> Iterator[str]:
    """Findings for a person: the worst first within each topic, what to do below it."""
    ink, width = ink_for(sys.stdout), window()[0]
    paints = {Level.FAULT: ink.red, Level.WARNING: ink.yellow, Level.FINE: ink.green}
    indent = " " * 10
    for name in dict.fromkeys(each.topic for each in found):
        yield ink.bold(name)
        members = [each for each in found if each.topic == name]
        for each in sorted(members, key=lambda member: list(Level).index(member.level)):
            first, *rest = _wrapped(f"{each.about}: {each.told}", width - len(indent))
            yield f"  {paints[each.level](each.level.value)}{' ' * (8 - len(each.level.value))}{first}"
            yield from (indent + line for line in rest)
            if each.do:
                yield from (indent + ink.dim(line) for line in _wrapped(f"-> {each.do}", width - len(indent)))
    counted = []
    for level in Level:
        count = sum(each.level is level for each in found)
        words = f"{count} {level.value}{'' if count == 1 or level is Level.FINE else 's'}"
        counted.append(paints[level](words) if count else words)
    yield ", ".join(counted)


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(printable(text), max(width, 30), break_on_hyphens=False) or [""]
