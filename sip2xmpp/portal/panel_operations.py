"""The operations that show how the gateway stands and what it holds, and end what is held: ``/api/v1/operator``."""

from typing import Final

from sip2xmpp.errors import TooMany
from sip2xmpp.portal.operating_authorizations import AuthorizationRow, AuthorizationRows
from sip2xmpp.portal.operating_dialogs import DialogRow, DialogRows
from sip2xmpp.portal.operating_domains import DomainKind, DomainRow, LegsRow, Overview, Snapshot
from sip2xmpp.portal.operating_lists import ListRow, ListRows, MemberRow
from sip2xmpp.portal.operating_lookup import LOOKUP_SECONDS, REPORT_SCHEMA, LookUps, report_told
from sip2xmpp.portal.operating_pending import PendingRow, PendingRows
from sip2xmpp.portal.operating_publications import PublicationRow, PublicationRows
from sip2xmpp.portal.operating_registrations import RegistrationRow, RegistrationRows
from sip2xmpp.portal.operations import Answer, Call, Operation
from sip2xmpp.portal.problems import Problem
from sip2xmpp.portal.rows import QUERY, all_told, rows_schema, schema_of, told, wanted
from sip2xmpp.portal.shapes import Member, choice, words
from sip2xmpp.portal.tokens import Right
from sip2xmpp.portal.user_operations import FORBID, PACKAGE
from sip2xmpp.presence.directory import Leg
from sip2xmpp.store.records import Kind, Side

_ROOT: Final = "/api/v1/operator"
_ROLE: Final = Member(shape=words(str, most=40), about="`notifier`, `subscriber` or another role.")
_STATE: Final = Member(shape=choice({each.value: each for each in Kind}), about="Only in this state.")
_SIDE: Final = Member(
    shape=choice({each.value: each for each in Side}), about="Which side is the Jabber user."
)
_KIND: Final = Member(shape=choice({each.value: each for each in DomainKind}), about="Only of this kind.")
_FROM: Final = Member(
    shape=choice({each.value: each for each in (Leg.SIP, Leg.XMPP)}),
    about="Whose user asks, which decides for a domain that speaks both.",
    default=Leg.SIP.value,
)


class PanelOperations:
    """The operations."""

    def __init__(
        self,
        *,
        overview: Overview,
        registrations: RegistrationRows,
        publications: PublicationRows,
        dialogs: DialogRows,
        authorizations: AuthorizationRows,
        pending: PendingRows,
        lists: ListRows,
        lookups: LookUps,
    ) -> None:
        self._overview = overview
        self._registrations = registrations
        self._publications = publications
        self._dialogs = dialogs
        self._authorizations = authorizations
        self._pending = pending
        self._lists = lists
        self._lookups = lookups

    def operations(self) -> list[Operation]:
        """The rows of the table."""
        return [*self._of_the_gateway(), *self._of_devices(), *self._of_watchers(), *self._of_lists()]

    def _of_the_gateway(self) -> list[Operation]:
        return [
            Operation(
                method="GET",
                path=f"{_ROOT}/domains",
                name="listDomains",
                summary="Domains, and which leg serves each",
                about="Ours, names of the component, those that the configuration overrides, and what is remembered from DNS.",
                right=Right.OBSERVE,
                serve=self._domains,
                query={**QUERY, "kind": _KIND},
                answer=rows_schema(DomainRow),
            ),
            Operation(
                method="GET",
                path=f"{_ROOT}/lookups/{{domain}}",
                name="lookUpDomain",
                summary="Which leg serves a domain, and why",
                about="What is remembered is told as it is; otherwise DNS is asked.",
                right=Right.OBSERVE,
                serve=self._look_up,
                query={"from": _FROM},
                answer=REPORT_SCHEMA,
                refuses={422: "It is no domain."},
            ),
            Operation(
                method="GET",
                path=f"{_ROOT}/legs",
                name="readLegs",
                summary="How each leg is, and where requests are received",
                about="As `/health` tells it, with listeners and when their certificates end.",
                right=Right.OBSERVE,
                serve=self._legs,
                answer=schema_of(LegsRow),
            ),
            Operation(
                method="GET",
                path=f"{_ROOT}/counters",
                name="readCounters",
                summary="Everything that is counted, now",
                about="What only grows begins at zero when the gateway starts.",
                right=Right.OBSERVE,
                serve=self._counters,
                answer=schema_of(Snapshot),
            ),
        ]

    def _of_devices(self) -> list[Operation]:
        return [
            Operation(
                method="GET",
                path=f"{_ROOT}/registrations",
                name="listRegistrations",
                summary="Who is registered where",
                about="By address.",
                right=Right.OBSERVE,
                serve=self._list_registrations,
                query=QUERY,
                answer=rows_schema(RegistrationRow),
            ),
            Operation(
                method="GET",
                path=f"{_ROOT}/publications",
                name="listPublications",
                summary="What devices have published",
                about="By address, without the documents.",
                right=Right.OBSERVE,
                serve=self._list_publications,
                query={**QUERY, "package": PACKAGE},
                answer=rows_schema(PublicationRow),
            ),
        ]

    def _of_watchers(self) -> list[Operation]:
        dialogs, pair = f"{_ROOT}/dialogs", f"{_ROOT}/authorizations/{{watcher_jid}}/{{contact_jid}}"
        return [
            Operation(
                method="GET",
                path=dialogs,
                name="listDialogs",
                summary="Subscriptions by SIP, those that we serve and those that we have",
                about="By who is watched.",
                right=Right.OBSERVE,
                serve=self._list_dialogs,
                query={**QUERY, "role": _ROLE, "package": PACKAGE},
                answer=rows_schema(DialogRow),
            ),
            Operation(
                method="GET",
                path=f"{dialogs}/{{dialog}}",
                name="readDialog",
                summary="One subscription",
                about="As it is now.",
                right=Right.OBSERVE,
                serve=self._read_dialog,
                answer=schema_of(DialogRow),
            ),
            Operation(
                method="DELETE",
                path=f"{dialogs}/{{dialog}}",
                name="endDialog",
                summary="End a subscription politely",
                about="The watcher gets a last NOTIFY; one of ours elsewhere is left.",
                right=Right.OPERATE,
                serve=self._end_dialog,
                query={"forbid": FORBID},
                refuses={409: "It lasts as long as the configuration says."},
            ),
            Operation(
                method="GET",
                path=f"{_ROOT}/authorizations",
                name="listAuthorizations",
                summary="Permissions between SIP and Jabber users",
                about="They are permanent until they are withdrawn.",
                right=Right.OBSERVE,
                serve=self._list_authorizations,
                query={**QUERY, "state": _STATE, "side": _SIDE},
                answer=rows_schema(AuthorizationRow),
            ),
            Operation(
                method="DELETE",
                path=pair,
                name="withdrawAuthorization",
                summary="Withdraw a permission",
                about="The Jabber user is told. To keep a watcher from asking again, block it.",
                right=Right.OPERATE,
                serve=self._withdraw,
                refuses={409: "There is no XMPP leg, so nobody can be told."},
            ),
            Operation(
                method="GET",
                path=f"{_ROOT}/pending",
                name="listPending",
                summary="Who waits for the decision of somebody",
                about="To decide, see `/api/v1/watchers`.",
                right=Right.OBSERVE,
                serve=self._list_pending,
                query=QUERY,
                answer=rows_schema(PendingRow),
            ),
        ]

    def _of_lists(self) -> list[Operation]:
        one = f"{_ROOT}/lists/{{address}}"
        return [
            Operation(
                method="GET",
                path=f"{_ROOT}/lists",
                name="listLists",
                summary="Departments and lists of users that have an address",
                about="With how many members and subscribers.",
                right=Right.OBSERVE,
                serve=self._list_lists,
                query=QUERY,
                answer=rows_schema(ListRow),
            ),
            Operation(
                method="GET",
                path=one,
                name="readList",
                summary="One list",
                about="Without its members.",
                right=Right.OBSERVE,
                serve=self._read_list,
                answer=schema_of(ListRow),
            ),
            Operation(
                method="GET",
                path=f"{one}/members",
                name="listMembers",
                summary="Who is in a list",
                about="Flattened, as subscribers are told of it.",
                right=Right.OBSERVE,
                serve=self._list_members,
                query=QUERY,
                answer=rows_schema(MemberRow),
            ),
        ]

    async def _domains(self, call: Call) -> Answer:
        return Answer(value=all_told(await self._overview.domains(wanted(call), kind=call.query.get("kind"))))

    async def _look_up(self, call: Call) -> Answer:
        try:
            report = await self._lookups.look_up(
                call.names["domain"], call.query.get("from", Leg.SIP), who=call.token.name
            )
        except TooMany as error:
            raise Problem(429, str(error), headers={"Retry-After": str(int(LOOKUP_SECONDS))}) from None
        return Answer(value=report_told(report))

    async def _legs(self, _: Call) -> Answer:
        return Answer(value=told(self._overview.legs()))

    async def _counters(self, _: Call) -> Answer:
        return Answer(value=told(self._overview.snapshot()))

    async def _list_registrations(self, call: Call) -> Answer:
        return Answer(value=all_told(await self._registrations.found(wanted(call))))

    async def _list_publications(self, call: Call) -> Answer:
        package = call.query.get("package", "")
        return Answer(value=all_told(await self._publications.found(wanted(call), package=package)))

    async def _list_dialogs(self, call: Call) -> Answer:
        query = call.query
        found = await self._dialogs.found(
            wanted(call), role=query.get("role", ""), package=query.get("package", "")
        )
        return Answer(value=all_told(found))

    async def _read_dialog(self, call: Call) -> Answer:
        return Answer(value=told(self._dialogs.one(call.names["dialog"])))

    async def _end_dialog(self, call: Call) -> Answer:
        name = call.names["dialog"]
        about = str(self._dialogs.one(name).presentity)
        return Answer(
            done=await self._dialogs.end(name, forbidden=call.query.get("forbid", False)), about=about
        )

    async def _list_authorizations(self, call: Call) -> Answer:
        query = call.query
        found = await self._authorizations.found(
            wanted(call), state=query.get("state"), side=query.get("side")
        )
        return Answer(value=all_told(found))

    async def _withdraw(self, call: Call) -> Answer:
        names = call.names
        row = self._authorizations.one(names["watcher_jid"], names["contact_jid"])
        done = await self._authorizations.withdraw(row.watcher_jid, row.contact_jid)
        return Answer(done=done, about=str(row.contact))

    async def _list_pending(self, call: Call) -> Answer:
        return Answer(value=all_told(await self._pending.found(wanted(call))))

    async def _list_lists(self, call: Call) -> Answer:
        return Answer(value=all_told(await self._lists.found(wanted(call))))

    async def _read_list(self, call: Call) -> Answer:
        return Answer(value=told(await self._lists.one(call.addresses["address"])))

    async def _list_members(self, call: Call) -> Answer:
        return Answer(value=all_told(await self._lists.members(call.addresses["address"], wanted(call))))
