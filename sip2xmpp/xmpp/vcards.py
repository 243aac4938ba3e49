"""The business card of a contact, as far as SIP knows one, in both formats that XMPP has.

A picture goes along as octets, or as the URL where it lies: nobody here fetches one.

Implements: XEP-0054; XEP-0292 section 5 (vCard4 over IQ) with the elements of RFC 6351.
"""

from base64 import b64encode
from dataclasses import dataclass

from sip2xmpp.xmpp import namespaces as ns
from sip2xmpp.xmpp.texts import NAME_LIMIT, STATUS_LIMIT, text_of

URL_LIMIT = 2048
"""Longest URL that is passed on, in characters; one that was cut would be another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VCard:
    """What may be said of somebody; an empty string says nothing.  ``photo`` are octets of ``photo_type``."""

    full_name: str = ""
    nickname: str = ""
    url: str = ""
    email: str = ""
    phone: str = ""
    organization: str = ""
    title: str = ""
    description: str = ""
    photo: bytes = b""
    photo_type: str = ""
    photo_url: str = ""


def vcard_element(card: VCard | None) -> str:
    """Return ``<vCard/>``; None is the empty card, which says that there is none."""
    if card is None:
        return f"<vCard xmlns='{ns.VCARD}'/>"
    inside = _field("FN", card.full_name) + _field("NICKNAME", card.nickname) + _url("URL", card.url)
    if card.photo:
        inside += f"<PHOTO>{_field('TYPE', card.photo_type)}<BINVAL>{_base64(card.photo)}</BINVAL></PHOTO>"
    elif card.photo_url:
        inside += f"<PHOTO>{_url('EXTVAL', card.photo_url)}</PHOTO>"
    if card.email:
        inside += f"<EMAIL><INTERNET/>{_field('USERID', card.email)}</EMAIL>"
    if card.phone:
        inside += f"<TEL><VOICE/>{_field('NUMBER', card.phone)}</TEL>"
    if card.organization:
        inside += f"<ORG>{_field('ORGNAME', card.organization)}</ORG>"
    inside += _field("TITLE", card.title) + _field("DESC", card.description, STATUS_LIMIT)
    return f"<vCard xmlns='{ns.VCARD}'>{inside}</vCard>"


def vcard4_element(card: VCard | None) -> str:
    """Return ``<vcard/>`` of the newer format, in which ``fn`` is not optional."""
    if card is None:
        return f"<vcard xmlns='{ns.VCARD4}'/>"
    inside = _typed("fn", "text", card.full_name or card.nickname)
    inside += _typed("nickname", "text", card.nickname)
    if card.photo:
        inside += f"<photo><uri>data:{text_of(card.photo_type)};base64,{_base64(card.photo)}</uri></photo>"
    elif _is_short(card.photo_url):
        inside += _typed("photo", "uri", card.photo_url, URL_LIMIT)
    if card.phone:
        inside += (
            f"<tel><parameters><type><text>voice</text></type></parameters>{_field('text', card.phone)}</tel>"
        )
    inside += _typed("email", "text", card.email) + _typed("title", "text", card.title)
    inside += _typed("org", "text", card.organization)
    inside += _typed("note", "text", card.description, STATUS_LIMIT)
    if _is_short(card.url):
        inside += _typed("url", "uri", card.url, URL_LIMIT)
    return f"<vcard xmlns='{ns.VCARD4}'>{inside}</vcard>"


def _is_short(url: str) -> bool:
    return bool(url) and len(url) <= URL_LIMIT


def _url(name: str, value: str) -> str:
    return _field(name, value, URL_LIMIT) if _is_short(value) else ""


def _typed(name: str, kind: str, value: str, limit: int = NAME_LIMIT) -> str:
    return f"<{name}>{_field(kind, value, limit)}</{name}>" if value else ""


def _field(name: str, value: str, limit: int = NAME_LIMIT) -> str:
    return f"<{name}>{text_of(value, limit)}</{name}>" if value else ""


def _base64(octets: bytes) -> str:
    return b64encode(octets).decode("ascii")
