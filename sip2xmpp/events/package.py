"""What differs between event packages: who knows the state, and in which bodies it is told.

The notifier and the publication compositor serve any package through ``EventPackage`` and know none of them.  A
package names itself, its default lifetime and the body types it takes in a PUBLISH; it begins watches at its back end,
picks the form of body for a watcher, writes bodies, and checks published ones.

Implements: RFC 6665 section 5.4 (event package definition); RFC 3856 section 6 (the presence package).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from sip2xmpp.address import Address
from sip2xmpp.documents.pidf import CONTENT_TYPE, well_formed
from sip2xmpp.errors import BadMessage
from sip2xmpp.events.renderings import profile_for, render
from sip2xmpp.presence.profiles import INTEROP, Profile
from sip2xmpp.presence.watching import BackEnd, Notification, Watch, Watcher
from sip2xmpp.sip.message import Request
from sip2xmpp.sip.uri import SipUri

LONGEST_REMEMBERED = 512
"""Characters of Accept and User-Agent for which the choice of a profile is remembered; longer ones are read each time."""

_TUPLE_ID = re.compile(rb"<(?:[A-Za-z0-9_.-]+:)?tuple\s[^>]{0,200}?\bid\s*=\s*[\"']([^\"'<]{1,200})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A message body and its Content-Type."""

    content_type: str
    octets: bytes


class EventPackage(Protocol):
    """One event package.  ``default_expires`` is in seconds; ``accepts`` are media types in lower case."""

    @property
    def name(self) -> str: ...
    @property
    def default_expires(self) -> int: ...
    @property
    def accepts(self) -> tuple[str, ...]: ...

    def watch(self, resource: Address, watcher: Watcher, *, fetch: bool = False) -> Watch:
        """Begin to watch; raises ``Refused`` as ``BackEnd.watch`` does."""

    def profile(self, accept: str, user_agent: str, *, datagram: bool) -> Profile | None:
        """The form of body for this watcher; None when it accepts nothing that we can write.

        ``accept`` is all that Accept says, as one value, empty if it is absent.  With ``datagram`` it is reached by UDP, where a body should be small.
        """

    def body(self, notification: Notification, entity: str, profile: Profile) -> Body | None:
        """What the watcher is sent; ``entity`` is the URI it subscribed to.  None when there is nothing to say."""

    def check(self, body: bytes) -> None:
        """Raise ``BadDocument`` unless ``body`` may be published."""

    def device_of(self, body: bytes) -> str:
        """What in a published body tells which device it is from, stable over its restarts; empty if unknown."""


class PresencePackage:
    """Package ``presence``: PIDF in, and PIDF or one of its dialects out.

    ``check`` raises ``BadDocument`` for a body that may not be published.  ``default`` is the profile for clients of which
    nothing is known, ``quirks`` name the rows of the table in ``renderings`` that the operator switches on.
    """

    name = "presence"
    default_expires = 3600
    accepts = (CONTENT_TYPE,)

    def __init__(
        self,
        back_end: BackEnd,
        check: Callable[[bytes], object] = well_formed,
        *,
        default: Profile = INTEROP,
        quirks: Sequence[str] = (),
    ) -> None:
        self._back_end = back_end
        self._check = check

        def chosen(accept: str, user_agent: str, datagram: bool) -> Profile | None:
            return profile_for(accept, user_agent, default=default, datagram=datagram, quirks=quirks)

        self._choose = chosen
        self._remembered = lru_cache(maxsize=4096)(chosen)

    def watch(self, resource: Address, watcher: Watcher, *, fetch: bool = False) -> Watch:
        return self._back_end.watch(resource, watcher, fetch=fetch)

    def profile(self, accept: str, user_agent: str, *, datagram: bool) -> Profile | None:
        is_short = len(user_agent) + len(accept) <= LONGEST_REMEMBERED
        return (self._remembered if is_short else self._choose)(accept, user_agent, datagram)

    def body(self, notification: Notification, entity: str, profile: Profile) -> Body | None:
        if notification.document is None:
            return None
        content_type, octets = render(notification, entity, profile)
        return Body(content_type=content_type, octets=octets)

    def check(self, body: bytes) -> None:
        self._check(body)

    def device_of(self, body: bytes) -> str:
        """The id of the first tuple; many clients use one id for ever, others invent one a document."""
        found = _TUPLE_ID.search(body, 0, 2048)
        return "" if found is None else found[1].decode("utf-8", "replace")


def package_of(request: Request, packages: Mapping[str, EventPackage]) -> EventPackage | None:
    """The package, of those given by name, that a request's Event names."""
    value = request.event_value
    if value is None or value in packages:
        return packages.get(value or "")
    event = request.event
    # COMPAT: old Linphone writes "Presence"; a NOTIFY has it back in its own spelling.
    return packages.get(event.type.lower()) if event is not None else None


@lru_cache(maxsize=4096)
def entity_of(uri: str) -> str:
    """The address of record that ``uri`` names, as written but without password, port, parameters and headers.

    Watchers compare it with the address in their own list, so spelling and escaping stay.
    """
    try:
        parsed = SipUri.parse(uri)
    except BadMessage:
        return uri
    user = "" if parsed.user is None else f"{parsed.user}@"
    return f"{parsed.scheme}:{user}{parsed.host}"
