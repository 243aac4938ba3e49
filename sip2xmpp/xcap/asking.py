"""What an HTTP request asks of the XCAP server: the resource, the conditions, the body; each checked, and refused by its status.

What clients do beside the letter is let through where nothing can be misunderstood by it.

Implements: RFC 9110 sections 8.3, 8.4, 14.5 and 15.5; RFC 4825 sections 6 and 8.2.
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from twisted.web.server import Request

from sip2xmpp.documents.xcap_uri import NodeKind, NodeSelector, UnknownTree, XcapUri
from sip2xmpp.errors import BadInput
from sip2xmpp.xcap.conditions import Conditions

NODE_MEDIA: Final = {
    NodeKind.ELEMENT: "application/xcap-el+xml",
    NodeKind.ATTRIBUTE: "application/xcap-att+xml",
    NodeKind.NAMESPACES: "application/xcap-ns+xml",
}
PLAIN: Final = "text/plain; charset=utf-8"

_CHARSET: Final = re.compile(r'charset\s*=\s*"?([^";\s]*)', re.IGNORECASE)
_FORM: Final = "application/x-www-form-urlencoded"
_UTF8: Final = frozenset(("utf-8", "utf8", "us-ascii", "ascii"))
# COMPAT: Jitsi writes the charset into Content-Encoding.
_NO_ENCODINGS: Final = frozenset(("", "identity", *_UTF8))
_ASCII: Final = "".join(map(chr, range(0x21, 0x7F)))


class Refusal(Exception):
    """A request that is answered with this status, for a reason that a person can read."""

    def __init__(self, status: int, why: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(why)
        self.status = status
        self.headers = dict(headers or {})


def field_of(request: Request, name: str) -> str | None:
    """A header field, of several of that name all; whatever octets it has: Twisted itself fails on those that are not UTF-8."""
    values = request.requestHeaders.getRawHeaders(name.encode())
    return None if values is None else ", ".join(value.decode("latin-1") for value in values)


def target_of(request: Request) -> str:
    """The target as it was sent."""
    return request.uri.decode("latin-1")


def targets_below(*roots: str) -> re.Pattern[str]:
    """What targets look like that are below one of some paths.

    COMPAT: eyeBeam writes the domain behind the root, and users without it.
    """
    paths = "|".join(re.escape(root.rstrip("/")) for root in roots)
    return re.compile(rf"(?:{paths})(?:@([^/?]*)|/@([^/?]*))?/(.*)", re.DOTALL)


def selected_by(request: Request, targets: re.Pattern[str]) -> tuple[XcapUri, str]:
    """The resource that a request is for, and the domain that it says users without one belong to; raises ``Refusal``."""
    target = quote(request.uri, safe=_ASCII)
    match = targets.fullmatch(target)
    if match is None or not match[3]:
        raise Refusal(
            404, "nothing is here; a document is named by its selector, as in resource-lists/global/index"
        )
    domain = match[1] or match[2] or ""
    try:
        return XcapUri.parse(match[3]), domain.lower()
    except UnknownTree as error:
        raise Refusal(404, str(error)) from None
    except BadInput as error:
        raise Refusal(400, str(error)) from None


def conditions_of(request: Request) -> Conditions:
    """If-Match and If-None-Match; raises ``Refusal``."""
    try:
        return Conditions.of(field_of(request, "if-match"), field_of(request, "if-none-match"))
    except BadInput as error:
        raise Refusal(400, str(error)) from None


def media_for(node: NodeSelector | None, media: str) -> str:
    """The type of a document of this type, or of a part of it."""
    return media if node is None else NODE_MEDIA[node.kind]


def body_of(request: Request, media: str, size: int) -> bytes:
    """The body, which has to be of a type and may have ``size`` octets; raises ``Refusal``."""
    length = field_of(request, "content-length")
    if field_of(request, "transfer-encoding") is not None or length is None:
        raise Refusal(411, "the length of the body has to be stated")
    if int(length) > size:
        raise Refusal(413, f"a body has {size} octets at most")
    _check_media(field_of(request, "content-type"), media)
    encoding = (field_of(request, "content-encoding") or "").strip().lower()
    if encoding not in _NO_ENCODINGS:
        raise Refusal(415, "the body must not be encoded", headers={"Accept-Encoding": "identity"})
    if field_of(request, "content-range") is not None:
        raise Refusal(400, "a part of a body cannot be put")
    octets = b"" if request.content is None else request.content.read()
    if len(octets) != int(length):
        raise Refusal(503, "too many large bodies are being received", headers={"Retry-After": "5"})
    return octets


def _check_media(stated: str | None, media: str) -> None:
    """Raises ``Refusal`` for a body of another type; one that says nothing is what it has to be, or will not be valid.

    COMPAT: scripts (``curl --upload-file``) do not say what they send, and python-xcaplib, of which Blink is made, lets its HTTP
    library say that documents are forms.
    """
    named, _, parameters = (stated or "").partition(";")
    named = named.strip().lower()
    if stated is None or (named == _FORM and media not in NODE_MEDIA.values()):
        return
    if named != media:
        raise Refusal(415, f"the body has to be {media}", headers={"Accept": media})
    charset = _CHARSET.search(parameters)
    if charset is not None and charset[1].lower() not in _UTF8:
        raise Refusal(415, "the body has to be in UTF-8", headers={"Accept": media})
