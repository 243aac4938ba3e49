"""What a browser is called: the little that its User-Agent says truly, for lists of them.

Browsers claim to be one another, so the order counts: who claims more comes first.
"""

from collections.abc import Sequence
from typing import Final

_BROWSERS: Final[Sequence[tuple[str, str]]] = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Vivaldi/", "Vivaldi"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS: Final[Sequence[tuple[str, str]]] = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
    ("BSD", "BSD"),
)


def browser_of(user_agent: str) -> tuple[str, str]:
    """The names of the browser and of the system that it runs on; each is empty if it is none of the known ones."""
    return _first(_BROWSERS, user_agent), _first(_SYSTEMS, user_agent)


def _first(names: Sequence[tuple[str, str]], user_agent: str) -> str:
    if not user_agent.startswith("Mozilla/"):
        return ""
    return next((name for sign, name in names if sign in user_agent), "")
