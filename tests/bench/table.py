"""The results as text: medians with their spread, ratios, and below them what to know before believing them."""

from collections.abc import Iterator, Sequence
from statistics import median
from typing import Final

from tests.bench.runner import Column, Result, Results, Row

CROWDED: Final = 0.25
"""From which share of a core the rest of the machine is worth a remark."""


def lines(table: Sequence[Row], columns: Sequence[Column], results: Results) -> Iterator[str]:
    """The table of figures, then that of circumstances."""
    own = [column for column in columns if column.variant is None]
    peers = [column for column in columns if column.variant is not None]
    pairs = [(ours, theirs) for ours in own for theirs in peers]
    heads = ["", *(column.title for column in columns), *(f"{a.title}/{b.title}" for a, b in pairs)]
    cells = [heads]
    for row in table:
        figures = {
            column.title: _figures(row, results.get((row.title, column.title), [])) for column in columns
        }
        cells.append(
            [
                f"{row.title} ({row.unit})",
                *(_figure(figures[column.title]) for column in columns),
                *(_ratio(row, figures[ours.title], figures[theirs.title]) for ours, theirs in pairs),
            ]
        )
    yield from _aligned(cells)
    yield ""
    cells = [["", "server", "us/op", "p50 ms", "p99 ms", "lost", "late", "again", "remarks"]]
    seen: set[tuple[str, int]] = set()
    for row in table:
        if (row.load, row.size) in seen:
            continue
        seen.add((row.load, row.size))
        for column in columns:
            runs = results.get((row.title, column.title), [])
            if runs:
                cells.append([row.title, column.title, *_circumstances(runs)])
    yield from _aligned(cells)


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
    again = sum(
        run["counted"].get("sent again", 0) + run["counted"].get("repeated NOTIFYs", 0) for run in runs
    )
    remarks = []
    if any(run["generator_bound"] for run in runs):
        share = max(run["generator_share"] for run in runs)
        remarks.append(f"GENERATOR WAS THE BOTTLENECK ({share:.0%}): a lower bound")
    others = max(run["others_share"] for run in runs)
    if others > CROWDED:
        remarks.append(f"others used {others:.1f} of a core")
    statuses = sorted(
        {key for run in runs for key in run["counted"] if key.startswith(("status", "not sent", "timeouts"))}
    )
    remarks += statuses
    return [
        f"{median(run['server_us'] for run in runs):.0f}",
        *(_short(median(run[key] for run in runs)) if key in runs[0] else "-" for key in ("p50", "p99")),
        *(str(sum(run[key] for run in runs)) for key in ("lost", "late")),
        str(again),
        "; ".join(remarks),
    ]


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _aligned(cells: Sequence[Sequence[str]]) -> Iterator[str]:
    """The first column and the remarks to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    is_left = [head in {"", "server", "remarks"} for head in cells[0]]
    for line in cells:
        places = zip(line, widths, is_left, strict=True)
        yield "  ".join(
            cell.ljust(width) if left else cell.rjust(width) for cell, width, left in places
        ).rstrip()
