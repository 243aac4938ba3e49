"""Which rows there are, in three sizes.

A row shows one figure of one load.  Rows that show figures of the same load with the same demand share its runs; a load that
has phases measures several things in one run, and a row says which phase it means.  A load is either one of the generator's
(``tests.bench.generator.LOADS``) or a measurement of the gateway alone that runs in this process and starts everything it needs
itself: a function of a directory, a state and a size in ``INSIDE``, whose result is one phase without a name.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from tests.bench.beside import beside
from tests.bench.crossing import crossing
from tests.bench.crossing_floor import to_jabber_alone, to_sip_alone
from tests.bench.crossing_rates import to_jabber, to_sip
from tests.bench.growth import growing
from tests.bench.overload import overload
from tests.bench.startup import starting

INSIDE: Final[Mapping[str, Callable[[Path, str, int], dict[str, Any]]]] = {
    "crossing": crossing,
    "to_jabber": to_jabber,
    "to_sip": to_sip,
    "beside": beside,
    "growing": growing,
    "starting": starting,
    "overload": overload,
    "to_jabber_alone": to_jabber_alone,
    "to_sip_alone": to_sip_alone,
}


LISTS: Final = "lists"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the table; ``value`` is the key of its figure in the result of its ``phase``.

    ``size``, ``changes``, ``rate`` and ``seconds`` are what is demanded of the load.  ``operation`` is what processor time is
    counted by; rows of one phase have the same.
    """

    title: str
    load: str
    size: int
    changes: int = 1
    rate: float = 0.0
    seconds: float = 0.0
    phase: str = ""
    value: str = "rate"
    unit: str = "/s"
    lower_is_better: bool = False
    operation: str = ""

    @property
    def run(self) -> tuple[object, ...]:
        """The same for rows that share their runs."""
        return self.load, self.size, self.changes, self.rate, self.seconds

    @property
    def measured(self) -> tuple[object, ...]:
        """The same for rows that are figures of one phase."""
        return *self.run, self.phase


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much of everything; ``fans`` are pairs of watchers and changes, ``offered`` NOTIFYs a second.

    From ``many`` watchers on it is told how many hear of a change late.  ``held`` are subscriptions that are there while it is
    measured what more costs, ``stored`` those that are found at a start, ``flooded`` those that live through a flood.
    """

    subscriptions: int
    publications: int
    fans: Sequence[tuple[int, int]]
    crowd: int
    crowd_changes: int
    offered: Sequence[int]
    offered_seconds: float
    kept: int
    kept_rate: float
    kept_seconds: float
    publications_across: int
    stanzas_across: int
    crossings: int
    held: Sequence[int]
    stored: int
    flooded: int
    members: int
    changed_members: int
    many: int = 5000


def rows(sizes: Sizes) -> list[Row]:
    """The rows in the sizes given."""
    return [
        *_requests(sizes),
        *_fans(sizes),
        *_crowds(sizes),
        Row(
            title=f"memory, {sizes.kept:,} subscriptions and {sizes.kept // 10:,} publications",
            load="memory",
            size=sizes.kept,
            rate=sizes.kept_rate,
            seconds=sizes.kept_seconds,
            value="mib",
            unit="MiB",
            lower_is_better=True,
            operation="SUBSCRIBE, at a moderate pace",
        ),
        *_lists(sizes),
        *_crossings(sizes),
        *_neighbours(sizes),
        *_growth(sizes),
        *_start(sizes),
        *_flood(sizes),
    ]


def _requests(sizes: Sizes) -> Iterator[Row]:
    for phase, title in (
        ("initial", "SUBSCRIBE with NOTIFY, initial"),
        ("refresh", "SUBSCRIBE with NOTIFY, refresh"),
        ("unsubscribe", "SUBSCRIBE with NOTIFY, unsubscribe"),
    ):
        yield Row(title=title, load="subscribe", phase=phase, size=sizes.subscriptions)
    for phase in ("initial", "modify", "refresh"):
        yield Row(title=f"PUBLISH, {phase}", load="publish", phase=phase, size=sizes.publications)


def _fans(sizes: Sizes) -> Iterator[Row]:
    for watchers, changes in sizes.fans:
        row = Row(
            title=f"NOTIFY, 1 x {watchers:,} watchers",
            load="fanout",
            size=watchers,
            changes=changes,
            operation=f"NOTIFY, 1 x {watchers:,}",
        )
        yield row
        title = f"one change to {watchers:,} watchers"
        yield replace(row, title=title, value="whole", unit="ms", lower_is_better=True)
        if watchers >= sizes.many:
            yield replace(row, title=f"{title}, late", value="late_share", unit="%", lower_is_better=True)


def _crowds(sizes: Sizes) -> Iterator[Row]:
    yield Row(
        title=f"NOTIFY, {sizes.crowd} x 10 watchers",
        load="closed",
        size=sizes.crowd,
        changes=sizes.crowd_changes,
    )
    for offered in sizes.offered:
        for figure in ("p50", "p99"):
            yield Row(
                title=f"PUBLISH -> NOTIFY at {offered:,} NOTIFY/s, {figure}",
                load="open",
                size=sizes.crowd,
                rate=offered / 10,
                seconds=sizes.offered_seconds,
                value=figure,
                unit="ms",
                lower_is_better=True,
                operation=f"NOTIFY, {offered:,}/s offered",
            )


def _lists(sizes: Sizes) -> Iterator[Row]:
    row = Row(
        title=f"SUBSCRIBE to a list of {sizes.members}, all told",
        load=LISTS,
        size=sizes.members,
        changes=sizes.changed_members,
        phase="subscribe",
        operation=f"SUBSCRIBE to a list of {sizes.members}",
    )
    yield row
    for figure in ("p50", "p99"):
        yield replace(
            row,
            title=f"PUBLISH -> NOTIFY of a list of {sizes.members}, {figure}",
            phase="change",
            value=figure,
            unit="ms",
            lower_is_better=True,
            operation=f"PUBLISH -> NOTIFY of a list of {sizes.members}",
        )


def _crossings(sizes: Sizes) -> Iterator[Row]:
    to_jabber = Row(
        title="PUBLISH -> stanza, deliveries",
        load="to_jabber",
        size=sizes.publications_across,
        operation="PUBLISH -> stanza",
    )
    yield to_jabber
    for figure in ("p50", "p99"):
        title = f"PUBLISH -> stanza, one at a time, {figure}"
        yield replace(to_jabber, title=title, value=f"single_{figure}", unit="ms", lower_is_better=True)
    yield Row(
        title="stanza -> NOTIFY, changes",
        load="to_sip",
        size=sizes.stanzas_across,
        value="changes",
        operation="stanza -> NOTIFY",
    )
    for figure in ("p50", "p99"):
        yield Row(
            title=f"stanza -> NOTIFY, one at a time, {figure}",
            load="crossing",
            size=sizes.crossings,
            value=figure,
            unit="ms",
            lower_is_better=True,
            operation="stanza -> NOTIFY, one at a time",
        )
    # what Prosody does with the same stanzas when the gateway is not there
    yield Row(
        title="stanzas to Jabber, Prosody alone", load="to_jabber_alone", size=sizes.publications_across
    )
    yield Row(title="stanzas from Jabber, Prosody alone", load="to_sip_alone", size=sizes.stanzas_across)


def _neighbours(sizes: Sizes) -> Iterator[Row]:
    size = max(watchers for watchers, _ in sizes.fans)
    for value in ("p50", "longest"):
        yield Row(
            title=f"PUBLISH -> NOTIFY beside {size:,} others, {value}",
            load="beside",
            size=size,
            value=value,
            unit="ms",
            lower_is_better=True,
            operation=f"PUBLISH -> NOTIFY beside {size:,} others",
        )


Figure = tuple[str, str, str, bool]
"""Key in the result, words of the title, unit, and whether less is better."""


def _figures(load: str, size: int, subject: str, operation: str, figures: Sequence[Figure]) -> Iterator[Row]:
    """Several figures of one measurement inside this process."""
    for value, words, unit, lower_is_better in figures:
        yield Row(
            title=f"{subject}: {words}",
            load=load,
            size=size,
            value=value,
            unit=unit,
            lower_is_better=lower_is_better,
            operation=f"{subject}: {operation}",
        )


def _growth(sizes: Sizes) -> Iterator[Row]:
    for held in sizes.held:
        figures = (
            ("subscribe_us", "SUBSCRIBE with NOTIFY, initial", "us", True),
            ("refresh_us", "SUBSCRIBE with NOTIFY, refresh", "us", True),
            ("modify_us", "PUBLISH, modify", "us", True),
            ("notify_us", "NOTIFY", "us", True),
        )
        yield from _figures("growing", held, f"{held:,} held", "PUBLISH, modify", figures)


def _start(sizes: Sizes) -> Iterator[Row]:
    figures = (
        ("serving", "serving after", "s", True),
        ("rate", "watchers told", "/s", False),
        ("p99", "PUBLISH meanwhile, p99", "ms", True),
    )
    subject = f"start with {sizes.stored:,} subscriptions"
    yield from _figures("starting", sizes.stored, subject, "PUBLISH", figures)


def _flood(sizes: Sizes) -> Iterator[Row]:
    figures = (
        ("goodput", "served of what can be", "%", False),
        ("refreshed", "refreshes served", "%", False),
        ("p99", "served after, p99", "ms", True),
        ("recovery", "recovered after", "s", True),
    )
    yield from _figures("overload", sizes.flooded, "three times too much", "SUBSCRIBE", figures)


FULL: Final = rows(
    Sizes(
        subscriptions=10_000,
        publications=10_000,
        fans=[(100, 200), (1000, 20), (5000, 6), (10_000, 4)],
        crowd=200,
        crowd_changes=4000,
        offered=[1000, 10_000],
        offered_seconds=5.0,
        kept=50_000,
        kept_rate=1500.0,
        kept_seconds=6.0,
        publications_across=2000,
        stanzas_across=10000,
        crossings=500,
        held=[1000, 10_000, 100_000],
        stored=100_000,
        flooded=1000,
        members=100,
        changed_members=30,
    )
)
QUICK: Final = rows(
    Sizes(
        subscriptions=3000,
        publications=4000,
        fans=[(100, 50), (1000, 10), (5000, 2), (10_000, 1)],
        crowd=200,
        crowd_changes=1000,
        offered=[1000, 10_000],
        offered_seconds=2.0,
        kept=5000,
        kept_rate=1500.0,
        kept_seconds=6.0,
        publications_across=500,
        stanzas_across=2000,
        crossings=100,
        held=[1000, 10_000],
        stored=10_000,
        flooded=500,
        members=100,
        changed_members=10,
    )
)
SMALLEST: Final = rows(
    Sizes(
        subscriptions=20,
        publications=20,
        fans=[(200, 2)],
        crowd=5,
        crowd_changes=10,
        offered=[500],
        offered_seconds=0.2,
        kept=50,
        kept_rate=500.0,
        kept_seconds=0.1,
        publications_across=20,
        stanzas_across=20,
        crossings=5,
        held=[30],
        stored=30,
        flooded=50,
        members=10,
        changed_members=2,
        many=200,
    )
)
