"""How each leg is, since when, and what to do about it: ``/health`` in words, for people.

The legs themselves know how they are now.  Here they are looked at once in a while, and the moment is kept at which a state
was first seen, so that a page can say *down since 12:04*.  What is wrong is named as the leg names it, with what an operator can
do; a reason that nobody foresaw is shown as it is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final

from twisted.internet.interfaces import IReactorTime

from sip2xmpp.portal.health import Report
from sip2xmpp.xmpp.link import ADVICE

EVERY: Final = 1.0
"""Seconds between two looks."""


class State(Enum):
    """How a leg is; ``STRAINED`` is one that refuses requests because there are too many."""

    UP = "up"
    STRAINED = "strained"
    DOWN = "down"
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One leg, or one component link of the XMPP leg; ``since`` is the Unix time at which this state was first seen.

    ``why`` and ``advice`` are empty where nothing is wrong.
    """

    leg: str
    name: str
    state: State
    since: float
    why: str = ""
    advice: str = ""

    @property
    def is_bad(self) -> bool:
        """Whether somebody has to look at it."""
        return self.state in (State.DOWN, State.STRAINED)


class Conditions:
    """Looks at the legs; ``changed`` is called when one is not as it was."""

    def __init__(
        self,
        legs: Callable[[], Mapping[str, Report]],
        clock: IReactorTime,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._legs = legs
        self._clock = clock
        self._changed = changed
        self._held: dict[str, Condition] = {}

    def look(self) -> None:
        """See how the legs are now."""
        now = self._clock.seconds()
        seen = {}
        for condition in _conditions(self._legs(), now):
            before = self._held.get(condition.name)
            if before is None or before.state is not condition.state:
                seen[condition.name] = condition
            else:
                seen[condition.name] = replace(condition, since=before.since)
        changed, self._held = seen != self._held, seen
        if changed:
            self._changed()

    def all(self) -> list[Condition]:
        """Every leg as it is now: what is bad first."""
        self.look()
        return sorted(self._held.values(), key=lambda condition: not condition.is_bad)


def _conditions(legs: Mapping[str, Report], now: float) -> list[Condition]:
    found = []
    for leg, report in legs.items():
        links: Mapping[str, Mapping[str, Any]] = report.get("links", {})
        if not links:
            found.append(_condition(leg, _NAMES.get(leg, leg), report, now))
        found += [_condition(leg, f"XMPP {domain}", link, now) for domain, link in links.items()]
    return found


def _condition(leg: str, name: str, report: Report, now: float) -> Condition:
    state = State(report["state"])
    overload = report.get("overload", {"state": "none"})
    if state is State.UP and overload["state"] != "none":
        since = now - float(overload.get("seconds", 0))
        return Condition(
            leg=leg, name=name, state=State.STRAINED, since=since, why=_OVERLOAD, advice=_MORE_POWER
        )
    why = str(report.get("why", "")) if state is State.DOWN else ""
    return Condition(leg=leg, name=name, state=state, since=now, why=why, advice=advice_for(why))


def advice_for(why: str) -> str:
    """What an operator can do about a link that is down for this reason; empty where it mends itself."""
    if why in ADVICE:
        return ADVICE[why]
    return next((advice for words, advice in _HINTS if words in why), "")


_NAMES: Final = {"sip": "SIP", "store": "Store", "xmpp": "XMPP"}
_OVERLOAD: Final = "more requests arrive than can be served; new ones are refused with 503"
_MORE_POWER: Final = "see which address sends most, and whether phones came back all at once; it ends by itself when they have been served"
_HINTS: Final = (
    ("refused", "nothing listens there: start the XMPP server, or see xmpp.server for its component port"),
    ("imed out", "nobody answers there: see xmpp.server, the network and its firewalls"),
    ("handshake", "something listens there that is no component port: see xmpp.server"),
    ("malformed XML", "something listens there that is no component port: see xmpp.server"),
    ("closed the connection", "the XMPP server stopped or restarts; see its log if it does not come back"),
    ("does not answer", "the XMPP server hangs, or the network lost the connection"),
)
"""What else is said of links, in part, and what to do about it."""
