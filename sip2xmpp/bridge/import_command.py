"""The command by which a Jabber user takes over the contacts of the own SIP account.

The list is the one that the SIP clients of the account keep on the server.  Its groups become groups of the roster, SIP users get
the JIDs by which the gateway stands for them, and Jabber users keep their own.  Only who has proved to be the SIP user sees the
list, at every step; what was added goes when the proof ends, but Jabber users stay, as they need no gateway.

Which of the contacts are Jabber users is looked up for a few domains of which nothing is known yet; the others are taken for SIP
users, as who stands in the list of a SIP client mostly is.

Implements: XEP-0050, a command of this gateway; RFC 4826 section 3 onto XEP-0356 and XEP-0144 by way of ``bridge.rosters``.
"""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Final

from twisted.internet.interfaces import IReactorTime

from sip2xmpp.bridge.addressing import Addressing
from sip2xmpp.bridge.buddies import Buddy, buddies
from sip2xmpp.bridge.registrants import Registrants
from sip2xmpp.bridge.requesters import Requesters
from sip2xmpp.bridge.rosters import Helped, RosterHelp, Way, Wish
from sip2xmpp.bridge.worlds import Worlds
from sip2xmpp.errors import BadDocument, BadInput
from sip2xmpp.metering import Attempts
from sip2xmpp.store.documents import document_key
from sip2xmpp.store.interface import Store
from sip2xmpp.xmpp.commands import Outcome, Stage
from sip2xmpp.xmpp.forms import Answer, Field, FieldType, Form

MOST_IMPORTED: Final = 200
"""Contacts that are taken over at once."""

MOST_SHOWN: Final = 100
"""Groups, or contacts, in one form."""

IMPORTS: Final = 10
IMPORT_SECONDS: Final = 600.0
"""How often one JID may begin within so many seconds."""


class ImportContacts:
    """Take over the contacts of one's SIP account."""

    node, name = "import-contacts", "Import my SIP contacts"

    def __init__(
        self,
        *,
        requesters: Requesters,
        registrants: Registrants,
        rosters: RosterHelp,
        store: Store,
        addressing: Addressing,
        worlds: Worlds,
        clock: IReactorTime,
    ) -> None:
        self._requesters = requesters
        self._registrants = registrants
        self._rosters = rosters
        self._store = store
        self._addressing = addressing
        self._worlds = worlds
        self._begun = Attempts(clock, most=IMPORTS, seconds=IMPORT_SECONDS)

    def permits(self, requester: str) -> bool:
        """SIP users only."""
        return self._requesters.is_sip_user(requester)

    async def begin(self, requester: str) -> Stage | Outcome:
        """Which groups there are."""
        found = self._buddies(requester)
        if not self._begun.take(requester):
            return Outcome(note="Too many attempts: try again in a few minutes", failed=True)
        await self._worlds.learn(requester, (each.address.domain for each in found if not each.is_jabber))
        wishes = self._wishes(requester)
        if not wishes:
            known = "You have all of them already" if found else "Your SIP account keeps no contacts here"
            return Outcome(note=known)
        counts = Counter(group for wish in wishes for group in wish.groups)
        groups = list(counts)[:MOST_SHOWN]
        form = Form(
            title=self.name,
            instructions=(
                f"Of {len(found)} contacts of {self._requesters.sip_user(requester)} {len(wishes)} can be added. Choose groups; "
                "the next page lets you choose among the contacts in them"
            ),
            fields=(
                Field(
                    name="groups",
                    type=FieldType.LIST_MULTI,
                    label="Groups",
                    required=True,
                    options=tuple((f"{group} ({counts[group]})", group) for group in groups),
                    values=tuple(groups),
                ),
            ),
        )
        return Stage(form=form, go_on=partial(self._chosen, requester), finish=partial(self._all, requester))

    async def _chosen(self, requester: str, answer: Answer) -> Stage:
        wishes = self._in_groups(requester, answer)
        shown = wishes[:MOST_SHOWN]
        more = f"; {len(wishes) - len(shown)} more are not shown" if len(wishes) > len(shown) else ""
        form = Form(
            title=self.name,
            instructions=f"Choose the contacts to add{more}",
            fields=(
                Field(
                    name="contacts",
                    type=FieldType.LIST_MULTI,
                    label="Contacts",
                    required=True,
                    options=tuple((_label(wish), wish.jid) for wish in shown),
                    values=tuple(wish.jid for wish in shown),
                ),
            ),
        )
        return Stage(form=form, finish=partial(self._some, requester))

    async def _all(self, requester: str, answer: Answer) -> Outcome:
        return await self._add(requester, self._in_groups(requester, answer))

    async def _some(self, requester: str, answer: Answer) -> Outcome:
        chosen = set(answer.all("contacts"))
        return await self._add(requester, [wish for wish in self._wishes(requester) if wish.jid in chosen])

    async def _add(self, requester: str, wishes: Sequence[Wish]) -> Outcome:
        held = self._registrants.held_by(requester)
        if held is None or not wishes:
            raise BadInput("Choose somebody to add")
        helped = await self._rosters.help(requester, held.domain, wishes, most=MOST_IMPORTED)
        behind = {wish.jid for wish in wishes if wish.is_behind}
        self._rosters.remember(held, [jid for jid in helped.added if jid in behind])
        await self._store.committed()
        return Outcome(note=_told(helped, wishes))

    # What there is

    def _buddies(self, requester: str) -> tuple[Buddy, ...]:
        """The contacts of the SIP user that the requester is; ``StanzaRefused`` if it is none any more."""
        sip = self._requesters.sip_user(requester)
        document = self._store.documents.get(document_key("resource-lists", str(sip), "index"))
        if document is None:
            return ()
        try:
            found = buddies(
                document.octets,
                address_of_uri=partial(self._addressing.address_of_uri, remember=False),
                address_of_jid=self._addressing.address_of_jid,
            )
        except BadDocument:
            return ()
        return tuple(each for each in found if each.address != sip)

    def _wishes(self, requester: str) -> list[Wish]:
        """The contacts that the requester does not have, as they would stand in the roster."""
        made = []
        for buddy in self._buddies(requester):
            wish = self._worlds.wish(
                requester, buddy.address, name=buddy.name, groups=buddy.groups, is_jabber=buddy.is_jabber
            )
            if wish is not None and self._store.authorizations.get(f"{requester} {wish.jid}") is None:
                made.append(wish)
        return made

    def _in_groups(self, requester: str, answer: Answer) -> list[Wish]:
        chosen = set(answer.all("groups"))
        return [wish for wish in self._wishes(requester) if chosen.intersection(wish.groups)]


def _label(wish: Wish) -> str:
    world = "" if wish.is_behind else ", a Jabber user"
    return f"{wish.name} ({wish.address}{world})" if wish.name else f"{wish.address}{world}"


def _told(helped: Helped, wishes: Sequence[Wish]) -> str:
    """What was done, in a line or two."""
    lines = [helped.way.value]
    if helped.way is Way.ROSTER:
        lines = [f"{len(helped.added)} {helped.way.value}"]
        jabber = [wish.jid for wish in wishes if not wish.is_behind and wish.jid in helped.added]
        if jabber:
            lines.append(f"These are Jabber users; ask them to let you see them: {', '.join(jabber)}")
    if helped.left:
        lines.append(f"These are Jabber users; add them yourself: {', '.join(helped.left)}")
    is_all = helped.way is Way.ROSTER and len(helped.added) < MOST_IMPORTED
    if len(wishes) > MOST_IMPORTED and not is_all:
        lines.append(f"That were the first {MOST_IMPORTED}; begin again for the others")
    return "\n".join(lines)
