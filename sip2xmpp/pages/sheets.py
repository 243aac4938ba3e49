"""Long tables as people read them: sought by a text, a stretch at a time.

What is sought and where the stretch begins stand in the query of the path, so that a page can be kept as a bookmark and the way
back is the browser's.  The rows themselves come from ``portal.rows``, which looks at them in turns.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar
from urllib.parse import urlencode

from sip2xmpp.portal.rows import Found, Wanted

T = TypeVar("T")

PAGE: Final = 50
"""Rows of a page."""

SOUGHT: Final = 200
"""Characters that may be sought."""

PLACE: Final = 4_000
"""Characters that name the place at which a stretch begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet(Generic[T]):
    """One stretch of a table.

    ``start`` is the path of the first one, empty where this is it, and ``following`` that of the next, empty where this is the
    last.  ``kept`` is what else of the query the search has to keep.
    """

    rows: tuple[T, ...]
    sought: str
    path: str
    start: str
    following: str
    kept: tuple[tuple[str, str], ...] = ()

    def __iter__(self) -> Iterator[T]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def is_whole(self) -> bool:
        """Whether these are all rows that there are."""
        return not (self.sought or self.start or self.following)


def wanted(query: Mapping[str, str], page: int = PAGE) -> Wanted:
    """What the query of a path asks for by ``q`` and ``after``."""
    return Wanted(limit=page, after=query.get("after", "")[:PLACE], match=_sought(query))


def sheet(found: Found[T], *, path: str, query: Mapping[str, str], keeps: Sequence[str] = ()) -> Sheet[T]:
    """The stretch that was found; ``keeps`` are other names of the query that stay as they are."""
    sought = _sought(query)
    kept = tuple((name, query[name]) for name in keeps if query.get(name))

    def path_of(*more: tuple[str, str]) -> str:
        asked = [*kept, *([("q", sought)] if sought else []), *more]
        return f"{path}?{urlencode(asked)}" if asked else path

    return Sheet(
        rows=found.rows,
        sought=sought,
        path=path,
        start=path_of() if query.get("after") else "",
        following=path_of(("after", found.next)) if found.next else "",
        kept=kept,
    )


def _sought(query: Mapping[str, str]) -> str:
    return query.get("q", "").strip()[:SOUGHT]
