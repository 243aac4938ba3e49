"""The look-up of a domain, for operators: what the configuration says, what DNS says, what follows, step by step."""

from typing import Final, NamedTuple

from sip2xmpp.errors import BadInput, TooMany
from sip2xmpp.pages.answers import Answer
from sip2xmpp.pages.languages import N_
from sip2xmpp.pages.panel_desk import ADDRESS_LIMIT, shown
from sip2xmpp.pages.roles import Role
from sip2xmpp.pages.routes import Page
from sip2xmpp.pages.visit import Visit
from sip2xmpp.portal.operating_lookup import LookUps, Report
from sip2xmpp.presence.directory import Leg

PATH: Final = "/panel/lookup"
ASKED_BY: Final = {Leg.SIP: N_("a SIP user"), Leg.XMPP: N_("a Jabber user")}
LEGS: Final = {
    Leg.OWN: N_("This gateway itself"),
    Leg.SIP: N_("SIP"),
    Leg.XMPP: N_("XMPP (Jabber)"),
}


class Step(NamedTuple):
    """One step of the reasoning: ``title`` is the question, ``found`` the answer, ``nothing`` what is said where there is none."""

    title: str
    found: tuple[str, ...]
    nothing: str = ""


class LookupPages:
    """The page."""

    def __init__(self, lookups: LookUps) -> None:
        self._lookups = lookups

    def pages(self) -> list[Page]:
        """The rows of the table of pages."""
        return [
            Page(
                method="GET",
                path=PATH,
                serve=self._look_up,
                name="panel-lookup",
                role=Role.VIEWER,
                label=N_("Look up"),
            )
        ]

    async def _look_up(self, visit: Visit) -> Answer:
        written = visit.query.get("domain", "").strip()[:ADDRESS_LIMIT]
        asked_by = Leg.XMPP if visit.query.get("from") == Leg.XMPP.value else Leg.SIP
        report: Report | None = None
        fault = ""
        if written:
            try:
                report = await self._lookups.look_up(written, asked_by, who=visit.who)
            except (BadInput, TooMany) as error:
                fault = str(error)
        return shown(
            visit,
            "lookup",
            written=written,
            asked_by=asked_by,
            askers=ASKED_BY,
            fault=fault,
            report=report,
            leg="" if report is None or report.finding.leg is None else LEGS[report.finding.leg],
            steps=() if report is None else steps_of(visit, report),
        )


def steps_of(visit: Visit, report: Report) -> list[Step]:
    """The reasoning in the order in which it is made; what was not asked is not there."""
    translate, finding, evidence = visit.translate, report.finding, report.finding.evidence
    steps = [Step(translate("What does the configuration say?"), (report.configuration,))]
    if evidence is not None:
        none = translate("None.")
        steps += [
            Step(translate("Which records of SIP does DNS have?"), evidence.sip, none),
            Step(translate("Which records of XMPP does DNS have?"), evidence.xmpp, none),
            Step(translate("Which addresses does the name itself have?"), evidence.addresses, none),
        ]
        if evidence.trouble:
            steps.append(Step(translate("What went wrong?"), (evidence.trouble,)))
        steps.append(Step(translate("How long is that remembered?"), (visit.language.span(evidence.ttl),)))
    steps.append(Step(translate("What follows from it?"), (finding.why,)))
    if finding.leg is Leg.SIP:
        steps.append(
            Step(translate("How were the SIP servers found?"), report.steps, translate("Not at all."))
        )
        servers = tuple(
            f"{target} ({translate('proved by a certificate for %(name)s', name=target.tls_name)})"
            if target.tls_name
            else str(target)
            for target in report.targets
        )
        steps.append(
            Step(translate("Which servers would be tried, in this order?"), servers, translate("None."))
        )
    steps.append(Step(translate("What happens to a request?"), (report.way,)))
    return steps
