"""Rules as owners' clients write them, and the store they are kept in."""

from sip2xmpp.address import Address
from sip2xmpp.store.documents import Document, document_key
from sip2xmpp.store.interface import Table

ALICE = Address("alice", "sip.example.org")
BOB = Address("bob", "sip.example.org")
ROMEO = Address("romeo", "jabber.example")

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<cp:ruleset xmlns="urn:ietf:params:xml:ns:pres-rules" xmlns:cp="urn:ietf:params:xml:ns:common-policy" '
    'xmlns:ocp="urn:oma:xml:xdm:common-policy" xmlns:dr="http://openxcap.org/ns/dialog-rules">'
)
EVERYTHING = (
    "<provide-services><all-services/></provide-services><provide-persons><all-persons/></provide-persons>"
    "<provide-devices><all-devices/></provide-devices><provide-all-attributes/>"
)
ACTIVITIES = (
    "<provide-services><all-services/></provide-services><provide-persons><all-persons/></provide-persons>"
    "<provide-activities>true</provide-activities>"
)


def ruleset(*rules: str) -> bytes:
    """A document of rules."""
    return f"{_HEAD}{''.join(rules)}</cp:ruleset>".encode()


def rule(
    handling: str, *who: Address | str, name: str = "", provide: str = EVERYTHING, conditions: str = ""
) -> str:
    """A rule about some watchers, or without any about everybody; a text among ``who`` is XML inside ``identity``."""
    names = "".join(each if isinstance(each, str) else f'<cp:one id="sip:{each}"/>' for each in who)
    identity = f"<cp:identity>{names}</cp:identity>" if who else ""
    provided = provide if handling == "allow" else ""
    return (
        f'<cp:rule id="{name or f"r{abs(hash((handling, who, conditions)))}"}">'
        f"<cp:conditions>{identity}{conditions}</cp:conditions>"
        f"<cp:actions><sub-handling>{handling}</sub-handling></cp:actions>"
        f"<cp:transformations>{provided}</cp:transformations></cp:rule>"
    )


def keep(
    table: Table[Document],
    octets: bytes,
    *,
    owner: Address | str = BOB,
    auid: str = "pres-rules",
    name: str = "index",
) -> None:
    """Store a document as an XCAP server does."""
    held = table.get(document_key(auid, str(owner), name))
    table.put(
        Document(
            auid=auid,
            owner=str(owner),
            name=name,
            octets=octets,
            etag="1" if held is None else f"{held.etag}1",
            changed_at=0.0,
        )
    )


def discard(
    table: Table[Document], *, owner: Address = BOB, auid: str = "pres-rules", name: str = "index"
) -> None:
    table.remove(document_key(auid, str(owner), name))
