"""What became of a message: delivery, processing and display notifications.

The notification travels inside ``message/cpim``, and so does the request for it: ``cpim`` carries the headers, whose
names are here.

Implements: RFC 5438 sections 6 (requests), 7 (notifications) and 11.1 (the document).
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from sip2xmpp.documents.namespaces import IMDN
from sip2xmpp.documents.uris import legal_uri
from sip2xmpp.documents.xml import Element, content, local_name, parse, text
from sip2xmpp.errors import BadDocument

CONTENT_TYPE: Final = "message/imdn+xml"
HEADER_NAMESPACE: Final = "urn:ietf:params:imdn"
"""The namespace of the CPIM headers; that of the document is another one."""

MESSAGE_ID: Final = "Message-ID"
DISPOSITION_NOTIFICATION: Final = "Disposition-Notification"

SIZE_LIMIT: Final = 8192


class Asked(Enum):
    """Values of Disposition-Notification."""

    POSITIVE_DELIVERY = "positive-delivery"
    NEGATIVE_DELIVERY = "negative-delivery"
    PROCESSING = "processing"
    DISPLAY = "display"


class Kind(Enum):
    """What a notification is about."""

    DELIVERY = "delivery"
    PROCESSING = "processing"
    DISPLAY = "display"


class Status(Enum):
    """What happened."""

    DELIVERED = "delivered"
    FAILED = "failed"
    PROCESSED = "processed"
    STORED = "stored"
    DISPLAYED = "displayed"
    FORBIDDEN = "forbidden"
    ERROR = "error"


POSSIBLE: Final[dict[Kind, frozenset[Status]]] = {
    Kind.DELIVERY: frozenset((Status.DELIVERED, Status.FAILED, Status.FORBIDDEN, Status.ERROR)),
    Kind.PROCESSING: frozenset((Status.PROCESSED, Status.STORED, Status.FORBIDDEN, Status.ERROR)),
    Kind.DISPLAY: frozenset((Status.DISPLAYED, Status.FORBIDDEN, Status.ERROR)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DispositionNotification:
    """One notification.  ``message_id`` and ``when`` are those of the message it is about, as they were written."""

    message_id: str
    when: str
    kind: Kind
    status: Status
    recipient_uri: str | None = None
    original_recipient_uri: str | None = None
    subject: str | None = None


def read(octets: bytes) -> DispositionNotification:
    """The value of a document.  A status that is not known, or does not fit its kind, is ERROR.

    Raises ``BadDocument`` also when it does not say which message it is about, or nothing of it.
    """
    root = parse(octets, limit=SIZE_LIMIT)
    if local_name(root) != "imdn":
        raise BadDocument("the root element is not imdn")
    texts: dict[str, str] = {}
    found: tuple[Kind, Status] | None = None
    for child in root:
        name = local_name(child)
        kind = _KINDS.get(name)
        if kind is not None:
            found = found or (kind, _status(child, kind))
        else:
            texts.setdefault(name, content(child))
    if not texts.get("message-id"):
        raise BadDocument("a notification without message-id")
    if found is None:
        raise BadDocument("a notification that notifies of nothing")
    return DispositionNotification(
        message_id=texts["message-id"],
        when=texts.get("datetime", ""),
        kind=found[0],
        status=found[1],
        recipient_uri=texts.get("recipient-uri") or None,
        original_recipient_uri=texts.get("original-recipient-uri") or None,
        subject=texts.get("subject") or None,
    )


def write(notification: DispositionNotification) -> bytes:
    """The document."""
    parts = [f'<?xml version="1.0" encoding="UTF-8"?>\n<imdn xmlns="{IMDN}">']
    for name, words in (
        ("message-id", notification.message_id),
        ("datetime", notification.when),
        ("recipient-uri", legal_uri(notification.recipient_uri or "")),
        ("original-recipient-uri", legal_uri(notification.original_recipient_uri or "")),
        ("subject", notification.subject or ""),
    ):
        inside = text(words)
        if inside:
            parts.append(f"<{name}>{inside}</{name}>")
    kind = f"{notification.kind.value}-notification"
    parts.append(f"<{kind}><status><{notification.status.value}/></status></{kind}></imdn>")
    return "".join(parts).encode()


def read_asked(value: str) -> frozenset[Asked]:
    """The notifications that a Disposition-Notification header asks for; unknown words are left out."""
    words = (part.partition(";")[0].strip().lower() for part in value.split(","))
    return frozenset(_ASKED[word] for word in words if word in _ASKED)


_KINDS: Final = {f"{kind.value}-notification": kind for kind in Kind}
_STATUSES: Final = {status.value: status for status in Status}
_ASKED: Final = {asked.value: asked for asked in Asked}


def _status(element: Element, kind: Kind) -> Status:
    for child in element:
        if local_name(child) == "status":
            for word in child:
                status = _STATUSES.get(local_name(word), Status.ERROR)
                return status if status in POSSIBLE[kind] else Status.ERROR
    return Status.ERROR
