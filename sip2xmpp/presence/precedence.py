"""Who is heard at all, and as what, where statements are among the sources.

What is *permanent* is about the person.  It stands for a document of its own only while nothing else says whether somebody
can be reached; beside other sources it has no tuple, and says what the person does if none of them says that.

What *overrides* speaks for the person whatever else is said, also on the telephone, and also to say that somebody is
offline.  Other sources only tell by what devices the person can be reached.  Of several overrides that with the highest
priority is heard, the newest among equals.  Of several injected statements likewise only those with the highest priority
speak.

One thing is not overridden: an owner whose own clients all say offline is not shown by what others state, be it a program
or the operator.  What the owner states is as good as what a client says.

Implements: RFC 4827 section 1 (hard state as the default presence), policy of this program.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from sip2xmpp.documents.presence import Basic
from sip2xmpp.presence.hearing import CLIENTS, MANUAL, Heard, Rank, hear
from sip2xmpp.presence.states import ABSENT, State, best_tuple

STATED: Final = frozenset((Rank.PERMANENT, Rank.INJECTED, Rank.OVERRIDE))
"""The ranks that this is about; where no source has one of them all are heard as they are."""

HIDDEN: Final = frozenset((Rank.REGISTERED, Rank.DIALOG))
"""What is not shown of somebody who says offline on purpose."""


def in_precedence(heard: Sequence[Heard]) -> list[Heard]:
    """The sources that are heard, each with the tuples that count, in the order in which they were given."""
    clients = [one for one in heard if one.source.rank in CLIENTS and one.state is not State.UNKNOWN]
    if clients and all(one.state is State.OFFLINE for one in clients):
        heard = [one for one in heard if not _shows_somebody_else(one)]
    overrides = [one for one in heard if one.source.rank == Rank.OVERRIDE and one.state is not State.UNKNOWN]
    override = max(overrides, key=_weight, default=None)
    if override is not None and override.state is State.OFFLINE:
        return [override]
    heard = [_as_default(one, heard) for one in heard if one.source.rank != Rank.OVERRIDE]
    if override is None:
        return heard
    heard = [_without_show(one) for one in heard]
    if is_hidden(heard):
        heard = [one for one in heard if one.source.rank not in HIDDEN]
    if any(service.basic is Basic.OPEN for one in heard for service in one.tuples):
        override = replace(override, tuples=())
    return [*heard, replace(override, speaks=True)]


def is_hidden(heard: Sequence[Heard]) -> bool:
    """Whether somebody says offline on purpose, so that registrations and calls are not shown."""
    return any(one.state is State.OFFLINE and one.source.rank in MANUAL for one in heard)


def with_one_priority(heard: Sequence[Heard]) -> Sequence[Heard]:
    """Without the injected statements that another one of higher priority replaces."""
    injected = [one for one in heard if one.source.rank == Rank.INJECTED]
    if len(injected) < 2:
        return heard
    best = max(map(priority_of, injected))
    return [one for one in heard if one.source.rank != Rank.INJECTED or priority_of(one) == best]


def priority_of(one: Heard) -> float:
    """The highest priority of its tuples, -1 if it states none."""
    return max((service.priority for service in one.tuples if service.priority is not None), default=-1.0)


def _weight(one: Heard) -> tuple[float, tuple[float, int, str]]:
    return priority_of(one), one.age_order


def _shows_somebody_else(one: Heard) -> bool:
    source = one.source
    return source.rank in (Rank.INJECTED, Rank.OVERRIDE) and not source.by_owner and one.state not in ABSENT


def _as_default(one: Heard, heard: Sequence[Heard]) -> Heard:
    """A permanent statement beside other sources is about the person only, and about one who can be reached by them."""
    if one.source.rank != Rank.PERMANENT:
        return one
    if not any(other.tuples for other in heard if other.source.rank != Rank.PERMANENT):
        return one
    if one.state is State.OFFLINE:
        document = one.source.document
        best = best_tuple(document.tuples)
        notes = document.notes + best.notes if best is not None else document.notes
        one = hear(replace(one.source, document=replace(document, tuples=(), notes=notes)))
    return replace(one, tuples=())


def _without_show(one: Heard) -> Heard:
    """Its tuples in no state of their own: that of the person is told of each."""
    return replace(one, tuples=tuple(replace(service, show=None) for service in one.tuples))
