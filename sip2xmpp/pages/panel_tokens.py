"""Tokens of the API, for operators: those there are, making one, revoking one.

A new token is shown once, on the page that answers its making, and never again: only its digest is kept.  Because that page
must not be made again by reloading, the secret waits for it under the operator's session, for a minute.
"""

from collections import OrderedDict
from typing import Final

from twisted.internet.interfaces import IReactorTime

from sip2xmpp.errors import BadInput
from sip2xmpp.pages.answers import Answer
from sip2xmpp.pages.languages import N_
from sip2xmpp.pages.panel_desk import Desk, Question, asked, path_of, shown
from sip2xmpp.pages.roles import Role
from sip2xmpp.pages.routes import Page
from sip2xmpp.pages.visit import Visit
from sip2xmpp.portal.operating_tokens import NewToken, TokenRows, making_told
from sip2xmpp.portal.tokens import Right

PATH: Final = "/panel/tokens"
WAITS: Final = 60.0
"""Seconds that a new token waits for being shown."""

WAITING: Final = 50
"""New tokens that wait at a time."""

RIGHTS: Final = {
    Right.PUBLISH: N_("state presence of these addresses"),
    Right.READ: N_("read their presence and contacts"),
    Right.DECIDE: N_("decide who watches them"),
    Right.DOCUMENTS: N_("write their lists and documents"),
    Right.OBSERVE: N_("see what operators see (needs *@*)"),
    Right.OPERATE: N_("do what operators do (needs *@*)"),
}
LIFETIMES: Final = {
    "": N_("until it is revoked"),
    "86400": N_("one day"),
    "604800": N_("one week"),
    "2592000": N_("30 days"),
    "31536000": N_("one year"),
}


class TokenPages:
    """The pages."""

    def __init__(self, desk: Desk, tokens: TokenRows, clock: IReactorTime) -> None:
        self._desk = desk
        self._tokens = tokens
        self._clock = clock
        self._new: OrderedDict[str, tuple[float, NewToken]] = OrderedDict()

    def pages(self) -> list[Page]:
        """The rows of the table of pages."""
        return [
            Page(
                method="GET",
                path=PATH,
                serve=self._all,
                name="panel-tokens",
                role=Role.VIEWER,
                label=N_("Tokens"),
            ),
            Page(method="POST", path=PATH, serve=self._make, name="panel-token-make", role=Role.OPERATOR),
            Page(
                method="GET",
                path=f"{PATH}/{{name}}/revoke",
                serve=self._ask_revoke,
                name="panel-token-ask",
                role=Role.OPERATOR,
            ),
            Page(
                method="POST",
                path=f"{PATH}/{{name}}/revoke",
                serve=self._revoke,
                name="panel-token-revoke",
                role=Role.OPERATOR,
            ),
        ]

    async def _all(self, visit: Visit) -> Answer:
        return shown(
            visit,
            "tokens",
            tokens=self._tokens.all(),
            new=self._taken(visit),
            rights=RIGHTS,
            lifetimes=LIFETIMES,
        )

    async def _make(self, visit: Visit) -> Answer:
        return await self._desk.does(
            visit,
            self._made(visit),
            about=visit.form.text("name"),
            to=PATH,
            told=visit.translate("The token is made. Copy it now: it is not shown again."),
        )

    async def _made(self, visit: Visit) -> str:
        form = visit.form
        lifetime = form.text("lifetime")
        if lifetime not in LIFETIMES:
            raise BadInput(visit.translate("This is no lifetime that a token may have."))
        asked_for = set(form.all("may"))
        new = await self._tokens.make(
            form.text("name"),
            addresses=form.text("addresses", most=10_000, lines=True).replace(",", " ").split(),
            may=[right for right in Right if right.value in asked_for],
            made_by=visit.who,
            lifetime=int(lifetime) if lifetime else None,
        )
        if visit.session is not None:
            now = self._clock.seconds()
            for digest in [digest for digest, (until, _) in self._new.items() if until <= now]:
                del self._new[digest]
            self._new[visit.session.digest] = (now + WAITS, new)
            while len(self._new) > WAITING:
                self._new.popitem(last=False)
        return making_told(new.token)

    def _taken(self, visit: Visit) -> NewToken | None:
        """What this session made and has not seen yet."""
        if visit.session is None or visit.method != "GET":
            return None
        until, new = self._new.pop(visit.session.digest, (0.0, None))
        return new if self._clock.seconds() < until else None

    async def _ask_revoke(self, visit: Visit) -> Answer:
        name = visit.places["name"]
        return asked(
            visit,
            Question(
                title=visit.translate("Revoke the token %(name)s?", name=name),
                facts=[
                    visit.translate("The program that uses it is refused from now on."),
                    visit.translate("What it has stated stays until its time ends."),
                ],
                yes=visit.translate("Revoke the token"),
                to=f"{path_of('tokens', name)}/revoke",
                back=PATH,
                fields={},
            ),
        )

    async def _revoke(self, visit: Visit) -> Answer:
        name = visit.places["name"]
        return await self._desk.does(
            visit,
            self._tokens.revoke(name),
            about=name,
            to=PATH,
            told=visit.translate("The token %(name)s is revoked.", name=name),
        )
