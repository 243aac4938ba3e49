"""What ``inject`` and ``permanent`` share: words and times from a command line, statements into the state file.

The gateway may run or not; a running one notices within a second, and then its watchers do.
"""

import argparse
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sip2xmpp.address import Address
from sip2xmpp.command.deeds import record
from sip2xmpp.command.screen import json_of, printable
from sip2xmpp.config import Config
from sip2xmpp.documents import pidf
from sip2xmpp.documents.times import from_unix, write_time
from sip2xmpp.errors import BadDocument, BadInput, TooMany
from sip2xmpp.presence.hearing import Rank
from sip2xmpp.presence.statements import Saying, StatementLimits, statement
from sip2xmpp.presence.states import State, state_of
from sip2xmpp.presence.telling import (
    STATES,
    Telling,
    activity_named,
    document_of,
    mood_named,
    note_written,
    place_named,
    state_named,
)
from sip2xmpp.presence.texts import user_notes
from sip2xmpp.store.offline import OfflineStore, offline
from sip2xmpp.store.records import Statement, Virtual

TELLER: Final = "command line"
"""Who made the statements of commands."""

_UNITS: Final = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """About whom, in which file, as which source."""

    address: Address
    source: str
    config: Config


def add_words(parser: argparse.ArgumentParser) -> None:
    """Add what can be said: a state and what goes with it, or a document."""
    parser.add_argument(
        "state",
        metavar="STATE",
        nargs="?",
        help=f"{', '.join(STATES)} (online, if there is something else to say)",
    )
    parser.add_argument(
        "--note",
        action="append",
        default=[],
        metavar="TEXT[;LANG]",
        help="a text beside the state; may be repeated for other languages, as in '17 Grad;de'",
    )
    parser.add_argument(
        "--activity",
        action="append",
        default=[],
        metavar="NAME",
        help="such as meeting or vacation, or other words",
    )
    parser.add_argument("--mood", metavar="NAME", help="such as happy, or other words")
    parser.add_argument("--place", metavar="NAME", help="such as office, or other words")
    parser.add_argument("--pidf", metavar="FILE", type=Path, help="say what this PIDF document says instead")
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_times(parser: argparse.ArgumentParser) -> None:
    """Add when it begins and ends."""
    end = parser.add_mutually_exclusive_group()
    end.add_argument(
        "--for",
        dest="lasts",
        metavar="SECONDS",
        help="how long it holds; also with a unit, as in 90m, 8h or 3d",
    )
    end.add_argument(
        "--until",
        metavar="TIME",
        help="when it ends, as in 2027-01-05 or 2027-01-05T18:00 (local time) or with Z",
    )
    parser.add_argument("--from", dest="begins", metavar="TIME", help="when it begins")


def says_something(arguments: argparse.Namespace) -> bool:
    """Whether there are words or a document on the command line."""
    said = (
        arguments.state,
        arguments.note,
        arguments.activity,
        arguments.mood,
        arguments.place,
        arguments.pidf,
    )
    return any(said)


def octets_of(arguments: argparse.Namespace, place: Place, priority: float | None = None) -> bytes:
    """The document that the command line says."""
    if arguments.pidf is None:
        telling = Telling(
            state=state_named(arguments.state or State.ONLINE.value),
            activities=tuple(map(activity_named, arguments.activity)),
            notes=tuple(map(note_written, arguments.note)),
            mood=mood_named(arguments.mood) if arguments.mood else None,
            place=place_named(arguments.place) if arguments.place else "",
            priority=priority,
        )
        return pidf.write(document_of(telling, place.address.sip_uri(), source=place.source))
    if arguments.state or arguments.note or arguments.activity or arguments.mood or arguments.place:
        raise BadInput(
            "the state, --note, --activity, --mood and --place are not for --pidf; the file has its own"
        )
    most = place.config.limits.body
    try:
        with arguments.pidf.open("rb") as file:
            octets: bytes = file.read(most + 1)
    except OSError as error:
        raise BadInput(f"cannot read {arguments.pidf}: {error.strerror}") from None
    if len(octets) > most:
        raise BadInput(f"{arguments.pidf} has more than {most} octets (limits.body)")
    return octets


def put(place: Place, arguments: argparse.Namespace, octets: bytes, rank: Rank) -> Statement:
    """Write it into the state file."""
    now = time.time()
    begins = moment(arguments.begins) if arguments.begins else 0.0
    expires = moment(arguments.until) if arguments.until else None
    if arguments.lasts:
        expires = max(now, begins) + seconds(arguments.lasts)
    saying = Saying(
        presentity=place.address,
        source=place.source,
        document=octets,
        rank=rank,
        told_by=TELLER,
        begins_at=begins if begins > now else 0.0,
        expires_at=expires,
    )
    limits = StatementLimits(document=place.config.limits.body)
    with offline(place.config.gateway.state) as store:
        held = living(store, place.address, now)
        before = next((one for one in held if one.source == place.source), None)
        made = statement(saying, before, now, limits)
        if before is None and len(held) >= limits.per_presentity:
            raise TooMany(f"{limits.per_presentity} sources say something about {place.address} already")
        key = str(place.address)
        if store.accounts.get(key) is None and store.virtuals.get(key) is None:
            store.virtuals.put(Virtual(address=place.address, since=now))
        store.statements.put(made)
        record(store, f"{place.source} states", place.address)
    return made


def withdraw(place: Place) -> bool:
    """Take it out of the state file; whether it was there."""
    now = time.time()
    with offline(place.config.gateway.state) as store:
        known = [one for one in living(store, place.address, now) if one.source == place.source]
        store.statements.remove(f"{place.address} {place.source}")
        if known:
            record(store, f"{place.source} is withdrawn", place.address)
    return bool(known)


def living(store: OfflineStore, address: Address, now: float) -> list[Statement]:
    """What is stated of an address and has not ended."""
    held = store.statements.select(str(address))
    return [one for one in held if one.expires_at is None or one.expires_at > now]


def show(statements: Iterable[Statement], *, as_json: bool) -> None:
    """Print statements, one on each line, or all as a JSON array."""
    rows = [row_of(one) for one in statements]
    if as_json:
        print(json_of(rows))
        return
    for row in rows:
        span = "".join(
            f" {word} {row[key]}" for word, key in (("from", "from"), ("until", "until")) if row[key]
        )
        notes = printable("; ".join(row["note"].values()))
        print(f"{row['source']:20} {row['rank']:9} {row['state']:12}{span}{' ' + notes if notes else ''}")


def row_of(held: Statement) -> dict[str, Any]:
    """A statement as a script reads it; moments are UTC, or null."""
    try:
        document = pidf.read(held.document, now=time.time())
        state = state_of(document)
        notes = {note.language or "": note.text for note in user_notes(document, state)}
    except BadDocument:
        state, notes = State.UNKNOWN, {}
    return {
        "address": str(held.presentity),
        "source": held.source,
        "rank": Rank(held.rank).name.lower(),
        "state": state.value,
        "note": notes,
        "told_by": held.told_by,
        "from": write_time(from_unix(held.begins_at)) if held.begins_at else None,
        "until": None if held.expires_at is None else write_time(from_unix(held.expires_at)),
    }


def moment(text: str) -> float:
    """A point in time as people write it, as Unix time; without a zone it is local."""
    try:
        return datetime.fromisoformat(text.strip()).astimezone().timestamp()
    except (ValueError, OverflowError, OSError):
        raise BadInput(f"{text} is not a time, as in 2027-01-05T18:00 or 2027-01-05T18:00:00Z") from None


def seconds(text: str) -> float:
    """A span of time: seconds, or a number with a unit."""
    found = re.fullmatch(r"([0-9]{1,9})(s|m|min|h|d|)", text.strip())
    if found is None or not int(found[1]):
        raise BadInput(f"{text} is not a span of time, as in 3600, 90m, 8h or 3d")
    return float(int(found[1]) * _UNITS[found[2]])
