"""Neutral documents of each state, as a source would state them."""

from dataclasses import replace
from datetime import UTC, datetime

from sip2xmpp.documents.presence import Activity, Basic, Note, Person, Presence, Tuple
from sip2xmpp.presence.profiles import EXTENDED
from sip2xmpp.presence.states import ABSENT, SHOW_OF, State

JULIET = "sip:juliet@example.com"
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
PRESENT = [state for state in State if state not in ABSENT]

ACTIVITY = {
    State.AWAY: Activity("away"),
    State.XA: Activity("away"),
    State.BUSY: Activity("busy"),
    State.ON_THE_PHONE: Activity("on-the-phone"),
    State.DND: Activity("other", "dnd"),
}


def notes(text: str, language: str | None = "en") -> tuple[Note, ...]:
    return (Note(text=text, language=language),) if text else ()


def service(
    state: State,
    *,
    name: str = "ID-balcony",
    gr: str = "balcony",
    text: str = "",
    priority: float | None = 0.8,
) -> Tuple:
    return Tuple(
        id=name,
        basic=Basic.CLOSED if state in ABSENT else Basic.OPEN,
        show=SHOW_OF[state],
        contact=f"{JULIET};gr={gr}",
        priority=priority,
        notes=notes(text),
        timestamp=NOON,
    )


def document(state: State, text: str = "", *activities: Activity, others: tuple[Tuple, ...] = ()) -> Presence:
    """Somebody in this state, with a text of her own and activities beside the one that says it."""
    doing = (*((ACTIVITY[state],) if state in ACTIVITY else ()), *activities)
    return Presence(
        entity=JULIET,
        tuples=(replace(service(state, text=text), extended=EXTENDED[state]), *others),
        persons=(Person(id="p", activities=doing, timestamp=NOON),) if doing else (),
    )
