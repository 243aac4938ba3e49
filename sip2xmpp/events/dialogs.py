"""Package ``dialog``: calls are published by phones and servers, and watched by the lamps of other phones.

A NOTIFY has all calls each time, because that is what phones understand: a call that is over is in it once more, and where there
is none a terminated one stands for that, so that a lamp always has something to be dark by.  Phones that cannot read as much
get less; ``QUIRKS`` is the table of them.

A server publishes each call of a user in a publication of its own from one socket, and a phone may publish only what changed
(``state="partial"``).  So what is kept is a full document (``merged``), and only a document without calls is taken for the first
word of a phone that restarted (``speaks_for_socket``).

Implements: RFC 4235 sections 3 and 4; RFC 3903 for it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ClassVar, Final

from sip2xmpp.address import Address
from sip2xmpp.documents.dialog_info import (
    CONTENT_TYPE,
    SIZE_LIMIT,
    Call,
    CallState,
    DialogInfo,
    Direction,
    merged,
    read,
    write,
)
from sip2xmpp.errors import BadDocument, BadMessage
from sip2xmpp.events.accepting import accepts
from sip2xmpp.events.package import Body
from sip2xmpp.events.subscription import Subscription
from sip2xmpp.presence.calls import PACKAGE
from sip2xmpp.presence.lamps import EVERYTHING, Lamps, Shown, Wanted, most_important
from sip2xmpp.presence.watching import StateWatcher, Told, Watch
from sip2xmpp.sip.headers import Event

FITTING: Final = 32_768
"""Octets of a body beyond which calls are told without their parties: it has to fit into a datagram."""

_read: Final = lru_cache(maxsize=16)(read)
"""What was published last is looked at several times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DialogForm:
    """dialog-info for a kind of phone.

    ``single``: it takes one call only.  ``calling_is_talking``: it takes every early call for one that rings, so its own user's
    outgoing call is said to be answered.
    """

    name: str
    single: bool = False
    calling_is_talking: bool = False
    numbered: ClassVar[bool] = True

    def body(self, told: Told[Shown], before: Told[Shown] | None, entity: str, number: int) -> Body | None:
        shown = told.document
        if shown is None:
            return None
        calls = [*shown.calls, *_over_since(before.document if before is not None else None, shown)]
        if self.calling_is_talking:
            calls = [_answered(call) for call in calls]
        if self.single:
            calls = [*most_important(calls, 1)]
        if not calls:
            calls = [Call(id=shown.lamp, state=CallState.TERMINATED)]
        document = DialogInfo(entity=entity, version=number, calls=tuple(calls))
        octets = write(document)
        if len(octets) > FITTING:
            bare = [Call(id=call.id, state=call.state, direction=call.direction) for call in calls]
            octets = write(replace(document, calls=tuple(bare)))
        return Body(content_type=CONTENT_TYPE, octets=octets)


USUAL: Final = DialogForm(name="dialog-info")
QUIRKS: Final[Sequence[tuple[re.Pattern[str], DialogForm]]] = (
    # COMPAT: Linksys SPA962 and its kin stop working at a document with several dialogs, and blink for whoever calls.
    (
        re.compile(r"(?:Linksys|Sipura|Cisco)/SPA", re.IGNORECASE),
        DialogForm(name="dialog-info-single", single=True, calling_is_talking=True),
    ),
)
"""User-Agents, and the form each gets."""


def _over_since(before: Shown | None, shown: Shown) -> list[Call]:
    """The calls that a watcher knows and that are over, as they ended."""
    if before is None:
        return []
    live = shown.beyond.union(call.id for call in shown.calls)
    ended = {call.id: call for call in shown.ended}
    return [
        ended.get(call.id) or replace(call, state=CallState.TERMINATED, code=None)
        for call in before.calls
        if call.id not in live
    ]


def _answered(call: Call) -> Call:
    if call.direction is Direction.INITIATOR and call.state in (CallState.PROCEEDING, CallState.EARLY):
        return replace(call, state=CallState.CONFIRMED)
    return call


def wanted_by(event: str) -> Wanted:
    """What the Event header of a SUBSCRIBE asks for (RFC 4235, section 3.2)."""
    try:
        said = Event.parse(event)
    except BadMessage:
        return EVERYTHING
    call_id = said.param("call-id") or ""
    tags = tuple([tag for name in ("from-tag", "to-tag") if (tag := said.param(name))])
    sessions = any(name.lower() == "include-session-description" for name, _ in said.params)
    return Wanted(call_id=call_id, tags=tags if call_id else (), sessions=sessions)


class DialogPackage:
    """Calls of our users, and lamps for everybody who has presence."""

    name = PACKAGE
    default_expires = 3600
    accepts = (CONTENT_TYPE,)
    least_expires = 1
    """COMPAT: Kamailio publishes the end of a call for 11 seconds, and does not publish it again if that is too brief."""
    most_expires = 600
    """A server that could not tell us of the end of a call, while we were away, does not refresh that call either."""

    def __init__(self, lamps: Lamps) -> None:
        self._lamps = lamps

    def watch(self, resource: Address, watcher: StateWatcher, *, fetch: bool = False) -> Watch:
        wanted = wanted_by(watcher.record.event) if isinstance(watcher, Subscription) else EVERYTHING
        return self._lamps.watch(resource, watcher, wanted, fetch=fetch)

    def form(self, accept: str, user_agent: str, *, datagram: bool) -> DialogForm | None:  # noqa: ARG002
        return form_for(user_agent) if accepts(accept, CONTENT_TYPE) else None

    def check(self, body: bytes) -> None:
        _read(body)

    def device_of(self, body: bytes) -> str:
        """The first call: a server that lost its entity tag publishes about the same one again."""
        calls = _read(body).calls
        return (calls[0].call_id or calls[0].id) if calls else ""

    def merged(self, body: bytes, before: bytes | None) -> bytes:
        change = _read(body)
        if change.is_full:
            return body
        whole = write(merged(_read(before) if before is not None else None, change))
        if len(whole) > SIZE_LIMIT:
            raise BadDocument("these are too many calls")
        return whole

    def speaks_for_socket(self, body: bytes) -> bool:
        """No server publishes that somebody has no calls: a phone does that, of itself, when it starts."""
        return not _read(body).calls


def form_for(user_agent: str) -> DialogForm:
    """The form for a phone."""
    return next((form for pattern, form in QUIRKS if pattern.search(user_agent)), USUAL)
