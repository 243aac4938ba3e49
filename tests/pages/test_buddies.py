"""The live state of contacts while somebody looks at them."""

from collections.abc import Mapping

import pytest
from twisted.internet.defer import Deferred

from sip2xmpp.address import Address
from sip2xmpp.pages.buddies import IN_USE, LINGERING, VIEWS_OF_ONE, Buddies
from sip2xmpp.presence.list_agent import ListLimits
from sip2xmpp.presence.list_book import Member
from sip2xmpp.presence.list_state import Row
from sip2xmpp.presence.watching import Reason
from tests.presence.listing import ALICE, BOB, Scene, address, said

JULIET = address("juliet@jabber.example")
CAROL = address("carol@other.example")


def members(*who: Address) -> tuple[Member, ...]:
    return tuple(Member(uri=each.sip_uri(), address=each) for each in who)


class Stage:
    def __init__(self, **limits: int) -> None:
        self.scene = Scene(ListLimits(**limits) if limits else None)
        self.changed: list[tuple[str, Address]] = []
        self.heard: set[tuple[str, Address]] = set()
        self.buddies = Buddies(
            self.scene.agent,
            self.scene.clock,
            changed=lambda kind, user: self.changed.append((kind, user)),
            is_heard=lambda kind, user: (kind, user) in self.heard,
            most=7,
        )

    def begin(
        self, *who: Address, name: str = "", user: Address = ALICE
    ) -> list[Mapping[Address, Row] | None]:
        found: list[Mapping[Address, Row] | None] = []
        Deferred.fromCoroutine(self.buddies.look(user, "contacts", members(*who), name)).addCallback(
            found.append
        )
        return found

    def look(self, *who: Address, name: str = "", user: Address = ALICE) -> dict[str, object] | None:
        found = self.begin(*who, name=name, user=user)
        self.scene.run(1.0)
        (rows,) = found
        return None if rows is None else {str(each): said(row) for each, row in rows.items()}


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_each_member_is_watched_in_the_users_own_name(stage: Stage) -> None:
    players = stage.scene.players
    players.say(JULIET, "away")
    players.pend(CAROL)
    assert stage.look(JULIET, CAROL, BOB) == {
        str(JULIET): "away",
        str(CAROL): "pending",
        str(BOB): None,
    }
    assert {each.watcher.address for live in players.live.values() for each in live} == {ALICE}


def test_a_first_look_waits_only_as_long_as_somebody_may_answer_soon(stage: Stage) -> None:
    stage.scene.players.say(JULIET, "away")
    found = stage.begin(JULIET)
    stage.scene.run(0.0)
    assert len(found) == 1
    silent = stage.begin(BOB, user=BOB)
    stage.scene.run(0.4)
    assert silent == []
    stage.scene.run(0.7)
    assert len(silent) == 1


def test_all_tabs_share_one_watch_and_a_change_is_told(stage: Stage) -> None:
    players = stage.scene.players
    players.say(JULIET, "away")
    for _ in range(3):
        stage.look(JULIET)
    assert players.begun == [JULIET] and stage.changed == []
    players.say(JULIET, "back")
    stage.scene.run(1.0)
    assert stage.changed == [("contacts", ALICE)]
    assert stage.look(JULIET) == {str(JULIET): "back"}


def test_the_watch_ends_a_while_after_the_last_look(stage: Stage) -> None:
    stage.look(JULIET)
    stage.scene.run(LINGERING / 2)
    stage.look(JULIET)
    stage.scene.run(LINGERING - 2)
    assert stage.scene.players.watched() == {JULIET}
    stage.scene.run(2)
    assert stage.scene.players.watched() == set() and len(stage.buddies) == 0


def test_the_watch_goes_on_while_a_page_listens(stage: Stage) -> None:
    stage.heard.add(("contacts", ALICE))
    stage.look(JULIET)
    stage.scene.run(10 * LINGERING)
    assert stage.scene.players.watched() == {JULIET}
    stage.heard.clear()
    stage.scene.run(LINGERING)
    assert stage.scene.players.watched() == set()


def test_who_stays_in_a_changed_list_is_watched_before_he_is_left(stage: Stage) -> None:
    players = stage.scene.players
    players.say(JULIET, "away")
    players.say(BOB, "here")
    stage.look(JULIET)
    found = stage.begin(JULIET, BOB)
    assert len(players.live[JULIET]) == 1
    stage.scene.turn()
    assert len(players.live[JULIET]) in (1, 2)
    stage.scene.run(1.0)
    assert len(found) == 1 and len(players.live[JULIET]) == 1
    assert stage.look(JULIET, BOB) == {str(JULIET): "away", str(BOB): "here"}
    assert stage.look(BOB) == {str(BOB): "here"}
    assert players.watched() == {BOB}


def test_one_user_has_so_many_views_and_the_oldest_goes(stage: Stage) -> None:
    stage.heard.add(("contacts", ALICE))
    for number in range(VIEWS_OF_ONE):
        stage.look(address(f"member{number}@sip.example.org"), name=str(number))
    stage.scene.run(IN_USE)
    assert stage.look(BOB, name="one more") is not None
    assert len(stage.buddies) == VIEWS_OF_ONE
    assert address("member0@sip.example.org") not in stage.scene.players.watched()


def test_many_open_pages_do_not_take_turns(stage: Stage) -> None:
    for number in range(VIEWS_OF_ONE):
        stage.begin(address(f"member{number}@sip.example.org"), name=str(number))
    assert stage.look(BOB, name="one more") is None
    assert BOB not in stage.scene.players.watched() and len(stage.buddies) == VIEWS_OF_ONE


def test_there_are_so_many_views_in_all(stage: Stage) -> None:
    for number in range(7):
        assert stage.look(BOB, user=address(f"user{number}@sip.example.org")) is not None
    assert stage.look(BOB, user=ALICE) is None
    assert len(stage.buddies) == 7
    stage.scene.run(LINGERING)
    assert stage.look(BOB, user=ALICE) is not None


def test_more_members_than_one_may_watch_are_not_watched() -> None:
    stage = Stage(members=1)
    assert stage.look(BOB, JULIET) is None
    assert len(stage.buddies) == 0 and stage.scene.players.begun == []
    assert stage.look(BOB) is not None


def test_a_member_that_refuses_is_told_as_such(stage: Stage) -> None:
    stage.scene.players.say(BOB, "here")
    stage.look(BOB)
    stage.scene.players.end(BOB, Reason.REJECTED)
    stage.scene.run(1.0)
    assert stage.look(BOB) == {str(BOB): "rejected"}
    assert stage.changed == [("contacts", ALICE)]
