"""Documents that are read once however often they are asked for, and found in as XCAP says."""

from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from sip2xmpp.documents import xcap_tree
from sip2xmpp.documents.namespaces import RESOURCE_LISTS
from sip2xmpp.documents.resource_lists import ResourceList
from sip2xmpp.documents.xcap_uri import NodeSelector
from sip2xmpp.presence.list_library import KEPT, WAYS, ReadDocuments
from tests.presence.listing import ALICE, Library, entries

KEY = f"resource-lists {ALICE} index"

NAMES = st.sampled_from(["list", "entry", "x:list", "x:entry", "other"])
ATTRIBUTES = st.sampled_from(["", ' name="a"', ' name="b"', ' uri="a"', ' x:name="a"', ' name="a" uri="b"'])


@st.composite
def elements(draw: st.DrawFn, depth: int = 3) -> str:
    name, attributes = draw(NAMES), draw(ATTRIBUTES)
    inside = "".join(draw(st.lists(elements(depth - 1), max_size=3))) if depth else ""
    return f"<{name}{attributes}>{inside}</{name}>"


documents = st.lists(elements(), max_size=4).map(
    lambda inside: (
        f'<resource-lists xmlns="{RESOURCE_LISTS}" xmlns:x="urn:x">{"".join(inside)}</resource-lists>'.encode()
    )
)
tests = st.sampled_from(
    ["", '[@name="a"]', '[@name="b"]', '[@uri="a"]', '[@x:name="a"]', '[2][@name="a"]', "[1]"]
)
steps = st.builds("{}{}".format, st.sampled_from(["list", "entry", "x:list", "x:entry", "*", "none"]), tests)
selectors = st.lists(steps, max_size=3).map(
    lambda made: NodeSelector.parse("/".join(["resource-lists", *made]), "xmlns(x=urn:x)")
)


@given(documents, st.lists(selectors, min_size=1, max_size=6))
def test_what_is_selected_is_what_xcap_selects(octets: bytes, wanted: list[NodeSelector]) -> None:
    library = Library()
    library.put("resource-lists", ALICE, octets)
    read = ReadDocuments(library.store.documents)
    tree = xcap_tree.read(octets)
    for selector in wanted:
        found, expected = read.find(KEY, selector), xcap_tree.find(tree, selector, RESOURCE_LISTS)
        assert (found is None) == (expected is None)
        if found is not None and expected is not None:
            assert (found.start, found.end) == (expected.start, expected.end)


def test_a_document_is_read_anew_when_it_changes() -> None:
    library = Library()
    read = ReadDocuments(library.store.documents)
    assert read.lists(KEY) is None
    library.lists(ALICE, one=entries("sip:a@x.example"))
    first = read.lists(KEY)
    assert first is not None and read.lists(KEY) is first
    library.lists(ALICE, two=())
    second = read.lists(KEY)
    assert second is not None and [each.name for each in second] == ["two"]
    library.remove("resource-lists", ALICE)
    assert read.lists(KEY) is None and not read._kept


def test_what_cannot_be_read_is_absent_in_every_way() -> None:
    library = Library()
    read = ReadDocuments(library.store.documents)
    library.put("resource-lists", ALICE, b"<resource-lists")
    library.put("rls-services", ALICE, b"<rls-services")
    assert read.lists(KEY) is None
    assert read.find(KEY, NodeSelector.parse("resource-lists")) is None
    assert read.service_lists(f"rls-services {ALICE} index") == {}


def test_a_list_is_read_where_it_stands() -> None:
    library = Library()
    read = ReadDocuments(library.store.documents)
    library.lists(ALICE, one=entries("sip:a@x.example"), two=entries("sip:b@x.example"))
    element = read.find(KEY, NodeSelector.parse('resource-lists/list[@name="two"]'))
    assert element is not None
    found = read.list_at(KEY, element)
    assert found == ResourceList(name="two", members=entries("sip:b@x.example"))
    assert read.list_at(KEY, element) is found


def test_few_documents_are_kept_and_little_of_each(clock: Clock) -> None:
    library = Library(clock)
    read = ReadDocuments(library.store.documents)
    for number in range(3 * KEPT):
        library.lists(ALICE, name=f"d{number}", one=())
        assert read.lists(f"resource-lists {ALICE} d{number}") is not None
    assert len(read._kept) == KEPT
    inside = "".join(f'<list name="{n}"><entry uri="u"/></list>' for n in range(2 * WAYS))
    library.put(
        "resource-lists",
        ALICE,
        f'<resource-lists xmlns="{RESOURCE_LISTS}">{inside}</resource-lists>'.encode(),
    )
    for number in range(2 * WAYS):
        selector = NodeSelector.parse(f'resource-lists/list[@name="{number}"]/entry[@uri="u"]')
        assert read.find(KEY, selector) is not None
    assert len(read._kept[KEY].made) <= WAYS


@pytest.mark.parametrize("count", [5_000])
def test_children_are_found_without_looking_at_all_each_time(count: int) -> None:
    library = Library()
    read = ReadDocuments(library.store.documents)
    library.lists(ALICE, many=entries(*(f"sip:{n}@x.example" for n in range(count))))
    selectors = [
        NodeSelector.parse(f'resource-lists/list[@name="many"]/entry[@uri="sip:{n}@x.example"]')
        for n in range(count)
    ]
    read.find(KEY, selectors[0])
    began = perf_counter()
    assert all(read.find(KEY, each) is not None for each in selectors)
    assert perf_counter() - began < 2.0  # looking at all takes a minute
