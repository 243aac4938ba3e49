"""Rows as verbs print them: a JSON array for scripts, or a table whose columns are aligned.

On a terminal the table fits the window and its heading is bold; elsewhere nothing is cut and nothing is coloured, so that other
programs can search in it.
"""

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from sip2xmpp.command.screen import Column, json_of, print_table
from sip2xmpp.command.status import duration
from sip2xmpp.portal.rows import told

T = TypeVar("T")


def print_rows(
    arguments: argparse.Namespace,
    rows: Sequence[T],
    columns: Mapping[Column, Callable[[T], object]],
    *,
    none: str,
) -> None:
    """Print the rows as ``--json`` says; ``none`` is said to a person where there are none."""
    if arguments.json:
        print(json_of(told(rows)))
        return
    if not rows:
        print(none)
        return
    print_table(list(columns), [[str(read(row)) for read in columns.values()] for row in rows])


def left(until: float | str | None) -> str:
    """How long something lasts from now."""
    if until is None:
        return "for ever"
    return duration(max(0.0, float(until) - time.time()))


def moment(at: float | None) -> str:
    """A point in time, UTC."""
    return "" if at is None else time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at))
