"""The operations by which programs state presence: ``/api/v1/presence`` and ``/api/v1/permanent``.

A program has sources of its own, by default one that is called like its token, and for what is permanent another one with
``.permanent`` behind.  It may take any other name that nobody else uses for this address, and changes only what its own
token made.  What is answered with 200 or 204 is on the disk.
"""

from collections.abc import Mapping
from typing import Any, Final

from twisted.internet.interfaces import IReactorTime

from sip2xmpp.address import Address
from sip2xmpp.documents import pidf
from sip2xmpp.documents.presence import Note
from sip2xmpp.errors import NotAuthorized
from sip2xmpp.portal.operations import JSON, Answer, Call, Operation
from sip2xmpp.portal.problems import Problem, Senseless, wrong
from sip2xmpp.portal.shapes import (
    Member,
    Shape,
    Wrong,
    array,
    by_name,
    choice,
    either,
    loaded,
    members,
    moment,
    number,
    whole,
    words,
)
from sip2xmpp.portal.sources import SOURCES_SCHEMA, STATEMENT_SCHEMA, Sources, statement_told
from sip2xmpp.portal.tokens import Right
from sip2xmpp.presence.hearing import Rank
from sip2xmpp.presence.statements import HARD_STATE, SOURCE_LIMIT, Saying, Statements
from sip2xmpp.presence.states import State
from sip2xmpp.presence.telling import (
    STATES,
    WORDS_LIMIT,
    Telling,
    activity_named,
    document_of,
    mood_named,
    note_of,
    place_named,
)
from sip2xmpp.presence.texts import LANGUAGE_LIMIT, NOTE_LIMIT

LIFETIME: Final = 3_600
"""Seconds that injected presence holds unless it says otherwise: a program that died is not believed for ever."""

LONGEST: Final = 366 * 86_400
"""Seconds that presence may be stated for by ``lifetime``."""

PERMANENT: Final = ".permanent"
"""What the default source of permanent presence has behind the name of the token."""

_TEXT = words(note_of, most=NOTE_LIMIT)
_LANGUAGE = words(str, most=35, least=0, pattern="^([A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*)?$")
_NOTES: Final[Shape[Any]] = either(_TEXT, by_name(_LANGUAGE, _TEXT, LANGUAGE_LIMIT))

SOURCE: Final = Member(
    shape=words(str, most=SOURCE_LIMIT, pattern=r"^[!-~]+$"),
    about="The name of the source; by default that of the token.",
)
_WHEN: Final[Mapping[str, Member]] = {
    "from": Member(shape=moment(), about="When it begins to hold; by default now."),
    "until": Member(shape=moment(), about="When it ceases to hold."),
}
_ABOUT: Final[Mapping[str, Member]] = {
    "state": Member(
        shape=choice({word: State(word) for word in STATES}), about="How the presentity is.", default="online"
    ),
    "note": Member(
        shape=_NOTES,
        about="A text beside it: a string, or an object of texts by language (empty: none in particular).",
    ),
    "activities": Member(
        shape=array(words(activity_named, most=WORDS_LIMIT), 8),
        about="Activities of RFC 4480, such as `meeting` or `vacation`, or other words.",
    ),
    "mood": Member(shape=words(mood_named, most=WORDS_LIMIT), about="A mood of RFC 4480, or other words."),
    "place": Member(
        shape=words(place_named, most=WORDS_LIMIT), about="A type of place of RFC 4589, or other words."
    ),
    "priority": Member(
        shape=number(0, 1), about="Of several sources that programs state, the one with the highest is heard."
    ),
}


def _precedence(usual: str, rank: Rank, about: str) -> Mapping[str, Member]:
    shape = choice({usual: rank, "always": Rank.OVERRIDE})
    return {"precedence": Member(shape=shape, about=about, default=usual)}


_USUAL = _precedence("normal", Rank.INJECTED, "`always` wins over everything, also over calls.")
_LOWEST = _precedence("lowest", Rank.PERMANENT, "`lowest` is heard while no device says anything.")
_LIFETIME = {
    "lifetime": Member(
        shape=whole(1, LONGEST), about="Seconds that it holds; `until` goes before it.", default=LIFETIME
    )
}
_BESIDE: Final = {"source": SOURCE, **_LIFETIME, **_WHEN, **_USUAL}
_BESIDE_PERMANENT: Final = {"source": SOURCE, **_WHEN, **_LOWEST}
_BODY: Final = members({**_ABOUT, **_BESIDE})
_BODY_PERMANENT: Final = members({**_ABOUT, **_BESIDE_PERMANENT})
_PIDF_SCHEMA: Final = {"type": "string", "description": "A PIDF document (RFC 3863)."}
_NAMED: Final = members({"source": SOURCE})
_CONFLICT: Final = {409: "There is no room for one more, or the source is not of this token."}


class Stating:
    """The operations; ``sources`` tells what is known of a presentity."""

    def __init__(self, statements: Statements, sources: Sources, clock: IReactorTime) -> None:
        self._statements = statements
        self._sources = sources
        self._clock = clock

    def operations(self) -> list[Operation]:
        """The rows of the table."""
        presence, permanent = "/api/v1/presence/{address}", "/api/v1/permanent/{address}"
        return [
            Operation(
                method="POST",
                path=presence,
                name="publishPresence",
                summary="State how somebody is now",
                about="In the place of what the same source stated before. An address without account becomes known by it. "
                "A member of a JSON body goes before the query parameter of the same name.",
                right=Right.PUBLISH,
                serve=self._publish,
                query=_BESIDE,
                bodies={JSON: _BODY.schema, pidf.CONTENT_TYPE: _PIDF_SCHEMA},
                answer=STATEMENT_SCHEMA,
                refuses=_CONFLICT,
            ),
            Operation(
                method="DELETE",
                path=presence,
                name="withdrawPresence",
                summary="Withdraw what a source stated",
                about="The source is named in the query or in a body.",
                right=Right.PUBLISH,
                serve=lambda call: self._withdraw(call, ""),
                query={"source": SOURCE},
                bodies={JSON: _NAMED.schema},
                body_required=False,
            ),
            Operation(
                method="GET",
                path=presence,
                name="readPresence",
                summary="What each source says, and what watchers are shown",
                about="Those who may see the address are shown what is `composed`.",
                right=Right.READ,
                serve=self._read,
                answer=SOURCES_SCHEMA,
            ),
            Operation(
                method="PUT",
                path=permanent,
                name="setPermanentPresence",
                summary="State how somebody is while no device says anything",
                about="Without `until` it holds until it is taken away.",
                right=Right.PUBLISH,
                serve=self._set_permanent,
                query=_BESIDE_PERMANENT,
                bodies={JSON: _BODY_PERMANENT.schema, pidf.CONTENT_TYPE: _PIDF_SCHEMA},
                answer=STATEMENT_SCHEMA,
                refuses=_CONFLICT,
            ),
            Operation(
                method="DELETE",
                path=permanent,
                name="clearPermanentPresence",
                summary="Take permanent presence away",
                about="The source is named in the query or in a body.",
                right=Right.PUBLISH,
                serve=lambda call: self._withdraw(call, PERMANENT),
                query={"source": SOURCE},
                bodies={JSON: _NAMED.schema},
                body_required=False,
            ),
            Operation(
                method="GET",
                path=permanent,
                name="readPermanentPresence",
                summary="What is permanent, and what always wins",
                about="Also what is still to begin.",
                right=Right.READ,
                serve=self._read_permanent,
                answer={"type": "array", "items": STATEMENT_SCHEMA},
            ),
        ]

    async def _publish(self, call: Call) -> Answer:
        return await self._state(call, _BODY, "", Rank.INJECTED, LIFETIME)

    async def _set_permanent(self, call: Call) -> Answer:
        return await self._state(call, _BODY_PERMANENT, PERMANENT, Rank.PERMANENT, None)

    async def _state(
        self, call: Call, body: Shape[dict[str, Any]], suffix: str, rank: Rank, lifetime: int | None
    ) -> Answer:
        address = call.addresses["address"]
        said = dict(call.query)
        if call.media == JSON:
            said |= _read_body(body, call.body)
        source = self._own(call, said.get("source", call.token.name + suffix))
        octets = call.body if call.media != JSON else _document(address, source, said)
        now = self._clock.seconds()
        begins = said.get("from", 0.0)
        lifetime = said.get("lifetime", lifetime)
        until = said.get("until", None if lifetime is None else max(now, begins) + lifetime)
        if until is not None and until <= max(now, begins):
            raise wrong(
                [
                    Senseless(
                        "#/until" if call.media == JSON else "?until", "has passed, or is not after the begin"
                    )
                ]
            )
        made = await self._statements.state(
            Saying(
                presentity=address,
                source=source,
                document=octets,
                rank=said.get("precedence", rank),
                told_by=_teller(call),
                begins_at=begins if begins > now else 0.0,
                expires_at=until,
            )
        )
        return Answer(value=statement_told(made, now), done=f"{source} states")

    async def _withdraw(self, call: Call, suffix: str) -> Answer:
        address = call.addresses["address"]
        said = dict(call.query)
        if call.body:
            said |= _read_body(_NAMED, call.body)
        source = self._own(call, said.get("source", call.token.name + suffix))
        if not await self._statements.withdraw(address, source):
            raise Problem(404, f"{source} states nothing about {address}")
        return Answer(done=f"{source} is withdrawn")

    async def _read(self, call: Call) -> Answer:
        return Answer(value=self._sources.told(call.addresses["address"]))

    async def _read_permanent(self, call: Call) -> Answer:
        now = self._clock.seconds()
        return Answer(
            value=[
                statement_told(held, now)
                for held in self._statements.of(call.addresses["address"])
                if held.rank in (Rank.PERMANENT, Rank.OVERRIDE)
            ]
        )

    def _own(self, call: Call, source: str) -> str:
        """The name, if this token may use it."""
        held = next(
            (one for one in self._statements.of(call.addresses["address"]) if one.source == source), None
        )
        if source == HARD_STATE or (held is not None and held.told_by != _teller(call)):
            raise NotAuthorized(f"the source {source} is not of the token {call.token.name}")
        return source


def _teller(call: Call) -> str:
    return f"token {call.token.name}"


def _read_body(shape: Shape[dict[str, Any]], octets: bytes) -> dict[str, Any]:
    value = loaded(octets)
    try:
        return shape.read(value)
    except Wrong as error:
        raise wrong([fault._replace(pointer=f"#{fault.pointer}") for fault in error.faults]) from None


def _document(address: Address, source: str, said: Mapping[str, Any]) -> bytes:
    note: Note | dict[str, Note] = said.get("note", {})
    notes = (note,) if isinstance(note, Note) else tuple(note_of(one.text, tag) for tag, one in note.items())
    telling = Telling(
        state=said.get("state", State.ONLINE),
        activities=said.get("activities", ()),
        notes=notes,
        mood=said.get("mood"),
        place=said.get("place", ""),
        priority=said.get("priority"),
    )
    return pidf.write(document_of(telling, address.sip_uri(), source=source))
