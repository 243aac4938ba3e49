"""Whether the benchmark still measures what it says; no figure is judged here."""

from tests.bench.plan import INSIDE, SMALLEST
from tests.bench.runner import COLUMNS, measure
from tests.bench.table import lines

MEMORY, DURABLE = COLUMNS["memory"], COLUMNS["sqlite"]
OURS = [MEMORY, DURABLE]
PEER = [COLUMNS["stock"]]
DURABLY = [row for row in SMALLEST if row.load not in INSIDE]
"""Across an XMPP server one store is enough."""
COMMON = [row for row in SMALLEST if row.load in {"subscribe", "publish", "closed"}]
"""What the peer is asked here: the loads that need something of its answers."""


def test_every_row_is_measured_with_each_store_and_beside_the_peer() -> None:
    """One test, because measuring takes half a minute, and two measurements at a time disturb each other."""
    ours = measure(SMALLEST, [MEMORY], 1) | measure(DURABLY, [DURABLE], 1)
    peers = measure(COMMON, PEER, 1)

    wanted = [(row, MEMORY) for row in SMALLEST] + [(row, DURABLE) for row in DURABLY]
    assert set(ours) == {(row.title, column.title) for row, column in wanted}
    assert all(row.value in run for row, column in wanted for run in ours[row.title, column.title])
    assert not {
        key: run for key, runs in ours.items() for run in runs if run["lost"] or not run["operations"]
    }
    assert all(run["server_us"] > 0 for runs in ours.values() for run in runs)
    table = list(lines(SMALLEST, OURS, ours))
    for row in SMALLEST:
        assert any(line.startswith(f"{row.title} ({row.unit})") for line in table)

    assert set(peers) == {(row.title, column.title) for row in COMMON for column in PEER}
    assert not [run for runs in peers.values() for run in runs if run["lost"]]
    head, *_ = lines(COMMON, OURS + PEER, ours | peers)
    assert head.split() == ["memory", "sqlite", "stock", "memory/stock", "sqlite/stock"]


def printed(column: str, **result: object) -> str:
    """The line of circumstances of one made-up run."""
    row = COMMON[0]
    run = {"rate": 1.0, "server_us": 1.0, "lost": 0, "late": 0, "counted": {}, **result}
    *_, last = lines([row], [COLUMNS[column]], {(row.title, column): [run]})
    return last


def test_a_generator_that_was_the_bottleneck_is_told_of() -> None:
    assert "GENERATOR WAS THE BOTTLENECK (97%)" in printed(
        "tuned", generator_bound=True, generator_share=0.97
    )
    assert "BOTTLENECK" not in printed("tuned", generator_bound=False, generator_share=0.5)


def test_an_open_loop_that_fell_behind_is_told_of() -> None:
    assert "only 80% of the changes could be offered in time" in printed("memory", wanted=100.0, offered=80.0)
    assert "offered" not in printed("memory", wanted=100.0, offered=99.0)


def test_what_went_wrong_is_counted() -> None:
    line = printed(
        "sqlite", lost=3, late=4, counted={"sent again": 5, "repeated NOTIFYs": 2, "status 503": 1}
    )
    assert line.split() == [
        *COMMON[0].title.split(),
        "sqlite",
        "-",
        "-",
        "3",
        "4",
        "7",
        "status",
        "503:",
        "1",
    ]
