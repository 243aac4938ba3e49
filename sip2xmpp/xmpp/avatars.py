"""The picture of a contact: its hash in presence, and itself as the items of a personal eventing service.

Every available presence of a contact with a card carries the hash, so that whoever sees the presence knows whether it has
the picture already; then it asks for the vCard, or for the two nodes here.

Implements: XEP-0153 sections 3 and 4; XEP-0084 sections 4.1 and 4.2 (on request); XEP-0060 section 6.5 (items); XEP-0172.
"""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha1
from typing import Final

from twisted.words.xish.domish import Element

from sip2xmpp.xmpp import namespaces as ns
from sip2xmpp.xmpp.iq import Questions
from sip2xmpp.xmpp.reading import children
from sip2xmpp.xmpp.stanza_errors import StanzaRefused
from sip2xmpp.xmpp.stanzas import nick_element
from sip2xmpp.xmpp.texts import quote
from sip2xmpp.xmpp.vcards import VCard, vcard4_element

NO_PICTURE: Final = f"<x xmlns='{ns.VCARD_UPDATE}'><photo/></x>"
"""There is a card, and no picture in it."""


@dataclass(frozen=True, slots=True)
class Avatar:
    """A picture of ``type``; ``width`` and ``height`` are pixels, 0 for unknown.  ``hash`` is its name in XMPP."""

    octets: bytes
    type: str
    width: int = 0
    height: int = 0
    hash: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "hash", sha1(self.octets).hexdigest())

    @property
    def update(self) -> str:
        """What goes into every available presence."""
        return f"<x xmlns='{ns.VCARD_UPDATE}'><photo>{self.hash}</photo></x>"

    @property
    def metadata(self) -> str:
        """``<metadata/>`` with the one variant there is."""
        size = f" width='{self.width}' height='{self.height}'" if self.width and self.height else ""
        return (
            f"<metadata xmlns='{ns.AVATAR_METADATA}'><info id='{self.hash}' bytes='{len(self.octets)}'"
            f" type='{quote(self.type)}'{size}/></metadata>"
        )

    @property
    def data(self) -> str:
        """``<data/>`` with the picture itself."""
        return f"<data xmlns='{ns.AVATAR_DATA}'>{b64encode(self.octets).decode('ascii')}</data>"


Face = Callable[[str, str], tuple[VCard | None, Avatar | None]]
"""Card and picture of a contact (bare JID) as far as an asker (full JID) may see them."""


def card_questions(face: Face) -> Questions:
    """What is answered about a contact beside ``vcard-temp``: the newer card, and the items of its nodes."""

    def vcard4(iq: Element, _: Element) -> str:
        return vcard4_element(face(_contact(iq), iq.attributes["from"])[0])

    def pubsub(iq: Element, asked: Element) -> str:
        contact, wanted = _contact(iq), list(children(asked))
        if len(wanted) != 1 or (wanted[0].uri, wanted[0].name) != (ns.PUBSUB, "items"):
            raise StanzaRefused("feature-not-implemented")
        names = [item.attributes.get("id") for item in children(wanted[0]) if item.name == "item"]
        node = wanted[0].attributes.get("node", "")
        return items(node, names[0] if names else None, *face(contact, iq.attributes["from"]))

    return {("get", ns.VCARD4, "vcard"): vcard4, ("get", ns.PUBSUB, "pubsub"): pubsub}


def _contact(iq: Element) -> str:
    """The bare JID that is asked; refuses questions to anything else."""
    asked: str = iq.attributes["to"]
    if "@" not in asked or "/" in asked:
        raise StanzaRefused("service-unavailable")
    return asked


def items(node: str, wanted: str | None, card: VCard | None, avatar: Avatar | None) -> str:
    """The items of a node, or the one that is ``wanted`` by its id.

    Refuses with ``item-not-found`` what there is not, so that nobody learns whether there is a contact.
    """
    writers: dict[str, tuple[str, Callable[[], str]]] = {}
    if card is not None:
        writers[ns.VCARD4_NODE] = "current", lambda: vcard4_element(card)
        if card.nickname:
            writers[ns.NICK] = "current", lambda: nick_element(card.nickname)
    if avatar is not None:
        writers[ns.AVATAR_METADATA] = avatar.hash, lambda: avatar.metadata
        writers[ns.AVATAR_DATA] = avatar.hash, lambda: avatar.data
    found = writers.get(node)
    if found is None or wanted not in (None, found[0]):
        raise StanzaRefused("item-not-found")
    name, write = found
    return f"<pubsub xmlns='{ns.PUBSUB}'><items node='{quote(node)}'><item id='{name}'>{write()}</item></items></pubsub>"
