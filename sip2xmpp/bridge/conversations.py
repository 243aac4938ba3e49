"""Which SIP dialog-like thing an XMPP thread is, and the reverse.

Pager-mode messages have no dialog; what holds them together is the Call-ID, which RFC 7572 maps to the XMPP thread.  A
thread that is no legal Call-ID gets one derived from it.  Within a conversation the From tag stays and CSeq grows, so both
are stored with the pairing: a restart must not send the same CSeq again.

Implements: RFC 7572 sections 4 and 5 (thread and Call-ID); RFC 3261 section 20.8 (Call-ID grammar).
"""

import hashlib
import re
from dataclasses import replace
from random import Random

from twisted.internet.interfaces import IReactorTime

from sip2xmpp.address import Address
from sip2xmpp.store.interface import Store
from sip2xmpp.store.records import Thread

LIFETIME = 86_400.0
"""Seconds that a conversation is remembered after its last message."""

MOST_OF_A_PAIR = 50
"""Conversations remembered of two people; each message can begin one, and the oldest is forgotten first."""

MOST = 100_000
"""Conversations remembered at all; beyond that a new one goes on, but nothing is known of it at the next message."""

_WORD = r"[A-Za-z0-9\-.!%*_+`'~()<>:\\\"/\[\]?{}]+"
_CALL_ID = re.compile(rf"{_WORD}(?:@{_WORD})?")


class Conversations:
    """The stored pairings, keyed by Call-ID and found by pair and thread."""

    def __init__(self, store: Store, clock: IReactorTime, rng: Random) -> None:
        self._threads = store.threads
        self._clock = clock
        self._rng = rng

    def toward_sip(self, jabber: str, sip: Address, thread: str | None) -> Thread:
        """The conversation for a message from a Jabber user: with its next CSeq, stored."""
        held = self._find(jabber, sip, thread) if thread else None
        if held is None:
            held = Thread(
                call_id=self._call_id(thread, jabber, sip),
                thread=thread or "",
                jabber=jabber,
                sip=sip,
                local_tag=f"{self._rng.getrandbits(64):016x}",
                cseq=0,
                expires_at=0.0,
            )
        advanced = replace(held, cseq=held.cseq + 1, expires_at=self._clock.seconds() + LIFETIME)
        self._keep(advanced)
        return advanced

    def toward_jabber(self, jabber: str, sip: Address, call_id: str) -> str:
        """The thread for a message from a SIP user: the one that its Call-ID stands for, else the Call-ID itself."""
        held = self._threads.get(call_id)
        if held is not None:
            if (held.jabber, held.sip) != (jabber, sip):
                # A Call-ID that two other people use is theirs: nothing of their conversation is told or changed.
                return call_id
            self._keep(replace(held, expires_at=self._clock.seconds() + LIFETIME))
            return held.thread or call_id
        self._keep(
            Thread(
                call_id=call_id,
                thread=call_id,
                jabber=jabber,
                sip=sip,
                local_tag=f"{self._rng.getrandbits(64):016x}",
                cseq=0,
                expires_at=self._clock.seconds() + LIFETIME,
            )
        )
        return call_id

    def latest(self, jabber: str, sip: Address) -> Thread | None:
        """The conversation of this pair that had the last message, or None: nobody has spoken."""
        threads = self._threads.select(f"{jabber} {sip}")
        return max(threads, key=lambda thread: thread.expires_at, default=None)

    def _find(self, jabber: str, sip: Address, thread: str) -> Thread | None:
        for held in self._threads.select(f"{jabber} {sip}"):
            if held.thread == thread:
                return held
        return None

    def _keep(self, thread: Thread) -> None:
        """Store a conversation, new or gone on, within the limits."""
        if self._threads.get(thread.key) is None:
            if len(self._threads) >= MOST:
                return
            of_pair = self._threads.select(f"{thread.jabber} {thread.sip}")
            if len(of_pair) >= MOST_OF_A_PAIR:
                self._threads.remove(min(of_pair, key=lambda held: held.expires_at).key)
        self._threads.put(thread)

    def _call_id(self, thread: str | None, jabber: str, sip: Address) -> str:
        if not thread:
            return f"{self._rng.getrandbits(128):032x}"
        taken = self._threads.get(thread)
        if len(thread) <= 128 and _CALL_ID.fullmatch(thread) and taken is None:
            return thread
        return hashlib.sha256(f"{thread} {jabber} {sip}".encode("utf-8", "replace")).hexdigest()[:40]
