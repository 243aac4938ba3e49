"""The languages of the pages: texts from catalogues, dates and numbers as people there write them.

Every visible text is an English ``msgid`` in the sources; ``pages/locale/sip2xmpp.pot`` lists them all.  A translation is a
catalogue ``pages/locale/LANGUAGE/sip2xmpp.po``, which is read as it is when the gateway starts.  The browser's
``Accept-Language`` chooses; English is what is left.

Implements: RFC 9110 section 12.5.4 (Accept-Language) by the look-up of RFC 4647 section 3.4.
"""

import gettext
from collections.abc import Mapping
from datetime import datetime, timedelta
from importlib.resources import files
from importlib.resources.abc import Traversable
from io import BytesIO
from typing import Final

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime, format_time, format_timedelta
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

ENGLISH: Final = "en"
DOMAIN: Final = "sip2xmpp"
RANGES: Final = 20
"""Ranges of Accept-Language that are looked at."""


def N_(text: str) -> str:
    """Mark a text for the catalogue that is translated where it is shown."""
    return text


class Language:
    """How the pages speak to one visitor; ``tag`` is what ``lang`` says of them."""

    def __init__(self, tag: str, locale: Locale, catalogue: gettext.NullTranslations) -> None:
        self.tag = tag
        self.locale = locale
        self.catalogue = catalogue
        self.is_right_to_left = locale.text_direction == "rtl"

    def text(self, text: str, **values: object) -> str:
        """A text of the catalogue with ``%(name)s`` filled in."""
        found = self.catalogue.gettext(text)
        return found % values if values else found

    def number(self, value: float) -> str:
        """A number with its separators."""
        return format_decimal(value, locale=self.locale)

    def moment(self, at: datetime) -> str:
        """Date and time with its zone, in full."""
        return format_datetime(at, "long", tzinfo=at.tzinfo, locale=self.locale)

    def hour(self, at: datetime) -> str:
        """A time of the day."""
        return format_time(at, "short", tzinfo=at.tzinfo, locale=self.locale)

    def near(self, at: datetime, now: datetime) -> str:
        """A moment as briefly as it is clear: the time for today, date and time for the others."""
        if at.date() == now.date():
            return self.hour(at)
        pattern = "medium" if at.year != now.year else None
        if pattern is None:
            return f"{format_date(at, 'd MMM', locale=self.locale)}, {self.hour(at)}"
        return f"{format_date(at, pattern, locale=self.locale)}, {self.hour(at)}"

    def ago(self, seconds: float) -> str:
        """A time from now: what has been is negative."""
        return format_timedelta(
            timedelta(seconds=seconds), add_direction=True, threshold=1.2, locale=self.locale
        )

    def span(self, seconds: float) -> str:
        """A length of time."""
        return format_timedelta(timedelta(seconds=seconds), threshold=1.2, locale=self.locale)

    def name_of(self, tag: str) -> str:
        """What this language calls another one, by its tag; the tag itself for one that nobody knows."""
        try:
            return Locale.parse(tag, sep="-").get_display_name(self.locale) or tag
        except (UnknownLocaleError, ValueError, TypeError):
            return tag


class Languages:
    """All there are, each as it is spoken in the visitor's region: British and American times are written differently."""

    def __init__(self, catalogues: Mapping[str, gettext.NullTranslations]) -> None:
        self._catalogues = {
            tag.lower(): (tag, catalogue)
            for tag, catalogue in {ENGLISH: gettext.NullTranslations(), **catalogues}.items()
        }
        self._spoken: dict[str, Language] = {}
        self.english = self._language(ENGLISH, ENGLISH)

    def chosen(self, accepted: str) -> Language:
        """The first language of an Accept-Language field that there is."""
        for wanted in _in_order(accepted):
            tag = wanted
            while tag:
                if tag in self._catalogues:
                    return self._language(wanted, tag)
                tag = tag.rpartition("-")[0]
        return self.english

    def _language(self, wanted: str, tag: str) -> Language:
        """As many as there are regions that Babel knows, and no more."""
        own, catalogue = self._catalogues[tag]
        try:
            locale = Locale.parse(wanted, sep="-")
        except (UnknownLocaleError, ValueError):
            locale = Locale.parse(own, sep="-")
        name = str(locale)
        if name not in self._spoken:
            self._spoken[name] = Language(own, locale, catalogue)
        return self._spoken[name]


def _in_order(accepted: str) -> list[str]:
    weighted: list[tuple[float, str]] = []
    for part in accepted.split(",")[:RANGES]:
        tag, _, parameters = part.partition(";")
        name, _, value = parameters.strip().partition("=")
        try:
            weight = float(value) if name.strip().lower() == "q" else 1.0
        except ValueError:
            weight = 0.0
        if weight > 0 and len(tag) <= 35:
            weighted.append((-weight, tag.strip().lower()))
    return [tag for _, tag in sorted(weighted, key=lambda pair: pair[0])]


def catalogue_of(octets: bytes) -> gettext.GNUTranslations:
    """The translations of a ``.po`` file."""
    compiled = BytesIO()
    write_mo(compiled, read_po(BytesIO(octets)))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def load_languages(folder: Traversable | None = None) -> Languages:
    """Every language for which there is a catalogue in ``folder``, by default ours."""
    folder = folder or files("sip2xmpp.pages").joinpath("locale")
    return Languages(
        {
            each.name: catalogue_of(each.joinpath(f"{DOMAIN}.po").read_bytes())
            for each in sorted(folder.iterdir(), key=lambda each: each.name)
            if each.is_dir() and each.joinpath(f"{DOMAIN}.po").is_file()
        }
    )
