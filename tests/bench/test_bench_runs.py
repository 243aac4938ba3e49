"""Whether the benchmark still measures what it says; no figure is judged here."""

import pytest

from tests.bench.plan import INSIDE, SMALLEST
from tests.bench.runner import COLUMNS, Results, measure
from tests.bench.table import lines

MEMORY, DURABLE = COLUMNS["memory"], COLUMNS["sqlite"]
OURS = [MEMORY, DURABLE]
PEER = [COLUMNS["stock"]]
DURABLY = [row for row in SMALLEST if row.load not in INSIDE]
"""Across an XMPP server one store is enough."""
COMMON = [row for row in SMALLEST if row.load in {"subscribe", "publish", "closed"}]
"""What the peer is asked here: the loads that need something of its answers."""


@pytest.fixture(scope="module")
def results() -> Results:
    return measure(SMALLEST, [MEMORY], 1) | measure(DURABLY, [DURABLE], 1)


@pytest.fixture(scope="module")
def peer_results() -> Results:
    return measure(COMMON, PEER, 1)


def test_every_row_has_its_figure_from_each_store(results: Results) -> None:
    wanted = [(row, MEMORY) for row in SMALLEST] + [(row, DURABLE) for row in DURABLY]
    assert set(results) == {(row.title, column.title) for row, column in wanted}
    assert all(row.value in run for row, column in wanted for run in results[row.title, column.title])


def test_nothing_was_lost(results: Results) -> None:
    lost = {key: run for key, runs in results.items() for run in runs if run["lost"] or not run["operations"]}
    assert not lost


def test_every_row_says_what_an_operation_costs_the_server(results: Results) -> None:
    assert all(run["server_us"] > 0 for runs in results.values() for run in runs)


def test_the_table_has_every_row(results: Results) -> None:
    printed = list(lines(SMALLEST, OURS, results))
    for row in SMALLEST:
        assert any(line.startswith(f"{row.title} ({row.unit})") for line in printed)


def test_the_peer_bears_the_same_load(peer_results: Results) -> None:
    assert set(peer_results) == {(row.title, column.title) for row in COMMON for column in PEER}
    assert not [run for runs in peer_results.values() for run in runs if run["lost"]]


def test_a_peer_is_compared_with_each_store(results: Results, peer_results: Results) -> None:
    head, *_ = lines(COMMON, OURS + PEER, results | peer_results)
    assert head.split() == ["memory", "sqlite", "stock", "memory/stock", "sqlite/stock"]
