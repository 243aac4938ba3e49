"""What one source says: its document brought into plain terms before it is composed with others.

A source may say its state in ways of its own: Linphone closes its tuple for "do not disturb", Linphone Desktop opens one
for "offline", a call says only that the person is on the phone.  Here tuples become plainly open or closed, and the state
is known beside them.

Implements: RFC 4479 section 3 as read by ``presence.states``.
"""

from datetime import datetime
from enum import IntEnum

from sip2xmpp.documents.presence import Basic, Presence, Show, Tuple, frozen_value
from sip2xmpp.documents.times import from_unix
from sip2xmpp.presence.states import (
    ABSENT,
    EXTENDED_WORDS,
    SHOW_OF,
    State,
    as_utc,
    best_tuple,
    is_idle,
    newest_change,
    state_of,
)


class Rank(IntEnum):
    """The kinds of sources; the higher replaces the lower in what is known of one device.

    PERMANENT: what holds while no device says anything about the person (also XCAP pidf-manipulation).  REGISTERED: a
    binding at the registrar.  DIALOG: a call, as told by dialog-info.  OBSERVED: a phone's own answer to our SUBSCRIBE.
    RESOURCE: an XMPP resource.  PUBLISHED: a PUBLISH.  INJECTED: the operator or a program.  OVERRIDE: what wins always.
    """

    PERMANENT = 0
    REGISTERED = 10
    DIALOG = 20
    OBSERVED = 30
    RESOURCE = 35
    PUBLISHED = 40
    INJECTED = 50
    OVERRIDE = 60


CLIENTS = frozenset((Rank.OBSERVED, Rank.RESOURCE, Rank.PUBLISHED))
"""Sources in which the human's own clients say something on purpose."""

MANUAL = CLIENTS | {Rank.INJECTED}
"""Sources in which somebody says something on purpose that holds now."""


@frozen_value
class Source:
    """One thing that knows something about the presentity.

    ``id`` is unique among the sources of a presentity and stable for the life of the source; ``rank`` is a ``Rank``.
    ``published_at`` (Unix time) is when its content last *changed*; a refresh does not move it.  ``user_agent`` is the
    publisher's.  A source past ``expires_at`` is not heard.  ``by_owner``: a statement that the presentity made itself.
    """

    id: str
    rank: int
    published_at: float
    document: Presence
    user_agent: str = ""
    expires_at: float | None = None
    by_owner: bool = False


@frozen_value
class Heard:
    """A source in plain terms.

    ``idle``: it is away, but only because its keyboard is idle; ``state`` is ONLINE then.  ``speaks``: it says something
    about the person, more than that a device can be reached.  ``changed_at``: when its state changed, as it says itself,
    but never after we learned of it.
    """

    source: Source
    state: State
    tuples: tuple[Tuple, ...]
    speaks: bool
    idle: bool
    changed_at: datetime

    @property
    def is_open(self) -> bool:
        return self.state not in ABSENT

    @property
    def age_order(self) -> tuple[float, int, str]:
        """Oldest first, the same in whatever order sources were given."""
        return (self.source.published_at, self.source.rank, self.source.id)


def hear(source: Source) -> Heard:
    """Bring a source into plain terms."""
    document = source.document
    learned = from_unix(source.published_at)
    state = state_of(document, user_agent=source.user_agent, idle_is_away=False)
    # An idle keyboard counts for the whole human, not for this source alone: ``composition`` looks at it.
    idle = is_idle(document) and state is not state_of(document, user_agent=source.user_agent)
    if idle:
        state = State.ONLINE
    stated = newest_change(document)
    return Heard(
        source=source,
        state=state,
        tuples=_plain_tuples(document, state, learned),
        speaks=state not in ABSENT and (state is not State.ONLINE or _is_explicit(document)),
        idle=idle,
        changed_at=learned if stated is None or stated > learned else stated,
    )


def _is_explicit(document: Presence) -> bool:
    """Whether the state is said in a word, and not only by being open."""
    best = best_tuple(document.tuples)
    return best is not None and (best.show is not None or (best.extended or "").lower() in EXTENDED_WORDS)


def _plain_tuples(document: Presence, state: State, learned: datetime) -> tuple[Tuple, ...]:
    if state is State.UNKNOWN:
        return ()
    tuples = document.tuples or (Tuple(id="ID-presence"),)
    if len(tuples) == 1 and state is not State.OFFLINE:
        return (_plain(tuples[0], Basic.OPEN, tuples[0].show or SHOW_OF[state], learned),)
    if state is State.OFFLINE:
        return tuple([_plain(service, Basic.CLOSED, None, learned) for service in tuples])
    stated = [service for service in tuples if service.basic is not None]
    if not any(service.basic is Basic.OPEN for service in stated):
        return tuple(
            [_plain(service, Basic.OPEN, service.show or SHOW_OF[state], learned) for service in tuples]
        )
    told_apart = any(service.show is not None for service in stated)
    return tuple(
        [
            _plain(
                service,
                service.basic,
                service.show if told_apart or service.basic is not Basic.OPEN else SHOW_OF[state],
                learned,
            )
            for service in stated
        ]
    )


def _plain(service: Tuple, basic: Basic | None, show: Show | None, learned: datetime) -> Tuple:
    """The tuple saying this and no more.  A publisher's clock may be ahead: nobody is told of a change to come."""
    changed = service.timestamp
    if changed is not None and as_utc(changed) > learned:
        changed = learned
    if (
        service.basic is basic
        and service.show is show
        and service.extended is None
        and service.timestamp is changed
    ):
        return service
    return service.restated(
        basic=basic,
        show=show,
        extended=None,
        contact=service.contact,
        priority=service.priority,
        notes=service.notes,
        timestamp=changed,
        user_input=service.user_input,
        status_extensions=service.status_extensions,
        extensions=service.extensions,
    )
