"""The page ``/my/contacts``: whom I watch, group by group, with the state of each; and the forms by which the list is changed.

The list is the document that SIP clients keep by XCAP, so what is done here is there at once, and the other way round.  Every form
carries the entity tag of the list that it was made from: where a device changed the list in between nothing is overwritten.  The state
of a contact is asked for in the user's own name; see ``pages.buddies``.
"""

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlencode

from sip2xmpp.errors import BadInput, Refused, StorageFailed
from sip2xmpp.pages.answers import Answer, Moved, Shown
from sip2xmpp.pages.buddies import Buddies
from sip2xmpp.pages.contact_rows import (
    STANDINGS,
    ContactShown,
    Departments,
    GroupShown,
    anchor,
    group_title,
    members_of,
    of_department,
    standing_of,
)
from sip2xmpp.pages.languages import N_
from sip2xmpp.pages.routes import Page
from sip2xmpp.pages.visit import Visit
from sip2xmpp.pages.worlds import World, Worlds
from sip2xmpp.portal.audit import Audit
from sip2xmpp.portal.contact_book import ContactBook, etag_of, groups_of
from sip2xmpp.portal.meanings import Meanings
from sip2xmpp.portal.problems import Problem
from sip2xmpp.xcap.conditions import ANY, Conditions, PreconditionFailed
from sip2xmpp.xcap.contact_list import (
    Contact,
    Group,
    Groups,
    Taken,
    Unknown,
    changed_group,
    contacts,
    default_group,
    inside,
    known,
    with_contact,
    with_group,
    without,
    without_group,
)

PATH: Final = "/my/contacts"
MOST: Final = 500
"""Contacts on one page: each is watched while the page is open."""

NAME_LIMIT: Final = 200
URI_LIMIT: Final = 1_000

CHANGED: Final = N_(
    "Your list was changed by another device in the meantime. Nothing was overwritten; look at it and try again."
)
Change = Callable[[Groups], Groups]


class ContactPages:
    """The pages."""

    def __init__(
        self,
        *,
        book: ContactBook,
        buddies: Buddies,
        departments: Departments,
        meanings: Meanings,
        worlds: Worlds,
        audit: Audit,
        committed: Callable[[], Any],
    ) -> None:
        self._book = book
        self._buddies = buddies
        self._departments = departments
        self._meanings = meanings
        self._worlds = worlds
        self._audit = audit
        self._committed = committed

    def pages(self) -> list[Page]:
        """The rows of the table."""
        return [
            Page(method="GET", path=PATH, serve=self._show, name="contacts", label=N_("Contacts")),
            Page(method="GET", path=f"{PATH}/add", serve=self._found, name="find-contact"),
            Page(method="POST", path=f"{PATH}/add", serve=self._add, name="add-contact"),
            Page(method="GET", path=f"{PATH}/contact", serve=self._contact, name="contact"),
            Page(method="POST", path=f"{PATH}/contact", serve=self._change, name="change-contact"),
            Page(method="POST", path=f"{PATH}/remove", serve=self._remove, name="remove-contact"),
            Page(method="POST", path=f"{PATH}/groups", serve=self._add_group, name="add-group"),
            Page(method="GET", path=f"{PATH}/group", serve=self._group, name="group"),
            Page(method="POST", path=f"{PATH}/group", serve=self._change_group, name="change-group"),
            Page(method="POST", path=f"{PATH}/remove-group", serve=self._remove_group, name="remove-group"),
            Page(method="GET", path=f"{PATH}/department", serve=self._department, name="department"),
        ]

    # The list

    async def _show(self, visit: Visit) -> Answer:
        held = self._book.held(visit.me)
        groups = groups_of(held)
        sought, first = visit.query.get("find", "").strip().lower(), _number(visit.query.get("from", ""))
        found = [
            (group, each, self._meanings.address(each.uri))
            for group in groups
            for each in group.contacts
            if sought in f"{each.name}\n{each.uri}".lower()
        ]
        here = found[first : first + MOST]
        members = members_of((each.uri, address) for _, each, address in here)
        rows = await self._buddies.look(visit.me, "", members) if members else {}
        shown: dict[str, list[ContactShown]] = {}
        for group, each, address in here:
            look, standing = (
                (None, "none")
                if address is None
                else standing_of((rows or {}).get(address), is_watched=rows is not None)
            )
            shown.setdefault(group.id, []).append(
                ContactShown(
                    id=anchor(group.id, each.uri),
                    uri=each.uri,
                    name=each.name,
                    address="" if address is None else str(address),
                    protocol="" if address is None else self._worlds.known(address),
                    look=look,
                    standing=standing,
                )
            )
        is_part = len(found) > MOST or bool(sought)
        return Shown(
            "contacts",
            {
                "groups": [
                    GroupShown(
                        id=group.id,
                        anchor=anchor("group", group.id),
                        title=group_title(group),
                        depth=len(group.path),
                        contacts=tuple(shown.get(group.id, ())),
                        others=len(group.references),
                    )
                    for group in groups
                    if not is_part or group.id in shown
                ],
                "departments": self._departments.all(),
                "standings": STANDINGS,
                "etag": etag_of(held),
                "count": len(found),
                "first": first,
                "last": first + len(here),
                "before": _at(first - MOST, sought) if first else "",
                "after": _at(first + MOST, sought) if first + MOST < len(found) else "",
                "find": sought,
                "is_part": is_part,
            },
        )

    async def _department(self, visit: Visit) -> Answer:
        name = visit.query.get("name", "")
        department = next((each for each in self._departments.all() if each.name == name), None)
        if department is None:
            raise Unknown(visit.translate(N_("There is no such department.")))
        members = self._departments.members(name)
        here = members[:MOST]
        rows = await self._buddies.look(visit.me, f"department {name}", here) if here else {}
        protocols = {each.address: self._worlds.known(each.address) for each in here}
        return Shown(
            "department",
            {
                "department": department,
                "contacts": list(of_department(name, here, rows, protocols)),
                "standings": STANDINGS,
                "most": MOST,
            },
        )

    # Adding

    async def _found(self, visit: Visit) -> Answer:
        return await self._adding(visit, visit.query.get("contact", "").strip())

    async def _adding(
        self, visit: Visit, written: str, *, fault: str = "", filled: dict[str, str] | None = None
    ) -> Answer:
        """The second step: who was found, and how to call him."""
        held = self._book.held(visit.me)
        groups = groups_of(held)
        world: World | None = None
        address = uri = ""
        there: list[tuple[Group, Contact]] = []
        if written and not fault:
            try:
                uri = self._meanings.uri(written)
                meant = self._meanings.address(uri)
                if meant == visit.me:
                    raise BadInput(visit.translate(N_("This is your own address.")))
                world = None if meant is None else await self._worlds.of(visit, meant)
                address = "" if meant is None else str(meant)
                there = contacts(groups, self._meanings.means(uri))
            except (BadInput, Refused, Problem) as error:
                fault = str(error)
        default = default_group(groups)
        return Shown(
            "contact_add",
            {
                "written": written,
                "fault": fault,
                "uri": uri,
                "address": address,
                "world": world,
                "there": [group_title(group) for group, _ in there],
                "is_there": bool(there),
                "groups": _choices(groups),
                "default": "" if default is None else default.id,
                "etag": etag_of(held),
                "filled": filled or {},
            },
            status=422 if fault else 200,
        )

    async def _add(self, visit: Visit) -> Answer:
        form = visit.form
        written = form.text("contact", most=URI_LIMIT)
        name, group = form.text("name", most=NAME_LIMIT), form.text("group", most=URI_LIMIT)
        new = form.text("new", most=NAME_LIMIT)
        uri = ""

        def change(groups: Groups) -> Groups:
            means = self._meanings.means(uri)
            if contacts(groups, means):
                raise Taken(visit.translate(N_("%(who)s is a contact of yours already."), who=written))
            wanted = [new or group] if new or group else None
            return with_contact(
                groups, Contact(uri=uri, name=" ".join(name.split())), means, wanted, named=True
            )

        try:
            uri = self._meanings.uri(written)
            if self._meanings.address(uri) == visit.me:
                raise BadInput(visit.translate(N_("This is your own address.")))
        except (BadInput, Problem) as error:
            return await self._adding(visit, written, fault=str(error))
        told = visit.translate(N_("%(who)s is a contact of yours now."), who=name or written)
        return await self._edit(visit, change, f"add the contact {uri[:100]}", told)

    # One contact

    async def _contact(self, visit: Visit) -> Answer:
        uri = visit.query.get("uri", "")
        held = self._book.held(visit.me)
        groups = groups_of(held)
        here = contacts(groups, self._meanings.means(uri))
        if not here:
            raise Unknown(visit.translate(N_("There is no such contact in your list.")))
        first = here[0][1]
        address = self._meanings.address(first.uri)
        return Shown(
            "contact",
            {
                "contact": first,
                "address": "" if address is None else str(address),
                "world": None if address is None else self._worlds.known(address),
                "groups": _choices(groups),
                "within": {group.id for group, _ in here},
                "etag": etag_of(held),
            },
        )

    async def _change(self, visit: Visit) -> Answer:
        form = visit.form
        uri, name = form.text("contact", most=URI_LIMIT), " ".join(form.text("name", most=NAME_LIMIT).split())
        new = form.text("new", most=NAME_LIMIT)
        wanted = [*form.all("group", most=URI_LIMIT), *([new] if new else [])]
        means = self._meanings.means(uri)

        def change(groups: Groups) -> Groups:
            if not contacts(groups, means):
                raise Unknown(visit.translate(N_("There is no such contact in your list.")))
            if not wanted:
                raise BadInput(visit.translate(N_("A contact is in one group at least.")))
            return with_contact(groups, Contact(uri=uri, name=name), means, wanted, named=True)

        back = f"{PATH}/contact?{urlencode({'uri': uri})}"
        told = visit.translate(N_("%(who)s was changed."), who=name or uri)
        return await self._edit(visit, change, f"change the contact {uri[:100]}", told, back=back)

    async def _remove(self, visit: Visit) -> Answer:
        uri = visit.form.text("contact", most=URI_LIMIT)
        means = self._meanings.means(uri)

        def change(groups: Groups) -> Groups:
            if not contacts(groups, means):
                raise Unknown(visit.translate(N_("There is no such contact in your list.")))
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

    async def _group(self, visit: Visit) -> Answer:
        held = self._book.held(visit.me)
        groups = groups_of(held)
        group = known(groups, visit.query.get("id", ""))
        within = inside(groups, group)
        around = group.path[:-1]
        return Shown(
            "group",
            {
                "group": group,
                "title": group_title(group),
                "parents": [
                    (id_, called)
                    for id_, called in _choices(groups)
                    if id_ not in {each.id for each in (group, *within)}
                ],
                "parent": next((each.id for each in groups if each.path == around), ""),
                "lost": len(group.contacts) + sum(len(each.contacts) for each in within),
                "inner": len(within),
                "etag": etag_of(held),
            },
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
        conditions = Conditions(match=frozenset((etag,))) if etag else Conditions(none_match=ANY)
        try:
            await self._book.edit(visit.me, change, conditions)
            self._audit.record(who=visit.who, by="page", what=what, about=str(visit.me), peer=visit.peer)
            await self._committed()
        except PreconditionFailed:
            return Moved(back, visit.translate(CHANGED), bad=True)
        except (BadInput, Refused, StorageFailed, Problem) as error:
            return Moved(back, str(error), bad=True)
        return Moved(PATH, told)


def _group_name(visit: Visit) -> str:
    name = " ".join(visit.form.text("name", most=NAME_LIMIT).split())
    if not name:
        raise BadInput(visit.translate(N_("A group needs a name.")))
    return name


def _choices(groups: Groups) -> list[tuple[str, str]]:
    """Groups to choose from: id, and the names of the groups around it and its own."""
    titles: dict[tuple[str, ...], str] = {}
    found = []
    for group in groups:
        around = titles.get(group.path[:-1], "")
        called = group_title(group)
        titles[group.path] = f"{around} / {called}" if around and called else called or around
        found.append((group.id, titles[group.path]))
    return found


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 8 else 0


def _at(first: int, sought: str) -> str:
    query = {"from": max(0, first), **({"find": sought} if sought else {})}
    return f"{PATH}?{urlencode(query)}"
