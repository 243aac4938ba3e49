"""The forms of ``/my/contacts``: what changes the list.

Every form carries the entity tag of the list that it was made from: where a device changed the list in between, nothing is
overwritten and the user is told so.  Each change is in the audit log.
"""

from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlencode

from sip2xmpp.errors import BadInput, Refused, StorageFailed
from sip2xmpp.pages.answers import Answer, Moved
from sip2xmpp.pages.contact_rows import group_title
from sip2xmpp.pages.faults import Said, fault_told
from sip2xmpp.pages.languages import N_
from sip2xmpp.pages.routes import Page
from sip2xmpp.pages.visit import Visit
from sip2xmpp.portal.audit import Audit
from sip2xmpp.portal.contact_book import ContactBook
from sip2xmpp.portal.meanings import Meanings
from sip2xmpp.portal.problems import Problem
from sip2xmpp.xcap.conditions import ANY, Conditions
from sip2xmpp.xcap.contact_list import (
    Contact,
    Groups,
    changed_group,
    contacts,
    known,
    with_contact,
    with_group,
    without,
    without_group,
)

PATH: Final = "/my/contacts"
NAME_LIMIT: Final = 200
URI_LIMIT: Final = 1_000
GROUPS: Final = 100
"""Groups that one contact is put into: each is sought among all."""

Change = Callable[[Groups], Groups]


class ContactForms:
    """The forms; ``committed`` fires when what was done is safe."""

    def __init__(
        self,
        *,
        book: ContactBook,
        meanings: Meanings,
        audit: Audit,
        committed: Callable[[], Awaitable[None]],
    ) -> None:
        self._book = book
        self._meanings = meanings
        self._audit = audit
        self._committed = committed

    def pages(self) -> list[Page]:
        """The rows of the table."""
        return [
            Page(method="POST", path=f"{PATH}/add", serve=self._add, name="add-contact"),
            Page(method="POST", path=f"{PATH}/contact", serve=self._change, name="change-contact"),
            Page(method="POST", path=f"{PATH}/remove", serve=self._remove, name="remove-contact"),
            Page(method="POST", path=f"{PATH}/groups", serve=self._add_group, name="add-group"),
            Page(method="POST", path=f"{PATH}/group", serve=self._change_group, name="change-group"),
            Page(method="POST", path=f"{PATH}/remove-group", serve=self._remove_group, name="remove-group"),
        ]

    # Contacts

    async def _add(self, visit: Visit) -> Answer:
        form = visit.form
        written = form.text("contact", most=URI_LIMIT)
        name, group = form.text("name", most=NAME_LIMIT), form.text("group", most=URI_LIMIT)
        new = form.text("new", most=NAME_LIMIT)
        uri = ""

        def change(groups: Groups) -> Groups:
            means = self._meanings.means(uri)
            if contacts(groups, means):
                raise Said(visit.translate(N_("%(who)s is a contact of yours already."), who=written))
            wanted = [new or group] if new or group else None
            return with_contact(
                groups, Contact(uri=uri, name=" ".join(name.split())), means, wanted, named=True
            )

        try:
            uri = self._meanings.uri(written)
            if self._meanings.address(uri) == visit.me:
                raise Said(visit.translate(N_("This is your own address.")))
        except (BadInput, Refused, Problem) as error:
            return Moved(f"{PATH}/add", fault_told(visit, error), bad=True)
        told = visit.translate(N_("%(who)s is a contact of yours now."), who=name or written)
        return await self._edit(visit, change, f"add the contact {uri[:100]}", told)

    async def _change(self, visit: Visit) -> Answer:
        form = visit.form
        uri, name = form.text("contact", most=URI_LIMIT), " ".join(form.text("name", most=NAME_LIMIT).split())
        new = form.text("new", most=NAME_LIMIT)
        wanted = [*form.all("group", most=URI_LIMIT), *([new] if new else [])]
        means = self._meanings.means(uri)

        def change(groups: Groups) -> Groups:
            if not contacts(groups, means):
                raise Said(visit.translate(N_("There is no such contact in your list.")))
            if len(wanted) > GROUPS:
                raise Said(visit.translate(N_("A contact is in so many groups that it cannot be kept.")))
            if not wanted:
                raise Said(visit.translate(N_("A contact is in one group at least.")))
            return with_contact(groups, Contact(uri=uri, name=name), means, wanted, named=True)

        back = f"{PATH}/contact?{urlencode({'uri': uri})}"
        told = visit.translate(N_("%(who)s was changed."), who=name or uri)
        return await self._edit(visit, change, f"change the contact {uri[:100]}", told, back=back)

    async def _remove(self, visit: Visit) -> Answer:
        uri = visit.form.text("contact", most=URI_LIMIT)
        means = self._meanings.means(uri)

        def change(groups: Groups) -> Groups:
            if not contacts(groups, means):
                raise Said(visit.translate(N_("There is no such contact in your list.")))
            return tuple(without(each, means) for each in groups)

        told = visit.translate(N_("%(who)s is no contact of yours any more."), who=uri)
        return await self._edit(visit, change, f"remove the contact {uri[:100]}", told)

    # Groups

    async def _add_group(self, visit: Visit) -> Answer:
        name, parent = _group_name(visit), visit.form.text("parent", most=URI_LIMIT)
        told = visit.translate(N_("There is a group %(group)s now."), group=name)
        return await self._edit(
            visit,
            lambda groups: with_group(groups, name, "", parent or None),
            f"add the group {name[:100]}",
            told,
        )

    async def _change_group(self, visit: Visit) -> Answer:
        name, parent = _group_name(visit), visit.form.text("parent", most=URI_LIMIT)
        id_ = visit.form.text("id", most=URI_LIMIT)

        def change(groups: Groups) -> Groups:
            group = known(groups, id_)
            # clients find their own lists by name, and some call all of them something else for people
            is_titled = bool(group.display_name) or group_title(group) == ""
            return changed_group(
                groups,
                group,
                name=None if is_titled else name,
                display=name if is_titled else None,
                parent=parent,
            )

        back = f"{PATH}/group?{urlencode({'id': id_})}"
        told = visit.translate(N_("The group %(group)s was changed."), group=name)
        return await self._edit(visit, change, f"change the group {id_[:100]}", told, back=back)

    async def _remove_group(self, visit: Visit) -> Answer:
        id_ = visit.form.text("id", most=URI_LIMIT)
        told = visit.translate(N_("The group was removed with all that was in it."))
        return await self._edit(
            visit,
            lambda groups: without_group(groups, known(groups, id_)),
            f"remove the group {id_[:100]}",
            told,
        )

    async def _edit(self, visit: Visit, change: Change, what: str, told: str, *, back: str = PATH) -> Answer:
        """Change the list as it was when the form was made, and write down who did."""
        etag = visit.form.text("etag", most=200)
        # where there was no list when the form was made there must be none now
        is_tag = etag not in ("", *ANY)
        conditions = Conditions(match=frozenset((etag,))) if is_tag else Conditions(none_match=ANY)
        try:
            await self._book.edit(visit.me, change, conditions)
            self._audit.record(who=visit.who, by="page", what=what, about=str(visit.me), peer=visit.peer)
            await self._committed()
        except (BadInput, Refused, StorageFailed, Problem) as error:
            return Moved(back, fault_told(visit, error), bad=True)
        return Moved(PATH, told)


def _group_name(visit: Visit) -> str:
    name = " ".join(visit.form.text("name", most=NAME_LIMIT).split())
    if not name:
        raise BadInput(visit.translate(N_("A group needs a name.")))
    return name
