"""HTTP requests that were answered, by the part of the site and the class of the status."""

from collections import Counter
from typing import Final

ROUTES: Final = frozenset(
    {"health", "metrics", "api", "xcap", "static", "my", "panel", "live", "sign-in", "sign-out"}
)
"""The first parts of paths that are told apart."""

OTHER: Final = "other"


class Traffic:
    """Counts them."""

    def __init__(self) -> None:
        self.answered: Counter[tuple[str, str]] = Counter()
        """By route and class, as in ``api`` and ``2xx``."""

    def count(self, path: bytes, status: int) -> None:
        """An answer was sent."""
        first = path[1:40].partition(b"/")[0].decode("latin-1")
        self.answered[first if first in ROUTES else OTHER, f"{status // 100}xx"] += 1
