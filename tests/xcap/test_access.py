"""Whose documents somebody gets at, however the address of a document is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.address import Address
from sip2xmpp.store.records import Account
from tests.xcap.scene import ALICE, BOB, DOCUMENT, DOMAIN, INDEX, OTHER_DOMAIN, Scene
from tests.xcap.test_clients import ICON, PNG, picture

OWN = (
    f"sip:bob@{DOMAIN}",
    f"sip%3Abob%40{DOMAIN}",
    f"bob@{DOMAIN}",
    "bob",
    f"sips:bob@{DOMAIN}",
    f"SIP:BOB@{DOMAIN.upper()}",
    f"sip:b%6Fb@{DOMAIN}",
    f"sip:bob@{DOMAIN};transport=udp",
    f"sip:bob@{DOMAIN}:5060",
)


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.mark.parametrize("xui", OWN)
def test_every_way_to_write_a_user_names_the_same_documents(scene: Scene, xui: str) -> None:
    assert scene.put().status == 201
    assert scene.ask("GET", f"resource-lists/users/{xui}/index").body == DOCUMENT
    assert scene.ask("PUT", f"resource-lists/users/{xui}/index", DOCUMENT).status == 200
    assert len(scene.documents.of(str(BOB))) == 1
    for method in ("GET", "PUT", "DELETE"):
        assert scene.ask(method, f"resource-lists/users/{xui}/index", DOCUMENT, user="alice").status == 403


@pytest.mark.parametrize(
    "path",
    [
        f"resource-lists/users/sip:alice@{DOMAIN}/../sip:bob@{DOMAIN}/index",
        f"resource-lists/users/sip:alice@{DOMAIN}/%2e%2e/sip:bob@{DOMAIN}/index",
        f"resource-lists/users/sip:alice@{DOMAIN}/..%2Fsip:bob@{DOMAIN}%2Findex",
        f"resource-lists/users/sip:alice@{DOMAIN}%2F..%2Fsip:bob@{DOMAIN}/index",
        f"resource-lists/users/./sip:bob@{DOMAIN}/index",
        f"resource-lists/users//sip:bob@{DOMAIN}/index",
        f"resource-lists//users/sip:bob@{DOMAIN}/index",
        f"/xcap/../xcap/resource-lists/users/sip:bob@{DOMAIN}/index",
        f"/xcap/x/../resource-lists/users/sip:bob@{DOMAIN}/index",
        f"resource-lists/users/sip:alice@{DOMAIN}%00sip:bob@{DOMAIN}/index",
        f"resource-lists/users/sip:alice@{DOMAIN}%20sip:bob@{DOMAIN}/index",
        f"resource-lists/users/sip:alice@{DOMAIN}%20bob@{DOMAIN}/index",
        f"resource-lists/global/../users/sip:bob@{DOMAIN}/index",
        f"resource-lists%20bob@{DOMAIN}/global/index",
        "resource-lists/users/%0d%0aX:%20y/index",
        f"resource-lists/users/sip:bob@{DOMAIN}%23/index",
        f"resource-lists/users/sip:bob%20@{DOMAIN}/index",
        f"resource-lists/users/%25%37%33ip:bob@{DOMAIN}/index",
        f"resource-lists/users/sip:alice:bob@{DOMAIN}/index",
        f"resource-lists/users/sip:bob@{DOMAIN}@{DOMAIN}/index",
        "resource-lists/users/tel:bob/index",
    ],
)
def test_no_path_leads_from_one_user_to_another(scene: Scene, path: str) -> None:
    scene.put()
    for method in ("GET", "PUT", "DELETE"):
        answer = scene.ask(method, path, DOCUMENT.replace(b"friends", b"stolen"), user="alice")
        assert answer.status in {200, 201, 400, 401, 403, 404, 405, 409} and answer.body != DOCUMENT
    assert scene.ask("GET", INDEX).body == DOCUMENT
    assert [document.octets for document in scene.documents.of(str(BOB))] == [DOCUMENT]


@given(
    st.lists(
        st.sampled_from(
            [
                "/",
                "..",
                ".",
                "%2F",
                "%2e",
                "~~",
                "users",
                "global",
                "sip:",
                "bob",
                "alice",
                "@",
                DOMAIN,
                "index",
                "%00",
                "%20",
            ]
        )
        | st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=4),
        max_size=12,
    )
)
def test_whatever_alice_writes_she_never_gets_at_what_is_bobs(parts: list[str]) -> None:
    scene = Scene()
    scene.put()
    for path in ("resource-lists/" + "".join(parts), f"resource-lists/users/{''.join(parts)}/index"):
        for method in ("GET", "PUT", "DELETE"):
            answer = scene.ask(method, path, DOCUMENT + b" ", user="alice")
            assert answer.status < 500 and answer.body != DOCUMENT
    assert [document.octets for document in scene.documents.of(str(BOB))] == [DOCUMENT]
    assert scene.documents.of("") == ()


def test_what_others_have_and_who_there_is_is_told_to_nobody(scene: Scene) -> None:
    scene.put()
    paths = [
        INDEX,
        INDEX.replace("index", "other"),
        INDEX.replace("bob", "nobody"),
        INDEX.replace(DOMAIN, "elsewhere.example"),
        f"{INDEX}/~~/resource-lists/list%5B1%5D",
        f"pidf-manipulation/users/sip:bob@{DOMAIN}/index",
        f"org.openxcap.watchers/users/sip:bob@{DOMAIN}/index",
        f"org.openmobilealliance.xcap-directory/users/sip:bob@{DOMAIN}/directory.xml",
    ]
    answers = {(each.status, each.body) for each in (scene.ask("GET", path, user="alice") for path in paths)}
    assert answers == {(403, b"this is somebody else's\n")}
    unproved = {(each.status, each.body) for each in (scene.request("GET", path) for path in paths)}
    assert unproved == {(401, b"who asks?\n")}


def test_the_global_index_of_services_is_for_programs_of_everybody(scene: Scene) -> None:
    assert scene.ask("GET", "rls-services/global/index").status == 403
    assert scene.request("GET", "rls-services/global/index").status == 401


def test_capabilities_are_told_to_everybody(scene: Scene) -> None:
    for path in ("xcap-caps/global/index", "xcap-caps/global/index/~~/xcap-caps/auids"):
        assert scene.request("GET", path).status == 200 and scene.request("HEAD", path).status == 200
    assert scene.request("PUT", "xcap-caps/global/index", DOCUMENT).status == 401
    assert scene.ask("GET", "xcap-caps/global/other").status == 404
    assert scene.ask("GET", f"xcap-caps/users/sip:bob@{DOMAIN}/index").status == 404


def test_pictures_are_read_by_whom_their_owner_shows_them() -> None:
    asked: list[tuple[Address, Address | None]] = []
    shown: set[Address | None] = set()

    def may_see(owner: Address, who: Address | None) -> bool:
        asked.append((owner, who))
        return who in shown

    scene = Scene(may_see_picture=may_see)
    path = f"org.openmobilealliance.pres-content/users/sip:bob@{DOMAIN}/oma_status-icon/index"
    assert scene.request("GET", path).status == 401
    assert scene.ask("GET", path, user="alice").status == 404
    assert (BOB, None) in asked and (BOB, ALICE) in asked
    shown.add(ALICE)
    assert scene.ask("GET", path, user="alice").status == 404
    assert scene.ask("PUT", path, b"<content/>", user="alice").status == 403
    assert scene.ask("DELETE", path, user="alice").status == 403
    assert scene.request("GET", path).status == 401
    shown.add(None)
    assert scene.request("GET", path).status == 404
    assert scene.request("DELETE", path).status == 401
    assert scene.request("GET", path.replace(DOMAIN, OTHER_DOMAIN)).status == 404


@pytest.mark.parametrize("fields", [{}, {"If-Match": "*"}, {"If-None-Match": "*"}, {"If-None-Match": '"x"'}])
def test_a_picture_that_is_kept_from_somebody_is_like_none(fields: dict[str, str]) -> None:
    shown: set[Address | None] = {ALICE}
    scene = Scene(may_see_picture=lambda owner, who: who in shown)
    path = f"org.openmobilealliance.pres-content/users/sip:bob@{DOMAIN}/oma_status-icon/index"

    def told() -> list[tuple[int, bytes, list[tuple[str, str, str]]]]:
        return [
            (answer.status, answer.body, [each for each in answer.fields if each[0] != "Date"])
            for method in ("GET", "HEAD")
            for where in (path, f"{path}/~~/content/data")
            for answer in [scene.ask(method, where, user="alice", headers=fields)]
        ]

    none = told()
    assert {status for status, *_ in none} <= {404, 412}
    assert scene.ask("PUT", path, picture(PNG), media=ICON).status == 201
    assert told() != none
    shown.clear()
    assert told() == none


def test_the_picture_of_an_account_that_is_disabled_is_shown_to_nobody() -> None:
    scene = Scene(may_see_picture=lambda owner, who: True)
    path = f"org.openmobilealliance.pres-content/users/sip:bob@{DOMAIN}/oma_status-icon/index"
    assert scene.ask("PUT", path, picture(PNG), media=ICON).status == 201
    assert scene.request("GET", path).status == 200
    account = scene.store.accounts.get(str(BOB))
    assert account is not None
    account.disabled = True
    scene.store.accounts.put(account)
    assert scene.request("GET", path).status == 404 and scene.ask("GET", path, user="alice").status == 404


def test_the_work_for_those_who_need_not_say_who_they_are_is_bounded_too() -> None:
    scene = Scene(may_see_picture=lambda owner, who: True)
    path = f"org.openmobilealliance.pres-content/users/sip:bob@{DOMAIN}/oma_status-icon/index"
    assert scene.ask("PUT", path, picture(PNG + bytes(200_000)), media=ICON).status == 201
    statuses = [scene.request("GET", f"{path}/~~/content/mime-type").status for _ in range(20)]
    assert statuses[0] == 200 and statuses[-1] == 429
    assert scene.request("GET", path, peer="192.0.2.8").status == 200


def test_with_an_account_its_documents_go(scene: Scene) -> None:
    scene.put()
    scene.put(path=INDEX.replace("index", "second"))
    alice = INDEX.replace("bob", "alice")
    scene.ask("PUT", alice, DOCUMENT, user="alice")
    account = scene.store.accounts.get(str(BOB))
    assert isinstance(account, Account)
    scene.store.accounts.remove(str(BOB))
    assert scene.documents.of(str(BOB)) == () and len(scene.documents.of(str(ALICE))) == 1
    assert scene.documents.octets == len(DOCUMENT)
    scene.store.accounts.put(account)
    assert scene.ask("GET", INDEX).status == 404


def test_an_account_that_is_disabled_keeps_its_documents(scene: Scene) -> None:
    scene.put()
    account = scene.store.accounts.get(str(BOB))
    assert account is not None
    account.disabled = True
    scene.store.accounts.put(account)
    scene.documents.existence_changed(BOB)
    assert len(scene.documents.of(str(BOB))) == 1
