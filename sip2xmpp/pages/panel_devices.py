"""What phones and clients keep at the gateway, for operators: registrations, publications and dialogs, and ending one of them.

Of a publication only its kind and size are shown: what it says is its owner's affair.
"""

from typing import Final

from sip2xmpp.pages.answers import Answer, Moved
from sip2xmpp.pages.languages import N_
from sip2xmpp.pages.panel_desk import Desk, Question, address_in, asked, shown
from sip2xmpp.pages.roles import Role
from sip2xmpp.pages.routes import Page
from sip2xmpp.pages.sheets import sheet, wanted
from sip2xmpp.pages.visit import Visit
from sip2xmpp.portal.operating_dialogs import NOTIFIER, SUBSCRIBER, DialogRow, DialogRows
from sip2xmpp.portal.operating_publications import PublicationRows
from sip2xmpp.portal.operating_registrations import RegistrationRows
from sip2xmpp.portal.rows import NoSuchRow

REGISTRATIONS: Final = "/panel/registrations"
PUBLICATIONS: Final = "/panel/publications"
DIALOGS: Final = "/panel/dialogs"
ROLES: Final = {
    NOTIFIER: N_("watches here"),
    SUBSCRIBER: N_("we watch elsewhere"),
    "phone-presence": N_("we ask a phone for presence"),
    "phone-dialog": N_("we ask a phone for calls"),
    "line-phone": N_("we ask a phone of a line"),
    "registrar-follower": N_("we follow a registrar"),
}
"""What a dialog is for, by the role of ours."""


class DevicePages:
    """The pages."""

    def __init__(
        self,
        desk: Desk,
        *,
        registrations: RegistrationRows,
        publications: PublicationRows,
        dialogs: DialogRows,
    ) -> None:
        self._desk = desk
        self._registrations = registrations
        self._publications = publications
        self._dialogs = dialogs

    def pages(self) -> list[Page]:
        """The rows of the table of pages."""
        rows = []
        for path, name, label, everything, ask, do in (
            (
                REGISTRATIONS,
                "panel-registrations",
                N_("Registrations"),
                self._all_registrations,
                self._ask_end_registration,
                self._end_registration,
            ),
            (
                PUBLICATIONS,
                "panel-publications",
                N_("Publications"),
                self._all_publications,
                self._ask_remove_publication,
                self._remove_publication,
            ),
            (
                DIALOGS,
                "panel-dialogs",
                N_("Dialogs"),
                self._all_dialogs,
                self._ask_end_dialog,
                self._end_dialog,
            ),
        ):
            rows += [
                Page(method="GET", path=path, serve=everything, name=name, role=Role.VIEWER, label=label),
                Page(method="GET", path=f"{path}/end", serve=ask, name=f"{name}-ask", role=Role.OPERATOR),
                Page(method="POST", path=f"{path}/end", serve=do, name=f"{name}-end", role=Role.OPERATOR),
            ]
        return rows

    # Registrations

    async def _all_registrations(self, visit: Visit) -> Answer:
        rows = await self._registrations.found(wanted(visit.query))
        return shown(visit, "registrations", sheet=sheet(rows, path=REGISTRATIONS, query=visit.query))

    async def _ask_end_registration(self, visit: Visit) -> Answer:
        address = address_in(visit.query.get("address", ""))
        contact = visit.query.get("contact", "")
        return asked(
            visit,
            Question(
                title=visit.translate("End this registration of %(address)s?", address=address),
                facts=[
                    visit.translate("Contact: %(contact)s", contact=contact),
                    visit.translate("The phone is told, if it listens, and may register again at once."),
                ],
                yes=visit.translate("End the registration"),
                to=f"{REGISTRATIONS}/end",
                back=REGISTRATIONS,
                fields={"address": str(address), "contact": contact},
            ),
        )

    async def _end_registration(self, visit: Visit) -> Answer:
        address = address_in(visit.form.text("address"))
        contact = visit.form.text("contact", most=4_000)
        return await self._desk.does(
            visit,
            self._registrations.end(address, contact),
            about=address,
            to=REGISTRATIONS,
            told=visit.translate("The registration of %(address)s is ended.", address=address),
        )

    # Publications

    async def _all_publications(self, visit: Visit) -> Answer:
        rows = await self._publications.found(wanted(visit.query))
        return shown(visit, "publications", sheet=sheet(rows, path=PUBLICATIONS, query=visit.query))

    async def _ask_remove_publication(self, visit: Visit) -> Answer:
        address = address_in(visit.query.get("address", ""))
        return asked(
            visit,
            Question(
                title=visit.translate("Remove this publication of %(address)s?", address=address),
                facts=[
                    visit.translate("Watchers see at once what is left of this user's presence."),
                    visit.translate("The phone learns of it when it refreshes, and publishes anew."),
                ],
                yes=visit.translate("Remove the publication"),
                to=f"{PUBLICATIONS}/end",
                back=PUBLICATIONS,
                fields={"address": str(address), "id": visit.query.get("id", "")},
            ),
        )

    async def _remove_publication(self, visit: Visit) -> Answer:
        address = address_in(visit.form.text("address"))
        return await self._desk.does(
            visit,
            self._publications.remove(address, visit.form.text("id")),
            about=address,
            to=PUBLICATIONS,
            told=visit.translate("The publication of %(address)s is removed.", address=address),
        )

    # Dialogs

    async def _all_dialogs(self, visit: Visit) -> Answer:
        role = visit.query.get("role", "")
        rows = await self._dialogs.found(wanted(visit.query), role=role if role in ROLES else "")
        return shown(
            visit,
            "dialogs",
            sheet=sheet(rows, path=DIALOGS, query=visit.query, keeps=("role",)),
            roles=ROLES,
            role=role,
            endable=(NOTIFIER, SUBSCRIBER),
        )

    async def _ask_end_dialog(self, visit: Visit) -> Answer:
        row = self._row(visit.query.get("id", ""))
        if row is None:
            return _gone(visit)
        return asked(
            visit,
            Question(
                title=visit.translate(
                    "End the subscription of %(watcher)s to %(presentity)s?",
                    watcher=row.watcher,
                    presentity=row.presentity,
                ),
                facts=[
                    visit.translate("The watcher is told that it ends, and may subscribe again at once."),
                    visit.translate("To keep somebody from watching, block him instead."),
                ],
                yes=visit.translate("End the subscription"),
                to=f"{DIALOGS}/end",
                back=DIALOGS,
                fields={"id": row.id},
            ),
        )

    async def _end_dialog(self, visit: Visit) -> Answer:
        row = self._row(visit.form.text("id"))
        if row is None:
            return _gone(visit)
        return await self._desk.does(
            visit,
            self._dialogs.end(row.id),
            about=row.presentity,
            to=DIALOGS,
            told=visit.translate("The subscription of %(watcher)s is ended.", watcher=row.watcher),
        )

    def _row(self, name: str) -> DialogRow | None:
        try:
            return self._dialogs.one(name)
        except NoSuchRow:
            return None


def _gone(visit: Visit) -> Answer:
    return Moved(DIALOGS, visit.translate("This dialog has ended already."), bad=True)
