"""The resource list server as an event package: beside each package of one resource stands one of lists.

``Lists`` decides which SUBSCRIBEs outside of a dialog are about a list.  An address that is a list service is; so is a SUBSCRIBE
that brings its list in the body, to any address of ours that nobody has.  The address of a user is never anything but that user.
A subscription is one to a list, or to one resource, for as long as it lives; which, and which list, is kept with its dialog.

A list in a body belongs to the subscription alone: a refresh without a body, or with the same list, leaves it, another list takes
its place, and all of it is told.  Filters for the documents of members are taken for the lists of services.  Such lists are for our own users only: each may make us subscribe in his name, also elsewhere.

Implements: RFC 4662 sections 4.1 to 4.3 (``eventlist``, 421); RFC 5367 sections 4 to 6; RFC 4826 section 4.1 (packages of a
service); RFC 4660 section 4.3 (filters of a list).
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

from sip2xmpp.address import Address
from sip2xmpp.documents import resource_lists, rlmi
from sip2xmpp.documents.event_filter import CONTENT_TYPE as FILTERS
from sip2xmpp.documents.event_filter import FilterSet
from sip2xmpp.documents.mime import inflated
from sip2xmpp.documents.resource_lists import Entry
from sip2xmpp.documents.rlmi import ContentIds
from sip2xmpp.errors import BadDocument
from sip2xmpp.events.accepting import accepts
from sip2xmpp.events.forms import Filtering, Form, PartialForm
from sip2xmpp.events.list_forms import REQUIRED, ROOM, ListForm
from sip2xmpp.events.package import EventPackage
from sip2xmpp.events.sending import Sender
from sip2xmpp.events.terms import BadTerms, MemberFiltering
from sip2xmpp.presence.clients import known_as
from sip2xmpp.presence.list_agent import ListAgent
from sip2xmpp.presence.list_book import ListBook
from sip2xmpp.presence.watching import StateWatcher, Watch
from sip2xmpp.sip.message import Request

RECIPIENTS: Final = "recipient-list-subscribe"
OPTION_TAGS: Final = (REQUIRED, RECIPIENTS)
"""What is supported, as OPTIONS tells it."""

SERVICE: Final = "service"
"""The list that a subscription is about is that of the service at its address."""
BODY_LIMIT: Final = 262_144
"""Octets of a list in a body, after it was inflated."""
ENTRIES: Final = 1_000
"""Members of a list in a body, unless the operator says otherwise."""

_ACCEPT: Final = [("Accept", resource_lists.CONTENT_TYPE), ("Accept-Encoding", "deflate, gzip, identity")]


_NO_BODY: Final = (415, "what is in this list is not said by a body", (("Accept", ""),))


class ListPackage(MemberFiltering):
    """Lists of resources whose state is that of ``package``.

    ``agent`` watches the members.  ``room`` is the bound on a body in octets, ``entries`` on the list in a SUBSCRIBE.
    """

    accepts = ()

    def __init__(
        self,
        package: EventPackage,
        book: ListBook,
        agent: ListAgent,
        *,
        room: int = ROOM,
        entries: int = ENTRIES,
    ) -> None:
        self.name = package.name
        self.default_expires = package.default_expires
        self._package = package
        self._book = book
        self._agent = agent
        self._room = room
        self._entries = entries
        self._forms: dict[tuple[str, ContentIds, bool], ListForm] = {}

    def watch(self, resource: Address, watcher: StateWatcher, *, fetch: bool = False) -> Watch:
        listed = SERVICE
        if isinstance(watcher, Sender) and watcher.economy is not None:
            listed = watcher.economy.terms.listed
        if listed == SERVICE:
            return self._agent.watch(resource, watcher, fetch=fetch)
        members = self._book.ad_hoc(watcher.address, _entries(listed))
        return self._agent.watch_members(members, watcher, fetch=fetch)

    def form(self, accept: str, user_agent: str, *, datagram: bool) -> Form | None:
        if not (accepts(accept, rlmi.RELATED) and accepts(accept, rlmi.CONTENT_TYPE)):
            return None
        form: Form | None = self._package.form(accept, user_agent, datagram=datagram)
        if isinstance(form, PartialForm):
            form = form.form  # in a list, each document stands for itself
        if form is None:
            return None
        rows = known_as(user_agent)
        ids = ContentIds.BARE if any(row.has_bare_content_ids for row in rows) else ContentIds.BRACKETED
        capital = any(row.has_capital_event for row in rows)
        made = self._forms.get((form.name, ids, capital))
        if made is None:
            made = self._forms[form.name, ids, capital] = ListForm(
                form, ids=ids, capital=capital, room=self._room
            )
        return made

    def listed_in(self, request: Request, held: str) -> str:
        if not request.body or self.takes_filters(request):
            if not held and RECIPIENTS in request.require:
                raise BadTerms(400, "a list is required, and there is none")
            return held or SERVICE
        if held == SERVICE:
            raise BadTerms(*_NO_BODY)
        return list_in(request, self._entries)

    def takes_filters(self, request: Request) -> bool:
        kind = request.content_type if request.body else None
        return kind is not None and kind.type == FILTERS and isinstance(self._package, Filtering)

    def filtered_by(self, form: Form, filters: FilterSet, presentity: Address, uri: str) -> Form:
        if not isinstance(form, ListForm) or not isinstance(self._package, Filtering):
            return form
        of_list = tuple([each for each in filters.about(presentity, uri) if each.uri])
        return form.filtered(self._package.filtered, filters, of_list)

    def check(self, body: bytes) -> None:  # noqa: ARG002
        """Nobody publishes the state of a list."""
        raise BadDocument("a list is not published")

    def device_of(self, body: bytes) -> str:  # noqa: ARG002
        return ""


class Lists:
    """Which SUBSCRIBEs are about lists, and the packages that serve them.

    ``is_user(address)`` says whether somebody has an address.  With ``takes_bodies`` our users, those of ``domains``, may bring
    lists of their own.
    """

    def __init__(
        self,
        book: ListBook,
        packages: Iterable[ListPackage],
        *,
        is_user: Callable[[Address], bool],
        domains: AbstractSet[str],
        takes_bodies: bool = True,
    ) -> None:
        self._book = book
        self._packages: Mapping[str, ListPackage] = {package.name: package for package in packages}
        self._is_user = is_user
        self._domains = domains
        self._takes_bodies = takes_bodies

    @property
    def option_tags(self) -> Sequence[str]:
        """What OPTIONS says is supported."""
        return OPTION_TAGS if self._takes_bodies else OPTION_TAGS[:1]

    @property
    def accepts(self) -> Sequence[str]:
        """The media types of the bodies that are understood."""
        return [resource_lists.CONTENT_TYPE] if self._takes_bodies else []

    def package_for(
        self, request: Request, watcher: Address, presentity: Address, package: EventPackage
    ) -> EventPackage:
        """The package that serves a SUBSCRIBE outside of a dialog: one of lists, or ``package`` itself.  Raises ``BadTerms``."""
        service = self._book.service(presentity)
        brings = bool(request.body) and self._brings_list(request, presentity, package)
        # Whoever takes the address to which others send their lists must not keep them from it.
        is_anothers = service is not None and not service.is_global and service.owner != str(watcher)
        if service is None or (brings and is_anothers):
            return self._of_body(request, watcher, package) if brings else package
        found = self._packages.get(package.name)
        if found is None or not service.serves(package.name):
            served = [name for name in self._packages if service.serves(name)]
            raise BadTerms(489, "this list is not about that", [("Allow-Events", ", ".join(served))])
        if request.body and not found.takes_filters(request):
            raise BadTerms(*_NO_BODY)
        _check_support(request)
        return found

    def restored(self, package: EventPackage) -> EventPackage | None:
        """The package of lists beside ``package``, for a subscription that was one to a list."""
        return self._packages.get(package.name)

    def _brings_list(self, request: Request, presentity: Address, package: EventPackage) -> bool:
        if not self._takes_bodies or package.name not in self._packages:
            return False
        kind = request.content_type
        return (
            kind is not None
            and kind.type == resource_lists.CONTENT_TYPE
            and presentity.domain in self._domains
            and not self._is_user(presentity)
        )

    def _of_body(self, request: Request, watcher: Address, package: EventPackage) -> ListPackage:
        if watcher.domain not in self._domains:
            raise BadTerms(403, "Only our own users may bring lists")
        _check_support(request)
        return self._packages[package.name]


def _check_support(request: Request) -> None:
    """The subscriber has to know what it gets (RFC 4662, section 4.2)."""
    said = {tag.lower() for tag in (*request.supported, *request.require)}
    if REQUIRED not in said:
        raise BadTerms(421, "Extension Required", [("Require", REQUIRED)])


def list_in(request: Request, limit: int) -> str:
    """The list in the body of a SUBSCRIBE, in the words in which it is kept.  Raises ``BadTerms``."""
    kind = request.content_type
    if kind is None or kind.type != resource_lists.CONTENT_TYPE:
        raise BadTerms(415, "only a list is understood in the body", _ACCEPT)
    encoding = request.headers.get("Content-Encoding") or ""
    if encoding.strip().lower() not in ("", "identity", "deflate", "gzip"):
        raise BadTerms(415, "this encoding is not known", _ACCEPT)
    if len(request.body) > BODY_LIMIT:
        raise BadTerms(413, f"a list may have {BODY_LIMIT} octets")
    try:
        octets = inflated(request.body, encoding, limit=BODY_LIMIT)
        entries = resource_lists.read_flat(octets)
    except BadDocument as bad:
        raise BadTerms(400, str(bad)) from None
    if len(entries) > limit:
        raise BadTerms(413, f"a list may have {limit} members")
    said: list[Any] = [
        [entry.uri, entry.display_name, entry.language] if entry.display_name else [entry.uri]
        for entry in entries
    ]
    return json.dumps(said, ensure_ascii=True, separators=(",", ":"))


def _entries(listed: str) -> list[Entry]:
    """The list that is kept; empty if it cannot be read any more."""
    try:
        said = json.loads(listed)
    except ValueError:
        said = []
    return [
        Entry(uri=uri, display_name=names[0] if names else "", language=names[1] if names else None)
        for uri, *names in said
    ]
