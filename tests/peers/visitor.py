"""Somebody who uses the pages without script: follows redirections, keeps cookies, and sends forms as they stand in the page.

Made of the standard library alone, and knows nothing of the gateway but its address.
"""

import http.cookiejar
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from html.parser import HTMLParser

from tests.peers.ports import LOOPBACK


@dataclass(slots=True)
class PageForm:
    """A form of a page: where it goes to, and what it holds before somebody fills it in."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class VisitedPage:
    """What came, and where from after all redirections; ``text`` is what a reader sees."""

    status: int
    path: str
    html: str
    text: str
    forms: list[PageForm]

    def form(self, *, has: str) -> PageForm:
        """The form with this field."""
        for form in self.forms:
            if has in form.fields:
                return form
        raise AssertionError(f"{self.path} has no form with {has}: {[each.fields for each in self.forms]}")


class _Reader(HTMLParser):
    """Takes text and forms out of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.forms: list[PageForm] = []
        self._form: PageForm | None = None
        self._select = ""
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in ("script", "style", "head"):
            self._unseen += 1
        if tag == "form":
            self._form = PageForm(given.get("action", ""))
            self.forms.append(self._form)
        if self._form is None or "disabled" in given:
            return
        name = given.get("name", "")
        if tag == "input" and name:
            chosen = given.get("type") not in ("radio", "checkbox") or "checked" in given
            if chosen:
                self._form.fields[name] = given.get("value", "")
        elif tag == "textarea" and name:
            self._form.fields[name] = ""
        elif tag == "select":
            self._select = name
        elif (
            tag == "option"
            and self._select
            and ("selected" in given or self._select not in self._form.fields)
        ):
            self._form.fields[self._select] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style", "head"):
            self._unseen -= 1
        if tag == "form":
            self._form = None
        if tag == "select":
            self._select = ""

    def handle_data(self, data: str) -> None:
        if not self._unseen and data.strip():
            self.words.append(data.strip())


class Visitor:
    """A browser without script."""

    def __init__(self, port: int) -> None:
        self._base = f"http://{LOOPBACK}:{port}"
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
        )

    def get(self, path: str) -> VisitedPage:
        """Go to a page."""
        return self._opened(urllib.request.Request(self._base + path))

    def send(self, form: PageForm, page: VisitedPage, **filled: str) -> VisitedPage:
        """Send a form of ``page``, with some fields filled in."""
        target = urllib.parse.urljoin(self._base + page.path, form.action)
        body = urllib.parse.urlencode({**form.fields, **filled}).encode()
        return self._opened(
            urllib.request.Request(target, data=body, headers={"Origin": self._base}, method="POST")
        )

    def sign_in(self, address: str, password: str) -> VisitedPage:
        """Sign in; the page that one comes to."""
        page = self.get("/sign-in")
        return self.send(page.form(has="password"), page, name=address, password=password)

    def _opened(self, request: urllib.request.Request) -> VisitedPage:
        try:
            answer = self._opener.open(request, timeout=10)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            html = answer.read().decode()
            reader = _Reader()
            reader.feed(html)
            path = answer.url.removeprefix(self._base)
            return VisitedPage(answer.status or 0, path, html, " ".join(reader.words), reader.forms)
