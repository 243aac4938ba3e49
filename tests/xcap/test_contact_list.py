"""Groups and contacts in a document: what is read, what is changed, and what nobody touched."""

from dataclasses import replace
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.documents.xcap_tree import read as read_tree
from sip2xmpp.errors import BadDocument, BadInput
from sip2xmpp.xcap.contact_list import (
    Contact,
    Group,
    Groups,
    Taken,
    Unknown,
    changed_group,
    contacts,
    default_group,
    found,
    known,
    read,
    with_contact,
    with_group,
    without_group,
)
from sip2xmpp.xcap.contact_writing import EMPTY, written

NS = "urn:ietf:params:xml:ns:resource-lists"
BLINK = f"""<?xml version='1.0' encoding='UTF-8'?>
<!-- made by a client -->
<resource-lists xmlns="{NS}" xmlns:x='urn:x'>
  <list name="oma_buddylist" x:colour='green'>
    <external anchor="http://xcap.example.org/xcap/resource-lists/users/sip:bob@sip.example.org/index/~~/resource-lists/list%5B2%5D"/>
  </list>
  <list name='friends'>
    <display-name xml:lang="en">My   friends</display-name>
    <!-- the best -->
    <entry uri="sip:alice@sip.example.org" x:id="7"><display-name>Alice</display-name><x:more> kept </x:more></entry>
    <entry uri='sip:juliet@jabber.example'/>
    <list name="a/b~c"><entry uri="sip:inner@example.com"/></list>
    <entry-ref ref="resource-lists/users/sip:x@example.com/index/~~/resource-lists/list%5B1%5D/entry%5B1%5D"/>
    <x:group id="1"><x:name>Blink</x:name></x:group>
  </list>
  <list><entry uri=" sip:nameless@example.com "/><entry/></list>
  <x:other/>
</resource-lists>
""".encode()


def alice(uri: str) -> bool:
    return uri == "sip:alice@sip.example.org"


def shown(groups: Groups) -> list[tuple[tuple[str, ...], str, tuple[Contact, ...]]]:
    """What a document says, without what only it knows."""
    return [(each.path, each.display_name, each.contacts) for each in groups]


def test_a_document_is_read_as_groups_with_contacts() -> None:
    buddies, friends, inner, nameless = read(BLINK)
    assert (buddies.id, buddies.contacts, len(buddies.references)) == ("oma_buddylist", (), 1)
    assert (friends.path, friends.display_name, friends.holds_more) == (("friends",), "My friends", True)
    assert friends.contacts == (
        Contact(uri="sip:alice@sip.example.org", name="Alice"),
        Contact(uri="sip:juliet@jabber.example"),
    )
    assert (inner.id, inner.path) == ("friends/a~1b~0c", ("friends", "a/b~c"))
    assert (nameless.id, nameless.name) == ("~.3", "")
    assert nameless.contacts == (Contact(uri="sip:nameless@example.com"),)
    assert found(read(BLINK), "My friends") == friends and found(read(BLINK), "nobody") is None


@pytest.mark.parametrize("octets", [b"", b"<x/>", b"<resource-lists/>", b"<resource-lists"])
def test_what_is_no_list_is_not_read(octets: bytes) -> None:
    for reader in (read, lambda document: written(document, ())):
        with pytest.raises(BadDocument):
            reader(octets)


def test_what_is_as_it_was_keeps_every_octet() -> None:
    assert written(BLINK, read(BLINK)) == BLINK


def test_a_contact_is_added_behind_the_last_one() -> None:
    groups = read(BLINK)
    new = with_contact(
        groups,
        Contact(uri="sip:bob@sip.example.org", name="B & <b>"),
        lambda _: False,
        ["friends"],
        named=True,
    )
    octets = written(BLINK, new)
    added = b'\n    <entry uri="sip:bob@sip.example.org">\n      <display-name>B &amp; &lt;b&gt;</display-name>\n    </entry>'
    at = BLINK.index(b'\n    <list name="a/b~c"')
    assert octets == BLINK[:at] + added + BLINK[at:]
    assert written(octets, groups) == BLINK


def test_a_contact_that_moves_takes_along_what_a_client_keeps_with_it() -> None:
    source = b'<r:resource-lists xmlns:r="%s"><r:list name="a" xmlns:x="urn:x"><r:entry uri="u" x:k="v"/></r:list><r:list name="b"/></r:resource-lists>'
    source %= NS.encode()
    groups = with_contact(read(source), Contact(uri="new"), lambda uri: uri == "u", ["b"], named=False)
    octets = written(source, groups)
    assert shown(read(octets)) == [(("a",), "", ()), (("b",), "", (Contact(uri="u"),))]
    (entry,) = read_tree(octets).children[1].children
    assert entry.attributes["urn:x", "k"] == "v"


def test_what_looks_like_a_declaration_in_a_value_is_none() -> None:
    octets = lists(
        '<list name="a" xmlns:z="urn:z"><entry uri="u" z:v=" xmlns:z=\'\'"/></list><list name="b"/>'
    )
    groups = read(octets)
    moved = with_contact(groups, Contact(uri="u"), lambda uri: uri == "u", ["b"], named=False)
    entry = read_tree(written(octets, moved)).children[1].children[0]
    assert entry.attributes[("urn:z", "v")] == " xmlns:z=''"


def test_a_name_is_changed_in_its_place() -> None:
    groups = with_contact(read(BLINK), Contact(uri="new", name="Al"), alice, None, named=True)
    assert written(BLINK, groups) == BLINK.replace(b">Alice<", b">Al<")
    nameless = with_contact(read(BLINK), Contact(uri="new"), alice, None, named=True)
    assert written(BLINK, nameless) == BLINK.replace(b"<display-name>Alice</display-name>", b"")
    assert written(BLINK, with_contact(read(BLINK), Contact(uri="new"), alice, None, named=False)) == BLINK
    empty = BLINK.replace(b"<display-name>Alice</display-name>", b"<display-name/>")
    assert written(empty, read(BLINK)) == BLINK


def test_a_contact_is_in_the_groups_that_are_wanted_and_in_no_others() -> None:
    groups = with_contact(
        read(BLINK), Contact(uri="new"), alice, ["oma_buddylist", "Work", "Work"], named=False
    )
    octets = written(BLINK, groups)
    assert [group.id for group, _ in contacts(read(octets), alice)] == ["oma_buddylist", "Work"]
    assert b"<x:more> kept </x:more>" in octets
    gone = written(octets, with_contact(read(octets), Contact(uri="new"), alice, [], named=False))
    assert contacts(read(gone), alice) == []


def test_without_a_word_a_contact_comes_into_the_first_group_that_people_know() -> None:
    assert default_group(read(BLINK)) == read(BLINK)[0]
    assert default_group(()) is None
    assert default_group((Group(path=("sipsimple_x",)), Group(path=("Work",)))) == Group(path=("Work",))
    groups = with_contact((), Contact(uri="sip:a@b"), alice, None, named=True)
    octets = written(EMPTY, groups)
    assert shown(read(octets)) == [(("Contacts",), "", (Contact(uri="sip:a@b"),))]
    assert octets.endswith(
        b'\n  <list name="Contacts">\n    <entry uri="sip:a@b"/>\n  </list>\n</resource-lists>\n'
    )


def test_a_group_is_made_renamed_moved_and_removed() -> None:
    groups = read(BLINK)
    made = written(BLINK, with_group(groups, "Work", "At work", "friends"))
    assert shown(read(made))[3] == (("friends", "Work"), "At work", ())
    with pytest.raises(Taken):
        with_group(groups, "friends", "", None)
    with pytest.raises(Unknown):
        with_group(groups, "x", "", "nowhere")
    renamed = written(
        BLINK, changed_group(groups, known(groups, "friends"), name="f'\"&", display="", parent=None)
    )
    assert b"<list name='f&apos;&quot;&amp;'>" in renamed and b"display-name xml:lang" not in renamed
    assert [each.id for each in read(renamed)][1:3] == ["f'\"&", "f'\"&/a~1b~0c"]
    moved = written(
        BLINK,
        changed_group(groups, known(groups, "friends"), name=None, display=None, parent="oma_buddylist"),
    )
    assert [each.id for each in read(moved)] == [
        "oma_buddylist", "oma_buddylist/friends", "oma_buddylist/friends/a~1b~0c", "~.2",
    ]  # fmt: skip
    assert b"<!-- the best -->" in moved and b"<x:group" in moved
    top = read(moved)
    back = written(
        moved, changed_group(top, known(top, "oma_buddylist/friends"), name=None, display=None, parent="")
    )
    assert {each.id for each in read(back)} == {"oma_buddylist", "friends", "friends/a~1b~0c", "~.2"}
    with pytest.raises(BadInput):
        changed_group(groups, known(groups, "friends"), name=None, display=None, parent="friends/a~1b~0c")
    with pytest.raises(Taken):
        changed_group(groups, known(groups, "friends"), name="oma_buddylist", display=None, parent=None)
    gone = written(BLINK, without_group(groups, known(groups, "friends")))
    assert [each.id for each in read(gone)] == ["oma_buddylist", "~.2"] and b"<x:other/>" in gone


def test_a_group_needs_the_one_around_it() -> None:
    with pytest.raises(BadInput):
        written(EMPTY, [Group(path=("a", "b"))])


def lists(inside: str) -> bytes:
    return f'<resource-lists xmlns="{NS}">{inside}</resource-lists>'.encode()


def test_a_new_group_has_a_name_that_xml_can_hold() -> None:
    for blank in ("", " \n", "\x01", "\ud800"):
        with pytest.raises(BadInput):
            with_contact((), Contact(uri="u"), alice, [blank], named=True)
    made = with_contact((), Contact(uri="u"), alice, ["a\nb", "a  b\x01", "a b"], named=True)
    assert made == (Group(path=("a b",), contacts=(Contact(uri="u"),)),)
    assert shown(read(written(EMPTY, made))) == shown(made)


def test_a_contact_in_thousands_of_groups_is_named_in_all_of_them_soon() -> None:
    groups = read(lists("".join(f'<list name="{number}"><entry uri="u"/></list>' for number in range(6_000))))
    began = process_time()
    named = with_contact(groups, Contact(uri="u", name="U"), lambda uri: uri == "u", None, named=True)
    assert process_time() - began < 1
    assert {each.contacts for each in named} == {(Contact(uri="u", name="U"),)}


def test_a_long_name_is_not_told_again_in_thousands_of_groups() -> None:
    with pytest.raises(BadDocument):
        read(lists(f'<list name="{"n" * 100_000}">{"<list/>" * 10_000}</list>'))
    groups = read(lists(f'<list name="a">{"<list/>" * 10_000}</list>'))
    assert len(groups) == 10_001
    longer = changed_group(groups, groups[0], name="n" * 100, display=None, parent=None)
    with pytest.raises(BadInput):
        written(EMPTY, longer)


def test_a_group_around_thousands_is_renamed_at_once() -> None:
    octets = lists(f'<list name="a">{"<list/>" * 10_000}</list>')
    groups = read(octets)
    began = process_time()
    written(octets, changed_group(groups, groups[0], name="b", display=None, parent=None))
    assert process_time() - began < 4


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=6)
URIS = st.sampled_from([f"sip:u{number}@example.com" for number in range(8)])
CONTACTS = st.lists(
    st.builds(Contact, uri=URIS, name=NAMES | st.just("")), unique_by=lambda each: each.uri, max_size=6
).map(tuple)


@st.composite
def groups_of(draw: st.DrawFn, depth: int = 0, path: tuple[str, ...] = ()) -> Groups:
    made: list[Group] = []
    for name in draw(st.lists(NAMES, unique=True, max_size=3)):
        own = (*path, name)
        made.append(Group(path=own, display_name=draw(NAMES | st.just("")), contacts=draw(CONTACTS)))
        if depth < 2:
            made += draw(groups_of(depth + 1, own))
    return tuple(made)


NOISE = st.sampled_from(["", " ", "\n", "\n  ", "<!-- c -->", "<x:e xmlns:x='urn:x' a='1'/>", "<?p i?>"])


def _noisy(draw: st.DrawFn, octets: bytes) -> bytes:
    """The same document with comments, foreign elements and blanks where they may stand."""
    pieces = octets.decode().split(">")
    head, rest = pieces[:2], pieces[2:-1]
    noisy = [piece + ">" + (draw(NOISE) if not piece.startswith("<display-name") else "") for piece in rest]
    inside = "".join(each for each in noisy)
    return (">".join(head) + ">" + inside.replace("</resource-lists>", "") + "</resource-lists>").encode()


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    plain = written(EMPTY, draw(groups_of()))
    if draw(st.booleans()):
        plain = plain.replace(b"\n", b"")
    return _noisy(draw, plain) if draw(st.booleans()) else plain


@given(documents(), groups_of())
def test_a_document_says_afterwards_what_it_is_told(octets: bytes, groups: Groups) -> None:
    made = written(octets, groups)
    assert shown(read(made)) == [(group.path, group.display_name, group.contacts) for group in groups]
    assert written(made, read(made)) == made
    # whoever names the groups by their ids gets the same
    assert shown(read(written(made, read(octets)))) == shown(read(octets))


@given(documents())
def test_an_edit_and_its_opposite_leave_what_was_there(octets: bytes) -> None:
    groups = read(octets)
    if groups:
        first = replace(groups[0], contacts=(*groups[0].contacts, Contact(uri="sip:new@example.com")))
        made = written(octets, (first, *groups[1:]))
        assert read(made)[0].contacts == first.contacts
        assert shown(read(written(made, groups))) == shown(groups)
        for noise in (b"<!-- c -->", b"<x:e", b"<?p"):
            assert made.count(noise) == octets.count(noise)
