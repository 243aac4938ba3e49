"""The words of presence as people read them: states, sources, activities, moods and places, all in the catalogue."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sip2xmpp.pages.languages import N_

STATE_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "online": N_("Available"),
        "chat": N_("Free for chat"),
        "away": N_("Away"),
        "xa": N_("Extended away"),
        "busy": N_("Busy"),
        "on-the-phone": N_("On the phone"),
        "dnd": N_("Do not disturb"),
        "offline": N_("Offline"),
        "unknown": N_("Unknown"),
    }
)
RANK_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "permanent": N_("Holds while no device says anything"),
        "registered": N_("A registered phone"),
        "dialog": N_("A call"),
        "observed": N_("A phone that was asked"),
        "resource": N_("A Jabber client"),
        "published": N_("A phone or client that says so itself"),
        "injected": N_("Stated by you or a program"),
        "override": N_("Always wins"),
    }
)
ACTIVITY_WORDS: Final[Mapping[str, str]] = MappingProxyType({})
MOOD_WORDS: Final[Mapping[str, str]] = MappingProxyType({})
PLACE_WORDS: Final[Mapping[str, str]] = MappingProxyType({})
