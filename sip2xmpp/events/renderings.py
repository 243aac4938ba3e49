"""Which form of a presence document a watcher gets, and the octets of it, made once for all watchers alike.

The choice is what the SUBSCRIBE accepts, then what its User-Agent is known to read (``presence.clients``); where the operator has
a row for a client, that comes first.  ``render`` keeps what it
made in the notification, by profile and entity, so that a change with ten thousand watchers is written once.

Implements: RFC 3856 section 6.7 (Accept of the presence package); RFC 3261 section 20.1.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from sip2xmpp.documents import cisco, pidf, xpidf
from sip2xmpp.documents.presence import Presence
from sip2xmpp.presence import profiles
from sip2xmpp.presence.canonical import canonical, canonical_forms
from sip2xmpp.presence.clients import CLIENTS, Client, known_as
from sip2xmpp.presence.profiles import Profile, Syntax
from sip2xmpp.presence.states import State, state_of
from sip2xmpp.presence.stencils import filled
from sip2xmpp.presence.watching import Told
from sip2xmpp.presence.wording import reworded

PIDF_TYPE: Final = "application/pidf+xml"
XPIDF_TYPE: Final = "application/xpidf+xml"
CPIM_PIDF_TYPE: Final = "application/cpim-pidf+xml"
PIDF_DIFF_TYPE: Final = "application/pidf-diff+xml"

_XPIDF_WORDS: Final[dict[State, tuple[str, str]]] = {
    State.ONLINE: ("open", "online"),
    State.CHAT: ("open", "online"),
    State.AWAY: ("open", "away"),
    State.XA: ("open", "away"),
    State.BUSY: ("inuse", "busy"),
    State.DND: ("inuse", "busy"),
    State.ON_THE_PHONE: ("inuse", "onthephone"),
    State.OFFLINE: ("closed", "offline"),
    State.UNKNOWN: ("closed", "offline"),
}


def profile_for(
    accept: str | Iterable[str],
    user_agent: str = "",
    *,
    default: Profile = profiles.INTEROP,
    datagram: bool = False,
    quirks: Sequence[str] = (),
    clients: Sequence[Client] = (),
) -> Profile | None:
    """The profile for a watcher, or None when it accepts nothing we can write (406).

    ``accept`` is the Accept header, as one value or several; empty stands for none.  ``default`` is the operator's
    choice for clients that are not in the table, ``clients`` are the operator's rows for it.  With ``datagram`` documents are
    kept small for UDP.
    """
    named, offered = _media_types(accept)
    rows = known_as(user_agent, (*clients, *CLIENTS), quirks)
    own = _by_row(rows, named, offered)
    chosen = own or (_by_type(offered, rows) if offered or not named else None)
    if chosen is None:
        return None
    if own is None and chosen is profiles.INTEROP:
        chosen = next((row.profile for row in rows if row.profile is not None and not row.is_own), default)
    if datagram and chosen.syntax is Syntax.PIDF:
        return profiles.slim(chosen, keep_show=any(row.keeps_show for row in rows))
    return chosen


def render(notification: Told[Presence], entity_uri: str, profile: Profile) -> tuple[str, bytes]:
    """Content-Type and octets of the notification's document; empty octets when there is no document to show."""
    document = notification.document
    if document is None:
        return profile.content_type, b""
    key = f"{profile.name} {entity_uri}"
    octets = notification.renderings.get(key)
    if octets is None:
        octets = notification.renderings[key] = _write(document, entity_uri, profile)
    return profile.content_type, octets


def _write(document: Presence, entity_uri: str, profile: Profile) -> bytes:
    if profile.syntax is Syntax.PIDF:
        known = filled(document, entity_uri, profile) or reworded(document, entity_uri, profile)
        return known if known is not None else _written_small(document, entity_uri, profile)
    shaped = canonical(document, profile=profile, entity=entity_uri)
    if profile.syntax is Syntax.CISCO:
        return cisco.write(shaped)
    status, substatus = _XPIDF_WORDS[state_of(document)]
    return xpidf.write(shaped.entity, status=status, substatus=substatus)


def _written_small(document: Presence, entity_uri: str, profile: Profile) -> bytes:
    """PIDF as it is, or where that is larger than the profile likes the first of its smaller forms that is not."""
    goal = profile.size_goal
    if goal is None:
        return pidf.write(canonical(document, profile=profile, entity=entity_uri))
    octets = b""
    for shaped in canonical_forms(document, (profile, *profiles.smaller(profile)), entity=entity_uri):
        octets = pidf.write(shaped)
        if len(octets) <= goal:
            break
    return octets


def prefers_changes(accept: str) -> bool:
    """Whether a watcher would rather hear what changed than get whole documents (RFC 5263, section 4.1)."""
    if PIDF_DIFF_TYPE not in accept.lower():
        return False
    wanted = {PIDF_TYPE: 0.0, PIDF_DIFF_TYPE: 0.0}
    for item in accept.lower().split(","):
        media, *parameters = (part.strip() for part in item.split(";"))
        if media in wanted:
            found = [re.fullmatch(r"q\s*=\s*([01](?:\.[0-9]{0,3})?)", each) for each in parameters]
            wanted[media] = next((float(each[1]) for each in found if each is not None), 1.0)
    return wanted[PIDF_DIFF_TYPE] > 0 and wanted[PIDF_DIFF_TYPE] >= wanted[PIDF_TYPE]


def _media_types(accept: str | Iterable[str]) -> tuple[bool, frozenset[str]]:
    """Whether any media type is named at all, and those that are not refused with ``q=0``."""
    values = [accept] if isinstance(accept, str) else accept
    named = False
    offered: set[str] = set()
    for item in ",".join(values).split(","):
        media, *parameters = (part.strip().lower() for part in item.split(";"))
        named = named or bool(media)
        refused = any(re.fullmatch(r"q\s*=\s*0(?:\.0*)?", parameter) for parameter in parameters)
        if media and not refused:
            offered.add(media)
    return named, frozenset(offered)


def _by_row(rows: Sequence[Client], named: bool, offered: frozenset[str]) -> Profile | None:
    """What the operator says, if the client takes it."""
    for row in rows:
        if row.is_own and row.profile is not None:
            if not named or offered & {row.profile.content_type, "*/*", "application/*"}:
                return row.profile
            return None
    return None


def _by_type(offered: frozenset[str], rows: Sequence[Client]) -> Profile | None:
    """The family of documents; INTEROP stands for PIDF in whatever form."""
    if offered & {PIDF_TYPE, PIDF_DIFF_TYPE}:
        return profiles.INTEROP
    if any(row.reads_xpidf for row in rows) and (
        not offered or offered & {XPIDF_TYPE, "*/*", "application/*"}
    ):
        return profiles.XPIDF
    if not offered or offered & {"*/*", "application/*"}:
        return profiles.INTEROP
    if CPIM_PIDF_TYPE in offered:
        return profiles.CISCO_CPIM
    return profiles.XPIDF if XPIDF_TYPE in offered else None
