"""``GET /health``: is the gateway serving, and how is each leg?

200 as soon as SIP listens and the store is open, whatever the other legs do: a gateway without its XMPP server still serves
SIP, and says so in the body.  503 while starting or stopping.  The body is one JSON object:
``{"status": "ok" | "degraded" | "starting" | "stopping", "version": ..., "uptime": seconds, "legs": {...}, "counts": {...}}``.
Degraded means that a leg is down, or refuses requests because there are too many.

Implements: RFC 9110 (GET and HEAD only).
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.web.resource import Resource
from twisted.web.server import Request

from sip2xmpp import __version__

Report = Mapping[str, Any]
"""The state of one leg: ``state`` is ``up``, ``down`` or ``off``, with whatever explains it.

``overload``, where a leg can be overloaded, has a ``state`` of its own: ``none`` or ``shedding``.
"""


class Health(Resource):
    """The resource.  ``legs`` and ``counts`` are asked at every request."""

    isLeaf = True

    def __init__(
        self,
        clock: IReactorTime,
        legs: Callable[[], Mapping[str, Report]],
        counts: Callable[[], Mapping[str, Any]],
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._clock = clock
        self._legs = legs
        self._counts = counts
        self._started = clock.seconds()
        self.phase = "starting"

    def report(self) -> dict[str, Any]:
        """The body, as values."""
        legs = self._legs()
        status = self.phase
        if status == "serving":
            status = "degraded" if any(map(_is_impaired, legs.values())) else "ok"
        return {
            "status": status,
            "version": __version__,
            "uptime": round(self._clock.seconds() - self._started, 3),
            "legs": legs,
            "counts": self._counts(),
        }

    def render_GET(self, request: Request) -> bytes:
        """Twisted's name for answering GET; HEAD follows from it."""
        request.setResponseCode(200 if self.phase == "serving" else 503)
        request.setHeader(b"content-type", b"application/json")  # type: ignore[no-untyped-call]
        request.setHeader(b"cache-control", b"no-store")  # type: ignore[no-untyped-call]
        return json.dumps(self.report(), indent=2).encode() + b"\n"


def _is_impaired(leg: Report) -> bool:
    return leg["state"] == "down" or ("overload" in leg and leg["overload"]["state"] != "none")
