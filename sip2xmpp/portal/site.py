"""The web site of the gateway: what is on the port."""

from typing import Any

from twisted.web.pages import notFound
from twisted.web.resource import IResource, Resource
from twisted.web.server import Request

from sip2xmpp.portal.api import Api
from sip2xmpp.portal.bounds import BODY, CONNECTIONS, BoundedSite, Networks
from sip2xmpp.portal.health import Health
from sip2xmpp.portal.traffic import Traffic
from sip2xmpp.xcap.resource import Xcap
from sip2xmpp.xcap.usages import LARGEST

__all__ = ["BODY", "CONNECTIONS", "site"]


class Root(Resource):
    """What is at ``/``."""

    def __init__(self, xcap: Xcap | None, pages: IResource | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._xcap = xcap
        self._pages = pages

    def getChild(self, path: bytes, request: Request) -> Any:  # noqa: ARG002 - as Twisted has it
        """Twisted's hook for what was not put here by name: another XCAP root, or one with a domain behind it, or a page."""
        if self._xcap is not None and self._xcap.is_for(request.uri):
            return self._xcap
        return notFound() if self._pages is None else self._pages


def site(
    health: Health,
    api: Api | None = None,
    xcap: Xcap | None = None,
    pages: IResource | None = None,
    *,
    trusted_proxies: Networks = (),
    clock: Any = None,
    metrics: IResource | None = None,
    traffic: Traffic | None = None,
) -> BoundedSite:
    """The HTTP server's factory."""
    root: Any = Root(xcap, pages)
    children: dict[bytes, IResource | None] = {
        b"health": health,
        b"metrics": metrics,
        b"api": api,
        b"xcap": xcap,
    }
    for name, child in children.items():
        if child is not None:
            root.putChild(name, child)
    bodies = {b"/api/v1/users/": LARGEST, b"/api/": BODY, b"/my/card": LARGEST}
    if xcap is not None:
        bodies |= {b"/xcap": LARGEST, xcap.path.encode(): LARGEST}
    return BoundedSite(root, bodies=bodies, trusted_proxies=trusted_proxies, clock=clock, traffic=traffic)
