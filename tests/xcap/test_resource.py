"""The XCAP server over HTTP: methods, statuses, header fields and bodies."""

import pytest
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

from sip2xmpp.errors import StorageFailed
from sip2xmpp.store.documents import document_key
from sip2xmpp.xcap.documents import DocumentLimits
from tests.xcap.scene import ADMIN, DOCUMENT, DOMAIN, INDEX, LISTS, ROOT, Scene

ENTRY = f"{INDEX}/~~/resource-lists/list%5B@name=%22friends%22%5D/entry%5B@uri=%22sip:alice@{DOMAIN}%22%5D"
LIST = f"{INDEX}/~~/resource-lists/list%5B@name=%22friends%22%5D"
ELEMENT = "application/xcap-el+xml"
ATTRIBUTE = "application/xcap-att+xml"
GLOBAL = "resource-lists/global/index"


@pytest.fixture
def scene() -> Scene:
    return Scene()


# documents


def test_a_document_is_created_read_replaced_and_deleted(scene: Scene) -> None:
    created = scene.put()
    assert created.status == 201 and created.body == b"" and created.etag
    read = scene.ask("GET", INDEX)
    assert read.status == 200 and read.body == DOCUMENT and read.etag == created.etag
    assert read.headers["content-type"] == LISTS
    replaced = scene.put(DOCUMENT.replace(b"friends", b"enemies"))
    assert replaced.status == 200 and replaced.etag not in ("", created.etag)
    deleted = scene.ask("DELETE", INDEX)
    assert deleted.status == 200 and deleted.body == b""
    assert scene.ask("GET", INDEX).status == 404
    assert scene.ask("DELETE", INDEX).status == 404


def test_head_is_get_without_the_body(scene: Scene) -> None:
    made = scene.put()
    head = scene.ask("HEAD", INDEX)
    assert head.status == 200 and head.body == b"" and head.etag == made.etag
    assert head.headers["content-length"] == str(len(DOCUMENT)) and head.headers["content-type"] == LISTS


def test_what_is_put_again_as_it_is_has_another_tag(scene: Scene) -> None:
    assert scene.put().etag != scene.put().etag


def test_every_answer_forbids_to_believe_in_copies(scene: Scene) -> None:
    for answer in (
        scene.request("GET", INDEX),
        scene.put(),
        scene.ask("GET", INDEX),
        scene.ask("GET", "x/global/y"),
    ):
        assert answer.headers["cache-control"] == "no-cache"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]


def test_a_change_is_answered_when_it_is_safe_and_not_before(scene: Scene) -> None:
    scene.store.slow = True
    answered = scene.put_slowly()
    scene.clock.advance(1)
    assert not answered.transport.value()
    for told in scene.store.untold:
        told(None)
    assert answered().status == 201


def test_a_change_that_cannot_be_stored_is_answered_503(scene: Scene) -> None:
    scene.store.slow = True
    answered = scene.put_slowly()
    for told in scene.store.untold:
        told(StorageFailed("the disk is full"))
    answer = answered()
    assert answer.status == 503 and answer.headers["retry-after"] and answer.body == b"the disk is full\n"


# parts


def test_elements_are_read_put_and_deleted(scene: Scene) -> None:
    made = scene.put()
    read = scene.ask("GET", ENTRY)
    assert read.status == 200 and read.body == b'<entry uri="sip:alice@sip.example.org"/>'
    assert read.headers["content-type"] == ELEMENT and read.etag == made.etag
    other = ENTRY.replace("alice", "juliet")
    created = scene.ask("PUT", other, b'<entry uri="sip:juliet@sip.example.org"/>', media=ELEMENT)
    assert created.status == 201 and created.etag != made.etag and created.body == b""
    again = scene.ask(
        "PUT",
        other,
        b'<entry uri="sip:juliet@sip.example.org"><display-name>J</display-name></entry>',
        media=ELEMENT,
    )
    assert again.status == 200 and again.etag != created.etag
    deleted = scene.ask("DELETE", other)
    assert deleted.status == 200 and deleted.etag
    assert scene.ask("GET", other).status == 404 and scene.ask("DELETE", other).status == 404
    assert scene.ask("GET", INDEX).body == DOCUMENT


def test_attributes_are_read_put_and_deleted(scene: Scene) -> None:
    scene.put()
    name = f"{INDEX}/~~/resource-lists/list%5B1%5D/@name"
    read = scene.ask("GET", name)
    assert read.status == 200 and read.body == b"friends" and read.headers["content-type"] == ATTRIBUTE
    assert scene.ask("PUT", name, b"enemies", media=ATTRIBUTE).status == 200
    assert scene.ask("GET", name).body == b"enemies"
    assert scene.ask("DELETE", name).status == 200 and scene.ask("GET", name).status == 404
    assert scene.ask("PUT", name, b"friends", media=ATTRIBUTE).status == 201
    assert scene.ask("PUT", name, b"", media=ATTRIBUTE).status == 200
    empty = scene.ask("GET", name)
    assert empty.status == 200 and empty.body == b"" and empty.headers["content-type"] == ATTRIBUTE


def test_namespaces_are_read_and_nothing_else(scene: Scene) -> None:
    scene.put()
    path = f"{LIST}/namespace::*"
    read = scene.ask("GET", path)
    assert read.status == 200 and read.headers["content-type"] == "application/xcap-ns+xml" and read.etag
    assert b'xmlns="urn:ietf:params:xml:ns:resource-lists"' in read.body
    for method in ("PUT", "DELETE"):
        refused = scene.ask(method, path, b"<list/>")
        assert refused.status == 405 and refused.headers["allow"] == "GET, HEAD"


def test_a_part_of_a_document_that_is_not_there_has_no_parent(scene: Scene) -> None:
    refused = scene.ask("PUT", ENTRY, b'<entry uri="sip:alice@sip.example.org"/>', media=ELEMENT)
    assert refused.conflict == "no-parent"
    assert scene.ask("GET", ENTRY).status == 404 and scene.ask("DELETE", ENTRY).status == 404


def test_a_conflict_says_where_the_document_ends(scene: Scene) -> None:
    scene.put()
    path = f"{INDEX}/~~/resource-lists/list%5B@name=%22none%22%5D/entry%5B@uri=%22a:b%22%5D"
    refused = scene.ask("PUT", path, b'<entry uri="a:b"/>', media=ELEMENT)
    assert refused.conflict == "no-parent"
    assert f"<ancestor>{INDEX}/~~/resource-lists</ancestor>".encode() in refused.body


def test_prefixes_come_from_the_query(scene: Scene) -> None:
    scene.put()
    path = f"{INDEX}/~~/r:resource-lists/r:list%5B1%5D"
    query = "?xmlns(r=urn:ietf:params:xml:ns:resource-lists)"
    assert scene.ask("GET", path + query).status == 200
    assert scene.ask("GET", path).status == 400


# what is refused


@pytest.mark.parametrize(
    ("octets", "kind"),
    [
        (b"", "not-well-formed"),
        (b"<resource-lists", "not-well-formed"),
        (b"\xff\xfe<", "not-utf-8"),
        (b"<other/>", "schema-validation-error"),
        (DOCUMENT.replace(b"</list>", b"</list><list name='friends'/>"), "uniqueness-failure"),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + DOCUMENT[39:], "constraint-failure"),
    ],
)
def test_what_is_no_document_of_its_usage_is_a_conflict(scene: Scene, octets: bytes, kind: str) -> None:
    assert scene.put(octets).conflict == kind
    assert scene.ask("GET", INDEX).status == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"resource-lists/users/sip:bob@{DOMAIN}/index/~~/", 400),
        (f"resource-lists/users/sip:bob@{DOMAIN}/index/~~/a[", 400),
        (f"resource-lists/users/sip:bob@{DOMAIN}/index%zz", 400),
        (f"resource-lists/users/sip:bob@{DOMAIN}/%ff", 400),
        (f"resource-lists/users/sip:bob@{DOMAIN}", 400),
        (f"resource-lists/others/sip:bob@{DOMAIN}/index", 404),
        ("resource-lists/users/sip:/index", 404),
        ("resource-lists/users/not%20anybody/index", 403),
        (f"test-app/users/sip:bob@{DOMAIN}/index", 404),
        (f"pres-rules/users/sip:bob@{DOMAIN}/other", 404),
        (f"{INDEX}/~~/resource-lists/list", 404),
        ("/xcap", 404),
        ("/xcap/", 404),
        ("/xcap//", 400),
        ("/xcapital/x", 404),
    ],
)
def test_what_is_not_there_or_cannot_be(scene: Scene, path: str, status: int) -> None:
    answer = scene.ask("GET", path)
    assert answer.status == status
    assert path == "/xcapital/x" or answer.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("method", ["POST", "OPTIONS", "PATCH", "TRACE", "PROPFIND"])
def test_other_methods_are_told_which_there_are(scene: Scene, method: str) -> None:
    for path, allowed in ((INDEX, "GET, HEAD, PUT, DELETE"), ("xcap-caps/global/index", "GET, HEAD")):
        answer = scene.ask(method, path)
        assert answer.status == 405 and answer.headers["allow"] == allowed


@pytest.mark.parametrize(
    "path",
    [
        "xcap-caps/global/index",
        "rls-services/global/index",
        "pres-rules/global/index",
        f"org.openxcap.watchers/users/sip:bob@{DOMAIN}/index",
        f"org.openmobilealliance.xcap-directory/users/sip:bob@{DOMAIN}/directory.xml",
    ],
)
def test_what_only_the_server_writes_is_written_by_nobody(scene: Scene, path: str) -> None:
    for answer in (
        scene.ask("PUT", path, DOCUMENT),
        scene.ask("DELETE", path),
        scene.admin("PUT", path, DOCUMENT),
        scene.admin("DELETE", f"{path}/~~/a"),
    ):
        assert answer.status == 405 and answer.headers["allow"] == "GET, HEAD"


def test_the_body_has_to_be_of_the_type_that_goes_there(scene: Scene) -> None:
    for media in (
        "text/plain",
        "application/xml",
        "multipart/form-data",
        "resource-lists+xml",
        "",
    ):
        refused = scene.ask("PUT", INDEX, DOCUMENT, media=media)
        assert refused.status == 415 and refused.headers["accept"] == LISTS
    scene.put()
    assert scene.ask("PUT", ENTRY, b"<entry/>", media=LISTS).headers["accept"] == ELEMENT
    assert scene.ask("PUT", f"{ENTRY}/@uri", b"a:b", media=ELEMENT).headers["accept"] == ATTRIBUTE


@pytest.mark.parametrize(
    "media",
    [
        None,
        LISTS.upper(),
        f"{LISTS}; charset=utf-8",
        f'{LISTS};charset="UTF-8"; x=y',
        f"  {LISTS} ;charset=us-ascii",
    ],
)
def test_types_are_read_as_clients_write_them(scene: Scene, media: str | None) -> None:
    assert scene.ask("PUT", INDEX, DOCUMENT, media=media).status == 201


def test_another_charset_or_coding_is_refused(scene: Scene) -> None:
    assert scene.ask("PUT", INDEX, DOCUMENT, media=f"{LISTS};charset=utf-16").status == 415
    gzip = scene.put(content_encoding="gzip")
    assert gzip.status == 415 and gzip.headers["accept-encoding"] == "identity"
    assert scene.put(content_range="bytes 0-10/20").status == 400
    assert scene.put(content_encoding="identity").status == 201


def test_the_length_of_a_body_is_stated_and_bounded(scene: Scene) -> None:
    first = scene.request("PUT", INDEX, DOCUMENT)
    head = f"PUT /xcap/{INDEX} HTTP/1.1\r\nHost: x\r\nAuthorization: {scene.credentials(first, 'PUT', INDEX)}\r\n"
    chunked = scene.send(f"{head}Transfer-Encoding: chunked\r\n\r\n5\r\n<a/>\n\r\n0\r\n\r\n".encode())
    assert chunked.status == 411
    first = scene.request("PUT", INDEX)
    head = f"PUT /xcap/{INDEX} HTTP/1.1\r\nHost: x\r\nAuthorization: {scene.credentials(first, 'PUT', INDEX)}\r\n"
    assert scene.send(f"{head}\r\n".encode()).status == 411
    large = b" " * (262_144 - len(DOCUMENT))
    assert scene.put(DOCUMENT + large).status == 201
    assert scene.put(DOCUMENT + large + b" ").status == 413


def test_only_so_much_is_kept_of_one_user() -> None:
    scene = Scene(limits=DocumentLimits(documents=2, octets=3 * len(DOCUMENT), total=4 * len(DOCUMENT)))
    base = INDEX.removesuffix("index")
    assert scene.put(path=f"{base}one").status == 201 and scene.put(path=f"{base}two").status == 201
    assert scene.put(path=f"{base}three").conflict == "constraint-failure"
    large = DOCUMENT + b" " * (len(DOCUMENT) + 1)
    assert scene.put(large, path=f"{base}one").conflict == "constraint-failure"
    assert scene.put(large[:-1], path=f"{base}one").status == 200
    assert scene.put(path=f"{base}one").status == 200
    alice = INDEX.replace("bob", "alice")
    assert scene.ask("PUT", alice, large[:-1], user="alice").status == 201
    more = alice.replace("index", "more")
    assert scene.ask("PUT", more, DOCUMENT, user="alice").conflict == "constraint-failure"


def test_names_of_documents_are_names_and_folders_are_few(scene: Scene) -> None:
    base = INDEX.removesuffix("index")
    assert scene.put(path=f"{base}a%20b").status == 201
    assert scene.ask("GET", f"{base}a%20b/").status == 200
    assert scene.put(path=f"{base}folder/index").conflict == "no-parent"
    assert scene.put(path=f"{base}{'x' * 201}").conflict == "constraint-failure"
    assert scene.put(path=f"{base}../index").status == 400
    assert scene.put(path=f"{base}%2e%2e").status == 400


def test_the_work_for_one_client_is_bounded(scene: Scene) -> None:
    large = DOCUMENT + b" " * (250_000 - len(DOCUMENT))
    statuses = [scene.put(large[: len(large) - number]).status for number in range(20)]
    assert statuses[0] == 201 and statuses[1:16] == [200] * 15 and 429 in statuses
    refused = scene.put(large)
    assert refused.status == 429 and 0 < int(refused.headers["retry-after"]) <= 60
    assert scene.ask("GET", INDEX).status == 429
    assert scene.ask("GET", INDEX, user="alice").status == 403
    assert scene.admin("GET", INDEX).status == 200
    scene.clock.advance(60)
    assert scene.ask("GET", INDEX).status == 200
    # To look for a part costs as much as the whole is large.
    assert 429 in {scene.ask("GET", ENTRY).status for _ in range(20)}


# conditions


def test_a_document_is_created_only_if_there_is_none(scene: Scene) -> None:
    assert scene.put(if_none_match="*").status == 201
    assert scene.put(if_none_match="*").status == 412
    assert scene.put(DOCUMENT + b" ", if_none_match=scene.ask("GET", INDEX).etag).status == 412
    assert scene.put(DOCUMENT + b" ", if_none_match='"other"').status == 200


def test_a_document_is_changed_only_if_it_is_the_one_that_is_meant(scene: Scene) -> None:
    assert scene.put(if_match="*").status == 412 and scene.put(if_match='"x"').status == 412
    etag = scene.put().etag
    assert scene.put(DOCUMENT + b" ", if_match='"x"').status == 412
    assert scene.put(DOCUMENT + b" ", if_match=f'"x", {etag} ,W/"y"').status == 200
    assert scene.put(DOCUMENT, if_match=etag).status == 412
    assert scene.put(DOCUMENT, if_match="*").status == 200
    weak = f"W/{scene.ask('GET', INDEX).etag}"
    assert scene.put(DOCUMENT + b"  ", if_match=weak).status == 412
    assert scene.ask("DELETE", INDEX, headers={"If-Match": etag}).status == 412
    assert scene.ask("DELETE", ENTRY, headers={"If-Match": etag}).status == 412
    assert scene.ask("DELETE", INDEX, headers={"If-Match": "*"}).status == 200


def test_the_tag_of_a_document_is_that_of_its_parts(scene: Scene) -> None:
    etag = scene.put().etag
    other = ENTRY.replace("alice", "juliet")
    body = b'<entry uri="sip:juliet@sip.example.org"/>'
    assert scene.ask("PUT", other, body, media=ELEMENT, headers={"If-None-Match": "*"}).status == 412
    assert scene.ask("PUT", other, body, media=ELEMENT, headers={"If-Match": etag}).status == 201
    assert scene.ask("PUT", other, body, media=ELEMENT, headers={"If-Match": etag}).status == 412


def test_what_the_client_has_is_not_sent_again(scene: Scene) -> None:
    etag = scene.put().etag
    for method in ("GET", "HEAD"):
        for path in (INDEX, ENTRY):
            for tag in (etag, f"W/{etag}", "*", f'"x", {etag}'):
                same = scene.ask(method, path, headers={"If-None-Match": tag})
                assert same.status == 304 and same.body == b"" and same.etag == etag
    assert scene.ask("GET", INDEX, headers={"If-None-Match": '"x"'}).status == 200
    assert scene.ask("GET", INDEX, headers={"If-Match": '"x"'}).status == 412
    assert scene.ask("GET", INDEX, headers={"If-Match": etag}).status == 200


def test_conditions_that_cannot_be_read_are_refused(scene: Scene) -> None:
    for value in ('"a" "b', "a;b", '"', ", ".join(f'"{n}"' for n in range(200))):
        assert scene.put(if_match=value).status == 400


# the global tree


def test_the_global_tree_is_written_by_programs_and_read_by_users(scene: Scene) -> None:
    assert scene.request("PUT", GLOBAL, DOCUMENT).status == 401
    assert scene.ask("PUT", GLOBAL, DOCUMENT).status == 403
    assert scene.admin("PUT", GLOBAL, DOCUMENT).status == 201
    assert scene.request("GET", GLOBAL).status == 401
    assert scene.ask("GET", GLOBAL).body == DOCUMENT
    assert scene.ask("DELETE", GLOBAL).status == 403
    assert scene.admin("DELETE", f"{GLOBAL}/~~/resource-lists/list%5B1%5D").status == 200
    assert scene.admin("DELETE", GLOBAL).status == 200


# durability of what there is


def test_a_document_that_cannot_be_read_is_there_as_a_whole_and_has_no_parts(scene: Scene) -> None:
    scene.put()
    key = document_key("resource-lists", f"bob@{DOMAIN}", "index")
    held = scene.store.documents.get(key)
    assert held is not None
    held.octets = b"<broken"
    assert scene.ask("GET", INDEX).body == b"<broken"
    assert scene.ask("GET", ENTRY).status == 404
    assert scene.ask("PUT", ENTRY, b"<entry/>", media=ELEMENT).status == 409
    assert scene.put().status == 200


def test_who_goes_while_a_change_is_being_stored_does_no_harm(scene: Scene) -> None:
    scene.store.slow = True
    transport = scene.put_slowly().transport
    transport.protocol.connectionLost(Failure(ConnectionLost()))
    for told in scene.store.untold:
        told(None)
    scene.store.slow = False
    assert scene.ask("GET", INDEX).body == DOCUMENT
    assert transport.value() == b""


def test_the_root_of_documents_is_told_in_the_directory(scene: Scene) -> None:
    scene.admin("PUT", INDEX, DOCUMENT)
    directory = f"org.openmobilealliance.xcap-directory/users/sip:bob@{DOMAIN}/directory.xml"
    assert f'uri="{ROOT}/{INDEX}"'.encode() in scene.ask("GET", directory).body
    assert ADMIN.encode() not in scene.ask("GET", directory).body
