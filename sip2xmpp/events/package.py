"""What differs between event packages: who knows the state, and in which bodies it is told.

The notifier and the publication compositor serve any package through ``EventPackage`` and know none of them.  A
package names itself, its default lifetime and the body types it takes in a PUBLISH; it begins watches at its back end,
picks the ``Form`` in which a watcher is told, and checks published bodies.

Implements: RFC 6665 section 5.4 (event package definition); RFC 3856 section 6 (the presence package).
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Protocol, TypeVar

from sip2xmpp.address import Address
from sip2xmpp.documents.event_filter import Filter
from sip2xmpp.documents.pidf import CONTENT_TYPE, well_formed
from sip2xmpp.errors import BadMessage
from sip2xmpp.events.forms import Body, FilteredForm, Filtering, Form, PartialForm, PresenceForm
from sip2xmpp.events.renderings import prefers_changes, profile_for
from sip2xmpp.presence.clients import Client
from sip2xmpp.presence.profiles import INTEROP, Profile, Syntax
from sip2xmpp.presence.watching import BackEnd, StateWatcher, Watch
from sip2xmpp.sip.headers import Event
from sip2xmpp.sip.uri import SipUri

__all__ = [
    "Body",
    "EventPackage",
    "Form",
    "PresenceForm",
    "PresencePackage",
    "announced",
    "entity_of",
    "is_same_event",
    "package_of",
]

LONGEST_REMEMBERED = 512
"""Characters of Accept and User-Agent for which the choice of a profile is remembered; longer ones are read each time."""

P = TypeVar("P")

_TUPLE_ID = re.compile(rb"<(?:[A-Za-z0-9_.-]+:)?tuple\s[^>]{0,200}?\bid\s*=\s*[\"']([^\"'<]{1,200})")


class EventPackage(Protocol):
    """One event package.

    ``name`` is its Event, in lower case, with a parameter that makes it a package of its own: ``dialog;sla``.
    ``default_expires`` is in seconds.  ``accepts`` are the media types that may be published, in lower case; none where
    PUBLISH is not taken.
    """

    @property
    def name(self) -> str: ...
    @property
    def default_expires(self) -> int: ...
    @property
    def accepts(self) -> tuple[str, ...]: ...

    def watch(self, resource: Address, watcher: StateWatcher, *, fetch: bool = False) -> Watch:
        """Begin to watch; raises ``Refused`` as ``BackEnd.watch`` does."""

    def form(self, accept: str, user_agent: str, *, datagram: bool) -> Form | None:
        """The form of body for this watcher; None when it accepts nothing that we can write.

        ``accept`` is all that Accept says, as one value, empty if it is absent.  With ``datagram`` it is reached by UDP, where a body should be small.
        """

    def check(self, body: bytes) -> None:
        """Raise ``BadDocument`` unless ``body`` may be published."""

    def device_of(self, body: bytes) -> str:
        """What in a published body tells which device it is from, stable over its restarts; empty if unknown."""


class PresencePackage(Filtering):
    """Package ``presence``: PIDF in, and PIDF or one of its dialects out.

    ``check`` raises ``BadDocument`` for a body that may not be published.  ``default`` is the profile for clients of which
    nothing is known, ``quirks`` name the rows of ``presence.clients`` that the operator switches on, ``clients`` are rows of the
    operator's own.
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
        clients: Sequence[Client] = (),
    ) -> None:
        self._back_end = back_end
        self._check = check
        self.write(default, quirks, clients)

    def write(self, default: Profile, quirks: Sequence[str], clients: Sequence[Client]) -> None:
        """Choose the form of documents by these for whoever subscribes from now on."""
        forms: dict[str, PresenceForm] = {}
        partial: dict[str, PartialForm] = {}

        def chosen(accept: str, user_agent: str, datagram: bool) -> PresenceForm | PartialForm | None:
            profile = profile_for(
                accept, user_agent, default=default, datagram=datagram, quirks=quirks, clients=clients
            )
            if profile is None:
                return None
            form = forms.setdefault(profile.name, PresenceForm(profile))
            if profile.syntax is Syntax.PIDF and prefers_changes(accept):
                return partial.setdefault(profile.name, PartialForm(form))
            return form

        self._choose = chosen
        self._remembered = lru_cache(maxsize=4096)(chosen)

    def watch(self, resource: Address, watcher: StateWatcher, *, fetch: bool = False) -> Watch:
        return self._back_end.watch(resource, watcher, fetch=fetch)

    def form(self, accept: str, user_agent: str, *, datagram: bool) -> PresenceForm | PartialForm | None:
        is_short = len(user_agent) + len(accept) <= LONGEST_REMEMBERED
        return (self._remembered if is_short else self._choose)(accept, user_agent, datagram)

    def filtered(self, form: Form, filters: tuple[Filter, ...]) -> Form:
        """The form that tells what these filters leave of ``form``; only PIDF is filtered, dialects of it go whole."""
        if isinstance(form, PartialForm) and isinstance(form.form, PresenceForm):
            return PartialForm(FilteredForm(form.form, filters))
        if isinstance(form, PresenceForm) and form.profile.syntax is Syntax.PIDF:
            return FilteredForm(form, filters)
        return form

    def check(self, body: bytes) -> None:
        self._check(body)

    def device_of(self, body: bytes) -> str:
        """The id of the first tuple; many clients use one id for ever, others invent one a document."""
        found = _TUPLE_ID.search(body, 0, 2048)
        return "" if found is None else found[1].decode("utf-8", "replace")


def package_of(event: str | None, packages: Mapping[str, P]) -> P | None:
    """The package, of those given by name, that the value of an Event header names.

    The names of packages are compared without case (COMPAT: old Linphone writes "Presence"; a NOTIFY has it back in its own
    spelling).  A parameter without a value may make a package of its own, as in ``dialog;sla``.
    """
    if event is None or event in packages:
        return packages.get(event or "")
    try:
        parsed = Event.parse(event)
    except BadMessage:
        return None
    kind = parsed.type.lower()
    for name, value in parsed.params:
        own = packages.get(f"{kind};{name.lower()}") if value is None else None
        if own is not None:
            return own
    return packages.get(kind)


def is_same_event(event: str | None, held: str, packages: Mapping[str, P]) -> bool:
    """Whether package and ``id`` of an Event header are those of the subscription with ``held`` (RFC 6665, section 8.2.1)."""
    if event is None or event == held:
        return event == held
    try:
        same_id = Event.parse(event).id == Event.parse(held).id
    except BadMessage:
        return False
    return same_id and package_of(event, packages) is package_of(held, packages)


def announced(packages: Iterable[str]) -> str:
    """The value of Allow-Events: packages, but neither templates nor packages that are told apart by a parameter."""
    return ", ".join(name for name in packages if ";" not in name and not name.endswith(".winfo"))


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
