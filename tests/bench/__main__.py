"""How fast it is: ``python -m tests.bench [--quick] [--kamailio] [--state memory|sqlite]``.

Starts the gateway without authentication, its state in memory and in SQLite, and puts one load after the other on it by UDP
on loopback, from a generator in a process of its own; with ``--kamailio`` the same load goes to Kamailio 5.6 in turn, as
Debian ships it (``stock``) and as fast as it goes (``tuned``).  Every figure comes from a server started afresh.  Three
repetitions, or as many as ``--repetitions`` says; one with ``--quick``, which is for a first look.

How to read it
--------------

The first table has one line a row and one column a server: the median, and behind it the lowest and the highest.  The columns
on the right compare medians of the same run: 2.00x is twice as good, whatever the unit.  **Only these ratios mean anything
elsewhere**: machines differ by factors, and a shared one differs from itself by tens of percent within minutes.

=============================  ======================================================================================
SUBSCRIBE with first NOTIFY    new dialogs a second, 64 at a time; over when both the 200 and the first NOTIFY are there
PUBLISH, initial or modify     documents of 0.8 kB a second, 64 at a time, nobody watching
NOTIFY, n watchers             NOTIFYs a second when one presentity changes and all its watchers are told
one change to n watchers       milliseconds from the PUBLISH to the last of these NOTIFYs
memory of a subscription       growth of the proportional set size between n and 5 n subscriptions made at full speed;
                               includes what is kept of each transaction for 32 seconds
stanza -> NOTIFY               a Jabber user's presence through a real Prosody and the gateway, one at a time
=============================  ======================================================================================

The second table says what to think of a figure.  ``us/op`` is processor time of the server an operation, from clock ticks of
10 ms, and less sensitive to what else runs than a rate is.  ``p50`` and ``p99`` are of single operations under that load.
``lost`` never came, ``late`` took more than half a second, ``again`` had to be sent twice by either side.  When the remark says
that the generator was the bottleneck it used more than 90 % of a core, and the server may be faster than the figure.
"""

import argparse
import platform
import sys

from tests.bench import kamailio
from tests.bench.runner import FULL, GATEWAY, KAMAILIO, QUICK, measure
from tests.bench.table import lines


def main() -> int:
    """Measure and print; status 1 if anything was lost by the gateway."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure the gateway.")
    parser.add_argument("--quick", action="store_true", help="small sizes, once")
    parser.add_argument("--kamailio", action="store_true", help="the same load on Kamailio 5.6, in turn")
    parser.add_argument("--state", choices=sorted(GATEWAY), help="only this store; both by default")
    parser.add_argument("--repetitions", type=int, help="how often; 3, or 1 with --quick")
    parser.add_argument("--only", default="", help="only rows whose title contains this")
    chosen = parser.parse_args()
    table = [row for row in (QUICK if chosen.quick else FULL) if chosen.only in row.title]
    columns = [GATEWAY[chosen.state]] if chosen.state else list(GATEWAY.values())
    if chosen.kamailio and kamailio.is_installed():
        columns += KAMAILIO
    elif chosen.kamailio:
        print("Kamailio is left out: install kamailio and kamailio-presence-modules", file=sys.stderr)
    repetitions = chosen.repetitions or (1 if chosen.quick else 3)
    results = measure(table, columns, repetitions, lambda text: print(text, file=sys.stderr, flush=True))
    print(f"{platform.platform()}, Python {platform.python_version()}, repetitions: {repetitions}\n")
    for line in lines(table, columns, results):
        print(line)
    own = {column.title for column in columns if column.variant is None}
    return int(any(run["lost"] for (_, title), runs in results.items() if title in own for run in runs))


if __name__ == "__main__":
    sys.exit(main())
