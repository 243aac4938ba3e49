"""How many messages wait in a mailbox.

A few lines of text: whether anything is new, whose mailbox it is, and for each class of message how many are new and how many
are old, with the urgent ones among them in parentheses.  What may follow after a blank line, headers of single messages, is
read over: nobody here needs it, and it is nobody's business but the mailbox's.

Implements: RFC 3842 sections 3.5 and 5.2 (``application/simple-message-summary``); RFC 3458 section 6 (classes).
"""

import re
from dataclasses import dataclass
from typing import Final

from sip2xmpp.errors import BadDocument

CONTENT_TYPE: Final = "application/simple-message-summary"
SIZE_LIMIT: Final = 16_384
MOST: Final = 2**32 - 1
"""The largest count there is."""

CLASSES: Final = (
    "voice-message",
    "video-message",
    "fax-message",
    "pager-message",
    "multimedia-message",
    "text-message",
    "none",
)
"""In the order in which they are written."""

_LINE: Final = re.compile(r"([!%'*+.0-9A-Z_`a-z~-]+)[ \t]*:(.*)")
_COUNTS: Final = re.compile(
    r"(\d{1,20})[ \t]*/[ \t]*(\d{1,20})(?:[ \t]*\([ \t]*(\d{1,20})[ \t]*/[ \t]*(\d{1,20})[ \t]*\))?",
    re.ASCII,
)
_ACCOUNT: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!#$%&'()*+,./:;=?@\[\]_~0-9A-Za-z-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many messages of one class; ``urgent`` are the new and the old urgent ones, None where that is not said."""

    new: int
    old: int
    urgent: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSummary:
    """The state of a mailbox; ``account`` is its URI, empty if not said, ``counts`` has each class once, in the order of ``CLASSES``."""

    waiting: bool = False
    account: str = ""
    counts: tuple[tuple[str, Count], ...] = ()


def read(octets: bytes) -> MessageSummary:
    """The value of a body.  Raises ``BadDocument``.

    COMPAT: names are compared without case, lines may end in a bare LF, and where Messages-Waiting is not said, new messages
    say it; voicemail servers differ in all of these.  Of a line that comes twice the first counts; lines of other names are
    left out.
    """
    if len(octets) > SIZE_LIMIT:
        raise BadDocument(f"the message summary is larger than {SIZE_LIMIT} octets")
    try:
        lines = octets.decode("utf-8").lstrip("\r\n").split("\n")
    except UnicodeDecodeError as error:
        raise BadDocument(f"the message summary is not UTF-8 at octet {error.start}") from None
    stated: dict[str, str] = {}
    for line in lines:
        if not line.strip():
            break
        found = _LINE.fullmatch(line.rstrip("\r"))
        if found is not None:
            stated.setdefault(found[1].lower(), found[2].strip(" \t"))
    counts = tuple((name, count) for name in CLASSES if (count := _count(stated.get(name))) is not None)
    word = stated.get("messages-waiting", "").lower()
    if word not in ("yes", "no") and not counts:
        raise BadDocument("a message summary says whether messages are waiting")
    account = stated.get("message-account", "").strip("<>")
    return MessageSummary(
        waiting=word == "yes" or (word != "no" and any(count.new for _, count in counts)),
        account=account if _ACCOUNT.fullmatch(account) else "",
        counts=counts,
    )


def write(summary: MessageSummary) -> bytes:
    """The body."""
    lines = [f"Messages-Waiting: {'yes' if summary.waiting else 'no'}"]
    if summary.account:
        lines.append(f"Message-Account: {summary.account}")
    for name, count in summary.counts:
        urgent = "" if count.urgent is None else f" ({count.urgent[0]}/{count.urgent[1]})"
        lines.append(f"{name.title()}: {count.new}/{count.old}{urgent}")
    return "\r\n".join([*lines, ""]).encode()


def _count(text: str | None) -> Count | None:
    found = None if text is None else _COUNTS.fullmatch(text)
    if found is None:
        return None
    new, old = _number(found[1]), _number(found[2])
    if found[3] is None:
        return Count(new=new, old=old)
    return Count(new=new, old=old, urgent=(_number(found[3]), _number(found[4])))


def _number(digits: str) -> int:
    return min(int(digits), MOST)
