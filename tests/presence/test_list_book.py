"""Which lists there are, and who is in them, as documents come and go."""

import random
from collections.abc import Iterator
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sip2xmpp.address import Address
from sip2xmpp.documents.resource_lists import (
    Entry,
    EntryRef,
    External,
    ListMember,
    ResourceList,
    ResourceLists,
    write,
)
from sip2xmpp.documents.rlmi import Name
from sip2xmpp.documents.rls_services import Service
from sip2xmpp.presence.flattening import FlatteningLimits
from sip2xmpp.presence.list_book import reference_of
from sip2xmpp.store.documents import GLOBAL
from sip2xmpp.store.records import Account, Virtual
from tests.presence.listing import ALICE, BOB, DOMAIN, FRIENDS, ROOT, SALES, Library, address, entries

OTHERS = address("alice-all@sip.example.org")


def account(of: object) -> Account:
    return Account(address=address(str(of)), realm=DOMAIN, ha1_md5="", ha1_sha256="")


def service(at: object, reference: str) -> Service:
    return Service(uri=address(str(at)).sip_uri(), reference=reference)


def list_of(owner: object, name: str) -> str:
    """The absolute URI of a list."""
    return ROOT + reference_of(str(owner), name)


# services


def test_a_user_gives_an_address_to_a_list() -> None:
    library = Library()
    assert library.book.service(FRIENDS) is None
    library.serve(FRIENDS, ALICE, "sip:bob@sip.example.org", "sip:carol@far.example")
    found = library.book.service(FRIENDS)
    assert found is not None and found.owner == str(ALICE) and not found.is_global
    assert library.members(FRIENDS) == ["bob@sip.example.org", "carol@far.example"]
    library.remove("rls-services", ALICE)
    assert library.book.service(FRIENDS) is None


def test_services_are_there_after_a_restart() -> None:
    library = Library()
    library.serve(FRIENDS, ALICE, "sip:bob@sip.example.org")
    library.lists(GLOBAL, sales=entries("sip:bob@sip.example.org"))
    book = library.reopened()
    friends, sales = book.service(FRIENDS), book.service(SALES)
    assert friends is not None and sales is not None
    assert book.members(friends) == book.members(sales)


def test_a_service_is_one_of_the_packages_it_names() -> None:
    library = Library()
    inline = ResourceList(members=entries("sip:bob@sip.example.org"))
    library.services(ALICE, Service(uri=FRIENDS.sip_uri(), resources=inline, packages=("presence",)))
    found = library.book.service(FRIENDS)
    assert found is not None and found.serves("presence") and not found.serves("dialog")
    library.serve(FRIENDS, ALICE)
    found = library.book.service(FRIENDS)
    assert found is not None and found.serves("presence") and found.serves("dialog")


def test_only_the_document_index_of_a_user_makes_services() -> None:
    library = Library()
    inline = ResourceList()
    library.services(ALICE, Service(uri=FRIENDS.sip_uri(), resources=inline), name="other")
    assert library.book.service(FRIENDS) is None


def test_each_list_of_the_operator_is_at_the_address_of_its_name() -> None:
    library = Library()
    library.lists(GLOBAL, sales=entries("sip:bob@sip.example.org"), empty=())
    found = library.book.service(SALES)
    assert found is not None and found.is_global and found.serves("presence")
    assert library.book.is_global(SALES) and not library.book.is_global(FRIENDS)
    assert library.members(SALES) == [str(BOB)]
    assert library.members(address("empty@sip.example.org")) == []
    assert library.addresses_of(GLOBAL) == ["sales@sip.example.org", "empty@sip.example.org"]
    library.lists(GLOBAL, support=())
    assert library.book.service(SALES) is None


def test_a_name_that_can_be_no_address_makes_no_service() -> None:
    library = Library()
    names = ("Sales Team", "", None, " ", "x" * 2000)
    made = tuple(ResourceList(name=name, members=entries("sip:bob@sip.example.org")) for name in names)
    library.put("resource-lists", GLOBAL, write(ResourceLists(lists=made)))
    assert library.addresses_of(GLOBAL) == ["sales team@sip.example.org"]
    assert library.members(address("sales team@sip.example.org")) == [str(BOB)]


def test_whoever_has_an_account_is_never_hidden_behind_a_list() -> None:
    library = Library(reserved=[address("line@sip.example.org")])
    library.serve(BOB, ALICE, "sip:romeo@sip.example.org")
    assert library.book.service(BOB) is not None
    library.store.accounts.put(account(BOB))
    assert library.book.service(BOB) is None
    library.store.accounts.remove(str(BOB))
    assert library.book.service(BOB) is not None
    library.store.virtuals.put(Virtual(address=BOB, since=0.0))
    assert library.book.service(BOB) is None
    library.serve(address("line@sip.example.org"), ALICE)
    assert library.book.service(address("line@sip.example.org")) is None


def test_services_are_only_in_our_domains() -> None:
    library = Library()
    library.services(
        ALICE,
        Service(uri="sip:friends@far.example", resources=ResourceList()),
        Service(uri="sip:sip.example.org", resources=ResourceList()),
        Service(uri="mailto:x", resources=ResourceList()),
    )
    assert library.addresses_of(ALICE) == []


def test_of_two_claims_the_first_holds_and_the_operators_before_all() -> None:
    library = Library()
    library.serve(SALES, BOB, "sip:romeo@sip.example.org")
    library.serve(SALES, ALICE, "sip:juliet@sip.example.org")
    assert library.members(SALES) == ["romeo@sip.example.org"]
    assert library.addresses_of(ALICE) == []
    library.lists(GLOBAL, sales=entries("sip:bob@sip.example.org"))
    assert library.members(SALES) == [str(BOB)]
    library.remove("resource-lists", GLOBAL)
    library.remove("rls-services", BOB)
    assert library.members(SALES) == ["juliet@sip.example.org"]


def test_a_document_that_cannot_be_read_counts_as_none() -> None:
    library = Library()
    library.serve(FRIENDS, ALICE, "sip:bob@sip.example.org")
    library.put("rls-services", ALICE, b"<rls-services")
    assert library.book.service(FRIENDS) is None
    library.put("resource-lists", GLOBAL, b"\xff\xfe")
    assert library.addresses_of(GLOBAL) == []
    library.services(ALICE, service(FRIENDS, list_of(ALICE, "friends")))
    library.put("resource-lists", ALICE, b"<resource-lists>")
    assert library.members(FRIENDS) == []


# members


def test_members_are_addresses_of_every_kind_each_once() -> None:
    library = Library()
    library.serve(
        FRIENDS,
        ALICE,
        "sip:bob@sip.example.org;transport=tcp",
        "sips:bob@sip.example.org",
        "pres:carol@far.example",
        "xmpp:juliet@jabber.example",
        "xmpp:romeo@jabber.example/balcony?message",
        "sip:tybalt%40jabber.example@gw.example.org",
        "benvolio@jabber.example",
        "tel:+41-44-123",
        "mailto:nobody@far.example",
        "http://far.example/",
        "sip:far.example",
        "sip:@@@",
        "im:carol@far.example",
    )
    assert library.members(FRIENDS) == [
        "bob@sip.example.org",
        "carol@far.example",
        "juliet@jabber.example",
        "romeo@jabber.example",
        "tybalt@jabber.example",
        "benvolio@jabber.example",
        "+4144123@sip.example.org",
    ]
    found = library.book.service(FRIENDS)
    assert found is not None
    assert library.book.members(found)[0].uri == "sip:bob@sip.example.org;transport=tcp"


def test_names_come_with_members() -> None:
    library = Library()
    bob = Entry(uri="sip:bob@sip.example.org", display_name="Bob", language="en")
    reference = reference_of(str(ALICE), "people") + "/entry%5b1%5d"
    library.lists(
        ALICE, people=[bob], mine=[EntryRef(ref=reference)], named=[EntryRef(ref=reference, display_name="B")]
    )
    library.services(
        ALICE, service(FRIENDS, list_of(ALICE, "mine")), service(OTHERS, list_of(ALICE, "named"))
    )
    names = []
    for each in (FRIENDS, OTHERS):
        found = library.book.service(each)
        assert found is not None
        names.append(library.book.members(found)[0].names)
    assert names == [(Name(text="Bob", language="en"),), (Name(text="B"),)]


def test_lists_are_made_of_lists() -> None:
    library = Library()
    inner = ResourceList(name="inner", members=entries("sip:b@x.example", "sip:c@x.example"))
    work: list[ListMember] = [
        *entries("sip:a@x.example"),
        inner,
        External(anchor=list_of(ALICE, "private")),
        External(anchor=list_of(GLOBAL, "sales")),
        EntryRef(ref=reference_of(str(ALICE), "private") + '/entry[@uri="sip:f@x.example"]'),
        *entries("sip:z@x.example"),
    ]
    library.lists(ALICE, work=work, private=entries("sip:d@x.example", "sip:e@x.example", "sip:f@x.example"))
    library.lists(GLOBAL, sales=entries("sip:s@x.example"))
    library.services(ALICE, service(FRIENDS, list_of(ALICE, "work")))
    assert "".join(each[0] for each in library.members(FRIENDS)) == "abcdefsz"


def test_a_reference_to_a_whole_document_means_all_its_lists() -> None:
    library = Library()
    library.lists(ALICE, one=entries("sip:a@x.example"), two=entries("sip:b@x.example"))
    library.services(ALICE, service(FRIENDS, f"{ROOT}resource-lists/users/sip:{ALICE}/index"))
    assert library.members(FRIENDS) == ["a@x.example", "b@x.example"]


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "nonsense",
        "https://elsewhere.example/xcap/resource-lists/users/sip:alice@sip.example.org/index/~~/resource-lists/list%5b1%5d",
        "http://xcap.example.org/xcap/resource-lists/users/sip:alice@sip.example.org/index/~~/resource-lists/list%5b1%5d",
        "https://xcap.example.org:8443/xcap/resource-lists/users/sip:alice@sip.example.org/index",
        "https://xcap.example.org/resource-lists/users/sip:alice@sip.example.org/index",
        "https://xcap.example.org:99999/xcap/",
        "https://[/xcap/",
        "file:///etc/passwd",
        "/etc/passwd",
        "../../users/sip:alice@sip.example.org/index",
        "pres-rules/users/sip:alice@sip.example.org/index",
        "resource-lists/users/sip:bob@sip.example.org/index",
        "resource-lists/users/sip:bob@sip.example.org/index/~~/resource-lists/list%5b1%5d",
        "resource-lists/users/sip:alice@sip.example.org/index/~~/resource-lists/list%5b1%5d/@name",
        "resource-lists/users/sip:alice@sip.example.org/index/~~/resource-lists/list",
        "resource-lists/users/sip:alice@sip.example.org/index/~~/resource-lists/list%5b1%5d/entry%5b2%5d",
        "resource-lists/users/sip:alice@sip.example.org/index/~~/resource-lists",
        "resource-lists/users/sip:alice@sip.example.org/none",
        "resource-lists/users/sip:alice@sip.example.org/index/~~/",
        "resource-lists/users/@/index",
    ],
)
def test_references_that_lead_nowhere_or_to_somebody_else_are_skipped(reference: str) -> None:
    library = Library()
    two = entries("sip:secret@x.example"), entries("sip:secret2@x.example")
    for whose in (ALICE, BOB):
        library.lists(whose, one=two[0], two=two[1])
    for inside in (
        [External(anchor=reference), *entries("sip:last@x.example")],
        [EntryRef(ref=reference), *entries("sip:last@x.example")],
    ):
        library.lists(
            ALICE,
            name="other",
            mine=[each for each in inside if getattr(each, "anchor", getattr(each, "ref", "x"))],
        )
        where = f"{ROOT}resource-lists/users/sip:{ALICE}/other/~~/resource-lists/list"
        library.services(ALICE, service(FRIENDS, where))
        assert library.members(FRIENDS) == ["last@x.example"]
    assert not library.book.in_list(str(ALICE), reference, address("secret@x.example"))


def test_the_operators_lists_do_not_open_those_of_users() -> None:
    library = Library()
    library.lists(ALICE, friends=entries("sip:secret@x.example"))
    library.lists(GLOBAL, sales=[External(anchor=list_of(ALICE, "friends")), *entries("sip:a@x.example")])
    assert library.members(SALES) == ["a@x.example"]


def test_references_may_be_relative_and_of_any_spelling() -> None:
    library = Library()
    library.lists(ALICE, friends=entries("sip:bob@sip.example.org"))
    for reference in (
        'resource-lists/users/sip:alice@sip.example.org/index/~~/resource-lists/list[@name="friends"]',
        "./resource-lists/users/sip%3Aalice%40sip.example.org/index/%7E%7E/resource-lists/list%5B1%5D",
        "resource-lists/users/alice@SIP.example.org/index",
        "HTTPS://XCAP.example.org:443/xcap/resource-lists/users/sip:alice@sip.example.org/index/~~/resource-lists/list",
        "https://xcap.example.org/xcap/resource-lists/users/sip:alice@sip.example.org/index/~~/r:resource-lists/r:list?xmlns(r=urn:ietf:params:xml:ns:resource-lists)",
    ):
        assert library.book.in_list(str(ALICE), reference, BOB), reference
        assert not library.book.in_list(str(ALICE), reference, ALICE)
        assert not library.book.in_list(str(BOB), reference, BOB)


def test_a_member_that_is_a_list_of_ours_stands_for_its_members() -> None:
    library = Library()
    library.lists(GLOBAL, sales=entries("sip:s@x.example", "sip:b@x.example"))
    library.serve(OTHERS, BOB, "sip:secret@x.example")
    library.services(
        ALICE,
        Service(
            uri=FRIENDS.sip_uri(),
            resources=ResourceList(
                members=entries("sip:a@x.example", SALES.sip_uri(), "sip:b@x.example", OTHERS.sip_uri())
            ),
        ),
    )
    # a list of somebody else stays what it is: an address that she may not watch
    assert library.members(FRIENDS) == ["a@x.example", "s@x.example", "b@x.example", str(OTHERS)]


def test_lists_that_contain_one_another_end() -> None:
    library = Library()
    one = ResourceList(members=entries("sip:a@x.example", FRIENDS.sip_uri(), OTHERS.sip_uri()))
    two = ResourceList(members=entries("sip:b@x.example", FRIENDS.sip_uri()))
    library.services(
        ALICE,
        Service(uri=FRIENDS.sip_uri(), resources=one),
        Service(uri=OTHERS.sip_uri(), resources=two),
    )
    assert library.members(FRIENDS) == ["a@x.example", "b@x.example"]
    assert library.members(OTHERS) == ["b@x.example", "a@x.example"]
    library.lists(ALICE, loop=[External(anchor=list_of(ALICE, "loop")), *entries("sip:a@x.example")])
    library.services(ALICE, service(FRIENDS, list_of(ALICE, "loop")))
    assert library.members(FRIENDS) == ["a@x.example"]


def test_depth_members_and_references_are_bounded() -> None:
    library = Library(limits=FlatteningLimits(depth=3, members=5, references=4))
    deep = ResourceList(members=entries("sip:deep@x.example"))
    for level in range(4):
        deep = ResourceList(name=str(level), members=(*entries(f"sip:{level}@x.example"), deep))
    library.services(ALICE, Service(uri=FRIENDS.sip_uri(), resources=deep))
    assert library.members(FRIENDS) == ["3@x.example", "2@x.example", "1@x.example"]
    library.serve(FRIENDS, ALICE, *(f"sip:{n}@x.example" for n in range(9)))
    assert len(library.members(FRIENDS)) == 5
    names = {f"l{n}": entries(f"sip:{n}@x.example") for n in range(9)}
    library.lists(ALICE, all=[External(anchor=list_of(ALICE, name)) for name in names], **names)
    library.services(ALICE, service(FRIENDS, list_of(ALICE, "all")))
    assert len(library.members(FRIENDS)) == 3


def test_a_thousand_members_are_flattened_quickly_and_looked_up_at_once() -> None:
    library = Library()
    library.lists(ALICE, many=entries(*(f"sip:u{n}@sip.example.org" for n in range(1_000))))
    library.services(ALICE, service(FRIENDS, list_of(ALICE, "many")))
    assert len(library.members(FRIENDS)) == 1_000
    reference = reference_of(str(ALICE), "many")
    assert library.book.in_list(str(ALICE), reference, address("u999@sip.example.org"))
    began = perf_counter()
    for _ in range(10_000):
        library.book.in_list(str(ALICE), reference, address("u999@sip.example.org"))
    assert perf_counter() - began < 1.0  # a flattening each time would take half a minute


def test_a_thousand_references_that_each_need_a_search_do_not_hold_the_gateway_up() -> None:
    library = Library()
    refs = [
        EntryRef(ref=f'{reference_of(str(ALICE), "many")}/entry[@uri="sip:u{n}@x.example"]')
        for n in range(1_000)
    ]
    library.lists(ALICE, many=entries(*(f"sip:u{n}@x.example" for n in range(1_000))), refs=refs)
    library.services(ALICE, service(FRIENDS, list_of(ALICE, "refs")))
    began = perf_counter()
    assert len(library.members(FRIENDS)) == FlatteningLimits().references - 1  # the service has one itself
    assert perf_counter() - began < 2.0


def test_a_list_that_says_the_same_over_and_over_ends() -> None:
    library = Library(limits=FlatteningLimits(members=100))
    same = entries(*(f"sip:a@x.example;n={n}" for n in range(5_000)), "sip:b@x.example")
    library.lists(ALICE, many=same)
    library.services(ALICE, service(FRIENDS, list_of(ALICE, "many")))
    assert library.members(FRIENDS) == ["a@x.example"]


def test_a_list_in_a_subscription_has_members_like_any_other() -> None:
    library = Library()
    library.lists(GLOBAL, sales=entries("sip:s@x.example"))
    library.serve(FRIENDS, ALICE, "sip:f@x.example")
    asked = entries("sip:a@x.example", "sip:a@x.example", SALES.sip_uri(), FRIENDS.sip_uri(), "mailto:x@y")
    assert [each.address.local for each in library.book.ad_hoc(ALICE, asked)] == ["a", "s", "f"]
    assert [each.address.local for each in library.book.ad_hoc(BOB, asked)] == ["a", "s", "alice-friends"]


def test_a_list_is_found_by_its_name() -> None:
    library = Library()
    library.lists(ALICE, **{'a "quoted" name & more': entries("sip:bob@sip.example.org")})
    assert [each.address for each in library.book.named(str(ALICE), 'a "quoted" name & more')] == [BOB]
    assert library.book.named(str(ALICE), "other") == ()
    assert library.book.named(str(BOB), "friends") == ()


# changes


class Told:
    """What a book tells of."""

    def __init__(self, library: Library) -> None:
        self.services: list[str] = []
        self.references: list[tuple[str, str]] = []
        library.book.listen(lambda changed: self.services.append(changed.local))
        library.book.listen_references(lambda owner, reference: self.references.append((owner, reference)))

    def after(self, library: Library) -> list[str]:
        """The services that were told of since the last time, after a turn."""
        library.clock.advance(0)
        told, self.services = self.services, []
        return told


def test_a_change_is_told_once_a_turn_and_only_to_whom_it_concerns() -> None:
    library = Library()
    library.lists(ALICE, friends=entries("sip:a@x.example"))
    library.services(ALICE, service(FRIENDS, list_of(ALICE, "friends")))
    library.serve(OTHERS, BOB, "sip:b@x.example")
    told = Told(library)
    told.after(library)
    library.members(FRIENDS)
    library.members(OTHERS)
    for n in range(3):
        library.lists(ALICE, friends=entries(f"sip:{n}@x.example"))
    assert told.services == []
    assert told.after(library) == ["alice-friends"]
    assert library.members(FRIENDS) == ["2@x.example"]
    library.put("pres-rules", ALICE, b"<whatever/>")
    library.lists(BOB, friends=())
    assert told.after(library) == []


def test_what_was_looked_for_and_was_not_there_is_waited_for() -> None:
    library = Library()
    inside = [
        External(anchor=list_of(GLOBAL, "sales")),
        EntryRef(ref="resource-lists/global/more/~~/resource-lists/list/entry"),
    ]
    library.lists(ALICE, friends=inside)
    library.services(ALICE, service(FRIENDS, list_of(ALICE, "friends")))
    told = Told(library)
    assert library.members(FRIENDS) == []
    told.after(library)
    library.lists(GLOBAL, sales=entries("sip:s@x.example"))
    assert "alice-friends" in told.after(library)
    assert library.members(FRIENDS) == ["s@x.example"]
    library.lists(GLOBAL, "more", any=entries("sip:m@x.example"))
    assert told.after(library) == ["alice-friends"]
    assert library.members(FRIENDS) == ["s@x.example", "m@x.example"]


def test_a_member_that_becomes_a_list_is_followed() -> None:
    library = Library()
    library.serve(FRIENDS, ALICE, SALES.sip_uri())
    told = Told(library)
    assert library.members(FRIENDS) == [str(SALES)]
    told.after(library)
    library.lists(GLOBAL, sales=entries("sip:s@x.example"))
    assert sorted(told.after(library)) == ["alice-friends", "sales"]
    assert library.members(FRIENDS) == ["s@x.example"]
    library.lists(GLOBAL, sales=entries("sip:t@x.example"))
    assert told.after(library) == ["alice-friends"]
    assert library.members(FRIENDS) == ["t@x.example"]
    library.store.accounts.put(account(SALES))
    assert sorted(told.after(library)) == ["alice-friends", "sales"]
    assert library.members(FRIENDS) == [str(SALES)]


def test_the_end_of_a_service_is_told() -> None:
    library = Library()
    library.serve(FRIENDS, ALICE, "sip:a@x.example")
    told = Told(library)
    assert told.after(library) == ["alice-friends"]
    library.remove("rls-services", ALICE)
    assert told.after(library) == ["alice-friends"]


def test_whoever_asked_about_a_reference_is_told_when_the_answer_may_be_another() -> None:
    library = Library()
    told = Told(library)
    reference = reference_of(str(ALICE), "friends")
    assert not library.book.in_list(str(ALICE), reference, BOB)
    library.lists(ALICE, friends=entries("sip:bob@sip.example.org"))
    library.clock.advance(0)
    assert told.references == [(str(ALICE), reference)]
    library.lists(ALICE, friends=())
    library.clock.advance(0)
    assert len(told.references) == 1, "nobody has asked since"
    assert not library.book.in_list(str(ALICE), reference, BOB)


def test_a_listener_that_fails_keeps_no_other_list_from_being_told() -> None:
    library = Library()

    def fail(changed: object) -> None:
        raise RuntimeError(str(changed))

    library.serve(FRIENDS, ALICE)
    library.serve(OTHERS, BOB)
    told = Told(library)
    library.clock.advance(0)
    told.services.clear()
    library.book.listen(fail)
    library.remove("rls-services", ALICE)
    library.remove("rls-services", BOB)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            library.clock.advance(0)
    assert told.services == ["alice-friends", "alice-all"]


def test_nothing_is_held_of_references_that_lead_nowhere() -> None:
    library = Library()
    for number in range(100):
        for reference in (f"https://other.example/xcap/{number}", list_of(BOB, f"n{number}")):
            assert not library.book.in_list(str(ALICE), reference, BOB)
    assert not library.book._made_of and not library.book._held


def test_what_is_held_is_bounded_and_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sip2xmpp.presence.list_book.HELD_MEMBERS", 50)
    library = Library()
    names = {f"l{n}": entries(*(f"sip:{n}-{m}@x.example" for m in range(10))) for n in range(20)}
    library.lists(ALICE, **names)
    told = Told(library)
    for name in names:
        assert len(library.book.named(str(ALICE), name)) == 10
    # those that were dropped for want of room are still told of
    library.lists(ALICE)
    library.clock.advance(0)
    assert len(told.references) == 20
    assert not library.book._dependents and not library.book._made_of and library.book._held_members == 0


# any documents


junk = st.text(max_size=60) | st.text(alphabet="sip:@/~.[]\"'%20?=&*#;xmpp+\x00é", max_size=60)


@given(junk, st.sampled_from(["", "resource-lists/users/sip:alice@sip.example.org/", "https://", ROOT]))
def test_whatever_a_list_names_is_somebody_or_nobody(text: str, before: str) -> None:
    library = Library()
    library.lists(ALICE, friends=entries("sip:bob@sip.example.org"))
    for reference in (text, before + text):
        assert library.book.in_list(str(ALICE), reference, address("nobody@x.example")) is False
    for each in library.book.ad_hoc(
        ALICE, [Entry(uri=text), Entry(uri=f"sip:{text}"), Entry(uri=f"xmpp:{text}")]
    ):
        assert each.address.local and Address.parse(str(each.address)) == each.address


@given(
    st.sampled_from(["rls-services", "resource-lists"]),
    st.sampled_from([ALICE, GLOBAL]),
    st.binary(max_size=80) | junk.map(lambda text: text.encode("utf-8", "replace")),
    junk,
)
def test_no_document_stops_the_book(auid: str, owner: Address | str, octets: bytes, name: str) -> None:
    library = Library()
    library.put(auid, owner, octets)
    inside = name.replace("&", "").replace("<", "").replace('"', "")
    for namespace in ("rls-services", "resource-lists"):
        written = (
            f'<{namespace} xmlns="urn:ietf:params:xml:ns:{namespace}"><service uri="{inside}"><list/></service>'
            f'<list name="{inside}"><entry uri="{inside}"/><external anchor="{inside}"/></list></{namespace}>'
        )
        library.put(auid, owner, written.encode("utf-8", "replace"))
        library.lists(GLOBAL, **{name or "x": entries("sip:bob@sip.example.org")})
    for service in library.addresses_of(owner):
        library.members(address(service))
    library.reopened()


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, list[ListMember]]:
    """Lists that refer to one another in whatever way, by name."""
    names = [f"l{n}" for n in range(draw(st.integers(1, 6)))]
    member = st.one_of(
        st.sampled_from("abcdef").map(lambda letter: Entry(uri=f"sip:{letter}@x.example")),
        st.sampled_from(names).map(lambda name: External(anchor=list_of(ALICE, name))),
        st.sampled_from(names).map(lambda name: Entry(uri=f"sip:{name}@sip.example.org")),
        st.sampled_from(names).map(
            lambda name: EntryRef(ref=reference_of(str(ALICE), name) + "/entry%5b1%5d")
        ),
        st.just(External(anchor=f"{ROOT}resource-lists/users/sip:{ALICE}/index")),
    )
    nested = st.lists(member, max_size=3).map(lambda inside: ResourceList(members=tuple(inside)))
    return {name: draw(st.lists(member | nested, max_size=5)) for name in names}


def reachable(graph: dict[str, list[ListMember]], name: str) -> set[str]:
    """Whom a list comes down to, found in another way: everything is walked until nothing new is found."""
    found: set[str] = set()
    todo: list[str] = [name]
    seen: set[str] = set()

    def walk(members: list[ListMember]) -> Iterator[Entry]:
        for each in members:
            if isinstance(each, Entry):
                yield each
            elif isinstance(each, ResourceList):
                yield from walk(list(each.members))
            elif isinstance(each, External):
                todo.extend(other for other in graph if each.anchor == list_of(ALICE, other))
                if each.anchor.endswith("/index"):
                    todo.extend(graph)
            else:
                target = next(other for other in graph if reference_of(str(ALICE), other) in each.ref)
                inside = [one for one in graph[target] if isinstance(one, Entry)]
                yield from inside[:1] if len(inside) >= 1 else ()

    while todo:
        each = todo.pop()
        if each in seen:
            continue
        seen.add(each)
        for entry in walk(graph[each]):
            local, _, domain = entry.uri.removeprefix("sip:").partition("@")
            if domain == DOMAIN:
                todo.append(local)
            else:
                found.add(f"{local}@{domain}")
    return found


@given(graphs())
@settings(max_examples=150)
def test_lists_that_refer_to_one_another_in_any_way_come_down_to_whom_can_be_reached(
    graph: dict[str, list[ListMember]],
) -> None:
    library = Library(limits=FlatteningLimits(depth=100))
    library.lists(ALICE, **graph)
    library.services(ALICE, *(service(f"{name}@{DOMAIN}", list_of(ALICE, name)) for name in graph))
    again = library.reopened()
    for name in graph:
        members = library.members(address(f"{name}@{DOMAIN}"))
        assert len(members) == len(set(members)), "nobody is there twice"
        assert set(members) == reachable(graph, name)
        found = again.service(address(f"{name}@{DOMAIN}"))
        assert found is not None
        assert [str(each.address) for each in again.members(found)] == members, "the order is stable"


@given(
    st.lists(
        st.tuples(st.sampled_from(["lists", "services", "global", "account"]), graphs(), st.booleans()),
        max_size=6,
    ),
    st.randoms(),
)
@settings(max_examples=60)
def test_after_any_changes_a_book_says_what_a_new_one_would(
    changes: list[tuple[str, dict[str, list[ListMember]], bool]], rng: random.Random
) -> None:
    library = Library()
    everybody = [f"l{n}@{DOMAIN}" for n in range(6)]
    for kind, graph, is_gone in changes:
        # who asked before a change must not hear the old answer after it
        for each in rng.sample(everybody, 3):
            found = library.book.service(address(each))
            if found is not None:
                library.book.members(found)
        owner = GLOBAL if kind == "global" else ALICE
        if kind == "account":
            who = address(rng.choice(everybody))
            if is_gone:
                library.store.accounts.remove(str(who))
            else:
                library.store.accounts.put(account(who))
        elif kind == "services":
            library.services(ALICE, *(service(f"{name}@{DOMAIN}", list_of(ALICE, name)) for name in graph))
        elif is_gone:
            library.remove("resource-lists", owner)
        else:
            library.lists(owner, **graph)
    fresh = library.reopened()
    for each in everybody:
        one, other = library.book.service(address(each)), fresh.service(address(each))
        assert one == other
        if one is not None and other is not None:
            assert library.book.members(one) == fresh.members(other)
