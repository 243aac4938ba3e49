"""Whether the benchmark still measures what it says; no figure is judged here."""

import pytest

from tests.bench.plan import SMALLEST
from tests.bench.runner import COLUMNS as ALL
from tests.bench.runner import Results, measure
from tests.bench.table import lines

COLUMNS = [ALL["memory"], ALL["sqlite"]]


@pytest.fixture(scope="module")
def results() -> Results:
    return measure(SMALLEST, COLUMNS, 1)


def test_every_row_has_a_result_from_every_store(results: Results) -> None:
    assert set(results) == {(row.title, column.title) for row in SMALLEST for column in COLUMNS}
    assert all(
        row.value in run for row in SMALLEST for column in COLUMNS for run in results[row.title, column.title]
    )


def test_nothing_was_lost(results: Results) -> None:
    lost = {key: run for key, runs in results.items() for run in runs if run["lost"] or not run["operations"]}
    assert not lost


def test_the_table_has_every_row(results: Results) -> None:
    printed = list(lines(SMALLEST, COLUMNS, results))
    for row in SMALLEST:
        assert any(line.startswith(f"{row.title} ({row.unit})") for line in printed)
