"""Documents as a service: conditions, tags, limits; and many who write at once."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.errors import BadInput, NoSuchPresentity, TooMany
from sip2xmpp.store.documents import GLOBAL
from sip2xmpp.store.interface import ChangeKind
from sip2xmpp.store.memory import MemoryStore
from sip2xmpp.xcap.conditions import ALWAYS, ANY, Conditions, PreconditionFailed
from sip2xmpp.xcap.conflicts import Conflict
from sip2xmpp.xcap.documents import DocumentLimits, Documents, NoSuchDocument, NotKept, TooLarge
from sip2xmpp.xcap.usages import LARGEST, USAGES, usage_named
from tests.xcap.scene import DOCUMENT

BOB = "bob@sip.example.org"
PLACE = ("resource-lists", BOB, "index")
ABSENT = Conditions(none_match=ANY)


def as_long_as(etag: str) -> Conditions:
    return Conditions(match=frozenset((etag,)))


def documents(
    store: MemoryStore | None = None,
    limits: DocumentLimits | None = None,
    exists: Callable[[Address], bool] = lambda address: address.local != "nobody",
) -> Documents:
    return Documents(
        store or MemoryStore(Clock()),
        clock=Clock(),
        exists=exists,
        limits=limits or DocumentLimits(),
    )


def numbered(number: int, size: int = 0) -> bytes:
    return DOCUMENT.replace(b"friends", f"friends {number}".encode()) + b" " * size


# conditions


tags = st.text("abcdef0123456789", min_size=1, max_size=8)


@given(st.none() | st.frozensets(tags), st.none() | st.frozensets(tags), st.none() | tags)
def test_conditions_are_those_of_http(
    match: frozenset[str] | None, none_match: frozenset[str] | None, etag: str | None
) -> None:
    def field(values: frozenset[str] | None) -> str | None:
        return None if values is None else ", ".join(f'"{value}"' for value in values)

    conditions = Conditions.of(field(match), field(none_match))
    assert conditions == Conditions(match=match, none_match=none_match)
    assert conditions.matches(etag) is (match is None or etag in match)
    assert conditions.none_matches(etag) is (none_match is None or etag not in none_match)


@given(st.text(max_size=60))
def test_conditions_are_read_or_refused(field: str) -> None:
    for pair in ((field, None), (None, field)):
        try:
            Conditions.of(*pair)
        except BadInput:
            pass


def test_what_conditions_mean() -> None:
    assert Conditions.of(" * ", None).match == ANY
    assert Conditions.of('W/"a", "b"', 'W/"a", "b"') == Conditions(
        match=frozenset("b"), none_match=frozenset("ab")
    )
    assert Conditions.of("0a1b2c", None).match == {"0a1b2c"}
    for etag, conditions in ((None, as_long_as("a")), ("b", as_long_as("a")), ("a", ABSENT)):
        with pytest.raises(PreconditionFailed):
            conditions.check(etag)
    for etag, conditions in ((None, ABSENT), ("a", as_long_as("a")), (None, ALWAYS), ("a", ALWAYS)):
        conditions.check(etag)


# what is kept


def test_a_usage_is_found_by_its_name_and_by_what_clients_call_it() -> None:
    assert usage_named("oma_status-icon") is usage_named("org.openmobilealliance.pres-content")
    assert usage_named("Resource-Lists") is None and usage_named("") is None
    assert max(usage.size for usage in USAGES.values()) == LARGEST


def test_documents_are_those_of_their_owner_and_usage() -> None:
    kept = documents()
    kept.put(*PLACE, DOCUMENT)
    kept.put("resource-lists", GLOBAL, "index", numbered(1))
    assert (
        kept.get(*PLACE) is not None and kept.get("resource-lists", "alice@sip.example.org", "index") is None
    )
    assert [each.octets for each in kept.of(BOB)] == [DOCUMENT]
    assert [each.octets for each in kept.of(GLOBAL)] == [numbered(1)]
    assert len(kept) == 2 and kept.octets == len(DOCUMENT) + len(numbered(1))
    assert kept.get("unknown", BOB, "index") is None


def test_what_cannot_be_kept_is_refused_for_its_reason() -> None:
    kept = documents()
    for auid, owner in (("xcap-caps", GLOBAL), ("unknown", BOB), ("pres-rules", GLOBAL), ("xcap-caps", BOB)):
        with pytest.raises(NotKept):
            kept.put(auid, owner, "index", DOCUMENT)
    with pytest.raises(NoSuchPresentity):
        kept.put("resource-lists", "nobody@sip.example.org", "index", DOCUMENT)
    with pytest.raises(TooLarge):
        kept.put(*PLACE, DOCUMENT + b" " * LARGEST)
    for name in ("", "..", ".", "a/", "/a", "a/b", "a\nb", "x" * 201):
        with pytest.raises(Conflict):
            kept.put("resource-lists", BOB, name, DOCUMENT)
    with pytest.raises(NoSuchDocument):
        kept.delete(*PLACE)
    assert len(kept) == 0


def test_every_change_has_a_tag_of_its_own() -> None:
    store = MemoryStore(Clock())
    told: list[ChangeKind] = []
    store.documents.listen(lambda change: told.append(change.kind))
    kept = documents(store)
    first = kept.put(*PLACE, DOCUMENT)
    again = kept.put(*PLACE, DOCUMENT)
    assert first.created and not again.created and first.document.etag != again.document.etag
    others = {kept.put(*PLACE, numbered(number)).document.etag for number in range(20)}
    back = kept.put(*PLACE, DOCUMENT).document.etag
    assert len(others | {first.document.etag, again.document.etag, back}) == 23
    kept.delete(*PLACE, as_long_as(back))
    assert kept.put(*PLACE, DOCUMENT).document.etag != back
    assert told == [ChangeKind.PUT] * 23 + [ChangeKind.REMOVED, ChangeKind.PUT]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3), st.integers(0, 2000)), max_size=30))
def test_no_more_is_kept_than_may_be_and_what_is_counted_is_what_there_is(
    writes: list[tuple[int, int, int]],
) -> None:
    limits = DocumentLimits(documents=3, octets=3000, total=5000)
    store = MemoryStore(Clock())
    kept = documents(store, limits)
    for owner, name, size in writes:
        place = ("resource-lists", f"user{owner}@sip.example.org", f"list{name}")
        try:
            kept.delete(*place) if size < 200 else kept.put(*place, numbered(0, size))
        except (TooMany, NoSuchDocument):
            pass
        everything = list(store.documents.all())
        assert kept.octets == sum(len(each.octets) for each in everything) <= limits.total
        for each in everything:
            theirs = kept.of(each.owner)
            assert len(theirs) <= 3 and sum(len(document.octets) for document in theirs) <= 3000


def test_who_has_too_much_may_always_have_less() -> None:
    store = MemoryStore(Clock())
    large = documents(store)
    large.put(*PLACE, numbered(0, 5000))
    large.put("resource-lists", BOB, "other", numbered(0, 5000))
    small = documents(store, DocumentLimits(documents=1, octets=1000, total=1000))
    small.put(*PLACE, numbered(0, 4000))
    with pytest.raises(TooMany):
        small.put(*PLACE, numbered(0, 4001))
    small.delete("resource-lists", BOB, "other")


# many at once


@given(st.integers(0, 2**32))
def test_of_all_who_change_the_same_version_one_succeeds(seed: int) -> None:
    """Clients read, think for a while, and write what they read with one more entry; who is refused reads again."""
    rng = random.Random(seed)
    kept = documents()
    kept.put(*PLACE, DOCUMENT)
    seen: dict[int, tuple[str, bytes]] = {}
    waiting = list(range(12))
    while waiting:
        client = rng.choice(waiting)
        if client not in seen or rng.random() < 0.3:
            held = kept.get(*PLACE)
            assert held is not None
            seen[client] = held.etag, held.octets
            continue
        etag, octets = seen.pop(client)
        mine = f'<entry uri="sip:{client}@sip.example.org"/></list>'.encode()
        try:
            kept.put(*PLACE, octets.replace(b"</list>", mine), as_long_as(etag))
        except PreconditionFailed:
            continue
        waiting.remove(client)
    held = kept.get(*PLACE)
    assert held is not None
    assert all(f'"sip:{client}@sip.example.org"'.encode() in held.octets for client in range(12))


def test_what_belongs_to_nobody_any_more_goes_and_what_is_kept_of_others_stays() -> None:
    kept = documents()
    kept.put(*PLACE, DOCUMENT)
    kept.existence_changed(Address("nobody", "sip.example.org"))
    kept.existence_changed(Address("bob", "sip.example.org"))
    assert len(kept) == 1
    gone = documents(kept._store, exists=lambda address: False)  # type: ignore[arg-type]
    gone.existence_changed(Address("bob", "sip.example.org"))
    assert len(gone) == 0 and gone.octets == 0
