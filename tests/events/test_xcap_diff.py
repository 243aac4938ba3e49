"""What a user's other devices learn of documents on the XCAP server, as one of them sees it."""

import gzip
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.documents import resource_lists, xcap_diff
from sip2xmpp.documents.xcap_diff import AttributeState, DocumentChange, ElementState, XcapDiff
from sip2xmpp.events.xcap_changes import MOST_DOCUMENTS, PATCHED, REMEMBERED
from sip2xmpp.events.xcap_diff import BODY_LIMIT, MOST_DEVICES, XcapDiffPackage
from sip2xmpp.events.xcap_selection import MOST, Places, Processing, kept, selection
from sip2xmpp.store.documents import GLOBAL, Document, document_key
from tests.documents.patching import patch
from tests.events.gateway import Gateway, HoldingStore
from tests.events.phone import Line, Phone
from tests.fakes import Network

ALICE, BOB = "sip:alice@sip.example.org", "sip:bob@sip.example.org"
ROOT = "https://xcap.sip.example.org/xcap/"
LISTS, RULES = "resource-lists", "org.openmobilealliance.pres-rules"
MINE = f"{LISTS}/users/{ALICE}/index"
LIST_BODY = "Content-Type: application/resource-lists+xml\r\n"
NAMESPACES = {LISTS: "urn:ietf:params:xml:ns:resource-lists", RULES: "urn:ietf:params:xml:ns:pres-rules"}


def usage(auid: str) -> tuple[str, str] | None:
    return (auid, NAMESPACES[auid]) if auid in NAMESPACES else None


PLACES = Places(root=ROOT, usage=usage, domains=frozenset({"sip.example.org"}))


def friends(*names: str, title: str = "friends") -> bytes:
    entries = "".join([f'\n  <entry uri="sip:{name}@example.com"/>' for name in names])
    namespace = "urn:ietf:params:xml:ns:resource-lists"
    return f'<resource-lists xmlns="{namespace}">\n <list name="{title}">{entries}\n </list>\n</resource-lists>'.encode()


class Scene:
    def __init__(self, clock: Clock, **options: Any) -> None:
        self.network = Network(clock)
        self.gateway = self.start(**options)
        self.phone = Phone(self.network, "192.0.2.10", ALICE)
        self.versions = 0

    def start(self, **options: Any) -> Gateway:
        return Gateway(
            self.network,
            packages=lambda gateway: [
                XcapDiffPackage(
                    store=gateway.store,
                    clock=gateway.clock,
                    exists=lambda user: user.domain == "sip.example.org",
                    places=PLACES,
                )
            ],
            **options,
        )

    def put(
        self,
        octets: bytes,
        *,
        auid: str = LISTS,
        owner: str = "alice@sip.example.org",
        name: str = "index",
        after: float = 0.5,
    ) -> str:
        self.versions += 1
        etag = f"e{self.versions}"
        self.gateway.store.documents.put(
            Document(
                auid=auid, owner=owner, name=name, octets=octets, etag=etag, changed_at=float(self.versions)
            )
        )
        self.network.drive(after)
        return etag

    def delete(self, *, auid: str = LISTS, owner: str = "alice@sip.example.org", name: str = "index") -> None:
        self.gateway.store.documents.remove(document_key(auid, owner, name))
        self.network.drive(0.5)

    def subscribed(
        self,
        *uris: str,
        how: str = "",
        phone: Phone | None = None,
        target: str = ALICE,
        expires: int | None = 600,
        headers: str = "",
    ) -> Line:
        body = resource_lists.write_flat(uris) if uris else b""
        line = (phone or self.phone).subscribe(
            target,
            expires,
            event="xcap-diff" + (f";diff-processing={how}" if how else ""),
            headers=headers + (LIST_BODY if uris else ""),
            body=body,
        )
        self.network.drive(0.5)
        return line

    def wait(self) -> None:
        self.network.drive(6)


def told(line: Line, number: int = -1) -> list[Any]:
    notify = line.notifies[number]
    assert notify["Content-Type"] == "application/xcap-diff+xml"
    diff = xcap_diff.read(notify.body)
    assert diff.root == ROOT
    return list(diff.changes)


@pytest.fixture
def scene(clock: Clock) -> Scene:
    return Scene(clock)


# what there is


def test_without_a_body_all_own_documents_are_told(scene: Scene) -> None:
    first, second = scene.put(friends()), scene.put(b"<ruleset/>", auid=RULES, name="rules/of mine")
    scene.put(friends(), owner="bob@sip.example.org")
    scene.put(friends(), owner=GLOBAL, name="staff")
    line = scene.subscribed()
    assert line.status == 200 and line.last.state == "active"
    assert told(line) == [
        DocumentChange(sel=MINE, new_etag=first),
        DocumentChange(sel=f"{RULES}/users/{ALICE}/rules/of%20mine", new_etag=second),
    ]


def test_a_lifetime_that_is_not_asked_for_is_an_hour(scene: Scene) -> None:
    assert scene.subscribed(expires=None).response["Expires"] == "3600"


def test_the_first_notify_comes_also_when_there_is_nothing(scene: Scene) -> None:
    assert told(scene.subscribed()) == [] and told(scene.subscribed(MINE)) == []


def test_only_the_owner_may_watch(scene: Scene) -> None:
    bob = Phone(scene.network, "192.0.2.20", BOB)
    assert scene.subscribed(phone=bob).status == 403
    assert scene.subscribed(MINE, phone=bob).status == 403
    assert scene.subscribed(target="sip:nobody@elsewhere.example").status == 404


def test_the_address_of_the_domain_is_good_for_everybody_in_it(scene: Scene) -> None:
    etag = scene.put(friends())
    domain = ALICE.replace("alice@", "")
    line = scene.subscribed(MINE, target=domain)
    assert told(line) == [DocumentChange(sel=MINE, new_etag=etag)]
    stranger = Phone(scene.network, "192.0.2.20", "sip:romeo@jabber.example")
    assert scene.subscribed(MINE, phone=stranger, target=domain).status == 403


def test_what_belongs_to_others_is_left_out(scene: Scene) -> None:
    scene.put(friends(), owner="bob@sip.example.org")
    staff = scene.put(friends("eve"), owner=GLOBAL, name="staff")
    theirs = f"{LISTS}/users/{BOB}"
    line = scene.subscribed(
        f"{theirs}/index",
        f"{theirs}/",
        f"{theirs}/index/~~/resource-lists/list%5B1%5D",
        f"{LISTS}/global/staff",
    )
    assert told(line) == [DocumentChange(sel=f"{LISTS}/global/staff", new_etag=staff)]
    scene.put(friends("joe"), owner="bob@sip.example.org")
    scene.wait()
    assert len(line.notifies) == 1


@pytest.mark.parametrize(
    "uri",
    [
        f"{ROOT}{MINE}",
        f"http://192.0.2.1:8080/xcap/{MINE}",
        f"/xcap/{MINE}",
        f"{LISTS}/users/sip%3Aalice%40sip.example.org/index",
        f"{LISTS}/users/alice@sip.example.org/index",
        f"{LISTS}/users/alice/index",
        f"{LISTS}/users/sip:alice@SIP.example.org/index",
    ],
)
def test_a_document_is_called_as_its_watcher_calls_it(scene: Scene, uri: str) -> None:
    etag = scene.put(friends())
    sel = uri.partition("/xcap/")[2] or uri
    assert told(scene.subscribed(uri)) == [DocumentChange(sel=sel, new_etag=etag)]


@pytest.mark.parametrize(
    "collection",
    [
        f"{LISTS}/users/{ALICE}/",
        f"{LISTS}/users/alice%40sip.example.org/",
        f"{LISTS}/",
        f"{LISTS}/users/",
        ROOT,
    ],
)
def test_a_collection_is_everything_below_it(scene: Scene, collection: str) -> None:
    scene.put(friends())
    line = scene.subscribed(collection)
    etag = scene.put(friends(), name="other/one")
    owner = "alice%40sip.example.org" if "%40" in collection else ALICE
    assert told(line) == [DocumentChange(sel=f"{LISTS}/users/{owner}/other/one", new_etag=etag)]


def test_what_is_named_itself_is_called_so_even_if_it_is_also_in_a_collection(scene: Scene) -> None:
    etag = scene.put(friends())
    named = f"{LISTS}/users/alice@sip.example.org/index"
    line = scene.subscribed(f"{LISTS}/users/{ALICE}/", named)
    assert told(line) == [DocumentChange(sel=named, new_etag=etag)]


@pytest.mark.parametrize(
    "uri",
    [
        "nonsense", "no-such-usage/users/sip:alice@sip.example.org/index", "http://elsewhere.example/other/x", "sip:bob@example.com",
        f"{LISTS}/users/{ALICE}/../x", f"{LISTS}/users/{ALICE}/%zz", f"{LISTS}/elsewhere/", f"{MINE}/~~/", f"{MINE}/~~/a%5B",
        f"{MINE}/~~/resource-lists/namespace::*", f"{LISTS}/users/%00/", f"{LISTS}//", f"{LISTS}/users/{ALICE}/{'x' * 5000}",
    ],
)  # fmt: skip
def test_what_can_be_no_address_here_is_left_out(scene: Scene, uri: str) -> None:
    scene.put(friends())
    line = scene.subscribed(uri)
    assert line.status == 200 and told(line) == []


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ("Content-Type: text/plain\r\n", b"x", 415),
        (LIST_BODY, b"<resource-lists", 400),
        (LIST_BODY, b"<other/>", 400),
        (
            LIST_BODY,
            resource_lists.write_flat([f"{MINE}/~~/a/b%5B{number}%5D" for number in range(1, 12)]),
            413,
        ),
        (
            LIST_BODY,
            resource_lists.write_flat([f"{MINE}/~%7e/a/b%5B{number}%5D" for number in range(1, 12)]),
            413,
        ),
        (f"{LIST_BODY}Content-Encoding: br\r\n", resource_lists.write_flat([MINE]), 415),
        (f"{LIST_BODY}Content-Encoding: gzip\r\n", gzip.compress(bytes(BODY_LIMIT * 3)), 400),
        (f"{LIST_BODY}Content-Encoding: deflate\r\n", zlib.compress(resource_lists.write_flat([MINE])), 200),
        (LIST_BODY, resource_lists.write_flat([MINE]) + b" " * BODY_LIMIT, 413),
        (LIST_BODY, b"<a>" * 10_000, 400),
        (LIST_BODY, resource_lists.write_flat([f"{MINE}{number}" for number in range(MOST + 1)]), 413),
        (LIST_BODY, resource_lists.write_flat([f"{MINE}{'x' * 3000}{number}" for number in range(9)]), 413),
        ("Accept: text/plain\r\n", b"", 406),
        ("Accept: application/xcap-diff+xml\r\n", b"", 200),
    ],
)
def test_what_cannot_be_done_is_refused(scene: Scene, headers: str, body: bytes, status: int) -> None:
    line = scene.phone.subscribe(ALICE, event="xcap-diff", headers=headers, body=body)
    scene.network.drive(0.5)
    assert line.status == status


# what changes


def test_each_change_says_which_version_it_follows(scene: Scene) -> None:
    line = scene.subscribed(MINE)
    one = scene.put(friends())
    assert told(line) == [DocumentChange(sel=MINE, new_etag=one)]
    scene.wait()
    two = scene.put(friends("joe"))
    assert told(line) == [DocumentChange(sel=MINE, previous_etag=one, new_etag=two)]
    scene.wait()
    three = scene.put(friends("joe"))
    assert told(line) == [DocumentChange(sel=MINE, previous_etag=two, new_etag=three, is_same=True)]
    scene.wait()
    scene.delete()
    assert told(line) == [DocumentChange(sel=MINE, previous_etag=three)]
    scene.wait()
    four = scene.put(friends())
    assert told(line) == [DocumentChange(sel=MINE, new_etag=four)] and len(line.notifies) == 6


def test_changes_within_five_seconds_are_told_together_and_the_chain_holds(scene: Scene) -> None:
    first = scene.put(friends())
    line = scene.subscribed()
    second = scene.put(friends("joe"))
    last = [scene.put(friends(f"user{number}")) for number in range(6)][-1]
    assert len(line.notifies) == 2
    scene.wait()
    assert told(line, 1) == [DocumentChange(sel=MINE, previous_etag=first, new_etag=second)]
    assert told(line) == [DocumentChange(sel=MINE, previous_etag=second, new_etag=last)]
    assert len(line.notifies) == 3


def test_what_goes_and_comes_back_unseen_has_another_version(scene: Scene) -> None:
    first = scene.put(friends())
    line = scene.subscribed(how="xcap-patching")
    second = scene.put(friends("joe"))
    scene.delete()
    third = scene.put(friends("eve"))
    scene.wait()
    assert told(line, 1)[0].new_etag == second and first
    assert told(line) == [DocumentChange(sel=MINE, previous_etag=second, new_etag=third)]


def test_nobody_is_told_of_what_was_not_selected(scene: Scene) -> None:
    line = scene.subscribed(MINE)
    scene.put(friends(), name="other")
    scene.put(b"<ruleset/>", auid=RULES)
    scene.wait()
    assert len(line.notifies) == 1


def test_a_refresh_tells_everything_again(scene: Scene) -> None:
    line = scene.subscribed(MINE)
    one = scene.put(friends())
    line.send()
    scene.network.drive(1)
    assert told(line) == [DocumentChange(sel=MINE, new_etag=one)] and len(line.notifies) == 3


def test_who_has_what_there_is_needs_not_be_told_it(scene: Scene) -> None:
    scene.put(friends())
    line = scene.subscribed(MINE)
    line.send(headers=f"Suppress-If-Match: {line.last['SIP-ETag']}\r\n")
    scene.network.drive(1)
    assert line.status == 204 and len(line.notifies) == 1


def test_a_refresh_may_select_something_else(scene: Scene) -> None:
    scene.put(friends())
    rules = scene.put(b"<ruleset/>", auid=RULES)
    line = scene.subscribed(MINE)
    sel = f"{RULES}/users/{ALICE}/index"
    line.send(headers=LIST_BODY, body=resource_lists.write_flat([sel]))
    scene.network.drive(1)
    assert line.status == 200 and told(line) == [DocumentChange(sel=sel, new_etag=rules)]
    line.send()
    scene.network.drive(1)
    assert told(line) == [DocumentChange(sel=sel, new_etag=rules)]


def test_a_fetch_is_answered_with_everything(scene: Scene) -> None:
    etag = scene.put(friends())
    line = scene.subscribed(MINE, expires=0)
    assert told(line) == [DocumentChange(sel=MINE, new_etag=etag)] and line.last.state == "terminated"


def test_a_department_list_of_the_operator_concerns_all_who_selected_it(scene: Scene) -> None:
    staff = f"{LISTS}/global/staff"
    bob = Phone(scene.network, "192.0.2.20", BOB)
    lines = [scene.subscribed(staff), scene.subscribed(staff, phone=bob, target=BOB)]
    etag = scene.put(friends(), owner=GLOBAL, name="staff")
    assert [told(line) for line in lines] == [[DocumentChange(sel=staff, new_etag=etag)]] * 2


def test_nobody_hears_of_a_version_that_a_crash_would_undo(clock: Clock) -> None:
    store = HoldingStore(clock)
    scene = Scene(clock, store=store)
    line = scene.subscribed(MINE)
    store.held = []
    etag = scene.put(friends())
    assert len(line.notifies) == 1
    held, store.held = store.held, None
    for call in held:
        call(None)
    scene.network.drive(0.5)
    assert told(line) == [DocumentChange(sel=MINE, new_etag=etag)]


@pytest.mark.parametrize("is_left", [False, True])
def test_nor_if_another_one_is_safe_already(clock: Clock, is_left: bool) -> None:
    store = HoldingStore(clock)
    scene = Scene(clock, store=store)
    line = scene.subscribed(MINE)
    first = scene.put(friends())
    scene.put(friends("joe"))
    store.held = []
    third = scene.put(friends("joe", "eve"), after=8)
    assert len(line.notifies) == 2
    if is_left:
        line.unsubscribe()
        scene.network.drive(0.1)
    held, store.held = store.held, None
    for call in held:
        call(None)
    scene.network.drive(0.5)
    assert len(line.notifies) == 3
    if is_left:
        assert line.last.state == "terminated"
        assert told(line) == [DocumentChange(sel=MINE, new_etag=first)]
    else:
        assert told(line) == [DocumentChange(sel=MINE, previous_etag=first, new_etag=third)]


# patches


def patched(octets: bytes, change: DocumentChange) -> bytes:
    tree = etree.ElementTree(etree.fromstring(octets))
    for operation in change.patch:
        patch(tree, etree.fromstring(operation))
    return etree.tostring(tree, method="c14n")


def canonical(octets: bytes) -> bytes:
    return etree.tostring(etree.ElementTree(etree.fromstring(octets)), method="c14n")


EVERYBODY = ("joe", "eve", "bob", "romeo", "juliet")


@pytest.mark.parametrize("how", ["aggregate", "xcap-patching"])
def test_who_asks_for_it_is_told_how_a_document_has_changed(scene: Scene, how: str) -> None:
    before, after = friends(*EVERYBODY), friends(*EVERYBODY, "mercutio")
    scene.put(before)
    line = scene.subscribed(MINE, how=how)
    assert line.last["Event"] == f"xcap-diff;diff-processing={how}"
    scene.put(after)
    (change,) = told(line)
    assert change.patch and patched(before, change) == canonical(after)


def test_several_changes_are_one_patch_for_one_and_several_for_another(scene: Scene) -> None:
    versions = [friends(*EVERYBODY, *[f"user{number}" for number in range(count)]) for count in range(4)]
    scene.put(versions[0])
    together = scene.subscribed(MINE, how="aggregate")
    each = scene.subscribed(MINE, how="xcap-patching")
    plain = scene.subscribed(MINE)
    etags = [scene.put(octets) for octets in versions[1:]]
    scene.wait()
    (change,) = told(together)
    assert (change.previous_etag, change.new_etag) == (etags[0], etags[2])
    assert patched(versions[1], change) == canonical(versions[3])
    steps = told(each)
    assert [(one.previous_etag, one.new_etag) for one in steps] == [
        (etags[0], etags[1]),
        (etags[1], etags[2]),
    ]
    assert patched(versions[1], steps[0]) == canonical(versions[2])
    assert patched(versions[2], steps[1]) == canonical(versions[3])
    assert told(plain) == [DocumentChange(sel=MINE, previous_etag=etags[0], new_etag=etags[2])]


def test_a_version_that_came_while_another_was_told_is_told_after_it(scene: Scene) -> None:
    first = scene.put(friends("joe"))
    line = scene.subscribed(MINE, how="xcap-patching")
    line.answer = lambda notify: None
    second = scene.put(friends("joe", "jim"), after=6)
    third = scene.put(friends("joe", "jim", "jack"))
    line.answer = lambda notify: "200 OK"
    fourth = scene.put(friends("joe", "jim", "jack", "jane"), after=0)
    fifth = scene.put(friends("joe", "jim", "jack", "jane", "jill"), after=12)
    steps = [[(each.previous_etag, each.new_etag) for each in told(line, at)] for at in range(4)]
    assert steps == [
        [(None, first)],
        [(first, second)],
        [(second, third)],
        [(third, fourth), (fourth, fifth)],
    ]


def test_more_versions_than_are_remembered_are_told_without_a_patch(scene: Scene) -> None:
    scene.put(friends(*EVERYBODY))
    line = scene.subscribed(MINE, how="xcap-patching")
    first = scene.put(friends(*EVERYBODY, "a"))
    last = [scene.put(friends(*EVERYBODY, f"b{number}"), after=0.1) for number in range(REMEMBERED + 2)][-1]
    scene.wait()
    assert told(line) == [DocumentChange(sel=MINE, previous_etag=first, new_etag=last)]


def test_a_patch_that_is_longer_than_the_document_is_left_out(scene: Scene) -> None:
    before = scene.put(friends(*EVERYBODY))
    line = scene.subscribed(MINE, how="aggregate")
    after = scene.put(b"<x/>")
    assert told(line) == [DocumentChange(sel=MINE, previous_etag=before, new_etag=after)]


def test_large_documents_are_not_compared(scene: Scene) -> None:
    many = [f"user{number}" for number in range(PATCHED // 20)]
    before = scene.put(friends(*many))
    line = scene.subscribed(MINE, how="aggregate")
    after = scene.put(friends(*many[1:]))
    assert told(line) == [DocumentChange(sel=MINE, previous_etag=before, new_etag=after)]


def test_what_has_no_room_in_a_datagram_is_left_out(scene: Scene) -> None:
    many = [f"user{number}" for number in range(1000)]
    before = scene.put(friends(*many))
    line = scene.subscribed(MINE, how="aggregate")
    after = scene.put(friends(*many, *[f"more{number}" for number in range(200)]))
    assert told(line) == [DocumentChange(sel=MINE, previous_etag=before, new_etag=after)]
    assert len(line.last.body) < 1000


def test_many_documents_are_not_all_told(scene: Scene) -> None:
    for number in range(MOST_DOCUMENTS + 10):
        scene.gateway.store.documents.put(
            Document(auid=LISTS, owner="alice@sip.example.org", name=f"n{number}", octets=b"<x/>", etag="e", changed_at=0.0)
        )  # fmt: skip
    line = scene.subscribed()
    assert len(told(line)) == MOST_DOCUMENTS
    etag = scene.put(b"<y/>", name=f"n{MOST_DOCUMENTS + 9}")
    assert [each.new_etag for each in told(line)] == [etag], "a change of those that were left out is told"


# elements and attributes

ENTRY = f"{MINE}/~~/resource-lists/list%5B@name=%22friends%22%5D/entry%5B@uri=%22sip:joe@example.com%22%5D"
TITLE = f"{MINE}/~~/resource-lists/list%5B1%5D/@name"
JOE = b'<entry xmlns="urn:ietf:params:xml:ns:resource-lists" uri="sip:joe@example.com"></entry>'


def test_an_element_is_told_when_it_comes_and_when_it_goes(scene: Scene) -> None:
    scene.put(friends())
    line = scene.subscribed(ENTRY)
    assert told(line) == []
    scene.put(friends("joe"))
    assert told(line) == [ElementState(sel=ENTRY, content=JOE)]
    scene.wait()
    scene.put(friends("eve", "joe"))
    scene.wait()
    assert len(line.notifies) == 2, "the element is what it was"
    scene.put(friends("eve"))
    assert told(line) == [ElementState(sel=ENTRY, exists=False)]
    scene.wait()
    scene.put(friends("joe"))
    scene.wait()
    scene.delete()
    assert told(line) == [ElementState(sel=ENTRY, exists=False)]


def test_an_attribute_is_told_with_its_value(scene: Scene) -> None:
    scene.put(friends())
    line = scene.subscribed(TITLE)
    assert told(line) == [AttributeState(sel=TITLE, value="friends")]
    scene.put(friends(title=" a &lt;&amp; b "))
    assert told(line) == [AttributeState(sel=TITLE, value=" a <& b ")]
    scene.wait()
    scene.put(friends().replace(b' name="friends"', b""))
    assert told(line) == [AttributeState(sel=TITLE)]


def test_prefixes_of_elements_come_from_the_query(scene: Scene) -> None:
    rules = b'<cr:ruleset xmlns:cr="urn:x" xmlns="urn:ietf:params:xml:ns:pres-rules"><cr:rule id="a"/></cr:ruleset>'
    scene.put(rules, auid=RULES)
    sel = f"{RULES}/users/{ALICE}/index/~~/c:ruleset/c:rule?xmlns(c=urn:x)"
    assert told(scene.subscribed(sel)) == [
        ElementState(sel=sel, content=b'<cr:rule xmlns:cr="urn:x" id="a"></cr:rule>')
    ]


def test_an_element_that_has_no_room_is_told_to_be_there_and_to_have_changed(scene: Scene) -> None:
    sel = f"{MINE}/~~/resource-lists"
    many = [f"user{number}" for number in range(500)]
    scene.put(friends(*many))
    line = scene.subscribed(sel)
    assert told(line) == [ElementState(sel=sel)]
    scene.put(friends(*many[1:]))
    assert told(line) == [ElementState(sel=sel)] and len(line.notifies) == 2


def test_a_document_that_cannot_be_read_has_no_elements(scene: Scene) -> None:
    scene.put(b"<resource-lists")
    line = scene.subscribed(ENTRY, MINE)
    assert [type(each) for each in told(line)] == [DocumentChange]


# keeping it


def test_the_selection_outlives_the_process(scene: Scene) -> None:
    scene.put(friends())
    line = scene.subscribed(MINE, how="aggregate")
    rules = f"{RULES}/users/{ALICE}/index"
    kept_store = scene.gateway.killed()
    scene.gateway = scene.start(kept=kept_store, seed=2)
    scene.network.drive(2)
    assert [each.sel for each in told(line)] == [MINE]
    scene.put(b"<ruleset/>", auid=RULES)
    scene.wait()
    count = len(line.notifies)
    assert rules and count == 2
    before = scene.put(friends(*EVERYBODY))
    scene.wait()
    after = scene.put(friends(*EVERYBODY, "mercutio"))
    (change,) = told(line)
    assert (change.previous_etag, change.new_etag) == (before, after) and change.patch


def test_nothing_is_remembered_of_whom_nobody_watches(scene: Scene) -> None:
    line = scene.subscribed(ROOT, how="xcap-patching")
    for number in range(3):
        scene.put(friends(*EVERYBODY, f"n{number}"))
    scene.put(friends(), owner=GLOBAL, name="staff")
    scene.put(friends("a"), owner=GLOBAL, name="staff")
    (package,) = [
        each for each in scene.gateway.notifier._packages.values() if isinstance(each, XcapDiffPackage)
    ]
    assert len(package._versions._versions) == 2
    line.unsubscribe()
    scene.network.drive(1)
    assert not (package._versions._versions or package._watched or package._watching_all)


def test_no_more_devices_hear_of_documents_than_anybody_has(scene: Scene) -> None:
    lines = [scene.subscribed(expires=120) for _ in range(MOST_DEVICES + 1)]
    assert [line.status for line in lines] == [200] * MOST_DEVICES + [480]
    lines[0].unsubscribe()
    scene.network.drive(1)
    assert scene.subscribed().status == 200


def test_a_user_who_goes_is_no_longer_watched(clock: Clock) -> None:
    there = {Address.parse("alice@sip.example.org")}
    network = Network(clock)
    packages: list[XcapDiffPackage] = []

    def made(gateway: Gateway) -> list[XcapDiffPackage]:
        packages.append(
            XcapDiffPackage(
                store=gateway.store,
                clock=gateway.clock,
                exists=there.__contains__,
                places=PLACES,
            )
        )
        return packages

    Gateway(network, packages=made)
    line = Phone(network, "192.0.2.10", ALICE).subscribe(ALICE, event="xcap-diff", headers="")
    network.drive(0.5)
    there.clear()
    packages[0].existence_changed(Address.parse("alice@sip.example.org"))
    network.drive(0.5)
    assert (line.last.state, line.last.reason) == ("terminated", "noresource")


@given(
    st.text(max_size=60) | st.sampled_from([MINE, ENTRY, TITLE, ROOT, f"{LISTS}/global/", f"{ROOT}{MINE}"]),
    st.sampled_from(Processing),
)
def test_a_selection_is_kept_as_it_is(uri: str, processing: Processing) -> None:
    text = kept(processing, [uri], PLACES)
    chosen = selection(text, PLACES)
    assert chosen.processing is processing and chosen.choices is not None
    assert kept(processing, [choice.sel for choice in chosen.choices], PLACES) == text


@given(
    st.text(max_size=60)
    | st.sampled_from(["[]", "1", "null", '{"of":1}', '{"of":[1,{}]}', '{"processing":[]}'])
)
def test_whatever_was_kept_is_read(text: str) -> None:
    selection(text, PLACES)


def test_no_other_body_is_written_than_is_read() -> None:
    diff = XcapDiff(root=ROOT, changes=(DocumentChange(sel="a&b", new_etag='"<'),))
    assert xcap_diff.read(xcap_diff.write(diff)) == diff
