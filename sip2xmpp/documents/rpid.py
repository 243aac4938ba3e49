"""RPID: what the human is doing, feeling and near, as children of person, tuple and device.

Reading takes any namespace and any order and keeps unknown activity names.  Writing gives only what the schema of
RFC 4480 allows: names outside its lists become ``other`` with the name as text, ``unknown`` says nothing and is left
out, ``lunch`` (in the prose of the RFC, not in its schema) becomes ``meal``.  No ``rpid:note`` is written into
activities: with two of them Linphone frees memory twice.

Implements: RFC 4480 sections 3.2 to 3.15; RFC 4589 (place types).
"""

import re
from typing import Final

from sip2xmpp.documents.presence import Activity, Mood, UserInput
from sip2xmpp.documents.times import read_time, write_time
from sip2xmpp.documents.xml import LOCAL_PARTS, Element, children, content, local_name, text


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


ACTIVITIES: Final = _names(
    "appointment away breakfast busy dinner holiday in-transit looking-for-work meal meeting on-the-phone other "
    "performance permanent-absence playing presentation shopping sleeping spectator steering travel tv unknown "
    "vacation working worship"
)
MOODS: Final = _names(
    "afraid amazed angry annoyed anxious ashamed bored brave calm cold confused contented cranky curious depressed "
    "disappointed disgusted distracted embarrassed excited flirtatious frustrated grumpy guilty happy hot humbled "
    "humiliated hungry hurt impressed in_awe in_love indignant interested invincible jealous lonely mean moody nervous "
    "neutral offended other playful proud relieved remorseful restless sad sarcastic serious shocked shy sick sleepy "
    "stressed surprised thirsty unknown worried"
)
PLACE_TYPES: Final = _names(
    "aircraft airport arena automobile bank bar bicycle bus bus-station cafe campground care-facility classroom club "
    "construction convention-center detached-unit fire-station government hospital hotel industrial "
    "landmark-address library motorcycle municipal-garage museum office outdoors parking phone-box "
    "place-of-worship post-office prison public public-transport residence restaurant school shopping-area stadium "
    "store street theater toll-booth town-hall train train-station truck underway utilitybox warehouse "
    "waste-transfer-facility water water-facility watercraft youth-camp"
)
RELATIONSHIPS: Final = _names("assistant associate family friend self supervisor unknown")
SERVICE_CLASSES: Final = _names("courier electronic freight in-person postal unknown")
SPHERES: Final = frozenset(("home", "work", "unknown"))

_WRITTEN_ACTIVITIES: Final = {name: f"<rpid:{name}/>" for name in ACTIVITIES - {"other"}} | {
    "lunch": "<rpid:meal/>",
    "unknown": "",
}
_WRITTEN_MOODS: Final = {name: f"<rpid:{name}/>" for name in MOODS - {"other"}} | {"unknown": ""}
_PLAIN_ACTIVITIES: Final = {name: Activity(name) for name in ACTIVITIES}
_PLAIN_MOODS: Final = {name: Mood(name) for name in MOODS if name != "other"}
"""The values of elements without text: most of what is ever read."""

_FROM: Final = re.compile(rb"from\s*=")
_UNTIL: Final = re.compile(rb"until\s*=")


class Window:
    """Which elements are valid at ``now`` (Unix time), and when that next changes (RFC 4480, section 3.1)."""

    __slots__ = ("_now", "changes_at")

    def __init__(self, now: float) -> None:
        self._now = now
        self.changes_at: float | None = None

    def covers(self, element: Element) -> bool:
        """Whether ``now`` is between ``from`` and ``until``; what is absent or unreadable does not bound."""
        begin = read_time(element.get("from"))
        end = read_time(element.get("until"))
        if begin is not None and begin.timestamp() > self._now:
            self._next(begin.timestamp())
            return False
        if end is not None:
            if end.timestamp() <= self._now:
                return False
            self._next(end.timestamp())
        return True

    def _next(self, moment: float) -> None:
        if self.changes_at is None or moment < self.changes_at:
            self.changes_at = moment


def bounds(octets: bytes) -> bool:
    """Whether an element of the document may say how long it is valid; most documents have no such attribute."""
    return (b"from" in octets and _FROM.search(octets) is not None) or (
        b"until" in octets and _UNTIL.search(octets) is not None
    )


def read_activities(element: Element) -> tuple[list[Activity], str | None]:
    """The activities of one element, in order, and the text of its note."""
    activities: list[Activity] = []
    note: str | None = None
    for child in children(element):
        name = LOCAL_PARTS[child.tag]
        words = child.text
        if words is None and name in _PLAIN_ACTIVITIES:
            activities.append(_PLAIN_ACTIVITIES[name])
            continue
        # COMPAT: Linphone Desktop repeats the name as text, and tells its "offline" and "dnd" only by the text.
        words = (words or "").strip()
        if name == "note":
            note = note or words or None
        elif name != "other" and words.lower() == name:
            activities.append(Activity(name))
        else:
            activities.append(Activity(name, words))
    return activities, note


def read_moods(element: Element) -> tuple[list[Mood], str | None]:
    """The moods of one element, in order, and the text of its note."""
    moods: list[Mood] = []
    note: str | None = None
    for child in children(element):
        name = LOCAL_PARTS[child.tag]
        if name == "note":
            note = note or content(child) or None
        elif name in _PLAIN_MOODS:
            moods.append(_PLAIN_MOODS[name])
        else:
            moods.append(Mood(name, content(child) if name == "other" else ""))
    return moods, note


def read_place_types(element: Element) -> tuple[str, ...]:
    """Tokens and free texts of a ``place-type``."""
    places: list[str] = []
    for child in children(element):
        name = LOCAL_PARTS[child.tag]
        if name != "note":
            places.append(content(child) if name == "other" else name)
    return tuple(place for place in places if place)


def read_choice(element: Element) -> str | None:
    """The one value of ``sphere``, ``relationship`` or ``service-class``: a child's name, or text."""
    for child in element:
        name = local_name(child)
        if name != "note":
            return (content(child) if name == "other" else name) or None
    # COMPAT: an example in RFC 4480 itself has text where its schema wants an element.
    return content(element) or None


def read_user_input(element: Element) -> UserInput | None:
    """Recent use of a device; None when neither ``active`` nor ``idle``."""
    words = content(element).lower()
    if words not in ("idle", "active"):
        return None
    threshold = read_integer(element.get("idle-threshold"))
    return UserInput(
        idle=words == "idle",
        last_input=read_time(element.get("last-input")),
        threshold=threshold if threshold is not None and threshold > 0 else None,
    )


def read_integer(words: str | None) -> int | None:
    """A decimal integer of at most nine digits."""
    if words is None:
        return None
    words = words.strip()
    digits = words[1:] if words[:1] in ("-", "+") else words
    return int(words) if digits.isascii() and digits.isdigit() and len(digits) < 10 else None


def write_activities(activities: tuple[Activity, ...]) -> str:
    """``rpid:activities``, or nothing when no activity says anything."""
    parts: list[str] = []
    for activity in activities:
        written = _WRITTEN_ACTIVITIES.get(activity.name)
        if written is None:
            written = _other(activity.text if activity.name == "other" else activity.name)
        parts.append(written)
    inside = "".join(parts)
    return f"<rpid:activities>{inside}</rpid:activities>" if inside else ""


def write_moods(moods: tuple[Mood, ...], note: str | None) -> str:
    """``rpid:mood``, or nothing when no mood says anything."""
    parts: list[str] = []
    for mood in moods:
        written = _WRITTEN_MOODS.get(mood.name)
        if written is None:
            written = _other(mood.text if mood.name == "other" else mood.name)
        parts.append(written)
    inside = "".join(parts)
    if not inside:
        return ""
    words = text(note) if note else ""
    return f"<rpid:mood>{f'<rpid:note>{words}</rpid:note>' if words else ''}{inside}</rpid:mood>"


def write_place_types(places: tuple[str, ...]) -> str:
    """``rpid:place-type`` with RFC 4589 tokens, or else the first free text."""
    inside = "".join([f"<lt:{place}/>" for place in places if place in PLACE_TYPES])
    if not inside:
        inside = next(filter(None, map(_other, places)), "")
    return f"<rpid:place-type>{inside}</rpid:place-type>" if inside else ""


def write_sphere(sphere: str) -> str:
    """``rpid:sphere``; the schema has no place for other words."""
    return f"<rpid:sphere><rpid:{sphere}/></rpid:sphere>" if sphere in SPHERES else ""


def write_relationship(relationship: str) -> str:
    """``rpid:relationship``."""
    inside = f"<rpid:{relationship}/>" if relationship in RELATIONSHIPS else _other(relationship)
    return f"<rpid:relationship>{inside}</rpid:relationship>" if inside else ""


def write_service_class(service_class: str) -> str:
    """``rpid:service-class``; the schema has no place for other words."""
    if service_class not in SERVICE_CLASSES:
        return ""
    return f"<rpid:service-class><rpid:{service_class}/></rpid:service-class>"


def write_user_input(state: UserInput) -> str:
    """``rpid:user-input``."""
    head = "<rpid:user-input"
    if state.threshold is not None and state.threshold > 0:
        head += f' idle-threshold="{state.threshold}"'
    if state.last_input is not None:
        head += f' last-input="{write_time(state.last_input)}"'
    return f"{head}>{'idle' if state.idle else 'active'}</rpid:user-input>"


def _other(words: str) -> str:
    inside = text(words)
    return f"<rpid:other>{inside}</rpid:other>" if inside else ""
