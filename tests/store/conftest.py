"""The engines to test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.engines import Engine, sqlite_url


@pytest.fixture(params=["memory", "sqlite"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """Each engine in turn."""
    engine = Engine("memory:" if request.param == "memory" else sqlite_url(tmp_path))
    yield engine
    engine.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Engine]:
    """The engine that keeps what it is given."""
    engine = Engine(sqlite_url(tmp_path))
    yield engine
    engine.close()
