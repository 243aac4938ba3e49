"""One stanza from a text, for tools: not from a stream, and so from anywhere.

Implements: RFC 6120 section 11.1 (no document type, no entities of one's own).
"""

from twisted.words.xish.domish import Element, ParserError

from sip2xmpp.errors import BadDocument
from sip2xmpp.xmpp import namespaces as ns
from sip2xmpp.xmpp.availability import Availability
from sip2xmpp.xmpp.reading import read_availability
from sip2xmpp.xmpp.stream import MAX_STANZA, StrictElementStream


def parse_stanza(xml: str) -> Element:
    """Return the one element that ``xml`` is; without a namespace of its own it is in jabber:client."""
    xml = xml.lstrip("\ufeff \t\r\n")
    if xml.startswith("<?xml"):
        xml = xml.partition("?>")[2]
    if len(xml) > MAX_STANZA:
        raise BadDocument("a stanza is not so large")
    found: list[Element] = []
    stream = StrictElementStream()
    stream.DocumentStartEvent = stream.DocumentEndEvent = lambda *_: None
    stream.ElementEvent = found.append
    try:
        stream.parse(f"<stream xmlns='{ns.CLIENT}'>{xml}</stream>".encode())
    except (ParserError, UnicodeEncodeError) as fault:
        raise BadDocument(f"not a stanza: {fault}") from fault
    if len(found) != 1:
        raise BadDocument("a stanza is exactly one element")
    return found[0]


def availability_from_xml(xml: str, now: float) -> Availability:
    """Return what a ``<presence/>`` says; ``now`` is Unix time."""
    stanza = parse_stanza(xml)
    if stanza.name != "presence" or stanza.attributes.get("type", "unavailable") != "unavailable":
        raise BadDocument("not a presence that states availability")
    return read_availability(stanza, now)
