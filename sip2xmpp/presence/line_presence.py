"""Shared lines as presence: the address of a line is on the phone while somebody talks on it.

A Jabber user, or anybody who only watches presence, sees how many of its appearances are in use, and nothing of who
talks to whom.  Somebody who is merely off-hook, and a call that rings, do not count.  A line that is always open is available also when
no phone of it is registered.

Implements: RFC 4480 section 3.2 (``on-the-phone``), for the lines of RFC 7463.
"""

from collections.abc import Callable, Sequence
from typing import Final

from twisted.internet.interfaces import IReactorTime

from sip2xmpp.address import Address
from sip2xmpp.documents.dialog_info import Call, CallState, Direction
from sip2xmpp.documents.presence import Activity, Basic, Note, Person, Presence, Tuple
from sip2xmpp.presence.appearances import is_seizure
from sip2xmpp.presence.hearing import Rank, Source
from sip2xmpp.presence.lines import Lines
from sip2xmpp.store.records import Publication

LANGUAGE: Final = "en"


def is_in_use(call: Call) -> bool:
    """Whether somebody talks, or calls out."""
    if call.state is CallState.CONFIRMED:
        return True
    return not is_seizure(call) and call.direction is not Direction.RECIPIENT


class LinePresence:
    """The feed of presence that is made of shared lines."""

    def __init__(self, lines: Lines, clock: IReactorTime) -> None:
        self._lines = lines
        self._clock = clock
        self._told: dict[Address, tuple[int, Source]] = {}
        self._open: dict[Address, Source] = {}
        self._listeners: list[Callable[[Address], None]] = []
        lines.listen(self._changed)

    def sources(self, presentity: Address, published: Sequence[Publication]) -> Sequence[Source]:  # noqa: ARG002
        """That the line is in use, and that it is open."""
        if presentity not in self._lines:
            return ()
        line = self._lines[presentity]
        sources = []
        used = sum(is_in_use(one.call) for one in self._lines.in_use(presentity))
        if not used:
            self._told.pop(presentity, None)
        else:
            sources.append(self._in_use(presentity, used, line.appearances))
        if line.always_open:
            if presentity not in self._open:
                self._open[presentity] = self._always_open(presentity)
            sources.append(self._open[presentity])
        return sources

    def listen(self, changed: Callable[[Address], None]) -> None:
        self._listeners.append(changed)

    def _changed(self, line: Address) -> None:
        for listener in self._listeners:
            listener(line)

    def _in_use(self, address: Address, used: int, among: int) -> Source:
        """The same source as long as it says the same."""
        told = self._told.get(address)
        if told is None or told[0] != used:
            text = "On the phone" if among == 1 else f"On the phone ({used} of {among} lines in use)"
            document = Presence(
                entity=address.sip_uri(),
                tuples=(_service(address),),
                persons=(
                    Person(
                        id="line",
                        activities=(Activity("on-the-phone"),),
                        notes=(Note(text=text, language=LANGUAGE),),
                    ),
                ),
            )
            told = (used, self._source("line-in-use", Rank.DIALOG, document))
            self._told[address] = told
        return told[1]

    def _always_open(self, address: Address) -> Source:
        document = Presence(entity=address.sip_uri(), tuples=(_service(address),))
        return self._source("line", Rank.REGISTERED, document)

    def _source(self, name: str, rank: Rank, document: Presence) -> Source:
        return Source(id=name, rank=rank, published_at=self._clock.seconds(), document=document)


def _service(address: Address) -> Tuple:
    """The same in use or not: whoever may see services alone is not told of calls."""
    return Tuple(id="line", basic=Basic.OPEN, contact=address.sip_uri())
