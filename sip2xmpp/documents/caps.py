"""Capabilities of a service, the part of RFC 5196 that this program uses.

Implements: RFC 5196 section 3.2 (``servcaps``); the schema fixes the order of its children.
"""

import re

from sip2xmpp.documents.presence import Capabilities
from sip2xmpp.documents.xml import Element, content, local_name

_TOKEN = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")


def read_servcaps(element: Element) -> Capabilities | None:
    """The value of a ``servcaps`` element; None when it states nothing of what is modelled."""
    flags: dict[str, bool | None] = {}
    lists: dict[str, tuple[str, ...]] = {}
    for child in element:
        name = local_name(child)
        if name in ("audio", "video", "text", "message"):
            flags[name] = {"true": True, "1": True, "false": False, "0": False}.get(content(child).lower())
        elif name in ("methods", "event-packages"):
            lists[name] = _supported(child)
    value = Capabilities(
        audio=flags.get("audio"),
        video=flags.get("video"),
        text=flags.get("text"),
        message=flags.get("message"),
        methods=lists.get("methods", ()),
        event_packages=lists.get("event-packages", ()),
    )
    return value if value != Capabilities() else None


def write_servcaps(capabilities: Capabilities) -> str:
    """``caps:servcaps`` in the order of the schema, or nothing when nothing is stated."""
    inside = "".join(
        (
            _flag("audio", capabilities.audio),
            _list("event-packages", capabilities.event_packages),
            _flag("message", capabilities.message),
            _list("methods", capabilities.methods),
            _flag("text", capabilities.text),
            _flag("video", capabilities.video),
        )
    )
    return f"<caps:servcaps>{inside}</caps:servcaps>" if inside else ""


def _supported(element: Element) -> tuple[str, ...]:
    found: list[str] = []
    for child in element:
        if local_name(child) == "supported":
            found.extend(local_name(token) for token in child)
    return tuple(dict.fromkeys(found))


def _flag(name: str, value: bool | None) -> str:
    return "" if value is None else f"<caps:{name}>{'true' if value else 'false'}</caps:{name}>"


def _list(name: str, tokens: tuple[str, ...]) -> str:
    inside = "".join(f"<caps:{token}/>" for token in dict.fromkeys(tokens) if _TOKEN.fullmatch(token))
    return f"<caps:{name}><caps:supported>{inside}</caps:supported></caps:{name}>" if inside else ""
