"""Package ``xcap-diff``: what changes in a user's documents on the XCAP server, for the user's other devices.

Only users themselves may watch, under their own address or that of the whole domain, and they hear of what they may read:
their own tree and the global one.  The state of an address is therefore all documents in both as they are in the store
(``Kept``); what of it a watcher has selected (``events.xcap_selection``) goes with its watch, so that each is told a view of its
own (``Seen``).  The first NOTIFY and the one after each SUBSCRIBE say what there is; others say what has changed since the one
before (``events.xcap_changes``).  Changes within five seconds are told together.  Documents that the server writes itself
(capabilities, directories) have no changes and are waited for in vain.

Implements: RFC 5875 section 4 (the package).
"""

from collections.abc import Callable
from typing import Any, ClassVar, Final

from twisted.internet.interfaces import IReactorTime

from sip2xmpp.address import Address
from sip2xmpp.documents import resource_lists, xcap_diff
from sip2xmpp.documents.mime import inflated
from sip2xmpp.documents.presence import frozen_value
from sip2xmpp.errors import BadDocument, BadMessage, TooMany
from sip2xmpp.events.accepting import accepts
from sip2xmpp.events.sending import Sender
from sip2xmpp.events.terms import BadTerms, Listing
from sip2xmpp.events.xcap_changes import (
    CONTENT_ROOM,
    CONTENT_ROOM_BY_DATAGRAM,
    Seen,
    Versions,
    XcapDiffForm,
)
from sip2xmpp.events.xcap_selection import (
    MOST,
    MOST_NODES,
    ROOM,
    Choice,
    Places,
    Processing,
    Selection,
    kept,
    names_a_node,
    selection,
    uri_of,
    uris_in,
)
from sip2xmpp.presence.policy import Handling
from sip2xmpp.presence.state_agent import StateAgent
from sip2xmpp.presence.watching import StateWatcher, Told, Watch
from sip2xmpp.sip.headers import Event
from sip2xmpp.sip.message import Request
from sip2xmpp.store.documents import GLOBAL, Document
from sip2xmpp.store.interface import Change, ChangeKind, Store

PACKAGE: Final = "xcap-diff"
INTERVAL: Final = 5.0
"""Seconds between two NOTIFYs about changes (RFC 5875, section 4.10)."""
MOST_DEVICES: Final = 20
"""Watches of the documents of one user: what each is told is found for it alone."""
BODY_LIMIT: Final = 65_536
"""Octets in the body of a SUBSCRIBE."""

_ACCEPT: Final = [("Accept", resource_lists.CONTENT_TYPE), ("Accept-Encoding", "deflate, gzip, identity")]


@frozen_value
class Kept:
    """All documents that the owner of an address may read."""

    documents: tuple[Document, ...] = ()


class _View:
    """Stands between a watcher and the state agent, and tells it what it has selected."""

    def __init__(self, watcher: StateWatcher, chosen: Selection, store: Store) -> None:
        self._watcher = watcher
        self._chosen = chosen
        self._store = store
        self._watch: Watch | None = None
        self._stopped = False
        self._told: Told[Seen] | None = None

    def begin(self, agent: StateAgent[Kept], resource: Address, *, fetch: bool) -> None:
        """Watch; raises what the agent raises."""
        self._watch = agent.watch(resource, self, fetch=fetch)

    @property
    def address(self) -> Address:
        return self._watcher.address

    def notified(self, notification: Told[Any]) -> None:
        """Nobody hears of a version that a crash would undo; if it could not be stored, it is in force all the same."""
        self._store.after_commit(lambda _: self._pass_on(notification))

    def stop(self) -> None:
        """As ``Watch``."""
        self._stopped = True
        if self._watch is not None:
            self._watch.stop()

    def refresh(self) -> None:
        """As ``Watch``."""
        if self._watch is not None:
            self._watch.refresh()

    def _pass_on(self, notification: Told[Any]) -> None:
        """What is seen of it; the same object as before if that is the same."""
        if self._stopped:
            return
        if not isinstance(notification.document, Kept):
            self._watcher.notified(notification)
            return
        seen = self._seen(notification.document)
        if self._told is None or self._told.document != seen:
            self._told = Told(standing=notification.standing, document=seen)
        self._watcher.notified(self._told)

    def _seen(self, state: Kept) -> Seen:
        chosen, mine = self._chosen, str(self.address)
        documents: dict[str, tuple[str, Document]] = {}
        nodes: list[tuple[Choice, Document]] = []
        if chosen.choices is None:
            documents = {
                each.key: (str(uri_of(each)), each) for each in state.documents if each.owner == mine
            }
        else:
            # What is named itself goes before what is only in a collection: it is called as the watcher called it.
            for choice in sorted(chosen.choices, key=lambda each: each.is_collection):
                for document in state.documents:
                    if choice.has(document):
                        if choice.node is not None:
                            nodes.append((choice, document))
                        else:
                            documents.setdefault(document.key, (choice.sel_of(document), document))
        return Seen(processing=chosen.processing, documents=tuple(documents.values()), nodes=tuple(nodes))


class XcapDiffPackage(Listing):
    """The package; ``places`` says what the XCAP server calls things, ``exists`` who is one of our users."""

    name: ClassVar[str] = PACKAGE
    default_expires: ClassVar[int] = 3600
    accepts: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self, *, store: Store, clock: IReactorTime, exists: Callable[[Address], bool], places: Places
    ) -> None:
        self._store = store
        self._documents = store.documents
        self._places = places
        self._versions = Versions()
        self._watched: dict[str, Address] = {}
        self._watching_all: dict[str, Address] = {}
        self._agent = StateAgent[Kept](
            clock=clock,
            compute=self._kept,
            neutral=lambda _: Kept(),
            decide=lambda owner, watcher: Handling.ALLOW if watcher == owner else Handling.BLOCK,
            exists=exists,
            interval=INTERVAL,
            unwatched=self._unwatched,
        )
        self._forms = {
            is_datagram: XcapDiffForm(name, places.root, self._versions, room)
            for is_datagram, name, room in (
                (False, PACKAGE, CONTENT_ROOM),
                (True, f"{PACKAGE} datagram", CONTENT_ROOM_BY_DATAGRAM),
            )
        }
        store.documents.listen(self._document_changed)

    def watch(self, resource: Address, watcher: StateWatcher, *, fetch: bool = False) -> Watch:
        """Begin to watch; raises ``NotAuthorized`` for everybody but the owner, ``NoSuchPresentity`` and ``TooMany``."""
        if not resource.local and resource.domain == watcher.address.domain:
            resource = watcher.address
        if self._agent.watches_of(resource) >= MOST_DEVICES and resource == watcher.address:
            raise TooMany(f"{MOST_DEVICES} devices hear of the documents of {resource} already")
        listed = ""
        if isinstance(watcher, Sender) and watcher.economy is not None:
            listed = watcher.economy.terms.listed
        chosen = selection(listed, self._places)
        view = _View(watcher, chosen, self._store)
        view.begin(self._agent, resource, fetch=fetch)
        self._watched[str(resource)] = resource
        if chosen.is_about_all:
            self._watching_all[str(resource)] = resource
        return view

    def form(self, accept: str, user_agent: str, *, datagram: bool) -> XcapDiffForm | None:  # noqa: ARG002
        """The one form there is, if it is accepted."""
        return self._forms[datagram] if accepts(accept, xcap_diff.CONTENT_TYPE) else None

    def listed_in(self, request: Request, held: str) -> str:
        """What a SUBSCRIBE selects: by its body, or as before, and how much it wants to learn by its Event header."""
        uris = _uris_in(request) if request.body else uris_in(held)
        return kept(_processing(request.event_value or ""), uris, self._places)

    def check(self, body: bytes) -> None:  # noqa: ARG002
        """Nothing is published here."""
        raise BadDocument("changes of documents are not published")

    def device_of(self, body: bytes) -> str:  # noqa: ARG002
        """Nothing is published here."""
        return ""

    def existence_changed(self, owner: Address) -> None:
        """End the subscriptions to an address that is no longer one of ours."""
        self._agent.existence_changed(owner)

    def _kept(self, owner: Address) -> Kept:
        return Kept(documents=(*self._documents.select(str(owner)), *self._documents.select(GLOBAL)))

    def _unwatched(self, owner: Address) -> None:
        self._watched.pop(str(owner), None)
        self._watching_all.pop(str(owner), None)
        self._versions.forget_owner(str(owner))
        if not self._watching_all:
            self._versions.forget_owner(GLOBAL)

    def _document_changed(self, change: Change[Document]) -> None:
        document = change.record
        if document.owner == GLOBAL:
            concerned = list(self._watching_all.values())
        elif document.owner in self._watched:
            concerned = [self._watched[document.owner]]
        else:
            return
        if not concerned:
            return
        if change.kind is not ChangeKind.PUT:
            self._versions.forget(document)
        elif change.previous is not None:
            self._versions.replaced(change.previous)
        for owner in concerned:
            self._agent.changed(owner)


def _processing(event: str) -> Processing:
    """How much is asked for; what is not known is the least."""
    try:
        params = Event.parse(event).params
    except BadMessage:
        return Processing.NONE
    asked = next((value for name, value in params if name.lower() == "diff-processing"), None)
    return next((each for each in Processing if each.value == (asked or "").lower()), Processing.NONE)


def _uris_in(request: Request) -> list[str]:
    """The URIs in the body of a SUBSCRIBE.  Raises ``BadTerms``."""
    kind = request.content_type
    if kind is None or kind.type != resource_lists.CONTENT_TYPE:
        raise BadTerms(415, "only a list of URIs is understood in the body", _ACCEPT)
    if len(request.body) > BODY_LIMIT:
        raise BadTerms(413, f"a list may have {BODY_LIMIT} octets")
    encoding = request.headers.get("Content-Encoding") or ""
    if encoding.strip().lower() not in ("", "identity", "deflate", "gzip"):
        raise BadTerms(415, "this encoding is not known", _ACCEPT)
    try:
        octets = inflated(request.body, encoding, limit=BODY_LIMIT)
        uris = [entry.uri for entry in resource_lists.read_flat(octets)]
    except BadDocument as bad:
        raise BadTerms(400, str(bad)) from None
    if len(uris) > MOST or sum(map(len, uris)) > ROOM:
        raise BadTerms(413, f"a list may have {MOST} URIs with {ROOM} characters in all")
    if sum(map(names_a_node, uris)) > MOST_NODES:
        raise BadTerms(413, f"a list may have {MOST_NODES} elements and attributes")
    return uris
