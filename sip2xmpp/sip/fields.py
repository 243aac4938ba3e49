"""Header fields: an ordered list of lines that is looked at only when asked.

A line is a pair of its name and the raw text behind the colon.  A known name is held in its long spelling, whatever
was written (compact form, other case); an unknown one as written.  The text of a value is trimmed when it is asked
for, and written back untouched.  ``typed`` keeps what a message has parsed from these lines; any change empties it.

Nothing can be added that would break the framing: a value with CR, LF or NUL is a ``ValueError``.

Implements: RFC 3261, sections 7.3 and 20 (names, lists); RFC 3841, 3892, 4028, 6665 (compact forms).
"""

from collections.abc import Iterable
from typing import Any

from sip2xmpp.sip.grammar import LWS, is_token, split_list, writable

Field = tuple[str, str]

_COMPACT = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "d": "Request-Disposition",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "j": "Reject-Contact",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "n": "Identity-Info",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
    "y": "Identity",
}
#   Comma lists: one line "a, b" means the same as two lines.  Challenges and credentials are not lists: their commas
#   separate parameters.
LISTS = frozenset(
    {
        "Via", "Route", "Record-Route", "Path", "Service-Route", "Contact", "Allow", "Supported", "Require",
        "Proxy-Require", "Unsupported", "Accept", "Accept-Encoding", "Accept-Language", "Accept-Contact",
        "Reject-Contact", "Allow-Events", "Alert-Info", "Call-Info", "Content-Encoding", "Content-Language",
        "Error-Info", "History-Info", "In-Reply-To", "P-Asserted-Identity", "P-Preferred-Identity", "Privacy",
        "Request-Disposition", "Security-Client", "Security-Server", "Security-Verify", "Warning",
    }
)  # fmt: skip
#   One value only, and a second would leave open which one counts: such a request is refused.
SINGLE = frozenset(
    {
        "From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Length", "Content-Type", "Content-Disposition",
        "Expires", "Min-Expires", "Event", "Subscription-State", "SIP-ETag", "SIP-If-Match", "Refer-To",
        "Referred-By", "Retry-After", "Replaces", "Session-Expires", "Flow-Timer", "MIME-Version",
    }
)  # fmt: skip
_OTHERS = frozenset(
    {
        "Authorization", "Authentication-Info", "Date", "Feature-Caps", "Organization", "Priority",
        "Proxy-Authenticate", "Proxy-Authentication-Info", "Proxy-Authorization", "Reason", "Reply-To", "Server",
        "Subject", "Suppress-If-Match", "Timestamp", "User-Agent", "WWW-Authenticate", "Identity", "Identity-Info",
    }
)  # fmt: skip


def _spellings() -> dict[str, str]:
    names: dict[str, str] = {}
    for name in LISTS | SINGLE | _OTHERS:
        names[name] = names[name.lower()] = names[name.upper()] = names[name.title()] = name
    for short, name in _COMPACT.items():
        names[short] = names[short.upper()] = name
    return names


#   The usual spellings of each known name; any other spelling goes the slow way of written_name().
SPELLINGS = _spellings()
#   The names that lines are held under: what is not found under one of these is not there.
KNOWN = frozenset(SPELLINGS.values())


def written_name(name: str) -> str | None:
    """The name that a header called ``name`` is held and written under; None if it is no header name at all."""
    name = name.rstrip(LWS)
    known = SPELLINGS.get(name) or SPELLINGS.get(name.lower())
    if known is not None:
        return known
    return name if is_token(name) else None


class Headers:
    """The header lines of a message, in order.  Names are case-insensitive and compact forms are understood."""

    __slots__ = ("_fields", "_first", "typed")

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._fields: list[Field] | None = []
        self._first: dict[str, str] | None = None
        self.typed: dict[str, Any] = {}
        for name, value in pairs:
            self.add(name, value)

    @classmethod
    def from_fields(cls, fields: list[Field]) -> "Headers":
        """Headers made of ``fields`` themselves: names as by :func:`written_name`, values free of line ends."""
        headers = cls.__new__(cls)
        headers._fields = fields
        headers._first = None
        headers.typed = {}
        return headers

    @classmethod
    def from_lines(cls, first: dict[str, str]) -> "Headers":
        """The same for headers none of which has two lines, as a table in their order."""
        headers = cls.__new__(cls)
        headers._fields = None
        headers._first = first
        headers.typed = {}
        return headers

    @property
    def fields(self) -> list[Field]:
        """The lines themselves, values untrimmed; to be read, not changed."""
        fields = self._fields
        if fields is None:
            #   Made from lines, and not changed since: the table is the whole truth.
            fields = self._fields = [*(self._first or {}).items()]
        return fields

    @property
    def first(self) -> dict[str, str]:
        """The first value of each name, untrimmed; to be read, not changed."""
        first = self._first
        if first is None:
            first = self._first = dict(reversed(self._fields or ()))
        return first

    @property
    def are_single(self) -> bool:
        """Whether it is plain that no name has two lines, so that ``first`` is all there is."""
        return self._fields is None

    def raw(self, name: str) -> str | None:
        """The first value of ``name``, given as :func:`written_name` has it, untrimmed."""
        return self.first.get(name)

    def get(self, name: str) -> str | None:
        """The first value of ``name``, trimmed; None if there is none."""
        value = self.first.get(name)
        if value is None:
            if name in KNOWN:
                return None
            at = self._places(name)
            if not at:
                return None
            value = self.fields[at[0]][1]
        return value.strip(LWS)

    def all(self, name: str) -> list[str]:
        """All values of ``name`` in order, trimmed; a comma list is split into its elements."""
        if self._fields is None and name in KNOWN:
            #   Made from lines, none of which was there twice.
            value = self.first.get(name)
            if value is None:
                return []
            return split_list(value) if name in LISTS else [value.strip(LWS)]
        fields = self.fields
        values = [fields[at] for at in self._places(name)]
        if values and values[0][0] in LISTS:
            return [part for _, value in values for part in split_list(value)]
        return [value.strip(LWS) for _, value in values]

    def written(self, name: str) -> str:
        """All lines of ``name`` as they were or will be written, each with its line end."""
        if self._fields is None:
            value = self.first.get(name)
            return "" if value is None else f"{name}:{value}\r\n"
        return "".join([f"{held}:{value}\r\n" for held, value in self._fields if held == name])

    def items(self) -> list[tuple[str, str]]:
        """All lines as (name, value), values trimmed."""
        return [(name, value.strip(LWS)) for name, value in self.fields]

    def add(self, name: str, value: str) -> None:
        """Append a line."""
        self.fields.append(field_of(name, value))
        self._changed()

    def prepend(self, name: str, value: str) -> None:
        """Put a line before all others."""
        self.fields.insert(0, field_of(name, value))
        self._changed()

    def set(self, name: str, value: str) -> None:
        """Make ``value`` the only value of ``name``, in the place of the first it had."""
        field = field_of(name, value)
        places = self._places(name)
        if not places:
            self.fields.append(field)
        else:
            for at in reversed(places[1:]):
                del self.fields[at]
            self.fields[places[0]] = field
        self._changed()

    def remove(self, name: str) -> None:
        """Drop all lines of ``name``; none is no error."""
        for at in reversed(self._places(name)):
            del self.fields[at]
        self._changed()

    def pop_first(self, name: str) -> str | None:
        """Take the first element of a list header away and return it; None if there is none."""
        return self._exchange_first(name, None)

    def replace_first(self, name: str, value: str) -> None:
        """Put ``value`` in the place of the first element of a list header, which must be there."""
        if self._exchange_first(name, writable(value)) is None:
            raise ValueError(f"no {name} to replace")

    def rewrite(self, name: str, raw: str) -> None:
        """Put ``raw`` in the place of the first line of ``name``; what was parsed of other names is kept.

        ``name`` is as :func:`written_name` has it and is there; ``raw`` is made by us.
        """
        if self._fields is not None:
            at = next(at for at, (held, _) in enumerate(self._fields) if held == name)
            self._fields[at] = (name, raw)
        if self._first is not None:
            self._first[name] = raw
        if self.typed:
            self.typed.pop(name + "*", None)
            self.typed.pop(name, None)

    def copy(self) -> "Headers":
        return Headers.from_fields(self.fields.copy())

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self.items() == other.items()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Headers({self.items()!r})"

    def _exchange_first(self, name: str, value: str | None) -> str | None:
        for at in self._places(name):
            held, text = self.fields[at]
            old, *rest = split_list(text) if "," in text else (text.strip(LWS),)
            if not (old or rest):
                continue
            if value is not None:
                rest = [value, *rest]
            if rest:
                self.fields[at] = (held, " " + ", ".join(rest))
            else:
                del self.fields[at]
            self._changed()
            return old
        return None

    def _places(self, name: str) -> list[int]:
        """Where the lines of ``name`` are; a name that we do not know is looked for in any case."""
        known = SPELLINGS.get(name) or SPELLINGS.get(name.lower())
        if known is not None:
            return [at for at, (held, _) in enumerate(self.fields) if held == known]
        lower = name.lower()
        return [at for at, (held, _) in enumerate(self.fields) if held.lower() == lower]

    def _changed(self) -> None:
        self._first = None
        self.typed = {}


def field_of(name: str, value: str) -> Field:
    """A line of ours; ``ValueError`` if it would break the framing."""
    known = SPELLINGS.get(name) or written_name(name)
    if known is None:
        raise ValueError(f"not a header name: {name!r}")
    return known, " " + writable(value)
