"""Which rows there are, which servers, and how often: starts a server afresh for every figure and lets the generator loose.

Servers take turns within a repetition, so that a machine that becomes slower does so for all of them.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from tests.bench.crossing import crossing
from tests.bench.kamailio import STOCK, TUNED, Kamailio, Variant
from tests.peers.gateway import ROOT, Gateway
from tests.peers.process import Peer

Result = dict[str, Any]
Say = Callable[[str], None]

CROSSING: Final = "crossing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the table: ``value`` is the key of its figure in a result, ``better`` the direction of a good ratio."""

    title: str
    load: str
    size: int
    changes: int = 1
    value: str = "rate"
    unit: str = "/s"
    lower_is_better: bool = False


def rows(subscriptions: int, publications: int, fans: Sequence[tuple[int, int]], crossings: int) -> list[Row]:
    """The rows in the sizes given; ``fans`` are pairs of watchers and changes."""
    return [
        Row(title="SUBSCRIBE with first NOTIFY", load="subscribe", size=subscriptions),
        Row(title="PUBLISH, initial", load="publish", size=publications),
        Row(title="PUBLISH, modify", load="modify", size=publications),
        *(
            Row(title=f"NOTIFY, {watchers:,} watchers", load="fanout", size=watchers, changes=changes)
            for watchers, changes in fans
        ),
        *(
            Row(
                title=f"one change to {watchers:,} watchers",
                load="fanout",
                size=watchers,
                changes=changes,
                value="whole",
                unit="ms",
                lower_is_better=True,
            )
            for watchers, changes in fans
        ),
        Row(
            title="memory of a subscription",
            load="memory",
            size=subscriptions,
            value="kib",
            unit="KiB",
            lower_is_better=True,
        ),
        Row(
            title="stanza -> NOTIFY, p50",
            load=CROSSING,
            size=crossings,
            value="p50",
            unit="ms",
            lower_is_better=True,
        ),
        Row(
            title="stanza -> NOTIFY, p99",
            load=CROSSING,
            size=crossings,
            value="p99",
            unit="ms",
            lower_is_better=True,
        ),
    ]


FULL: Final = rows(5000, 8000, [(100, 100), (1000, 20), (10_000, 5)], 500)
QUICK: Final = rows(2000, 4000, [(100, 50), (1000, 10), (10_000, 2)], 100)
SMALLEST: Final = rows(20, 20, [(10, 2), (100, 1), (300, 1)], 5)


class Server(Protocol):
    """What the generator is pointed at."""

    @property
    def sip(self) -> tuple[str, int]: ...

    @property
    def process(self) -> "subprocess.Popen[bytes] | None": ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One server in one configuration: the gateway with a ``state``, or Kamailio as a ``variant``."""

    title: str
    state: str = ""
    variant: Variant | None = None

    def run(self, row: Row, directory: Path) -> Result | None:
        """One figure; None where this server has no such thing."""
        if row.load != CROSSING:
            with self._server(row, directory) as server:
                return generate(row, server)
        return crossing(directory, self.state, row.size) if self.variant is None else None

    def _server(self, row: Row, directory: Path) -> AbstractContextManager[Any]:
        if self.variant is None:
            settings = {"gateway": {"state": self.state}, "sip": {"authentication": "none"}}
            return Gateway(directory, settings=settings)
        memory = Variant(allocator=self.variant.allocator, children=self.variant.children, touched=False)
        return Kamailio(directory, memory if row.load == "memory" else self.variant)


GATEWAY: Final = {
    "memory": Column(title="memory", state="memory:"),
    "sqlite": Column(title="sqlite", state="sqlite:state.db"),
}
KAMAILIO: Final = [
    Column(title="tuned", variant=TUNED),
    Column(title="stock", variant=STOCK),
]


def generate(row: Row, server: Server) -> Result:
    """Run the generator in a process of its own; a server that dies meanwhile is an error."""
    assert server.process is not None
    host, port = server.sip
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.bench.generator", row.load, "--server", f"{host}:{port}"),
            *("--pid", str(server.process.pid), "--size", str(row.size), "--changes", str(row.changes)),
        ],
        check=True,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        timeout=600,
    )
    assert server.process.poll() is None, "the server died under the load"
    result: Result = json.loads(done.stdout)
    return result


Results = dict[tuple[str, str], list[Result]]
"""Row title and column title -> one result a repetition."""


def measure(
    table: Sequence[Row], columns: Sequence[Column], repetitions: int, say: Say = lambda _: None
) -> Results:
    """Every row on every server, ``repetitions`` times; rows that read the same load share its runs."""
    results: Results = {}
    for repetition in range(repetitions):
        done: dict[tuple[str, int, str], Result | None] = {}
        for row in table:
            for column in columns:
                key = (row.load, row.size, column.title)
                if key not in done:
                    say(f"{repetition + 1}/{repetitions}  {row.title}  {column.title}")
                    with tempfile.TemporaryDirectory(prefix="sip2xmpp-bench-") as directory:
                        done[key] = column.run(row, Path(directory))
                result = done[key]
                if result is not None:
                    results.setdefault((row.title, column.title), []).append(result)
    Peer.forget_stopped()
    return results
