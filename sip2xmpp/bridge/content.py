"""Bodies of SIP MESSAGE requests and what they mean: text, typing notices, delivery reports, in an envelope or not.

``read_body`` gives one ``Incoming`` for whatever a SIP user sent; the writing functions make the ``Body`` for what a Jabber
user said.  Text without a request for reports goes as ``text/plain``, which every client takes; only a request for reports
needs the envelope ``message/cpim``.

Implements: RFC 7572 sections 4 to 6 (content types, language); RFC 3428 section 6; RFC 3994 section 3; RFC 5438 sections 6, 7.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sip2xmpp.bridge.correspondence import Asked
from sip2xmpp.documents import cpim, imdn, iscomposing
from sip2xmpp.documents.cpim import Envelope, Extension, Party
from sip2xmpp.documents.imdn import DispositionNotification, Kind, Status
from sip2xmpp.documents.mime import Part, first_part, inflated, media_type, text_of
from sip2xmpp.documents.times import from_unix, read_time, write_time
from sip2xmpp.errors import BadInput
from sip2xmpp.sip.message import Request

TEXT: Final = "text/plain"
CPIM: Final = cpim.CONTENT_TYPE
COMPOSING: Final = iscomposing.CONTENT_TYPE
ACCEPTED: Final = f"{TEXT}, {CPIM}, {COMPOSING}, {imdn.CONTENT_TYPE}, multipart/mixed, multipart/alternative"
"""The Accept header of a 415."""

_WANTED: Final = (TEXT, CPIM, COMPOSING, imdn.CONTENT_TYPE)

REFRESH: Final = 120
"""Seconds for which a typing notice of ours is good."""

OLD_SECONDS: Final = 60.0
"""A message stamped longer ago than this is history, and says so on the XMPP side."""


class Unsupported(BadInput):
    """A body of a type that does not become a message."""


@dataclass(frozen=True, slots=True)
class Body:
    """A body on its way to SIP, with the headers that go with it."""

    content_type: str
    octets: bytes
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What a stanza becomes; ``plain`` is the simpler form for a contact that refuses ``body``.

    ``matters``: its sender must be told if it does not arrive.
    """

    body: Body
    plain: Body | None
    matters: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """What a SIP user sent: a text, a typing notice (``composing`` is not None) or a report.

    ``wrapped`` says that it came in an envelope; ``wanted`` are the reports asked for, about ``message_id``, sent ``when``.
    """

    text: str = ""
    language: str = ""
    subject: str = ""
    stamp: datetime | None = None
    composing: bool | None = None
    refresh: int | None = None
    report: DispositionNotification | None = None
    wrapped: bool = False
    message_id: str = ""
    when: str = ""
    wanted: frozenset[imdn.Asked] = frozenset()


def read_body(request: Request, now: float) -> Incoming:
    """The meaning of a MESSAGE.  Raises ``Unsupported`` (415), or ``BadDocument`` for a body that is broken (400)."""
    written = request.headers.get("Content-Type") or TEXT
    encoding = request.headers.get("Content-Encoding") or ""
    if encoding.lower() not in ("", "identity", "deflate", "gzip"):
        raise Unsupported(f"the content encoding {encoding[:40]} is not understood")
    part = first_part(written, inflated(request.body, encoding), _WANTED)
    if part is None:
        raise Unsupported(f"a message of type {media_type(written)[0][:60]} cannot be delivered")
    if media_type(part.content_type)[0] == CPIM:
        return _opened(cpim.unwrap(part.body), now)
    language = part.headers.get("content-language") or request.headers.get("Content-Language") or ""
    return _read(part, language)


def _opened(envelope: Envelope, now: float) -> Incoming:
    part = first_part(envelope.content_type, envelope.body, _WANTED)
    if part is None:
        raise Unsupported(
            f"a message of type {media_type(envelope.content_type)[0][:60]} cannot be delivered"
        )
    inner = _read(part, envelope.content_headers.get("content-language", ""))
    sent = read_time(envelope.when)
    asked = envelope.extension(imdn.HEADER_NAMESPACE, imdn.DISPOSITION_NOTIFICATION) or ""
    message_id = envelope.extension(imdn.HEADER_NAMESPACE, imdn.MESSAGE_ID) or ""
    return Incoming(
        text=inner.text,
        language=inner.language,
        subject=envelope.subjects[0].text if envelope.subjects else "",
        stamp=sent if sent is not None and sent.timestamp() < now - OLD_SECONDS else None,
        composing=inner.composing,
        refresh=inner.refresh,
        report=inner.report,
        wrapped=True,
        message_id=message_id,
        when=envelope.when,
        wanted=imdn.read_asked(asked) if message_id else frozenset(),
    )


def _read(part: Part, language: str) -> Incoming:
    kind = media_type(part.content_type)[0]
    if kind == COMPOSING:
        notice = iscomposing.read(part.body)
        return Incoming(composing=notice.active, refresh=notice.refresh)
    if kind == imdn.CONTENT_TYPE:
        return Incoming(report=imdn.read(part.body))
    if kind == CPIM:
        raise Unsupported("an envelope inside an envelope cannot be delivered")
    return Incoming(text=text_of(part), language=language.partition(",")[0].strip())


def text_body(text: str, language: str) -> Body:
    """A text as it is."""
    headers = (("Content-Language", language),) if language else ()
    return Body("text/plain;charset=UTF-8", text.encode("utf-8", "replace"), headers)


def envelope_body(
    text: str, language: str, *, sender: str, recipient: str, message_id: str, now: float
) -> Body:
    """A text in an envelope that asks for delivery reports under ``message_id``; the parties are URIs."""
    content_headers = {"content-language": language} if language else {}
    envelope = Envelope(
        sender=Party(sender),
        recipients=(Party(recipient),),
        when=write_time(from_unix(now)),
        extensions=(
            Extension(imdn.HEADER_NAMESPACE, imdn.MESSAGE_ID, message_id),
            Extension(
                imdn.HEADER_NAMESPACE,
                imdn.DISPOSITION_NOTIFICATION,
                f"{imdn.Asked.POSITIVE_DELIVERY.value}, {imdn.Asked.NEGATIVE_DELIVERY.value}",
            ),
        ),
        content_type="text/plain;charset=UTF-8",
        content_headers=content_headers,
        body=text.encode("utf-8", "replace"),
    )
    return Body(CPIM, cpim.wrap(envelope))


def composing_body(*, active: bool) -> Body:
    """A typing notice."""
    notice = iscomposing.IsComposing(active=active, refresh=REFRESH if active else None, content_type=TEXT)
    return Body(COMPOSING, iscomposing.write(notice))


def report_body(asked: Asked, kind: Kind, status: Status, *, report_id: str, now: float) -> Body:
    """A report about a SIP user's message, from the Jabber user that it went to (RFC 5438, section 7.2)."""
    report = DispositionNotification(message_id=asked.message_id, when=asked.when, kind=kind, status=status)
    envelope = Envelope(
        sender=Party(asked.jabber_uri),
        recipients=(Party(asked.sip_uri),),
        when=write_time(from_unix(now)),
        extensions=(Extension(imdn.HEADER_NAMESPACE, imdn.MESSAGE_ID, report_id),),
        content_type=imdn.CONTENT_TYPE,
        content_headers={"content-disposition": "notification"},
        body=imdn.write(report),
    )
    return Body(CPIM, cpim.wrap(envelope))
