"""Pictures that users keep on the XCAP server, as the pictures of their cards.

There is one place for the picture of somebody, the card, and whoever wrote there last has the last word: the operator by
command, or the user by storing a document of the usage ``pres-content``, whatever its name.  When a document goes, or is replaced by
one that cannot be shown, and the card still has its picture, the newest of the user's other documents takes its place, or none.

A picture that is larger than others may be given, or is no picture, is not shown; the log says so once for each such document that
is stored.  Nothing is read at a start: what documents were told when they were stored is in the cards.

Implements: OMA Presence Content XDM (the icon of a user) toward XEP-0153 and XEP-0084.
"""

from dataclasses import replace
from typing import Final

from twisted.logger import Logger

from sip2xmpp.address import Address
from sip2xmpp.documents.pres_content import read
from sip2xmpp.errors import BadAddress, BadDocument
from sip2xmpp.presence.policy import Handling, Policy
from sip2xmpp.store.documents import GLOBAL, Document
from sip2xmpp.store.interface import Change, ChangeKind, Table
from sip2xmpp.store.records import Card

USAGE: Final = "org.openmobilealliance.pres-content"

PERMISSION: Final = "status-icon"
"""The attribute of presence that a picture goes with."""

_NONE: Final = (b"", "")
_log = Logger()


def may_see_picture(policy: Policy, owner: Address, who: Address | None) -> bool:
    """Whether somebody is shown the picture of a user: who may see the user, and whom no rule keeps it from."""
    if who is None:
        return False
    judgement = policy.judge(owner, who)
    if judgement.handling is not Handling.ALLOW:
        return False
    shown = judgement.permissions
    return shown is None or shown.all_attributes or PERMISSION in shown.attributes


class KeptPictures:
    """Writes cards when documents change; ``limit`` is octets of the largest picture that is shown."""

    def __init__(self, documents: Table[Document], cards: Table[Card], *, limit: int) -> None:
        self._documents = documents
        self._cards = cards
        self.limit = limit
        documents.listen(self._document_changed)

    def _document_changed(self, change: Change[Document]) -> None:
        document = change.record
        if document.auid != USAGE or document.owner == GLOBAL:
            return
        try:
            owner = Address.parse(document.owner)
        except BadAddress:
            return
        before = document if change.kind is not ChangeKind.PUT else change.previous
        picture = self._picture(document, tells=True) if change.kind is ChangeKind.PUT else _NONE
        if picture != _NONE:
            self._show(owner, picture)
        elif before is not None and self._is_shown(owner, self._picture(before)):
            self._show(owner, self._newest(document))

    def _newest(self, gone: Document) -> tuple[bytes, str]:
        """The picture of the newest other document of the same user."""
        others = [
            each
            for each in self._documents.select(gone.owner)
            if each.auid == USAGE and each.name != gone.name
        ]
        for each in sorted(others, key=lambda each: each.changed_at, reverse=True):
            picture = self._picture(each)
            if picture != _NONE:
                return picture
        return _NONE

    def _is_shown(self, owner: Address, picture: tuple[bytes, str]) -> bool:
        card = self._cards.get(str(owner))
        return card is not None and picture != _NONE and card.picture == picture[0]

    def _show(self, owner: Address, picture: tuple[bytes, str]) -> None:
        card = self._cards.get(str(owner))
        octets, kind = picture
        made = replace(card or Card(address=owner), picture=octets, picture_type=kind)
        if made != card:
            self._cards.put(made)

    def _picture(self, document: Document, *, tells: bool = False) -> tuple[bytes, str]:
        """What a document shows, and of which type."""
        try:
            content = read(document.octets)
        except BadDocument as bad:
            why = str(bad)
        else:
            if len(content.octets) <= self.limit:
                return content.octets, content.picture.type
            why = f"it is larger than {self.limit} octets (limits.picture)"
        if tells:
            _log.warn(
                "the picture {name} of {owner} is not shown: {why}",
                name=document.name,
                owner=document.owner,
                why=why,
            )
        return _NONE
