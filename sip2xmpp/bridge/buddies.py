"""The contact list that SIP clients keep on the server, as what a roster is: people with names and groups.

The groups are the lists of the document, called as people see them; lists that clients keep for purposes of their own are
none.  Of one address that stands there several times the names and groups are put together.

Blink keeps names and groups beside the lists, as elements of its own, and in the lists only whom to subscribe to.

Implements: RFC 4826 section 3 (reading), onto RFC 6121 section 2.1.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Final

from sip2xmpp.address import Address
from sip2xmpp.documents import resource_lists
from sip2xmpp.documents.presence import frozen_value
from sip2xmpp.documents.resource_lists import Entry, ResourceList
from sip2xmpp.documents.xml import Element, children, content, parse
from sip2xmpp.errors import BadAddress, BadDocument
from sip2xmpp.xmpp.texts import NAME_LIMIT, clean

MOST_BUDDIES: Final = 1_000
MOST_GROUPS: Final = 5
"""People of a list, and groups of each, that are looked at."""

_JABBER: Final = "xmpp:"

_NOT_PEOPLE: Final = ("oma_grantedcontacts", "oma_blockedcontacts", "oma_allcontacts", "dialog_")
"""COMPAT: OMA clients and Blink say with these lists who may see what, and who is watched for calls."""
_NAMELESS: Final = ("oma_", "sipsimple_")
"""COMPAT: lists of OMA clients and of Blink, under names that nobody has given them."""

_BLINK: Final = "{urn:ag-projects:xml:ns:addressbook}"


@frozen_value
class Buddy:
    """Somebody in the list.  ``is_jabber`` says that the URI itself is that of a Jabber user."""

    address: Address
    name: str = ""
    groups: tuple[str, ...] = ()
    is_jabber: bool = False


def buddies(
    octets: bytes,
    *,
    address_of_uri: Callable[[str], Address],
    address_of_jid: Callable[[str], Address],
) -> tuple[Buddy, ...]:
    """Everybody in a document, in its order; URIs that are no addresses are left out.  Raises ``BadDocument``.

    The two functions raise ``BadAddress``.
    """
    found: dict[Address, Buddy] = {}
    for name, uri, titles in _people(resource_lists.read(octets).lists):
        is_jabber = uri[: len(_JABBER)].lower() == _JABBER
        try:
            address = (
                address_of_jid(uri[len(_JABBER) :].partition("?")[0]) if is_jabber else address_of_uri(uri)
            )
        except BadAddress:
            continue
        if not address.local:
            continue
        before = found.get(address)
        if before is None and len(found) >= MOST_BUDDIES:
            continue
        known = before or Buddy(address=address)
        groups = (clean(each, NAME_LIMIT) for each in titles)
        found[address] = Buddy(
            address=address,
            name=known.name or clean(name, NAME_LIMIT),
            groups=tuple(dict.fromkeys([*known.groups, *groups]))[:MOST_GROUPS],
            is_jabber=known.is_jabber or is_jabber,
        )
    return tuple(found.values())


def title(resources: ResourceList) -> str:
    """What a list is called where people see it; empty where nobody has called it anything."""
    if resources.display_name:
        return resources.display_name
    name = resources.name or ""
    return "" if name.startswith(_NAMELESS) else name


Person = tuple[str, str, tuple[str, ...]]
"""Name, URI and groups of somebody who stands in the document."""


def _people(lists: Iterable[ResourceList]) -> Iterator[Person]:
    for each in lists:
        if (each.name or "").startswith(_NOT_PEOPLE):
            continue
        group = title(each)
        for member in each.members:
            if isinstance(member, Entry):
                yield member.display_name, member.uri, (group,) if group else ()
            elif isinstance(member, ResourceList):
                yield from _people((member,))
        yield from _of_blink(each)


def _of_blink(resources: ResourceList) -> Iterator[Person]:
    """COMPAT: Blink's contacts, each with one name and several URIs, and its groups, which name contacts by their ids."""
    contacts: list[Element] = []
    groups: dict[str, list[str]] = {}
    for octets in resources.extensions:
        if _BLINK.strip("{}").encode() not in octets:
            continue
        try:
            element = parse(octets, limit=resource_lists.SIZE_LIMIT)
        except BadDocument:
            continue
        if element.tag == f"{_BLINK}contact":
            contacts.append(element)
        elif element.tag == f"{_BLINK}group":
            for each in element.iter(f"{_BLINK}contact_id"):
                groups.setdefault(content(each), []).append(_name(element))
    for contact in contacts:
        named = filter(None, groups.get(contact.get("id", ""), ()))
        name, mine = _name(contact), tuple(islice(named, MOST_GROUPS))
        for uri in contact.iter(f"{_BLINK}uri"):
            written = uri.get("uri", "")
            yield name, written if ":" in written else f"sip:{written}", mine


def _name(element: Element) -> str:
    return next((content(each) for each in children(element) if each.tag == f"{_BLINK}name"), "")
