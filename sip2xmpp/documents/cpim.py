"""Messages in an envelope: who wrote, when and about what, around any content, whatever carries it.

Two blocks of headers, then the content.  The first block is the envelope; its extension headers have a prefix that an
``NS`` header before them binds to a URI.  The second block is MIME and describes the content.

Implements: RFC 3862 sections 2 to 5; RFC 5438 section 6 (as the one extension in use).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sip2xmpp.documents.presence import Note
from sip2xmpp.errors import BadDocument

CONTENT_TYPE: Final = "message/cpim"
SIZE_LIMIT: Final = 262_144
HEADER_LIMIT: Final = 100

_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_HEADER = re.compile(r"([^\s:;]+):((?:;[^\s;]+)*) ?(.*)")
_ADDRESS = re.compile(r"\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^<\"]*?))\s*<([^<>]*)>\s*")
_NAMESPACE = re.compile(r"\s*([^\s<>]*)\s*<([^<>]+)>\s*")
_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")
_NAME = re.compile(r"[!#$%&'*+\-/0-9A-Z^_`a-z{|}~]+")
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))")
_ESCAPED: Final = {"b": "\b", "t": "\t", "n": "\n", "r": "\r"}
_TO_ESCAPE = re.compile(r"[\x00-\x1f\x7f\\]")
_OUR_PREFIX: Final = "imdn"


@dataclass(frozen=True, slots=True)
class Party:
    """An address with an optional name to display."""

    uri: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Extension:
    """A header of an extension: the URI of its namespace, its name and its value."""

    namespace: str
    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A CPIM message.

    ``when`` is the DateTime header as written.  ``content_headers`` are the other MIME headers, names in lower case.
    """

    sender: Party | None = None
    recipients: tuple[Party, ...] = ()
    copies: tuple[Party, ...] = ()
    when: str = ""
    subjects: tuple[Note, ...] = ()
    extensions: tuple[Extension, ...] = ()
    content_type: str = "text/plain; charset=utf-8"
    content_headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def extension(self, namespace: str, name: str) -> str | None:
        """The first value of an extension header, or None.  Names are compared without case."""
        return next(iter(self.all_extensions(namespace, name)), None)

    def all_extensions(self, namespace: str, name: str) -> tuple[str, ...]:
        """Every value of an extension header, in order."""
        return tuple(
            each.value
            for each in self.extensions
            if each.namespace == namespace and each.name.lower() == name.lower()
        )


def unwrap(octets: bytes) -> Envelope:
    """The envelope and what is in it.  Raises ``BadDocument``.

    COMPAT: lines that end in a bare LF are accepted; several RCS clients write them.
    """
    if len(octets) > SIZE_LIMIT:
        raise BadDocument(f"the message is larger than {SIZE_LIMIT} octets")
    if octets[:1] in (b"\r", b"\n"):  # an envelope that says nothing
        octets = b"\r\n" + octets
    pieces = _BLANK_LINE.split(octets, maxsplit=2)
    if len(pieces) < 3:
        raise BadDocument("a CPIM message has two blocks of headers and a body")
    described = _mime_headers(pieces[1])
    content_type = described.pop("content-type", "text/plain")
    reading = _Reading()
    for line in _lines(pieces[0]):
        reading.header(line)
    return Envelope(
        sender=reading.sender,
        recipients=tuple(reading.recipients),
        copies=tuple(reading.copies),
        when=reading.when,
        subjects=tuple(reading.subjects),
        extensions=tuple(reading.extensions),
        content_type=content_type,
        content_headers=described,
        body=pieces[2],
    )


def wrap(envelope: Envelope) -> bytes:
    """The octets of an envelope and its content.  Never fails; what is no legal header name is left out."""
    lines: list[str] = []
    if envelope.sender is not None:
        lines.append(f"From: {_address(envelope.sender)}")
    lines.extend(f"To: {_address(party)}" for party in envelope.recipients)
    lines.extend(f"cc: {_address(party)}" for party in envelope.copies)
    if envelope.when:
        lines.append(f"DateTime: {_escape(envelope.when)}")
    for subject in envelope.subjects:
        language = subject.language or ""
        parameter = f";lang={language}" if _LANGUAGE.fullmatch(language) else ""
        lines.append(f"Subject:{parameter} {_escape(subject.text)}")
    prefixes: dict[str, str] = {}
    for each in envelope.extensions:
        if not _NAME.fullmatch(each.name) or not each.namespace:
            continue
        if each.namespace not in prefixes:
            prefixes[each.namespace] = _OUR_PREFIX if not prefixes else f"x{len(prefixes)}"
            lines.append(f"NS: {prefixes[each.namespace]} <{_uri(each.namespace)}>")
        lines.append(f"{prefixes[each.namespace]}.{each.name}: {_escape(each.value)}")
    lines.append("")
    lines.append(f"Content-Type: {_one_line(envelope.content_type)}")
    lines.extend(
        f"{name.title()}: {_one_line(value)}"
        for name, value in envelope.content_headers.items()
        if _NAME.fullmatch(name) and name.lower() != "content-type"
    )
    lines.extend(("", ""))
    return "\r\n".join(lines).encode("utf-8", "replace") + envelope.body


class _Reading:
    """Headers of the envelope, in order, because NS changes what follows it."""

    __slots__ = ("copies", "extensions", "prefixes", "recipients", "sender", "subjects", "when")

    def __init__(self) -> None:
        self.sender: Party | None = None
        self.recipients: list[Party] = []
        self.copies: list[Party] = []
        self.when = ""
        self.subjects: list[Note] = []
        self.extensions: list[Extension] = []
        self.prefixes: dict[str, str] = {}

    def header(self, line: str) -> None:
        match = _HEADER.fullmatch(line)
        if match is None:
            raise BadDocument("a line of a CPIM message is no header")
        name, parameters, value = match[1], match[2], match[3]
        plain = _unescape(value).strip()
        prefix, dot, extension = name.partition(".")
        if dot:
            namespace = self.prefixes.get(prefix)
            if namespace is not None:
                self.extensions.append(Extension(namespace, extension, plain))
            return
        lowered = name.lower()
        if lowered == "from":
            self.sender = self.sender or _party(value)
        elif lowered == "to":
            self.recipients.append(_party(value))
        elif lowered == "cc":
            self.copies.append(_party(value))
        elif lowered == "datetime":
            self.when = self.when or plain
        elif lowered == "subject":
            self.subjects.append(Note(text=plain, language=_language(parameters)))
        elif lowered == "ns":
            bound = _NAMESPACE.fullmatch(value)
            if bound is not None:
                self.prefixes[bound[1]] = bound[2]


def _lines(octets: bytes) -> list[str]:
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        raise BadDocument("headers of a CPIM message are not UTF-8") from None
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    lines = [line for line in lines if line]
    if len(lines) > HEADER_LIMIT:
        raise BadDocument(f"more than {HEADER_LIMIT} headers")
    return lines


def _mime_headers(octets: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    last = ""
    for line in _lines(octets):
        if line[0] in " \t" and last:
            found[last] += f" {line.strip()}"
            continue
        name, colon, value = line.partition(":")
        last = name.strip().lower()
        if not colon or not last:
            raise BadDocument("a line of a CPIM message is no header")
        found.setdefault(last, value.strip())
    return found


def _party(value: str) -> Party:
    match = _ADDRESS.fullmatch(value)
    if match is None:
        return Party(value.strip())
    return Party(match[3].strip(), _unescape(match[1] or match[2] or "").strip())


def _address(party: Party) -> str:
    if not party.name:
        return f"<{_uri(party.uri)}>"
    name = _escape(party.name).replace('"', '\\"')
    return f'"{name}" <{_uri(party.uri)}>'


def _uri(uri: str) -> str:
    return re.sub(r"[\x00-\x20<>\"\x7f]", "", uri)


def _language(parameters: str) -> str | None:
    for parameter in parameters.split(";"):
        key, _, value = parameter.partition("=")
        if key.lower() == "lang" and value:
            return value
    return None


def _escape(value: str) -> str:
    return _TO_ESCAPE.sub(_escaped, value)


def _escaped(match: re.Match[str]) -> str:
    for letter, character in _ESCAPED.items():
        if match[0] == character:
            return f"\\{letter}"
    return "\\\\" if match[0] == "\\" else f"\\u{ord(match[0]):04x}"


def _unescape(value: str) -> str:
    return _ESCAPE.sub(_unescaped, value) if "\\" in value else value


def _unescaped(match: re.Match[str]) -> str:
    if not match[1]:
        return _ESCAPED.get(match[2], match[2])
    code = int(match[1], 16)
    return "\ufffd" if 0xD800 <= code <= 0xDFFF else chr(code)


def _one_line(value: str) -> str:
    return " ".join(value.split())
