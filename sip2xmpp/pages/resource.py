"""The HTTP resource of the pages: who asks, may it be, what is answered, with the headers that keep browsers from mischief.

A request goes through in this order: what one visitor may ask for in a minute; a page of that path; a connection on which nobody can read along, or one that does not leave
the machine; the session of the cookie; for what changes something where the request comes from (Sec-Fetch-Site, Origin), and
only then the form, which has to carry the token of the session; the role.  What somebody may not see is not there for him.

Implements: RFC 9110; Content Security Policy Level 3; Fetch Metadata Request Headers.
"""

import hmac
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import parse_qsl, quote
from zoneinfo import ZoneInfo

from babel.dates import LOCALTZ
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from sip2xmpp.address import Address
from sip2xmpp.errors import (
    BadInput,
    NoSuchPresentity,
    NotAuthorized,
    Sip2XmppError,
    StorageFailed,
    TooMany,
    Unreachable,
)
from sip2xmpp.metering import Meter
from sip2xmpp.pages.answers import Answer, Moved, Refused, Sent, Shown
from sip2xmpp.pages.cookies import SESSION, STRANGER, ZONE, cookie_name, cookies_of
from sip2xmpp.pages.forms import Form, read_form
from sip2xmpp.pages.languages import N_, Languages
from sip2xmpp.pages.live import Live, Stream
from sip2xmpp.pages.rendering import Rendering
from sip2xmpp.pages.routes import Routes
from sip2xmpp.pages.sessions import Sessions
from sip2xmpp.pages.statics import KEPT, Static
from sip2xmpp.pages.strangers import Strangers
from sip2xmpp.pages.visit import Visit

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Not "no-referrer": with that, browsers do not say where a form of ours comes from.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cache-control": "no-store",
}
TOPICS: Final = 8
"""Topics of one stream."""

A_MINUTE: Final = 6_000
PIECE: Final = 4_096
"""Pieces of so many octets that one user, or one peer where nobody is signed in, gets in a minute: making pages is work."""

FORM: Final = 20
"""Pieces that a form counts for."""

VALUE: Final = 4_000
"""Characters of one value of a query: two addresses as long as they may be."""

TOLD: Final = 10_000
"""Sessions for which something is kept to be told on their next page."""

OPERATORS: Final = frozenset(("panel", "panel-rows"))
"""Topics that are not about the one who listens, and need a role."""

_TOPIC: Final = re.compile(r"[a-z][a-z-]{0,30}")
_STATUS: Final = (
    (NoSuchPresentity, 404),
    (NotAuthorized, 403),
    (TooMany, 409),
    (BadInput, 422),
    (StorageFailed, 503),
    (Unreachable, 503),
)


class _TooOld(NotAuthorized):
    """A form that has not the token of now: the gateway was started anew, or somebody signed in in another tab."""


class Pages(Resource):
    """Everything on the port that is for people."""

    isLeaf = True
    log = Logger()

    def __init__(
        self,
        routes: Routes,
        *,
        sessions: Sessions,
        strangers: Strangers,
        live: Live,
        languages: Languages,
        rendering: Rendering,
        statics: Mapping[str, Static],
        clock: IReactorTime,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._routes = routes
        self._sessions = sessions
        self._strangers = strangers
        self._live = live
        self._languages = languages
        self._rendering = rendering
        self._statics = statics
        self._told: OrderedDict[str, Moved] = OrderedDict()
        self._meter = Meter(clock, A_MINUTE)
        sessions.listen(live.session_ended)

    def render(self, request: Request) -> Any:
        """Twisted's name for answering any method."""
        path = request.path.decode("latin-1")
        for name, value in HEADERS.items():
            request.setHeader(name, value)  # type: ignore[no-untyped-call]
        if path.startswith("/static/"):
            return self._static(request, path.removeprefix("/static/"))
        if path == "/live":
            return self._stream(request)
        gone: list[Failure] = []
        request.notifyFinish().addErrback(gone.append)

        def send(octets: bytes) -> None:
            if not gone:
                request.setHeader("content-length", str(len(octets)))  # type: ignore[no-untyped-call]
                if request.method != b"HEAD":
                    request.write(octets)  # type: ignore[no-untyped-call]
                request.finish()  # type: ignore[no-untyped-call]

        Deferred.fromCoroutine(self._answered(request, path)).addCallback(send).addErrback(
            lambda failure: self.log.failure("a page was not sent", failure)
        )
        return NOT_DONE_YET

    async def _answered(self, request: Request, path: str) -> bytes:
        visit = self._visit(request, path)
        by = visit.user or visit.peer
        wait = self._meter.take(by, 0)
        if wait:
            request.setHeader("retry-after", str(wait))  # type: ignore[no-untyped-call]
            told = visit.translate(N_("That is too much at once. Please try again in a moment."))
            return self._written(request, visit, Sent("text/plain; charset=utf-8", told.encode(), status=429))
        octets = await self._made(request, visit)
        self._meter.take(by, (1 if visit.method in ("GET", "HEAD") else FORM) + len(octets) // PIECE)
        return octets

    async def _made(self, request: Request, visit: Visit) -> bytes:
        try:
            visit, answer = await self._served(request, visit)
            return self._written(request, visit, answer)
        except Sip2XmppError as error:
            status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
            answer = Refused(status, str(error))
        except Exception:  # noqa: BLE001 - whatever it is, the visitor is owed a page and the operator a traceback
            self.log.failure("the page {method} {path} failed", method=request.method, path=request.path)
            answer = Refused(500, visit.translate(N_("This is a fault of the gateway; its log has more.")))
        return self._written(request, visit, answer)

    def _written(self, request: Request, visit: Visit, answer: Answer) -> bytes:
        """The body; status and header fields are set."""
        octets, told = b"", None
        request.setResponseCode(answer.status)
        if isinstance(answer, Moved):
            self._keep_told(visit, answer)
            request.setHeader("location", _on_one_line(answer.path))  # type: ignore[no-untyped-call]
        elif isinstance(answer, Sent):
            request.setHeader("content-type", answer.media)  # type: ignore[no-untyped-call]
            if answer.keep:
                request.setHeader("cache-control", f"private, max-age={answer.keep}")  # type: ignore[no-untyped-call]
            octets = answer.octets
        else:
            request.setHeader("content-type", "text/html; charset=utf-8")  # type: ignore[no-untyped-call]
            request.setHeader("content-language", visit.language.tag)  # type: ignore[no-untyped-call]
            request.setHeader("vary", "Accept-Language, Cookie")  # type: ignore[no-untyped-call]
            if isinstance(answer, Refused):
                values = {
                    "status": answer.status,
                    "why": answer.told,
                    "written": answer.written,
                    "in_the_open": False,
                }
                answer = Shown("refused", values, answer.status, answer.cookies)
            assert isinstance(answer, Shown)
            if visit.session is not None and not _field(request, "x-live"):
                told = self._told.pop(visit.session.digest, None)
            octets = self._rendering.html(
                answer.template, answer.values, visit, told, is_live=answer.status < 400
            )
        for field in answer.cookies:
            request.responseHeaders.addRawHeader(b"set-cookie", field.encode())
        return octets

    def _keep_told(self, visit: Visit, answer: Moved) -> None:
        if visit.session is not None and answer.told:
            self._told[visit.session.digest] = answer
            self._told.move_to_end(visit.session.digest)
            if len(self._told) > TOLD:
                self._told.popitem(last=False)

    async def _served(self, request: Request, visit: Visit) -> tuple[Visit, Answer]:
        method = "GET" if visit.method == "HEAD" else visit.method
        page, places = self._routes.find(method, visit.path)
        if not _is_private(request):
            return visit, Shown("refused", {"status": 403, "in_the_open": True}, 403)
        if page is None:
            if visit.session is None and visit.path == "/":
                return visit, Moved("/sign-in")
            return visit, Refused(404, visit.translate(N_("There is no such page.")))
        if page.method != method:
            return visit, Refused(405, visit.translate(N_("This page cannot be used that way.")))
        if visit.session is None and not page.anybody:
            return visit, _to_sign_in(request, visit)
        if page.role is not None and (visit.role is None or not visit.role.includes(page.role)):
            return visit, Refused(404, visit.translate(N_("There is no such page.")))
        visit = replace(visit, places=places)
        if method != "GET":
            try:
                visit = replace(visit, form=self._form(request, visit))
            except _TooOld as error:
                empty, _ = self._routes.find("GET", visit.path)
                if not page.anybody or empty is None:
                    return visit, Refused(403, str(error), written=_sentences(request))
                answer = await empty.serve(replace(visit, query={"old": "1"}))
                return visit, replace(answer, status=403) if isinstance(answer, Shown) else answer
        return visit, await page.serve(visit)

    def _form(self, request: Request, visit: Visit) -> Form:
        """The form, if it is one of ours."""
        if not _is_from_here(request):
            raise NotAuthorized(visit.translate(N_("This form was not sent from a page of this site.")))
        stated = int(_field(request, "content-length") or 0)
        octets = b"" if request.content is None else request.content.read()
        if len(octets) != stated:
            raise TooMany(visit.translate(N_("That is more than this form may hold.")))
        form = read_form(_field(request, "content-type"), octets)
        given = form.secret("csrf", most=100)
        wanted = (
            visit.session.csrf
            if visit.session is not None
            else self._strangers.token_of(visit.cookies.get(cookie_name(STRANGER, secure=visit.secure), ""))
        )
        if not wanted or not hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode()):
            raise _TooOld(
                visit.translate(
                    N_("This form is too old, or not from this site. Please load the page again.")
                )
            )
        return form

    def _visit(self, request: Request, path: str) -> Visit:
        secure = bool(request.isSecure())  # type: ignore[no-untyped-call]
        cookies = cookies_of(_field(request, "cookie"))
        by_itself = path == "/live" or bool(_field(request, "x-live"))
        session = (
            self._sessions.of(cookies.get(cookie_name(SESSION, secure=secure), ""), is_used=not by_itself)
            if _is_private(request)
            else None
        )
        user = None if session is None else Address.parse(session.address)
        return Visit(
            session=session,
            user=user,
            role=None if user is None else self._sessions.role_of(user),
            peer=_peer(request),
            secure=secure,
            method=request.method.decode("latin-1"),
            path=path,
            places={},
            query=_query(request),
            form=Form(),
            language=self._languages.chosen(_field(request, "accept-language")),
            zone=zone_of(cookies.get(ZONE, "")),
            user_agent=_field(request, "user-agent"),
            cookies=cookies,
        )

    def _static(self, request: Request, name: str) -> bytes:
        found = self._statics.get(name)
        if found is None or request.method not in (b"GET", b"HEAD"):
            request.setResponseCode(404)
            return b""
        request.setHeader("content-type", found.media)  # type: ignore[no-untyped-call]
        if request.uri.partition(b"?")[2].decode("latin-1") == found.digest:
            request.setHeader("cache-control", f"public, max-age={KEPT}, immutable")  # type: ignore[no-untyped-call]
        return found.octets

    def _stream(self, request: Request) -> Any:
        """Server-sent events for a session."""
        visit = self._visit(request, "/live")
        asked = _query_all(request, "topic")
        topics = self._topics(visit, asked)
        if visit.session is None or topics is None or request.method != b"GET" or not _is_from_here(request):
            request.setResponseCode(403)
            return b""
        if not self._live.has_room(visit.session):
            request.setResponseCode(503)
            return b""
        request.setHeader("content-type", "text/event-stream")  # type: ignore[no-untyped-call]
        request.setHeader("x-accel-buffering", "no")  # type: ignore[no-untyped-call]

        def send(octets: bytes) -> None:
            channel: Any = request.channel
            if channel.is_full:
                # Whoever does not listen to so little comes back for it.
                channel.transport.abortConnection()
            else:
                request.write(octets)  # type: ignore[no-untyped-call]

        def close() -> None:
            request.finish()  # type: ignore[no-untyped-call]

        stream = Stream(visit.session.digest, send, close, visit.session.address)
        request.notifyFinish().addBoth(lambda _: self._live.stop(stream))
        self._live.listen(stream, topics)
        return NOT_DONE_YET

    def _topics(self, visit: Visit, asked: list[str]) -> list[str] | None:
        if not 0 < len(asked) <= TOPICS or not all(_TOPIC.fullmatch(topic) for topic in asked):
            return None
        if visit.role is None and OPERATORS.intersection(asked):
            return None
        return [topic if topic in OPERATORS else f"{topic} {visit.user}" for topic in asked]


def zone_of(name: str) -> Any:
    """The zone that a browser said it is in; ours for one that nobody knows."""
    if len(name) <= 64 and re.fullmatch(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*", name):
        try:
            return ZoneInfo(name)
        except (OSError, ValueError, KeyError):
            pass  # not a zone, or one that is not known here
    return LOCALTZ


def _to_sign_in(request: Request, visit: Visit) -> Answer:
    if visit.method not in ("GET", "HEAD"):
        told = visit.translate(N_("You are not signed in any more."))
        return Refused(401, told, written=_sentences(request) if _is_from_here(request) else ())
    return Moved(f"/sign-in?next={quote(request.uri.decode('latin-1'), safe='/')}")


def _sentences(request: Request) -> list[str]:
    """What somebody wrote into a form of ours that cannot be taken."""
    if request.content is None:
        return []
    request.content.seek(0)
    try:
        return read_form(_field(request, "content-type"), request.content.read()).sentences()
    except BadInput:
        return []


def _is_private(request: Request) -> bool:
    """Whether nobody on the way can read along."""
    if request.isSecure():  # type: ignore[no-untyped-call]
        return True
    if request.requestHeaders.hasHeader(b"x-forwarded-for") or request.requestHeaders.hasHeader(b"forwarded"):
        return False
    # A web server in between that says nothing of itself passes on by which name it was asked.
    return _is_loopback(_peer(request)) and _is_loopback(_host(request))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _host(request: Request) -> str:
    """By which name the browser asked, without the port."""
    host = _field(request, "host").lower()
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]


def _is_from_here(request: Request) -> bool:
    """Whether the browser says that the request is made by a page of ours; one that says nothing is left to the token."""
    site = _field(request, "sec-fetch-site")
    if site:
        return site in ("same-origin", "none")
    origin = _field(request, "origin")
    if not origin:
        return True
    scheme = "https" if request.isSecure() else "http"  # type: ignore[no-untyped-call]
    return origin.lower() == f"{scheme}://{_field(request, 'host')}".lower()


def _peer(request: Request) -> str:
    client = request.getClientAddress()  # type: ignore[no-untyped-call]
    return str(getattr(client, "host", ""))


def _field(request: Request, name: str) -> str:
    value: bytes | None = request.getHeader(name.encode())
    return "" if value is None else value.decode("utf-8", "replace")


def _on_one_line(path: str) -> str:
    return re.sub(r"[^!-~]", "", path)


def _query(request: Request) -> Mapping[str, str]:
    text = request.uri.partition(b"?")[2].decode("latin-1")
    try:
        return {
            name: value
            for name, value in parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=32)
            if value.isprintable() and len(value) <= VALUE
        }
    except ValueError:
        return {}


def _query_all(request: Request, name: str) -> list[str]:
    text = request.uri.partition(b"?")[2].decode("latin-1")
    try:
        return [value for each, value in parse_qsl(text, max_num_fields=32) if each == name]
    except ValueError:
        return []
