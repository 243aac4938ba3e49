"""What is known of a presentity, for those who may know all: every source by itself, and what becomes of them together."""

from typing import Any, Final

from twisted.internet.interfaces import IReactorTime

from sip2xmpp.address import Address
from sip2xmpp.documents import pidf
from sip2xmpp.documents.presence import Note, Presence, frozen_value
from sip2xmpp.documents.times import from_unix, write_time
from sip2xmpp.errors import BadDocument
from sip2xmpp.presence.agent import PACKAGE, PresenceAgent
from sip2xmpp.presence.canonical import canonical
from sip2xmpp.presence.composition import speaker
from sip2xmpp.presence.hearing import Rank, Source
from sip2xmpp.presence.statements import Statements
from sip2xmpp.presence.states import State, activities_of, state_of
from sip2xmpp.presence.texts import user_notes
from sip2xmpp.store.interface import Store
from sip2xmpp.store.records import Statement

_TIME: Final = {"type": ["string", "null"], "format": "date-time"}
_MEANING: Final[dict[str, Any]] = {
    "state": {"type": "string", "enum": [state.value for state in State]},
    "note": {"type": "object", "additionalProperties": {"type": "string"}},
    "activities": {"type": "array", "items": {"type": "string"}},
    "moods": {"type": "array", "items": {"type": "string"}},
    "places": {"type": "array", "items": {"type": "string"}},
}
STATEMENT_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "required": [
        "address",
        "source",
        "rank",
        "told_by",
        "changed_at",
        "begins_at",
        "expires_at",
        "expires_in",
    ],
    "properties": {
        "address": {"type": "string"},
        "source": {"type": "string"},
        "rank": {"type": "string"},
        "told_by": {"type": "string"},
        "changed_at": _TIME,
        "begins_at": _TIME,
        "expires_at": _TIME,
        "expires_in": {"type": ["number", "null"]},
        **_MEANING,
    },
}
SOURCES_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["address", "sources", "composed"],
    "properties": {
        "address": {"type": "string"},
        "sources": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["source", "rank", "state", "changed_at", "age", "expires_at", "user_agent"],
                "properties": {
                    "source": {"type": "string"},
                    "rank": {"type": "string"},
                    "changed_at": _TIME,
                    "age": {"type": "number"},
                    "expires_at": _TIME,
                    "user_agent": {"type": "string"},
                    "told_by": {"type": "string"},
                    **_MEANING,
                },
            },
        },
        "composed": {
            "type": "object",
            "required": ["state", "document"],
            "properties": {"document": {"type": "string"}, **_MEANING},
        },
    },
}


@frozen_value
class Known:
    """One source: what it says, the statement that it is if it is one, and when it ends if that is known."""

    source: Source
    held: Statement | None
    expires_at: float | None


class Sources:
    """Asks the presence agent, and the store for what a source does not say of itself."""

    def __init__(
        self, agent: PresenceAgent, statements: Statements, store: Store, clock: IReactorTime
    ) -> None:
        self._agent = agent
        self._statements = statements
        self._publications = store.publications
        self._clock = clock

    def told(self, address: Address) -> dict[str, Any]:
        """The answer, as values."""
        now = self._clock.seconds()
        composed = self._agent.composed(address)
        return {
            "address": str(address),
            "sources": [_source_told(known, now) for known in self.known(address)],
            "composed": _meaning(composed) | {"document": pidf.write(canonical(composed)).decode()},
        }

    def known(self, address: Address) -> list[Known]:
        """Every source by itself."""
        ends = {
            publication.source or publication.key: publication.expires_at
            for publication in self._publications.select(str(address))
            if publication.package == PACKAGE
        }
        stated = {f"statement {held.source}": held for held in self._statements.of(address)}
        found = []
        for source in self._agent.sources(address):
            held = stated.get(source.id)
            expires = source.expires_at if held is None else held.expires_at
            found.append(
                Known(
                    source=source, held=held, expires_at=ends.get(source.id) if expires is None else expires
                )
            )
        return found

    def composed(self, address: Address) -> Presence:
        """What those who may see all of it are shown."""
        return self._agent.composed(address)

    def speaker(self, address: Address) -> str | None:
        """The id of the source that speaks for the person, if one does."""
        return speaker(address.sip_uri(), self._agent.sources(address), self._clock.seconds())


def _source_told(known: Known, now: float) -> dict[str, Any]:
    source, held = known.source, known.held
    return {
        "source": source.id if held is None else held.source,
        "rank": rank_named(source.rank),
        **_meaning(source.document, source.user_agent),
        "changed_at": moment_told(source.published_at),
        "age": round(max(0.0, now - source.published_at), 3),
        "expires_at": moment_told(known.expires_at),
        "user_agent": source.user_agent,
        **({} if held is None else {"told_by": held.told_by}),
    }


def statement_told(held: Statement, now: float) -> dict[str, Any]:
    """A statement as it is shown to those who may know it; one that cannot be read any more has no state."""
    try:
        document = pidf.read(held.document, now=now)
    except BadDocument:
        document = Presence(entity=held.presentity.sip_uri())
    return {
        "address": str(held.presentity),
        "source": held.source,
        "rank": rank_named(held.rank),
        "told_by": held.told_by,
        **_meaning(document),
        "changed_at": moment_told(held.changed_at),
        "begins_at": moment_told(held.begins_at or None),
        "expires_at": moment_told(held.expires_at),
        "expires_in": None if held.expires_at is None else round(max(0.0, held.expires_at - now), 3),
    }


def rank_named(rank: int) -> str:
    """The kind of a source in a word."""
    return Rank(rank).name.lower()


def moment_told(seconds: float | None) -> str | None:
    """A Unix time as RFC 3339 writes it."""
    return None if seconds is None else write_time(from_unix(min(seconds, 253_402_300_799.0)))


def _meaning(document: Presence, user_agent: str = "") -> dict[str, Any]:
    state = state_of(document, user_agent=user_agent)
    return {
        "state": state.value,
        "note": _by_language(user_notes(document, state)),
        "activities": [one.text or one.name for one in activities_of(document)],
        "moods": [one.text or one.name for person in document.persons for one in person.moods],
        "places": [place for person in document.persons for place in person.place_types],
    }


def _by_language(notes: tuple[Note, ...]) -> dict[str, str]:
    return {note.language or "": note.text for note in notes}
