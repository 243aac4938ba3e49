"""Documents that the server writes itself, and what list services have to be."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from sip2xmpp import xcap
from sip2xmpp.address import Address
from sip2xmpp.documents.xcap_uri import XML_NAMESPACE
from sip2xmpp.xcap.generated import Watcher
from sip2xmpp.xcap.services import ServiceConstraints
from sip2xmpp.xcap.usages import USAGES
from tests.xcap.scene import BOB, DOCUMENT, DOMAIN, INDEX, ROOT, Answer, Scene

SCHEMAS = Path(xcap.__file__).parent / "schemas"
SERVICES = f"rls-services/users/sip:bob@{DOMAIN}/index"
MEDIA = "application/rls-services+xml"
DIRECTORY = f"org.openmobilealliance.xcap-directory/users/sip:bob@{DOMAIN}/directory.xml"
WATCHERS = f"org.openxcap.watchers/users/sip:bob@{DOMAIN}/watchers.xml"
LIST = f"{ROOT}/{INDEX}/~~/resource-lists/list%5B@name=%22friends%22%5D"


@pytest.fixture
def scene() -> Scene:
    return Scene()


def services(*uris: str, reference: str = LIST) -> bytes:
    inside = "".join(
        f'<service uri="{uri}"><resource-list>{reference}</resource-list>'
        "<packages><package>presence</package></packages></service>"
        for uri in uris
    )
    return f'<rls-services xmlns="urn:ietf:params:xml:ns:rls-services">{inside}</rls-services>'.encode()


def put(scene: Scene, *uris: str, reference: str = LIST, path: str = SERVICES, user: str = "bob") -> Answer:
    return scene.ask("PUT", path, services(*uris, reference=reference), media=MEDIA, user=user)


def texts(octets: bytes, name: str) -> list[str]:
    return [each.text or "" for each in ET.fromstring(octets).iter() if each.tag.endswith("}" + name)]


def test_capabilities_list_every_usage_and_its_namespace(scene: Scene) -> None:
    answer = scene.request("GET", "xcap-caps/global/index")
    assert answer.headers["content-type"] == "application/xcap-caps+xml" and answer.etag
    assert texts(answer.body, "auid") == list(USAGES)
    namespaces = texts(answer.body, "namespace")
    assert len(set(namespaces)) == len(namespaces)
    assert {usage.namespace for usage in USAGES.values()} <= set(namespaces)
    schemas = [ET.parse(path).getroot().get("targetNamespace") for path in SCHEMAS.glob("*.xsd")]
    assert {each for each in schemas if each is not None} - {XML_NAMESPACE} <= set(namespaces)
    part = scene.request("GET", "xcap-caps/global/index/~~/xcap-caps/auids/auid%5B1%5D")
    assert part.body == b"<auid>xcap-caps</auid>" and part.etag == answer.etag
    same = scene.request("GET", "xcap-caps/global/index", headers={"If-None-Match": answer.etag})
    assert same.status == 304


def test_the_directory_lists_what_its_owner_has_now(scene: Scene) -> None:
    empty = scene.ask("GET", DIRECTORY)
    assert empty.status == 200 and len(ET.fromstring(empty.body)) == 0
    etag = scene.put().etag
    scene.put(path=INDEX.replace("index", "a%20%22b"))
    put(scene, f"sip:friends@{DOMAIN}")
    full = scene.ask("GET", DIRECTORY)
    assert full.etag != empty.etag
    folders = {folder.get("auid"): list(folder) for folder in ET.fromstring(full.body)}
    assert set(folders) == {"resource-lists", "rls-services"}
    first, second = folders["resource-lists"]
    assert first.get("uri") == f"{ROOT}/{INDEX}" and first.get("size") == str(len(DOCUMENT))
    assert f'"{first.get("etag")}"' == etag and first.get("last-modified", "").startswith("1970-01-12T")
    assert (second.get("uri") or "").endswith("/a%20%22b")
    part = scene.ask("GET", f"{DIRECTORY}/~~/xcap-directory/folder%5B@auid=%22rls-services%22%5D")
    assert part.status == 200 and b"resource-lists" not in part.body
    assert scene.ask("GET", DIRECTORY.replace("directory.xml", "index")).body == full.body
    assert scene.ask("GET", DIRECTORY.replace("directory.xml", "other")).status == 404


def test_watchers_are_told_to_whom_they_watch(scene: Scene) -> None:
    scene.watchers = [
        Watcher(uri="sip:alice@sip.example.org", status="active", is_online=True),
        Watcher(uri="sip:<&>@jabber.example", status="waiting", is_online=False),
    ]
    answer = scene.ask("GET", WATCHERS)
    assert answer.headers["content-type"] == "application/xml"
    assert texts(answer.body, "id") == ["sip:alice@sip.example.org", "sip:<&>@jabber.example"]
    assert texts(answer.body, "status") == ["active", "waiting"]
    assert texts(answer.body, "online") == ["true", "false"]
    assert scene.ask("GET", WATCHERS, user="alice").status == 403


# list services


def test_a_service_for_a_list_of_ones_own_is_kept_and_indexed(scene: Scene) -> None:
    assert put(scene, f"sip:friends@{DOMAIN}").status == 201
    put(scene, f"sip:others@{DOMAIN}", path=SERVICES.replace("index", "other"))
    alice = SERVICES.replace("bob", "alice")
    put(scene, f"sip:hers@{DOMAIN}", reference=LIST.replace("bob", "alice"), path=alice, user="alice")
    index = scene.admin("GET", "rls-services/global/index")
    assert index.headers["content-type"] == MEDIA
    uris = [each.get("uri") for each in ET.fromstring(index.body)]
    assert uris == [f"sip:friends@{DOMAIN}", f"sip:hers@{DOMAIN}"]
    assert put(scene).status == 200
    again = scene.admin("GET", "rls-services/global/index")
    assert [each.get("uri") for each in ET.fromstring(again.body)] == [f"sip:hers@{DOMAIN}"]
    assert again.etag != index.etag


@pytest.mark.parametrize(
    "uri",
    [
        f"sip:alice@{DOMAIN}",
        f"sips:ALICE@{DOMAIN.upper()};transport=tcp",
        f"sip:bob@{DOMAIN}",
        f"sip:line@{DOMAIN}",
        f"sip:hers@{DOMAIN}",
        f"sip:H%65rs@{DOMAIN}",
        f"pres:hers@{DOMAIN}",
    ],
)
def test_the_address_of_a_service_is_nobody_elses(scene: Scene, uri: str) -> None:
    scene.lines.add(Address("line", DOMAIN))
    alice = SERVICES.replace("bob", "alice")
    put(scene, f"sip:hers@{DOMAIN}", reference=LIST.replace("bob", "alice"), path=alice, user="alice")
    refused = put(scene, f"sip:mine@{DOMAIN}", uri)
    assert refused.conflict == "uniqueness-failure"
    exists = ET.fromstring(refused.body)[0][0]
    field = exists.get("field") or ""
    assert field.startswith("rls-services/service%5B@uri=%22") and field.endswith("/@uri")
    free = [each.text or "" for each in exists]
    assert len(free) == 3 and put(scene, *free).status == 201


def test_two_services_of_one_document_have_two_addresses(scene: Scene) -> None:
    assert put(scene, f"sip:x@{DOMAIN}", f"sip:X@{DOMAIN}").conflict == "uniqueness-failure"
    assert put(scene, f"sip:x@{DOMAIN}", f"sip:y@{DOMAIN}").status == 201
    assert put(scene, f"sip:y@{DOMAIN}", f"sip:z@{DOMAIN}").status == 200


def test_an_address_that_is_given_up_is_free(scene: Scene) -> None:
    alice = SERVICES.replace("bob", "alice")

    def hers() -> Answer:
        reference = LIST.replace("bob", "alice")
        return put(scene, f"sip:x@{DOMAIN}", reference=reference, path=alice, user="alice")

    put(scene, f"sip:x@{DOMAIN}")
    assert hers().status == 409
    put(scene, f"sip:y@{DOMAIN}")
    assert hers().status == 201
    assert put(scene, f"sip:x@{DOMAIN}").status == 409
    scene.ask("DELETE", alice, user="alice")
    assert put(scene, f"sip:x@{DOMAIN}").status == 200


@pytest.mark.parametrize("uri", ["sip:x@elsewhere.example", "mailto:x@y", f"sip:{DOMAIN}", "x"])
def test_a_service_is_in_a_domain_of_ours(scene: Scene, uri: str) -> None:
    assert put(scene, uri).conflict == "constraint-failure"


@pytest.mark.parametrize(
    "reference",
    [
        LIST.replace("bob", "alice"),
        LIST.replace(ROOT, "http://elsewhere.example/xcap"),
        f"{ROOT}x/{INDEX}/~~/resource-lists/list",
        f"{ROOT}/{INDEX}",
        f"{ROOT}/{INDEX}/~~/resource-lists/list/@name",
        f"{ROOT}/{INDEX}/~~/resource-lists/list/entry",
        f"{ROOT}/pres-rules/users/sip:bob@{DOMAIN}/index/~~/ruleset/list",
        f"{ROOT}/{INDEX}/~~/a[",
        "not a URL",
        "http://[/xcap/x",
        LIST.replace("http:", "https:"),
        LIST.replace("org/", "org:8080/"),
        "",
    ],
)
def test_a_service_is_for_a_list_that_its_owner_may_give_away(scene: Scene, reference: str) -> None:
    assert put(scene, f"sip:x@{DOMAIN}", reference=reference).conflict in {
        "constraint-failure",
        "schema-validation-error",
    }


@pytest.mark.parametrize(
    "root",
    [ROOT, ROOT.replace("http:", "HTTP:"), ROOT.replace("org/", "org:80/"), ROOT.replace("xcap.", "XCAP.")],
)
def test_the_root_is_known_however_it_is_written(scene: Scene, root: str) -> None:
    assert put(scene, f"sip:x@{DOMAIN}", reference=LIST.replace(ROOT, root)).status == 201


def test_a_service_may_be_for_a_list_of_the_global_tree(scene: Scene) -> None:
    reference = f"{ROOT}/resource-lists/global/sales/~~/resource-lists/list%5B1%5D"
    assert put(scene, f"sip:sales@{DOMAIN}", reference=reference).status == 201


def test_services_are_known_again_after_a_restart(scene: Scene) -> None:
    for name in ("one", "two"):
        assert put(scene, f"sip:{name}@{DOMAIN}", path=SERVICES.replace("index", name)).status == 201
    broken = scene.documents.of(str(BOB))[0]
    constraints = ServiceConstraints(
        scene.store.documents, serves=lambda domain: True, is_taken=lambda address: False, root=ROOT
    )
    scene.documents._constraints = (constraints,)
    assert put(scene, f"sip:one@{DOMAIN}").conflict == "uniqueness-failure"
    broken.octets = b"<broken"
    scene.store.documents.put(broken)
    assert put(scene, f"sip:one@{DOMAIN}").status == 201
