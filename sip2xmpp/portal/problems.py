"""Problems as HTTP clients read them: one JSON object that says what is wrong, and where.

Implements: RFC 9457 section 3, with ``errors`` as in its section 3 example: one ``detail`` and ``pointer`` for each fault.
"""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Final, NamedTuple

PROBLEM: Final = "application/problem+json"
NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class Fault(NamedTuple):
    """``pointer`` is where: a JSON Pointer into the body as a fragment (RFC 6901, section 6), or ``?name`` in the query."""

    pointer: str
    detail: str


class Senseless(Fault):
    """A fault of something that is as the API describes it, and yet makes no sense: a text of blanks."""

    __slots__ = ()


class Problem(Exception):
    """A request that is not answered with what it asked for."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        faults: Sequence[Fault] = (),
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.faults = tuple(faults)
        self.headers = headers

    def octets(self) -> bytes:
        """The body."""
        told: dict[str, object] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        if self.faults:
            told["errors"] = [fault._asdict() for fault in self.faults]
        return json.dumps(told).encode() + b"\n"


def wrong(faults: Sequence[Fault]) -> Problem:
    """What is told of a request that is not as the description of the API says: 400, or 422 if it is and makes no sense."""
    many = "one thing is" if len(faults) == 1 else f"{len(faults)} things are"
    status = 422 if all(isinstance(fault, Senseless) for fault in faults) else 400
    return Problem(status, f"{many} wrong with the request; see errors", faults=faults)


SCHEMA: Final[Mapping[str, object]] = MappingProxyType(
    {
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["pointer", "detail"],
                    "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
                },
            },
        },
    }
)
"""Every problem in the words of JSON Schema."""
