"""Users, for operators and the help desk: all of them, one with everything that is known of it, and the keeping of accounts.

Nothing of what a person says is shown here: of sources and documents only that they are there.  Who keeps users may neither touch
an account with more rights than his own nor lock himself out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from sip2xmpp.address import Address
from sip2xmpp.pages.answers import Answer, Refused
from sip2xmpp.pages.languages import N_
from sip2xmpp.pages.panel_desk import Desk, Question, address_in, asked, path_of, shown
from sip2xmpp.pages.roles import Role
from sip2xmpp.pages.routes import Page
from sip2xmpp.pages.sheets import sheet, wanted
from sip2xmpp.pages.visit import Visit
from sip2xmpp.portal.operating_publications import PublicationRows
from sip2xmpp.portal.operating_registrations import RegistrationRows
from sip2xmpp.portal.operating_users import UserKind, Users
from sip2xmpp.portal.rows import EVERYTHING, NoSuchRow
from sip2xmpp.presence.statements import Statements
from sip2xmpp.presence.watcher_info import WatcherInfo

PATH: Final = "/panel/users"
ONE: Final = "/panel/users/{address}"
ROWS: Final = 200
"""Rows of each table on the page of one user."""
STATUSES: Final = {
    "active": N_("watches now"),
    "pending": N_("watches and waits"),
    "waiting": N_("waits"),
    "absent": N_("does not watch"),
}
HANDLINGS: Final = {
    "allow": N_("is allowed"),
    "block": N_("is blocked"),
    "confirm": N_("waits for a decision"),
    "polite-block": N_("is shown offline"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WatcherLine:
    """One watcher on the page of a user: how it stands, and what was decided about it and when."""

    watcher: Address
    status: str
    handling: str
    since: float | None
    decided_at: float | None


class UserPages:
    """The pages; ``domains`` are ours now."""

    def __init__(
        self,
        desk: Desk,
        users: Users,
        *,
        registrations: RegistrationRows,
        publications: PublicationRows,
        watchers: WatcherInfo,
        statements: Statements,
        domains: Callable[[], Sequence[str]],
    ) -> None:
        self._desk = desk
        self._users = users
        self._registrations = registrations
        self._publications = publications
        self._watchers = watchers
        self._statements = statements
        self._domains = domains

    def pages(self) -> list[Page]:
        """The rows of the table of pages."""
        keep, see = Role.HELPDESK, Role.VIEWER
        return [
            Page(method="GET", path=PATH, serve=self._all, name="panel-users", role=see, label=N_("Users")),
            Page(method="POST", path=PATH, serve=self._add, name="panel-user-add", role=keep),
            Page(method="GET", path=ONE, serve=self._one, name="panel-user", role=see),
            *(
                Page(
                    method=method,
                    path=f"{ONE}/{what}",
                    serve=serve,
                    name=f"panel-user-{what}",
                    role=keep,
                )
                for method, what, serve in (
                    ("POST", "password", self._set_password),
                    ("GET", "disable", self._ask_disable),
                    ("POST", "disable", self._disable),
                    ("POST", "enable", self._enable),
                    ("GET", "remove", self._ask_remove),
                    ("POST", "remove", self._remove),
                    ("GET", "sign-out", self._ask_sign_out),
                    ("POST", "sign-out", self._sign_out),
                )
            ),
        ]

    # What is shown

    async def _all(self, visit: Visit) -> Answer:
        rows = await self._users.found(wanted(visit.query))
        return shown(
            visit,
            "users",
            sheet=sheet(rows, path=PATH, query=visit.query),
            domains=self._domains(),
            typed=visit.query.get("address", ""),
        )

    async def _one(self, visit: Visit) -> Answer:
        address = address_in(visit.places["address"])
        try:
            user = self._users.one(address)
        except NoSuchRow as error:
            return Refused(404, str(error))
        store = self._desk.store
        key = str(address)
        registrations = await self._registrations.found(EVERYTHING, address=address)
        publications = await self._publications.found(EVERYTHING, address=address)
        return shown(
            visit,
            "user",
            user=user,
            is_account=user.kind is UserKind.ACCOUNT,
            is_me=address == visit.user,
            is_above=self._desk.is_above(visit, address),
            registrations=registrations.rows[:ROWS],
            publications=publications.rows[:ROWS],
            statements=self._statements.of(address)[:ROWS],
            watchers=self._watcher_lines(address)[:ROWS],
            statuses=STATUSES,
            handlings=HANDLINGS,
            documents=store.documents.select(key)[:ROWS],
            sessions=sorted(store.sessions.select(key), key=lambda session: -session.seen_at)[:ROWS],
            deeds=self._desk.audit.latest(20, key),
        )

    def _watcher_lines(self, address: Address) -> list[WatcherLine]:
        decided = {each.watcher: each for each in self._desk.store.verdicts.select(str(address))}
        lines = []
        for row in self._watchers.rows(address):
            verdict = decided.pop(row.watcher, None)
            lines.append(
                WatcherLine(
                    watcher=row.watcher,
                    status=row.status.value,
                    handling=row.handling.value,
                    since=row.since,
                    decided_at=None if verdict is None else verdict.decided_at,
                )
            )
        lines += [
            WatcherLine(
                watcher=verdict.watcher,
                status="absent",
                handling=verdict.handling,
                since=None,
                decided_at=verdict.decided_at,
            )
            for verdict in decided.values()
        ]
        return lines

    # What is done

    async def _add(self, visit: Visit) -> Answer:
        form = visit.form
        name = form.text("name", most=400)
        domain = form.text("domain", most=400, default=next(iter(self._domains()), ""))
        address = address_in(name if "@" in name else f"{name}@{domain}")
        if self._desk.is_above(visit, address):
            return self._above(visit)
        return await self._desk.does(
            visit,
            self._users.add(address, form.secret("password")),
            about=address,
            to=path_of("users", address),
            back=PATH,
            told=visit.translate("%(address)s has an account now.", address=address),
        )

    async def _set_password(self, visit: Visit) -> Answer:
        address = address_in(visit.places["address"])
        if self._desk.is_above(visit, address):
            return self._above(visit)
        return await self._desk.does(
            visit,
            self._users.set_password(address, visit.form.secret("password")),
            about=address,
            to=path_of("users", address),
            told=visit.translate("The new password holds now."),
        )

    async def _ask_disable(self, visit: Visit) -> Answer:
        return self._ask(
            visit,
            "disable",
            title=visit.translate("Disable %(address)s?", address=visit.places["address"]),
            facts=[
                visit.translate("Nobody can sign in, register or publish with this account."),
                visit.translate("Watchers see the address as one that does not exist."),
                visit.translate("Everything is kept, and is there again when the account is enabled."),
            ],
            yes=visit.translate("Disable the account"),
        )

    async def _disable(self, visit: Visit) -> Answer:
        return await self._change(
            visit, disabled=True, told=visit.translate("The account is disabled: nobody can use it.")
        )

    async def _enable(self, visit: Visit) -> Answer:
        return await self._change(
            visit, disabled=False, told=visit.translate("The account can be used again.")
        )

    async def _change(self, visit: Visit, *, disabled: bool, told: str) -> Answer:
        address = address_in(visit.places["address"])
        if self._is_barred(visit, address):
            return self._above(visit)
        return await self._desk.does(
            visit,
            self._users.set_disabled(address, disabled),
            about=address,
            to=path_of("users", address),
            told=told,
        )

    async def _ask_remove(self, visit: Visit) -> Answer:
        return self._ask(
            visit,
            "remove",
            title=visit.translate("Remove %(address)s?", address=visit.places["address"]),
            facts=[
                visit.translate(
                    "The account goes, and with it lists, rules, decisions, picture and documents."
                ),
                visit.translate("Its phones are told that they are registered no longer."),
                visit.translate("This cannot be undone; to keep everything, disable the account instead."),
            ],
            yes=visit.translate("Remove for good"),
        )

    async def _remove(self, visit: Visit) -> Answer:
        address = address_in(visit.places["address"])
        if self._is_barred(visit, address):
            return self._above(visit)
        return await self._desk.does(
            visit,
            self._users.remove(address),
            about=address,
            to=PATH,
            told=visit.translate("%(address)s is removed.", address=address),
        )

    async def _ask_sign_out(self, visit: Visit) -> Answer:
        return self._ask(
            visit,
            "sign-out",
            title=visit.translate("Sign %(address)s out?", address=visit.places["address"]),
            facts=[
                visit.translate("Every browser that is signed in with this account has to sign in again.")
            ],
            yes=visit.translate("Sign out everywhere"),
            me_too=True,
        )

    async def _sign_out(self, visit: Visit) -> Answer:
        address = address_in(visit.places["address"])
        if self._desk.is_above(visit, address):
            return self._above(visit)
        return await self._desk.does(
            visit,
            self._users.end_sessions(address),
            about=address,
            to=path_of("users", address),
            told=visit.translate("Every session of this user is over."),
        )

    # Who may not

    def _is_barred(self, visit: Visit, address: Address) -> bool:
        """Whether this is an account that the visitor may not take away from its owner: one with more rights, or his own."""
        return address == visit.user or self._desk.is_above(visit, address)

    def _ask(
        self, visit: Visit, what: str, *, title: str, facts: Sequence[str], yes: str, me_too: bool = False
    ) -> Answer:
        address = address_in(visit.places["address"])
        if self._desk.is_above(visit, address) or (address == visit.user and not me_too):
            return self._above(visit)
        try:
            self._users.one(address)
        except NoSuchRow as error:
            return Refused(404, str(error))
        here = path_of("users", address)
        return asked(
            visit, Question(title=title, facts=facts, yes=yes, to=f"{here}/{what}", back=here, fields={})
        )

    @staticmethod
    def _above(visit: Visit) -> Answer:
        return Refused(
            403, visit.translate("This account has more rights than yours, or is your own: ask an operator.")
        )
