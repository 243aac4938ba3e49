"""How a list of resources is told: RLMI and the documents of its members in one multipart body, in as many NOTIFYs as it takes.

The first NOTIFY, and the first after each SUBSCRIBE, has the full state; the others have the members that changed, each with all
that is known of it.  When a member has left the list, only the full state can say so.  The documents are those that a watcher of
one resource gets, in the form for its client, and are written once for all who get them; what belongs to one subscription is
the list around them.

A body has a bound in octets.  Full state that does not fit is told in portions: all resources and as many documents as have room,
or where not even that fits the first resources; then the rest, as changes, each NOTIFY being complete by itself.

Implements: RFC 4662 sections 4.5 and 5.2 to 5.5.
"""

from collections.abc import Callable, Mapping
from hashlib import blake2b
from secrets import token_hex
from typing import ClassVar, Final

from sip2xmpp.documents import rlmi
from sip2xmpp.documents.event_filter import Filter, FilterSet
from sip2xmpp.documents.rlmi import Attached, ContentIds, Instance, InstanceState, ListInformation, Resource
from sip2xmpp.events.forms import Body, Form, Portioned
from sip2xmpp.events.package import entity_of
from sip2xmpp.presence.list_state import ListState, Row
from sip2xmpp.presence.watching import Standing, Told

REQUIRED: Final = "eventlist"
ROOM: Final = 32_768
"""Octets of a body, unless the operator says otherwise: it has to fit into a datagram, and into the buffers of peers."""
FRAME: Final = 512
"""Octets of a body that are there without any member."""
PART: Final = 192
"""Octets that a part has beside its document."""
INSTANCE: Final = 80
"""Octets of an instance in the list."""
WRITTEN: Final = 64
"""Things written of one document that are kept: members are called as each list likes, and some lists like a new way each time."""
ONLY: Final = "1"
"""The id of the one instance that each resource has: what is told is composed of all devices."""

_TOLD: Final = {Standing.PENDING: InstanceState.PENDING, Standing.TERMINATED: InstanceState.TERMINATED}
"""The states that are told without a document; one who is active and of whom nothing is known has no instance."""


class ListForm(Portioned):
    """A list whose members are told in ``form``.

    ``ids`` is how parts are named, ``room`` the bound on a body in octets; with ``capital`` the event is called Presence, and nobody has a name.

    ``token`` makes a word that stands in no document: of it are the boundary and the names of the parts.
    """

    __slots__ = ("_capital", "_form", "_form_of", "_ids", "_room", "_token", "name")

    numbered = True
    requires: ClassVar[str] = REQUIRED

    def __init__(
        self,
        form: Form,
        *,
        ids: ContentIds = ContentIds.BRACKETED,
        capital: bool = False,
        room: int = ROOM,
        token: Callable[[], str] = lambda: token_hex(16),
    ) -> None:
        self._form = form
        self._ids = ids
        self._capital = capital
        self._room = room
        self._token = token
        self._form_of: Callable[[Row], Form] | None = None
        self.name = f"{form.name} list"

    def filtered(
        self,
        part: Callable[[Form, tuple[Filter, ...]], Form],
        filters: FilterSet,
        of_list: tuple[Filter, ...],
    ) -> "ListForm":
        """This form with a ``part`` of the document of each member: what filters about it, and ``of_list``, leave."""
        made = ListForm(self._form, ids=self._ids, capital=self._capital, room=self._room, token=self._token)
        forms: dict[str, Form] = {}

        def form_of(row: Row) -> Form:
            form = forms.get(row.uri)
            if form is None:
                chosen = dict.fromkeys((*of_list, *filters.about(row.member.address, row.uri)))
                form = forms[row.uri] = part(self._form, tuple(chosen)) if chosen else self._form
            return form

        said = "".join(each.source for each in filters.filters).encode()
        made._form_of = form_of
        made.name = f"{self.name} {blake2b(said, digest_size=12).hexdigest()}"
        return made

    def event_of(self, said: str) -> str:
        # COMPAT: liblinphone before 5.4 looks for this spelling, and uses the other.
        return f"P{said[1:]}" if self._capital and said.startswith("presence") else said

    def body(
        self, told: Told[ListState], before: Told[ListState] | None, entity: str, number: int
    ) -> Body | None:
        """The body that brings one who knows ``before`` to ``told``; all that is different is taken to have room."""
        state = told.document
        if state is None:
            return None
        is_full, changes = self._changes(state, before)
        token = self._token()
        attached: list[Attached] = []
        resources = [self._resource(row, seen, number, token, attached) for row, seen in changes]
        information = ListInformation(uri=entity, version=number, full=is_full, resources=tuple(resources))
        root = f"0.{token}@list"
        return Body(
            content_type=rlmi.related_type(boundary=token, root=root),
            octets=rlmi.related(rlmi.write(information), attached, boundary=token, root=root, ids=self._ids),
        )

    def portion(
        self, newest: Told[ListState], before: Told[ListState] | None, entity: str
    ) -> Told[ListState]:
        state = newest.document
        if state is None:
            return newest
        is_full, changes = self._changes(state, before)
        used = FRAME + len(entity)
        # with the full state come all names, if they leave room for anything else
        names = _size_of_names(state, self._room // 2 - used) if is_full else None
        lists_all = names is not None
        used += names or 0
        taken: dict[str, Row] = {}
        left_out = False
        for row, _ in changes:
            cost = self._content_size(row) + (0 if lists_all else _size_of_name(row))
            if used + cost <= self._room or not (taken or lists_all):
                used += cost
                taken[row.uri] = row
            else:
                left_out = True
                if lists_all:
                    taken[row.uri] = Row(row.member)
                else:
                    break
        if not left_out:
            return newest
        held = {} if is_full or before is None else _by_uri(before)
        rows = [taken.get(each.uri) or held.get(each.uri) for each in state.rows]
        part = ListState(members=state.members, rows=tuple([each for each in rows if each is not None]))
        return Told(standing=newest.standing, document=part)

    def is_news(self, told: Told[ListState], newest: Told[ListState], entity: str) -> bool:  # noqa: ARG002
        before, state = told.document, newest.document
        if state is None or before is None:
            return state is not before
        is_full, changes = self._changes(state, told)
        return is_full or bool(changes)

    def tag(self, told: Told[ListState], entity: str) -> str:
        """Empty where the documents count: no two of them are alike."""
        state = told.document
        if state is None or self._form.numbered:
            return ""
        digest = blake2b(f"{self.name} {self._ids.value} {entity}".encode(), digest_size=10)
        said = [f"{row.uri} {''.join(map(repr, row.names))}" for row in state.rows]
        digest.update("\n".join(said).encode("utf-8", "surrogateescape"))
        digest.update(b"\n".join(map(self._mark, state.rows)))
        return digest.hexdigest()

    # One member

    def _changes(
        self, state: ListState, before: Told[ListState] | None
    ) -> tuple[bool, list[tuple[Row, Row | None]]]:
        """Whether all is to be told, and what: each row with what is known of the member."""
        held = None if before is None else before.document
        if before is None or held is None:
            return True, [(row, None) for row in state.rows]
        if held.members is state.members and len(held.rows) == len(state.rows):
            pairs = zip(state.rows, held.rows, strict=True)
            return False, [(now, old) for now, old in pairs if now is not old and self._differs(old, now)]
        known = _by_uri(before)
        if held.members is not state.members and known.keys() - {row.uri for row in state.rows}:
            # that a member has left can only be told by telling everything
            return True, [(row, None) for row in state.rows]
        found = [(now, known.get(now.uri)) for now in state.rows]
        return False, [(now, old) for now, old in found if self._differs(old, now)]

    def _differs(self, before: Row | None, now: Row) -> bool:
        if before is now:
            return False
        if before is None or before.names != now.names:
            return True
        if self._form.numbered:
            return before != now
        return self._mark(before) != self._mark(now)

    def _mark(self, row: Row) -> bytes:
        """What a watcher sees of a member, in a few octets."""
        if row.told is None:
            return f"{row.standing} {row.reason}".encode() if row.standing in _TOLD else b""
        key = f"{self.name} {row.uri}"
        mark = row.told.renderings.get(key)
        if mark is None:
            body = self._document(row)
            mark = b"" if body is None else blake2b(body.octets, digest_size=10).digest()
            row.told.renderings[key] = mark
        return mark

    def _document(self, row: Row, seen: Row | None = None, number: int = 0) -> Body | None:
        if row.told is None:
            return None
        before = None if seen is None else seen.told
        if before is not None and before.document is None:
            before = None
        if len(row.told.renderings) > WRITTEN:
            row.told.renderings.clear()
        form = self._form if self._form_of is None else self._form_of(row)
        return form.body(row.told, before, entity_of(row.uri), number)

    def _content_size(self, row: Row) -> int:
        body = self._document(row)
        return INSTANCE if body is None else INSTANCE + PART + len(body.octets)

    def _resource(
        self, row: Row, seen: Row | None, number: int, token: str, attached: list[Attached]
    ) -> Resource:
        instances: tuple[Instance, ...] = ()
        state = None if row.standing is None else _TOLD.get(row.standing)
        if state is not None:
            reason = "" if row.reason is None else row.reason.value
            instances = (Instance(id=ONLY, state=state, reason=reason),)
        body = self._document(row, seen, number)
        if body is not None:
            cid = f"{len(attached) + 1}.{token}@list"
            attached.append(Attached(cid=cid, content_type=body.content_type, body=body.octets))
            instances = (Instance(id=ONLY, state=InstanceState.ACTIVE, cid=cid),)
        # COMPAT: liblinphone before 5.4 crashes at the name of somebody who is not in its own list.
        names = () if self._capital else row.names
        return Resource(uri=row.uri, names=names, instances=instances)


def _by_uri(told: Told[ListState]) -> Mapping[str, Row]:
    """What a watcher knows of a list."""
    return {} if told.document is None else {row.uri: row for row in told.document.rows}


def _size_of_name(row: Row) -> int:
    """Octets of a member in the list, without an instance."""
    return len(rlmi.written_resource(Resource(uri=row.uri, names=row.names)).encode())


def _size_of_names(state: ListState, most: int) -> int | None:
    """That of all members; None if it is more than ``most``."""
    size = 0
    for row in state.rows:
        size += _size_of_name(row)
        if size > most:
            return None
    return size
