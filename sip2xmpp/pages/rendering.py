"""Templates into HTML: everything that is filled in is escaped, and what is not there is a fault.

A template knows, beside its values: ``_`` and ``{% trans %}``, ``visit``, ``nav``, ``told`` (what the page before says here once),
``static(name)``, ``now``, and the filters ``moment``, ``near``, ``ago``, ``span``, ``number``, ``iso`` for Unix times
and numbers, ``language`` for the name of a language, ``browser`` for that of a User-Agent, and ``link`` for a URL of somebody else's, which gives None for one that
browsers are not to follow.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, Final
from urllib.parse import quote, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from twisted.internet.interfaces import IReactorTime

from sip2xmpp import __version__
from sip2xmpp.pages.agents import browser_of
from sip2xmpp.pages.languages import Language
from sip2xmpp.pages.routes import Page
from sip2xmpp.pages.statics import Static
from sip2xmpp.pages.visit import Visit
from sip2xmpp.pages.words import ACTIVITY_WORDS, MOOD_WORDS, PLACE_WORDS, RANK_WORDS, STATE_WORDS

LATEST: Final = 253_402_214_400.0
"""A day before the last moment that ``datetime`` knows, whatever the zone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Navigation:
    """The ways from here: pages of one's own, and those of operators.  ``here`` is the path of the page that this one belongs to."""

    mine: Sequence[Page]
    panel: Sequence[Page]
    here: str
    in_panel: bool

    @classmethod
    def of(cls, pages: Sequence[Page], path: str) -> "Navigation":
        """As it is at a path."""
        # The first pages are above all others, and yet not where one is there.
        above = [
            page.path
            for page in pages
            if path == page.path or (page.path.count("/") > 1 and path.startswith(f"{page.path}/"))
        ]
        return cls(
            mine=[page for page in pages if not _is_of_panel(page.path)],
            panel=[page for page in pages if _is_of_panel(page.path)],
            here=max(above, key=len, default=""),
            in_panel=_is_of_panel(path),
        )


def _is_of_panel(path: str) -> bool:
    return path == "/panel" or path.startswith("/panel/")


class Rendering:
    """All templates in all languages; ``pages`` are what the navigation is made of."""

    def __init__(self, clock: IReactorTime, statics: Mapping[str, Static], pages: Sequence[Page]) -> None:
        self._clock = clock
        self._statics = statics
        self._labelled = [page for page in pages if page.label and page.method == "GET"]
        self._environments: dict[str, Environment] = {}

    def html(
        self,
        template: str,
        values: Mapping[str, Any],
        visit: Visit,
        told: Any = None,
        *,
        is_live: bool = True,
    ) -> bytes:
        """The page in the language of the visitor; one that is not ``is_live`` stays as it is, with what was filled in."""
        environment = self._environments.get(visit.language.tag)
        if environment is None:
            environment = self._environments[visit.language.tag] = self._made(visit.language)
        nav = Navigation.of([page for page in self._labelled if _is_for(page, visit)], visit.path)
        text = environment.get_template(f"{template}.html").render(
            {
                **values,
                "visit": visit,
                "language": visit.language,
                "is_live": is_live,
                "nav": nav,
                "told": told,
                "now": self._clock.seconds(),
            }
        )
        return text.encode("utf-8", "replace")

    def _made(self, language: Language) -> Environment:
        environment = Environment(
            loader=PackageLoader("sip2xmpp.pages"),
            autoescape=True,
            undefined=StrictUndefined,
            extensions=["jinja2.ext.i18n"],
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.policies["ext.i18n.trimmed"] = True
        install: Any = environment
        install.install_gettext_translations(language.catalogue, newstyle=True)
        environment.globals |= {
            "static": lambda name: self._statics[name].url,
            "version": __version__,
            "state_words": STATE_WORDS,
            "rank_words": RANK_WORDS,
            "activity_words": ACTIVITY_WORDS,
            "mood_words": MOOD_WORDS,
            "place_words": PLACE_WORDS,
        }
        environment.filters |= {
            "moment": pass_context(lambda context, at: _language(context).moment(_at(context, at))),
            "near": pass_context(
                lambda context, at: _language(context).near(
                    _at(context, at), _at(context, self._clock.seconds())
                )
            ),
            "ago": pass_context(lambda context, at: _language(context).ago(at - self._clock.seconds())),
            "span": pass_context(lambda context, seconds: _language(context).span(seconds)),
            "number": pass_context(lambda context, value: _language(context).number(value)),
            "iso": lambda at: _dated(at, UTC).isoformat(timespec="seconds"),
            "language": pass_context(lambda context, tag: _language(context).name_of(tag)),
            "browser": browser_of,
            "link": link_of,
            "segment": lambda text: quote(str(text), safe=""),
        }
        return environment


def _is_for(page: Page, visit: Visit) -> bool:
    if visit.user is None:
        return False
    return page.role is None or (visit.role is not None and visit.role.includes(page.role))


def _language(context: Context) -> Language:
    visit: Visit = context["visit"]
    return visit.language


def _at(context: Context, at: float) -> datetime:
    return _dated(at, context["visit"].zone)


def _dated(at: float, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(min(max(at, 0.0), LATEST), zone)


def link_of(url: str) -> str | None:
    """The URL, if it is one that a browser may follow wherever it comes from."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and parts.netloc and url.isprintable() else None
