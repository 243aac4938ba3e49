"""The audit log, for operators: who did what, when, from where; the newest line first."""

from typing import Final

from sip2xmpp.pages.answers import Answer
from sip2xmpp.pages.languages import N_
from sip2xmpp.pages.panel_desk import shown
from sip2xmpp.pages.roles import Role
from sip2xmpp.pages.routes import Page
from sip2xmpp.pages.sheets import sheet, wanted
from sip2xmpp.pages.visit import Visit
from sip2xmpp.portal.operating_audit import AuditRows

PATH: Final = "/panel/audit"
WAYS: Final = {"page": N_("by page"), "API": N_("by API"), "command": N_("by command")}


class AuditPages:
    """The page."""

    def __init__(self, audit: AuditRows) -> None:
        self._audit = audit

    def pages(self) -> list[Page]:
        """The rows of the table of pages."""
        return [
            Page(
                method="GET",
                path=PATH,
                serve=self._show,
                name="panel-audit",
                role=Role.VIEWER,
                label=N_("Audit log"),
            )
        ]

    async def _show(self, visit: Visit) -> Answer:
        by = visit.query.get("by", "")
        rows = await self._audit.found(wanted(visit.query), by=by if by in WAYS else "")
        return shown(
            visit, "audit", sheet=sheet(rows, path=PATH, query=visit.query, keeps=("by",)), ways=WAYS, by=by
        )
