"""The page of one's card: texts and a picture, checked as everywhere else."""

import pytest
from twisted.internet.task import Clock

from sip2xmpp.store.records import Card
from tests.pages.people import ALICE, BOB, People
from tests.presence.test_kept_pictures import icon

PATH = "/my/card"
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (64).to_bytes(4) + (48).to_bytes(4)
JPEG = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x11\x08\x00\x10\x00\x20\x03"
GIF = b"GIF89a\x10\x00\x10\x00\x00\x00"


@pytest.fixture
def people(clock: Clock) -> People:
    return People(clock)


def card(people: People) -> Card | None:
    return people.store.cards.get(str(ALICE))


def test_texts_are_kept_and_shown(people: People) -> None:
    answer = people.post(
        PATH, full_name="Alice <b>Liddell", phone="+1 555 0100", url="https://alice.example/", title="Heroine"
    )
    assert people.told(answer) == "Your card was changed."
    assert card(people) == Card(
        address=ALICE,
        full_name="Alice <b>Liddell",
        phone="+1 555 0100",
        url="https://alice.example/",
        title="Heroine",
    )
    page = people.get(PATH)
    assert page.value("full_name") == "Alice <b>Liddell" and b"Alice <b>" not in page.body
    assert people.audit.latest(1)[0].what == "change the card"


def test_a_card_that_was_is_emptied_and_not_removed(people: People) -> None:
    people.post(PATH)
    assert card(people) is None and not people.audit.latest(1)
    people.post(PATH, full_name="Alice")
    people.post(PATH)
    assert card(people) == Card(address=ALICE)


@pytest.mark.parametrize(
    "url", ["alice.example", "javascript:alert(1)", "file:///etc/passwd", "data:text/html,x"]
)
def test_only_pages_in_the_web_are_taken_and_nothing_typed_is_lost(people: People, url: str) -> None:
    page = people.post(PATH, full_name="Alice", url=url)
    assert page.status == 422 and "This is no http or https address." in page.text
    assert (page.value("full_name"), page.value("url")) == ("Alice", url)
    assert card(people) is None


def test_a_text_has_an_end(people: People) -> None:
    page = people.post(PATH, description="x" * 1_025)
    assert page.status == 422 and "This cannot be kept." in page.text
    assert people.post(PATH, full_name="a\x00b").status == 422
    assert card(people) is None


@pytest.mark.parametrize(
    ("octets", "kind"),
    [(PNG, "image/png"), (JPEG, "image/jpeg"), (GIF, "image/gif")],
    ids=["png", "jpeg", "gif"],
)
def test_a_picture_is_known_by_its_content(people: People, octets: bytes, kind: str) -> None:
    answer = people.upload(f"{PATH}/picture", octets, media="text/html")
    assert people.told(answer) == "Your picture was changed."
    kept = card(people)
    assert kept is not None and (kept.picture, kept.picture_type) == (octets, kind)
    shown = people.get(f"{PATH}/picture")
    assert (shown.status, shown.body, shown.headers["content-type"]) == (200, octets, kind)
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert shown.headers["cache-control"].startswith("private")
    assert f"{PATH}/picture?v=" in people.get(PATH).body.decode()


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "neither a PNG, a JPEG nor a GIF"),
        (b"<html>", "neither a PNG, a JPEG nor a GIF"),
        (PNG + bytes(2_048), "too large: 2 KiB are the most"),
        (b"", "Choose a picture first."),
    ],
    ids=["svg", "html", "large", "empty"],
)
def test_what_is_no_small_picture_is_refused(people: People, octets: bytes, why: str) -> None:
    assert why in people.told(people.upload(f"{PATH}/picture", octets))
    assert card(people) is None and people.get(f"{PATH}/picture").status == 404


def test_a_picture_is_removed_and_the_texts_stay(people: People) -> None:
    people.post(PATH, full_name="Alice")
    people.upload(f"{PATH}/picture", PNG)
    assert people.told(people.post(f"{PATH}/remove-picture")) == "Your picture was removed."
    assert card(people) == Card(address=ALICE, full_name="Alice")
    people.upload(f"{PATH}/picture", GIF)
    people.post(PATH, full_name="Alice L.")
    kept = card(people)
    assert kept is not None and kept.picture == GIF


def test_what_is_kept_and_is_no_picture_is_not_served(people: People) -> None:
    people.store.cards.put(Card(address=ALICE, picture=b"<html>", picture_type="text/html"))
    answer = people.get(f"{PATH}/picture")
    assert answer.status == 404 and b"<html>" not in answer.body.replace(b"<html lang", b"")


def test_everybody_has_his_own(people: People) -> None:
    people.post(PATH, full_name="Alice")
    people.upload(f"{PATH}/picture", PNG)
    assert people.get(PATH, user=BOB).value("full_name") == ""
    assert people.get(f"{PATH}/picture", user=BOB).status == 404
    for path in (PATH, f"{PATH}/picture", f"{PATH}/remove-picture"):
        assert people.post(path, csrf="x").status == 403


def test_a_picture_from_another_device_appears_on_the_page(people: People) -> None:
    heard = people.listens("card")
    people.store.cards.put(Card(address=ALICE, picture=PNG, picture_type="image/png"))
    people.run(0.5)
    assert heard == [b"event: changed\ndata: 1\n\n"]


def test_a_picture_that_a_client_keeps_by_xcap_is_the_same_one(people: People) -> None:
    people.keep(icon(PNG), "org.openmobilealliance.pres-content")
    assert people.get(f"{PATH}/picture").body == PNG
    people.upload(f"{PATH}/picture", GIF)
    assert people.get(f"{PATH}/picture").body == GIF
    people.keep(icon(JPEG), "org.openmobilealliance.pres-content")
    assert people.get(f"{PATH}/picture").body == JPEG
    people.post(f"{PATH}/remove-picture")
    assert people.get(f"{PATH}/picture").status == 404
