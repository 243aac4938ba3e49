"""Long tables as people read them: sought by a word, a page at a time.

What is sought and which page is shown stand in the query of the path, so that a page can be kept as a bookmark and the way
back is the browser's.  A row is found where every word that was given stands somewhere in it, in whatever case.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar
from urllib.parse import urlencode

T = TypeVar("T")

PAGE: Final = 50
"""Rows of a page."""

SOUGHT: Final = 200
"""Characters that may be sought."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet(Generic[T]):
    """One page of a table.

    ``held`` is how many rows there are, ``found`` how many have what is ``sought``.  ``first`` and ``last`` are the places of
    the shown rows among the found ones, counted from 1; ``before`` and ``after`` the paths of the pages beside this one, empty
    where there is none.
    """

    rows: tuple[T, ...]
    held: int
    found: int
    sought: str
    number: int
    pages: int
    first: int
    last: int
    before: str
    after: str
    path: str
    kept: tuple[tuple[str, str], ...] = ()

    def __iter__(self) -> Iterator[T]:
        return iter(self.rows)


def sheet(
    rows: Sequence[T],
    *,
    path: str,
    query: Mapping[str, str],
    words: Callable[[T], Iterable[object]],
    page: int = PAGE,
    keeps: Sequence[str] = (),
) -> Sheet[T]:
    """The page of ``rows``, which are sorted already, that ``query`` asks for by ``q`` and ``page``.

    ``words`` is what of a row can be sought; ``keeps`` are other names of the query that stay as they are.
    """
    sought = query.get("q", "").strip()[:SOUGHT]
    asked = sought.casefold().split()
    found = rows
    if asked:
        found = [row for row in rows if _has(asked, " ".join(str(word) for word in words(row)).casefold())]
    pages = max(1, -(-len(found) // page))
    number = min(max(1, _number(query.get("page", ""))), pages)
    start = (number - 1) * page
    kept = tuple((name, query[name]) for name in keeps if query.get(name))

    def path_of(other: int) -> str:
        asks = [*kept, *([("q", sought)] if sought else []), *([("page", str(other))] if other > 1 else [])]
        return f"{path}?{urlencode(asks)}" if asks else path

    shown = tuple(found[start : start + page])
    return Sheet(
        rows=shown,
        held=len(rows),
        found=len(found),
        sought=sought,
        number=number,
        pages=pages,
        first=start + 1 if shown else 0,
        last=start + len(shown),
        before=path_of(number - 1) if number > 1 else "",
        after=path_of(number + 1) if number < pages else "",
        path=path,
        kept=kept,
    )


def _has(asked: Sequence[str], text: str) -> bool:
    return all(word in text for word in asked)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 1
