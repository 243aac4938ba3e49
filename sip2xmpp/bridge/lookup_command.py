"""The command that shows what DNS says of a domain, and by which protocol the gateway would reach it.

It asks the directory that serves everybody, so what is remembered there is shown; a few look-ups a minute are enough for a
person.  Only an operator sees addresses, which may be those of an inner network, and where the configuration leads.

Implements: XEP-0050, a command of this gateway; RFC 7247 section 4 (the order of look-ups).
"""

from functools import partial
from typing import Final

from twisted.internet.interfaces import IReactorTime

from sip2xmpp.address import Address
from sip2xmpp.bridge.requesters import Requesters
from sip2xmpp.errors import BadAddress, BadInput, TooMany
from sip2xmpp.metering import Attempts
from sip2xmpp.preparation import ascii_domain
from sip2xmpp.presence.directory import Directory, Finding, Leg
from sip2xmpp.xmpp.commands import Outcome, Stage
from sip2xmpp.xmpp.forms import Answer, Field, Form, told
from sip2xmpp.xmpp.stanza_errors import StanzaRefused

LOOKUPS: Final = 10
LOOKUP_SECONDS: Final = 60.0
"""So many look-ups of one JID within so many seconds, and ten times as many of all together."""

_WAYS: Final = {
    Leg.OWN: "answered by this gateway itself",
    Leg.SIP: "sent as SIP",
    Leg.XMPP: "sent as stanzas over the component link",
    None: "refused: nobody is there",
}


class LookUp:
    """Look up a domain."""

    node, name = "lookup", "Look up a domain"

    def __init__(self, *, requesters: Requesters, directory: Directory, clock: IReactorTime) -> None:
        self._requesters = requesters
        self._directory = directory
        self._by_one = Attempts(clock, most=LOOKUPS, seconds=LOOKUP_SECONDS)
        self._by_all = Attempts(clock, most=10 * LOOKUPS, seconds=LOOKUP_SECONDS)

    def permits(self, requester: str) -> bool:
        """Whoever is registered, and operators."""
        return self._requesters.is_known(requester)

    async def begin(self, requester: str) -> Stage:
        """Which domain."""
        form = Form(
            title=self.name,
            fields=(
                Field(
                    name="domain",
                    label="Domain",
                    required=True,
                    description="as in example.com; an address stands for its domain",
                ),
            ),
        )
        return Stage(form=form, finish=partial(self._asked, requester))

    async def _asked(self, requester: str, answer: Answer) -> Outcome:
        if not self._requesters.is_known(requester):
            raise StanzaRefused("forbidden", type_="cancel")
        domain = _domain_of(answer.one("domain"))
        if not (self._by_one.take(requester) and self._by_all.take("")):
            raise TooMany("Too many look-ups: try again in a minute")
        finding = await self._directory.settled(domain, Leg.XMPP)
        return Outcome(form=_report(domain, finding, inner=self._requesters.is_operator(requester)))


def _domain_of(written: str) -> str:
    """The domain that somebody wrote, alone or in an address, folded."""
    try:
        bare = written.rpartition("@")[2]
        domain = Address.parse(bare).domain
        if not domain or not ascii_domain(domain):
            raise BadInput("a domain is needed")
    except BadAddress as fault:
        raise BadInput(f'"{written[:64]}" is not a domain: {fault}') from None
    return domain


def _report(domain: str, finding: Finding, *, inner: bool) -> Form:
    """What was found; addresses, and what the operator configured, are ``inner`` matters."""
    evidence = finding.evidence
    lines = []
    if evidence is not None:
        addresses = "\n".join(evidence.addresses) if inner else "known"
        lines += [
            ("SIP servers", "\n".join(evidence.sip) or "none"),
            ("XMPP servers", "\n".join(evidence.xmpp) or "none"),
            ("Addresses", addresses if evidence.addresses else "none"),
        ]
        if evidence.trouble:
            lines.append(("Trouble", evidence.trouble))
    way = "refused for now" if finding.is_unsure else _WAYS[finding.leg]
    leg = finding.leg.value if finding.leg is not None else "none"
    why = finding.why if inner or not finding.target else "configured by the operator"
    return told(domain, *lines, ("Verdict", why), ("Leg", f"{leg}: {way}"))
