"""Contacts that come and go in a roster as a list says: put in and taken out where that is granted, else offered.

What the gateway has put into a roster it may take out again, or out of one group where another list still wants it; what its
owner has put there is left alone.  Where nobody grants that, clients that can take suggestions get them.  For the others a contact
that comes asks in its own name, and one that goes is named in a message.

Without a grant, and with no client there to be told, nothing can be done now.

Implements: XEP-0356 (roster permission); XEP-0144.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from twisted.logger import Logger

from sip2xmpp.bridge.gateway_contact import GatewayContact
from sip2xmpp.bridge.rosters import MOST_SUGGESTED, Helped, Plan, RosterHelp, Way, Wish
from sip2xmpp.xmpp.rosters import RosterItem, Rosters, suggestion
from sip2xmpp.xmpp.stanza_errors import StanzaRefused

MOST: Final = 1_000
"""Contacts that come at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """A contact that goes: ``is_added`` says that the gateway put it there, ``is_shared`` that another list wants it still."""

    jid: str
    group: str
    is_added: bool = False
    is_shared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """How contacts went; ``left`` are the JIDs of those that are still to go, as the server was lost or refused it."""

    way: Way
    left: tuple[str, ...] = ()


class KeptRosters:
    """Does it.  ``send`` sends a stanza of a component domain."""

    log = Logger()

    def __init__(
        self,
        *,
        helping: RosterHelp,
        rosters: Rosters,
        contact: GatewayContact,
        send: Callable[[str], object],
    ) -> None:
        self._helping = helping
        self._rosters = rosters
        self._contact = contact
        self._send = send

    def reaches(self, jid: str, domain: str) -> bool:
        """Whether something can be done for this user now."""
        return self._helping.entrance(jid, domain) is not None or bool(self._contact.resources(jid, domain))

    async def bring(
        self,
        jid: str,
        domain: str,
        wishes: Sequence[Wish],
        shared: Collection[str],
        *,
        ours: Collection[str],
        plan: Plan,
    ) -> Helped:
        """Contacts come; those that are ``shared`` are there for another list, and are put into one more group."""
        entrance = self._helping.entrance(jid, domain)
        if entrance is not None:
            await self._regroup(
                entrance, jid, {wish.jid: wish.groups for wish in wishes if wish.jid in shared}, more=True
            )
        coming = [wish for wish in wishes if wish.jid not in shared]
        return await self._helping.help(jid, domain, coming, most=MOST, ours=ours, plan=plan)

    async def rename(self, jid: str, domain: str, contacts: Collection[str], before: str, after: str) -> None:
        """A group is called otherwise; where rosters are closed it stays as it is."""
        entrance = self._helping.entrance(jid, domain)
        if entrance is None or not contacts:
            return
        try:
            roster = await self._rosters.get(entrance, jid)
            for item in [roster[contact] for contact in contacts if contact in roster]:
                if before in item.groups:
                    groups = tuple(dict.fromkeys(after if each == before else each for each in item.groups))
                    await self._rosters.add(entrance, jid, replace(item, groups=groups))
        except StanzaRefused as refused:
            self.log.info("the roster of {jid} is not open: {why}", jid=jid, why=str(refused))

    async def take(self, jid: str, domain: str, gone: Sequence[Gone]) -> Taken:
        """Contacts go."""
        entrance = self._helping.entrance(jid, domain)
        if entrance is not None:
            return Taken(way=Way.ROSTER, left=await self._take_out(entrance, jid, gone))
        items = [RosterItem(jid=each.jid, groups=(each.group,)) for each in gone if not each.is_shared]
        if not items:
            return Taken(way=Way.NOTHING)
        if await self._helping.suggest(jid, domain, items, action="delete"):
            return Taken(way=Way.SUGGESTED)
        for start in range(0, len(items), MOST_SUGGESTED):
            some = items[start : start + MOST_SUGGESTED]
            words = f"{some[0].groups[0]}: you may want to remove {', '.join(item.jid for item in some)}"
            self._send(suggestion(domain, jid, some, words, action="delete"))
        return Taken(way=Way.ASKED)

    async def _take_out(self, entrance: str, jid: str, gone: Sequence[Gone]) -> tuple[str, ...]:
        await self._regroup(
            entrance, jid, {each.jid: (each.group,) for each in gone if each.is_shared}, more=False
        )
        going = [each.jid for each in gone if each.is_added and not each.is_shared]
        left: list[str] = []
        for number, contact in enumerate(going):
            try:
                await self._rosters.remove(entrance, jid, contact)
            except StanzaRefused as refused:
                if refused.error.condition == "remote-server-timeout":
                    return (*left, *going[number:])
                if refused.error.condition != "item-not-found":  # the owner has removed it already
                    left.append(contact)
        return tuple(left)

    async def _regroup(
        self, entrance: str, jid: str, groups: dict[str, tuple[str, ...]], *, more: bool
    ) -> None:
        """Let contacts that are there be in more groups, or in fewer."""
        if not groups:
            return
        try:
            roster = await self._rosters.get(entrance, jid)
            for contact, named in groups.items():
                item = roster.get(contact)
                if item is None:
                    continue
                left = tuple(group for group in item.groups if group not in named)
                wanted = (*left, *named) if more else left
                if set(wanted) != set(item.groups) and wanted:
                    await self._rosters.add(entrance, jid, replace(item, groups=wanted))
        except StanzaRefused as refused:
            self.log.info("the roster of {jid} is not open: {why}", jid=jid, why=str(refused))
