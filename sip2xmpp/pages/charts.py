"""Small charts: a series of numbers as the points of an SVG line, with the words that say the same.

A chart is drawn without script and without style attributes, which the Content-Security-Policy of the pages forbids: its template
writes the points into attributes, and everything else is a class of the style sheet.  What a chart shows stands beside it in
numbers, and in its ``desc`` for who cannot see it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

WIDTH: Final = 120
HEIGHT: Final = 32
_MARGIN: Final = 2
"""Units above and below the line, so that its stroke is inside of the picture."""

_NOTHING: Final = 1e-12
"""What is as flat as a line can be drawn: to divide by less gives numbers that are none."""

MOST: Final = 120
"""Points that are drawn: one for each unit of the width; of longer series the mean of each piece is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What a template draws.  ``line`` and ``area`` are values of ``points``; the numbers are those of the whole series."""

    line: str
    area: str
    least: float
    most: float
    last: float


def chart(series: Sequence[float | None], length: int = 0) -> Chart | None:
    """The chart of a series, the oldest number first; None where there is not enough for a line.

    It stands on zero, unless something is below: a number that hardly changes is a line that hardly moves.  ``length`` is how
    many numbers the whole width is for: a shorter series stands at the right, where now is.  Where a number is not known (None)
    the line goes on to the next that is.
    """
    known = [value for value in series if value is not None]
    if len(known) < 2:
        return None
    whole: list[float | None] = [None] * max(0, length - len(series))
    drawn = _thinned(whole + list(series))
    heights = [value for value in drawn if value is not None]
    floor, top = min(0.0, *heights, 0.0), max(0.0, *heights, 0.0)
    height = (HEIGHT - 2 * _MARGIN) / (top - floor) if top - floor > _NOTHING else 0.0
    step = WIDTH / (len(drawn) - 1)
    points = [
        (_short(index * step), _short(HEIGHT - _MARGIN - (value - floor) * height))
        for index, value in enumerate(drawn)
        if value is not None
    ]
    line = " ".join(f"{x},{y}" for x, y in points)
    return Chart(
        line=line,
        area=f"{points[0][0]},{HEIGHT} {line} {points[-1][0]},{HEIGHT}",
        least=min(known),
        most=max(known),
        last=known[-1],
    )


def _thinned(series: Sequence[float | None]) -> list[float | None]:
    if len(series) <= MOST:
        return list(series)
    edges = [index * len(series) // MOST for index in range(MOST + 1)]
    return [_mean(series[start:end]) for start, end in pairwise(edges)]


def _mean(piece: Sequence[float | None]) -> float | None:
    known = [value for value in piece if value is not None]
    return sum(known) / len(known) if known else None


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
