"""What a user's client makes of what arrived: state, text and activity, from a presence stanza or from a PIDF document."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import HTTP
from xml.etree.ElementTree import Element, fromstring

from tests.peers.rawxmpp import child, local, text

SHOWS = {
    None: "online",
    "chat": "free for chat",
    "away": "away",
    "xa": "extended away",
    "dnd": "do not disturb",
}
"""What clients call the values of show."""

ACTIVITY_STATES = ("on-the-phone", "busy", "away")
"""RPID activities that are states of their own, the most telling first."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What somebody sees of somebody else."""

    state: str
    text: str = ""
    activity: str = ""


NOTHING = Sight("")


def sight_of_stanza(stanza: Element) -> Sight:
    """What a Jabber client shows for a presence stanza."""
    status = text(stanza, "status") or ""
    kind = stanza.get("type")
    if kind is not None:
        return Sight("offline" if kind == "unavailable" else kind, status)
    activity = child(stanza, "activity")
    words = []
    if activity is not None:
        general = next(iter(activity), None)
        if general is not None:
            specific = next(iter(general), None)
            words.append(local(specific if specific is not None else general).replace("_", " "))
    return Sight(SHOWS[text(stanza, "show")], status, ", ".join(words))


def sight_of_document(document: bytes) -> Sight:
    """What a SIP client shows for a PIDF document; nothing for no document."""
    if not document:
        return NOTHING
    root = fromstring(document)
    best = child(root, "tuple")
    person = child(root, "person")
    notes = [
        each.text or ""
        for place in (root, best, person)
        if place is not None
        for each in place
        if local(each) == "note"
    ]
    note = notes[0] if notes else ""
    basic = next((each.text for each in root.iter() if local(each) == "basic"), None)
    if basic != "open":
        return Sight("offline", note)
    activities = next((each for each in root.iter() if local(each) == "activities"), None)
    names = list(dict.fromkeys(local(each) for each in activities)) if activities is not None else []
    show = next((each.text for each in root.iter() if local(each) == "show"), None)
    state = next((name for name in ACTIVITY_STATES if name in names), "online")
    if show is not None and state != "on-the-phone":
        state = SHOWS[show]
    return Sight(state.replace("-", " "), note, ", ".join(names).replace("-", " "))


def sight_of_lamp(document: bytes) -> Sight:
    """What a key of a desk phone shows for a dialog-info document."""
    states = [each.text for each in fromstring(document).iter() if local(each) == "state"]
    return Sight("lamp lit" if "confirmed" in states else "lamp dark")


def rows_of(content_type: str, body: bytes) -> dict[str, str]:
    """The people that a NOTIFY about a list tells of, by the name before the ``@``, with the state of each."""
    parts = message_from_bytes(
        b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body, policy=HTTP
    ).walk()
    _, information, *documents = [part.get_payload(decode=True) or b"" for part in parts]
    assert isinstance(information, bytes)
    people = [each for each in fromstring(information).iter() if local(each) == "resource"]
    names = [each.get("uri", "").partition(":")[2].partition("@")[0] for each in people]
    shown = dict.fromkeys(names, "")
    for document in documents:
        assert isinstance(document, bytes)
        entity = fromstring(document).get("entity", "").partition(":")[2].partition("@")[0]
        shown[entity] = sight_of_document(document).state
    return shown


def sight_of_rows(rows: Mapping[str, str]) -> Sight:
    """What a client shows for a list: how many of its people are in each state."""
    counted = Counter(rows.values())
    return Sight(
        f"list of {len(rows)}", ", ".join(f"{count} {state}" for state, count in sorted(counted.items()))
    )
