"""What a page answers: something shown, a way elsewhere, a refusal, or octets such as a picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


class Answer:
    """What all answers have: a status, and the Set-Cookie fields that ``pages.cookies`` makes."""

    __slots__ = ()
    status: int
    cookies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shown(Answer):
    """A page of the template ``pages/templates/NAME.html`` with values for it."""

    template: str
    values: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    cookies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Moved(Answer):
    """The way to another page after something was done.  ``told`` is shown there once, as a fault with ``bad``."""

    path: str
    told: str = ""
    bad: bool = False
    status: int = 303
    cookies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused(Answer):
    """A page that says why not.  ``written`` is what stood in the form, so that it is not lost."""

    status: int
    told: str
    cookies: tuple[str, ...] = ()
    written: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Sent(Answer):
    """Octets of a media type.  Other than pages they may be kept by the browser for ``keep`` seconds."""

    media: str
    octets: bytes
    keep: int = 0
    status: int = 200
    cookies: tuple[str, ...] = ()
