"""The appearances of a shared line, as values: what a call claims, and when a claim stands against another.

A line has some appearances, the lamps and keys of it on every phone that shares it.  A phone claims one by telling of a call
with its number, and has it as long as it tells of the call: the first to come has it.  These claims do not stand against each
other: the same call ringing at several phones, whoever answers it being the owner; a call that replaces the owner's, which
hands the appearance over; and one that joins it, which shares it.

Numbers are those that phones use: from 1 by RFC 7463, from 0 by some that follow the older draft.  So a line of n appearances
knows the numbers 0 to n, n of them at a time.

Implements: RFC 7463 sections 5.3 and 5.4; draft-anil-sipping-bla-03 (line-id, seizure by a dialog that is trying).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from sip2xmpp.address import Address
from sip2xmpp.documents.dialog_info import Call, CallState, DialogInfo, DialogName, Direction, Party
from sip2xmpp.documents.identifiers import fresh_id
from sip2xmpp.documents.presence import frozen_value
from sip2xmpp.errors import Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line that several phones share.

    ``members`` are who may take part beside the line's own account.  With ``always_open`` it is available also when no phone
    of it is registered.
    """

    appearances: int = 2
    members: frozenset[Address] = frozenset()
    always_open: bool = False


@frozen_value
class Appearance:
    """One appearance in use, and the call that has it."""

    number: int
    call: Call


class Relation(Enum):
    """How a call stands to the one that has the appearance that it claims."""

    CONFLICT = "conflict"
    SHARES = "shares"
    TAKES_OVER = "takes over"


class AppearanceTaken(Refused):
    """What a phone claims is somebody else's."""


def is_seizure(call: Call) -> bool:
    """Whether a call is only an appearance that was seized: somebody is off-hook, and nobody is called yet."""
    remote = call.remote
    return call.state is CallState.TRYING and (remote is None or not (remote.identity or remote.target))


def relation(call: Call, held: Call) -> Relation:
    """How ``call`` stands to ``held``, which has the appearance."""
    if _names(held, (call.replaces, *call.replaced)):
        return Relation.TAKES_OVER
    if _names(call, (held.replaces, *held.replaced, *held.joined)) or _names(held, call.joined):
        return Relation.SHARES
    is_same = bool(held.call_id) and call.call_id == held.call_id
    if is_same and call.direction is held.direction is Direction.RECIPIENT:
        answered = call.state is CallState.CONFIRMED and held.state is not CallState.CONFIRMED
        return Relation.TAKES_OVER if answered else Relation.SHARES
    return Relation.CONFLICT


def _names(call: Call, names: Iterable[DialogName | None]) -> bool:
    """Whether one of the names is that of ``call``."""
    return bool(call.call_id) and any(name is not None and name.call_id == call.call_id for name in names)


def lowest_free(line: Line, taken: Collection[int]) -> int | None:
    """The number for a call that claims none; None when all appearances are in use."""
    if len(taken) >= line.appearances:
        return None
    return next((number for number in range(1, line.appearances + 1) if number not in taken), None)


def place(line: Line, call: Call, held: Mapping[int, Call], before: int | None) -> int | None:
    """The number of the appearance that a call gets, where others have ``held`` and it had ``before``; None for none."""
    number = call.line
    if number is None:
        related = (each for each, other in held.items() if relation(call, other) is not Relation.CONFLICT)
        number = next(related, lowest_free(line, held)) if before is None else before
    if number is None or not 0 <= number <= line.appearances:
        return None
    if number in held:
        return number if relation(call, held[number]) is Relation.TAKES_OVER else None
    return number if len(held) < line.appearances else None


def admit(line: Line, document: DialogInfo, others: Mapping[int, Call]) -> None:
    """Raise ``AppearanceTaken`` if a phone claims what it cannot have; ``others`` have what they have."""
    taken: dict[int, Call] = dict(others)
    for call in live(document):
        number = call.line
        if number is None:
            if any(relation(call, held) is not Relation.CONFLICT for held in others.values()):
                continue
            number = lowest_free(line, taken)
            if number is None:
                raise AppearanceTaken("all appearances are in use")
        elif not 0 <= number <= line.appearances:
            raise AppearanceTaken(f"this line has {line.appearances} appearances")
        elif number in taken:
            if number not in others or relation(call, others[number]) is Relation.CONFLICT:
                raise AppearanceTaken(f"appearance {number} is taken")
            continue
        elif len(taken) >= line.appearances:
            raise AppearanceTaken("all appearances are in use")
        taken[number] = call


def live(document: DialogInfo) -> list[Call]:
    """The calls that are not over."""
    return [call for call in document.calls if call.is_live]


def shown(appearances: Iterable[tuple[int, Call]]) -> tuple[Appearance, ...]:
    """What is told of the calls of a line: one for each appearance, with ids that differ and without session descriptions."""
    told: dict[str, Appearance] = {}
    for number, call in sorted(appearances, key=lambda one: one[0]):
        # two phones may have chosen the same id
        name = call.id if call.id not in told else fresh_id(f"{call.id}-{number}", told)
        told[name] = Appearance(
            number=number, call=replace(call, id=name, local=_bare(call.local), remote=_bare(call.remote))
        )
    return tuple(told.values())


def _bare(party: Party | None) -> Party | None:
    return None if party is None else replace(party, session="", session_type="", cseq=None)
