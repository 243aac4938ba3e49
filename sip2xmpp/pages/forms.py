"""Forms as browsers send them, read within bounds and only when it is known who sends them.

Implements: the URL Standard's application/x-www-form-urlencoded; RFC 7578 (multipart/form-data, in UTF-8).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from sip2xmpp.errors import BadInput

FIELDS: Final = 2_000
"""Fields that a form may have."""

SENTENCES: Final = 30
"""Fields of which is told what stood in them when a form could not be taken."""

SECRETS: Final = frozenset(("password", "current", "new", "again"))
"""Names of fields that are, or may be, passwords."""

HEADER_LIMIT: Final = 4_096
"""Octets of the header of one part."""

_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
_BREAK: Final = re.compile("[\t\n]")
_BOUNDARY: Final = re.compile(r'boundary=(?:"([^"\r\n]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE)
_NAME: Final = re.compile(r';\s*name="([^"\r\n]*)"', re.IGNORECASE)
_FILE: Final = re.compile(r';\s*filename="([^"\r\n]*)"', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class File:
    """What was chosen from a disk."""

    media: str
    octets: bytes


class Form:
    """What somebody filled in.  Whatever a text is read for, it has no control characters; raises ``BadInput``."""

    def __init__(self, texts: Sequence[tuple[str, str]] = (), files: Sequence[tuple[str, File]] = ()) -> None:
        self._texts = tuple(texts)
        self._files = dict(files)

    def __contains__(self, name: str) -> bool:
        return any(each == name for each, _ in self._texts)

    def text(self, name: str, *, most: int = 1_000, default: str = "", lines: bool = False) -> str:
        """The last value of a field without blanks around it, of at most ``most`` characters; with ``lines`` it may have several."""
        values = [value for each, value in self._texts if each == name]
        return _checked(name, values[-1], most, lines=lines) if values else default

    def all(self, name: str, *, most: int = 1_000) -> list[str]:
        """Every value of a field that may be there several times."""
        return [_checked(name, value, most, lines=False) for each, value in self._texts if each == name]

    def secret(self, name: str, *, most: int = 1_000) -> str:
        """A password, as it was typed; the empty string if there is none or it cannot be one."""
        values = [value for each, value in self._texts if each == name]
        return values[-1] if values and len(values[-1]) <= most else ""

    def sentences(self) -> list[str]:
        """What somebody wrote himself, as far as it is worth not to be lost; no passwords."""
        return [
            text
            for name, value in self._texts[:SENTENCES]
            if name not in SECRETS and " " in (text := value.strip()) and not _CONTROL.search(text)
        ]

    def file(self, name: str) -> File | None:
        """What was uploaded; None if nothing was chosen."""
        return self._files.get(name)


def _checked(name: str, value: str, most: int, *, lines: bool) -> str:
    value = value.replace("\r\n", "\n").replace("\r", "\n").strip()
    if len(value) > most:
        raise BadInput(f"{name}: {most} characters at most")
    if _CONTROL.search(value) or (not lines and _BREAK.search(value)):
        raise BadInput(f"{name}: there are control characters in it")
    return value


def read_form(media: str, octets: bytes) -> Form:
    """The form of a body; ``media`` is the Content-Type field.  Raises ``BadInput``."""
    kind = media.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return _urlencoded(octets)
    if kind == "multipart/form-data":
        boundary = _BOUNDARY.search(media)
        if boundary is None:
            raise BadInput("the form has no boundary")
        return _multipart((boundary[1] or boundary[2]).encode("latin-1"), octets)
    if not octets:
        return Form()
    raise BadInput("this is not a form")


def _urlencoded(octets: bytes) -> Form:
    try:
        return Form(
            parse_qsl(
                octets.decode("ascii"),
                keep_blank_values=True,
                encoding="utf-8",
                errors="strict",
                max_num_fields=FIELDS,
            )
        )
    except ValueError:
        raise BadInput("the form is not in UTF-8, or too long") from None


def _multipart(boundary: bytes, octets: bytes) -> Form:
    texts: list[tuple[str, str]] = []
    files: list[tuple[str, File]] = []
    parts = (b"\r\n" + octets).split(b"\r\n--" + boundary, FIELDS + 2)
    if len(parts) < 2 or not parts[-1].startswith(b"--"):
        raise BadInput("the form is cut off, or too long")
    for part in parts[1:-1]:
        head, middle, body = part.partition(b"\r\n\r\n")
        if not middle or len(head) > HEADER_LIMIT:
            raise BadInput("the form has a part without an end")
        name, filename, media = _header_of(head)
        if filename is None:
            try:
                texts.append((name, body.decode("utf-8")))
            except UnicodeDecodeError:
                raise BadInput("the form is not in UTF-8") from None
        elif filename or body:
            files.append((name, File(media=media, octets=body)))
    return Form(texts, files)


def _header_of(head: bytes) -> tuple[str, str | None, str]:
    name, filename, media = "", None, "application/octet-stream"
    for line in head.decode("utf-8", "replace").split("\r\n"):
        field, _, value = line.partition(":")
        if field.strip().lower() == "content-disposition":
            found, chosen = _NAME.search(value), _FILE.search(value)
            name = found[1] if found else ""
            filename = chosen[1] if chosen else None
        elif field.strip().lower() == "content-type":
            media = value.partition(";")[0].strip().lower()
    return name, filename, media
