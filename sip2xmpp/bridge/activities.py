"""What the human is doing and feeling: RPID activities and moods, and their XMPP counterparts, as tables.

RPID knows 26 activities and XEP-0108 about 90, in two levels; 59 moods are common to both sides.  A name that the other
side lacks goes over as ``other`` (RPID) or ``undefined`` (XMPP) with its words, and what comes back in such words is
restored.  ``away``, ``busy`` and their like are not activities in XMPP: they are the ``show``, see ``presence.states``.

Implements: XEP-0108 section 3 and RFC 4480 section 3.2 (activities); XEP-0107 section 3 and RFC 4480 section 3.4 (moods);
RFC 4589 (places that make an activity more exact).
"""

from collections.abc import Sequence
from typing import Final

from sip2xmpp.documents import rpid
from sip2xmpp.documents.presence import Activity, Mood
from sip2xmpp.xmpp.availability import UserActivity, UserMood
from sip2xmpp.xmpp.rich import ACTIVITIES, MOODS

# RPID name -> general, specific, text.  A text stands where XEP-0108 has no word of its own.
_TO_XMPP: Final[dict[str, tuple[str, str | None, str | None]]] = {
    "appointment": ("having_appointment", None, None),
    "breakfast": ("eating", "having_breakfast", None),
    "dinner": ("eating", "having_dinner", None),
    "holiday": ("inactive", "scheduled_holiday", None),
    "in-transit": ("traveling", None, None),
    "looking-for-work": ("undefined", None, "looking for work"),
    "lunch": ("eating", "having_lunch", None),
    "meal": ("eating", None, None),
    "meeting": ("working", "in_a_meeting", None),
    "on-the-phone": ("talking", "on_the_phone", None),
    "performance": ("having_appointment", None, "performance"),
    "playing": ("relaxing", "gaming", None),
    "presentation": ("working", "in_a_meeting", "presentation"),
    "shopping": ("relaxing", "shopping", None),
    "sleeping": ("inactive", "sleeping", None),
    "spectator": ("relaxing", "going_out", "spectator"),
    "steering": ("traveling", "driving", None),
    "travel": ("traveling", "on_a_trip", None),
    "tv": ("relaxing", "watching_tv", None),
    "vacation": ("inactive", "on_vacation", None),
    "working": ("working", None, None),
    "worship": ("inactive", "praying", None),
}

_IN_TRANSIT: Final = {
    "automobile": "in_a_car",
    "bus": "on_a_bus",
    "train": "on_a_train",
    "aircraft": "on_a_plane",
}
"""A place-type beside ``in-transit``, and what one is doing there."""

_PLACE_OF: Final = {specific: place for place, specific in _IN_TRANSIT.items()}

# XEP-0108 -> RPID, where more than the reverse of the above is known; specific names first, then general ones.
_SPECIFIC_TO_RPID: Final = {
    "buying_groceries": "shopping",
    "coding": "working",
    "commuting": "in-transit",
    "day_off": "holiday",
    "driving": "steering",
    "gaming": "playing",
    "having_a_snack": "meal",
    "having_breakfast": "breakfast",
    "having_dinner": "dinner",
    "having_lunch": "meal",
    "in_a_car": "in-transit",
    "in_a_meeting": "meeting",
    "on_a_bus": "in-transit",
    "on_a_plane": "in-transit",
    "on_a_train": "in-transit",
    "on_a_trip": "travel",
    "on_the_phone": "on-the-phone",
    "on_vacation": "vacation",
    "on_video_phone": "on-the-phone",
    "playing_sports": "playing",
    "praying": "worship",
    "scheduled_holiday": "holiday",
    "shopping": "shopping",
    "sleeping": "sleeping",
    "studying": "working",
    "watching_a_movie": "performance",
    "watching_tv": "tv",
    "writing": "working",
}
_GENERAL_TO_RPID: Final = {
    "eating": "meal",
    "having_appointment": "appointment",
    "inactive": "away",
    "traveling": "in-transit",
    "working": "working",
}
_BY_TEXT: Final[dict[tuple[str, str | None, str | None], str]] = {
    (general, specific, text): name
    for name, (general, specific, text) in _TO_XMPP.items()
    if text is not None
}
_GENERAL_OF: Final = {
    specific: general for general, names in reversed(ACTIVITIES.items()) for specific in names.split()
}
"""The general activity under which a specific one usually stands; the first one of the list for "cycling"."""

_IGNORED_TEXTS: Final = frozenset(("", "available", "online", "dnd", "do not disturb", "busy (dnd)"))
"""Texts of ``other`` that are a state.  COMPAT: Blink and Linphone Desktop write these."""

LABELS: Final = {
    "appointment": "In an appointment",
    "breakfast": "Having breakfast",
    "dinner": "Having dinner",
    "holiday": "On holiday",
    "in-transit": "In transit",
    "looking-for-work": "Looking for work",
    "lunch": "Out to lunch",
    "meal": "Having a meal",
    "meeting": "In a meeting",
    "on-the-phone": "On the phone",
    "performance": "At a performance",
    "permanent-absence": "Absent for long",
    "playing": "Playing",
    "presentation": "Giving a presentation",
    "shopping": "Shopping",
    "sleeping": "Sleeping",
    "spectator": "Watching an event",
    "steering": "Driving",
    "travel": "Travelling",
    "tv": "Watching TV",
    "vacation": "On vacation",
    "working": "Working",
    "worship": "At worship",
}
"""Activities in words, for clients that show a status text and nothing else."""


def activity_to_rpid(activity: UserActivity) -> tuple[Activity, str | None, str | None]:
    """The RPID activity, the place-type that belongs to it, and the text that is not yet said by either."""
    general, specific, text = activity.general, activity.specific, activity.text or None
    exact = _BY_TEXT.get((general, specific, text))
    if exact is not None:
        return Activity(exact), None, None
    if specific in _SPECIFIC_TO_RPID:
        return Activity(_SPECIFIC_TO_RPID[specific]), _PLACE_OF.get(specific), text
    if (specific is None or specific == "other") and general in _GENERAL_TO_RPID:
        return Activity(_GENERAL_TO_RPID[general]), None, text
    name = specific if specific is not None and specific != "other" else general
    if name == "undefined" and text is not None:
        return Activity("other", text), None, None
    return Activity("other", _words(name)), None, text


def activity_from_rpid(
    activities: Sequence[Activity], note: str | None = None, places: Sequence[str] = ()
) -> UserActivity | None:
    """The XMPP activity for the first of these that has one; the labels of the rest go into the text.

    ``note`` is the text that was stated with them, ``places`` are the place-types of the person.
    """
    found: UserActivity | None = None
    rest: list[str] = []
    for activity in dict.fromkeys(activities):
        if found is None:
            found = _from_one(activity, places)
        else:
            rest.append(label_of(activity))
    if found is None:
        return None
    words = [found.text or "", note or "", *rest]
    text = ", ".join(dict.fromkeys(word for word in words if word))
    return UserActivity(general=found.general, specific=found.specific, text=text or None)


def label_of(activity: Activity) -> str:
    """An activity in words; empty when it says nothing beyond a state."""
    if activity.name == "other":
        return "" if activity.text.strip().lower() in _IGNORED_TEXTS else activity.text.strip()
    return LABELS.get(activity.name, "")


def mood_to_rpid(mood: UserMood) -> tuple[Mood, str | None]:
    """The RPID mood, and the note beside it."""
    text = mood.text or None
    if mood.value in MOODS and mood.value in rpid.MOODS:
        return Mood(mood.value), text
    if mood.value == "undefined" and text is not None:
        return Mood("other", text), None
    return Mood("other", _words(mood.value)), text


def mood_from_rpid(moods: Sequence[Mood], note: str | None = None) -> UserMood | None:
    """The XMPP mood for the first of these that says anything."""
    for mood in moods:
        if mood.name in MOODS:
            return UserMood(value=mood.name, text=note or None)
        words = mood.text.strip()
        if mood.name != "other" or not words:
            continue
        name = words.lower().replace(" ", "_")
        if name in MOODS:
            return UserMood(value=name, text=note or None)
        return UserMood(value="undefined", text=f"{words}, {note}" if note else words)
    return None


def _from_one(activity: Activity, places: Sequence[str]) -> UserActivity | None:
    if activity.name == "other":
        return _from_words(activity.text.strip())
    entry = _TO_XMPP.get(activity.name)
    if entry is None:
        return None
    general, specific, text = entry
    if activity.name == "in-transit":
        specific = next((_IN_TRANSIT[place] for place in places if place in _IN_TRANSIT), None)
    return UserActivity(general=general, specific=specific, text=text)


def _from_words(words: str) -> UserActivity | None:
    """The activity that ``activity_to_rpid`` put into these words, or an undefined one."""
    if words.lower() in _IGNORED_TEXTS:
        return None
    name = words.lower().replace(" ", "_")
    if name in _GENERAL_OF:
        return UserActivity(general=_GENERAL_OF[name], specific=name)
    if name in ACTIVITIES:
        return UserActivity(general=name)
    return UserActivity(general="undefined", text=words)


def _words(name: str) -> str:
    return name.replace("_", " ")
