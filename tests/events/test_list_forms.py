"""A list told in portions: whoever puts them together knows the list, whatever happened to it meanwhile."""

from collections.abc import Sequence
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sip2xmpp.address import Address
from sip2xmpp.documents.presence import Basic, Presence, Tuple
from sip2xmpp.documents.rlmi import ContentIds, InstanceState, Name, Related, read_related
from sip2xmpp.events.forms import PresenceForm
from sip2xmpp.events.list_forms import ListForm
from sip2xmpp.presence.flattening import Member
from sip2xmpp.presence.list_state import ListState, Row
from sip2xmpp.presence.profiles import INTEROP
from sip2xmpp.presence.watching import Notification, Reason, Standing, Told

LIST = "sip:friends@sip.example.org"


def member(name: str, called: str = "") -> Member:
    return Member(
        uri=f"sip:{name}@sip.example.org;x=Y",
        address=Address(name, "sip.example.org"),
        names=(Name(text=called),) if called else (),
    )


def row(who: Member, note: str = "1") -> Row:
    """Active, with a document that says ``note``."""
    document = Presence(entity=who.uri, tuples=(Tuple(id=f"t{note}", basic=Basic.OPEN),))
    return Row(who, Standing.ACTIVE, None, Notification(standing=Standing.ACTIVE, document=document))


def state(rows: Sequence[Row]) -> Told[ListState]:
    members = tuple([each.member for each in rows])
    return Told(standing=Standing.ACTIVE, document=ListState(members=members, rows=tuple(rows)))


def form(room: int = 32_768, ids: ContentIds = ContentIds.BRACKETED) -> ListForm:
    numbers = count()
    return ListForm(
        PresenceForm(INTEROP), ids=ids, room=room, token=lambda: f"b{next(numbers)}xxxxxxxxxxxxxxxxxxxx"
    )


class Reader:
    """What a client makes of the bodies (RFC 4662, section 5.6)."""

    def __init__(self, told_in: ListForm) -> None:
        self.form = told_in
        self.version = -1
        self.table: dict[str, tuple[str, str, bytes]] = {}
        self.known: Told[ListState] | None = None
        self.sizes: list[int] = []
        self.full: list[bool] = []

    def catch_up(self, newest: Told[ListState]) -> None:
        """All NOTIFYs that it takes."""
        while self.known is None or self.form.is_news(self.known, newest, LIST):
            self.take(newest)
            assert len(self.sizes) < 1000

    def take(self, newest: Told[ListState]) -> Related:
        portion = self.form.portion(newest, self.known, LIST)
        body = self.form.body(portion, self.known, LIST, self.version + 1)
        assert body is not None
        self.known = portion
        self.sizes.append(len(body.octets))
        related = read_related(body.content_type, body.octets)
        said = related.information
        assert said.uri == LIST
        assert said.version == self.version + 1
        self.version = said.version
        self.full.append(said.full)
        if said.full:
            self.table.clear()
        for resource in said.resources:
            seen = ("", "", b"")
            for instance in resource.instances:
                document = related.parts[instance.cid].body if instance.cid else b""
                assert bool(document) == (instance.state is InstanceState.ACTIVE)
                seen = (instance.state.value, instance.reason, document)
            self.table[resource.uri] = seen
        named = [instance.cid for each in said.resources for instance in each.instances if instance.cid]
        assert sorted(named) == sorted(related.parts)
        return related


def shown(newest: Told[ListState]) -> dict[str, tuple[str, str, bytes]]:
    assert newest.document is not None
    table = {}
    for each in newest.document.rows:
        if each.told is not None:
            body = PresenceForm(INTEROP).body(each.told, None, f"sip:{each.member.address}", 0)
            table[each.uri] = ("", "", b"") if body is None else ("active", "", body.octets)
        elif each.standing in (Standing.PENDING, Standing.TERMINATED):
            reason = each.reason.value if each.reason else ""
            table[each.uri] = (each.standing.value, reason, b"")
        else:
            table[each.uri] = ("", "", b"")
    return table


ALICE, BOB, JULIET = member("alice", "Alice"), member("bob"), member("juliet")


def test_the_first_body_has_everything_and_later_ones_what_changed():
    reader = Reader(form())
    first = [row(ALICE), Row(BOB, Standing.PENDING), Row(JULIET)]
    reader.catch_up(state(first))
    later = ListState(members=state(first).document.members, rows=(first[0], row(BOB), first[2]))
    related = reader.take(Told(standing=Standing.ACTIVE, document=later))
    assert [each.uri for each in related.information.resources] == [BOB.uri]
    assert reader.full == [True, False]
    assert reader.table[BOB.uri][0] == "active"
    assert reader.table[JULIET.uri] == ("", "", b"")


def test_the_document_is_that_of_a_watcher_of_the_member_alone():
    reader = Reader(form())
    reader.catch_up(state([row(ALICE)]))
    assert b'entity="sip:alice@sip.example.org"' in reader.table[ALICE.uri][2]


def test_names_and_reasons_are_told():
    told = state([Row(ALICE, Standing.TERMINATED, Reason.REJECTED)])
    related = Reader(form()).take(told)
    (resource,) = related.information.resources
    assert resource.names == (Name(text="Alice"),)
    assert (resource.instances[0].state, resource.instances[0].reason) == (
        InstanceState.TERMINATED,
        "rejected",
    )


def test_who_may_be_seen_but_of_whom_nothing_is_known_has_no_instance():
    unknown = Row(ALICE, Standing.ACTIVE, None, Notification(standing=Standing.ACTIVE))
    related = Reader(form()).take(state([unknown]))
    assert related.information.resources[0].instances == ()


def test_when_a_member_has_left_the_next_body_is_full():
    reader = Reader(form())
    reader.catch_up(state([row(ALICE), row(BOB)]))
    reader.catch_up(state([row(BOB)]))
    assert reader.full == [True, True]
    assert list(reader.table) == [BOB.uri]


def test_a_member_that_came_is_told_as_a_change():
    reader = Reader(form())
    reader.catch_up(state([row(ALICE)]))
    reader.catch_up(state([row(BOB), row(ALICE)]))
    assert reader.full == [True, False]
    assert set(reader.table) == {ALICE.uri, BOB.uri}


def test_what_looks_the_same_is_no_news():
    told_in = form()
    assert not told_in.is_news(state([row(ALICE)]), state([row(ALICE)]), LIST)
    assert told_in.is_news(state([row(ALICE)]), state([row(ALICE, "2")]), LIST)
    assert told_in.is_news(state([row(ALICE)]), state([Row(ALICE, Standing.PENDING)]), LIST)


def test_an_old_linphone_is_told_no_names():
    old = ListForm(PresenceForm(INTEROP), ids=ContentIds.BARE, capital=True)
    body = old.body(state([row(ALICE)]), None, LIST, 0)
    assert body is not None
    (resource,) = read_related(body.content_type, body.octets).information.resources
    assert resource.names == ()


def test_an_empty_list_is_told():
    reader = Reader(form())
    reader.catch_up(state([]))
    assert reader.full == [True]


def test_a_thousand_members_are_told_in_pieces_that_fit():
    reader = Reader(form())
    newest = state([row(member(f"user{number}")) for number in range(1000)])
    reader.catch_up(newest)
    assert reader.table == shown(newest)
    assert max(reader.sizes) <= 32_768
    assert len(reader.sizes) < 25
    assert reader.full == [True] + [False] * (len(reader.full) - 1)


def test_all_names_come_first_where_they_have_room():
    reader = Reader(form(room=4_000))
    newest = state([row(member(f"user{number}")) for number in range(20)])
    related = reader.take(newest)
    assert len(related.information.resources) == 20
    assert 0 < len(related.parts) < 20
    reader.catch_up(newest)
    assert reader.table == shown(newest)


def test_one_document_that_is_too_large_is_told_alone():
    reader = Reader(form(room=2_048))
    large = Presence(entity=ALICE.uri, tuples=tuple(Tuple(id=f"t{n}", basic=Basic.OPEN) for n in range(99)))
    rows = [
        row(BOB),
        Row(ALICE, Standing.ACTIVE, None, Notification(standing=Standing.ACTIVE, document=large)),
    ]
    reader.catch_up(state(rows))
    assert reader.table == shown(state(rows))


@pytest.mark.parametrize(
    ("ids", "line"),
    [(ContentIds.BRACKETED, b"\r\nContent-ID: <1.b0"), (ContentIds.BARE, b"\r\nContent-Id: 1.b0")],
)
def test_parts_are_named_as_the_client_reads_them(ids, line):
    body = form(ids=ids).body(state([row(ALICE)]), None, LIST, 0)
    assert body is not None
    assert line in body.octets
    assert body.octets.count(b"Content-I") == 2


def test_the_boundary_is_a_token_and_the_body_begins_and_ends_with_it():
    body = form().body(state([row(ALICE)]), None, LIST, 0)
    assert body is not None
    assert body.content_type.endswith(";boundary=b0xxxxxxxxxxxxxxxxxxxx")
    assert body.octets.startswith(b"--b0xxxxxxxxxxxxxxxxxxxx\r\n")
    assert body.octets.endswith(b"\r\n--b0xxxxxxxxxxxxxxxxxxxx--\r\n")


def test_boundaries_are_not_used_twice():
    usual = ListForm(PresenceForm(INTEROP))
    bodies = [usual.body(state([row(ALICE)]), None, LIST, 0) for _ in range(2)]
    assert bodies[0].content_type != bodies[1].content_type


def test_the_tag_is_of_what_is_seen():
    told_in = form()
    tags = {
        told_in.tag(state(rows), LIST)
        for rows in (
            [row(ALICE)],
            [row(ALICE)],
            [row(ALICE, "2")],
            [row(ALICE), Row(BOB)],
            [row(ALICE), Row(BOB, Standing.PENDING)],
        )
    }
    assert len(tags) == 4


names = st.sampled_from([member(f"user{number}", "Somebody" if number % 3 else "") for number in range(12)])


@st.composite
def states(draw: st.DrawFn) -> Told[ListState]:
    rows = []
    for who in draw(st.lists(names, unique=True, max_size=12)):
        kind = draw(st.integers(0, 5))
        if kind < 3:
            rows.append(row(who, str(kind)))
        else:
            rows.append(
                [
                    Row(who),
                    Row(who, Standing.PENDING),
                    Row(who, Standing.TERMINATED, draw(st.sampled_from(list(Reason)))),
                ][kind - 3]
            )
    return state(rows)


@settings(max_examples=150)
@given(st.lists(st.tuples(states(), st.integers(0, 3)), min_size=1, max_size=6), st.integers(700, 6_000))
def test_whoever_reads_all_bodies_knows_the_list(history, room):
    """The list may become another one before all of it was told."""
    reader = Reader(form(room=room))
    for newest, taken in history:
        for _ in range(taken):
            if reader.known is None or reader.form.is_news(reader.known, newest, LIST):
                reader.take(newest)
    newest = history[-1][0]
    reader.catch_up(newest)
    assert reader.table == shown(newest)


def test_little_is_kept_of_a_document_however_its_owner_is_called() -> None:
    told = row(member("bob")).told
    assert told is not None
    for number in range(1_000):
        named = Member(uri=f"sip:%{number:02x}bob@sip.example.org", address=Address("bob", "sip.example.org"))
        told_of = state([Row(named, Standing.ACTIVE, None, told)])
        assert form().body(told_of, None, LIST, number) is not None
    assert len(told.renderings) < 100
