"""Waiting for something to become true, with a deadline and a sentence for when it does not."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_pause = threading.Event()


def eventually(look: Callable[[], T], what: str, *, within: float = 10.0, every: float = 0.01) -> T:
    """Call ``look`` until it returns something true, and return that; AssertionError after ``within`` seconds.

    ``look`` may raise OSError for "not yet": a port that refuses, a file that is not there.
    """
    deadline = time.monotonic() + within
    trouble: OSError | None = None
    while True:
        try:
            if found := look():
                return found
        except OSError as error:
            trouble = error
        if time.monotonic() >= deadline:
            because = f" (last error: {trouble})" if trouble else ""
            raise AssertionError(f"not within {within} seconds: {what}{because}")
        _pause.wait(every)


def never(look: Callable[[], object], what: str, *, during: float = 0.5, every: float = 0.02) -> None:
    """Watch for ``during`` seconds that ``look`` stays false."""
    deadline = time.monotonic() + during
    while time.monotonic() < deadline:
        if seen := look():
            raise AssertionError(f"happened, and should not have: {what}: {seen!r}")
        _pause.wait(every)
