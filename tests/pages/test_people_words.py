"""Every text of the pages about people goes through the catalogue."""

import pytest
from twisted.internet.task import Clock

from sip2xmpp.presence.states import State
from sip2xmpp.store.documents import GLOBAL
from tests.pages.people import ALICE, BOB, JULIET, ROMEO, People
from tests.pages.test_catalogue import pseudo, untranslated
from tests.pages.test_watchers_page import dialog

LISTS = "urn:ietf:params:xml:ns:resource-lists"
GIVEN = ("Jabber", "SIP", "PNG", "GIF", "DNS", "SRV", "sip:", "tel:")
"""Words that are names, or that somebody else gave."""


@pytest.fixture
def people(clock: Clock) -> People:
    people = People(clock, pseudo())
    people.language = "eo"
    people.state(ALICE, State.AWAY)
    people.watch(ROMEO)
    people.watch(BOB)
    people.store.dialogs.put(dialog(BOB, "", "dialog"))
    people.post("/my/watchers/decide", watcher=str(BOB), handling="allow")
    people.post("/my/watchers/decide", watcher=str(JULIET), handling="polite-block")
    people.players.pend(JULIET)
    people.keep(
        f'<resource-lists xmlns="{LISTS}"><list name="1"><entry uri="sip:juliet@jabber.example"/>'
        f'<entry uri="tel:+1555"/></list></resource-lists>'.encode()
    )
    people.keep(
        f'<resource-lists xmlns="{LISTS}"><list name="2"><entry uri="sip:bob@sip.example.org"/></list></resource-lists>'.encode(),
        owner=GLOBAL,
    )
    return people


@pytest.mark.parametrize(
    "path",
    [
        "/my/watchers",
        "/my/watchers?find=x",
        "/my/watchers/seen",
        "/my/watchers/seen?who=bob@sip.example.org",
        "/my/watchers/seen?who=juliet@jabber.example",
        "/my/watchers/seen?who=nobody",
        "/my/contacts",
        "/my/contacts?find=nobody",
        "/my/contacts/add",
        "/my/contacts/add?contact=bob@sip.example.org",
        "/my/contacts/add?contact=bob@both.example",
        "/my/contacts/add?contact=bob@silent.example",
        "/my/contacts/add?contact=tel:%2B1",
        "/my/contacts/contact?uri=sip:juliet@jabber.example",
        "/my/contacts/contact?uri=sip:nobody@jabber.example",
        "/my/contacts/group?id=1",
        "/my/contacts/department?name=2",
        "/my/card",
    ],
)
def test_every_visible_text_goes_through_the_catalogue(people: People, path: str) -> None:
    page = people.get(path).body.decode()
    assert 'lang="eo"' in page and "⟦" in page
    left = [text for text in untranslated(page) if not any(name in text for name in GIVEN)]
    assert left == []


def test_what_was_done_is_told_in_the_language_of_the_visitor(people: People) -> None:
    for path, fields in (
        ("watchers/decide", {"watcher": str(ROMEO), "handling": "block"}),
        ("watchers/decide", {"watcher": str(ROMEO), "handling": "x"}),
        ("watchers/decide", {"watcher": str(ROMEO), "handling": "forget"}),
        ("watchers/decide", {"watcher": str(ROMEO), "handling": "forget"}),
        ("contacts/add", {"contact": str(ROMEO), "etag": ""}),
        ("contacts/add", {"contact": "nobody", "etag": ""}),
        ("contacts/remove-group", {"id": "nothing", "etag": "x"}),
        ("card", {"full_name": "x"}),
        ("card/picture", {}),
    ):
        assert people.told(people.post(f"/my/{path}", **fields)).startswith("⟦")
