"""Services of a resource list server: which address stands for which list, and for which event packages.

Implements: RFC 4826 section 4 (``application/rls-services+xml``).
"""

from typing import Final

from sip2xmpp.documents.namespaces import RESOURCE_LISTS, RLS_SERVICES
from sip2xmpp.documents.presence import frozen_value
from sip2xmpp.documents.resource_lists import (
    SIZE_LIMIT,
    Attributes,
    ResourceList,
    foreign_attributes,
    list_of,
    written_list,
)
from sip2xmpp.documents.xml import Element, attribute, canonical_octets, children, content, parse, text
from sip2xmpp.errors import BadDocument

CONTENT_TYPE: Final = "application/rls-services+xml"

SERVICE_LIMIT: Final = 1_000
"""Services of one document."""

_Q: Final = f"{{{RLS_SERVICES}}}"


@frozen_value
class Service:
    """One service: ``uri`` stands for ``resources``, or for the list that the HTTP URI ``reference`` selects.

    ``packages`` None: whatever event package.  ``resources`` is None where there is a reference.
    """

    uri: str
    resources: ResourceList | None = None
    reference: str = ""
    packages: tuple[str, ...] | None = None
    attributes: Attributes = ()
    extensions: tuple[bytes, ...] = ()


@frozen_value
class Services:
    """A document."""

    services: tuple[Service, ...] = ()


def read(octets: bytes, *, lists: bool = True) -> Services:
    """A document; services without URI or list are left out.  Raises ``BadDocument``.

    Without ``lists`` the lists of services are not read, which is cheaper: each is an empty one.
    """
    root = parse(octets, limit=SIZE_LIMIT)
    if root.tag != f"{_Q}rls-services":
        raise BadDocument("not an rls-services document")
    elements = [child for child in children(root) if child.tag == f"{_Q}service"]
    if len(elements) > SERVICE_LIMIT:
        raise BadDocument(f"more than {SERVICE_LIMIT} services")
    services = [_service(element, lists) for element in elements]
    return Services(services=tuple([service for service in services if service is not None]))


def write(document: Services) -> bytes:
    """A document as octets."""
    inside = "".join([_written(service) for service in document.services])
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<rls-services xmlns="{RLS_SERVICES}" xmlns:rl="{RESOURCE_LISTS}">\n{inside}</rls-services>\n'
    ).encode()


def _service(element: Element, lists: bool) -> Service | None:
    uri = (element.get("uri") or "").strip()
    resources: ResourceList | None = None
    reference = ""
    packages: tuple[str, ...] | None = None
    extensions: list[bytes] = []
    for child in children(element):
        tag = child.tag
        # COMPAT: the list is an element of this namespace and its members are not; some clients write both alike.
        if tag in (f"{_Q}list", f"{{{RESOURCE_LISTS}}}list"):
            resources = list_of(child) if lists else ResourceList()
        elif tag == f"{_Q}resource-list":
            reference = content(child)
        elif tag == f"{_Q}packages":
            packages = tuple([content(each) for each in children(child) if each.tag == f"{_Q}package"])
        elif tag[:1] == "{" and not tag.startswith(_Q):
            extensions.append(canonical_octets(child))
    if not uri or (resources is None and not reference):
        return None
    foreign = [(str(name), str(value)) for name, value in element.attrib.items() if str(name)[:1] == "{"]
    return Service(
        uri=uri,
        resources=None if reference else resources,
        reference=reference,
        packages=packages,
        attributes=tuple(foreign),
        extensions=tuple(extensions),
    )


def _written(service: Service) -> str:
    parts: list[str] = []
    if service.resources is not None:
        parts.append(written_list(service.resources, "    ", "rl:"))
    else:
        parts.append(f"    <resource-list>{text(service.reference)}</resource-list>\n")
    if service.packages is not None:
        names = "".join([f"<package>{text(name)}</package>" for name in service.packages])
        parts.append(f"    <packages>{names}</packages>\n")
    parts.extend([f"    {octets.decode()}\n" for octets in service.extensions])
    head = f'service uri="{attribute(service.uri)}"{foreign_attributes(service.attributes)}'
    return f"  <{head}>\n{''.join(parts)}  </service>\n"
