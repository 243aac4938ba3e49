"""What a subscriber to a list is told: a list of resources with the state of each, and the documents that belong to them.

The list (RLMI) is the first part of a ``multipart/related`` body, and every active instance names by ``cid`` the part that
holds its document.  Parts are written in the narrow form that all clients which were looked at can read: no preamble, CRLF
everywhere, nothing folded, nothing encoded, a line end after the last delimiter.

Implements: RFC 4662 section 5 (``application/rlmi+xml``, multipart/related); RFC 2387.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from sip2xmpp.documents.mime import Part, media_type, parts
from sip2xmpp.documents.namespaces import RLMI, XML_LANG
from sip2xmpp.documents.presence import frozen_value
from sip2xmpp.documents.xml import Element, attribute, children, content, parse, text
from sip2xmpp.errors import BadDocument

CONTENT_TYPE: Final = "application/rlmi+xml"
RELATED: Final = "multipart/related"

SIZE_LIMIT: Final = 16_777_216
"""Octets of a body that is read."""
PART_LIMIT: Final = 20_001

_Q: Final = f"{{{RLMI}}}"


class InstanceState(Enum):
    """Where the subscription to an instance stands, in the words of Subscription-State."""

    ACTIVE = "active"
    PENDING = "pending"
    TERMINATED = "terminated"


@frozen_value
class Name:
    """What people call a resource."""

    text: str
    language: str | None = None


@frozen_value
class Instance:
    """One instance of a resource; ``cid`` is the Content-ID of its part, without brackets."""

    id: str
    state: InstanceState
    reason: str = ""
    cid: str = ""


@frozen_value
class Resource:
    """One resource; without instances nothing is known of it yet."""

    uri: str
    names: tuple[Name, ...] = ()
    instances: tuple[Instance, ...] = ()


@frozen_value
class ListInformation:
    """The document.  Unless ``full`` it has only the resources that changed."""

    uri: str
    version: int
    full: bool
    names: tuple[Name, ...] = ()
    resources: tuple[Resource, ...] = ()
    cid: str = ""


class ContentIds(Enum):
    """How a part says its Content-ID; by RFC 2387 it is bracketed."""

    BRACKETED = "bracketed"
    BARE = "bare"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """A part beside the list; ``cid`` without brackets."""

    cid: str
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """A body taken apart: the list, and the other parts by Content-ID without brackets."""

    information: ListInformation
    parts: Mapping[str, Part]


def read(octets: bytes) -> ListInformation:
    """The list alone; raises ``BadDocument``."""
    root = parse(octets, limit=SIZE_LIMIT)
    if root.tag != f"{_Q}list":
        raise BadDocument("not an RLMI document")
    version = _required(root, "version")
    if not (version.isascii() and version.isdigit()) or len(version) > 10:
        raise BadDocument("the version is not a number")
    full = _required(root, "fullState")
    if full not in ("true", "1", "false", "0"):
        raise BadDocument("fullState is neither true nor false")
    return ListInformation(
        uri=_required(root, "uri"),
        version=int(version),
        full=full in ("true", "1"),
        names=_names(root),
        resources=tuple([_resource(child) for child in children(root) if child.tag == f"{_Q}resource"]),
        cid=root.get("cid") or "",
    )


def write(information: ListInformation) -> bytes:
    """The list alone, as octets."""
    cid = f' cid="{attribute(information.cid)}"' if information.cid else ""
    inside = "".join(map(_name, information.names)) + "".join(map(written_resource, information.resources))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\r\n'
        f'<list xmlns="{RLMI}" uri="{attribute(information.uri)}" version="{information.version}" '
        f'fullState="{"true" if information.full else "false"}"{cid}>\r\n{inside}</list>'
    ).encode()


def written_resource(resource: Resource) -> str:
    """One resource as text."""
    inside = "".join(map(_name, resource.names)) + "".join(map(_instance, resource.instances))
    head = f'<resource uri="{attribute(resource.uri)}"'
    return f"{head}>{inside}</resource>\r\n" if inside else f"{head}/>\r\n"


def related_type(*, boundary: str, root: str) -> str:
    """The Content-Type of a body; ``root`` is the Content-ID of the list, without brackets.

    COMPAT: linphonec 5.1 crashes at a quoted boundary, so ``boundary`` has to be a token.
    """
    return f'{RELATED};type="{CONTENT_TYPE}";start="<{root}>";boundary={boundary}'


def related(
    information: bytes,
    attached: Iterable[Attached],
    *,
    boundary: str,
    root: str,
    ids: ContentIds = ContentIds.BRACKETED,
) -> bytes:
    """The body; ``boundary`` is one that stands nowhere in the parts."""
    pieces = [_part(root, f'{CONTENT_TYPE};charset="UTF-8"', information, boundary, ids)]
    pieces.extend([_part(each.cid, each.content_type, each.body, boundary, ids) for each in attached])
    pieces.append(f"--{boundary}--\r\n".encode())
    return b"".join(pieces)


def read_related(content_type: str, body: bytes) -> Related:
    """A body taken apart, by whichever way its parts say their Content-ID.  Raises ``BadDocument``."""
    name, parameters = media_type(content_type)
    if name != RELATED:
        raise BadDocument("not a multipart/related body")
    found = parts(content_type, body, limit=PART_LIMIT, size=SIZE_LIMIT)
    by_id = {_bare(part.headers.get("content-id", "")): part for part in found}
    start = _bare(parameters.get("start", ""))
    root = by_id.get(start) if start else None
    if root is None and found:
        root = found[0]
    if root is None or media_type(root.content_type)[0] != CONTENT_TYPE:
        raise BadDocument("the body has no list")
    return Related(
        information=read(root.body),
        parts={cid: part for cid, part in by_id.items() if cid and part is not root},
    )


def _part(cid: str, content_type: str, body: bytes, boundary: str, ids: ContentIds) -> bytes:
    # COMPAT: Linphone looks for this spelling of the header and for the value of cid itself.
    said = f"Content-ID: <{cid}>" if ids is ContentIds.BRACKETED else f"Content-Id: {cid}"
    lines = f"--{boundary}\r\nContent-Transfer-Encoding: binary\r\n{said}\r\n"
    return b"".join((f"{lines}Content-Type: {content_type}\r\n\r\n".encode(), body, b"\r\n"))


def _bare(cid: str) -> str:
    return cid.strip().removeprefix("<").removesuffix(">")


def _name(name: Name) -> str:
    language = f' xml:lang="{attribute(name.language)}"' if name.language else ""
    return f"<name{language}>{text(name.text)}</name>"


def _instance(instance: Instance) -> str:
    more = f' reason="{attribute(instance.reason)}"' if instance.reason else ""
    if instance.cid:
        more += f' cid="{attribute(instance.cid)}"'
    return f'<instance id="{attribute(instance.id)}" state="{instance.state.value}"{more}/>'


def _resource(element: Element) -> Resource:
    return Resource(
        uri=_required(element, "uri"),
        names=_names(element),
        instances=tuple(
            [_read_instance(child) for child in children(element) if child.tag == f"{_Q}instance"]
        ),
    )


def _read_instance(element: Element) -> Instance:
    state = _required(element, "state")
    if state not in _STATES:
        raise BadDocument(f"{state[:40]} is no state of an instance")
    return Instance(
        id=_required(element, "id"),
        state=_STATES[state],
        reason=element.get("reason") or "",
        cid=element.get("cid") or "",
    )


def _names(element: Element) -> tuple[Name, ...]:
    return tuple(
        [
            Name(text=content(child), language=child.get(XML_LANG))
            for child in children(element)
            if child.tag == f"{_Q}name"
        ]
    )


def _required(element: Element, name: str) -> str:
    value = element.get(name)
    if value is None:
        raise BadDocument(f"an element without {name}")
    return value


_STATES: Final = {state.value: state for state in InstanceState}
