"""Contact data of a user, kept by the operator."""

import json

import pytest

from sip2xmpp.store.offline import offline
from sip2xmpp.store.records import Card
from tests.command.conftest import Operator
from tests.store.engines import BOB

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (64).to_bytes(4) + (48).to_bytes(4)


def stored(operator: Operator) -> Card | None:
    with offline(operator.url) as store:
        return store.cards.get(str(BOB))


def test_a_card_is_stored_field_by_field(operator):
    told = operator("card", str(BOB), "--name", "Bob", "--phone", "+1 555", "--url", "https://bob.example/")
    assert told == (0, "bob@sip.example.org: stored\n", "")
    assert operator("card", str(BOB), "--nickname", "Bobby", "--phone", "")[0] == 0
    assert stored(operator) == Card(
        address=BOB, full_name="Bob", nickname="Bobby", url="https://bob.example/"
    )


def test_a_card_is_shown(operator):
    assert operator("card", str(BOB)) == (1, "nothing is known\n", "")
    assert stored(operator) is None
    operator("card", str(BOB), "--name", "Bob", "--mail", "bob@example.org")
    for options in ((), ("--show",)):
        assert operator("card", str(BOB), *options) == (
            0,
            "name         Bob\nmail         bob@example.org\n",
            "",
        )
    assert json.loads(operator("card", str(BOB), "--json")[1]) == {"name": "Bob", "mail": "bob@example.org"}


def test_a_picture_is_known_by_its_content(operator, tmp_path):
    file = tmp_path / "me.jpeg"
    file.write_bytes(PNG)
    assert operator("card", str(BOB), "--picture", str(file))[0] == 0
    card = stored(operator)
    assert (card.picture, card.picture_type) == (PNG, "image/png")
    assert "image/png, 24 octets" in operator("card", str(BOB), "--show")[1]
    assert operator("card", str(BOB), "--picture", ".")[0] == 2
    assert stored(operator) == card
    operator("card", str(BOB), "--picture", "")
    assert stored(operator) == Card(address=BOB)


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"<svg/>", "neither PNG, JPEG nor GIF"), (PNG + bytes(65_536), "larger than 65536 octets")],
)
def test_what_is_no_small_picture_is_refused(operator, tmp_path, content, why):
    file = tmp_path / "me.png"
    file.write_bytes(content)
    status, _, err = operator("card", str(BOB), "--name", "Bob", "--picture", str(file))
    assert status == 2 and why in err
    assert stored(operator) is None


def test_a_file_that_is_not_there_is_said(operator, tmp_path):
    status, _, err = operator("card", str(BOB), "--picture", str(tmp_path / "none.png"))
    assert status == 2 and "No such file" in err


@pytest.mark.parametrize("url", ["bob.example", "javascript:alert(1)", "file:///etc/passwd"])
def test_only_pages_in_the_web_are_taken(operator, url):
    status, _, err = operator("card", str(BOB), "--url", url)
    assert status == 2 and "no http or https URL" in err


def test_a_text_has_an_end(operator):
    assert operator("card", str(BOB), "--description", "x" * 1025)[0] == 2


def test_a_card_is_emptied_and_not_removed(operator):
    """Who was shown a picture has to learn that there is none any more, also after a restart."""
    operator("card", str(BOB), "--clear")
    assert stored(operator) is None
    operator("card", str(BOB), "--name", "Bob")
    operator("card", str(BOB), "--clear")
    assert stored(operator) == Card(address=BOB)
    operator("card", str(BOB), "--clear", "--nickname", "Bobby")
    assert stored(operator) == Card(address=BOB, nickname="Bobby")


def test_only_users_of_ours_have_cards(operator):
    status, _, err = operator("card", "juliet@jabber.example", "--name", "Juliet")
    assert status == 2 and "not a domain of ours" in err
