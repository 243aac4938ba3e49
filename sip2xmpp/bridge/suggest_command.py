"""The command by which an operator suggests contacts to a Jabber user.

Implements: XEP-0050, a command of this gateway; XEP-0144 and XEP-0356 by way of ``bridge.rosters``.
"""

from collections.abc import Callable
from functools import partial

from sip2xmpp.bridge.requesters import Requesters
from sip2xmpp.bridge.rosters import MOST_CONTACTS, RosterHelp
from sip2xmpp.errors import BadAddress, BadInput
from sip2xmpp.xmpp.commands import Outcome, Stage
from sip2xmpp.xmpp.forms import Answer, Field, FieldType, Form
from sip2xmpp.xmpp.stanza_errors import StanzaRefused


class Suggest:
    """The command by which an operator suggests contacts to a Jabber user."""

    node, name = "suggest", "Suggest contacts to somebody"

    def __init__(
        self, *, requesters: Requesters, rosters: RosterHelp, admit: Callable[[str], str], domain: str
    ) -> None:
        """``domain`` is the component domain in whose name contacts are suggested; ``admit`` says who is served."""
        self._requesters = requesters
        self._rosters = rosters
        self._admit = admit
        self._domain = domain

    def permits(self, requester: str) -> bool:
        """Operators only."""
        return self._requesters.is_operator(requester)

    async def begin(self, requester: str) -> Stage:
        """Whom to whom."""
        self._requesters.must_be_operator(requester)
        form = Form(
            title=self.name,
            fields=(
                Field(name="jid", type=FieldType.JID_SINGLE, label="Jabber user", required=True),
                Field(
                    name="contacts",
                    type=FieldType.TEXT_MULTI,
                    label="SIP users",
                    required=True,
                    description="addresses as in bob@sip.example.org, one on each line",
                ),
            ),
        )
        return Stage(form=form, finish=partial(self._finished, requester))

    async def _finished(self, requester: str, answer: Answer) -> Outcome:
        self._requesters.must_be_operator(requester)
        contacts = [self._requesters.address(each) for each in answer.all("contacts")]
        try:
            jid = self._admit(answer.one("jid"))
        except (BadAddress, StanzaRefused) as fault:
            raise BadInput(str(fault)) from None
        if "@" not in jid:
            raise BadInput("Only a user has a roster")
        if len(contacts) > MOST_CONTACTS:
            raise BadInput(f"Suggest {MOST_CONTACTS} contacts at most")
        helped = await self._rosters.help(jid, self._domain, self._rosters.wishes(contacts))
        return Outcome(note=f"{jid}: {helped.way.value}")
