"""The names of moods and activities that XMPP defines; nothing else is ever written as an element name.

Implements: XEP-0107 section 3; XEP-0108 section 3.
"""

from typing import Final

_MOODS = """
    afraid amazed amorous angry annoyed anxious aroused ashamed bored brave calm cautious cold confident confused
    contemplative contented cranky crazy creative curious dejected depressed disappointed disgusted dismayed
    distracted embarrassed envious excited flirtatious frustrated grateful grieving grumpy guilty happy hopeful hot
    humbled humiliated hungry hurt impressed in_awe in_love indignant interested intoxicated invincible jealous
    lonely lost lucky mean moody nervous neutral offended outraged playful proud relaxed relieved remorseful
    restless sad sarcastic satisfied serious shocked shy sick sleepy spontaneous stressed strong surprised thankful
    thirsty tired undefined weak worried
"""
MOODS: Final = frozenset(_MOODS.split())

ACTIVITIES: Final = {
    "doing_chores": "buying_groceries cleaning cooking doing_maintenance doing_the_dishes doing_the_laundry "
    "gardening running_an_errand walking_the_dog",
    "drinking": "having_a_beer having_coffee having_tea",
    "eating": "having_a_snack having_breakfast having_dinner having_lunch",
    "exercising": "cycling dancing hiking jogging playing_sports running skiing swimming working_out",
    "grooming": "at_the_spa brushing_teeth getting_a_haircut shaving taking_a_bath taking_a_shower",
    "having_appointment": "",
    "inactive": "day_off hanging_out hiding on_vacation praying scheduled_holiday sleeping thinking",
    "relaxing": "fishing gaming going_out partying reading rehearsing shopping smoking socializing sunbathing "
    "watching_tv watching_a_movie",
    "talking": "in_real_life on_the_phone on_video_phone",
    "traveling": "commuting cycling driving in_a_car on_a_bus on_a_plane on_a_train on_a_trip walking",
    "undefined": "",
    "working": "coding in_a_meeting studying writing",
}
"""General activities, each with the specific ones usual under it, separated by spaces."""

SPECIFIC: Final = frozenset(name for names in ACTIVITIES.values() for name in names.split()) | {"other"}
"""Specific activities; each is legal under every general one."""
