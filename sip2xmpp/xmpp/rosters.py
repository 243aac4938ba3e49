"""What is said about rosters: leave to change them, their items, and suggestions to their owners.

Implements: XEP-0356 sections 4 and 5 (roster permission, versions 1 and 2 of the namespace); XEP-0144; RFC 6121 section 2.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from twisted.words.xish.domish import Element

from sip2xmpp.xmpp import namespaces as ns
from sip2xmpp.xmpp.iq import Asking
from sip2xmpp.xmpp.reading import children, text
from sip2xmpp.xmpp.stanza_errors import StanzaRefused
from sip2xmpp.xmpp.texts import NAME_LIMIT, quote, text_of

MOST_ITEMS: Final = 5_000
"""Items of a roster that are read; one with more is not helped with."""

ACCESS: Final = frozenset({"get", "set", "both"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterItem:
    """Somebody in a roster, or to be there; ``subscription`` is none, to, from or both."""

    jid: str
    name: str = ""
    groups: tuple[str, ...] = ()
    subscription: str = "to"


class Rosters:
    """Rosters of users whose server grants access, and clients that take suggestions.

    ``ours`` is the component domain that asks.  All but ``takes_suggestions`` raise ``StanzaRefused``.
    """

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    async def get(self, ours: str, jid: str) -> Mapping[str, RosterItem]:
        """The contacts of ``jid``, by their JIDs."""
        answer = await self._asking.ask(ours, jid, "get", f"<query xmlns='{ns.ROSTER}'/>")
        if not any(each.uri == ns.ROSTER for each in children(answer)):
            raise StanzaRefused("undefined-condition", "that is no roster")
        roster = read_roster(answer)
        if len(roster) > MOST_ITEMS:
            raise StanzaRefused("resource-constraint", "the roster is too large")
        return roster

    async def add(self, ours: str, jid: str, item: RosterItem) -> None:
        """Put a contact into the roster of ``jid``, or in the place of what is there of it."""
        await self._asking.ask(ours, jid, "set", roster_addition(item))

    async def remove(self, ours: str, jid: str, contact: str) -> None:
        """Take a contact out of the roster of ``jid``."""
        await self._asking.ask(ours, jid, "set", roster_removal(contact))

    async def takes_suggestions(self, ours: str, client: str) -> bool:
        """Whether a client, a full JID, says so."""
        try:
            answer = await self._asking.ask(ours, client, "get", f"<query xmlns='{ns.DISCO_INFO}'/>")
        except StanzaRefused:
            return False
        return ns.ROSTER_EXCHANGE in read_features(answer)


def roster_access(message: Element) -> str | None:
    """Which access to rosters a message grants: get, set, both or none; None if it does not speak of that."""
    for privilege in children(message):
        if privilege.uri not in ns.PRIVILEGE or privilege.name != "privilege":
            continue
        for perm in children(privilege):
            if perm.name == "perm" and perm.attributes.get("access") == "roster":
                granted: str = perm.attributes.get("type", "none")
                return granted if granted in ACCESS else "none"
        return "none"
    return None


def read_roster(iq: Element) -> Mapping[str, RosterItem]:
    """The contacts in the result of a roster query."""
    found: dict[str, RosterItem] = {}
    for query in children(iq):
        for item in children(query) if query.uri == ns.ROSTER else ():
            attributes = item.attributes
            if "jid" in attributes:
                found[attributes["jid"]] = RosterItem(
                    jid=attributes["jid"],
                    name=attributes.get("name", ""),
                    groups=tuple(text(each) for each in children(item) if each.name == "group"),
                    subscription=attributes.get("subscription", "none"),
                )
    return found


def read_features(iq: Element) -> frozenset[str]:
    """The features in a disco#info result."""
    return frozenset(
        each.attributes.get("var", "")
        for query in children(iq)
        if query.uri == ns.DISCO_INFO
        for each in children(query)
        if each.name == "feature"
    )


def roster_addition(item: RosterItem) -> str:
    """A roster set that adds one item, which its owner watches already as far as the server lets that be said."""
    watched = f" subscription='{quote(item.subscription)}'"
    return f"<query xmlns='{ns.ROSTER}'>{_item(item, watched)}</query>"


def roster_removal(jid: str) -> str:
    """A roster set that removes one."""
    return f"<query xmlns='{ns.ROSTER}'><item jid='{quote(jid)}' subscription='remove'/></query>"


def suggestion(
    sender: str, recipient: str, items: Iterable[RosterItem], body: str, *, action: str = "add"
) -> str:
    """A message that suggests to add contacts, or to delete them; ``body`` is for clients that do not know how."""
    inside = "".join(_item(item, f" action='{action}'") for item in items)
    return (
        f"<message from='{quote(sender)}' to='{quote(recipient)}'><body>{text_of(body)}</body>"
        f"<x xmlns='{ns.ROSTER_EXCHANGE}'>{inside}</x></message>"
    )


def _item(item: RosterItem, more: str) -> str:
    name = f" name='{quote(item.name[:NAME_LIMIT])}'" if item.name else ""
    groups = "".join(f"<group>{text_of(group, NAME_LIMIT)}</group>" for group in item.groups if group)
    return f"<item jid='{quote(item.jid)}'{name}{more}>{groups}</item>"
