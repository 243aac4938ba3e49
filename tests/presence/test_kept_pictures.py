"""Pictures that users keep on the XCAP server, in their cards."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher

from sip2xmpp.address import Address
from sip2xmpp.documents.permissions import Permissions
from sip2xmpp.documents.pres_content import Content, write
from sip2xmpp.presence.kept_pictures import USAGE, KeptPictures, may_see_picture
from sip2xmpp.presence.policy import Handling, Judgement, Policy
from sip2xmpp.store.documents import GLOBAL, Document, document_key
from sip2xmpp.store.memory import MemoryStore
from sip2xmpp.store.records import Card
from tests.documents.test_pictures import GIF, JPEG, PNG

ALICE = Address("alice", "sip.example.org")
LIMIT = 2_000


class Scene:
    def __init__(self, clock: Clock) -> None:
        self.store = MemoryStore(clock)
        self.made = 0.0
        KeptPictures(self.store.documents, self.store.cards, limit=LIMIT)

    def keep(
        self, octets: bytes, name: str = "oma_status-icon/index", owner: str = str(ALICE), auid: str = USAGE
    ) -> None:
        self.made += 1
        self.store.documents.put(
            Document(
                auid=auid, owner=owner, name=name, octets=octets, etag=str(self.made), changed_at=self.made
            )
        )

    def delete(self, name: str = "oma_status-icon/index") -> None:
        self.store.documents.remove(document_key(USAGE, str(ALICE), name))

    @property
    def picture(self) -> tuple[bytes, str] | None:
        card = self.store.cards.get(str(ALICE))
        return None if card is None else (card.picture, card.picture_type)


def icon(octets: bytes) -> bytes:
    return write(Content(octets=octets))


@pytest.fixture
def scene(clock: Clock) -> Scene:
    return Scene(clock)


def test_a_picture_comes_changes_and_goes_with_its_document(scene: Scene) -> None:
    scene.keep(icon(PNG))
    assert scene.picture == (PNG, "image/png")
    scene.keep(icon(GIF))
    assert scene.picture == (GIF, "image/gif")
    scene.delete()
    assert scene.picture == (b"", ""), "a card without a picture says that there is none"


def test_the_rest_of_the_card_stays(scene: Scene) -> None:
    scene.store.cards.put(Card(address=ALICE, full_name="Alice"))
    scene.keep(icon(PNG))
    card = scene.store.cards.get(str(ALICE))
    assert card is not None and (card.full_name, card.picture) == ("Alice", PNG)


def test_who_wrote_last_has_the_last_word(scene: Scene) -> None:
    scene.keep(icon(PNG))
    card = scene.store.cards.get(str(ALICE))
    assert card is not None
    scene.store.cards.put(replace(card, picture=GIF, picture_type="image/gif"))
    assert scene.picture == (GIF, "image/gif")
    scene.delete()
    assert scene.picture == (GIF, "image/gif"), "it was not the document's"
    scene.keep(icon(JPEG))
    assert scene.picture == (JPEG, "image/jpeg")


def test_the_newest_other_document_takes_the_place_of_one_that_goes(scene: Scene) -> None:
    scene.keep(icon(JPEG), name="a")
    scene.keep(icon(GIF), name="b")
    scene.keep(b"<broken", name="c")
    scene.keep(icon(PNG), name="d")
    scene.delete("d")
    assert scene.picture == (GIF, "image/gif")


@pytest.mark.parametrize(
    "octets", [icon(PNG + bytes(LIMIT)), b"<broken", icon(PNG).replace(b"<data>", b"<data>%")]
)
def test_what_cannot_be_shown_shows_nothing_and_is_logged_once(scene: Scene, octets: bytes) -> None:
    logged: list[dict[str, Any]] = []
    scene.keep(icon(PNG))
    globalLogPublisher.addObserver(logged.append)
    try:
        scene.keep(octets)
        scene.delete()
    finally:
        globalLogPublisher.removeObserver(logged.append)
    assert scene.picture == (b"", "")
    assert len([event for event in logged if "is not shown" in event["log_format"]]) == 1


class Ruled:
    """Rules that say the same of everybody."""

    def __init__(self, judgement: Judgement | None) -> None:
        self.judgement = judgement

    def judge(self, presentity: Address, watcher: Address) -> Judgement | None:
        return self.judgement

    def listen(self, listener: Callable[[Address], None]) -> None:
        pass


@pytest.mark.parametrize(
    ("judgement", "sees"),
    [
        (Judgement(handling=Handling.ALLOW), True),
        (Judgement(handling=Handling.ALLOW, permissions=Permissions(all_attributes=True)), True),
        (
            Judgement(
                handling=Handling.ALLOW, permissions=Permissions(attributes=frozenset(("status-icon",)))
            ),
            True,
        ),
        (
            Judgement(
                handling=Handling.ALLOW, permissions=Permissions(attributes=frozenset(("activities",)))
            ),
            False,
        ),
        (Judgement(handling=Handling.POLITE_BLOCK), False),
        (Judgement(handling=Handling.CONFIRM), False),
    ],
)
def test_a_picture_is_for_those_whom_rules_leave_it_to(
    clock: Clock, judgement: Judgement, *, sees: bool
) -> None:
    policy = Policy(MemoryStore(clock).verdicts, rules=Ruled(judgement))
    assert may_see_picture(policy, ALICE, Address("bob", "sip.example.org")) is sees
    assert not may_see_picture(policy, ALICE, None) and may_see_picture(policy, ALICE, ALICE)


def test_other_documents_are_no_pictures(scene: Scene) -> None:
    scene.keep(icon(PNG), auid="resource-lists")
    scene.keep(icon(PNG), owner=GLOBAL)
    scene.keep(icon(PNG), owner="bob@sip.example.org")
    scene.delete("nothing")
    assert scene.picture is None and scene.store.cards.get("bob@sip.example.org") is not None
