"""What every test may ask for, and what is shown of the peers when one fails."""

import random
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from twisted.internet.task import Clock

from tests.peers.process import Peer

settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")  # a loaded machine is no fault of the code

# Whoever runs the tests in the background has Ctrl-C ignored, and what is started here would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

START = 1_800_000_000.0
"""The virtual clock starts at a plausible Unix time, because that is what ``clock.seconds()`` means here."""


@pytest.fixture
def clock() -> Clock:
    """Virtual time; ``advance`` it, never sleep."""
    clock = Clock()
    clock.rightNow = START
    return clock


@pytest.fixture
def rng() -> random.Random:
    """The same "random" numbers in every run."""
    return random.Random(3261)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[Any]:
    """Attach the end of every live peer's logs to a failing test's report."""
    report: pytest.TestReport = yield
    if report.failed:
        for peer in Peer.seen():
            report.sections.append((f"{peer.name} ({peer.directory})", peer.tail()))
    if report.when == "teardown":
        Peer.forget_stopped()
    return report
