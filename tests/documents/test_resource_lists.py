"""Lists that clients keep: the same after reading and writing, and bounded whatever a stranger sends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.documents import resource_lists, rls_services
from sip2xmpp.documents.resource_lists import (
    DEPTH_LIMIT,
    MEMBER_LIMIT,
    SIZE_LIMIT,
    Entry,
    EntryRef,
    External,
    ResourceList,
    ResourceLists,
    read,
    read_flat,
    read_list,
    write,
    write_flat,
)
from sip2xmpp.documents.rls_services import Service, Services
from sip2xmpp.documents.xcap_tree import read as read_tree
from sip2xmpp.errors import BadDocument
from sip2xmpp.xcap.validation import check_schema

NS = b'xmlns="urn:ietf:params:xml:ns:resource-lists"'

tokens = st.from_regex(r"[A-Za-z0-9.~-]{1,12}", fullmatch=True)
words = st.text(max_size=20).map(lambda said: "".join(c for c in said if c.isprintable()).strip())
uris = tokens.map(lambda user: f"sip:{user}@example.org")


@st.composite
def named(draw: st.DrawFn) -> dict[str, object]:
    """What every member may have."""
    name = draw(words)
    return {
        "display_name": name,
        "language": draw(st.sampled_from([None, "en"])) if name else None,
        "attributes": draw(st.sampled_from([(), (("{urn:example:a}color", "blue & <red>"),)])),
        "extensions": draw(st.sampled_from([(), (b'<x:y xmlns:x="urn:example:b">1</x:y>',)])),
    }


def unique(members: list[object]) -> tuple[object, ...]:
    """Without those that the schema's uniqueness would not let in."""
    kept: dict[object, object] = {}
    for each in members:
        kept.setdefault(
            (type(each), *[getattr(each, n, None) for n in ("name", "uri", "ref", "anchor")]), each
        )
    return tuple(kept.values())


entries = st.builds(lambda uri, more: Entry(uri=uri, **more), uris, named())
references = st.builds(lambda ref, more: EntryRef(ref=ref, **more), tokens, named())
externals = st.builds(
    lambda path, more: External(anchor=f"https://xcap.example.org/{path}", **more), tokens, named()
)
lists = st.deferred(
    lambda: st.builds(
        lambda name, members, more: ResourceList(name=name, members=unique(members), **more),
        st.none() | tokens,
        st.lists(entries | references | externals | lists, max_size=4),
        named(),
    )
)
documents = st.lists(lists, max_size=3).map(lambda made: ResourceLists(lists=unique(made)))


@given(documents)
def test_what_is_written_is_valid_and_read_again_the_same(document: ResourceLists) -> None:
    octets = write(document)
    check_schema(octets)
    assert read(octets) == document


services = st.builds(
    lambda uri, resources, reference, packages, more: Service(
        uri=uri,
        resources=None if reference else resources,
        reference=f"https://xcap.example.org/{reference}" if reference else "",
        packages=packages,
        **more,
    ),
    uris,
    lists,
    st.just("") | tokens,
    st.none() | st.lists(st.sampled_from(["presence", "dialog"]), unique=True).map(tuple),
    named().map(lambda more: {key: more[key] for key in ("attributes", "extensions")}),
)


@given(st.lists(services, max_size=3, unique_by=lambda each: each.uri))
def test_services_are_written_validly_and_read_again_the_same(made: list[Service]) -> None:
    document = Services(services=tuple(made))
    octets = rls_services.write(document)
    check_schema(octets)
    assert rls_services.read(octets) == document
    without = rls_services.read(octets, lists=False).services
    assert [each.uri for each in without] == [each.uri for each in made]
    assert all(each.resources in (None, ResourceList()) for each in without)


@given(st.lists(uris, max_size=8))
def test_the_body_of_a_subscribe_has_each_uri_once_and_in_order(wanted: list[str]) -> None:
    found = read_flat(write_flat(wanted))
    assert [entry.uri for entry in found] == list(dict.fromkeys(wanted))


def test_a_body_counts_with_its_lists_inside_but_without_what_it_refers_to() -> None:
    inner = ResourceList(members=(Entry(uri="sip:b@x"), External(anchor="https://elsewhere/")))
    outer = ResourceList(members=(Entry(uri="sip:a@x"), inner, EntryRef(ref="y"), Entry(uri="sip:c@x")))
    found = read_flat(write(ResourceLists(lists=(outer, ResourceList(members=(Entry(uri="sip:a@x"),))))))
    assert [entry.uri for entry in found] == ["sip:a@x", "sip:b@x", "sip:c@x"]


def test_what_clients_write_is_read_with_what_is_foreign_kept() -> None:
    document = read(
        b"<?xml version='1.0'?><!-- mine --><rl:resource-lists xmlns:rl='urn:ietf:params:xml:ns:resource-lists'"
        b" xmlns:ab='urn:ag-projects:xml:ns:addressbook'>\n <rl:list name='friends' ab:id='7'>"
        b"<rl:display-name xml:lang='en'> Friends </rl:display-name>"
        b"<rl:entry uri=' sip:bob@example.org '><rl:display-name>Bob &amp; co</rl:display-name><ab:group/></rl:entry>"
        b"<rl:entry/><rl:entry-ref ref=''/><rl:external/><rl:unknown/>"
        b"<rl:external anchor='https://x/'/></rl:list></rl:resource-lists>"
    )
    friends = document.named("friends")
    assert friends is not None
    assert friends.display_name == "Friends" and friends.language == "en"
    assert friends.attributes == (("{urn:ag-projects:xml:ns:addressbook}id", "7"),)
    bob, external = friends.members
    assert bob == friends.entries[0] and external == External(anchor="https://x/")
    assert bob.uri == "sip:bob@example.org" and bob.display_name == "Bob & co"
    assert bob.extensions == (b'<ab:group xmlns:ab="urn:ag-projects:xml:ns:addressbook"></ab:group>',)
    assert read(write(document)) == document


def test_a_list_cut_out_of_a_document_is_read_with_its_namespaces() -> None:
    octets = (
        b"<rl:resource-lists xmlns:rl='urn:ietf:params:xml:ns:resource-lists' xmlns:x='urn:x' xmlns='urn:y'>"
        b"<rl:list name='a' x:k='v'><rl:entry uri='sip:b@c'/><z/></rl:list></rl:resource-lists>"
    )
    element = read_tree(octets).children[0]
    cut = read_list(element.octets, element.namespaces)
    assert cut.entries == (Entry(uri="sip:b@c"),) and cut.attributes == (("{urn:x}k", "v"),)
    assert cut.extensions == (b'<z xmlns="urn:y"></z>',)
    with pytest.raises(BadDocument):
        read_list(b"<rl:list/><rl:list/>", element.namespaces)
    with pytest.raises(BadDocument):
        read_list(b"<rl:entry uri='sip:b@c'/>", element.namespaces)
    with pytest.raises(BadDocument):
        read_list(b"</scope><scope><rl:list/>", element.namespaces)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"resource-lists",
        b"<resource-lists/>",
        b'<list xmlns="urn:ietf:params:xml:ns:resource-lists"/>',
        b"<resource-lists " + NS + b"><list></resource-lists>",
        b"<!DOCTYPE x [<!ENTITY a 'b'>]><resource-lists " + NS + b"><list name='&a;'/></resource-lists>",
        b"<resource-lists " + NS + b">" + b"<list>" * 5000 + b"</list>" * 5000 + b"</resource-lists>",
        b"<resource-lists "
        + NS
        + b">"
        + b"<list>" * (DEPTH_LIMIT + 1)
        + b"</list>" * (DEPTH_LIMIT + 1)
        + b"</resource-lists>",
        b"<resource-lists "
        + NS
        + b"><list>"
        + b"<entry uri='s:'/>" * (MEMBER_LIMIT + 1)
        + b"</list></resource-lists>",
        b"<resource-lists " + NS + b">" + b" " * SIZE_LIMIT + b"</resource-lists>",
    ],
    ids=range(10),
)
def test_what_is_no_document_or_too_much_is_refused(octets: bytes) -> None:
    with pytest.raises(BadDocument):
        read(octets)


@pytest.mark.parametrize(
    "octets",
    [
        b"<rls-services/>",
        b'<rls-services xmlns="urn:ietf:params:xml:ns:rls-services">'
        + b"<service/>" * 1001
        + b"</rls-services>",
    ],
    ids=range(2),
)
def test_what_are_no_services_is_refused(octets: bytes) -> None:
    with pytest.raises(BadDocument):
        rls_services.read(octets)


def test_services_without_an_address_or_a_list_are_left_out() -> None:
    document = rls_services.read(
        b'<rls-services xmlns="urn:ietf:params:xml:ns:rls-services"><service/><service uri="sip:a@b"/>'
        b'<service><list/></service><service uri="sip:c@d"><list/><packages/></service></rls-services>'
    )
    assert document.services == (Service(uri="sip:c@d", resources=ResourceList(), packages=()),)


def test_services_of_the_examples_of_the_rfc_are_read() -> None:
    octets = b"""<?xml version="1.0" encoding="UTF-8"?>
<rls-services xmlns="urn:ietf:params:xml:ns:rls-services" xmlns:rl="urn:ietf:params:xml:ns:resource-lists">
 <service uri="sip:mybuddies@example.com">
  <resource-list>http://xcap.example.com/resource-lists/users/sip:joe@example.com/index/~~/resource-lists/list%5b@name=%22l1%22%5d</resource-list>
  <packages><package>presence</package></packages>
 </service>
 <service uri="sip:marketing@example.com">
  <list name="marketing"><rl:entry uri="sip:joe@example.com"/><rl:entry uri="sip:sudhir@example.com"/></list>
  <packages><package>presence</package></packages>
 </service>
</rls-services>"""
    first, second = rls_services.read(octets).services
    assert first.reference.endswith("%22l1%22%5d") and first.resources is None
    assert second.resources is not None
    assert [entry.uri for entry in second.resources.entries] == [
        "sip:joe@example.com",
        "sip:sudhir@example.com",
    ]
    assert first.packages == second.packages == ("presence",)


@given(st.binary(max_size=300) | st.text(alphabet="<>/ ='\"listenryu:&;", max_size=200).map(str.encode))
def test_nothing_but_bad_document_is_raised(octets: bytes) -> None:
    for attempt in (read, rls_services.read, read_flat):
        try:
            attempt(octets)
        except BadDocument:
            pass


def test_a_document_of_ten_thousand_members_is_read() -> None:
    document = ResourceLists(
        lists=(ResourceList(members=tuple(Entry(uri=f"sip:{n}@example.org") for n in range(10_000))),)
    )
    octets = resource_lists.write(document)
    assert len(octets) < SIZE_LIMIT
    assert read(octets) == document
