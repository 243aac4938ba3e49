"""The business card of a contact, as far as SIP knows one.

Implements: XEP-0054.
"""

from dataclasses import dataclass

from sip2xmpp.xmpp import namespaces as ns
from sip2xmpp.xmpp.texts import NAME_LIMIT, STATUS_LIMIT, text_of


@dataclass(frozen=True, slots=True, kw_only=True)
class VCard:
    """What may be said of somebody; an empty string says nothing."""

    full_name: str = ""
    nickname: str = ""
    url: str = ""
    email: str = ""
    phone: str = ""
    organization: str = ""
    title: str = ""
    description: str = ""


def vcard_element(card: VCard | None) -> str:
    """Return ``<vCard/>``; None is the empty card, which says that there is none."""
    if card is None:
        return f"<vCard xmlns='{ns.VCARD}'/>"
    inside = _field("FN", card.full_name) + _field("NICKNAME", card.nickname) + _field("URL", card.url)
    if card.email:
        inside += f"<EMAIL><INTERNET/>{_field('USERID', card.email)}</EMAIL>"
    if card.phone:
        inside += f"<TEL><VOICE/>{_field('NUMBER', card.phone)}</TEL>"
    if card.organization:
        inside += f"<ORG>{_field('ORGNAME', card.organization)}</ORG>"
    inside += _field("TITLE", card.title) + _field("DESC", card.description, STATUS_LIMIT)
    return f"<vCard xmlns='{ns.VCARD}'>{inside}</vCard>"


def _field(name: str, value: str, limit: int = NAME_LIMIT) -> str:
    return f"<{name}>{text_of(value, limit)}</{name}>" if value else ""
