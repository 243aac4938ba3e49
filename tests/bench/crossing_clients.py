"""Jabber users by the dozen in the loop of a ``Wire``: logged in once, then nothing is parsed but the marks of changes.

As on the SIP side, a generator has to be cheaper than what it measures: what comes is searched for marks and for requests
to watch, which are all granted, and the rest is thrown away.
"""

import base64
import hashlib
import re
import socket
from collections.abc import Callable
from typing import Final

from tests.bench.messages import MARK
from tests.bench.wire import Wire, now

QUICK_ACK: Final = 12
"""TCP_QUICKACK, which lasts until the system thinks better of it."""

_BIND: Final = b"<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>load</resource></bind></iq>"
_ROSTER: Final = b"<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>"
_ASKS: Final = re.compile(rb"<presence\b[^>]*\btype=['\"]subscribe['\"][^>]*>")
_FROM: Final = re.compile(rb"\bfrom=['\"]([^'\"/]+)")

Marked = Callable[["Client", int, float], None]
"""Gets whose stanza it was, the number of the change that it shows, and when it came."""


class Client:
    """One resource of one Jabber user, logged in by SASL PLAIN without TLS; ``marked`` gets each mark that comes."""

    def __init__(self, wire: Wire, jid: str, password: str, address: tuple[str, int]) -> None:
        self.jid = jid
        self.marked: Marked = lambda *_: None
        self.asked = 0
        user, _, domain = jid.partition("@")
        self._tail = b""
        self._socket = socket.create_connection(address, 10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        token = base64.b64encode(f"\0{user}\0{password}".encode())
        self._open(domain)
        self._say(
            b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>%b</auth>" % token,
            b"<success",
        )
        self._open(domain)
        self._say(_BIND, b"</iq>")
        self._say(_ROSTER, b"id='r'")
        self._socket.setblocking(False)
        wire.attend(self._socket.fileno(), self._readable)
        self.send(b"<presence/>")

    def send(self, xml: bytes) -> None:
        """Send as it is; far less than fits into the buffer of a socket may be on its way."""
        self._socket.sendall(xml)

    def close(self) -> None:
        """Leave without a word; the loop must not run any more."""
        self._socket.close()

    def _open(self, domain: str) -> None:
        head = (
            f"<?xml version='1.0'?><stream:stream to='{domain}' xmlns='jabber:client' "
            "xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
        )
        self._say(head.encode(), b"</stream:features>")

    def _say(self, xml: bytes, awaited: bytes) -> None:
        self._socket.sendall(xml)
        got = b""
        while awaited not in got:
            octets = self._socket.recv(65536)
            assert octets, f"the server closed the stream: {got!r}"
            got += octets

    def _readable(self) -> None:
        try:
            octets = self._socket.recv(1 << 18)
        except BlockingIOError:
            return
        assert octets, f"the server closed the stream of {self.jid}"
        at = now()
        # Prosody holds a stanza back until the one before is acknowledged, which would be what is measured
        self._socket.setsockopt(socket.IPPROTO_TCP, QUICK_ACK, 1)
        whole, end, self._tail = (self._tail + octets).rpartition(b">")
        whole += end
        for found in MARK.finditer(whole):
            self.marked(self, int(found[1]), at)
        if b"subscribe" in whole:
            for request in _ASKS.findall(whole):
                contact = _FROM.search(request)
                assert contact is not None
                self.asked += 1
                self.send(b"<presence type='subscribed' to='%b'/>" % contact[1])


class Component:
    """A component that has shaken hands; ``marked`` gets each mark that comes."""

    def __init__(self, wire: Wire, domain: str, secret: str, address: tuple[str, int]) -> None:
        self.marked: Callable[[int], None] = lambda _: None
        self._tail = b""
        self._socket = socket.create_connection(address, 10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = (
            f"<stream:stream to='{domain}' xmlns='jabber:component:accept' "
            "xmlns:stream='http://etherx.jabber.org/streams'>"
        )
        self._socket.sendall(head.encode())
        begun = self._until(re.compile(rb"<stream:stream[^>]*\bid=['\"]([^'\"]+)"))
        proof = hashlib.sha1(begun[1] + secret.encode(), usedforsecurity=False).hexdigest()
        self._socket.sendall(f"<handshake>{proof}</handshake>".encode())
        self._until(re.compile(b"<handshake"))
        wire.attend(self._socket.fileno(), self._readable)

    def send(self, xml: bytes) -> None:
        """Send as it is."""
        self._socket.sendall(xml)

    def close(self) -> None:
        """Leave without a word; the loop must not run any more."""
        self._socket.close()

    def _until(self, awaited: re.Pattern[bytes]) -> re.Match[bytes]:
        got = b""
        while (found := awaited.search(got)) is None:
            octets = self._socket.recv(65536)
            assert octets, f"the server refuses the component: {got!r}"
            got += octets
        return found

    def _readable(self) -> None:
        octets = self._socket.recv(1 << 18)
        assert octets, "the server closed the stream of the component"
        self._socket.setsockopt(socket.IPPROTO_TCP, QUICK_ACK, 1)
        whole, end, self._tail = (self._tail + octets).rpartition(b">")
        for found in MARK.finditer(whole + end):
            self.marked(int(found[1]))
