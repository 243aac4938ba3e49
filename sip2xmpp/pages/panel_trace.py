"""The trace of a pair, for operators: how both legs stand, and what was said while an operator had tracing switched on.

How a pair stands is shown to everybody who may see the panel.  Messages carry what people say, so they are kept only after an
operator switched the trace on, which is written down, and are shown to operators alone.
"""

from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from sip2xmpp.address import Address
from sip2xmpp.errors import BadInput
from sip2xmpp.pages.answers import Answer
from sip2xmpp.pages.languages import N_
from sip2xmpp.pages.panel_desk import ADDRESS_LIMIT, Desk, address_in, may, shown
from sip2xmpp.pages.panel_devices import ROLES
from sip2xmpp.pages.panel_permissions import STATES
from sip2xmpp.pages.panel_users import HANDLINGS
from sip2xmpp.pages.roles import Role
from sip2xmpp.pages.routes import Page
from sip2xmpp.pages.visit import Visit
from sip2xmpp.portal.pairs import Pairs

PATH: Final = "/panel/trace"
WAYS: Final = {"in": N_("received"), "out": N_("sent")}
LEGS: Final = {"sip": N_("SIP"), "xmpp": N_("XMPP"), "mapping": N_("Mapping")}
DOMAIN_LEGS: Final = {
    "own": N_("this gateway"),
    "sip": N_("SIP"),
    "xmpp": N_("XMPP"),
    "": N_("not known"),
}
GROUNDS: Final = {
    "owner": N_("nobody is kept from himself"),
    "decision": N_("decided about this watcher"),
    "rules": N_("by the rules of the owner"),
    "virtual": N_("by what holds for addresses that nobody owns"),
    "domain": N_("by what holds for the domain"),
    "default": N_("by what holds for everybody"),
}


class TracePages:
    """The pages."""

    def __init__(self, desk: Desk, pairs: Pairs) -> None:
        self._desk = desk
        self._pairs = pairs

    def pages(self) -> list[Page]:
        """The rows of the table of pages."""
        return [
            Page(
                method="GET",
                path=PATH,
                serve=self._show,
                name="panel-trace",
                role=Role.VIEWER,
                label=N_("Trace"),
            ),
            Page(
                method="POST",
                path=f"{PATH}/begin",
                serve=self._begin,
                name="panel-trace-begin",
                role=Role.OPERATOR,
            ),
            Page(
                method="POST", path=f"{PATH}/end", serve=self._end, name="panel-trace-end", role=Role.OPERATOR
            ),
        ]

    async def _show(self, visit: Visit) -> Answer:
        watcher = visit.query.get("watcher", "").strip()[:ADDRESS_LIMIT]
        presentity = visit.query.get("presentity", "").strip()[:ADDRESS_LIMIT]
        facts: dict[str, Any] | None = None
        fault = ""
        if watcher or presentity:
            try:
                facts = self._facts(visit, address_in(watcher), address_in(presentity))
            except BadInput as error:
                fault = str(error)
        return shown(
            visit,
            "trace",
            watcher=watcher,
            presentity=presentity,
            fault=fault,
            facts=facts,
            traced=self._pairs.traced(),
            ways=WAYS,
            legs=LEGS,
            domain_legs=DOMAIN_LEGS,
            handlings=HANDLINGS,
            grounds=GROUNDS,
            states=STATES,
            roles=ROLES,
            unix=unix,
            clock=lambda moment: f"{datetime.fromtimestamp(unix(moment), visit.zone):%H:%M:%S}",
        )

    def _facts(self, visit: Visit, watcher: Address, presentity: Address) -> dict[str, Any]:
        """Only an operator who looks keeps the trace on, and only he is shown messages."""
        if may(visit, Role.OPERATOR):
            return self._pairs.followed(watcher, presentity)
        return {**self._pairs.facts(watcher, presentity), "trace": None, "messages": []}

    async def _begin(self, visit: Visit) -> Answer:
        watcher, presentity = self._pair(visit)
        return await self._desk.does(
            visit,
            self._begun(watcher, presentity),
            about=presentity,
            to=_path(watcher, presentity),
            told=visit.translate("The pair is traced; what is said from now on is shown here."),
        )

    async def _begun(self, watcher: Address, presentity: Address) -> str:
        self._pairs.begin(watcher, presentity)
        return f"trace {watcher} watching {presentity}"

    async def _end(self, visit: Visit) -> Answer:
        watcher, presentity = self._pair(visit)
        return await self._desk.does(
            visit,
            self._ended(watcher, presentity),
            about=presentity,
            to=_path(watcher, presentity),
            told=visit.translate("The trace is over, and what it kept is forgotten."),
        )

    async def _ended(self, watcher: Address, presentity: Address) -> str:
        self._pairs.end(watcher, presentity)
        return f"end the trace of {watcher} watching {presentity}"

    @staticmethod
    def _pair(visit: Visit) -> tuple[Address, Address]:
        form = visit.form
        return address_in(form.text("watcher")), address_in(form.text("presentity"))


def _path(watcher: Address, presentity: Address) -> str:
    return f"{PATH}?{urlencode({'watcher': watcher, 'presentity': presentity})}"


def unix(moment: str) -> float:
    """A moment in Unix time, as RFC 3339 has it; what tells of pairs writes it so."""
    return datetime.fromisoformat(moment).timestamp()
