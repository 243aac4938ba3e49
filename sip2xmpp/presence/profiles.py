"""How a state is put into a document for a kind of watcher: rows of data, read by ``presence.canonical``.

``INTEROP`` is the default: the one form that every client read or run so far shows best.  ``RFC`` says what RFC 4480
means and nothing else.  The others are INTEROP with what one family of clients needs; ``events.renderings`` chooses by
Accept and User-Agent.  The forms were measured in running clients or derived from their source; change them only with
the table of expected displays in the tests.

Implements: RFC 4480 section 3.2 and RFC 8048 section 6, as clients read them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from sip2xmpp.documents.presence import Activity, Basic
from sip2xmpp.presence.states import State

Form = tuple[tuple[Activity, ...], tuple[Activity, ...]]
"""The activities written before and after the specific ones that the user stated."""

_AWAY: Final = Activity("away")
_BUSY: Final = Activity("busy")
_PHONE: Final = Activity("on-the-phone")

EXTENDED: Final[Mapping[State, str]] = {
    State.OFFLINE: "offline",
    State.ONLINE: "available",
    State.CHAT: "available",
    State.AWAY: "away",
    State.XA: "away",
    State.BUSY: "busy",
    State.ON_THE_PHONE: "busy",
    State.DND: "busy",
    State.UNKNOWN: "offline",
}
"""The AG Projects word of each state."""

_INTEROP_FORMS: Final[Mapping[State, Form]] = {
    State.AWAY: ((_AWAY,), (_AWAY,)),
    State.XA: ((_AWAY,), (_AWAY,)),
    State.BUSY: ((_BUSY,), (_BUSY,)),
    State.ON_THE_PHONE: ((_BUSY, _PHONE), (_BUSY,)),
    State.DND: ((_BUSY,), (_BUSY,)),
}


class Keep(Enum):
    """On which tuples an element is kept."""

    ALL = "all"
    WINNER = "winner"
    NONE = "none"


class Syntax(Enum):
    """The document format a profile is written in."""

    PIDF = "pidf"
    XPIDF = "xpidf"
    CISCO = "cisco"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One way to tell a state.

    ``name`` is the key of cached renderings: two profiles that differ have different names.  ``forms`` give the
    activities of a state; a first and last activity that are alike are written once when nothing stands between them.
    ``true_to_rpid`` writes stated activities as they are and adds a coarse word only where none says the state.
    ``basic`` overrides what a state says of reachability.  ``tuple_limit`` is how many tuples are kept, the best first.
    ``show`` and ``extended`` say where these elements stand.  ``foreign`` keeps extension elements, devices and rich
    attributes.  ``last_input`` discloses when a device was last used, to the minute.  ``size_goal`` in octets makes
    ``events.renderings`` drop contact and lesser tuples from a document that is larger; None sets no goal.
    """

    name: str
    content_type: str = "application/pidf+xml"
    syntax: Syntax = Syntax.PIDF
    forms: Mapping[State, Form]
    true_to_rpid: bool = False
    basic: Mapping[State, Basic]
    tuple_limit: int = 8
    show: Keep = Keep.ALL
    extended: bool = True
    foreign: bool = True
    contact: bool = True
    last_input: bool = False
    size_goal: int | None = None


INTEROP: Final = Profile(name="interop", forms=_INTEROP_FORMS, basic={})

RFC: Final = Profile(
    name="rfc",
    forms={
        State.AWAY: ((), (_AWAY,)),
        State.XA: ((), (_AWAY,)),
        State.BUSY: ((), (_BUSY,)),
        State.ON_THE_PHONE: ((), (_PHONE,)),
        State.DND: ((), (_BUSY,)),
    },
    true_to_rpid=True,
    basic={},
)

LINPHONE_5: Final = replace(
    INTEROP, name="linphone-5", forms={**_INTEROP_FORMS, State.ON_THE_PHONE: ((_BUSY,), (_PHONE,))}
)
"""linphonec up to 5.1 takes the last activity and can say "On the phone"."""

LINPHONE_3: Final = replace(LINPHONE_5, name="linphone-3", tuple_limit=1, show=Keep.WINNER, foreign=False)
"""Linphone up to 3.5 searches the text of the whole body, so there must be no word of another device in it."""

LINPHONE_DESKTOP_6: Final = replace(
    INTEROP,
    name="linphone-desktop-6",
    forms={**_INTEROP_FORMS, State.DND: ((_BUSY,), (Activity("other", "dnd"),))},
)
"""Linphone Desktop 6 takes the last activity and reads "do not disturb" from ``other``."""

LINPHONE_SDK_DND: Final = replace(
    INTEROP,
    name="linphone-sdk-dnd",
    forms={**_INTEROP_FORMS, State.DND: ((_AWAY,), (_AWAY,))},
    basic={State.DND: Basic.CLOSED},
)
"""Option, off by default: Linphone's mobile apps show "do not disturb" for closed with an activity."""

LINPHONE_DESKTOP_OFFLINE: Final = replace(
    LINPHONE_DESKTOP_6,
    name="linphone-desktop-offline",
    forms={**LINPHONE_DESKTOP_6.forms, State.OFFLINE: ((), (Activity("permanent-absence"),))},
    basic={State.OFFLINE: Basic.OPEN},
)
"""Option, off by default: Linphone Desktop 6 shows "Offline" for open with permanent-absence, nothing for closed."""

XPIDF: Final = replace(
    INTEROP,
    name="xpidf",
    content_type="application/xpidf+xml",
    syntax=Syntax.XPIDF,
    foreign=False,
    tuple_limit=1,
)

CISCO: Final = replace(
    INTEROP,
    name="cisco",
    syntax=Syntax.CISCO,
    forms={
        State.ONLINE: ((), (Activity("available"),)),
        State.CHAT: ((), (Activity("available"),)),
        State.AWAY: ((), (_AWAY,)),
        State.XA: ((), (_AWAY,)),
        State.BUSY: ((), (_BUSY,)),
        State.ON_THE_PHONE: ((), (_PHONE,)),
        State.DND: ((), (Activity("dnd"),)),
    },
    show=Keep.NONE,
    extended=False,
    foreign=False,
    tuple_limit=1,
)

CISCO_CPIM: Final = replace(CISCO, name="cisco-cpim", content_type="application/cpim-pidf+xml")


def slim(profile: Profile, *, keep_show: bool = False, goal: int = 700) -> Profile:
    """The profile for a watcher reached over UDP: without what no UDP client reads, and small.

    ``goal`` in octets leaves room for about 600 octets of headers under the 1300 of RFC 3261, section 18.1.1.
    """
    return replace(
        profile,
        name=f"{profile.name}-slim{'-show' if keep_show else ''}",
        show=profile.show if keep_show else Keep.NONE,
        extended=False,
        size_goal=goal,
    )


def smaller(profile: Profile) -> tuple[Profile, ...]:
    """Ever smaller variants: without rich attributes, then without contact, then with the winning tuple alone."""
    made = _smaller.get(profile.name)
    if made is None:
        plain = replace(profile, foreign=False)
        anonymous = replace(plain, contact=False)
        made = _smaller[profile.name] = plain, anonymous, replace(anonymous, tuple_limit=1)
    return made


_smaller: Final[dict[str, tuple[Profile, ...]]] = {}
