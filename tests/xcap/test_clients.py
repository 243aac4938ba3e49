"""What clients send, request by request, as far as it is known of each."""

from base64 import b64encode

import pytest

from sip2xmpp.xcap.usages import ALIASES
from tests.xcap.scene import BOB, DOCUMENT, DOMAIN, INDEX, LISTS, OTHER_DOMAIN, Answer, Scene

RULES = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b'<cp:ruleset xmlns:cp="urn:ietf:params:xml:ns:common-policy" xmlns:pr="urn:ietf:params:xml:ns:pres-rules">'
    b'<cp:rule id="presence_allow"><cp:conditions><cp:identity><cp:one id="sip:alice@sip.example.org"/></cp:identity>'
    b"</cp:conditions><cp:actions><pr:sub-handling>allow</pr:sub-handling></cp:actions>"
    b"<cp:transformations><pr:provide-services><pr:all-services/></pr:provide-services></cp:transformations>"
    b"</cp:rule></cp:ruleset>"
)
POLICY = "application/auth-policy+xml"
ICON = "application/vnd.oma.pres-content+xml"
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(8)


def picture(octets: bytes) -> bytes:
    return (
        b'<?xml version="1.0" encoding="UTF-8"?>\n<content xmlns="urn:oma:xml:prs:pres-content">'
        b"<mime-type>image/png</mime-type><encoding>base64</encoding><description>icon</description><data>"
        + b64encode(octets)
        + b"</data></content>"
    )


@pytest.fixture
def scene() -> Scene:
    return Scene()


# Blink, and what else is made of python-sipsimple


def test_blink_looks_at_the_capabilities_and_keeps_whole_documents(scene: Scene) -> None:
    headers = {"User-Agent": "Blink Qt 5.9", "Accept-Encoding": "identity"}
    caps = scene.request("GET", "xcap-caps/global/index", headers=headers)
    for auid in ("resource-lists", "rls-services", "org.openmobilealliance.pres-rules"):
        assert f"<auid>{auid}</auid>".encode() in caps.body
    documents = {
        "resource-lists": (LISTS, DOCUMENT),
        "org.openmobilealliance.pres-rules": (POLICY, RULES),
        "org.openxcap.dialog-rules": (POLICY, RULES),
        "org.openmobilealliance.pres-content": (ICON, picture(PNG)),
    }
    for auid, (media, octets) in documents.items():
        name = "oma_status-icon/index" if auid.endswith("content") else "index"
        path = f"{auid}/users/sip:bob@{DOMAIN}/{name}"

        def put(tag: dict[str, str], path: str = path, media: str = media, octets: bytes = octets) -> Answer:
            return scene.ask("PUT", path, octets, media=media, headers={**headers, **tag})

        assert scene.ask("GET", path, headers=headers).status == 404
        made = put({"If-None-Match": "*"})
        assert made.status == 201, (auid, made.body)
        assert put({"If-None-Match": "*"}).status == 412
        assert scene.ask("GET", path, headers={**headers, "If-None-Match": made.etag}).status == 304
        assert put({"If-Match": made.etag}).status == 200
        assert put({"If-Match": '"another"'}).status == 412


def test_blink_says_that_documents_are_forms_and_of_parts_what_they_are(scene: Scene) -> None:
    form = "application/x-www-form-urlencoded"
    for auid, (_, octets) in {"resource-lists": (LISTS, DOCUMENT), "pres-rules": (POLICY, RULES)}.items():
        path = f"{auid}/users/sip:bob@{DOMAIN}/index"
        assert scene.ask("PUT", path, octets, media=form).status == 201
        assert scene.ask("GET", path).body == octets
    entry = f"{INDEX}/~~/resource-lists/list%5B1%5D/entry%5B@uri=%22sip:x@y%22%5D"
    assert scene.ask("PUT", entry, b'<entry uri="sip:x@y"/>', media=form).status == 415
    assert scene.ask("PUT", entry, b'<entry uri="sip:x@y"/>', media="application/xcap-el+xml").status == 201


def test_python_xcaplib_does_not_escape_the_quotes_in_what_it_hashes(scene: Scene) -> None:
    scene.put()
    path = f'/xcap/{INDEX}/~~/resource-lists/list[@name="friends"]'
    given = scene.credentials(scene.request("GET", path), "GET", path).replace('\\"', '"')
    assert f'uri="{path}"' in given
    assert scene.request("GET", path, headers={"Authorization": given}).status == 200
    other = given.replace("friends", "others")
    assert scene.request("GET", path, headers={"Authorization": other}).status == 400


def test_blink_merges_what_another_device_has_changed_meanwhile(scene: Scene) -> None:
    first = scene.put(if_none_match="*").etag
    theirs = DOCUMENT.replace(b"friends", b"family")
    assert scene.put(theirs, if_match=first).status == 200
    mine = DOCUMENT.replace(b"</resource-lists>", b'<list name="work"/></resource-lists>')
    assert scene.put(mine, if_match=first).status == 412
    fresh = scene.ask("GET", INDEX, headers={"If-None-Match": first})
    assert fresh.status == 200 and fresh.body == theirs
    merged = theirs.replace(b"</resource-lists>", b'<list name="work"/></resource-lists>')
    assert scene.put(merged, if_match=fresh.etag).status == 200


# Jitsi


def jitsi(
    scene: Scene, method: str, path: str, body: bytes | None = None, media: str | None = None
) -> Answer:
    headers = {"Connection": "close"} | ({"Content-Encoding": "UTF-8"} if body is not None else {})
    return scene.ask(method, path, body, media=media, headers=headers, algorithm="SHA-256")


def test_jitsi_keeps_rules_under_a_name_of_its_own(scene: Scene) -> None:
    path = f"pres-rules/users/sip:bob@{DOMAIN}/presrules"
    assert jitsi(scene, "GET", path).status == 404
    assert jitsi(scene, "PUT", path, RULES, POLICY).status == 201
    assert jitsi(scene, "PUT", path, RULES.replace(b"alice", b"juliet"), POLICY).status == 200
    assert b"juliet" in jitsi(scene, "GET", path).body


def test_jitsi_takes_the_name_of_the_icon_for_an_application_usage(scene: Scene) -> None:
    path = f"oma_status-icon/users/sip:bob@{DOMAIN}/sip_communicator"
    assert "oma_status-icon" in ALIASES
    assert jitsi(scene, "PUT", path, picture(PNG), ICON).status == 201
    read = jitsi(scene, "GET", path)
    assert read.body == picture(PNG) and read.headers["content-type"] == ICON
    (kept,) = scene.documents.of(str(BOB))
    assert (kept.auid, kept.name) == ("org.openmobilealliance.pres-content", "sip_communicator")
    assert scene.ask("GET", path.replace("oma_status-icon", kept.auid)).body == picture(PNG)


def test_jitsi_puts_lists_without_conditions(scene: Scene) -> None:
    assert jitsi(scene, "PUT", INDEX, DOCUMENT, LISTS).status == 201
    assert jitsi(scene, "PUT", INDEX, DOCUMENT, LISTS).status == 200


# eyeBeam, X-Lite, Bria


def test_eyebeam_writes_users_without_domain_and_the_domain_behind_the_root() -> None:
    scene = Scene(domains=(DOMAIN, OTHER_DOMAIN))
    for root in (f"/xcap@{OTHER_DOMAIN}", f"/xcap/@{OTHER_DOMAIN}"):
        path = f"{root}/resource-lists/users/bob/index"
        assert scene.ask("PUT", path, DOCUMENT).status in {200, 201}
        assert scene.ask("GET", path).body == DOCUMENT
        assert scene.ask("GET", path, user="alice").status == 403
    assert [each.owner for each in scene.store.documents.all()] == [f"bob@{OTHER_DOMAIN}"]
    assert scene.ask("GET", "/xcap@elsewhere.example/resource-lists/users/bob/index").status == 403
    assert scene.ask("GET", f"/xcap@{OTHER_DOMAIN}/resource-lists/users/sip:bob@{DOMAIN}/index").status == 404


def test_eyebeam_edits_elements(scene: Scene) -> None:
    scene.put()
    path = 'resource-lists/users/bob/index/~~/resource-lists/list[@name="friends"]/entry[@uri="sip:juliet@sip.example.org"]'
    body = b'<entry uri="sip:juliet@sip.example.org"><display-name>Juliet</display-name></entry>'
    assert scene.ask("PUT", path, body, media="application/xcap-el+xml").status == 201
    assert scene.ask("GET", path).body == body
    assert scene.ask("DELETE", path).status == 200
    assert scene.ask("GET", INDEX).body == DOCUMENT


# others


def test_selectors_come_raw_and_escaped_and_with_a_slash_behind(scene: Scene) -> None:
    scene.put()
    for path in (
        f'{INDEX}/~~/resource-lists/list[@name="friends"]',
        f"{INDEX}/%7E%7E/resource-lists/list%5b@name=%22friends%22%5d",
        f"{INDEX}/~~/resource-lists/list[@name='friends']/",
        f"resource-lists/users/sip%3Abob%40{DOMAIN}/index/~~/%72esource-lists/*%5B1%5D",
    ):
        assert scene.ask("GET", path).body.startswith(b'<list name="friends">'), path


@pytest.mark.parametrize("root", ["/xcap-root", "/a/b", "", "/xcap"])
def test_the_root_may_have_another_path(root: str) -> None:
    scene = Scene(path=root)
    assert scene.ask("PUT", f"{root}/{INDEX}", DOCUMENT).status == 201
    for path in (f"{root}/{INDEX}", f"/xcap/{INDEX}", f"{root}@{DOMAIN}/resource-lists/users/bob/index"):
        if path.startswith("/"):
            assert scene.ask("GET", path).body == DOCUMENT
    health = scene.request("GET", "/health")
    assert health.status == 200 and health.headers["content-type"] == "application/json"
    assert scene.site.bound_of(f"{root}/x".encode()) > scene.site.bound_of(b"/api/x")
    assert scene.request("GET", "/nothing").status == (404 if root else 400)


def test_http_1_0_is_spoken(scene: Scene) -> None:
    answer = scene.send(b"GET /xcap/xcap-caps/global/index HTTP/1.0\r\n\r\n")
    assert answer.status == 200 and b"<xcap-caps" in answer.body


def test_a_picture_of_300_kib_fits_and_a_larger_one_does_not(scene: Scene) -> None:
    path = f"org.openmobilealliance.pres-content/users/sip:bob@{DOMAIN}/oma_status-icon/index"
    assert scene.ask("PUT", path, picture(PNG + bytes(300 * 1024 - len(PNG))), media=ICON).status == 201
    assert scene.ask("PUT", path, picture(PNG + bytes(350 * 1024)), media=ICON).status == 413
    assert scene.site.large == 0


def test_one_who_waits_to_be_told_to_go_on_is_told(scene: Scene) -> None:
    first = scene.request("PUT", INDEX, DOCUMENT)
    transport, send = scene.connect()
    send(
        f"PUT /xcap/{INDEX} HTTP/1.1\r\nHost: x\r\nContent-Type: {LISTS}\r\nContent-Length: {len(DOCUMENT)}\r\n"
        f"Authorization: {scene.credentials(first, 'PUT', INDEX)}\r\nExpect: 100-continue\r\n\r\n".encode()
    )
    assert transport.value() == b"HTTP/1.1 100 Continue\r\n\r\n"
    transport.clear()
    send(DOCUMENT)
    assert Answer(transport.value()).status == 201


def test_requests_follow_one_another_on_one_connection(scene: Scene) -> None:
    first = scene.request("GET", INDEX)
    transport, send = scene.connect()
    for count in range(1, 4):
        field = scene.credentials(first, "GET", INDEX, count=count)
        send(f"GET /xcap/{INDEX} HTTP/1.1\r\nHost: x\r\nAuthorization: {field}\r\n\r\n".encode())
        assert Answer(transport.value()).status == 404
        transport.clear()
