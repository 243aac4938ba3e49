"""Help with the roster: contacts that a Jabber user would have to add by hand otherwise.

Where the user's server lets us change rosters, they are added there, and what the server does not let us say (that the user
watches them) is asked.  Otherwise they are suggested to those clients that say they can take suggestions, and only where there
is none of these a contact asks in its own name, which every client shows.

Somebody who registered with a SIP account gets that SIP user, and those SIP users of ours who may see it; whom else to help
with is for commands: an operator suggests contacts to anybody, and a SIP user takes over those of the own SIP account or follows
a department.  What was added for a registrant is remembered, and removed when the registration is.  Contacts that are Jabber
users themselves are never asked in their name, nor removed: they are their owner's as soon as they are there.

Only a server itself grants access, and only to the rosters of its own users; what was granted ends with the link.

Implements: XEP-0356 (roster permission); XEP-0144; XEP-0100 section 4.1.
"""

from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import islice
from typing import Any, Final

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sip2xmpp.address import Address
from sip2xmpp.bridge.addressing import Addressing
from sip2xmpp.bridge.gateway_contact import GatewayContact
from sip2xmpp.bridge.outbox import Outbox, domain_of
from sip2xmpp.bridge.registrants import Registrants
from sip2xmpp.bridge.watchers import JabberWatchers
from sip2xmpp.errors import BadAddress
from sip2xmpp.presence.policy import Handling
from sip2xmpp.store.interface import Store
from sip2xmpp.store.records import Registrant, Verdict
from sip2xmpp.xmpp.rosters import RosterItem, Rosters, suggestion
from sip2xmpp.xmpp.stanza_errors import StanzaRefused
from sip2xmpp.xmpp.texts import NAME_LIMIT, clean

MOST_CONTACTS: Final = 50
"""Contacts that are helped with at once."""

MOST_SUGGESTED: Final = 50
"""Contacts in one message: those of a large department would be more than a server takes."""

MOST_WAITING: Final = 1_000
"""Registrants who are helped as soon as a client of theirs is there."""

MOST_GRANTS: Final = 1_000
"""Grants that are remembered; any server may claim to give access to its users."""

GROUP: Final = "SIP"

OWN: Final = "verdict "
"""Marks, among what was added, that somebody was let see the own SIP user."""


class Way(Enum):
    """How a user was helped."""

    NOTHING = "nothing was to do"
    ROSTER = "added to the roster"
    SUGGESTED = "suggested to the client"
    ASKED = "each contact asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A contact that somebody is to have.  ``is_behind`` says that it is a SIP user whom the gateway stands for."""

    jid: str
    address: Address
    name: str = ""
    groups: tuple[str, ...] = (GROUP,)
    is_behind: bool = True

    @property
    def item(self) -> RosterItem:
        """How it is put into a roster."""
        return RosterItem(
            jid=self.jid,
            name=self.name or str(self.address),
            groups=self.groups,
            subscription="to" if self.is_behind else "none",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Helped:
    """How somebody was helped; ``added`` are the JIDs that were put into the roster, ``left`` are those nothing could be done with."""

    way: Way
    added: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


Plan = Callable[[Sequence[str]], Awaitable[None]]
"""Writes down which contacts are about to be put into a roster."""


class RosterHelp:
    """Adds and suggests contacts.  ``send`` sends a stanza of a component domain.

    ``opened`` is told of each server that lets rosters of its users be changed; ``kept`` says whether a contact of somebody is to
    stay for another reason, which sees to it from then on.
    """

    log = Logger()

    def __init__(
        self,
        *,
        store: Store,
        addressing: Addressing,
        rosters: Rosters,
        outbox: Outbox,
        send: Callable[[str], object],
        registrants: Registrants,
        contact: GatewayContact,
        watchers: JabberWatchers,
        clock: IReactorTime,
        is_ours: Callable[[str], bool],
    ) -> None:
        """``is_ours`` says of a domain whether our SIP users live there."""
        self._store = store
        self._addressing = addressing
        self._rosters = rosters
        self._outbox = outbox
        self._send = send
        self._registrants = registrants
        self._contact = contact
        self._watchers = watchers
        self._clock = clock
        self._is_ours = is_ours
        self._access: dict[tuple[str, str], str] = {}
        self._waiting: dict[tuple[str, str], None] = {}
        self.opened: Callable[[str], object] = _nobody
        self.kept: Callable[[str, str], bool] = lambda _jid, _contact: False

    # From servers

    def granted(self, server: str, domain: str, access: str) -> None:
        """A server says what ``domain``, one of our components, may do with the rosters of its users."""
        if "@" in server or "/" in server or not self._addressing.is_ours(domain):
            self.log.info("{server} cannot grant access to rosters", server=server)
        elif access == "none":
            self._access.pop((server, domain), None)
        elif (server, domain) in self._access or len(self._access) < MOST_GRANTS:
            self._access[server, domain] = access
            self.log.info(
                "{server} gives {domain} access to rosters: {access}",
                server=server,
                domain=domain,
                access=access,
            )
            if access == "both":
                self.opened(server)

    def link_down(self, domain: str) -> None:
        """Every grant ends with the stream that brought it."""
        for key in [key for key in self._access if key[1] == domain]:
            del self._access[key]

    # For registrants

    def joined(self, held: Registrant) -> None:
        """Somebody registered: help at once, or as soon as a client is there."""
        if not held.sip:
            return
        if self.entrance(held.jid, held.domain) is not None or self._contact.resources(held.jid, held.domain):
            self._run(self._help_registrant(held))
        elif len(self._waiting) < MOST_WAITING:
            self._waiting[held.jid, held.domain] = None

    def arrived(self, held: Registrant) -> None:
        """A client of a registrant has come."""
        if (held.jid, held.domain) in self._waiting:
            del self._waiting[held.jid, held.domain]
            self._run(self._help_registrant(held))

    def left(self, held: Registrant) -> None:
        """Somebody is no longer registered, or not as this SIP user: take out what we put in, at the last such registration."""
        self._waiting.pop((held.jid, held.domain), None)
        twin = self._registrants.twin(held)
        if twin is not None:
            self.remember(twin, held.added)
            return
        watcher = self._addressing.address_of_jid(held.jid)
        for mark in held.added:
            if mark.startswith(OWN):
                verdict = self._store.verdicts.get(f"{mark.removeprefix(OWN)} {watcher}")
                if verdict is not None and verdict.handling == Handling.ALLOW.value:
                    self._store.verdicts.remove(verdict.key)
        ours = self.entrance(held.jid, held.domain)
        if ours is not None:
            self._run(self._take_out(ours, held))

    async def _help_registrant(self, held: Registrant) -> None:
        sip = self._registrants.sip_of(held.jid)
        if sip is None:
            return
        self.remember(held, self._let_see_itself(sip, held.jid))
        allowed = [
            each.watcher
            for each in self._store.verdicts.select(str(sip))
            if each.handling == Handling.ALLOW.value and self._is_ours(each.watcher.domain)
        ]
        helped = await self.help(held.jid, held.domain, self.wishes([sip, *allowed]), ask=[sip])
        self.remember(held, helped.added)

    def remember(self, held: Registrant, added: Sequence[str]) -> None:
        """Note what was added; for somebody who is no longer registered so it is taken out again."""
        current = self._registrants.get(held.jid, held.domain)
        if current is None or current.sip != held.sip:
            self.left(replace(held, added=tuple(added)))
        elif not set(added) <= set(current.added):
            made = tuple(dict.fromkeys([*current.added, *added]))
            self._store.registrants.put(replace(current, added=made))

    def _let_see_itself(self, sip: Address, jid: str) -> list[str]:
        """Whoever has the password of a SIP user may see that user, unless it was decided otherwise."""
        watcher = self._addressing.address_of_jid(jid)
        verdict = Verdict(
            presentity=sip,
            watcher=watcher,
            handling=Handling.ALLOW.value,
            decided_at=self._clock.seconds(),
        )
        if self._store.verdicts.get(verdict.key) is not None:
            return []
        self._store.verdicts.put(verdict)
        return [f"{OWN}{sip}"]

    async def _take_out(self, ours: str, held: Registrant) -> None:
        for contact in held.added:
            if not contact.startswith(OWN) and not self.kept(held.jid, contact):
                try:
                    await self._rosters.remove(ours, held.jid, contact)
                except StanzaRefused:
                    continue  # the owner has removed it already

    # For everybody

    def wishes(self, contacts: Iterable[Address]) -> list[Wish]:
        """SIP users as contacts; who cannot be written as a JID is left out."""
        made = []
        for contact in contacts:
            try:
                made.append(Wish(jid=self._addressing.jid_of(contact), address=contact))
            except BadAddress:
                continue
        return made

    async def help(
        self,
        jid: str,
        domain: str,
        wishes: Sequence[Wish],
        *,
        ask: Sequence[Address] | None = None,
        most: int = MOST_CONTACTS,
        ours: Collection[str] = (),
        plan: Plan | None = None,
    ) -> Helped:
        """Help ``jid`` with contacts it does not have; tells how, and which were put into its roster.

        ``ask`` are those who may ask in their own name when nothing else is possible; all if it is not given.  ``most`` are added.
        ``plan`` is told what will be, so that it can be ``ours`` after a crash: then it is there, and what was to follow follows.
        """
        items = {
            each.jid: each
            for each in wishes
            if each.jid != jid and self._store.authorizations.get(f"{jid} {each.jid}") is None
        }
        if not items:
            return Helped(way=Way.NOTHING)
        entrance, added = self.entrance(jid, domain), list[str]()
        if entrance is not None:
            try:
                await self._add(entrance, jid, items, added, most=most, ours=ours, plan=plan)
            except StanzaRefused as refused:
                self.log.info("the roster of {jid} is not open: {why}", jid=jid, why=str(refused))
            else:
                return Helped(way=Way.ROSTER, added=tuple(added))
        items = dict(islice(items.items(), most))
        if await self.suggest(jid, domain, [wish.item for wish in items.values()]):
            return Helped(way=Way.SUGGESTED, added=tuple(added))
        left = []
        for contact_jid, wish in items.items():
            if not wish.is_behind:
                left.append(contact_jid)
            elif ask is None or wish.address in ask:
                self._outbox.subscription("subscribe", contact_jid, jid)
        return Helped(way=Way.ASKED, added=tuple(added), left=tuple(left))

    async def _add(
        self,
        entrance: str,
        jid: str,
        items: Mapping[str, Wish],
        added: list[str],
        *,
        most: int,
        ours: Collection[str],
        plan: Plan | None,
    ) -> None:
        """Put contacts into a roster; what is in it already is its owner's and left alone.

        ``added`` gets each that was put there, also when it is refused in the middle.
        """
        before = await self._rosters.get(entrance, jid)
        added += [contact for contact in items if contact in before and contact in ours]
        coming = list(islice((contact for contact in items if contact not in before), most))
        if plan is not None and coming:
            await plan(coming)
        for contact in coming:
            await self._rosters.add(entrance, jid, items[contact].item)
            added.append(contact)
        after = await self._rosters.get(entrance, jid)
        watcher = self._addressing.address_of_jid(jid)
        for contact in added:
            if not items[contact].is_behind:
                continue
            if contact in after and after[contact].subscription in ("to", "both"):
                self._watchers.subscribe_received(jid, contact, watcher, items[contact].address)
            else:
                # the server keeps subscriptions to itself: the contact is there, and its owner is asked
                self._outbox.subscription("subscribe", contact, jid)

    async def suggest(
        self, jid: str, domain: str, items: Sequence[RosterItem], *, action: str = "add"
    ) -> bool:
        """Suggest to the clients that can take it; whether there was one."""
        clients = self._contact.resources(jid, domain)
        answers = await DeferredList(
            [Deferred.fromCoroutine(self._rosters.takes_suggestions(domain, client)) for client in clients]
        )
        able = [client for client, (_, takes) in zip(clients, answers, strict=True) if takes]
        for start in range(0, len(items), MOST_SUGGESTED):
            some = items[start : start + MOST_SUGGESTED]
            for client in able:
                self._send(suggestion(domain, client, some, _in_words(some, action), action=action))
        return bool(able)

    def entrance(self, jid: str, domain: str) -> str | None:
        """The component domain that may change the roster of ``jid``, ``domain`` if it may."""
        server = domain_of(jid)
        able = [
            ours
            for (granting, ours), access in self._access.items()
            if granting == server and access == "both"
        ]
        return domain if domain in able else next(iter(able), None)

    def _run(self, helping: Coroutine[Any, Any, None]) -> None:
        Deferred.fromCoroutine(helping).addErrback(
            lambda failure: self.log.failure("helping with a roster failed", failure)
        )


def _in_words(items: Sequence[RosterItem], action: str) -> str:
    """What clients show that do not know how to take a suggestion."""
    names = ", ".join(clean(item.name, NAME_LIMIT) or item.jid for item in items)
    return f"You may want to {'add' if action == 'add' else 'remove'}: {names}"


def _nobody(_: str) -> None:
    pass
