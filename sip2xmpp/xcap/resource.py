"""The XCAP server as a resource of a web site: whose document is meant, who asks, whether that is allowed, and what comes of it.

The order is that of RFC 4825 with one change: who asks is found out before anything is said about what there is.  What is refused
is said in plain text, but for conflicts, which have a document of their own.  A change is made in the turn in which its
conditions were checked, and answered when it is safe.

Each change is one line of the log: who, from where, what.

=======  ==========================================================================================================
400      the URI, a condition or the credentials cannot be read
401      nobody says who asks; 403: it is not theirs; 429: too many wrong passwords, or too much work at a time
404      there is no such application usage, user, document or part
405      not done here; 411, 413, 415: not with such a body
409      what there would be then is not a document that may be kept
412      the document is not the one that the request is for; 304: it is the one that the client has
503      it could not be stored
=======  ==========================================================================================================

Implements: RFC 4825 sections 7 and 8; RFC 9110.
"""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from sip2xmpp.address import Address
from sip2xmpp.documents.xcap_uri import XcapUri, address_of_xui
from sip2xmpp.errors import BadAddress, BadDocument, NoSuchPresentity, StorageFailed, TooMany
from sip2xmpp.metering import Attempts, Meter
from sip2xmpp.store.documents import GLOBAL, Document
from sip2xmpp.xcap import conflicts, editing
from sip2xmpp.xcap.asking import (
    PLAIN,
    Refusal,
    body_of,
    conditions_of,
    field_of,
    media_for,
    selected_by,
    target_of,
    targets_below,
)
from sip2xmpp.xcap.authentication import Anybody, Asking, Authentication, Caller, Unproved
from sip2xmpp.xcap.conditions import PreconditionFailed
from sip2xmpp.xcap.conflicts import Conflict, ConflictKind
from sip2xmpp.xcap.documents import Documents, NoSuchDocument, TooLarge
from sip2xmpp.xcap.generated import Generated
from sip2xmpp.xcap.usages import CAPS, PRES_CONTENT, RLS_SERVICES, Usage, usage_named

A_MINUTE: Final = 4_194_304
"""Octets of documents that are read for one client in a minute: to check one or to find a part of it takes time in proportion."""

REQUEST: Final = 1_024
"""Octets that a request counts for whatever it asks."""

LOGGED_A_MINUTE: Final = 60
"""Refusals that are written into the log in a minute."""

READ = ("GET", "HEAD")
WRITE = ("PUT", "DELETE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is answered; ``challenges`` are fields that may come several times."""

    status: int
    body: bytes = b""
    media: str = PLAIN
    etag: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    challenges: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request is for, as far as everybody may know.  ``owner`` is None for the global tree."""

    uri: XcapUri
    usage: Usage | None
    owner: Address | None

    @property
    def tree(self) -> str:
        """Whose documents they are in the store."""
        return GLOBAL if self.owner is None else str(self.owner)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the server goes by.  ``domains`` are ours, the first being where somebody belongs who does not say otherwise.

    ``exists`` says whether there is a user; ``may_see_picture(owner, who)`` whether somebody, None being anybody at all, may
    read the pictures of a user.
    """

    domains: AbstractSet[str]
    exists: Callable[[Address], bool]
    may_see_picture: Callable[[Address, Address | None], bool]


class Xcap(Resource):
    """The resource at ``/xcap``, and at ``path`` if clients know it by another."""

    isLeaf = True
    log = Logger()

    def __init__(
        self,
        documents: Documents,
        generated: Generated,
        authentication: Authentication,
        rules: Rules,
        *,
        clock: IReactorTime,
        path: str = "/xcap",
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._documents = documents
        self._generated = generated
        self._authentication = authentication
        self._rules = rules
        self._budget = Meter(clock, A_MINUTE)
        self._refusals = Attempts(clock, most=LOGGED_A_MINUTE, seconds=60.0)
        self.path = path
        self._targets = targets_below("/xcap", path)

    def is_for(self, target: bytes) -> bool:
        """Whether the target of a request may be one of a document."""
        return self._targets.match(target.decode("latin-1")) is not None

    def render(self, request: Request) -> Any:
        """Twisted's name for answering any method."""
        gone: list[Failure] = []
        request.notifyFinish().addErrback(gone.append)

        def send(answer: Answer) -> None:
            if not gone:
                _send(request, answer)

        Deferred.fromCoroutine(self._answered(request)).addCallback(send).addErrback(
            lambda failure: self.log.failure("an answer of the XCAP server was not sent", failure)
        )
        return NOT_DONE_YET

    async def _answered(self, request: Request) -> Answer:
        try:
            return await self._served(request)
        except Unproved as error:
            if error.status != 401 or field_of(request, "authorization") is not None:
                self._tell_refused(_peer(request), str(error))
            return Answer(status=error.status, body=_line(error), challenges=error.headers)
        except Refusal as error:
            return Answer(status=error.status, body=_line(error), headers=error.headers)
        except PreconditionFailed as error:
            return Answer(status=412, body=_line(error))
        except (NoSuchDocument, NoSuchPresentity) as error:
            return Answer(status=404, body=_line(error))
        except (TooMany, TooLarge, BadDocument) as error:
            conflict = Conflict(ConflictKind.CONSTRAINT_FAILURE, str(error))
            return Answer(status=409, body=conflict.document(), media=conflicts.CONTENT_TYPE)
        except StorageFailed as error:
            return Answer(status=503, body=_line(error), headers={"Retry-After": "5"})
        except Exception:  # noqa: BLE001 - whatever it is, the client is owed an answer and the operator a traceback
            self.log.failure("XCAP failed at {method} {uri}", method=request.method, uri=request.uri)
            return Answer(status=500, body=b"this is a fault of the gateway; its log has more\n")

    async def _served(self, request: Request) -> Answer:
        method = request.method.decode("latin-1")
        uri, domain = selected_by(request, self._targets)
        asked = self._asked(uri, domain)
        if self._is_public(request, method, asked):
            self._check_budget(request, asked, Anybody())
            return self._read(request, asked, self._there(asked))
        caller = self._authentication.caller(
            Asking(
                method=method,
                target=target_of(request),
                authorization=field_of(request, "authorization"),
                peer=_peer(request),
                is_encrypted=bool(request.isSecure()),  # type: ignore[no-untyped-call]
            ),
            self._realm(request, asked, domain),
        )
        if asked.usage is None:
            raise Refusal(404, f"there is no application usage {uri.auid[:80]}")
        self._check_method(method, asked, asked.usage)
        if not self._authorize(method, asked, caller):
            return self._read(request, asked, None)
        if asked.owner is not None and not self._rules.exists(asked.owner):
            raise Refusal(404, f"there is no user {asked.owner}")
        self._check_budget(request, asked, caller)
        if method in READ:
            return self._read(request, asked, self._there(asked))
        return await self._changed(request, method, asked, caller)

    async def _changed(self, request: Request, method: str, asked: Asked, caller: Caller) -> Answer:
        """Make a change, and wait until it is safe."""
        try:
            answer, done = self._write(request, method, asked)
        except Conflict as conflict:
            body = conflict.document(str(asked.uri.document))
            return Answer(status=409, body=body, media=conflicts.CONTENT_TYPE)
        told = {"who": caller.name, "peer": _peer(request), "done": done, "uri": str(asked.uri)}
        try:
            await self._documents.committed()
        except StorageFailed:
            self.log.info("XCAP: {who} at {peer}: {done} {uri}, not stored yet", **told)
            raise
        self.log.info("XCAP: {who} at {peer}: {done} {uri}", **told)
        return answer

    def _tell_refused(self, who: str, what: str) -> None:
        """A line of the log, unless there were many lately: strangers must not fill the disk."""
        if self._refusals.take(None):
            self.log.info("XCAP: refused to {who}: {what}", who=who, what=what)

    # Who may

    def _asked(self, uri: XcapUri, domain: str) -> Asked:
        owner = None
        if not uri.is_global:
            domains = self._rules.domains
            try:
                owner = address_of_xui(
                    uri.owner, default_domain=domain or (next(iter(domains)) if len(domains) == 1 else "")
                )
            except BadAddress as error:
                raise Refusal(404, f"this is no user: {error}") from None
        return Asked(uri=uri, usage=usage_named(uri.auid), owner=owner)

    def _is_public(self, request: Request, method: str, asked: Asked) -> bool:
        """Whether a request may be answered without knowing who asks."""
        if method not in READ or field_of(request, "authorization") is not None:
            return False
        if asked.owner is None:
            return asked.usage is CAPS
        return asked.usage is PRES_CONTENT and self._rules.may_see_picture(asked.owner, None)

    def _realm(self, request: Request, asked: Asked, domain: str) -> str:
        """Whose password is asked for: that of a user of the domain that is meant, as far as it can be known."""
        domains = self._rules.domains
        host = (field_of(request, "host") or "").lower().partition(":")[0]
        candidates = [domain, host, host.removeprefix("xcap.")]
        if asked.owner is not None:
            candidates.insert(0, asked.owner.domain)
        return next((each for each in candidates if each in domains), next(iter(domains)))

    def _authorize(self, method: str, asked: Asked, caller: Caller) -> bool:
        """Raises ``Refusal`` unless the caller may do this, whatever there is; whether it is told what there is.

        Who may not see a picture is told what is told of users who have none: other words would betray a polite block.
        """
        owner = asked.owner
        if caller.may_write(owner):
            return True
        if method in READ:
            if owner is None and asked.usage is not RLS_SERVICES:
                return True
            if owner is not None and asked.usage is PRES_CONTENT:
                return self._rules.may_see_picture(owner, caller.address)
        self._tell_refused(caller.name, f"{method} {asked.uri}")
        raise Refusal(403, "this is somebody else's")

    @staticmethod
    def _check_method(method: str, asked: Asked, usage: Usage) -> None:
        """Raises ``Refusal`` for what nobody can do here."""
        node = asked.uri.node
        is_kept = usage.shared if asked.owner is None else usage.users
        allowed = READ + WRITE if is_kept and not (node is not None and node.is_namespaces) else READ
        if method not in allowed:
            raise Refusal(
                405, f"only {', '.join(allowed)} can be done here", headers={"Allow": ", ".join(allowed)}
            )

    def _check_budget(self, request: Request, asked: Asked, caller: Caller) -> None:
        """Raises ``Refusal`` for who lets the server read too much; programs are metered by their tokens."""
        uri, octets = asked.uri, int(field_of(request, "content-length") or 0)
        if uri.node is not None:
            held = self._documents.get(uri.auid, asked.tree, uri.name)
            octets += 0 if held is None else len(held.octets)
        key = _peer(request) if caller.address is None else caller.name
        wait = self._budget.take(key, REQUEST + octets) if caller.is_metered else 0
        if wait:
            raise Refusal(429, "too much at a time", headers={"Retry-After": str(wait)})

    # What is done

    def _there(self, asked: Asked) -> Document | None:
        """The document that is asked for; of a user who is none, or is disabled, there is nothing."""
        usage, name = asked.usage, asked.uri.name
        if usage is None or not (asked.owner is None or self._rules.exists(asked.owner)):
            return None
        return self._generated.get(usage, asked.tree, name) or self._documents.get(
            usage.auid, asked.tree, name
        )

    @staticmethod
    def _read(request: Request, asked: Asked, document: Document | None) -> Answer:
        usage, uri, conditions = asked.usage, asked.uri, conditions_of(request)
        assert usage is not None
        etag = None if document is None else document.etag
        if not conditions.matches(etag):
            raise PreconditionFailed("the document is another one by now")
        octets = None if document is None else _content(document, uri, usage)
        if document is None or octets is None:
            raise NoSuchDocument("there is no such document, or no such part of it")
        if not conditions.none_matches(etag):
            return Answer(status=304, etag=document.etag)
        return Answer(status=200, body=octets, media=media_for(uri.node, usage.media), etag=document.etag)

    def _write(self, request: Request, method: str, asked: Asked) -> tuple[Answer, str]:
        """Make a change; the answer to it, and what the log says was done."""
        usage, uri, when = asked.usage, asked.uri, conditions_of(request)
        assert usage is not None
        place = (usage.auid, asked.tree, uri.name)
        if method == "PUT":
            body = body_of(request, media_for(uri.node, usage.media), usage.size)
            if uri.node is None:
                written = self._documents.put(*place, body, when)
            else:
                written = self._documents.put_node(*place, uri.node, body, when=when)
            done = "created" if written.created else "replaced"
            return Answer(status=201 if written.created else 200, etag=written.document.etag), done
        if uri.node is None:
            self._documents.delete(*place, when)
            return Answer(status=200), "deleted"
        left = self._documents.delete_node(*place, uri.node, when=when)
        return Answer(status=200, etag=left.etag), "deleted"


def _content(document: Document, uri: XcapUri, usage: Usage) -> bytes | None:
    """The document, or the part of it that is meant; None: there is no such part."""
    if uri.node is None:
        return document.octets
    try:
        return editing.selected(document.octets, uri.node, usage.namespace)
    except BadDocument:
        return None


def _peer(request: Request) -> str:
    client = request.getClientAddress()  # type: ignore[no-untyped-call]
    return str(getattr(client, "host", ""))


def _line(error: Exception) -> bytes:
    return f"{error}\n".encode()


def _send(request: Request, answer: Answer) -> None:
    request.setResponseCode(answer.status)
    fields = {
        "cache-control": "no-cache",
        "x-content-type-options": "nosniff",
        # What users wrote is never a page of this site.
        "content-security-policy": "default-src 'none'; sandbox",
        **answer.headers,
    }
    if answer.etag:
        fields["etag"] = f'"{answer.etag}"'
    if answer.status != 304:
        fields["content-length"] = str(len(answer.body))
        if answer.body or answer.media != PLAIN:
            fields["content-type"] = answer.media
    for name, value in fields.items():
        request.setHeader(name, value)  # type: ignore[no-untyped-call]
    for name, value in answer.challenges:
        request.responseHeaders.addRawHeader(name, value)
    if answer.body:
        request.write(answer.body)  # type: ignore[no-untyped-call]
    request.finish()  # type: ignore[no-untyped-call]
