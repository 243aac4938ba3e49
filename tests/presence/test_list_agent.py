"""Watching a list is watching each of its members as oneself."""

from itertools import pairwise
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sip2xmpp.errors import (
    BadAddress,
    NoSuchPresentity,
    NotAuthorized,
    TooMany,
    Unreachable,
)
from sip2xmpp.presence.flattening import FlatteningLimits
from sip2xmpp.presence.list_agent import ListAgent, ListLimits, Shares
from sip2xmpp.presence.list_state import ListState
from sip2xmpp.presence.watching import Reason, Standing, Told
from tests.presence.listing import (
    ALICE,
    BOB,
    DOMAIN,
    FRIENDS,
    SALES,
    Scene,
    Subscriber,
    address,
    changes,
    entries,
)

CAROL, DAVE = address("carol@far.example"), address("dave@jabber.example")
THREE = ("sip:bob@sip.example.org", "sip:carol@far.example", "xmpp:dave@jabber.example")
BIG = FlatteningLimits(members=5_000)


def of(address: object) -> str:
    return str(address)


def three(limits: ListLimits | None = None) -> Scene:
    """A list of three, of whom two are known."""
    scene = Scene(limits)
    scene.friends(*THREE)
    scene.players.say(BOB, "away")
    scene.players.say(CAROL, "busy")
    return scene


def test_a_list_is_told_as_one_state_with_a_row_for_each_member() -> None:
    scene = three()
    scene.players.say(DAVE, "here")
    subscriber, _ = scene.subscribe()
    assert subscriber.told == []
    scene.run()
    assert len(subscriber.told) == 1 and subscriber.told[0].standing is Standing.ACTIVE
    assert subscriber.rows() == {of(BOB): "away", of(CAROL): "busy", of(DAVE): "here"}
    assert [row.uri for row in subscriber.state.rows] == list(THREE)


def test_every_member_is_asked_in_the_name_of_the_subscriber() -> None:
    scene = three()
    scene.subscribe()
    scene.run()
    watchers = [member.watcher.address for members in scene.players.live.values() for member in members]
    assert watchers == [ALICE] * 3


def test_the_first_state_does_not_wait_long_for_who_says_nothing() -> None:
    scene = three()
    subscriber, _ = scene.subscribe()
    scene.run(0.4)
    assert subscriber.told == []
    scene.run(0.2)
    assert subscriber.rows() == {of(BOB): "away", of(CAROL): "busy", of(DAVE): None}
    scene.players.say(DAVE, "here")
    scene.run(0.2)
    assert len(subscriber.told) == 2 and subscriber.rows()[of(DAVE)] == "here"


def test_a_change_after_silence_is_told_on_the_next_turn_and_more_after_the_window() -> None:
    scene = three(ListLimits(window=0.1))
    scene.players.pend(DAVE)
    subscriber, _ = scene.subscribe()
    scene.run(5)
    scene.players.say(BOB, "busy")
    scene.run()
    assert len(subscriber.told) == 2
    for word in ("one", "two", "three"):
        scene.players.say(CAROL, word)
        scene.players.say(BOB, word)
        scene.run(0.01)
    assert len(subscriber.told) == 2
    scene.run(0.1)
    assert len(subscriber.told) == 3
    assert subscriber.rows() == {of(BOB): "three", of(CAROL): "three", of(DAVE): "pending"}


def test_a_long_window_keeps_back_neither_a_refusal_nor_another_list() -> None:
    scene = three(ListLimits(window=60))
    scene.players.pend(DAVE)
    subscriber, _ = scene.subscribe()
    scene.run(1)
    scene.players.say(CAROL, "later")
    scene.run(1)
    assert len(subscriber.told) == 1
    scene.players.end(BOB, Reason.REJECTED)
    scene.run(0.2)
    assert subscriber.rows() == {of(BOB): "rejected", of(CAROL): "later", of(DAVE): "pending"}
    scene.players.say(CAROL, "later still")
    scene.friends(*THREE[1:])
    scene.run(0.2)
    assert subscriber.rows() == {of(CAROL): "later still", of(DAVE): "pending"}
    scene.players.say(CAROL, "last")
    scene.run(50)
    assert len(subscriber.told) == 3
    scene.run(10)
    assert len(subscriber.told) == 4


def test_only_rows_that_changed_are_other_objects() -> None:
    scene = three()
    subscriber, _ = scene.subscribe()
    scene.run(1)
    scene.players.say(CAROL, "away")
    scene.run(1)
    before, after = subscriber.told[-2].document, subscriber.told[-1].document
    assert before is not None and after is not None
    assert after.members is before.members
    changed = changes(after, before)
    assert changed is not None and [of(row.member.address) for row in changed] == [of(CAROL)]
    assert changes(after, after) == [] and changes(after, None) is None
    assert after != before and before == ListState(members=before.members, rows=before.rows)


def test_what_changes_back_within_the_window_is_not_told() -> None:
    scene = three()
    subscriber, _ = scene.subscribe()
    scene.run(5)
    scene.players.say(BOB, "one")
    scene.run()
    state, count = subscriber.state, len(subscriber.told)
    scene.players.say(BOB, "two")
    scene.players.say(BOB, "one")
    scene.run(1)
    assert len(subscriber.told) == count
    scene.players.say(CAROL, "x")
    scene.run(1)
    changed = changes(subscriber.state, state)
    assert changed is not None and [of(row.member.address) for row in changed] == [of(CAROL)]


def test_the_same_document_again_is_no_news() -> None:
    scene = three()
    subscriber, _ = scene.subscribe()
    scene.run(5)
    scene.players.say(BOB, "away")
    scene.run(5)
    assert len(subscriber.told) == 1


def test_authorized_and_nothing_known_is_a_row_without_state() -> None:
    scene = three()
    scene.players.say(DAVE, None)
    subscriber, _ = scene.subscribe()
    scene.run()
    assert subscriber.rows()[of(DAVE)] is None and subscriber.state.rows[2].standing is None


def test_a_refresh_is_answered_with_the_whole_state() -> None:
    scene = three()
    subscriber, watch = scene.subscribe()
    watch.refresh()
    scene.run(5)
    assert len(subscriber.told) == 1
    watch.refresh()
    scene.run()
    assert len(subscriber.told) == 2 and subscriber.told[0] is subscriber.told[1]


def test_after_stop_nothing_is_told_and_nobody_is_watched() -> None:
    scene = three()
    subscriber, watch = scene.subscribe()
    scene.run(1)
    scene.players.say(BOB, "busy")
    watch.stop()
    watch.stop()
    watch.refresh()
    scene.run(5)
    assert len(subscriber.told) == 1
    assert scene.players.watched() == set()
    assert not scene.agent._watches and not scene.agent._shares._taken and not scene.agent._retrying


def test_a_watch_may_be_stopped_before_anybody_was_asked() -> None:
    scene = three()
    subscriber, watch = scene.subscribe()
    watch.stop()
    scene.run(5)
    assert subscriber.told == [] and scene.players.begun == []


def test_an_empty_list_is_told_at_once() -> None:
    scene = Scene()
    scene.friends()
    subscriber, _ = scene.subscribe()
    scene.run()
    assert len(subscriber.told) == 1 and subscriber.state.rows == ()


def test_a_fetch_asks_members_for_one_answer() -> None:
    scene = three()
    subscriber = Subscriber()
    scene.agent.watch(FRIENDS, subscriber, fetch=True).stop()
    watch = scene.agent.watch(FRIENDS, subscriber, fetch=True)
    scene.run(5)
    assert len(subscriber.told) == 0, "there is no second state that could tell who answers late"
    scene.players.say(DAVE, "here")
    scene.run()
    assert subscriber.rows()[of(DAVE)] == "here"
    assert len(subscriber.told) == 1
    assert all(member.fetch for members in scene.players.live.values() for member in members)
    watch.stop()


# who may


def test_only_the_owner_may_watch_a_list() -> None:
    scene = three()
    for stranger in (BOB, CAROL, address(f"alice@{DOMAIN}x"), address("far.example")):
        with pytest.raises(NotAuthorized):
            scene.agent.watch(FRIENDS, Subscriber(stranger))
    assert scene.players.begun == []


def test_the_operators_lists_are_for_our_users() -> None:
    scene = Scene()
    scene.sales(*THREE)
    for one_of_us in (ALICE, BOB):
        subscriber, _ = scene.subscribe(one_of_us, SALES)
        scene.run(1)
        assert len(subscriber.told) == 1
    for stranger in (CAROL, DAVE, address(DOMAIN)):
        with pytest.raises(NotAuthorized):
            scene.agent.watch(SALES, Subscriber(stranger))


def test_an_address_that_is_no_list_is_nobody() -> None:
    scene = three()
    with pytest.raises(NoSuchPresentity):
        scene.agent.watch(BOB, Subscriber())


def test_a_list_is_nobody_for_packages_that_it_does_not_name() -> None:
    scene = three()
    scene.library.put(
        "rls-services",
        ALICE,
        b'<rls-services xmlns="urn:ietf:params:xml:ns:rls-services"><service uri="sip:alice-friends@sip.example.org">'
        b"<list/><packages><package>dialog</package></packages></service></rls-services>",
    )
    with pytest.raises(NoSuchPresentity):
        scene.agent.watch(FRIENDS, Subscriber())
    other = ListAgent(
        scene.book,
        scene.players,
        clock=scene.clock,  # type: ignore[arg-type]
        domains=[DOMAIN],
        package="dialog",
    )
    other.watch(FRIENDS, Subscriber())


def test_lists_and_members_of_one_subscriber_are_bounded() -> None:
    scene = three(ListLimits(lists=2, members=5))
    first, _ = scene.subscribe()
    with pytest.raises(TooMany):
        scene.subscribe()
    scene.friends(THREE[0])
    scene.run(1)
    scene.subscribe()
    with pytest.raises(TooMany):
        scene.subscribe()
    # the list grows, but not beyond what its subscriber may have
    scene.friends(*(f"sip:{n}@far.example" for n in range(20)))
    scene.run(1)
    assert sum(len(members) for members in scene.players.live.values()) == 5
    assert len(first.state.rows) == 4


def test_agents_of_several_packages_share_the_limits() -> None:
    scene = three()
    shares = Shares(lists=1, members=10)
    agents = [
        ListAgent(scene.book, scene.players, clock=scene.clock, domains=[DOMAIN], shares=shares)  # type: ignore[arg-type]
        for _ in range(2)
    ]
    watch = agents[0].watch(FRIENDS, Subscriber())
    with pytest.raises(TooMany):
        agents[1].watch(FRIENDS, Subscriber())
    watch.stop()
    agents[1].watch(FRIENDS, Subscriber())


# members that refuse, end, and come back


@pytest.mark.parametrize(
    ("refusal", "word"),
    [
        (NoSuchPresentity("nobody"), "noresource"),
        (BadAddress("cannot be said"), "noresource"),
        (NotAuthorized("no"), "rejected"),
        (TooMany("later"), "probation"),
        (Unreachable("later"), "probation"),
    ],
)
def test_who_refuses_is_a_terminated_row(refusal: Exception, word: str) -> None:
    scene = three()
    scene.players.refusals[DAVE] = refusal
    subscriber, _ = scene.subscribe()
    scene.run()
    assert subscriber.rows()[of(DAVE)] == word
    assert subscriber.state.rows[2].standing is Standing.TERMINATED
    assert len(subscriber.told) == 1


@pytest.mark.parametrize("reason", [Reason.REJECTED, Reason.NORESOURCE, Reason.INVARIANT])
def test_who_refused_is_asked_again_only_at_a_refresh(reason: Reason) -> None:
    scene = three()
    subscriber, watch = scene.subscribe()
    scene.run(1)
    scene.players.end(BOB, reason)
    scene.run(10_000)
    assert subscriber.rows()[of(BOB)] == reason.value
    assert scene.players.begun.count(BOB) == 1
    watch.refresh()
    scene.run(1)
    assert scene.players.begun.count(BOB) == 2
    assert subscriber.rows()[of(BOB)] == "away"


@pytest.mark.parametrize(
    ("reason", "retry_after", "soonest", "latest"),
    [
        (Reason.DEACTIVATED, None, 0.5, 3),
        (Reason.TIMEOUT, None, 0.5, 3),
        (Reason.PROBATION, None, 20, 40),
        (Reason.PROBATION, 120, 119, 122),
        (Reason.PROBATION, 10**9, 3_500, 3_601),
        (Reason.GIVEUP, None, 250, 310),
        (None, None, 20, 40),
    ],
)
def test_who_ended_for_a_passing_reason_is_asked_again(
    reason: Any, retry_after: int | None, soonest: float, latest: float
) -> None:
    scene = three()
    subscriber, _ = scene.subscribe()
    scene.run(1)
    scene.players.end(BOB, reason, retry_after)
    scene.run(soonest)
    assert subscriber.state.rows[0].standing is Standing.TERMINATED
    assert scene.players.begun.count(BOB) == 1
    scene.run(latest - soonest)
    assert scene.players.begun.count(BOB) == 2
    assert subscriber.rows()[of(BOB)] == "away"


def test_who_ends_time_after_time_is_asked_less_and_less_often() -> None:
    scene = three()
    scene.players.refusals[BOB] = Unreachable("down")
    scene.subscribe()
    scene.run(7_200)
    times = [at for who, at in zip(scene.players.begun, scene.players.begun_at, strict=True) if who == BOB]
    gaps = [later - sooner for sooner, later in pairwise(times)]
    assert gaps == sorted(gaps) and 5 < len(gaps) < 15
    del scene.players.refusals[BOB]
    scene.run(3_700)
    scene.players.end(BOB, Reason.PROBATION)
    scene.run(40)
    assert scene.players.watched() == {BOB, CAROL, DAVE}


def test_whoever_allows_or_comes_into_existence_is_watched_at_once() -> None:
    scene = three()
    scene.players.refusals[BOB] = NotAuthorized("no")
    scene.players.refusals[DAVE] = NoSuchPresentity("nobody")
    subscriber, _ = scene.subscribe()
    scene.run(1)
    scene.players.refusals.clear()
    scene.players.say(DAVE, "new")
    scene.agent.rules_changed(BOB, CAROL)
    scene.agent.rules_changed(CAROL)
    scene.run(1)
    assert scene.players.watched() == {CAROL}
    scene.agent.rules_changed(BOB, ALICE)
    scene.agent.existence_changed(DAVE)
    scene.agent.existence_changed(DAVE)
    scene.run(0.2)
    assert subscriber.rows() == {of(BOB): "away", of(CAROL): "busy", of(DAVE): "new"}
    assert not scene.agent._refused


# the list itself


def test_a_change_of_the_list_takes_effect_at_once() -> None:
    scene = three()
    scene.players.say(DAVE, "here")
    subscriber, _ = scene.subscribe()
    scene.run(1)
    before = subscriber.state
    eve = address("eve@sip.example.org")
    scene.players.say(eve, "new")
    scene.friends("sip:eve@sip.example.org", THREE[2], THREE[0])
    scene.run(0.15)
    assert subscriber.rows() == {of(eve): "new", of(DAVE): "here", of(BOB): "away"}
    assert len(subscriber.told) == 2
    assert changes(subscriber.state, before) is None, "everything has to be told"
    assert scene.players.watched() == {eve, DAVE, BOB}
    assert scene.players.begun.count(BOB) == 1, "who stayed is not asked again"
    scene.players.say(BOB, "later")
    scene.run(1)
    assert subscriber.rows()[of(BOB)] == "later"


def test_another_name_for_a_member_is_told_without_asking_it_again() -> None:
    scene = three()
    subscriber, _ = scene.subscribe()
    scene.run(1)
    scene.library.services(ALICE)
    scene.friends("sip:bob@sip.example.org;user=x", *THREE[1:])
    scene.run(1)
    assert subscriber.state.rows[0].uri == "sip:bob@sip.example.org;user=x"
    assert subscriber.rows()[of(BOB)] == "away"
    assert scene.players.begun.count(BOB) == 1 and len(subscriber.told) == 2


def test_a_document_that_changes_nothing_is_no_news() -> None:
    scene = three()
    subscriber, _ = scene.subscribe()
    scene.run(1)
    scene.friends(*THREE)
    scene.library.lists(ALICE, friends=entries("sip:x@y.example"))
    scene.run(5)
    assert len(subscriber.told) == 1


def test_members_that_went_before_they_were_asked_never_are() -> None:
    scene = three(ListLimits(turn=1))
    subscriber, _ = scene.subscribe()
    scene.turn()
    scene.friends(THREE[0])
    scene.run(1)
    assert scene.players.watched() == {BOB} and subscriber.rows() == {of(BOB): "away"}


def test_the_end_of_a_service_ends_its_watches() -> None:
    scene = three()
    subscriber, watch = scene.subscribe()
    scene.run(1)
    scene.library.remove("rls-services", ALICE)
    scene.run(1)
    end = subscriber.told[-1]
    assert (end.standing, end.reason, end.document) == (Standing.TERMINATED, Reason.NORESOURCE, None)
    assert scene.players.watched() == set() and not scene.agent._shares._taken
    watch.refresh()
    watch.stop()
    scene.run(5)
    assert len(subscriber.told) == 2


def test_a_service_that_falls_to_somebody_else_ends_the_watches_of_its_owner() -> None:
    scene = three()
    subscriber, watch = scene.subscribe()
    scene.run(1)
    scene.library.remove("rls-services", ALICE)
    scene.library.serve(FRIENDS, BOB, *THREE)
    scene.run()
    watch_ended = subscriber.told[-1]
    assert (watch_ended.standing, watch_ended.reason) == (Standing.TERMINATED, Reason.REJECTED)
    watch.stop()


def test_a_watch_stopped_while_its_end_is_on_the_way_hears_nothing() -> None:
    scene = three()
    subscriber, watch = scene.subscribe()
    scene.run(1)
    scene.library.remove("rls-services", ALICE)
    scene.turn()
    watch.stop()
    scene.run(1)
    assert len(subscriber.told) == 1 and not scene.agent._shares._taken


def test_a_list_that_the_subscriber_brought_is_watched_as_any_other() -> None:
    scene = three()
    subscriber = Subscriber(BOB)
    members = scene.book.ad_hoc(BOB, entries(*THREE))
    watch = scene.agent.watch_members(members, subscriber)
    scene.run(1)
    assert subscriber.rows() == {of(BOB): "away", of(CAROL): "busy", of(DAVE): None}
    watch.stop()
    scene.run()
    assert scene.players.watched() == set() and not scene.agent._shares._taken


# many


def many(count: int) -> Scene:
    scene = Scene(ListLimits(), BIG)
    uris = [f"sip:u{n}@sip.example.org" for n in range(count)]
    scene.friends(*uris)
    for n in range(count):
        scene.players.answers[address(f"u{n}@sip.example.org")] = Told(
            standing=Standing.ACTIVE, document="here"
        )
    return scene


def test_a_thousand_members_are_begun_in_turns_and_told_in_one_state() -> None:
    scene = many(1_000)
    subscriber, _ = scene.subscribe()
    assert scene.players.begun == []
    counts = [0]
    while len(scene.players.begun) < 1_000:
        scene.turn()
        counts.append(len(scene.players.begun))
    assert max(after - before for before, after in pairwise(counts)) <= 50
    scene.run(1)
    assert len(subscriber.told) == 1
    assert set(subscriber.rows().values()) == {"here"}


def test_a_long_list_does_not_keep_a_short_one_waiting() -> None:
    scene = many(1_000)
    scene.sales(*THREE)
    scene.subscribe()
    scene.subscribe(BOB, SALES)
    for _ in range(3):
        scene.turn()
    assert {BOB, CAROL, DAVE} <= set(scene.players.begun)


def test_members_of_other_domains_are_asked_no_faster_than_others_can_bear() -> None:
    scene = Scene(ListLimits(foreign=100), BIG)
    ours = [f"sip:u{n}@sip.example.org" for n in range(50)]
    scene.friends(*(f"sip:u{n}@far.example" for n in range(300)), *ours)
    scene.sales("sip:carol@elsewhere.example")
    subscriber, _ = scene.subscribe()
    scene.subscribe(BOB, SALES)
    scene.run(0.05)
    assert {address(uri.removeprefix("sip:")) for uri in ours} <= set(scene.players.begun), "ours do not wait"
    assert address("carol@elsewhere.example") in scene.players.begun
    scene.run(0.95)
    assert 50 + 90 <= len(scene.players.begun) <= 50 + 120
    assert len(subscriber.told) >= 1
    scene.run(3)
    assert len(scene.players.begun) == 351


def test_one_subscriber_asks_members_of_other_domains_no_more_often_than_anybody_needs() -> None:
    scene = Scene(ListLimits(members=100), BIG)
    far_ones = [f"u{n}@far.example" for n in range(60)]
    for each in far_ones:
        scene.players.answers[address(each)] = Told(standing=Standing.ACTIVE, document="here")
    scene.sales(*(f"sip:{each}" for each in far_ones), "sip:u@sip.example.org")
    for _ in range(20):
        _, watch = scene.subscribe(ALICE, SALES)
        scene.run(1)
        watch.stop()
    far = sum(each.domain == "far.example" for each in scene.players.begun)
    assert 200 <= far <= 210
    assert len(scene.players.begun) - far == 20, "ours are asked all the same"
    subscriber, _ = scene.subscribe(ALICE, SALES)
    scene.run(1)
    assert list(subscriber.rows().values()).count("probation") > 50
    other, _ = scene.subscribe(BOB, SALES)
    scene.run(1)
    assert "probation" not in other.rows().values()
    scene.run(700)
    assert "probation" not in subscriber.rows().values(), "the others are asked after a while"


def test_nothing_is_remembered_of_who_asked_long_ago() -> None:
    shares = Shares(lists=1, members=10)
    for number in range(5_000):
        assert shares.asks(address(f"u{number}@sip.example.org"), 100.0 * number)
    assert len(shares._paid_until) <= 1_000


def test_the_first_state_of_a_list_of_silent_members_comes_within_a_second() -> None:
    scene = many(1_000)
    scene.players.answers.clear()
    subscriber, _ = scene.subscribe()
    scene.run(0.6)
    assert len(subscriber.told) == 1 and len(subscriber.state.rows) == 1_000
    once = Subscriber()
    scene.agent.watch(FRIENDS, once, fetch=True)
    scene.run(6.1)
    assert len(once.told) == 1


def test_a_change_of_one_of_a_thousand_costs_less_than_a_millisecond() -> None:
    scene = many(1_000)
    subscriber, _ = scene.subscribe()
    scene.run(1)
    who = address("u500@sip.example.org")
    best = 1.0
    for n in range(20):
        state = subscriber.state
        began = perf_counter()
        scene.players.say(who, n)
        scene.run(0.2)
        changed = changes(subscriber.state, state)
        best = min(best, perf_counter() - began)
        assert changed is not None and len(changed) == 1
    assert best < 0.001


def test_a_change_of_a_list_that_many_watch_is_made_in_turns() -> None:
    scene = Scene(ListLimits(turn=10), BIG)
    scene.sales(*(f"sip:u{n}@x.example" for n in range(300)))
    subscribers = [scene.subscribe(address(f"w{n}@sip.example.org"), SALES)[0] for n in range(20)]
    scene.run(1)
    scene.sales("sip:new@x.example")
    scene.turn()
    scene.turn()
    assert 0 < len(scene.agent._changing) < 20
    scene.run(1)
    assert all(list(each.rows()) == ["new@x.example"] for each in subscribers)


def test_a_subscriber_that_fails_does_not_keep_others_from_being_told() -> None:
    class Failing(Subscriber):
        def notified(self, notification: Told[Any]) -> None:
            raise RuntimeError("no")

    scene = three()
    scene.agent.watch(FRIENDS, Failing())
    subscriber, _ = scene.subscribe()
    for _ in range(10):
        try:
            scene.run(0.2)
        except RuntimeError:
            pass
    assert len(subscriber.told) == 1


# any changes

PEOPLE = [address(f"{name}@{domain}") for name in "abcd" for domain in (DOMAIN, "far.example")]

steps = st.one_of(
    st.tuples(st.just("say"), st.sampled_from(PEOPLE), st.sampled_from(["one", "two", None])),
    st.tuples(st.just("pend"), st.sampled_from(PEOPLE), st.none()),
    st.tuples(
        st.just("end"), st.sampled_from(PEOPLE), st.sampled_from([Reason.DEACTIVATED, Reason.PROBATION])
    ),
    st.tuples(st.just("refuse"), st.sampled_from(PEOPLE), st.sampled_from([True, False])),
    st.tuples(st.just("list"), st.just(FRIENDS), st.lists(st.sampled_from(PEOPLE), unique=True)),
    st.tuples(st.just("refresh"), st.just(FRIENDS), st.none()),
    st.tuples(st.just("wait"), st.just(FRIENDS), st.sampled_from([0.0, 0.05, 0.3, 40.0])),
)


def play(scene: Scene, watch: Any, kind: str, who: Any, what: Any) -> None:
    players = scene.players
    if kind == "say":
        players.say(who, what)
    elif kind == "pend":
        players.pend(who)
    elif kind == "end":
        players.end(who, what)
    elif kind == "refuse":
        if what:
            players.refusals[who] = NotAuthorized("no")
            players.end(who, Reason.REJECTED)
        else:
            players.refusals.pop(who, None)
            scene.agent.rules_changed(who)
    elif kind == "list":
        scene.friends(*(each.sip_uri() for each in what))
    elif kind == "refresh":
        watch.refresh()
    else:
        scene.run(what)


@given(st.lists(steps, max_size=25))
@settings(max_examples=150)
def test_after_any_changes_a_subscriber_knows_what_a_new_one_learns(
    script: list[tuple[str, Any, Any]],
) -> None:
    scene = Scene(ListLimits(lists=1_000))
    scene.friends(*(each.sip_uri() for each in PEOPLE[:4]))
    for each in PEOPLE:
        scene.players.say(each, "nothing yet")
    subscriber, watch = scene.subscribe()
    for step in script:
        play(scene, watch, *step)
    # who was on probation is asked again within this time, however often it was
    scene.run(4_000)
    fresh, other = scene.subscribe()
    scene.run(2)
    assert subscriber.state == fresh.state
    assert len(subscriber.told) <= 2 * len(script) + 60
    other.stop()
    watch.stop()
    scene.run(1)
    agent = scene.agent
    assert scene.players.watched() == set()
    assert not agent._refused and not agent._retrying and not agent._watches and not agent._shares._taken
