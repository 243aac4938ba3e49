"""Which page is where: a table of pages, and the look-up in it."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from sip2xmpp.pages.answers import Answer
from sip2xmpp.pages.roles import Role
from sip2xmpp.pages.visit import Visit

Serve = Callable[[Visit], Awaitable[Answer]]

PLACE_LIMIT = 1_000
"""Characters of what may stand in a place of a path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One method (GET or POST) of one path with {places}.

    Without ``role`` it is for every user of ours, with ``anybody`` also for those who are not signed in.  ``label`` is what the
    navigation calls it, an English text of the catalogue; pages without one are not in it.  ``name`` is the page's in the log.
    """

    method: str
    path: str
    serve: Serve
    name: str
    role: Role | None = None
    anybody: bool = False
    label: str = ""


class Routes:
    """The table."""

    def __init__(self, pages: Sequence[Page]) -> None:
        self.pages = tuple(pages)
        self._patterns = [(_pattern(page.path), page) for page in pages]

    def find(self, method: str, path: str) -> tuple[Page | None, Mapping[str, str]]:
        """The page and what stands in its places; no page if there is nothing at this path.

        A path that has pages of other methods only gives the first of them: whoever serves it looks at the method.
        """
        other: Page | None = None
        for pattern, page in self._patterns:
            match = pattern.fullmatch(path)
            if match is None:
                continue
            places = _places(match.groupdict())
            if places is None:
                continue
            if page.method == method:
                return page, places
            other = other or page
        return other, {}


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path)))


def _places(found: Mapping[str, str]) -> Mapping[str, str] | None:
    try:
        places = {name: unquote(text, errors="strict") for name, text in found.items()}
    except UnicodeDecodeError:
        return None
    if any(len(text) > PLACE_LIMIT or not text.isprintable() for text in places.values()):
        return None
    return places
