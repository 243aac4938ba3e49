"""The HTTP resource of the API: finds the operation, lets in who may, and answers.

Everything that is refused is a problem document.  What is served comes from the table of operations; its description is
at ``/api/v1/openapi.json`` for everybody.  Each change is one line of the audit log: which token, from where, what.

Implements: RFC 9110 (methods, conditions, 304, 404, 405, 411, 412, 413, 415); RFC 9457 (problems).
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from sip2xmpp.address import Address
from sip2xmpp.errors import (
    BadAddress,
    BadInput,
    NoSuchPresentity,
    NotAuthorized,
    Sip2XmppError,
    StorageFailed,
    TooMany,
)
from sip2xmpp.portal.audit import Audit
from sip2xmpp.portal.openapi import description
from sip2xmpp.portal.operations import JSON, NAME_LIMIT, PLACES, Answer, Call, Operation
from sip2xmpp.portal.problems import PROBLEM, Problem, wrong
from sip2xmpp.portal.rows import AlreadyThere, NoSuchRow
from sip2xmpp.portal.shapes import Wrong, from_query
from sip2xmpp.portal.tokens import COMMAND, TYPIST, Tokens
from sip2xmpp.xcap.conditions import ALWAYS, Conditions, PreconditionFailed
from sip2xmpp.xcap.conflicts import Conflict
from sip2xmpp.xcap.contact_list import Taken, Unknown
from sip2xmpp.xcap.documents import TooLarge

DESCRIPTION: Final = "/api/v1/openapi.json"
QUERY_LIMIT: Final = 16
"""Parameters of a query that are looked at."""

_STATUS: Final[Sequence[tuple[type[Sip2XmppError], int]]] = (
    (NoSuchPresentity, 404),
    (Unknown, 404),
    (NoSuchRow, 404),
    (AlreadyThere, 409),
    (PreconditionFailed, 412),
    (Conflict, 409),
    (Taken, 409),
    (TooLarge, 413),
    (NotAuthorized, 403),
    (TooMany, 409),
    (BadInput, 422),
    (StorageFailed, 503),
)


class Api(Resource):
    """The resource at ``/api``.  ``serves(domain)`` says whether a domain is ours; ``body`` is in octets."""

    isLeaf = True
    log = Logger()

    def __init__(
        self,
        operations: Sequence[Operation],
        tokens: Tokens,
        *,
        serves: Callable[[str], bool],
        body: int,
        audit: Audit,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._operations = [(_pattern(operation.path), operation) for operation in operations]
        self._tokens = tokens
        self._serves = serves
        self._body = body
        self._audit = audit
        self._description = _octets(description(operations))

    def render(self, request: Request) -> Any:
        """Twisted's name for answering any method."""
        gone: list[Failure] = []
        request.notifyFinish().addErrback(gone.append)

        def send(octets: bytes) -> None:
            if not gone:
                request.write(octets)  # type: ignore[no-untyped-call]
                request.finish()  # type: ignore[no-untyped-call]

        Deferred.fromCoroutine(self._answered(request)).addCallback(send).addErrback(
            lambda failure: self.log.failure("an answer of the API was not sent", failure)
        )
        return NOT_DONE_YET

    async def _answered(self, request: Request) -> bytes:
        """The body of the answer; status and header fields are set."""
        try:
            return await self._served(request)
        except Problem as problem:
            found = problem
            if problem.status == 403 or (problem.status == 401 and _field(request, "authorization")):
                self.log.info("API: refused to {peer}: {why}", peer=_peer(request), why=problem.detail)
        except Sip2XmppError as error:
            found = _problem_of(error)
        except Exception:  # noqa: BLE001 - whatever it is, the client is owed an answer and the operator a traceback
            self.log.failure("the API failed at {method} {path}", method=request.method, path=request.path)
            found = Problem(500, "this is a fault of the gateway; its log has more")
        request.setResponseCode(found.status)
        for name, value in found.headers.items():
            request.setHeader(name, value)  # type: ignore[no-untyped-call]
        return _with_type(request, PROBLEM, found.octets())

    async def _served(self, request: Request) -> bytes:
        method = request.method.decode("latin-1")
        path = request.path.decode("latin-1")
        wanted = "GET" if method == "HEAD" else method
        if path == DESCRIPTION:
            if wanted != "GET":
                raise _not_allowed({"GET"})
            return _with_type(request, JSON, self._description)
        operation, places = self._found(wanted, path)
        peer = _peer(request)
        token = self._tokens.of(_field(request, "authorization"), peer)
        addresses = {name: _address(text) for name, text in places.items() if name in PLACES}
        if "address" not in addresses:
            token.check_everywhere(operation.right)
        else:
            if not self._serves(addresses["address"].domain):
                raise Problem(404, f"{addresses['address'].domain} is not a domain of ours")
            token.check(operation.right, addresses["address"])
        call = Call(
            token=token,
            addresses=addresses,
            query=_query(request, operation),
            media=_media(request, operation),
            body=self._content(request, max(self._body, operation.body_limit)),
            names={name: _name(text) for name, text in places.items() if name not in PLACES},
            conditions=_conditions(request) if operation.conditional else ALWAYS,
        )
        try:
            answer: Answer = await operation.serve(call)
        except StorageFailed:
            self._tell(request, call, "a change is in force and not stored yet")
            raise
        if answer.done:
            self._tell(request, call, answer.done, answer.about)
        request.setResponseCode(answer.status)
        if answer.etag:
            request.setHeader("etag", f'"{answer.etag}"')  # type: ignore[no-untyped-call]
            if wanted == "GET" and not call.conditions.none_matches(answer.etag):
                request.setResponseCode(304)
                return b""
        if answer.location:
            request.setHeader("location", answer.location)  # type: ignore[no-untyped-call]
        return _with_type(request, JSON, _octets(answer.value)) if answer.value is not None else b""

    def _tell(self, request: Request, call: Call, done: str, about: str = "") -> None:
        """The audit line of a change; who has the token of the command could as well write the line, and is believed who it is."""
        about = about or str(call.addresses.get("address", ""))
        who, by, peer = f"token {call.token.name}", "API", _peer(request)
        typist = unquote((_field(request, TYPIST) or "")[:300])
        if call.token.name == COMMAND and typist and typist.isprintable():
            who, by, peer = typist, COMMAND, ""
        self._audit.record(who=who, by=by, peer=peer, what=done, about=about)

    def _found(self, method: str, path: str) -> tuple[Operation, Mapping[str, str]]:
        allowed = set()
        for pattern, operation in self._operations:
            match = pattern.fullmatch(path)
            if match is not None:
                if operation.method == method:
                    return operation, match.groupdict()
                allowed.add(operation.method)
        if allowed:
            raise _not_allowed(allowed)
        raise Problem(404, f"there is nothing here; {DESCRIPTION} says what is where")

    def _content(self, request: Request, most: int) -> bytes:
        length = _field(request, "content-length")
        if length is None and _field(request, "transfer-encoding") is not None:
            raise Problem(411, "the length of the body has to be stated")
        if int(length or 0) > most:
            raise Problem(413, f"a body has {most} octets at most")
        content = request.content
        return b"" if content is None else content.read()


def _peer(request: Request) -> str:
    client = request.getClientAddress()  # type: ignore[no-untyped-call]
    return str(getattr(client, "host", ""))


def _field(request: Request, name: str) -> str | None:
    """A header field, whatever octets it has: Twisted itself fails on those that are not UTF-8."""
    value: bytes | None = request.getHeader(name.encode())
    return None if value is None else value.decode("latin-1")


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path)))


def _address(written: str) -> Address:
    try:
        found = Address.parse(unquote(written, errors="strict"))
    except (BadAddress, UnicodeDecodeError):
        raise Problem(404, f"{written[:100]} is not an address, as in weather@sip.example.org") from None
    if not found.local:
        raise Problem(404, f"{found} names a domain and nobody in it")
    return found


def _name(written: str) -> str:
    try:
        name = unquote(written, errors="strict")
    except UnicodeDecodeError:
        raise Problem(404, f"{written[:100]} is not UTF-8 in percent-encoding") from None
    if len(name) > NAME_LIMIT:
        raise Problem(404, f"a name has {NAME_LIMIT} characters at most")
    return name


def _conditions(request: Request) -> Conditions:
    try:
        return Conditions.of(_list(request, "if-match"), _list(request, "if-none-match"))
    except BadInput as error:
        raise Problem(412, str(error)) from None


def _list(request: Request, name: str) -> str | None:
    """All fields of this name as one."""
    values = request.requestHeaders.getRawHeaders(name.encode())
    return None if values is None else ", ".join(value.decode("latin-1") for value in values)


def _query(request: Request, operation: Operation) -> Mapping[str, Any]:
    text = request.uri.partition(b"?")[2].decode("latin-1")
    try:
        given = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=QUERY_LIMIT)
        return from_query(given, operation.query)
    except Wrong as error:
        raise wrong(error.faults) from None
    except ValueError:
        raise Problem(400, "the query is not UTF-8 in percent-encoding, or has too many parameters") from None


def _media(request: Request, operation: Operation) -> str:
    """The type of the body, empty where there is none."""
    stated = _field(request, "content-type")
    empty = _field(request, "content-length") in (None, "0") and not _field(request, "transfer-encoding")
    if not operation.bodies or (empty and not operation.body_required):
        return ""
    media, _, parameters = (stated or "").partition(";")
    media = media.strip().lower()
    known = ", ".join(operation.bodies)
    if media not in operation.bodies:
        raise Problem(415, f"the body has to be {known}", headers={"Accept": known})
    charset = re.fullmatch(r'\s*charset="?([^";]*)"?\s*', parameters, re.IGNORECASE)
    if charset is not None and charset[1].lower() not in ("utf-8", "utf8"):
        raise Problem(415, "the body has to be in UTF-8", headers={"Accept": known})
    return media


def _problem_of(error: Sip2XmppError) -> Problem:
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    return Problem(status, str(error), headers={"Retry-After": "5"} if status == 503 else {})


def _not_allowed(methods: set[str]) -> Problem:
    allowed = sorted(methods | ({"HEAD"} if "GET" in methods else set()))
    return Problem(405, f"only {', '.join(allowed)} can be done here", headers={"Allow": ", ".join(allowed)})


def _with_type(request: Request, media: str, octets: bytes) -> bytes:
    request.setHeader("content-type", media)  # type: ignore[no-untyped-call]
    request.setHeader("cache-control", "no-store")  # type: ignore[no-untyped-call]
    request.setHeader("x-content-type-options", "nosniff")  # type: ignore[no-untyped-call]
    request.setHeader("content-length", str(len(octets)))  # type: ignore[no-untyped-call]
    return octets


def _octets(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=2).encode() + b"\n"
