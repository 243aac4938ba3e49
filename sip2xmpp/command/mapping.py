"""``sip2xmpp map FILE``: what becomes of a presence document or a presence stanza on the other side, and what is lost.

A dry run of the mapping: nothing is sent, and neither the configuration nor the gateway is needed.  A PIDF or XPIDF
document becomes presence stanzas, one for each resource; a ``<presence/>`` stanza becomes a PIDF document.  All three have
a root element of the same name, so they are told apart by namespace and content.
"""

import argparse
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sip2xmpp.address import Address, address_from_jid, address_from_sip
from sip2xmpp.bridge.losses import lost_to_sip, lost_to_xmpp
from sip2xmpp.bridge.mapping import availabilities_from_presence, presence_from_resources
from sip2xmpp.command.arguments import OK, Subparsers
from sip2xmpp.command.parser import Group
from sip2xmpp.command.screen import json_of
from sip2xmpp.documents import pidf, xpidf
from sip2xmpp.documents.presence import Presence
from sip2xmpp.documents.times import write_time
from sip2xmpp.documents.xml import SIZE_LIMIT, Element, local_name, parse
from sip2xmpp.errors import BadAddress, BadDocument, BadInput
from sip2xmpp.presence.profiles import INTEROP, RFC, Profile
from sip2xmpp.presence.states import state_of
from sip2xmpp.xmpp.availability import Availability
from sip2xmpp.xmpp.parsing import availability_from_xml
from sip2xmpp.xmpp.stanzas import presence_stanza

PROFILES: Final[Mapping[str, Profile | None]] = {"interop": INTEROP, "rfc": RFC, "neutral": None}
_XMPP_NAMESPACES: Final = ("jabber:client", "jabber:component:accept", "jabber:server")
_DOCUMENT_CHILDREN: Final = ("tuple", "person", "device")
_XPIDF_CHILDREN: Final = ("presentity", "atom")
_SOMEBODY: Final = Address("juliet", "jabber.example")
_SOMEWHERE: Final = "balcony"
"""Who sent a stanza that does not say it, and whom a document without a usable entity is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What is printed: ``source`` and ``target`` name the two formats, ``result`` is one text for each thing sent."""

    source: str
    target: str
    state: str
    result: tuple[str, ...]
    values: tuple[Mapping[str, Any], ...]
    lost: tuple[str, ...]


def add_parser(subparsers: Subparsers) -> None:
    """Add ``map``."""
    parser = subparsers.add_parser(
        "map",
        help="show what becomes of a presence document or stanza on the other side",
        group=Group.LOOKING,
        description="A dry run of the translation: what becomes of a presence document on the Jabber side, or of a presence stanza on "
        "the SIP side, and what is lost. Nothing is sent, and neither gateway nor configuration is needed.",
        examples=(
            ("sip2xmpp map document.xml", "PIDF becomes stanzas, a stanza becomes PIDF"),
            (
                'echo "<presence><show>dnd</show></presence>" | sip2xmpp map - --profile rfc',
                "as the standard has it, not as most clients like it",
            ),
        ),
    )
    parser.add_argument(
        "file", metavar="FILE", help="PIDF, XPIDF or a <presence/> stanza; - is standard input"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument(
        "--profile",
        choices=list(PROFILES),
        default="interop",
        help="form of a PIDF document (default: %(default)s)",
    )
    parser.add_argument(
        "--user-agent", default="", help="User-Agent of the document's publisher, which can matter"
    )
    parser.add_argument(
        "--to",
        metavar="JID",
        default="romeo@jabber.example",
        help="receiver of stanzas (default: %(default)s)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Map and print."""
    outcome = mapped(
        octets_of(arguments.file),
        profile=PROFILES[arguments.profile],
        user_agent=arguments.user_agent,
        to=arguments.to,
        now=time.time(),
    )
    if arguments.json:
        print(json_of(as_json(outcome)))
        return OK
    print("\n".join(outcome.result))
    print(f"\nstate: {outcome.state}")
    print("\n".join(f"lost: {sentence}" for sentence in outcome.lost) or "lost: nothing")
    return OK


def octets_of(file: str) -> bytes:
    """The content of a file, or of standard input.  Raises ``BadInput``."""
    try:
        if file == "-":
            return sys.stdin.buffer.read(SIZE_LIMIT + 1)
        with Path(file).open("rb") as opened:
            return opened.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise BadInput(f"cannot read {file}: {error.strerror}") from None


def mapped(octets: bytes, *, profile: Profile | None, user_agent: str, to: str, now: float) -> Outcome:
    """The outcome for a document or stanza; ``now`` is Unix time.  Raises ``BadInput``."""
    root = parse(octets, allow_doctype=True)
    if local_name(root) != "presence":
        raise BadDocument("the root element is not presence")
    source = format_of(root)
    if source == "xmpp":
        return _toward_sip(root, octets, profile, now)
    document = pidf.read(octets, now=now) if source == "pidf" else xpidf.read(octets)
    return _toward_xmpp(document, source, user_agent, to)


def format_of(root: Element) -> str:
    """``pidf``, ``xpidf`` or ``xmpp``.  COMPAT: documents without a namespace are published too."""
    tag = str(root.tag)
    namespace = tag[1:].partition("}")[0] if tag.startswith("{") else ""
    if namespace in _XMPP_NAMESPACES:
        return "xmpp"
    children = {local_name(child) for child in root}
    if children & set(_XPIDF_CHILDREN):
        return "xpidf"
    if namespace or root.get("entity") is not None or children & set(_DOCUMENT_CHILDREN):
        return "pidf"
    return "xmpp"


def _toward_sip(root: Element, octets: bytes, profile: Profile | None, now: float) -> Outcome:
    try:
        said = availability_from_xml(octets.decode("utf-8-sig"), now)
    except UnicodeDecodeError:
        raise BadDocument("a stanza is in UTF-8") from None
    sender = root.get("from")
    contact, resource = address_from_jid(sender) if sender else (_SOMEBODY, _SOMEWHERE)
    resources = {resource: said}
    document = presence_from_resources(contact.sip_uri(), contact, resources, profile=profile)
    written = pidf.write(document).decode()
    state = state_of(document).value
    return Outcome(
        source="xmpp",
        target="pidf",
        state=state,
        result=(written,),
        values=({"document": written},),
        lost=tuple(lost_to_sip(resources, document)),
    )


def _toward_xmpp(document: Presence, source: str, user_agent: str, to: str) -> Outcome:
    try:
        sender = address_from_sip(document.entity).jid()
    except BadAddress:
        sender = _SOMEBODY.jid()
    said = availabilities_from_presence(document, user_agent=user_agent)
    stanzas = tuple(
        presence_stanza(f"{sender}/{name}" if name else sender, to, one) for name, one in said.items()
    )
    return Outcome(
        source=source,
        target="xmpp",
        state=state_of(document, user_agent=user_agent).value,
        result=stanzas,
        values=tuple(
            {"resource": name, **_plain(one), "stanza": stanza}
            for (name, one), stanza in zip(said.items(), stanzas, strict=True)
        ),
        lost=tuple(lost_to_xmpp(document, said, user_agent=user_agent)),
    )


def as_json(outcome: Outcome) -> dict[str, Any]:
    """The outcome as scripts get it."""
    return {
        "from": outcome.source,
        "to": outcome.target,
        "state": outcome.state,
        "result": list(outcome.values),
        "lost": list(outcome.lost),
    }


def _plain(said: Availability) -> dict[str, Any]:
    activity, mood = said.activity, said.mood
    return {
        "available": said.available,
        "show": said.show.value if said.show is not None else None,
        "statuses": [{"language": language, "text": text} for language, text in said.statuses],
        "priority": said.priority,
        "idle_since": _time(said.idle_since),
        "stamp": _time(said.stamp),
        "activity": activity
        and {"general": activity.general, "specific": activity.specific, "text": activity.text},
        "mood": mood and {"value": mood.value, "text": mood.text},
    }


def _time(moment: datetime | None) -> str | None:
    return write_time(moment) if moment is not None else None
