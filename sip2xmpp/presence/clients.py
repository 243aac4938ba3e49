"""What clients need that is not said by the types they accept: one table, a row a family, found by User-Agent.

``CLIENTS`` is what was measured or read in source; ``own_client`` makes the operator's rows, which stand before it.  A row
says in which profile a client gets its documents, and why, and where that was seen; those that help one client and mislead
others have an ``option`` by which the operator switches them on.  The first row that matches and has something to say is
the one.

A User-Agent is what a stranger likes to write, so only its beginning is looked at; and a pattern of the operator must be one
that cannot take long: no repetition inside of a repetition, no choice inside of one, and few of them.

Implements: nothing that a standard says.  The documents for each client are in ``profiles``.
"""

import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sip2xmpp.presence import profiles
from sip2xmpp.presence.profiles import Profile

LONGEST_AGENT: Final = 200
"""Characters of a User-Agent that are looked at."""
LONGEST_PATTERN: Final = 200
REPETITIONS: Final = 3
"""Repetitions without a limit that a pattern of the operator may have."""
CHOICES: Final = 8
"""Optional parts, and groups of which one alternative is chosen, that it may have: each may double the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A family of clients.

    ``profile`` is the form of documents for it, None for that of everybody; with ``is_own`` also in place of what it would get
    by the types it accepts.  ``reads_xpidf``: it gets XPIDF unless it names PIDF.  ``keeps_show``: it reads the XMPP ``show``,
    which others are not sent over UDP.  ``has_bare_content_ids``: it looks for the parts of a list by a ``Content-Id`` without
    brackets; ``has_capital_event``: of a list it takes ``Event: Presence`` alone.
    """

    user_agent: re.Pattern[str]
    profile: Profile | None = None
    reads_xpidf: bool = False
    keeps_show: bool = False
    has_bare_content_ids: bool = False
    has_capital_event: bool = False
    option: str = ""
    is_own: bool = False
    why: str = ""
    seen: str = ""


def _row(pattern: str, **what: object) -> Client:
    return Client(user_agent=re.compile(pattern, re.IGNORECASE), **what)  # type: ignore[arg-type]


CLIENTS: Final[tuple[Client, ...]] = (
    _row(
        r"^Linphone.*SDK",
        option="linphone-sdk-dnd",
        profile=profiles.LINPHONE_SDK_DND,
        why='shows "do not disturb" for closed with an activity, which to others is offline',
        seen="source of the SDK's consolidated presence; Android and iOS apps",
    ),
    _row(
        r"^Linphone[ -]?Desktop/(?:[6-9]|[1-9]\d)\b",
        option="linphone-desktop-offline",
        profile=profiles.LINPHONE_DESKTOP_OFFLINE,
        why='shows "offline" for open with permanent-absence, and nothing at all for closed',
        seen="source of the desktop application",
    ),
    _row(
        r"Cisco-(?:CP|CUCM)",
        profile=profiles.CISCO,
        why="lights lamps by activities in two namespaces of Cisco's own only",
        seen="documents of Unified Communications Manager, third party",
    ),
    _row(
        r"^Linphone/(?:[0-2]\.|3\.[0-5](?:\.|\b))",
        profile=profiles.LINPHONE_3,
        why="searches the text of the body for words, so no word of another device may stand in it",
        seen="source up to 3.5",
    ),
    _row(
        r"^Linphonec\b|^Linphone/[0-5]\b",
        profile=profiles.LINPHONE_5,
        why='takes the last activity, and has words for "on the phone"',
        seen="running, linphonec 5.1",
    ),
    _row(
        r"^Linphone[ -]?Desktop/(?:[6-9]|[1-9]\d)\b",
        profile=profiles.LINPHONE_DESKTOP_6,
        why='takes the last activity, and reads "do not disturb" from the text of other',
        seen="source of the desktop application",
    ),
    _row(
        r"poly",
        reads_xpidf=True,
        why="older phones read XPIDF alone, and some say Accept: */* or nothing",
        seen="maker's manual; FreeSWITCH does the same",
    ),
    _row(
        r"sip2xmpp|sylkserver|kamailio|opensips",
        keeps_show=True,
        why="reads the XMPP show inside of a document, as a gateway between the same worlds",
        seen="source",
    ),
    _row(
        r"linphone|belle-sip",
        has_bare_content_ids=True,
        why="compares the value of Content-Id, in this spelling, with that of cid",
        seen="running, linphonec 5.1; source up to 5.4",
    ),
    _row(
        r"linphone(?:c|core|sdk)?/(?:[0-4]\.|5\.[0-3]\b)",
        has_capital_event=True,
        why="asks for presence, and ignores what it is told of a list unless that is of Presence",
        seen="running, linphonec 5.1; source before 5.4",
    ),
)

OPTIONS: Final = tuple(row.option for row in CLIENTS if row.option)
"""The rows that are off unless the operator names them."""

PROFILES: Final = {
    profile.name: profile
    for profile in (
        profiles.INTEROP,
        profiles.RFC,
        profiles.LINPHONE_5,
        profiles.LINPHONE_3,
        profiles.LINPHONE_DESKTOP_6,
        profiles.LINPHONE_SDK_DND,
        profiles.LINPHONE_DESKTOP_OFFLINE,
        profiles.XPIDF,
        profiles.CISCO,
        profiles.CISCO_CPIM,
    )
}
"""By name, for the operator."""


def own_client(pattern: str, profile: Profile) -> Client:
    """A row of the operator.  Raises ``ValueError`` with what is wrong about the pattern."""
    return Client(user_agent=sound_pattern(pattern), profile=profile, is_own=True, why="the operator says so")


def known_as(user_agent: str, rows: Iterable[Client] = CLIENTS, options: Sequence[str] = ()) -> list[Client]:
    """The rows that a User-Agent matches, in order, without those that are switched off."""
    agent = user_agent[:LONGEST_AGENT]
    return [row for row in rows if (not row.option or row.option in options) and row.user_agent.search(agent)]


def sound_pattern(pattern: str) -> re.Pattern[str]:
    """A regular expression, compared without case, that is answered soon.  Raises ``ValueError`` for any other."""
    if not pattern:
        raise ValueError("is empty, and would match every client")
    if len(pattern) > LONGEST_PATTERN:
        raise ValueError(f"is longer than {LONGEST_PATTERN} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)  # what may mean something else one day
            compiled = re.compile(pattern, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError, FutureWarning) as error:
        raise ValueError(f"is not a regular expression: {error}") from None
    if _COMMENT.search(pattern):
        raise ValueError("has a comment, or allows some")
    _check_repetitions(pattern)
    return compiled


_COMMENT: Final = re.compile(r"\(\?(?:#|[aiLmsu]*x)")
_PIECE: Final = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?P=|\(|\)|\||[*+]|\{[0-9]*,?[0-9]*\}|\?|.", re.DOTALL
)


def _check_repetitions(pattern: str) -> None:
    """Refuse what can make the search take time that grows faster than the third power of the text."""
    many = choices = 0
    before, is_after_repetition = "", False
    groups: list[bool] = []  # whether there is a repetition or a choice inside
    closed: bool | None = None  # what was in the group that ended just now
    for piece in _PIECE.findall(pattern):
        is_repetition = piece in ("*", "+") or (piece[0] == "{" and len(piece) > 1)
        if is_repetition:
            if closed:
                raise ValueError(
                    "has a repetition or a choice inside of a repetition, which may take for ever"
                )
            many += 1
            groups = [True] * len(groups)
        elif piece == "|" or (piece == "?" and before != "(" and not is_after_repetition):
            choices += piece == "?"
            groups = [True] * len(groups)
        elif piece[0] == "(":
            groups.append(False)
        closed = groups.pop() if piece == ")" and groups else None
        choices += bool(closed)
        before, is_after_repetition = piece, is_repetition
        if (piece[0] == "\\" and piece[1:].isdigit()) or piece == "(?P=":
            raise ValueError("refers back to a group, which may take for ever")
    if many > REPETITIONS:
        raise ValueError(f"has more than {REPETITIONS} repetitions")
    if choices > CHOICES:
        raise ValueError(f"has more than {CHOICES} choices")
