"""The page ``/my/contacts``: whom I watch, group by group, with the state of each, and the pages on which that is changed.

The list is the document that SIP clients keep by XCAP, so what is done here is there at once, and the other way round; the forms
are those of ``pages.contact_forms``.  The state of a contact is asked for in the user's own name; see ``pages.buddies``.
"""

from typing import Final
from urllib.parse import urlencode

from sip2xmpp.errors import BadInput, Refused
from sip2xmpp.pages import answers
from sip2xmpp.pages.answers import Answer, Shown
from sip2xmpp.pages.buddies import Buddies
from sip2xmpp.pages.contact_forms import PATH
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
from sip2xmpp.pages.faults import Said, fault_told
from sip2xmpp.pages.languages import N_
from sip2xmpp.pages.routes import Page, Serve
from sip2xmpp.pages.visit import Visit
from sip2xmpp.pages.worlds import World, Worlds
from sip2xmpp.portal.contact_book import ContactBook, etag_of, groups_of
from sip2xmpp.portal.meanings import Meanings
from sip2xmpp.portal.problems import Problem
from sip2xmpp.xcap.contact_list import (
    Contact,
    Group,
    Groups,
    Unknown,
    contacts,
    default_group,
    inside,
    known,
)

MOST: Final = 500
"""Contacts on one page: each is watched while the page is open."""


class ContactPages:
    """The pages that show it."""

    def __init__(
        self,
        *,
        book: ContactBook,
        buddies: Buddies,
        departments: Departments,
        meanings: Meanings,
        worlds: Worlds,
    ) -> None:
        self._book = book
        self._buddies = buddies
        self._departments = departments
        self._meanings = meanings
        self._worlds = worlds

    def pages(self) -> list[Page]:
        """The rows of the table."""
        return [
            Page(method="GET", path=PATH, serve=_told(self._show), name="contacts", label=N_("Contacts")),
            Page(method="GET", path=f"{PATH}/add", serve=_told(self._found), name="find-contact"),
            Page(method="GET", path=f"{PATH}/contact", serve=_told(self._contact), name="contact"),
            Page(method="GET", path=f"{PATH}/group", serve=_told(self._group), name="group"),
            Page(method="GET", path=f"{PATH}/department", serve=_told(self._department), name="department"),
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
        rows = await self._buddies.look(visit.me, "contacts", members) if members else {}
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
            raise Said(visit.translate(N_("There is no such department.")))
        members = self._departments.members(name)
        here = members[:MOST]
        rows = await self._buddies.look(visit.me, "department", here, name) if here else {}
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
        """The second step: who was found, and how to call him."""
        written, fault = visit.query.get("contact", "").strip(), ""
        held = self._book.held(visit.me)
        groups = groups_of(held)
        world: World | None = None
        address = uri = ""
        there: list[tuple[Group, Contact]] = []
        if written:
            try:
                uri = self._meanings.uri(written)
                meant = self._meanings.address(uri)
                if meant == visit.me:
                    raise Said(visit.translate(N_("This is your own address.")))
                world = None if meant is None else await self._worlds.of(visit, meant)
                address = "" if meant is None else str(meant)
                there = contacts(groups, self._meanings.means(uri))
            except (BadInput, Refused, Problem) as error:
                uri, fault = "", fault_told(visit, error)
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
            },
            status=422 if fault else 200,
        )

    # One contact

    async def _contact(self, visit: Visit) -> Answer:
        uri = visit.query.get("uri", "")
        held = self._book.held(visit.me)
        groups = groups_of(held)
        here = contacts(groups, self._meanings.means(uri))
        if not here:
            raise Said(visit.translate(N_("There is no such contact in your list.")))
        first = here[0][1]
        address = self._meanings.address(first.uri)
        members = members_of([(first.uri, address)])
        rows = await self._buddies.look(visit.me, "contact", members, str(address)) if members else {}
        look, standing = (
            (None, "none")
            if address is None
            else standing_of((rows or {}).get(address), is_watched=rows is not None)
        )
        return Shown(
            "contact",
            {
                "contact": first,
                "look": look,
                "standing": STANDINGS.get(standing, ""),
                "address": "" if address is None else str(address),
                "world": None if address is None else self._worlds.known(address),
                "groups": _choices(groups),
                "within": {group.id for group, _ in here},
                "etag": etag_of(held),
            },
        )

    # Groups

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


def _told(serve: Serve) -> Serve:
    """A page that says what cannot be found or read."""

    async def served(visit: Visit) -> Answer:
        try:
            return await serve(visit)
        except (Said, Unknown) as error:
            return answers.Refused(404, fault_told(visit, error))
        except Problem as problem:
            return answers.Refused(problem.status, visit.translate(N_("Your list cannot be read.")))

    return served


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
