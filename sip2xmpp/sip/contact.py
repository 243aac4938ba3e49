"""Where somebody is registered, as far as sending a request there is concerned.

Implements: RFC 3261 section 16.5; RFC 3327 section 5.3; RFC 5626 section 7.
"""

from dataclasses import dataclass

from sip2xmpp.sip.flow import Flow

__all__ = ["Contact"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A target.  ``key`` is what whoever keeps it calls it by.

    The way is its ``path``, the ``flow`` that it registered on, or the ``server`` that knows where it is, a URI.
    """

    key: str
    uri: str
    path: tuple[str, ...] = ()
    flow: Flow | None = None
    only_by_flow: bool = False
    server: str = ""
