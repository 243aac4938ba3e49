"""Cards, pictures and nicknames of SIP users for Jabber users, and who gets to see them."""

from hashlib import sha1
from xml.etree import ElementTree as ET

import pytest
from twisted.internet.task import Clock
from twisted.words.xish.domish import Element

from sip2xmpp.address import Address
from sip2xmpp.bridge.addressing import Addressing
from sip2xmpp.bridge.cards import MOST_PICTURES, Cards
from sip2xmpp.bridge.outbox import Outbox
from sip2xmpp.bridge.pacing import Pace
from sip2xmpp.bridge.watchers import JabberWatchers
from sip2xmpp.documents.presence import Basic, Cipid, Person, Presence, Tuple
from sip2xmpp.presence.canonical import offline_document
from sip2xmpp.presence.policy import Handling
from sip2xmpp.store.memory import MemoryStore
from sip2xmpp.store.records import Card
from sip2xmpp.xmpp import namespaces as ns
from sip2xmpp.xmpp.availability import Availability
from sip2xmpp.xmpp.avatars import card_questions
from sip2xmpp.xmpp.stanza_errors import StanzaRefused
from sip2xmpp.xmpp.vcards import VCard
from tests.bridge.scene import ALICE, BOB, ROMEO, Source, Wire
from tests.fakes import result_of

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (64).to_bytes(4) + (48).to_bytes(4)
HASH = sha1(PNG).hexdigest()
ENCAPSULATED = "bob\\40sip.example.org@gw.example.org"
FOREIGN = "carol\\40sip.example.net@gw.example.org"
FULL = f"{ROMEO}/orchard"
MARK = f"{{{ns.VCARD_UPDATE}}}x"


class Own:
    """Our users: bob, who allows whom the test says."""

    def __init__(self) -> None:
        self.handling = Handling.ALLOW
        self.shows_picture = True
        self.document = offline_document(f"sip:{BOB}")

    def exists(self, address: Address) -> bool:
        return str(address) in (BOB, ALICE)

    def shown(self, presentity: Address, watcher: Address) -> Presence | None:
        assert str(watcher) == ROMEO
        return self.document if self.handling is Handling.ALLOW else None


class Scene:
    def __init__(self) -> None:
        self.clock = Clock()
        self.store = MemoryStore(self.clock)
        self.wire, self.source, self.own = Wire(), Source(), Own()
        addressing = Addressing(["sip.example.org"], "gw.example.org", self.store.spellings)
        self.pace = Pace(self.clock)
        self.cards = Cards(
            self.store.cards,
            addressing=addressing,
            exists=self.own.exists,
            shown=self.own.shown,
            clock=self.clock,  # type: ignore[arg-type]
            is_own=lambda domain: domain == "sip.example.org",
            may_see_picture=lambda contact, watcher: self.own.shows_picture,
            admit=self.admit,
            seen=lambda watcher, contact: self.watchers.seen(watcher, contact),  # noqa: PLW0108 - made below
        )
        self.outbox = Outbox(self.wire, self.store, "<c/>", self.cards)  # type: ignore[arg-type]
        self.watchers = JabberWatchers(
            store=self.store,
            outbox=self.outbox,
            back_end=self.source,
            clock=self.clock,
            pace=self.pace,
            conceals=self.cards.conceals,
        )
        self.cards.listen(
            lambda contact: self.watchers.show_again(
                contact, self.cards.audience(contact, [Address.parse(ROMEO)])
            )
        )

    def admit(self, jid: str) -> Address:
        if jid.startswith("nobody"):
            raise StanzaRefused("forbidden", "This gateway does not serve you")
        return Address.parse(jid.partition("/")[0])

    def keep(self, **known: object) -> None:
        self.store.cards.put(Card(address=Address.parse(BOB), **known))  # type: ignore[arg-type]

    def card(self, contact: str = BOB) -> VCard | None:
        card: VCard | None = result_of(self.cards.card_of(contact, FULL))
        return card

    def ask(self, payload: str, namespace: str, name: str, to: str = BOB) -> ET.Element:
        iq = Element((None, "iq"))
        iq.attributes.update({"from": FULL, "to": to, "id": "1", "type": "get"})
        iq.addRawXml(payload)
        asked = Element((namespace, name))
        for part in ET.fromstring(payload):
            inner = asked.addElement((namespace, part.tag.rpartition("}")[2]))
            inner.attributes.update(part.attrib)
            for item in part:
                inner.addElement((namespace, "item")).attributes.update(item.attrib)
        answer = card_questions(self.cards.face)["get", namespace, name](iq, asked)
        assert isinstance(answer, str)
        return ET.fromstring(answer)

    def items(self, node: str, item: str = "", to: str = BOB) -> ET.Element:
        inside = f"<item id='{item}'/>" if item else ""
        payload = f"<pubsub xmlns='{ns.PUBSUB}'><items node='{node}'>{inside}</items></pubsub>"
        return self.ask(payload, ns.PUBSUB, "pubsub", to)

    def watch(self, contact: str = BOB) -> None:
        self.watchers.subscribe_received(ROMEO, contact, Address.parse(ROMEO), Address.parse(BOB))
        self.source.last.active(Tuple(id="ID-desk", basic=Basic.OPEN))
        self.settle()

    def settle(self) -> None:
        for _ in range(10):
            self.clock.advance(0.1)

    def marks(self) -> list[str | None]:
        """The hash in each available presence since the last time; None for one without a mark."""
        return [
            None if (mark := stanza.find(MARK)) is None else mark.findtext(f"{{{ns.VCARD_UPDATE}}}photo")
            for stanza in self.wire.elements()
            if stanza.get("type") is None
        ]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def published(**person: object) -> Presence:
    return Presence(
        entity=f"sip:{BOB}",
        tuples=(Tuple(id="t", basic=Basic.OPEN, cipid=Cipid(homepage="https://t.example/")),),
        persons=(Person(id="p", **person),),  # type: ignore[arg-type]
    )


def test_a_card_is_what_is_stored_and_in_its_gaps_what_is_published(scene: Scene) -> None:
    scene.keep(full_name="Bob", phone="+1 555")
    cipid = Cipid(display_name="Bobby", icon="https://b.example/i.png")
    scene.own.document = published(cipid=cipid, status_icon="https://b.example/away.png")
    for contact in (BOB, ENCAPSULATED):
        assert scene.card(contact) == VCard(
            full_name="Bob",
            nickname="Bobby",
            phone="+1 555",
            url="https://t.example/",
            photo_url="https://b.example/i.png",
        )


def test_a_status_icon_is_a_picture_too(scene: Scene) -> None:
    scene.own.document = published(status_icon="https://b.example/away.png")
    card = scene.card()
    assert card is not None and card.photo_url == "https://b.example/away.png"


@pytest.mark.parametrize("url", ["javascript:alert(1)", "file:///etc/passwd", "data:image/png;base64,AA"])
def test_only_addresses_in_the_web_are_passed_on(scene: Scene, url: str) -> None:
    scene.own.document = published(cipid=Cipid(display_name="Bob", icon=url))
    card = scene.card()
    assert card is not None and card.photo_url == ""


@pytest.mark.parametrize("handling", [Handling.CONFIRM, Handling.POLITE_BLOCK, Handling.BLOCK])
def test_who_may_not_see_gets_the_same_as_about_nobody(scene: Scene, handling: Handling) -> None:
    scene.keep(full_name="Bob", picture=PNG, picture_type="image/png")
    scene.own.handling = handling
    for contact in (BOB, ALICE, "stranger@sip.example.org"):
        assert scene.card(contact) is None
        for node in (ns.AVATAR_DATA, ns.AVATAR_METADATA, ns.NICK, ns.VCARD4_NODE):
            with pytest.raises(StanzaRefused) as refused:
                scene.items(node, to=contact)
            assert refused.value.error.condition == "item-not-found"


def test_whom_a_rule_keeps_the_picture_from_gets_the_rest_of_the_card(scene: Scene) -> None:
    scene.keep(full_name="Bob", picture=PNG, picture_type="image/png", icon="https://b.example/i.png")
    scene.own.shows_picture = False
    card = scene.card()
    assert card is not None and (card.full_name, card.photo, card.photo_url) == ("Bob", b"", "")
    assert scene.cards.face(BOB, FULL)[1] is None
    scene.keep(picture=PNG, picture_type="image/png")
    assert scene.card() is None


def test_a_card_of_a_user_who_is_gone_is_not_shown(scene: Scene) -> None:
    scene.store.cards.put(Card(address=Address.parse("old@sip.example.org"), full_name="Old"))
    assert scene.card("old@sip.example.org") is None


def test_whom_the_operator_does_not_serve_is_refused(scene: Scene) -> None:
    with pytest.raises(StanzaRefused):
        scene.cards.card_of(BOB, "nobody@evil.example/x")


def test_an_address_that_is_none_has_no_card(scene: Scene) -> None:
    scene.keep(full_name="Bob")
    assert scene.card("nonsense@gw.example.org") is None
    assert scene.cards.mark("nonsense@gw.example.org") == ""
    assert scene.cards.mark("gw.example.org") == ""


def test_a_contact_of_another_domain_shows_what_its_presence_says_to_the_asker(scene: Scene) -> None:
    assert scene.card(FOREIGN) is None
    scene.watchers.subscribe_received(
        ROMEO, FOREIGN, Address.parse(ROMEO), Address.parse("carol@sip.example.net")
    )
    cipid = Cipid(display_name="Carol")
    scene.source.last.active(Tuple(id="t", basic=Basic.OPEN, cipid=cipid))
    assert scene.card(FOREIGN) == VCard(full_name="Carol", nickname="Carol")


def test_the_picture_is_an_item(scene: Scene) -> None:
    scene.keep(full_name="Bob", nickname="Bobby", picture=PNG, picture_type="image/png")
    info = next(scene.items(ns.AVATAR_METADATA).iter(f"{{{ns.AVATAR_METADATA}}}info"))
    assert (info.get("id"), info.get("width"), info.get("height")) == (HASH, "64", "48")
    assert scene.items(ns.AVATAR_DATA, HASH).find(f".//{{{ns.AVATAR_DATA}}}data") is not None
    assert scene.items(ns.NICK).findtext(f".//{{{ns.NICK}}}nick") == "Bobby"
    vcard = scene.ask(f"<vcard xmlns='{ns.VCARD4}'/>", ns.VCARD4, "vcard")
    assert vcard.findtext(f"{{{ns.VCARD4}}}fn/{{{ns.VCARD4}}}text") == "Bob"


def test_only_items_of_a_bare_contact_can_be_asked_for(scene: Scene) -> None:
    with pytest.raises(StanzaRefused) as refused:
        scene.items(ns.AVATAR_DATA, to=f"{BOB}/desk")
    assert refused.value.error.condition == "service-unavailable"
    with pytest.raises(StanzaRefused) as refused:
        scene.ask(f"<pubsub xmlns='{ns.PUBSUB}'><subscribe node='n'/></pubsub>", ns.PUBSUB, "pubsub")
    assert refused.value.error.condition == "feature-not-implemented"


def test_a_contact_without_card_carries_no_mark(scene: Scene) -> None:
    scene.watch()
    assert scene.marks() == [None]


@pytest.mark.parametrize("contact", [BOB, ENCAPSULATED])
def test_a_presence_carries_the_hash_and_a_new_picture_is_a_new_presence(scene: Scene, contact: str) -> None:
    scene.keep(full_name="Bob", picture=PNG, picture_type="image/png")
    scene.watch(contact)
    assert scene.marks() == [HASH]
    scene.keep(full_name="Bob, again", picture=PNG, picture_type="image/png")
    scene.settle()
    assert scene.marks() == [], "the picture is the same"
    scene.keep(full_name="Bob", picture=PNG + b"x", picture_type="image/png")
    scene.settle()
    assert scene.marks() == [sha1(PNG + b"x").hexdigest()]
    scene.keep()
    scene.settle()
    assert scene.marks() == [""], "the picture is gone"
    scene.source.last.active(Tuple(id="ID-desk", basic=Basic.OPEN, priority=0.5))
    assert scene.marks() == [""]
    scene.store.cards.remove(BOB)
    scene.settle()
    assert scene.marks() == [None]


def test_whom_a_rule_keeps_the_picture_from_does_not_hear_of_one(scene: Scene) -> None:
    scene.own.shows_picture = False
    scene.keep(full_name="Bob")
    scene.watch()
    assert scene.marks() == [""]
    scene.keep(full_name="Bob", picture=PNG, picture_type="image/png")
    scene.settle()
    assert scene.marks() == []
    scene.source.last.active(Tuple(id="ID-desk", basic=Basic.OPEN, priority=0.5))
    scene.watchers.probe_received(ROMEO, BOB, FULL)
    assert scene.marks() == ["", ""]
    scene.keep(full_name="Bob")
    scene.settle()
    assert scene.marks() == [], "it is gone again"
    scene.keep(full_name="Bob", picture=PNG, picture_type="image/png")
    scene.own.shows_picture = True
    scene.source.last.active(Tuple(id="ID-desk", basic=Basic.OPEN, priority=0.7))
    assert scene.marks() == [HASH]


def test_who_sees_nobody_there_does_not_hear_of_a_new_picture(scene: Scene) -> None:
    """As one who is politely blocked: there is no sign of life."""
    scene.watchers.subscribe_received(ROMEO, BOB, Address.parse(ROMEO), Address.parse(BOB))
    scene.source.last.active(Tuple(id="ID-desk", basic=Basic.CLOSED))
    scene.settle()
    scene.wire.take()
    scene.keep(picture=PNG, picture_type="image/png")
    scene.settle()
    assert scene.wire.take() == []


def test_who_comes_later_gets_the_newest_hash(scene: Scene) -> None:
    scene.watch()
    notification = scene.watchers.seen(ROMEO, BOB)
    assert notification is not None
    scene.keep(picture=PNG, picture_type="image/png")
    scene.settle()
    assert scene.marks()[1:] == [HASH]
    scene.watchers.probe_received(ROMEO, BOB)
    assert scene.marks() == [HASH]


def test_a_farewell_carries_no_mark(scene: Scene) -> None:
    scene.keep(picture=PNG, picture_type="image/png")
    scene.outbox.available(BOB, ROMEO, "desk", Availability(available=False))
    (stanza,) = scene.wire.elements()
    assert stanza.find(MARK) is None


def test_who_asks_to_watch_says_the_nickname(scene: Scene) -> None:
    scene.outbox.subscription("subscribe", BOB, ROMEO)
    scene.keep(nickname="Bobby")
    for kind in ("subscribe", "subscribed", "probe"):
        scene.outbox.subscription(kind, BOB, ROMEO)
    nicknames = [stanza.findtext(f"{{{ns.NICK}}}nick") for stanza in scene.wire.elements()]
    assert nicknames == [None, "Bobby", None, None]


def test_pictures_are_given_at_a_bounded_rate(scene: Scene) -> None:
    scene.keep(full_name="Bob")
    for _ in range(MOST_PICTURES + 1):
        assert scene.card() is not None, "small cards are not counted"
    scene.keep(picture=PNG, picture_type="image/png")
    for _ in range(MOST_PICTURES):
        assert scene.card() is not None
    with pytest.raises(StanzaRefused) as refused:
        scene.card()
    assert refused.value.error.condition == "resource-constraint"
    scene.clock.advance(60)
    assert scene.card() is not None


def test_a_file_that_is_no_picture_is_passed_on_as_what_it_was_stored(scene: Scene) -> None:
    scene.keep(picture=b"odd", picture_type="image/webp")
    info = next(scene.items(ns.AVATAR_METADATA).iter(f"{{{ns.AVATAR_METADATA}}}info"))
    assert (info.get("type"), info.get("width")) == ("image/webp", None)
