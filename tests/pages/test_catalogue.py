"""Every visible text can be translated: it stands in the catalogue, and goes through it."""

import gettext
import re
from html.parser import HTMLParser
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po
from jinja2 import Environment, nodes
from twisted.internet.task import Clock

from sip2xmpp.pages.languages import Languages, catalogue_of, load_languages
from tests.pages.catalogue import extracted
from tests.pages.scene import Scene

FOLDER = Path(str(files("sip2xmpp.pages")))
TEMPLATES = sorted(FOLDER.joinpath("templates").rglob("*.html"))
SPOKEN = ("aria-label", "title", "placeholder", "alt", "data-label", "data-lost", "label")
"""Attributes that people read or hear."""

SILENT = ("script", "style", "code", "pre")
"""What is not read, or is to be typed as it is."""

DATA = re.compile(
    r"[\w.+-]+@[\w.-]+|sip2xmpp|(?:[\w-]+\.)*example(?:\.\w+)?|127\.0\.0\.1|\d{4}-\d\d-\d\d\S*|[0-9][0-9:.,\u202f ]*(?:[AP]M|atm|ptm)?"
    r"|UTC|\b(?:CE|W)S?T\b|GMT\S*|\+\d+"
)


def test_the_catalogue_lists_the_texts_that_there_are() -> None:
    kept = FOLDER.joinpath("locale", "sip2xmpp.pot").read_bytes()
    assert kept == extracted(), "write it anew: python -m tests.pages.catalogue"


def pseudo() -> Languages:
    """Esperanto as nobody speaks it: every text in brackets, whatever is filled in."""
    catalogue = Catalog(locale="eo", charset="utf-8")
    for message in read_po(BytesIO(extracted())):
        if message.id:
            several = isinstance(message.id, list | tuple)
            said = [f"⟦{each}⟧" for each in (message.id if several else [message.id])]
            catalogue.add(message.id, said if several else said[0], flags=message.flags)
    octets = BytesIO()
    write_po(octets, catalogue)
    return Languages({"eo": catalogue_of(octets.getvalue())})


class Words(HTMLParser):
    """The texts of a page that a human sees or hears."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in SILENT
        named = dict(attrs)
        self.found += [named[name] or "" for name in SPOKEN if name in named]
        if tag == "input" and named.get("type") in ("submit", "button"):
            self.found.append(named.get("value") or "")

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in SILENT

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.found.append(data)


def untranslated(text: str) -> list[str]:
    """Letters outside the brackets that are no data."""
    words = Words()
    words.feed(re.sub(r"<time[^>]*>[^<]*</time>", "", text))  # Babel's own
    left = [DATA.sub("", re.sub(r"⟦[^⟧]*⟧", "", one)) for one in words.found]
    return [one.strip() for one in left if re.search(r"\w", re.sub(r"[\d_]", "", one))]


@pytest.fixture
def scene(clock: Clock) -> Scene:
    return Scene(clock, languages=pseudo())


def test_every_visible_text_goes_through_the_catalogue(scene: Scene) -> None:
    tab = scene.browser()
    tab.headers = {"Accept-Language": "eo"}
    tab.cookies["zone"] = "UTC"
    pages = [tab.get("/sign-in").text]
    pages.append(tab.post("/sign-in", {"name": "alice", "password": "wrong"}).text)
    pages.append(scene.browser("192.0.2.7").get("/sign-in", accept_language="eo").text)
    tab.sign_in()
    tab.post("/my", {"state": "away", "span": "1h", "activity": "meeting", "mood": "calm", "place": "office"})
    tab.post("/my/holiday", {"state": "xa", "begin": "2030-01-01T00:00", "always": "yes"})
    pages += [tab.get(path).text for path in ("/my", "/my/holiday", "/my/sessions", "/my/nothing")]
    pages.append(tab.post("/my", {"state": "none", "span": "at", "end": "x", "text0": "y" * 300}).text)
    for page in pages:
        assert 'lang="eo"' in page and "⟦" in page
        names = _languages_of(page)
        assert [one for one in untranslated(page) if one not in names] == []


def _languages_of(page: str) -> set[str]:
    """What a list of languages calls them is of the library, in the visitor's language."""
    return {name.strip() for name in re.findall(r'<option value="[a-z]{2}"[^>]*>([^<]*)</option>', page)}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_has_words_of_its_own(path: Path) -> None:
    environment = Environment(autoescape=True, extensions=["jinja2.ext.i18n"])
    tree = environment.parse(path.read_text("utf-8"))
    pieces: list[str] = []
    for block in tree.find_all(nodes.Block):
        if block.name == "live":
            block.body = []  # names of topics
    for output in tree.find_all(nodes.Output):
        pieces += [node.data if isinstance(node, nodes.TemplateData) else "⟦⟧" for node in output.nodes]
    words = Words()
    words.feed("".join(pieces))
    faults = [one.strip() for one in words.found if re.search(r"[A-Za-z]{2}", DATA.sub("", one))]
    assert not [one for one in faults if one not in ("doctype html", "html")]


def test_the_browser_says_in_which_language(scene: Scene) -> None:
    languages = pseudo()
    for accepted, tag in {
        "eo": "eo",
        "de, eo;q=0.5, en;q=0.1": "eo",
        "eo-FR": "eo",
        "en, eo": "en",
        "eo;q=0": "en",
        "eo;q=x": "en",
        "de": "en",
        "": "en",
        "*": "en",
        ",;,;q=": "en",
        "x" * 5_000: "en",
    }.items():
        assert languages.chosen(accepted).tag == tag, accepted
    assert scene.browser().get("/sign-in", accept_language="eo").headers["content-language"] == "eo"


def test_times_are_written_as_in_the_region_of_the_visitor(clock: Clock) -> None:
    scene = Scene(clock)
    tab = scene.browser()
    tab.cookies["zone"] = "America/New_York"
    tab.sign_in()
    british = tab.get("/my/sessions", accept_language="en-GB").text
    american = tab.get("/my/sessions", accept_language="en-US").text
    assert re.search(r">03:00</time>", british) and re.search(r">3:00\sAM</time>", american)
    assert re.search(r'datetime="2027-01-15T08:00:00\+00:00"', british)


def test_the_translations_that_there_are_fit_the_catalogue() -> None:
    texts = {str(message.id) for message in read_po(BytesIO(extracted())) if message.id}
    for path in sorted(FOLDER.joinpath("locale").glob("*/sip2xmpp.po")):
        held = read_po(BytesIO(path.read_bytes()), locale=path.parent.name)
        assert {str(message.id) for message in held if message.id} <= texts, path
    assert isinstance(load_languages().english.catalogue, gettext.NullTranslations)
