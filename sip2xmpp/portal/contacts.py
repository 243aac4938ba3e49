"""The operations about contact lists: ``/api/v1/users/{address}/contacts`` and ``contact-groups``.

What is read and changed is the document ``resource-lists/users/{address}/index``, with its entity tag: SIP clients find there by
XCAP what was changed here, and the other way round.  An edit touches the groups and contacts that it is about; whatever
clients keep in the document beside them stays as it is, octet by octet.  The address that a URI means, and the world that it
lives in, are told as far as they are known without asking DNS.

Implements: RFC 4826 section 3 as JSON; RFC 9110 section 13 (conditions).
"""

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote

from sip2xmpp.address import Address
from sip2xmpp.documents.xml import clean
from sip2xmpp.portal.contact_book import ContactBook, etag_of, groups_of
from sip2xmpp.portal.contact_shapes import (
    CHANGED_CONTACT,
    CHANGED_GROUP,
    CONTACT_TOLD,
    GROUP_NAMED,
    GROUP_TOLD,
    LIST,
    LIST_TOLD,
    NEW_CONTACT,
    NEW_GROUP,
)
from sip2xmpp.portal.meanings import Meanings
from sip2xmpp.portal.operations import JSON, Answer, Call, Operation
from sip2xmpp.portal.problems import Problem, Senseless, wrong
from sip2xmpp.portal.shapes import Member, Shape, Wrong, loaded
from sip2xmpp.portal.tokens import Right
from sip2xmpp.store.documents import Document
from sip2xmpp.xcap.contact_list import (
    Contact,
    Group,
    Groups,
    Means,
    Taken,
    Unknown,
    changed_group,
    contacts,
    known,
    with_contact,
    with_group,
    without,
    without_group,
)
from sip2xmpp.xcap.documents import Documents
from sip2xmpp.xcap.usages import LARGEST

_FULL: Final = {409: "It is there already, or there is no room for it, or the document cannot be kept so."}


class Contacts:
    """The operations.  ``exists`` says who is one of ours."""

    def __init__(
        self, documents: Documents, meanings: Meanings, *, exists: Callable[[Address], bool]
    ) -> None:
        self._book = ContactBook(documents, exists=exists)
        self._meanings = meanings

    def operations(self) -> list[Operation]:
        """The rows of the table."""
        path = "/api/v1/users/{address}/contacts"
        groups = "/api/v1/users/{address}/contact-groups"
        return [
            Operation(
                method="GET",
                path=path,
                name="readContacts",
                summary="The groups of a user and the contacts in them",
                about="The list that the SIP clients of the user keep on the server by XCAP.",
                right=Right.READ,
                serve=self._read,
                answer=LIST_TOLD,
                conditional=True,
            ),
            Operation(
                method="PUT",
                path=path,
                name="replaceContacts",
                summary="Let there be these groups and contacts and no others",
                about="What stays keeps what clients keep with it; a group is known by its id, else by its path.",
                right=Right.DOCUMENTS,
                serve=self._replace,
                bodies={JSON: LIST.schema},
                body_limit=LARGEST,
                answer=LIST_TOLD,
                refuses=_FULL,
                conditional=True,
            ),
            Operation(
                method="POST",
                path=path,
                name="addContact",
                summary="Add a contact",
                about="It must not be there yet.",
                right=Right.DOCUMENTS,
                serve=self._add,
                bodies={JSON: NEW_CONTACT.schema},
                answer=CONTACT_TOLD,
                refuses=_FULL,
                conditional=True,
                creates=True,
            ),
            Operation(
                method="GET",
                path=f"{path}/{{contact}}",
                name="readContact",
                summary="One contact, and the groups it is in",
                about="Of several entries that mean the same address the first is told.",
                right=Right.READ,
                serve=self._read_one,
                answer=CONTACT_TOLD,
                conditional=True,
            ),
            Operation(
                method="PUT",
                path=f"{path}/{{contact}}",
                name="changeContact",
                summary="Name a contact, move it, or add it",
                about="It is in the groups that are named and in no others.",
                right=Right.DOCUMENTS,
                serve=self._change,
                bodies={JSON: CHANGED_CONTACT.schema},
                answer=CONTACT_TOLD,
                refuses=_FULL,
                conditional=True,
                creates=True,
            ),
            Operation(
                method="DELETE",
                path=f"{path}/{{contact}}",
                name="removeContact",
                summary="Remove a contact",
                about="From all groups, or from one.",
                right=Right.DOCUMENTS,
                serve=self._remove,
                query={"group": Member(shape=GROUP_NAMED, about="The id of the only group that it leaves.")},
                refuses=_FULL,
                conditional=True,
            ),
            Operation(
                method="POST",
                path=groups,
                name="addGroup",
                summary="Add a group",
                about="It has no contacts yet.",
                right=Right.DOCUMENTS,
                serve=self._add_group,
                bodies={JSON: NEW_GROUP.schema},
                answer=GROUP_TOLD,
                refuses=_FULL,
                conditional=True,
                creates=True,
            ),
            Operation(
                method="PUT",
                path=f"{groups}/{{group}}",
                name="changeGroup",
                summary="Name a group, or move it",
                about="What is in it goes with it; its id is another one then.",
                right=Right.DOCUMENTS,
                serve=self._change_group,
                bodies={JSON: CHANGED_GROUP.schema},
                answer=GROUP_TOLD,
                refuses=_FULL,
                conditional=True,
            ),
            Operation(
                method="DELETE",
                path=f"{groups}/{{group}}",
                name="removeGroup",
                summary="Remove a group, and all that is in it",
                about="Also what clients keep there.",
                right=Right.DOCUMENTS,
                serve=self._remove_group,
                refuses=_FULL,
                conditional=True,
            ),
        ]

    # The whole list

    async def _read(self, call: Call) -> Answer:
        held = self._held(call)
        return self._told(call, held, groups_of(held))

    async def _replace(self, call: Call) -> Answer:
        wanted = tuple(_group_meant(each) for each in _body(call, LIST)["groups"])
        _check(wanted)
        document = await self._edit(call, lambda _: wanted)
        return self._told(call, document, groups_of(document), done="replace the contacts")

    def _told(self, call: Call, held: Document | None, groups: Groups, done: str = "") -> Answer:
        told = {
            "address": str(call.addresses["address"]),
            "groups": [self._group_told(each) for each in groups],
        }
        return Answer(value=told, etag=etag_of(held), done=done)

    # One contact

    async def _read_one(self, call: Call) -> Answer:
        held = self._held(call)
        means = self._meanings.means(call.names["contact"])
        return Answer(
            value=self._contact_told(groups_of(held), means, call.names["contact"]), etag=etag_of(held)
        )

    async def _add(self, call: Call) -> Answer:
        given = _body(call, NEW_CONTACT)
        contact = Contact(uri=self._meanings.uri(given["contact"]), name=given.get("name", ""))
        means = self._meanings.means(contact.uri)

        def change(groups: Groups) -> Groups:
            if contacts(groups, means):
                raise Taken(f"{contact.uri} is a contact already")
            return with_contact(groups, contact, means, given.get("groups"), named=True)

        document = await self._edit(call, change)
        return self._contact_answer(call, document, means, contact.uri, created=True)

    async def _change(self, call: Call) -> Answer:
        given = _body(call, CHANGED_CONTACT)
        written_so = call.names["contact"]
        means = self._meanings.means(written_so)
        was_there = bool(contacts(groups_of(self._held(call)), means))
        contact = Contact(
            uri=written_so if was_there else self._meanings.uri(written_so), name=given.get("name", "")
        )
        if given.get("groups") == ():
            raise wrong([Senseless("#/groups", "a contact is in one group at least")])
        document = await self._edit(
            call,
            lambda groups: with_contact(groups, contact, means, given.get("groups"), named="name" in given),
        )
        return self._contact_answer(call, document, means, contact.uri, created=not was_there)

    async def _remove(self, call: Call) -> Answer:
        written_so, wanted = call.names["contact"], call.query.get("group")
        means = self._meanings.means(written_so)

        def change(groups: Groups) -> Groups:
            one = None if wanted is None else known(groups, wanted)
            if not contacts(groups if one is None else (one,), means):
                raise Unknown(f"there is no contact {written_so[:100]}")
            return tuple(without(each, means) if one in (None, each) else each for each in groups)

        document = await self._edit(call, change)
        return Answer(etag=document.etag, done=f"remove the contact {written_so[:100]}")

    def _contact_answer(
        self, call: Call, document: Document, means: Means, named: str, *, created: bool
    ) -> Answer:
        told = self._contact_told(groups_of(document), means, named)
        verb = "add" if created else "change"
        return Answer(
            value=told,
            etag=document.etag,
            created=created,
            location=_place(call, "contacts", told["uri"]) if created else "",
            done=f"{verb} the contact {told['uri'][:100]}",
        )

    # One group

    async def _add_group(self, call: Call) -> Answer:
        given = _body(call, NEW_GROUP)
        before: list[str] = []

        def change(groups: Groups) -> Groups:
            before.extend(each.id for each in groups)
            return with_group(groups, given["name"], given.get("display_name", ""), given.get("parent"))

        document = await self._edit(call, change)
        made = next(each for each in groups_of(document) if each.id not in before)
        return Answer(
            value=self._group_told(made),
            etag=document.etag,
            created=True,
            location=_place(call, "contact-groups", made.id),
            done=f"add the group {made.id[:100]}",
        )

    async def _change_group(self, call: Call) -> Answer:
        given = _body(call, CHANGED_GROUP)
        places: list[int] = []

        def change(groups: Groups) -> Groups:
            group = known(groups, call.names["group"])
            made = changed_group(
                groups,
                group,
                name=given.get("name"),
                display=given.get("display_name"),
                parent=given.get("parent"),
            )
            places.extend(index for index, each in enumerate(made) if each.id == group.id)
            return made

        document = await self._edit(call, change)
        made = groups_of(document)[places[0]]
        return Answer(
            value=self._group_told(made), etag=document.etag, done=f"change the group {made.id[:100]}"
        )

    async def _remove_group(self, call: Call) -> Answer:
        wanted = call.names["group"]
        document = await self._edit(call, lambda groups: without_group(groups, known(groups, wanted)))
        return Answer(etag=document.etag, done=f"remove the group {wanted[:100]}")

    # The document

    def _held(self, call: Call) -> Document | None:
        return self._book.held(call.addresses["address"])

    async def _edit(self, call: Call, change: Callable[[Groups], Groups]) -> Document:
        return await self._book.edit(call.addresses["address"], change, call.conditions)

    # How it is told

    def _group_told(self, group: Group) -> dict[str, Any]:
        return {
            "id": group.id,
            "path": list(group.path),
            "display_name": group.display_name,
            "contacts": [
                {"uri": each.uri, "name": each.name, **self._meanings.told(each.uri)}
                for each in group.contacts
            ],
            "references": list(group.references),
            "holds_more": group.holds_more,
        }

    def _contact_told(self, groups: Groups, means: Means, named: str) -> dict[str, Any]:
        here = contacts(groups, means)
        if not here:
            raise Unknown(f"there is no contact {named[:100]}")
        first = here[0][1]
        return {
            "uri": first.uri,
            "name": first.name,
            **self._meanings.told(first.uri),
            "groups": list(dict.fromkeys(group.id for group, _ in here)),
        }


def _place(call: Call, kind: str, name: str) -> str:
    """The path of a contact or a group."""
    return f"/api/v1/users/{quote(str(call.addresses['address']), safe='@')}/{kind}/{quote(name, safe='')}"


def _body(call: Call, shape: Shape[dict[str, Any]]) -> dict[str, Any]:
    try:
        return shape.read(loaded(call.body))
    except Wrong as error:
        raise wrong([fault._replace(pointer=f"#{fault.pointer}") for fault in error.faults]) from None


def _group_meant(given: dict[str, Any]) -> Group:
    return Group(
        id=given.get("id", ""),
        path=given["path"],
        display_name=given.get("display_name", ""),
        contacts=tuple(
            Contact(uri=clean(each["uri"]), name=each.get("name", "")) for each in given.get("contacts", ())
        ),
    )


def _check(groups: Groups) -> None:
    """What the description does not say of a whole list.  Raises ``Problem``."""
    seen: set[str] = set()
    for index, group in enumerate(groups):
        if not group.path:
            raise wrong([Senseless(f"#/groups/{index}/path", "the last name is that of the group itself")])
        if group.id and group.id in seen:
            raise Problem(422, f"the group {group.id[:100]} is there twice")
        seen.add(group.id)
        uris = [contact.uri for contact in group.contacts]
        if len(set(uris)) < len(uris):
            raise Problem(422, f"a contact is there twice in the group {'/'.join(group.path)[:100]}")
