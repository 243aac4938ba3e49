"""Watches of states other than presence: who is told what, and when."""

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.errors import NoSuchPresentity, NotAuthorized
from sip2xmpp.presence.policy import Handling, Policy
from sip2xmpp.presence.state_agent import StateAgent
from sip2xmpp.presence.watching import Reason, Standing, Told, Watch
from sip2xmpp.store.memory import MemoryStore
from sip2xmpp.store.records import Verdict

ALICE = Address("alice", "sip.example.org")
BOB = Address("bob", "sip.example.org")
ROMEO = Address("romeo", "jabber.example")


class Ear:
    def __init__(self, address: Address, *, fails: bool = False) -> None:
        self.address = address
        self.heard: list[Told[str]] = []
        self.fails = fails

    def notified(self, notification: Told[str]) -> None:
        self.heard.append(notification)
        if self.fails:
            raise RuntimeError("the ear is deaf")


class Board:
    """An agent whose states are lines of text."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.store = MemoryStore(clock)
        self.states = {ALICE: "one", BOB: "something else"}
        self.computed = 0
        self.policy = Policy(self.store.verdicts)
        self.agent = StateAgent[str](
            clock=clock,
            compute=self.compute,
            neutral=lambda _: "nothing",
            decide=self.policy.decide,
            exists=lambda address: address in self.states,
        )
        self.policy.listen(self.agent.rules_changed)

    def compute(self, resource: Address) -> str:
        self.computed += 1
        return self.states[resource]

    def watch(self, watcher: Address = BOB, resource: Address = ALICE) -> tuple[Ear, Watch]:
        ear = Ear(watcher)
        return ear, self.agent.watch(resource, ear)

    def change(self, state: str) -> None:
        self.states[ALICE] = state
        self.agent.changed(ALICE)

    def decide(self, handling: Handling, watcher: Address = BOB) -> None:
        self.store.verdicts.put(
            Verdict(presentity=ALICE, watcher=watcher, handling=handling.value, decided_at=0.0)
        )


@pytest.fixture
def board(clock: Clock) -> Board:
    return Board(clock)


def documents(ear: Ear) -> list[str | None]:
    return [told.document for told in ear.heard]


def test_the_first_word_comes_on_a_later_turn(board):
    ear, _ = board.watch()
    assert ear.heard == []
    board.clock.advance(0)
    assert documents(ear) == ["one"]


def test_watchers_alike_get_one_object_that_is_computed_once(board):
    first, _ = board.watch()
    second, _ = board.watch(ROMEO)
    board.clock.advance(0)
    assert first.heard[0] is second.heard[0]
    assert board.computed == 1


def test_changes_of_one_turn_are_told_once(board):
    ear, _ = board.watch()
    board.clock.advance(0)
    board.change("two")
    board.change("three")
    board.clock.advance(0)
    assert documents(ear) == ["one", "three"]


def test_nobody_hears_that_nothing_changed(board):
    ear, _ = board.watch()
    board.clock.advance(0)
    board.agent.changed(ALICE)
    board.clock.advance(0)
    assert documents(ear) == ["one"]


def test_a_refresh_tells_one_watcher_again(board):
    ear, watch = board.watch()
    other, _ = board.watch(ROMEO)
    board.clock.advance(0)
    watch.refresh()
    board.clock.advance(0)
    assert (documents(ear), documents(other)) == (["one", "one"], ["one"])


def test_who_begins_to_watch_or_asks_again_is_told_what_is_now(board):
    """The owner of the state may hold a change back for those who only listen."""
    listening, _ = board.watch()
    asking, watch = board.watch(ROMEO)
    board.clock.advance(0)
    board.states[ALICE] = "two"
    watch.refresh()
    board.clock.advance(0)
    assert documents(asking) == ["one", "two"]
    board.states[ALICE] = "three"
    coming, _ = board.watch(Address("juliet", "jabber.example"))
    board.clock.advance(0)
    assert documents(coming) == ["three"]
    assert documents(listening) == documents(asking) == ["one", "two", "three"]


def test_who_stopped_hears_nothing_more(board):
    ear, watch = board.watch()
    watch.stop()
    watch.stop()
    board.change("two")
    board.clock.advance(0)
    assert ear.heard == []
    assert not board.agent.is_watched(ALICE)


def test_nobody_watches_who_is_not_ours(board):
    with pytest.raises(NoSuchPresentity):
        board.agent.watch(ROMEO, Ear(BOB))


def test_who_is_blocked_is_refused(board):
    board.decide(Handling.BLOCK)
    with pytest.raises(NotAuthorized):
        board.watch()


@pytest.mark.parametrize(
    ("handling", "standing", "document"),
    [
        (Handling.CONFIRM, Standing.PENDING, None),
        (Handling.POLITE_BLOCK, Standing.ACTIVE, "nothing"),
        (Handling.ALLOW, Standing.ACTIVE, "one"),
    ],
)
def test_a_decision_shows_at_once(board, handling, standing, document):
    board.decide(Handling.CONFIRM if handling is not Handling.CONFIRM else Handling.ALLOW)
    ear, _ = board.watch()
    board.clock.advance(0)
    board.decide(handling)
    board.clock.advance(0)
    assert (ear.heard[-1].standing, ear.heard[-1].document) == (standing, document)


def test_a_decision_to_block_ends_the_watch(board):
    ear, _ = board.watch()
    other, _ = board.watch(ROMEO)
    board.clock.advance(0)
    board.decide(Handling.BLOCK)
    board.clock.advance(0)
    assert (ear.heard[-1].standing, ear.heard[-1].reason) == (Standing.TERMINATED, Reason.REJECTED)
    board.change("two")
    board.clock.advance(0)
    assert len(ear.heard) == 2
    assert documents(other) == ["one", "two"]


def test_politely_blocked_watchers_hear_of_no_change(board):
    board.decide(Handling.POLITE_BLOCK)
    ear, _ = board.watch()
    board.clock.advance(0)
    board.change("two")
    board.clock.advance(0)
    assert documents(ear) == ["nothing"]


def test_a_resource_that_goes_takes_its_watches_along(board):
    ear, _ = board.watch()
    board.clock.advance(0)
    del board.states[ALICE]
    board.agent.existence_changed(ALICE)
    board.clock.advance(0)
    assert ear.heard[-1].reason is Reason.NORESOURCE


def test_a_watcher_that_fails_keeps_nobody_else_from_hearing(board):
    deaf = Ear(BOB, fails=True)
    board.agent.watch(ALICE, deaf)
    ear, _ = board.watch(ROMEO)
    with pytest.raises(RuntimeError):
        board.clock.advance(0)
    board.clock.advance(0)
    assert documents(ear) == ["one"]
