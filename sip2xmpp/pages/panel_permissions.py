"""Who may watch whom, for operators: permissions between SIP and Jabber users, who waits for a decision, and lists.

An operator may decide for an owner, which is written down as every other thing that operators do.
"""

from typing import Final

from sip2xmpp.address import Address
from sip2xmpp.pages.answers import Answer, Moved, Refused
from sip2xmpp.pages.languages import N_
from sip2xmpp.pages.panel_desk import Desk, Question, address_in, asked, path_of, shown
from sip2xmpp.pages.roles import Role
from sip2xmpp.pages.routes import Page
from sip2xmpp.pages.sheets import sheet, wanted
from sip2xmpp.pages.visit import Visit
from sip2xmpp.portal.deciding import Deciding
from sip2xmpp.portal.operating_authorizations import AuthorizationRows
from sip2xmpp.portal.operating_lists import ListRows
from sip2xmpp.portal.operating_pending import PendingRows
from sip2xmpp.portal.rows import NoSuchRow
from sip2xmpp.presence.policy import Handling
from sip2xmpp.store.records import Kind, Side

AUTHORIZATIONS: Final = "/panel/authorizations"
PENDING: Final = "/panel/pending"
LISTS: Final = "/panel/lists"

STATES: Final = {
    Kind.NONE.value: N_("none"),
    Kind.PENDING.value: N_("waits for an answer"),
    Kind.AUTHORIZED.value: N_("may watch"),
    Kind.DENIED.value: N_("was denied"),
}
SIDES: Final = {
    Side.JABBER_WATCHES.value: N_("a Jabber user watches"),
    Side.SIP_WATCHES.value: N_("a SIP user watches"),
}
DECISIONS: Final = {
    Handling.ALLOW.value: N_("Allow"),
    Handling.BLOCK.value: N_("Block"),
    Handling.POLITE_BLOCK.value: N_("Block politely"),
}
"""What may be decided for an owner, with the words on the button."""


class PermissionPages:
    """The pages."""

    def __init__(
        self,
        desk: Desk,
        *,
        authorizations: AuthorizationRows,
        pending: PendingRows,
        deciding: Deciding,
        lists: ListRows,
    ) -> None:
        self._desk = desk
        self._authorizations = authorizations
        self._pending = pending
        self._deciding = deciding
        self._lists = lists

    def pages(self) -> list[Page]:
        """The rows of the table of pages."""
        see, do = Role.VIEWER, Role.OPERATOR
        return [
            Page(
                method="GET",
                path=AUTHORIZATIONS,
                serve=self._all_authorizations,
                name="panel-authorizations",
                role=see,
                label=N_("Permissions"),
            ),
            Page(
                method="GET",
                path=f"{AUTHORIZATIONS}/end",
                serve=self._ask_withdraw,
                name="panel-authorizations-ask",
                role=do,
            ),
            Page(
                method="POST",
                path=f"{AUTHORIZATIONS}/end",
                serve=self._withdraw,
                name="panel-authorizations-end",
                role=do,
            ),
            Page(
                method="GET",
                path=PENDING,
                serve=self._all_pending,
                name="panel-pending",
                role=see,
                label=N_("Waiting"),
            ),
            Page(method="POST", path=PENDING, serve=self._decide, name="panel-decide", role=do),
            Page(
                method="GET",
                path=LISTS,
                serve=self._all_lists,
                name="panel-lists",
                role=see,
                label=N_("Lists"),
            ),
            Page(method="GET", path=f"{LISTS}/{{address}}", serve=self._list, name="panel-list", role=see),
        ]

    # Permissions

    async def _all_authorizations(self, visit: Visit) -> Answer:
        state = next((kind for kind in Kind if kind.value == visit.query.get("state")), None)
        rows = await self._authorizations.found(wanted(visit.query), state=state)
        return shown(
            visit,
            "authorizations",
            sheet=sheet(rows, path=AUTHORIZATIONS, query=visit.query, keeps=("state",)),
            states=STATES,
            sides=SIDES,
            state="" if state is None else state.value,
        )

    async def _ask_withdraw(self, visit: Visit) -> Answer:
        watcher, contact = visit.query.get("watcher", ""), visit.query.get("contact", "")
        return asked(
            visit,
            Question(
                title=visit.translate(
                    "Withdraw the permission of %(watcher)s to watch %(contact)s?",
                    watcher=watcher,
                    contact=contact,
                ),
                facts=[
                    visit.translate("The Jabber user's server is told, and the roster shows it at once."),
                    visit.translate("Who watched may ask again; to keep him from it, block him."),
                ],
                yes=visit.translate("Withdraw the permission"),
                to=f"{AUTHORIZATIONS}/end",
                back=AUTHORIZATIONS,
                fields={"watcher": watcher, "contact": contact},
            ),
        )

    async def _withdraw(self, visit: Visit) -> Answer:
        watcher = visit.form.text("watcher", most=4_000)
        contact = visit.form.text("contact", most=4_000)
        return await self._desk.does(
            visit,
            self._authorizations.withdraw(watcher, contact),
            about=contact,
            to=AUTHORIZATIONS,
            told=visit.translate("The permission is withdrawn."),
        )

    # Who waits

    async def _all_pending(self, visit: Visit) -> Answer:
        rows = await self._pending.found(wanted(visit.query))
        return shown(
            visit, "pending", sheet=sheet(rows, path=PENDING, query=visit.query), decisions=DECISIONS
        )

    async def _decide(self, visit: Visit) -> Answer:
        form = visit.form
        address, watcher = address_in(form.text("address")), address_in(form.text("watcher"))
        handling = form.text("handling")
        if handling not in DECISIONS:
            return Refused(422, visit.translate("This is nothing that can be decided."))
        if watcher not in {note.watcher for note in self._desk.store.waiting.select(str(address))}:
            told = visit.translate("%(watcher)s does not wait any more.", watcher=watcher)
            return Moved(PENDING, told, bad=True)
        return await self._desk.does(
            visit,
            self._decided(address, watcher, Handling(handling)),
            about=address,
            to=PENDING,
            told=visit.translate(
                "It is decided: %(watcher)s is told, and so is %(address)s.", watcher=watcher, address=address
            ),
        )

    async def _decided(self, address: Address, watcher: Address, handling: Handling) -> str:
        await self._deciding.decide(address, watcher, handling)
        return f"{handling.value} {watcher}"

    # Lists

    async def _all_lists(self, visit: Visit) -> Answer:
        rows = await self._lists.found(wanted(visit.query))
        return shown(visit, "lists", sheet=sheet(rows, path=LISTS, query=visit.query))

    async def _list(self, visit: Visit) -> Answer:
        address = address_in(visit.places["address"])
        try:
            row = await self._lists.one(address)
            members = await self._lists.members(address, wanted(visit.query))
        except NoSuchRow as error:
            return Refused(404, str(error))
        here = path_of("lists", address)
        return shown(visit, "list", row=row, sheet=sheet(members, path=here, query=visit.query))
