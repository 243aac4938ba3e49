"""Contact lists over the HTTP API: the same documents and tags as by XCAP, and nothing lost that a client keeps there."""

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock

from sip2xmpp.store.documents import Document
from tests.portal.scene import ADMIN, BOB, READER, STATION, Answer, Scene
from tests.xcap.test_contact_list import BLINK

CONTACTS = "/api/v1/users/bob@sip.example.org/contacts"
GROUPS = "/api/v1/users/bob@sip.example.org/contact-groups"
JULIET = {"uri": "sip:juliet@jabber.example", "address": "juliet@jabber.example", "world": "xmpp"}


@pytest.fixture
def scene(clock: Clock) -> Scene:
    return Scene(clock)


def ask(scene: Scene, method: str, path: str = CONTACTS, body: object = None, **fields: str) -> Answer:
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    return scene.ask(method, path, body, token=ADMIN, headers=headers)


def kept(scene: Scene) -> Document:
    document = scene.documents.get("resource-lists", str(BOB), "index")
    assert document is not None
    return document


def blink(scene: Scene) -> Document:
    """A document as a client keeps it."""
    octets = BLINK.replace(b"<entry/>", b"").replace(b"<x:other/>", b"<!-- end -->")
    return scene.documents.put("resource-lists", str(BOB), "index", octets).document


def group(*path: str, contacts: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {"path": list(path), "contacts": contacts or []}


def test_nobody_has_contacts_at_first_and_the_first_one_makes_the_list(scene: Scene) -> None:
    empty = ask(scene, "GET")
    assert empty.status == 200 and empty.json == {"address": str(BOB), "groups": []}
    assert "etag" not in empty.headers
    made = ask(scene, "POST", CONTACTS, {"contact": "juliet@jabber.example", "name": " Juliet  C. "})
    assert made.status == 201 and made.json == {**JULIET, "name": "Juliet C.", "groups": ["Contacts"]}
    assert made.headers["location"] == f"{CONTACTS}/{quote(JULIET['uri'], safe='')}"
    assert made.headers["etag"] == f'"{kept(scene).etag}"'
    read = ask(scene, "GET")
    assert read.headers["etag"] == made.headers["etag"]
    (told,) = read.json["groups"]
    assert (told["id"], told["path"], told["holds_more"]) == ("Contacts", ["Contacts"], False)
    assert told["contacts"] == [{**JULIET, "name": "Juliet C."}]
    assert ask(scene, "GET", made.headers["location"]).json == made.json
    assert ask(scene, "POST", CONTACTS, {"contact": "pres:juliet@jabber.example"}).status == 409


def test_what_is_told_may_be_put_back_and_nothing_changes(scene: Scene) -> None:
    before = blink(scene)
    told = ask(scene, "GET").json
    assert [each["id"] for each in told["groups"]] == ["oma_buddylist", "friends", "friends/a~1b~0c", "~.3"]
    answer = ask(scene, "PUT", CONTACTS, told)
    assert answer.status == 200 and answer.json == told
    assert kept(scene) == before


def test_worlds_are_told_as_far_as_they_are_known(scene: Scene) -> None:
    named = {
        "sip:alice@sip.example.org": ("alice@sip.example.org", "own"),
        "sip:juliet%40jabber.example@gw.example.org": ("juliet@jabber.example", "xmpp"),
        "xmpp:romeo@jabber.example": ("romeo@jabber.example", "xmpp"),
        "sip:carol@other.example": ("carol@other.example", "sip"),
        "sip:dave@nowhere.example": ("dave@nowhere.example", "unknown"),
        "tel:+15550100": (None, "unknown"),
    }
    for contact in named:
        assert ask(scene, "POST", CONTACTS, {"contact": contact, "groups": ["All"]}).status == 201
    (told,) = ask(scene, "GET").json["groups"]
    assert {each["uri"]: (each["address"], each["world"]) for each in told["contacts"]} == named


def test_the_whole_list_is_replaced(scene: Scene) -> None:
    blink(scene)
    friends = group("Friends", contacts=[{"uri": "sip:alice@sip.example.org", "name": "Alice"}])
    told = ask(scene, "PUT", CONTACTS, {"groups": [{**friends, "id": "friends"}, group("Friends", "Close")]})
    assert [each["id"] for each in told.json["groups"]] == ["Friends", "Friends/Close"]
    assert b"<x:more> kept </x:more>" in kept(scene).octets and b"<x:group" in kept(scene).octets
    assert b"oma_buddylist" not in kept(scene).octets


def test_a_contact_is_named_moved_and_removed(scene: Scene) -> None:
    blink(scene)
    path = f"{CONTACTS}/alice@sip.example.org"
    named = ask(scene, "PUT", path, {"name": "A."})
    assert named.status == 200 and (named.json["name"], named.json["groups"]) == ("A.", ["friends"])
    moved = ask(scene, "PUT", path, {"groups": ["oma_buddylist", "New"]})
    assert (moved.json["name"], moved.json["groups"]) == ("A.", ["oma_buddylist", "New"])
    assert b"<x:more> kept </x:more>" in kept(scene).octets
    gone = ask(scene, "DELETE", f"{path}?group=New")
    assert gone.status == 204 and gone.headers["etag"] == f'"{kept(scene).etag}"'
    assert ask(scene, "GET", path).json["groups"] == ["oma_buddylist"]
    assert ask(scene, "DELETE", f"{path}?group=New").status == 404
    assert ask(scene, "DELETE", path).status == 204
    assert [ask(scene, method, path).status for method in ("GET", "DELETE")] == [404, 404]
    made = ask(scene, "PUT", path, {"groups": ["friends/a~1b~0c"]})
    assert made.status == 201 and made.json["uri"] == "sip:alice@sip.example.org"
    assert ask(scene, "PUT", path, {"groups": []}).status == 422


def test_groups_are_made_named_moved_and_removed(scene: Scene) -> None:
    blink(scene)
    made = ask(scene, "POST", GROUPS, {"name": "Work", "display_name": "At work", "parent": "friends"})
    assert made.status == 201 and made.headers["location"] == f"{GROUPS}/friends%2FWork"
    assert made.json["path"] == ["friends", "Work"] and made.json["display_name"] == "At work"
    named = ask(scene, "PUT", made.headers["location"], {"name": "Büro", "parent": ""})
    assert (named.json["id"], named.json["display_name"]) == ("Büro", "At work")
    assert ask(scene, "POST", GROUPS, {"name": "Büro"}).status == 409
    assert ask(scene, "PUT", f"{GROUPS}/B%C3%BCro", {"name": "friends"}).status == 409
    assert ask(scene, "PUT", f"{GROUPS}/friends", {"parent": "friends/a~1b~0c"}).status == 422
    assert ask(scene, "DELETE", f"{GROUPS}/friends").status == 204
    left = ask(scene, "GET").json["groups"]
    assert [each["id"] for each in left] == ["oma_buddylist", "~.2", "Büro"]
    for method, body in (("PUT", {"name": "x"}), ("DELETE", None)):
        assert ask(scene, method, f"{GROUPS}/friends", body).status == 404
    assert ask(scene, "POST", GROUPS, {"name": "x", "parent": "friends"}).status == 404
    assert b"<!-- end -->" in kept(scene).octets


def test_of_two_who_change_the_same_version_one_is_told_so(scene: Scene) -> None:
    tag = f'"{blink(scene).etag}"'
    assert ask(scene, "GET", if_none_match=tag).status == 304
    assert ask(scene, "GET", if_none_match='"another"').status == 200
    first = ask(scene, "POST", CONTACTS, {"contact": "x@example.com"}, if_match=tag)
    second = ask(scene, "POST", CONTACTS, {"contact": "y@example.com"}, if_match=tag)
    assert (first.status, second.status) == (201, 412)
    assert ask(scene, "DELETE", f"{GROUPS}/nobody", if_match=tag).status == 412
    assert ask(scene, "PUT", CONTACTS, {"groups": []}, if_none_match="*").status == 412
    again = ask(scene, "PUT", f"{CONTACTS}/y@example.com", {}, if_match=first.headers["etag"])
    assert again.status == 201
    assert ask(scene, "GET", if_match="no tag;").status == 412
    assert ask(scene, "GET", f"{CONTACTS}/{'x' * 601}").status == 404
    # by XCAP it is the same tag
    assert again.headers["etag"] == f'"{kept(scene).etag}"'


@settings(max_examples=20)
@given(st.lists(st.integers(0, 3), min_size=10, max_size=25))
def test_programs_that_state_what_they_read_never_lose_a_contact(turns: list[int]) -> None:
    clock = Clock()
    scene = Scene(clock)
    read: dict[int, str] = {}
    added: set[str] = set()
    for number, who in enumerate(turns):
        if who not in read:
            told = ask(scene, "GET")
            read[who] = told.headers.get("etag", "")
            continue
        tag = read.pop(who)
        condition = {"if_match": tag} if tag else {"if_none_match": "*"}
        contact = f"sip:u{number}@example.com"
        made = ask(scene, "POST", CONTACTS, {"contact": contact}, **condition)
        assert made.status == (201 if tag == (read.get(-1, "") or "") else 412)
        if made.status == 201:
            read[-1] = made.headers["etag"]
            added.add(contact)
    groups = ask(scene, "GET").json["groups"]
    assert {each["uri"] for told in groups for each in told["contacts"]} == added


def test_a_list_that_is_not_there_can_be_made_only_once(scene: Scene) -> None:
    assert ask(scene, "PUT", CONTACTS, {"groups": []}, if_match="*").status == 412
    for status in (200, 412):
        assert ask(scene, "PUT", CONTACTS, {"groups": [group("a")]}, if_none_match="*").status == status


def test_a_change_is_answered_when_it_is_safe(scene: Scene) -> None:
    scene.store.slow = True
    request = b'{"contact": "x@example.com"}'
    head = (
        f"POST {CONTACTS} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {ADMIN}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(request)}\r\n\r\n"
    )
    transport = scene.send(head.encode() + request)
    assert transport.value() == b""  # type: ignore[no-untyped-call]
    for told in scene.store.untold:
        told(None)
    scene.clock.advance(0)
    assert b" 201 " in transport.value()  # type: ignore[no-untyped-call]


def test_rights_are_for_reading_and_for_documents(scene: Scene) -> None:
    assert scene.ask("GET", CONTACTS, token=READER).status == 200
    assert scene.ask("GET", CONTACTS, token=STATION).status == 403
    assert scene.ask("PUT", CONTACTS, {"groups": []}, token=READER).status == 403
    assert ask(scene, "GET", "/api/v1/users/nobody@sip.example.org/contacts").status == 404
    assert ask(scene, "PUT", "/api/v1/users/nobody@sip.example.org/contacts", {"groups": []}).status == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"groups": [{"path": []}]}, 422),
        ({"groups": [group("a", "b")]}, 422),
        ({"groups": [group("a"), group("a")]}, 409),
        ({"groups": [{**group("a"), "id": "x"}, {**group("b"), "id": "x"}]}, 422),
        ({"groups": [group("a", contacts=[{"uri": "sip:a@b"}, {"uri": "sip:a@b"}])]}, 422),
        ({"groups": [group("a", contacts=[{"uri": "sip:a@b", "address": 7}])]}, 400),
        ({"groups": [group("a", contacts=[{"uri": "a b"}])]}, 422),
        ({"groups": [{**group("a"), "display_name": "\u0000"}]}, 422),
        ({"groups": [{**group("a"), "holds_more": "yes", "references": [1]}]}, 400),
        ({"groups": [{**group("a"), "more": 1}]}, 400),
    ],
)
def test_a_list_that_cannot_be_is_refused_and_changes_nothing(
    scene: Scene, body: object, status: int
) -> None:
    before = blink(scene)
    assert ask(scene, "PUT", CONTACTS, body).status == status
    assert kept(scene) == before


@pytest.mark.parametrize(
    "contact", ["nobody", "@", "sip:", "sip:example.com", "x@\u0007y", "mailto:x@", "xmpp:@"]
)
def test_who_cannot_be_written_is_no_contact(scene: Scene, contact: str) -> None:
    assert ask(scene, "POST", CONTACTS, {"contact": contact}).status == 422


@pytest.mark.parametrize("contact", ["tel:\n1", "tel: 1", "tel:", "sip:b b@x.example", "a b@x.example", "\t"])
def test_who_is_named_in_the_path_is_written_as_strictly(scene: Scene, contact: str) -> None:
    assert ask(scene, "PUT", f"{CONTACTS}/{quote(contact, safe='')}", {}).status == 422
    assert scene.documents.get("resource-lists", str(BOB), "index") is None


def test_a_document_that_cannot_be_read_is_no_reason_to_overwrite_it(scene: Scene) -> None:
    broken = Document(
        auid="resource-lists", owner=str(BOB), name="index", octets=b"<broken", etag="x", changed_at=0.0
    )
    scene.store.documents.put(broken)
    for method, body in (("GET", None), ("PUT", {"groups": []}), ("POST", {"contact": "x@example.com"})):
        assert ask(scene, method, CONTACTS, body).status in (409, 422)
    assert kept(scene) is broken


def test_a_list_of_a_thousand_contacts_is_read_and_put_back(scene: Scene) -> None:
    people = [{"uri": f"sip:user{number}@example.com", "name": f"User {number}"} for number in range(1_500)]
    made = ask(scene, "PUT", CONTACTS, {"groups": [group("All", contacts=people)]})
    assert made.status == 200
    told = made.json
    told["groups"][0]["contacts"].reverse()
    assert len(str(told)) > 100_000
    assert ask(scene, "PUT", CONTACTS, told).json == told
