"""Which servers there are, and how often: starts a server afresh for every figure and lets the generator loose.

Servers take turns within a repetition, row by row, so that a machine that becomes slower does so for all of them.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from tests.bench import kamailio
from tests.bench.kamailio import DURABLE, STOCK, TUNED, Kamailio, Variant
from tests.bench.listing import WATCHERS
from tests.bench.plan import INSIDE, LISTS, Row
from tests.bench.postgres import Postgres
from tests.peers.gateway import ROOT, Gateway
from tests.peers.process import Peer

Result = dict[str, Any]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What the generator is pointed at: where it takes SIP, and all programs whose time and memory it costs."""

    sip: tuple[str, int]
    programs: Sequence[Peer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One server in one configuration: the gateway with a ``state``, or Kamailio as a ``variant``."""

    title: str
    state: str = ""
    variant: Variant | None = None
    on_postgres: bool = False

    @property
    def lacks(self) -> str:
        """The packages without which it cannot be measured here."""
        if self.variant is not None and not kamailio.is_installed():
            return "kamailio and kamailio-presence-modules"
        if self.on_postgres and not kamailio.has_postgres():
            return "kamailio-postgres-modules and postgresql"
        return ""

    def run(self, row: Row, directory: Path) -> Mapping[str, Result] | None:
        """The phases of one run; None where this server has no such thing."""
        if row.load in INSIDE:
            return {"": INSIDE[row.load](directory, self.state, row.size)} if self.variant is None else None
        if row.load == LISTS and self.variant is not None and not self.on_postgres:
            return None  # its list server needs the database
        with self._serving(row, directory) as target:
            return generate(row, target)

    @contextmanager
    def _serving(self, row: Row, directory: Path) -> Iterator[Target]:
        with ExitStack() as stack:
            if self.variant is None:
                settings = {"gateway": {"state": self.state}, "sip": {"authentication": "none"}}
                gateway = stack.enter_context(Gateway(directory, settings=settings))
                yield Target(sip=gateway.sip, programs=[gateway])
                return
            # memory that is only reserved is not to be measured
            variant = replace(self.variant, touched=self.variant.touched and row.load != "memory")
            databases = [stack.enter_context(Postgres(directory / "postgres"))] if self.on_postgres else []
            url = databases[0].url if databases else ""
            with_lists = row.load == LISTS
            if with_lists:
                databases[0].execute(kamailio.lists(WATCHERS + 1, row.size, "sip.example.org"))
            place = directory / "kamailio"
            server = stack.enter_context(Kamailio(place, variant, url, with_lists=with_lists))
            yield Target(sip=server.sip, programs=[server, *databases])


COLUMNS: Final = {
    column.title: column
    for column in (
        Column(title="memory", state="memory:"),
        Column(title="sqlite", state="sqlite:state.db"),
        Column(title="tuned", variant=TUNED),
        Column(title="stock", variant=STOCK),
        Column(title="postgres", variant=DURABLE, on_postgres=True),
    )
}


def generate(row: Row, target: Target) -> Mapping[str, Result]:
    """Run the generator in a process of its own; a server that dies meanwhile is an error."""
    host, port = target.sip
    pids = [program.process.pid for program in target.programs if program.process is not None]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.bench.generator", row.load, "--server", f"{host}:{port}"),
            *(word for pid in pids for word in ("--pid", str(pid))),
            *("--size", str(row.size), "--changes", str(row.changes)),
            *("--rate", str(row.rate), "--seconds", str(row.seconds)),
        ],
        check=True,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        timeout=300,
    )
    for program in target.programs:
        assert program.is_running, f"{program.name} died under the load\n{program.tail()}"
    phases: Mapping[str, Result] = json.loads(done.stdout)
    return phases


def _attempt(column: Column, row: Row, directory: Path, say: Say) -> Mapping[str, Result] | None:
    """One run; a server that does not bear it costs this figure and not all others."""
    try:
        return column.run(row, directory)
    except (AssertionError, subprocess.SubprocessError) as error:
        say(f"no figure: {error}")
        return None


Results = dict[tuple[str, str], list[Result]]
"""Row title and column title -> one result a repetition."""


def measure(
    table: Sequence[Row], columns: Sequence[Column], repetitions: int, say: Say = lambda _: None
) -> Results:
    """Every row on every server, ``repetitions`` times; rows that read the same load share its runs."""
    results: Results = {}
    for repetition in range(repetitions):
        done: dict[tuple[object, ...], Mapping[str, Result] | None] = {}
        for row in table:
            for column in columns:
                key = (*row.run, column.title)
                if key not in done:
                    say(f"{repetition + 1}/{repetitions}  {row.title}  {column.title}")
                    with tempfile.TemporaryDirectory(prefix="sip2xmpp-bench-") as directory:
                        done[key] = _attempt(column, row, Path(directory), say)
                phases = done[key]
                if phases is not None:
                    results.setdefault((row.title, column.title), []).append(phases[row.phase])
    Peer.forget_stopped()
    return results
