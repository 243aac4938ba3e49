"""Typing notices.

Implements: RFC 3994 sections 3 and 4 (``application/im-iscomposing+xml``).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sip2xmpp.documents.namespaces import IS_COMPOSING
from sip2xmpp.documents.rpid import read_integer
from sip2xmpp.documents.times import read_time, write_time
from sip2xmpp.documents.xml import content, local_name, parse, text
from sip2xmpp.errors import BadDocument

CONTENT_TYPE: Final = "application/im-iscomposing+xml"
SIZE_LIMIT: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class IsComposing:
    """Whether somebody is writing.

    ``refresh`` is the number of seconds, greater than 0, within which an active notice is repeated; ``content_type``
    is what is being written, as a media type.
    """

    active: bool
    refresh: int | None = None
    last_active: datetime | None = None
    content_type: str | None = None


def read(octets: bytes) -> IsComposing:
    """The value of a document; a state that is not known is idle.  Raises ``BadDocument``."""
    root = parse(octets, limit=SIZE_LIMIT)
    if local_name(root) != "isComposing":
        raise BadDocument("the root element is not isComposing")
    stated = {local_name(child): content(child) for child in reversed(root)}
    if "state" not in stated:
        raise BadDocument("a typing notice without state")
    refresh = read_integer(stated.get("refresh"))
    return IsComposing(
        active=stated["state"].lower() == "active",
        refresh=refresh if refresh is not None and refresh > 0 else None,
        last_active=read_time(stated.get("lastactive")),
        content_type=stated.get("contenttype") or None,
    )


def write(notice: IsComposing) -> bytes:
    """The document."""
    parts = [
        f'<?xml version="1.0" encoding="UTF-8"?>\n<isComposing xmlns="{IS_COMPOSING}">',
        f"<state>{'active' if notice.active else 'idle'}</state>",
    ]
    if notice.last_active is not None:
        parts.append(f"<lastactive>{write_time(notice.last_active)}</lastactive>")
    if notice.content_type:
        parts.append(f"<contenttype>{text(notice.content_type)}</contenttype>")
    if notice.refresh is not None and notice.refresh > 0:
        parts.append(f"<refresh>{notice.refresh}</refresh>")
    parts.append("</isComposing>")
    return "".join(parts).encode()
