"""The first page of operators: what is wrong and what to do about it, and how much goes on; and the page of all counters.

The verdict comes first, then whatever is bad with its reason, since when, and what mends it, then the numbers with their last hour.
"""

from dataclasses import dataclass
from typing import Final

from twisted.internet.interfaces import IReactorTime

from sip2xmpp.pages.answers import Answer
from sip2xmpp.pages.charts import Chart, chart
from sip2xmpp.pages.languages import N_
from sip2xmpp.pages.panel_desk import shown
from sip2xmpp.pages.roles import Role
from sip2xmpp.pages.routes import Page
from sip2xmpp.pages.visit import Visit
from sip2xmpp.portal.conditions import Conditions
from sip2xmpp.portal.history import DAY, HOUR, PERIODS, Course, History
from sip2xmpp.portal.operating_domains import DomainKind, Overview
from sip2xmpp.portal.troubles import Troubles

PATH: Final = "/panel"
COUNTERS: Final = "/panel/counters"
TROUBLES: Final = 8
"""Last troubles on the first page."""

ENDING: Final = 14 * 86_400.0
"""Seconds before its end from which a certificate is somebody's concern."""

STATES: Final = {
    "up": N_("Up"),
    "strained": N_("Overloaded"),
    "down": N_("Down"),
    "off": N_("Not configured"),
}
KINDS: Final = {
    DomainKind.OWN: N_("Our own"),
    DomainKind.COMPONENT: N_("Name of our component"),
    DomainKind.OVERRIDE: N_("Configured"),
}
CHARTS: Final = (
    "dialogs",
    "publications",
    "registrations",
    "notify",
    "sip_in",
    "stanzas_in",
    "retransmissions",
    "shed",
)
"""Lines of the history on the first page; all of them are on that of the counters."""

UNITS: Final = {"1/s": N_("a second")}
TITLES: Final = {
    "dialogs": N_("Subscriptions"),
    "publications": N_("Publications"),
    "registrations": N_("Registrations"),
    "subscribe": N_("SUBSCRIBE received"),
    "publish": N_("PUBLISH received"),
    "notify": N_("NOTIFY sent"),
    "sip_in": N_("SIP messages received"),
    "sip_out": N_("SIP messages sent"),
    "retransmissions": N_("SIP retransmissions"),
    "shed": N_("Requests refused by overload"),
    "stanzas_in": N_("XMPP stanzas received"),
    "stanzas_out": N_("XMPP stanzas sent"),
    "commits": N_("Store commits"),
    "http": N_("HTTP requests"),
}
"""What lines are called; one that is not here is called as it calls itself."""

EARLY: Final = 36
"""Samples that fill a chart at least; with fewer, what there is stands at the right."""

COUNTED: Final = {
    "accounts": (N_("Users"), "/panel/users"),
    "registrations": (N_("Registrations"), "/panel/registrations"),
    "publications": (N_("Publications"), "/panel/publications"),
    "subscriptions": (N_("Watchers’ dialogs"), "/panel/dialogs?role=notifier"),
    "remote_subscriptions": (N_("Dialogs elsewhere"), "/panel/dialogs?role=subscriber"),
    "authorizations": (N_("Permissions"), "/panel/authorizations"),
}
"""Counts that lead to a page of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One line of the history as it is drawn: the chart, and the same in words."""

    name: str
    title: str
    unit: str
    last: str
    chart: Chart | None
    words: str


class OverviewPages:
    """The pages."""

    def __init__(
        self,
        *,
        conditions: Conditions,
        overview: Overview,
        history: History,
        troubles: Troubles,
        clock: IReactorTime,
    ) -> None:
        self._conditions = conditions
        self._overview = overview
        self._history = history
        self._troubles = troubles
        self._clock = clock
        self._started = clock.seconds()

    def pages(self) -> list[Page]:
        """The rows of the table of pages."""
        see = Role.VIEWER
        return [
            Page(
                method="GET", path=PATH, serve=self._show, name="panel", role=see, label=N_("Control panel")
            ),
            Page(
                method="GET",
                path=COUNTERS,
                serve=self._counters,
                name="panel-counters",
                role=see,
                label=N_("Counters"),
            ),
        ]

    async def _show(self, visit: Visit) -> Answer:
        legs = self._overview.legs()
        conditions = self._conditions.all()
        now = self._clock.seconds()
        soon = now + ENDING
        ending = [each for each in legs.listeners if (each.certificate_expires_at or soon) < soon]
        return shown(
            visit,
            "overview",
            conditions=conditions,
            ending=ending,
            is_well=not ending and not any(condition.is_bad for condition in conditions),
            states=STATES,
            counts=[
                (name, title, path, legs.counts[name])
                for name, (title, path) in COUNTED.items()
                if name in legs.counts
            ],
            tiles=[each for each in self._tiles(visit, HOUR.name) if each.name in CHARTS],
            listeners=legs.listeners,
            domains=self._overview.configured(),
            kinds=KINDS,
            troubles=self._troubles.latest(TROUBLES),
            uptime=now - self._started,
        )

    async def _counters(self, visit: Visit) -> Answer:
        period = DAY if visit.query.get("period") == DAY.name else HOUR
        snapshot = self._overview.snapshot()
        return shown(
            visit,
            "counters",
            period=period.name,
            tiles=self._tiles(visit, period.name),
            numbers=sorted(snapshot.numbers.items()),
            taken_at=snapshot.taken_at,
        )

    def _tiles(self, visit: Visit, period: str) -> list[Tile]:
        return [tile(visit, course) for course in self._history.courses(PERIODS[period])]


def tile(visit: Visit, course: Course) -> Tile:
    """A line of the history in a picture and in words."""
    drawn = chart(course.values, length=EARLY)
    said = visit.language.number
    if course.last is None or drawn is None:
        words = visit.translate("There are no numbers yet: they come with time.")
    else:
        words = visit.translate(
            "Now %(last)s, between %(least)s and %(most)s.",
            last=said(rounded(course.last)),
            least=said(rounded(drawn.least)),
            most=said(rounded(drawn.most)),
        )
    return Tile(
        name=course.line.name,
        title=visit.translate(TITLES.get(course.line.name, course.line.title)),
        unit=visit.translate(UNITS[course.line.unit]) if course.line.unit in UNITS else course.line.unit,
        last="–" if course.last is None else said(rounded(course.last)),
        chart=drawn,
        words=words,
    )


def rounded(value: float) -> float:
    """A number as people want it: whole where it is large, three digits where it is small."""
    if abs(value) >= 100:
        return round(value)
    return float(f"{value:.3g}")
