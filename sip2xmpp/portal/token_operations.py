"""The operations about who may use the API and who did what: ``/api/v1/operator/tokens`` and ``/api/v1/operator/audit``."""

from typing import Any, Final

from sip2xmpp.portal.operating_audit import AuditRows
from sip2xmpp.portal.operating_tokens import (
    LONGEST,
    NAME,
    PATTERNS,
    NewToken,
    TokenRow,
    TokenRows,
    address_pattern,
    making_told,
)
from sip2xmpp.portal.operations import JSON, Answer, Call, Operation
from sip2xmpp.portal.rows import QUERY, all_told, rows_schema, schema_of, told, wanted
from sip2xmpp.portal.shapes import Member, array, choice, from_body, members, whole, words
from sip2xmpp.portal.tokens import Right
from sip2xmpp.store.keeping import Deed

_TOKENS: Final = "/api/v1/operator/tokens"
_RIGHTS: Final = {each.value: each for each in Right}
_NEW: Final = members(
    {
        "name": Member(
            shape=words(str, most=40, pattern=f"^{NAME}$"),
            about="What the audit log calls it.",
            required=True,
        ),
        "addresses": Member(
            shape=array(words(address_pattern, least=3, most=1_000), PATTERNS, least=1),
            about="Addresses, or patterns of them with `*` and `?`; `*@*` is everybody.",
            required=True,
        ),
        "may": Member(
            shape=array(choice(_RIGHTS), len(_RIGHTS), least=1), about="Its rights.", required=True
        ),
        "lifetime": Member(
            shape=whole(1, LONGEST), about="Seconds that it lives; without, until it is revoked."
        ),
    }
)


class TokenOperations:
    """The operations."""

    def __init__(self, tokens: TokenRows, audit: AuditRows) -> None:
        self._tokens = tokens
        self._audit = audit

    def operations(self) -> list[Operation]:
        """The rows of the table."""
        return [
            Operation(
                method="GET",
                path=_TOKENS,
                name="listTokens",
                summary="Tokens of the API",
                about="Those of the configuration and those that were made since; never the secret.",
                right=Right.OBSERVE,
                serve=self._list,
                answer={"type": "array", "items": schema_of(TokenRow)},
            ),
            Operation(
                method="POST",
                path=_TOKENS,
                name="makeToken",
                summary="Make a token",
                about="`secret` is what a program sends, and is shown here and never again.",
                right=Right.OPERATE,
                serve=self._make,
                bodies={JSON: _NEW.schema},
                answer=schema_of(NewToken),
                creates=True,
                refuses={409: "There is a token of this name already, or no room for one more."},
            ),
            Operation(
                method="DELETE",
                path=f"{_TOKENS}/{{token}}",
                name="revokeToken",
                summary="Revoke a token",
                about="It is not known any more at once.",
                right=Right.OPERATE,
                serve=self._revoke,
                refuses={409: "It is in the configuration."},
            ),
            Operation(
                method="GET",
                path="/api/v1/operator/audit",
                name="readAudit",
                summary="Who did what",
                about="The newest first. What is kept goes back a year, or ten thousand lines.",
                right=Right.OBSERVE,
                serve=self._read_audit,
                query={
                    **QUERY,
                    "about": Member(shape=words(str, most=300), about="Only what concerns this address."),
                    "who": Member(
                        shape=words(str, most=300), about="Only what this one did, as it is listed."
                    ),
                },
                answer=rows_schema(Deed),
            ),
        ]

    async def _list(self, _: Call) -> Answer:
        return Answer(value=told(self._tokens.all()))

    async def _make(self, call: Call) -> Answer:
        said: dict[str, Any] = from_body(call.body, _NEW)
        made = await self._tokens.make(
            said["name"],
            addresses=said["addresses"],
            may=said["may"],
            lifetime=said.get("lifetime"),
            made_by=f"token {call.token.name}",
        )
        location = f"{_TOKENS}/{made.token.name}"
        return Answer(value=told(made), done=making_told(made.token), created=True, location=location)

    async def _revoke(self, call: Call) -> Answer:
        return Answer(done=await self._tokens.revoke(call.names["token"]))

    async def _read_audit(self, call: Call) -> Answer:
        query = call.query
        found = await self._audit.found(wanted(call), about=query.get("about", ""), who=query.get("who", ""))
        return Answer(value=all_told(found))
