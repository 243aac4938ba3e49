"""The face of our users for Jabber: name, contact data and picture, for those who may see the presence they belong to.

A card is the stored one, filled up with what the presence says that the asker is shown (CIPID, status icon).  Whoever may not
see a presence, is put off politely, or asks about somebody who does not exist gets the same empty card as about somebody
without any.  URLs are passed on; what lies behind them is never fetched from here.

Every available presence of a contact with a card carries the hash of its picture, prepared once a card; the listener is told
when that is another one, so that whoever watches gets the presence again.  A card without a picture says that there is none;
where there is no card nothing is said, and clients keep what they have: so a card is emptied rather than removed.

Implements: XEP-0054, XEP-0292, XEP-0153, XEP-0084 and XEP-0172 for SIP contacts; RFC 4482 (CIPID) toward XMPP.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Final

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime

from sip2xmpp.address import Address
from sip2xmpp.bridge.addressing import Addressing
from sip2xmpp.documents.pictures import picture_of
from sip2xmpp.documents.presence import Cipid, Presence
from sip2xmpp.errors import BadAddress, BadDocument
from sip2xmpp.metering import Attempts
from sip2xmpp.store.interface import Change, Table
from sip2xmpp.store.records import Card
from sip2xmpp.xmpp.avatars import NO_PICTURE, Avatar
from sip2xmpp.xmpp.stanza_errors import StanzaRefused
from sip2xmpp.xmpp.vcards import VCard

MOST_PICTURES: Final = 600
"""Cards with a picture that a Jabber user is given in a minute, which is a large roster: a short question has a long answer."""


class Cards:
    """Cards of contacts, by the JIDs under which Jabber users know them.

    ``is_own`` says of a domain whether it is ours; ``exists`` tells who there is of our users, and ``shown(contact, watcher)`` what
    of a contact's presence a watcher may see, None for one who may not see it.  ``admit`` gives the address of an asker, or refuses one whom the
    operator does not serve.  ``seen`` is what a Jabber user is shown of a contact of another domain, by their bare JIDs.
    ``may_see_picture(contact, watcher)`` says whether the contact's rules leave the picture to one who may see the presence.
    """

    def __init__(
        self,
        cards: Table[Card],
        *,
        addressing: Addressing,
        is_own: Callable[[str], bool],
        exists: Callable[[Address], bool],
        shown: Callable[[Address, Address], Presence | None],
        clock: IReactorTime,
        admit: Callable[[str], Address],
        seen: Callable[[str, str], Presence | None],
        may_see_picture: Callable[[Address, Address], bool] = lambda contact, watcher: True,  # noqa: ARG005
    ) -> None:
        self._cards = cards
        self._addressing = addressing
        self._is_own = is_own
        self._exists = exists
        self._shown = shown
        self._admit = admit
        self._seen = seen
        self._may_see_picture = may_see_picture
        self._pictures = Attempts(clock, most=MOST_PICTURES, seconds=60.0, keys=1_000)
        self._avatars: dict[Address, Avatar | None] = {}
        self._listeners: list[Callable[[Address], None]] = []
        cards.listen(self._card_changed)

    def listen(self, listener: Callable[[Address], None]) -> None:
        """Call ``listener(contact)`` when the presence of a contact carries another mark than before."""
        self._listeners.append(listener)

    # In presence

    def mark(self, contact_jid: str) -> str:
        """The element that goes into every available presence of a contact; empty where there is no card."""
        contact = self._contact(contact_jid) if len(self._cards) else None
        if contact is None or self._cards.get(str(contact)) is None:
            return ""
        avatar = self._avatar(contact)
        return NO_PICTURE if avatar is None else avatar.update

    def conceals(self, contact: Address, watcher: Address) -> bool:
        """Whether there is a picture that this watcher is not to know of."""
        card = self._cards.get(str(contact)) if len(self._cards) else None
        return card is not None and card.picture != b"" and not self._may_see_picture(contact, watcher)

    def audience(self, contact: Address, watchers: Iterable[Address]) -> list[Address]:
        """Those of several watchers who are told when the picture is another one, or gone."""
        return [each for each in watchers if self._may_see_picture(contact, each)]

    def nickname(self, contact_jid: str) -> str:
        """The name that a contact introduces itself with when it asks for something."""
        contact = self._contact(contact_jid) if len(self._cards) else None
        card = None if contact is None else self._cards.get(str(contact))
        return "" if card is None else card.nickname or card.full_name

    # On request

    def card_of(self, contact_jid: str, asker: str) -> Deferred[VCard | None]:
        """The card that ``asker`` may see, None if there is none for it; refuses an asker who is not served."""
        return succeed(self.face(contact_jid, asker)[0])

    def face(self, contact_jid: str, asker: str) -> tuple[VCard | None, Avatar | None]:
        """Card and picture, as far as ``asker`` may see them."""
        try:
            watcher = self._admit(asker)
        except BadAddress:
            return None, None
        contact = self._contact(contact_jid)
        if contact is None:
            return None, None
        if not self._is_own(contact.domain):
            return _vcard(None, self._seen(asker.partition("/")[0], contact_jid)), None
        shown = self._shown(contact, watcher) if self._exists(contact) else None
        if shown is None:
            return None, None
        card, avatar = self._cards.get(str(contact)), self._avatar(contact)
        if card is not None and not self._may_see_picture(contact, watcher):
            card, avatar = replace(card, picture=b"", picture_type="", icon=""), None
        if avatar is not None and not self._pictures.take(watcher):
            raise StanzaRefused("resource-constraint", "Too many pictures in a minute")
        return _vcard(card, shown), avatar

    def _contact(self, contact_jid: str) -> Address | None:
        try:
            return self._addressing.address_of_jid(contact_jid)
        except BadAddress:
            return None

    def _avatar(self, contact: Address) -> Avatar | None:
        if contact not in self._avatars:
            card = self._cards.get(str(contact))
            if card is None:
                return None
            self._avatars[contact] = _avatar_in(card)
        return self._avatars[contact]

    def _card_changed(self, change: Change[Card]) -> None:
        contact = change.record.address
        self._avatars.pop(contact, None)
        before = change.previous
        if before is None or before.picture != change.record.picture:
            for listener in self._listeners:
                listener(contact)


def _avatar_in(card: Card) -> Avatar | None:
    if not card.picture:
        return None
    try:
        picture = picture_of(card.picture)
    except BadDocument:
        return Avatar(card.picture, card.picture_type)
    return Avatar(card.picture, picture.type, picture.width, picture.height)


def _vcard(card: Card | None, document: Presence | None) -> VCard | None:
    """The stored card, and in its gaps what the presence says; None if that is nothing."""
    cipid = _stated(document)
    icon = (card.icon if card is not None else "") or cipid.icon or _status_icon(document)
    if card is None:
        card = Card(address=Address("", ""))
    made = VCard(
        full_name=card.full_name or cipid.display_name or card.nickname,
        nickname=card.nickname or cipid.display_name or "",
        url=_web(card.url or cipid.homepage or cipid.card or ""),
        email=card.email,
        phone=card.phone,
        organization=card.organization,
        title=card.title,
        description=card.description,
        photo=card.picture,
        photo_type=card.picture_type,
        photo_url=_web(icon),
    )
    return None if made == VCard() else made


def _stated(document: Presence | None) -> Cipid:
    """The contact information of the person, else of services, field by field."""
    stated = [cipid for cipid in _cipids(document) if cipid is not None]

    def first(name: str) -> str | None:
        return next((value for cipid in stated if (value := getattr(cipid, name))), None)

    return Cipid(**{name: first(name) for name in ("card", "display_name", "homepage", "icon")})


def _cipids(document: Presence | None) -> Iterator[Cipid | None]:
    if document is not None:
        yield from (person.cipid for person in document.persons)
        yield from (service.cipid for service in document.tuples)


def _status_icon(document: Presence | None) -> str:
    if document is None:
        return ""
    icons = [one.status_icon for one in document.persons] + [one.status_icon for one in document.tuples]
    return next(filter(None, icons), "")


def _web(url: str) -> str:
    """A URL that a client may be pointed to, or nothing: no scripts, no files."""
    return url if url.lower().startswith(("https://", "http://")) else ""
