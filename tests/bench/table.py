"""The results as text: medians with their spread, ratios, and below them what to know before believing them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import median
from typing import Final

from tests.bench.plan import Row
from tests.bench.runner import Column, Result, Results

CROWDED: Final = 0.25
"""From which share of a core the rest of the machine is worth a remark."""
TOO_SHORT: Final = 0.2
"""Seconds below which ticks of a clock do not tell that share."""
BEHIND: Final = 0.95
"""Below which share of the wanted rate an open loop was not one."""
EXPECTED: Final = {"sent again", "repeated NOTIFYs", "repeated responses"}
"""What is counted and has a column; all else is worth a remark."""


def lines(table: Sequence[Row], columns: Sequence[Column], results: Results) -> Iterator[str]:
    """The table of figures, that of processor time, then that of circumstances."""
    yield from _aligned(_compared("", table, columns, results))
    yield ""
    phases = list(_phases(table))
    costs = [
        replace(row, title=row.operation or row.title, value="server_us", unit="us", lower_is_better=True)
        for row in phases
    ]
    renamed = {
        (cost.title, column.title): results.get((row.title, column.title), [])
        for row, cost in zip(phases, costs, strict=True)
        for column in columns
    }
    yield from _aligned(_compared("processor time of the server", costs, columns, renamed))
    yield ""
    cells = [["", "server", "p50 ms", "p99 ms", "lost", "late", "again", "remarks"]]
    for row in phases:
        for column in columns:
            runs = results.get((row.title, column.title), [])
            if runs:
                cells.append([row.operation or row.title, column.title, *_circumstances(runs)])
    yield from _aligned(cells)


def _phases(table: Sequence[Row]) -> Iterator[Row]:
    """The first row of each phase."""
    seen = set()
    for row in table:
        if row.measured not in seen:
            seen.add(row.measured)
            yield row


def _compared(
    head: str, table: Sequence[Row], columns: Sequence[Column], results: Results
) -> list[list[str]]:
    """A line for each row: the figure of each server, and how ours compare with the others."""
    own = [column for column in columns if column.variant is None]
    peers = [column for column in columns if column.variant is not None]
    pairs = [(ours, theirs) for theirs in peers for ours in own]
    cells = [[head, *(column.title for column in columns), *(f"{a.title}/{b.title}" for a, b in pairs)]]
    for row in table:
        figures = {
            column.title: _figures(row, results.get((row.title, column.title), [])) for column in columns
        }
        if any(figures.values()):
            cells.append(
                [
                    f"{row.title} ({row.unit})",
                    *(_figure(figures[column.title]) for column in columns),
                    *(_ratio(row, figures[ours.title], figures[theirs.title]) for ours, theirs in pairs),
                ]
            )
    return cells


def _figures(row: Row, runs: Sequence[Result]) -> list[float]:
    return [run[row.value] for run in runs if row.value in run]


def _figure(values: Sequence[float]) -> str:
    """The median, and the extremes behind it when there are several."""
    if not values:
        return "-"
    text = _short(median(values))
    return text if len(values) == 1 else f"{text} ({_short(min(values))}-{_short(max(values))})"


def _ratio(row: Row, ours: Sequence[float], theirs: Sequence[float]) -> str:
    """How many times as good as the other one."""
    if not ours or not theirs or not median(ours) or not median(theirs):
        return "-"
    times = median(ours) / median(theirs)
    return f"{1 / times if row.lower_is_better else times:.2f}x"


def _circumstances(runs: Sequence[Result]) -> list[str]:
    """What was lost, late or repeated in all of the runs, and what else to know of them."""
    counted: dict[str, int] = {}
    for run in runs:
        for name, number in run.get("counted", {}).items():
            counted[name] = counted.get(name, 0) + number
    remarks = []
    if any(run.get("generator_bound") for run in runs):
        share = max(run.get("generator_share", 0.0) for run in runs)
        remarks.append(f"GENERATOR WAS THE BOTTLENECK ({share:.0%}): a lower bound")
    behind = min(run.get("offered", 1.0) / run.get("wanted", 1.0) for run in runs)
    if behind < BEHIND:
        remarks.append(f"only {behind:.0%} of the changes could be offered in time")
    others = max(
        (run.get("others_share", 0.0) for run in runs if run.get("seconds", 0.0) > TOO_SHORT), default=0.0
    )
    if others > CROWDED:
        remarks.append(f"others used {others:.1f} of a core")
    beside = [run["prosody_share"] for run in runs if "prosody_share" in run]
    if beside:
        remarks.append(f"Prosody used {median(beside):.0%} of a core")
    remarks += [
        f"{name}: {number:,}" for name, number in sorted(counted.items()) if number and name not in EXPECTED
    ]
    return [
        *(_figure_of(runs, key) for key in ("p50", "p99")),
        *(f"{sum(run.get(key, 0) for run in runs):,}" for key in ("lost", "late")),
        f"{sum(counted.get(name, 0) for name in EXPECTED):,}",
        "; ".join(remarks),
    ]


def _figure_of(runs: Sequence[Result], key: str) -> str:
    values = [run[key] for run in runs if key in run]
    return _short(median(values)) if values else "-"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _aligned(cells: Sequence[Sequence[str]]) -> Iterator[str]:
    """The first column and the remarks to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    is_left = [number == 0 or head in {"server", "remarks"} for number, head in enumerate(cells[0])]
    for line in cells:
        places = zip(line, widths, is_left, strict=True)
        yield "  ".join(
            cell.ljust(width) if left else cell.rjust(width) for cell, width, left in places
        ).rstrip()
