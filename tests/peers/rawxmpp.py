"""An XMPP client and a component over plain sockets, sharing nothing with the product: what the wire really says.

Both block, use the standard library only and speak without TLS, to servers on loopback.  Received stanzas wait in an
inbox; ``wait`` takes the first one that a predicate accepts out of it, ``expect_nothing`` watches that none comes::

    juliet = RawClient("juliet@jabber.example/balcony", "pw", server.c2s)
    juliet.available()
    juliet.subscribe("bob@sip.example.org")
    juliet.wait(presence("subscribed", sender="bob@sip.example.org"))
    state = juliet.wait(presence(sender="bob@sip.example.org"))
    assert text(state, "show") == "away"

Stanzas are ``xml.etree.ElementTree`` elements whose tags carry namespaces as ``{namespace}name``.
"""

import base64
import hashlib
import itertools
import select
import socket
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, ClassVar, Self, cast
from xml.etree.ElementTree import Element, XMLPullParser, tostring
from xml.sax.saxutils import escape, quoteattr

BIND = "urn:ietf:params:xml:ns:xmpp-bind"
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
STANZA_ERRORS = "urn:ietf:params:xml:ns:xmpp-stanzas"
STREAMS = "http://etherx.jabber.org/streams"
STREAM_ERRORS = "urn:ietf:params:xml:ns:xmpp-streams"
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"

Predicate = Callable[[Element], bool]

_ids = itertools.count(1)


def local(element: Element) -> str:
    """The name without its namespace."""
    return element.tag.rpartition("}")[2]


def child(element: Element, name: str) -> Element | None:
    """The first child of this local name, in whatever namespace."""
    return next((each for each in element if local(each) == name), None)


def text(element: Element, name: str, language: str | None = None) -> str | None:
    """The text of the first child of this local name (and language, if given); None when there is none."""
    for each in element:
        if local(each) == name and (language is None or each.get(XML_LANG) == language):
            return each.text or ""
    return None


def condition(stanza: Element) -> str | None:
    """The condition of the stanza's error; None when it is not an error."""
    error = child(stanza, "error")
    return (
        next((local(each) for each in error if each.tag != f"{{{STANZA_ERRORS}}}text"), "")
        if error is not None
        else None
    )


def bare(jid: str | None) -> str:
    """The JID without its resource."""
    return (jid or "").partition("/")[0]


def presence(type_: str | None = None, *, sender: str = "", show: str | None = None) -> Predicate:
    """Accepts a presence of exactly this type (None: available), from this full JID or anything of this bare JID."""

    def accepts(stanza: Element) -> bool:
        return (
            local(stanza) == "presence"
            and stanza.get("type") == type_
            and _is_from(stanza, sender)
            and (show is None or text(stanza, "show") == show)
        )

    return accepts


def any_presence(sender: str = "") -> Predicate:
    """Accepts every presence of this sender."""
    return lambda stanza: local(stanza) == "presence" and _is_from(stanza, sender)


def message(*, sender: str = "", body: str | None = None, type_: str | None = None) -> Predicate:
    """Accepts a message of this sender, and of this body and type when they are given."""

    def accepts(stanza: Element) -> bool:
        return (
            local(stanza) == "message"
            and _is_from(stanza, sender)
            and (body is None or text(stanza, "body") == body)
            and (type_ is None or stanza.get("type") == type_)
        )

    return accepts


def _is_from(stanza: Element, sender: str) -> bool:
    origin = stanza.get("from", "")
    return not sender or origin == sender or ("/" not in sender and bare(origin) == sender)


class RawStream:
    """One connection: opens a stream, sends octets as they are given, parses what comes."""

    namespace: ClassVar[str]

    def __init__(self, address: tuple[str, int], to: str, timeout: float = 10.0) -> None:
        self.to = to
        self.timeout = timeout
        self.inbox: list[Element] = []
        self.is_open = True
        self._socket = socket.create_connection(address, timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # a stanza must not wait until the server has acknowledged the one before
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._open()

    def send(self, xml: str) -> None:
        """Send as it is."""
        self._socket.sendall(xml.encode())

    def wait(self, accepts: Predicate, what: str = "a stanza", timeout: float | None = None) -> Element:
        """Take the first stanza that ``accepts`` does, waiting for it; AssertionError when none comes in time."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            for stanza in self.inbox:
                if accepts(stanza):
                    self.inbox.remove(stanza)
                    return stanza
            left = deadline - time.monotonic()
            if left <= 0 or not self.is_open:
                raise AssertionError(f"{self}: {what} did not come; there is {self._contents()}")
            self._read(left)

    def expect_nothing(self, accepts: Predicate, seconds: float = 0.5) -> None:
        """Watch that no stanza that ``accepts`` does comes for so long, nor is there already."""
        deadline = time.monotonic() + seconds
        while True:
            for stanza in self.inbox:
                assert not accepts(stanza), f"{self}: nobody expected {tostring(stanza, 'unicode')}"
            left = deadline - time.monotonic()
            if left <= 0 or not self.is_open:
                return
            self._read(left)

    def drain(self, seconds: float = 0.0) -> list[Element]:
        """Take everything that is there or comes within so long."""
        deadline = time.monotonic() + seconds
        while self.is_open and self._read(deadline - time.monotonic()):
            pass
        taken, self.inbox = self.inbox, []
        return taken

    def wait_for_end(self, timeout: float | None = None) -> None:
        """Wait until the server has closed the stream."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while self.is_open:
            left = deadline - time.monotonic()
            assert left > 0, f"{self}: the server did not close the stream"
            self._read(left)

    def close(self) -> None:
        """End the stream and the connection."""
        if self.is_open:
            try:
                self.send("</stream:stream>")
            except OSError:
                pass  # the server was faster
        self.vanish()

    def vanish(self) -> None:
        """Drop the connection without a word, as a phone in a tunnel does."""
        self.is_open = False
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def __str__(self) -> str:
        return f"the stream to {self.to}"

    def _open(self) -> None:
        """Send a stream header; what comes is a new document."""
        self._parser: XMLPullParser[Any] = XMLPullParser(["start", "end"])
        self._depth = 0
        self.root: Element | None = None
        self.send(
            f"<?xml version='1.0'?><stream:stream to={quoteattr(self.to)} xmlns='{self.namespace}' "
            f"xmlns:stream='{STREAMS}' version='1.0'>"
        )

    def _read(self, seconds: float) -> bool:
        """Wait for octets and parse them; False when none came in time."""
        if not select.select([self._socket], [], [], max(0.0, seconds))[0]:
            return False
        try:
            octets = self._socket.recv(65536)
        except ConnectionError:
            octets = b""
        if not octets:
            self.is_open = False
            return False
        self._parser.feed(octets)
        for event, element in cast("Iterator[tuple[str, Element]]", self._parser.read_events()):
            if event == "start":
                self._depth += 1
                if self._depth == 1:
                    self.root = element
                continue
            self._depth -= 1
            if self._depth == 1:
                assert self.root is not None
                self.root.remove(element)
                self.inbox.append(element)
            elif self._depth == 0:
                self.is_open = False
        return True

    def _contents(self) -> str:
        stanzas = [tostring(stanza, "unicode")[:400] for stanza in self.inbox]
        return ("" if self.is_open else "an ended stream with ") + (str(stanzas) if stanzas else "nothing")


class RawClient(RawStream):
    """A user who is logged in, by SASL PLAIN, and bound to the resource of ``jid``."""

    namespace = "jabber:client"

    def __init__(self, jid: str, password: str, address: tuple[str, int], timeout: float = 10.0) -> None:
        account, _, resource = jid.partition("/")
        user, _, domain = account.partition("@")
        self.jid = jid
        super().__init__(address, domain, timeout)
        self._wait_for_features()
        token = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        self.send(f"<auth xmlns='{SASL}' mechanism='PLAIN'>{token}</auth>")
        outcome = self.wait(lambda stanza: stanza.tag.startswith(f"{{{SASL}}}"), "an answer to the login")
        if local(outcome) != "success":
            self.close()
            raise PermissionError(tostring(outcome, "unicode"))
        self._open()
        self._wait_for_features()
        wanted = f"<resource>{escape(resource)}</resource>" if resource else ""
        bound = self.iq("set", f"<bind xmlns='{BIND}'>{wanted}</bind>").findtext(f".//{{{BIND}}}jid")
        assert bound is not None
        self.jid = bound

    @property
    def bare(self) -> str:
        return bare(self.jid)

    def iq(self, type_: str, payload: str, to: str | None = None) -> Element:
        """Ask, and wait for the result or error."""
        number = f"q{next(_ids)}"
        goal = f" to={quoteattr(to)}" if to else ""
        self.send(f"<iq type='{type_}' id='{number}'{goal}>{payload}</iq>")
        return self.wait(
            lambda stanza: (
                local(stanza) == "iq"
                and stanza.get("id") == number
                and stanza.get("type") in ("result", "error")
            ),
            f"an answer to {payload}",
        )

    # presence

    def available(
        self,
        show: str | None = None,
        status: str | None = None,
        *,
        priority: int | None = None,
        to: str | None = None,
        more: str = "",
    ) -> None:
        """State presence, to everybody or to one; ``more`` is XML that goes inside."""
        inside = f"<show>{show}</show>" if show else ""
        inside += f"<status>{escape(status)}</status>" if status is not None else ""
        inside += f"<priority>{priority}</priority>" if priority is not None else ""
        self.send(f"<presence{_to(to)}>{inside}{more}</presence>")

    def unavailable(self, status: str | None = None, *, to: str | None = None) -> None:
        inside = f"<status>{escape(status)}</status>" if status is not None else ""
        self.send(f"<presence type='unavailable'{_to(to)}>{inside}</presence>")

    def subscribe(self, jid: str) -> None:
        """Ask to see somebody's presence."""
        self._subscription("subscribe", jid)

    def subscribed(self, jid: str) -> None:
        """Let somebody see ours."""
        self._subscription("subscribed", jid)

    def unsubscribe(self, jid: str) -> None:
        self._subscription("unsubscribe", jid)

    def unsubscribed(self, jid: str) -> None:
        self._subscription("unsubscribed", jid)

    def befriend(self, jid: str) -> None:
        """Ask, wait for the answer, and say yes to the question back if there is one already."""
        self.subscribe(jid)
        self.wait(presence("subscribed", sender=jid), f"subscribed from {jid}")

    def _subscription(self, type_: str, jid: str) -> None:
        self.send(f"<presence type='{type_}' to={quoteattr(jid)}/>")

    # roster

    def roster(self) -> dict[str, tuple[str, bool]]:
        """Each contact's subscription, and whether ours is pending.

        From now on the server pushes changes, and delivers subscription stanzas: Prosody gives them to nobody who has
        not asked for the roster.
        """
        answer = self.iq("get", "<query xmlns='jabber:iq:roster'/>")
        return {
            item.get("jid", ""): (item.get("subscription", "none"), item.get("ask") == "subscribe")
            for item in answer.iter("{jabber:iq:roster}item")
        }

    def remove_contact(self, jid: str) -> None:
        """Delete a roster entry, with all that follows for subscriptions."""
        item = f"<item jid={quoteattr(jid)} subscription='remove'/>"
        assert self.iq("set", f"<query xmlns='jabber:iq:roster'>{item}</query>").get("type") == "result"

    # messages

    def message(self, to: str, body: str | None = None, *, type_: str = "chat", more: str = "") -> str:
        """Write to somebody; returns the id of the message.  ``more`` is XML that goes inside."""
        number = f"m{next(_ids)}"
        inside = f"<body>{escape(body)}</body>" if body is not None else ""
        self.send(f"<message type='{type_}' id='{number}'{_to(to)}>{inside}{more}</message>")
        return number

    def publish(self, node: str, payload: str) -> None:
        """Publish something about oneself (XEP-0163)."""
        item = f"<publish node={quoteattr(node)}><item id='current'>{payload}</item></publish>"
        answer = self.iq("set", f"<pubsub xmlns='http://jabber.org/protocol/pubsub'>{item}</pubsub>")
        assert answer.get("type") == "result", tostring(answer, "unicode")

    def __str__(self) -> str:
        return self.jid

    def _wait_for_features(self) -> None:
        self.wait(lambda stanza: stanza.tag == f"{{{STREAMS}}}features", "stream features")


class RawComponent(RawStream):
    """A component whose handshake the server has accepted; PermissionError with the condition otherwise."""

    namespace = "jabber:component:accept"

    def __init__(self, domain: str, secret: str, address: tuple[str, int], timeout: float = 10.0) -> None:
        super().__init__(address, domain, timeout)
        deadline = time.monotonic() + timeout
        while self.root is None:
            assert self.is_open and time.monotonic() < deadline, "the server sends no stream header"
            self._read(deadline - time.monotonic())
        if not self.inbox:
            proof = hashlib.sha1((self.root.get("id", "") + secret).encode()).hexdigest()
            self.send(f"<handshake>{proof}</handshake>")
        answer = self.wait(lambda stanza: True, "an answer to the handshake")
        if local(answer) != "handshake":
            self.close()
            raise PermissionError(next((local(each) for each in answer), "unknown"))

    def __str__(self) -> str:
        return f"component {self.to}"


def _to(jid: str | None) -> str:
    return f" to={quoteattr(jid)}" if jid else ""
