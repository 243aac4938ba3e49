"""How fast it is: ``python -m tests.bench [--quick] [--columns memory,sqlite,tuned,stock,postgres] [--only TEXT ...]``.

Starts the gateway without authentication, its state in memory and in SQLite, and puts one load after the other on it by UDP
on loopback, from a generator in a process of its own.  The same load goes in turn to Kamailio 5.6, if its Debian packages are
installed: as fast as it goes (``tuned``), as Debian ships it (``stock``), and with PostgreSQL (``postgres``).  Only ``sqlite``
and ``postgres`` keep anything when they are killed, and ``postgres`` runs on files in memory without fsync, which flatters it.
Every figure comes from a server started afresh.  Three repetitions, or as many as ``--repetitions`` says, which takes about an
hour for all columns; one with ``--quick``, which is for a first look.  ``--json FILE`` keeps every single result.

How to read it
--------------

The first table has one line a row and one column a server: the median, and behind it the lowest and the highest.  The columns
on the right compare medians of the same run: 2.00x is twice as good, whatever the unit.  **Only these ratios mean anything
elsewhere**: machines differ by factors, and a shared one differs from itself by tens of percent within minutes.

=============================  ======================================================================================
SUBSCRIBE with NOTIFY          dialogs a second, 64 at a time, ten watchers a presentity that has published; a request is
                               over when both its 200 and its NOTIFY are there.  Then a refresh of each dialog, then its end
PUBLISH                        documents of 0.8 kB a second, 64 at a time, nobody watching: a new one for each presentity,
                               then another for each, then the same one for another hour, which needs no document
NOTIFY, 1 x n watchers         NOTIFYs a second when one presentity changes and all its watchers are told
one change to n watchers       milliseconds from the PUBLISH to the last of these NOTIFYs; and which share of them came more
                               than half a second after the PUBLISH
NOTIFY, 200 x 10 watchers      NOTIFYs a second when 16 of 200 presentities change at a time, each when its ten watchers have
                               been told of the last change and its PUBLISH was answered
PUBLISH -> NOTIFY at n/s       milliseconds from a PUBLISH to each of its ten NOTIFYs, when changes begin at a given rate
                               whatever the server does.  A change that was due but had to wait because no presentity had
                               its last PUBLISH answered counts from when it was due
memory                         proportional set size of all processes of the server, in MiB, six seconds after everybody has
                               arrived at 1,500 a second; includes what the server keeps of transactions or has not given back
SUBSCRIBE to a list            subscriptions a second to a list of so many members who have all published, 4 at a time; one is
                               over when its watcher has been told of all members.  Kamailio has lists only with a database
PUBLISH -> NOTIFY of a list    milliseconds from the PUBLISH of one member to the NOTIFY of the list that shows it
PUBLISH -> stanza              20 SIP users whom ten Jabber users each watch through a real Prosody: stanzas that arrive a
                               second, 16 changes at a time; then milliseconds with one change at a time
stanza -> NOTIFY               the other way: changes a second of ten Jabber users at once until their watcher has the NOTIFY;
                               then milliseconds with one change at a time
stanzas, Prosody alone         the same stanzas, at the same time as many, with a bare component in the place of the gateway:
                               the most that could be, and what Prosody spends on one is its "processor time"
PUBLISH -> NOTIFY beside n     a presentity with one watcher changes again and again while one with n watchers does: what the
others                         one waits for, most of the time and at most
n held                         processor time of one more operation while n subscriptions are held: whether it grows
start with n subscriptions     a gateway that finds n subscriptions and n/10 publications in its file: seconds until it serves,
                               how many watchers a second are then told, and how long a PUBLISH takes meanwhile
three times too much           new watchers come for three seconds at three times the rate that can be served: how many of
                               those that could be served were, how many refreshes of older dialogs, how long the served
                               ones waited, and seconds until newcomers are served at once again
=============================  ======================================================================================

The second table is processor time of all processes and threads of the server (for ``postgres`` those of the database as well),
microseconds an operation, and less sensitive to what else runs than a rate is.  An operation is what the row counts: a SUBSCRIBE
with its NOTIFY, a PUBLISH, or in fan-outs a NOTIFY with its share of the PUBLISH.  On loopback a sender also pays for what the
kernel does to deliver.

The third table says what to think of a figure.  ``p50`` and ``p99`` are of single operations under that load.  ``lost`` never
came or was refused, ``late`` took more than half a second, ``again`` was sent twice by either side; these are sums of all
repetitions.  Remarks tell what else was counted: ``dropped`` are datagrams that did not fit into the buffer of the generator's socket
(``here``) or the server's, ``skipped`` are documents that a watcher was not shown because a newer one
came first.  When the remark says that the generator was the bottleneck it used more than 90 % of a core, and the server may be
faster than the figure.
"""

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench.machine import circumstances
from tests.bench.plan import FULL, QUICK, Row
from tests.bench.runner import COLUMNS, Column, Results, measure
from tests.bench.table import lines


def main() -> int:
    """Measure and print; status 1 if anything was lost by the gateway, or it could not be measured."""
    # ended from outside, it still takes its servers along
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure the gateway.")
    parser.add_argument("--quick", action="store_true", help="small sizes, once")
    parser.add_argument("--columns", type=_columns, default=list(COLUMNS.values()), help=",".join(COLUMNS))
    parser.add_argument("--only", nargs="+", default=[""], help="only rows whose title contains one of these")
    parser.add_argument("--repetitions", type=int, help="how often; 3, or 1 with --quick")
    parser.add_argument("--json", type=Path, help="write everything that was measured to this file")
    chosen = parser.parse_args()
    table = [
        row
        for row in (QUICK if chosen.quick else FULL)
        if any(part.lower() in row.title.lower() for part in chosen.only)
    ]
    if not table:
        parser.error("no row has such a title")
    columns = [column for column in chosen.columns if not column.lacks]
    for column in chosen.columns:
        if column.lacks:
            _say(f"{column.title} is left out: install {column.lacks}")
    repetitions = chosen.repetitions or (1 if chosen.quick else 3)
    results = measure(table, columns, repetitions, _say)
    about = circumstances(columns, repetitions)
    if chosen.json:
        chosen.json.write_text(json.dumps(_everything(about, table, results), indent=1), "utf-8")
    for name, value in about.items():
        print(f"{name}: {value}")
    print()
    for line in lines(table, columns, results):
        print(line)
    own = [
        results.get((row.title, column.title), [])
        for row in table
        for column in columns
        if column.variant is None
    ]
    return int(any(len(runs) < repetitions or any(run["lost"] for run in runs) for runs in own))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _columns(text: str) -> list[Column]:
    try:
        return [COLUMNS[name] for name in text.split(",")]
    except KeyError as error:
        raise argparse.ArgumentTypeError(f"no such column: {error}") from error


def _everything(about: dict[str, str], table: Sequence[Row], results: Results) -> dict[str, Any]:
    """For other programs: each row with the results of each column, one a repetition."""
    return {
        "about": about,
        "rows": [
            {
                "title": row.title,
                "figure": row.value,
                "unit": row.unit,
                "lower_is_better": row.lower_is_better,
                "results": {column: runs for (title, column), runs in results.items() if title == row.title},
            }
            for row in table
        ],
    }


if __name__ == "__main__":
    sys.exit(main())
