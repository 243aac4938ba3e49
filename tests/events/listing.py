"""Gateways of tests with lists: the book, the agents and the packages, joined as the composition root does."""

from collections.abc import Callable, Sequence
from typing import Any

from sip2xmpp.address import Address
from sip2xmpp.bridge.addressing import Addressing
from sip2xmpp.documents import resource_lists, rls_services
from sip2xmpp.documents.resource_lists import Entry, ResourceList, ResourceLists
from sip2xmpp.documents.rlmi import Related, read_related
from sip2xmpp.documents.rls_services import Service, Services
from sip2xmpp.events.list_package import ListPackage, Lists
from sip2xmpp.events.package import EventPackage
from sip2xmpp.presence.flattening import Addresses
from sip2xmpp.presence.list_agent import ListAgent, ListLimits
from sip2xmpp.presence.list_book import ListBook
from sip2xmpp.store.documents import Document
from tests.events.gateway import Gateway
from tests.events.phone import Text

DOMAIN = "sip.example.org"

ACCEPT = "Accept: application/pidf+xml, application/rlmi+xml, multipart/related\r\n"
SUPPORTED = ACCEPT + "Supported: eventlist\r\n"


def lists_of(
    gateway: Gateway,
    packages: Sequence[EventPackage],
    *,
    is_user: Callable[[Address], bool],
    room: int = 32_768,
    takes_bodies: bool = True,
) -> Lists:
    """Lists of all packages."""
    clock: Any = gateway.clock
    addressing = Addressing([DOMAIN], None, gateway.store.spellings)
    addresses = Addresses(address_of_uri=addressing.address_of_uri, address_of_jid=addressing.address_of_jid)
    book = ListBook(gateway.store, clock, addresses=addresses, domains=[DOMAIN])

    def listed(package: EventPackage) -> ListPackage:
        agent = ListAgent(
            book, package, clock=clock, domains=[DOMAIN], package=package.name, limits=ListLimits()
        )
        return ListPackage(package, book, agent, room=room)

    lists = Lists(
        book,
        [listed(package) for package in packages],
        is_user=is_user,
        domains=frozenset([DOMAIN]),
        takes_bodies=takes_bodies,
    )
    gateway.agent.announce(supported=lists.option_tags)
    return lists


def body_of(*uris: str) -> bytes:
    """A list for the body of a SUBSCRIBE."""
    entries = tuple(Entry(uri=uri) for uri in uris)
    return resource_lists.write(ResourceLists(lists=(ResourceList(members=entries),)))


def service(uri: str, owner: str, *uris: str, packages: tuple[str, ...] | None = None) -> Document:
    """The document in which ``owner`` has one service with these members."""
    inline = ResourceList(members=tuple(Entry(uri=uri) for uri in uris))
    services = Services(services=(Service(uri=uri, resources=inline, packages=packages),))
    return Document(
        auid="rls-services",
        owner=owner,
        name="index",
        octets=rls_services.write(services),
        etag="1",
        changed_at=0.0,
    )


def related(notify: Text) -> Related:
    """The body of a NOTIFY about a list."""
    return read_related(notify["Content-Type"], notify.body)
