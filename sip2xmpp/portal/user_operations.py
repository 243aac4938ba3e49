"""The operations about users of ours, and what their devices have with us: ``/api/v1/users``."""

from typing import Any, Final
from urllib.parse import quote

from sip2xmpp.address import Address
from sip2xmpp.portal.operating_publications import PublicationRow, PublicationRows, WholePublication
from sip2xmpp.portal.operating_registrations import RegistrationRow, RegistrationRows
from sip2xmpp.portal.operating_users import LONGEST_PASSWORD, UserRow, Users, checked
from sip2xmpp.portal.operations import JSON, NAME_LIMIT, Answer, Call, Operation
from sip2xmpp.portal.rows import QUERY, all_told, rows_schema, schema_of, told, wanted
from sip2xmpp.portal.shapes import Member, from_body, members, switch, words
from sip2xmpp.portal.tokens import Right

FORBID: Final = Member(
    shape=switch(), about="Whoever it was is told not to come back; otherwise it may at once.", default=False
)
PACKAGE: Final = Member(shape=words(str, most=100), about="Only of this event package.")
_PASSWORD: Final = Member(
    shape=words(checked, most=LONGEST_PASSWORD),
    about="Printable characters; only hashes of it are kept.",
    required=True,
)
_ADDRESS: Final = Member(
    shape=words(Address.parse, least=3, most=1_000), about="An address in a domain of ours.", required=True
)
_NEW: Final = members({"address": _ADDRESS, "password": _PASSWORD})
_SECRET: Final = members({"password": _PASSWORD})
_DISABLED: Final = members(
    {"disabled": Member(shape=switch(), about="Whether nobody may use the account.", required=True)}
)
_NO_ACCOUNT: Final = {404: "No address of a domain of ours, or it has no account."}


class UserOperations:
    """The operations."""

    def __init__(self, users: Users, registrations: RegistrationRows, publications: PublicationRows) -> None:
        self._users = users
        self._registrations = registrations
        self._publications = publications

    def operations(self) -> list[Operation]:
        """The rows of the table."""
        return [*self._of_accounts(), *self._of_devices()]

    def _of_accounts(self) -> list[Operation]:
        one = "/api/v1/users/{address}"
        return [
            Operation(
                method="GET",
                path="/api/v1/users",
                name="listUsers",
                summary="Our users, by domain and name",
                about="Those with an account, and addresses that are known because something was stated about them.",
                right=Right.OBSERVE,
                serve=self._list,
                query={
                    **QUERY,
                    "domain": Member(shape=words(str, most=300), about="Only users of this domain."),
                },
                answer=rows_schema(UserRow),
            ),
            Operation(
                method="POST",
                path="/api/v1/users",
                name="addUser",
                summary="Add an account",
                about="Its devices may register at once.",
                right=Right.OPERATE,
                serve=self._add,
                bodies={JSON: _NEW.schema},
                answer=schema_of(UserRow),
                creates=True,
                refuses={409: "There is such an account already."},
            ),
            Operation(
                method="GET",
                path=one,
                name="readUser",
                summary="One user",
                about="`state` is how the user is now, as those see it who may see all.",
                right=Right.OBSERVE,
                serve=self._read,
                answer=schema_of(UserRow),
            ),
            Operation(
                method="DELETE",
                path=one,
                name="removeUser",
                summary="Remove a user with all that is kept of him",
                about="Also his registrations, publications, lists, rules and pictures, what contacts permitted him, and tokens that name him: "
                "the next owner of the address starts with nothing.",
                right=Right.OPERATE,
                serve=self._remove,
            ),
            Operation(
                method="PUT",
                path=f"{one}/password",
                name="setPassword",
                summary="Set another password",
                about="The user is signed out of the pages. For somebody with a role it needs a token for all addresses, `*@*`.",
                right=Right.OPERATE,
                serve=self._set_password,
                bodies={JSON: _SECRET.schema},
                refuses=_NO_ACCOUNT,
            ),
            Operation(
                method="PUT",
                path=f"{one}/disabled",
                name="disableUser",
                summary="Let nobody use an account, or let it be used again",
                about="What is kept of the user stays.",
                right=Right.OPERATE,
                serve=self._disable,
                bodies={JSON: _DISABLED.schema},
                answer=schema_of(UserRow),
                refuses=_NO_ACCOUNT,
            ),
            Operation(
                method="DELETE",
                path=f"{one}/sessions",
                name="endSessions",
                summary="Sign a user out of the pages everywhere",
                about="The password stays as it is.",
                right=Right.OPERATE,
                serve=self._end_sessions,
            ),
        ]

    def _of_devices(self) -> list[Operation]:
        registrations = "/api/v1/users/{address}/registrations"
        publications = "/api/v1/users/{address}/publications"
        contact = Member(shape=words(str, most=NAME_LIMIT), about="Only this contact, as it is listed.")
        return [
            Operation(
                method="GET",
                path=registrations,
                name="readRegistrations",
                summary="Where a user is registered",
                about="One row for each contact.",
                right=Right.OBSERVE,
                serve=self._read_registrations,
                query=QUERY,
                answer=rows_schema(RegistrationRow),
            ),
            Operation(
                method="DELETE",
                path=registrations,
                name="endRegistrations",
                summary="End the registrations of a user, or one of them",
                about="Devices that watch their registration are told.",
                right=Right.OPERATE,
                serve=self._end_registrations,
                query={"contact": contact, "forbid": FORBID},
            ),
            Operation(
                method="GET",
                path=publications,
                name="readPublications",
                summary="What the devices of a user have published",
                about="Without the documents.",
                right=Right.OBSERVE,
                serve=self._read_publications,
                query={**QUERY, "package": PACKAGE},
                answer=rows_schema(PublicationRow),
            ),
            Operation(
                method="GET",
                path=f"{publications}/{{publication}}",
                name="readPublication",
                summary="A publication with its document",
                about="The document is as the device wrote it; what people say is not for everybody who may look at the gateway.",
                right=Right.OPERATE,
                serve=self._read_publication,
                answer=schema_of(WholePublication),
            ),
            Operation(
                method="DELETE",
                path=f"{publications}/{{publication}}",
                name="removePublication",
                summary="Remove a publication",
                about="The device learns of it when it refreshes, and may publish again.",
                right=Right.OPERATE,
                serve=self._remove_publication,
            ),
        ]

    async def _list(self, call: Call) -> Answer:
        return Answer(
            value=all_told(await self._users.found(wanted(call), domain=call.query.get("domain", "")))
        )

    async def _add(self, call: Call) -> Answer:
        said: dict[str, Any] = from_body(call.body, _NEW)
        address: Address = said["address"]
        done = await self._users.add(address, said["password"])
        return Answer(
            value=told(self._users.one(address)),
            done=done,
            about=str(address),
            created=True,
            location=f"/api/v1/users/{quote(str(address), safe='@')}",
        )

    async def _read(self, call: Call) -> Answer:
        return Answer(value=told(self._users.one(call.addresses["address"])))

    async def _remove(self, call: Call) -> Answer:
        return Answer(done=await self._users.remove(self._within(call)))

    async def _set_password(self, call: Call) -> Answer:
        password: str = from_body(call.body, _SECRET)["password"]
        return Answer(done=await self._users.set_password(self._within(call), password))

    async def _disable(self, call: Call) -> Answer:
        address = self._within(call)
        done = await self._users.set_disabled(address, from_body(call.body, _DISABLED)["disabled"])
        return Answer(value=told(self._users.one(address)), done=done)

    async def _end_sessions(self, call: Call) -> Answer:
        return Answer(done=await self._users.end_sessions(self._within(call)))

    def _within(self, call: Call) -> Address:
        """The address, if the token may have its account: who sets an operator's password can do what an operator can."""
        address = call.addresses["address"]
        if self._users.role_of(address):
            call.token.check_everywhere(Right.OPERATE)
        return address

    async def _read_registrations(self, call: Call) -> Answer:
        found = await self._registrations.found(wanted(call), address=call.addresses["address"])
        return Answer(value=all_told(found))

    async def _end_registrations(self, call: Call) -> Answer:
        query = call.query
        done = await self._registrations.end(
            call.addresses["address"], query.get("contact", ""), forbidden=query.get("forbid", False)
        )
        return Answer(done=done)

    async def _read_publications(self, call: Call) -> Answer:
        found = await self._publications.found(
            wanted(call), address=call.addresses["address"], package=call.query.get("package", "")
        )
        return Answer(value=all_told(found))

    async def _read_publication(self, call: Call) -> Answer:
        return Answer(
            value=told(self._publications.one(call.addresses["address"], call.names["publication"]))
        )

    async def _remove_publication(self, call: Call) -> Answer:
        address, name = call.addresses["address"], call.names["publication"]
        return Answer(done=await self._publications.remove(address, name))
