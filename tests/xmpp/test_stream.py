"""What the parser makes of a stanza."""

import socket
import weakref

import pytest
from twisted.internet.interfaces import ITCPTransport
from twisted.words.protocols.jabber.xmlstream import Authenticator
from twisted.words.xish.domish import Element, ParserError
from zope.interface import implementer

from sip2xmpp.xmpp.parsing import parse_stanza
from sip2xmpp.xmpp.stream import MAX_ELEMENTS, ComponentStream, StrictElementStream

STANZA = (
    "<presence from='juliet@jabber.example/balcony' xml:lang='en' xmlns:x='urn:x' x:y='z'>"
    "<show>away</show><x:mark/><c xmlns='http://jabber.org/protocol/caps' ver='1'><d/>a &amp; b</c></presence>"
)


def test_names_and_attributes_bear_their_namespaces() -> None:
    stanza = parse_stanza(STANZA)
    assert (stanza.uri, stanza.name) == ("jabber:client", "presence")
    assert stanza.attributes == {
        "from": "juliet@jabber.example/balcony",
        ("http://www.w3.org/XML/1998/namespace", "lang"): "en",
        ("urn:x", "y"): "z",
    }
    show, mark, caps = stanza.children
    assert (show.uri, show.name, show.children) == ("jabber:client", "show", ["away"])
    assert (mark.uri, mark.name, mark.children) == ("urn:x", "mark", [])
    assert (caps.uri, caps.attributes, caps.children[1]) == (
        "http://jabber.org/protocol/caps",
        {"ver": "1"},
        "a & b",
    )


def test_a_stanza_is_gone_when_nobody_holds_it() -> None:
    parts: list[weakref.ref[Element]] = []
    stream = StrictElementStream()
    stream.DocumentStartEvent = lambda _: None
    stream.ElementEvent = lambda stanza: parts.extend(map(weakref.ref, (stanza, *stanza.children)))
    stream.parse(f"<s xmlns='jabber:client'>{STANZA}".encode())
    assert [part() for part in parts] == [None] * 4


def test_stanzas_come_in_whatever_pieces() -> None:
    found: list[Element] = []
    stream = StrictElementStream()
    stream.DocumentStartEvent = stream.DocumentEndEvent = lambda *_: None
    stream.ElementEvent = found.append
    octets = f"<s xmlns='jabber:client'> {STANZA}\n{STANZA}</s>".encode()
    for place in range(len(octets)):
        stream.parse(octets[place : place + 1])
    assert [each.name for each in found] == ["presence", "presence"]
    assert [child if isinstance(child, str) else child.name for child in found[1].children[2].children] == [
        "d",
        "a & b",
    ]


def test_only_one_stanza_counts_toward_the_limit_of_elements() -> None:
    stream = StrictElementStream()
    stream.DocumentStartEvent = stream.ElementEvent = lambda *_: None
    stream.parse(b"<s>" + b"<a/>" * 2 * MAX_ELEMENTS)
    stream.parse(b"<a>" + b"<b/>" * (MAX_ELEMENTS - 1))
    stream.parse(b"<b/><c>text</c>")
    with pytest.raises(ParserError):
        stream.parse(b"</a>")


def test_a_stanza_of_too_many_elements_does_not_end_the_stream_of_all() -> None:
    found: list[Element] = []
    stream = ComponentStream(Authenticator())
    stream._initializeStream()
    stream.stanzas = found.append
    parse = stream.stream.parse
    parse(b"<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams'>")
    flood = b"<b>x<c/></b>" * MAX_ELEMENTS
    for name in (b"message", b"presence", b"iq type='result'", b"iq type='set' id='1'"):
        parse(b"<" + name + b" from='mallory@jabber.example'>" + flood + b"</" + name.split()[0] + b">")
    assert [(each.name, each.children) for each in found] == [("iq", [])]
    parse(b"<message from='juliet@jabber.example'><body>hello</body></message>")
    assert [each.name for each in found[1:]] == ["message"] and found[1].children[0].children == ["hello"]


@implementer(ITCPTransport)
class Line:
    """A TCP connection that writes down what is wanted of its socket."""

    def __init__(self) -> None:
        self.options: list[tuple[int, int, int]] = []

    def getHandle(self) -> "Line":
        return self

    def setsockopt(self, level: int, option: int, value: int) -> None:
        self.options.append((level, option, value))

    def setTcpNoDelay(self, wanted: bool) -> None:
        self.options.append((socket.IPPROTO_TCP, socket.TCP_NODELAY, wanted))


def test_a_server_that_waits_for_acknowledgements_does_not_wait() -> None:
    stream = ComponentStream(Authenticator())  # type: ignore[no-untyped-call]
    line = Line()
    stream.makeConnection(line)  # type: ignore[no-untyped-call]
    assert line.options == [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
    for _ in range(2):
        stream.dataReceived(b" ")
    assert line.options[1:] == [(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)] * 2
