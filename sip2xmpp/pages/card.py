"""The page ``/my/card``: what others find about me beside presence, and my picture.

Texts and pictures are checked as those are that the operator's command keeps.  A picture goes back to nobody but its owner from here, as
the type that its content has; watchers get it by their own protocols, as far as the owner's rules let them.

Implements: the contact data of RFC 4482 and XEP-0054, written by their owner.
"""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any, Final

from sip2xmpp.errors import BadDocument, BadInput, StorageFailed
from sip2xmpp.pages.answers import Answer, Moved, Refused, Sent, Shown
from sip2xmpp.pages.faults import fault_told
from sip2xmpp.pages.languages import N_
from sip2xmpp.pages.routes import Page
from sip2xmpp.pages.visit import Visit
from sip2xmpp.portal.audit import Audit
from sip2xmpp.presence.card_texts import TEXT_LIMIT, URLS, card_picture, card_text, is_other_card
from sip2xmpp.store.interface import Store
from sip2xmpp.store.records import Card

PATH: Final = "/my/card"

FIELDS: Final = (
    ("full_name", N_("Name"), "name", "text"),
    ("nickname", N_("Nickname"), "nickname", "text"),
    ("phone", N_("Telephone"), "tel", "tel"),
    ("email", N_("E-mail"), "email", "email"),
    ("url", N_("Page about you"), "url", "url"),
    ("icon", N_("Picture in the web"), "off", "url"),
    ("organization", N_("Organization"), "organization", "text"),
    ("title", N_("Position"), "organization-title", "text"),
    ("description", N_("A few words"), "off", "text"),
)
"""Field of the card, what it is called, what browsers may fill in, and the kind of field."""

HINTS: Final = {
    "full_name": N_("What people see in their lists."),
    "url": N_("http or https. Others may follow it, so SIP phones show it too."),
    "icon": N_("http or https, for SIP phones, which fetch a picture and are not given one."),
}


class CardPages:
    """The pages; ``limit`` gives the octets of the largest picture."""

    def __init__(self, store: Store, audit: Audit, *, limit: Callable[[], int]) -> None:
        self._store = store
        self._audit = audit
        self._limit = limit

    def pages(self) -> list[Page]:
        """The rows of the table."""
        return [
            Page(method="GET", path=PATH, serve=self._show, name="card", label=N_("Card")),
            Page(method="POST", path=PATH, serve=self._change, name="change-card"),
            Page(method="GET", path=f"{PATH}/picture", serve=self._picture, name="picture"),
            Page(method="POST", path=f"{PATH}/picture", serve=self._change_picture, name="change-picture"),
            Page(
                method="POST",
                path=f"{PATH}/remove-picture",
                serve=self._remove_picture,
                name="remove-picture",
            ),
        ]

    async def _show(self, visit: Visit) -> Answer:
        return self._shown(visit, self._card(visit), {})

    def _shown(self, visit: Visit, card: Card, faults: dict[str, str], status: int = 200) -> Answer:
        kept = self._card(visit).picture
        return Shown(
            "card",
            {
                "card": {name: getattr(card, name) for name, _, _, _ in FIELDS},
                "fields": FIELDS,
                "hints": HINTS,
                "faults": faults,
                "most": TEXT_LIMIT,
                "limit": self._limit(),
                "picture": f"{PATH}/picture?v={sha256(kept).hexdigest()[:16]}" if kept else "",
            },
            status=status,
        )

    async def _change(self, visit: Visit) -> Answer:
        changes: dict[str, Any] = {}
        faults: dict[str, str] = {}
        written: dict[str, Any] = {}
        for name, _, _, _ in FIELDS:
            try:
                written[name] = visit.form.text(name, most=TEXT_LIMIT)
                changes[name] = card_text(name, written[name])
            except BadInput:
                faults[name] = visit.translate(
                    N_("This is no http or https address.") if name in URLS else N_("This cannot be kept.")
                )
        card = self._card(visit)
        if faults:
            return self._shown(visit, replace(card, **written), faults, status=422)
        return await self._keep(
            visit, replace(card, **changes), "change the card", visit.translate(N_("Your card was changed."))
        )

    async def _change_picture(self, visit: Visit) -> Answer:
        file = visit.form.file("picture")
        if file is None or not file.octets:
            return Moved(PATH, visit.translate(N_("Choose a picture first.")), bad=True)
        limit = self._limit()
        if len(file.octets) > limit:
            size = visit.language.number(limit // 1024)
            told = visit.translate(N_("The picture is too large: %(size)s KiB are the most."), size=size)
            return Moved(PATH, told, bad=True)
        try:
            picture, kind = card_picture(file.octets, limit)
        except BadDocument:
            return Moved(PATH, visit.translate(N_("This is neither a PNG, a JPEG nor a GIF.")), bad=True)
        card = replace(self._card(visit), picture=picture, picture_type=kind)
        return await self._keep(
            visit, card, "change the picture", visit.translate(N_("Your picture was changed."))
        )

    async def _remove_picture(self, visit: Visit) -> Answer:
        card = replace(self._card(visit), picture=b"", picture_type="")
        return await self._keep(
            visit, card, "remove the picture", visit.translate(N_("Your picture was removed."))
        )

    async def _picture(self, visit: Visit) -> Answer:
        card = self._card(visit)
        if not card.picture:
            return Refused(404, visit.translate(N_("There is no picture.")))
        try:
            picture, kind = card_picture(card.picture, len(card.picture))
        except BadDocument:
            return Refused(404, visit.translate(N_("There is no picture.")))
        return Sent(kind, picture, keep=3_600)

    async def _keep(self, visit: Visit, card: Card, what: str, told: str) -> Answer:
        if is_other_card(card, self._store.cards.get(str(visit.me))):
            try:
                self._store.cards.put(card)
                self._audit.record(who=visit.who, by="page", what=what, about=str(visit.me), peer=visit.peer)
                await self._store.committed()
            except StorageFailed as error:
                return Moved(PATH, fault_told(visit, error), bad=True)
        return Moved(PATH, told)

    def _card(self, visit: Visit) -> Card:
        return self._store.cards.get(str(visit.me)) or Card(address=visit.me)
