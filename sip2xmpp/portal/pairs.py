"""Everything about one pair, for operators: how it stands now, and the trace of what was said.

How it stands is told without tracing: dialogs of both roles with their timers, the authorization, what the owner's rules say, what is
known of both domains, the state of the links, and what went wrong last.  Messages are kept only while the pair is traced
(``tracing``).  The panel, the API and the command ``sip2xmpp trace`` give the same values.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sip2xmpp.address import Address
from sip2xmpp.errors import BadAddress
from sip2xmpp.events.dialog_report import DialogReport
from sip2xmpp.portal.sources import moment_told
from sip2xmpp.presence.directory import Directory, Leg
from sip2xmpp.presence.explaining import Explaining
from sip2xmpp.store.interface import Store
from sip2xmpp.store.records import Authorization
from sip2xmpp.tracing import SECONDS, Message, Trace, Tracer

SHORTEST: Final = 10
"""Seconds that a pair is traced for at least."""

LONGEST: Final = SECONDS
"""And at most, unless somebody looks."""

Reports = Callable[[Address, Address], list[DialogReport]]
"""The dialogs of a pair, watcher and presentity."""


class Pairs:
    """Looks pairs up and traces them.

    ``reports`` tell dialogs; ``exists`` says who is one of ours; ``forms`` gives the JIDs that an address has on the XMPP side.
    ``links`` gives the component links as ``/health`` has them.
    """

    def __init__(
        self,
        *,
        tracer: Tracer,
        store: Store,
        directory: Directory,
        explaining: Explaining,
        exists: Callable[[Address], bool],
        reports: Sequence[Reports],
        forms: Callable[[Address], Sequence[str]],
        links: Callable[[], Mapping[str, Any]],
        now: Callable[[], float],
    ) -> None:
        self._tracer = tracer
        self._store = store
        self._directory = directory
        self._explaining = explaining
        self._exists = exists
        self._reports = reports
        self._forms = forms
        self._links = links
        self._now = now

    # How it stands

    def facts(self, watcher: Address, presentity: Address) -> dict[str, Any]:
        """How the pair stands now, as JSON values."""
        trouble = self._tracer.trouble_of(watcher, presentity)
        return {
            "watcher": str(watcher),
            "presentity": str(presentity),
            "at": moment_told(self._now()),
            "dialogs": [
                dialog_told(report) for reports in self._reports for report in reports(watcher, presentity)
            ],
            "authorizations": [
                authorization_told(each) for each in self._authorizations(watcher, presentity)
            ],
            "judgement": self._judgement(watcher, presentity),
            "domains": [
                self._domain(domain) for domain in dict.fromkeys((watcher.domain, presentity.domain))
            ],
            "links": self._links(),
            "trouble": None if trouble is None else {"at": moment_told(trouble.at), "what": trouble.what},
        }

    def _authorizations(self, watcher: Address, presentity: Address) -> list[Authorization]:
        """Both sides keep theirs under the Jabber user's JID."""
        groups = dict.fromkeys([*self._forms(watcher), *self._forms(presentity)])
        return [
            each
            for group in groups
            for each in self._store.authorizations.select(group)
            if each.watcher == watcher and each.contact == presentity
        ]

    def _judgement(self, watcher: Address, presentity: Address) -> dict[str, Any] | None:
        """What the owner lets the watcher see; None where the presentity is not ours to judge about."""
        if not self._exists(presentity):
            return None
        decision = self._explaining.explain(presentity, watcher).presence
        return {
            "handling": decision.handling.value,
            "decided_by": decision.ground.value,
            "decided_at": moment_told(decision.decided_at),
        }

    def _domain(self, domain: str) -> dict[str, Any]:
        found = self._directory.find(domain, Leg.SIP)
        if found is None:
            return {"domain": domain, "leg": None, "why": "was not looked up yet", "target": ""}
        leg = None if found.leg is None else found.leg.value
        return {"domain": domain, "leg": leg, "why": found.why, "target": found.target}

    # The trace

    def traced(self) -> list[dict[str, Any]]:
        """The pairs that are traced now."""
        return [
            {"watcher": str(trace.watcher), "presentity": str(trace.presentity), **trace_told(trace)}
            for trace in self._tracer
        ]

    def begin(self, watcher: Address, presentity: Address, seconds: float = SECONDS) -> dict[str, Any]:
        """Trace the pair for so long; raises ``TooMany``."""
        trace = self._tracer.begin(watcher, presentity, seconds)
        for report in (report for reports in self._reports for report in reports(watcher, presentity)):
            trace.knows(report.call_id)
        return trace_told(trace)

    def end(self, watcher: Address, presentity: Address) -> bool:
        """Trace it no longer; whether it was traced."""
        return self._tracer.end(watcher, presentity)

    def followed(self, watcher: Address, presentity: Address, after: int = 0) -> dict[str, Any]:
        """The facts, the trace (None where the pair is not traced) and its messages after the one of this number.

        Whoever looks keeps the trace on.
        """
        trace = self._tracer.look(watcher, presentity)
        facts = self.facts(watcher, presentity)
        if trace is not None:
            for dialog in facts["dialogs"]:
                trace.knows(dialog["call_id"])
        return {
            **facts,
            "trace": None if trace is None else trace_told(trace),
            "messages": [] if trace is None else [message_told(message) for message in trace.after(after)],
        }


def trace_told(trace: Trace) -> dict[str, Any]:
    """A trace as JSON values, without its messages."""
    return {
        "since": moment_told(trace.since),
        "until": moment_told(trace.until),
        "seconds": trace.seconds,
        "count": trace.count,
        "dropped": trace.dropped,
    }


def message_told(message: Message) -> dict[str, Any]:
    """A message as JSON values."""
    return {
        "number": message.number,
        "at": _instant(message.at),
        "leg": message.leg.value,
        "way": message.way.value,
        "what": message.what,
        "peer": message.peer,
        "text": message.text,
        "after": message.after,
        "lost": list(message.lost),
        "cut": message.is_cut,
    }


def _instant(at: float) -> str:
    """A moment to the millisecond, because messages follow each other quickly."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def dialog_told(report: DialogReport) -> dict[str, Any]:
    """A dialog as JSON values."""
    return {
        "role": report.role,
        "event": report.event,
        "state": report.state,
        "call_id": report.call_id,
        "expires_at": moment_told(report.expires_at),
        "next": {"what": report.next_what, "at": moment_told(report.next_at)},
        "local_cseq": report.local_cseq,
        "remote_cseq": report.remote_cseq,
        "flow": report.flow,
        "remote_target": report.remote_target,
        "user_agent": report.user_agent,
        "under_way": report.under_way,
        "failures": report.failures,
    }


def authorization_told(record: Authorization) -> dict[str, Any]:
    """A presence authorization as JSON values; ``since`` is when it became what it is."""
    return {
        "side": record.side.value,
        "state": record.state.value,
        "watcher_jid": record.watcher_jid,
        "contact_jid": record.contact_jid,
        "asked_at": moment_told(record.asked_at or None),
        "since": moment_told(record.decided_at or record.asked_at or None),
        "expires_at": moment_told(record.expires_at),
    }


def jids_of(address: Address, jid_of: Callable[[Address], str]) -> list[str]:
    """The JIDs under which an address may stand in an authorization: its own, and that behind the gateway."""
    found = []
    for form in (address.jid, lambda: jid_of(address)):
        try:
            found.append(form())
        except BadAddress:
            continue
    return found
