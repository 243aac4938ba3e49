"""What a trace keeps of SIP: the requests for presence of a pair, and their answers, as they are on the wire.

A tap on the transports sees every message, repetitions and refusals included, because what is looked for in a trace is often what never
reached a subscription: a challenge, a loop, an answer that was lost.  A message is of a pair if its From and To name the two, or if
its Call-ID is that of a dialog of theirs; a PUBLISH is of every pair whose presentity it is about.

On a busy server most messages are of others.  Those are told by a look for the presentity's name and the Call-ID, which costs a
fifth of reading a message.

Passwords and what is made of them never appear: of the header fields that carry credentials or challenges only the scheme is
kept, and passwords in URIs are left out.  MESSAGE is not kept at all.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from twisted.logger import Logger

from sip2xmpp.address import Address
from sip2xmpp.errors import BadInput
from sip2xmpp.sip.flow import Flow, Transport
from sip2xmpp.sip.message import Request, Response, parse_message
from sip2xmpp.tracing import LARGEST, Leg, Trace, Tracer, Way

KEPT: Final = frozenset({"SUBSCRIBE", "NOTIFY", "PUBLISH"})
"""The methods that are kept, with their answers."""

HIDDEN: Final = "(not shown)"
"""What stands where a secret was."""

_BLANK: Final = r"(?:[ \t]|\r?\n[ \t])*"
_SECRET: Final = re.compile(
    rf"^((?:(?:proxy-|www-)?(?:authorization|authenticate|authentication-info)|identity|y|cookie){_BLANK}:{_BLANK})"
    r"((?:[A-Za-z0-9_-]+(?=[ \t]))?)[^\n]*(?:\n[ \t][^\n]*)*",
    re.IGNORECASE | re.MULTILINE,
)
_UNTIL_AT: Final = re.compile(r"[^\s@<>\"]++@?")
"""What cannot be within a URI is between these, so that no text is gone through more than once."""
_PASSWORD: Final = re.compile(r"(.*?\bsips?:[^:]*:).*@", re.IGNORECASE)
_CALL_ID: Final = re.compile(rb"\n(?:call-id|i)[ \t]*:[ \t]*([^\r\n]+)")
_WORD: Final = re.compile("[a-z0-9]+")
_log = Logger()
_tracing = _log.failureHandler("while a message was traced")


class SipTap:
    """Looks at every message while a pair is traced.  ``address_of_uri`` reads a URI and raises ``BadAddress``."""

    def __init__(self, tracer: Tracer, address_of_uri: Callable[[str], Address]) -> None:
        self._tracer = tracer
        self._address_of_uri = address_of_uri

    def __call__(self, octets: bytes, flow: Flow, is_incoming: bool) -> None:
        """A message came in or goes out."""
        with _tracing:
            self._look(octets, flow, Way.IN if is_incoming else Way.OUT)

    def _look(self, octets: bytes, flow: Flow, way: Way) -> None:
        if not self._may_concern(octets):
            return
        try:
            message = parse_message(octets, stream=flow.transport is not Transport.UDP)
            method = message.method if isinstance(message, Request) else message.cseq.method
            traces = self._traces_of(message, method) if method in KEPT else []
        except BadInput:
            return
        if not traces:
            return
        what = method if isinstance(message, Request) else f"{message.status} to {method}"
        text, peer = shown(octets), f"{flow.transport.value}:{flow.peer}"
        for trace in traces:
            trace.knows(message.call_id)
            self._tracer.keep(trace, Leg.SIP, way, what, text, peer=peer)

    def _may_concern(self, octets: bytes) -> bool:
        """Whether a message is worth reading: it holds the name of a presentity, or the Call-ID of a known dialog."""
        lowered = octets.lower()
        if any(_needle(trace.presentity.local) in lowered for trace in self._tracer):
            return True
        found = _CALL_ID.search(lowered)
        if found is None:
            return False
        call_id = octets[found.start(1) : found.end(1)].decode("utf-8", "replace").strip()
        return bool(self._tracer.by_call(call_id))

    def _traces_of(self, message: Request | Response, method: str) -> list[Trace]:
        known = self._tracer.by_call(message.call_id)
        if known:
            return known
        to = self._address_of_uri(message.to.uri)
        if method == "PUBLISH":
            return self._tracer.of_presentity(to)
        from_ = self._address_of_uri(message.from_.uri)
        # A NOTIFY goes from the presentity to its watcher.
        either = (self._tracer.of(from_, to), self._tracer.of(to, from_))
        return [trace for trace in either if trace is not None]


@lru_cache(maxsize=256)
def _needle(local: str) -> bytes:
    """The longest part of a user name that is written the same in every form of an address, but for case."""
    return max(_WORD.findall(local.lower()), key=len, default="").encode()


def _hidden(field: re.Match[str]) -> str:
    return f"{field[1]}{field[2]} {HIDDEN}" if field[2] else f"{field[1]}{HIDDEN}"


def _without_password(found: re.Match[str]) -> str:
    with_password = _PASSWORD.fullmatch(found[0]) if found[0].endswith("@") else None
    return found[0] if with_password is None else f"{with_password[1]}{HIDDEN}@"


def shown(octets: bytes) -> str:
    """A SIP message as operators may read it, without secrets."""
    # line ends before a message are none of it, and are no end of its header
    text = octets.lstrip(b"\r\n")[: 4 * LARGEST].decode("utf-8", "replace")
    head, blank, body = text.partition("\r\n\r\n")
    head = _UNTIL_AT.sub(_without_password, _SECRET.sub(_hidden, head))
    return readable(head + blank + body if body else head)


def readable(text: str) -> str:
    """Without what a terminal or a browser would obey: lines end in line feeds, other controls are replaced."""
    text = text.replace("\r\n", "\n")
    if text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(char if char in "\n\t" or char.isprintable() else "\ufffd" for char in text)
