"""A list as one contact: how many are there for whom, who may know, and what changes."""

from typing import Any

import pytest

from sip2xmpp.address import Address
from sip2xmpp.documents.presence import Presence
from sip2xmpp.documents.resource_lists import ResourceList
from sip2xmpp.documents.rls_services import Service
from sip2xmpp.errors import NoSuchPresentity, Unreachable
from sip2xmpp.presence.list_contacts import ListContacts
from sip2xmpp.presence.states import State, state_of
from sip2xmpp.presence.telling import Telling, document_of
from sip2xmpp.presence.texts import user_notes
from sip2xmpp.presence.watching import Notification, Reason, Standing, Told, Watch
from sip2xmpp.store.documents import GLOBAL
from tests.presence.listing import ALICE, BOB, SALES, Scene, address, entries

CAROL = address("carol@sip.example.org")
ROMEO, JULIET = address("romeo@jabber.example"), address("juliet@jabber.example")
TWO = ("sip:bob@sip.example.org", "sip:carol@sip.example.org")


class Others:
    """A back end that knows nobody."""

    def watch(self, presentity: Address, watcher: object, *, fetch: bool = False) -> Watch:
        raise NoSuchPresentity(f"nobody is called {presentity}")


class Ear:
    def __init__(self, who: Address = ROMEO) -> None:
        self.address = who
        self.heard: list[Notification] = []

    def notified(self, notification: Notification) -> None:
        self.heard.append(notification)

    @property
    def last(self) -> tuple[State, str]:
        document = self.heard[-1].document
        assert document is not None
        state = state_of(document)
        return state, user_notes(document, state)[0].text


def presence(state: State) -> Presence:
    return document_of(Telling(state=state), BOB.sip_uri())


class Stage(Scene):
    def __init__(self) -> None:
        super().__init__()
        self.house = {ROMEO, JULIET}
        self.contacts = ListContacts(
            self.book,
            self.agent,
            Others(),
            permits=self.house.__contains__,
            clock=self.clock,
        )
        self.sales(*TWO)

    def watch(self, who: Address = ROMEO) -> tuple[Ear, Watch]:
        ear = Ear(who)
        watch = self.contacts.watch(SALES, ear)
        assert ear.heard == []
        self.run(2)
        return ear, watch


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_list_says_how_many_are_there(stage: Stage) -> None:
    stage.players.say(BOB, presence(State.DND))
    ear, _ = stage.watch()
    assert ear.last == (State.AWAY, "1 of 2 available")
    stage.players.say(CAROL, presence(State.ONLINE))
    stage.run(2)
    assert ear.last == (State.ONLINE, "2 of 2 available")
    for member in (BOB, CAROL):
        stage.players.say(member, presence(State.OFFLINE))
    stage.run(2)
    assert ear.last[0] is State.OFFLINE


def test_what_says_the_same_is_the_same_document(stage: Stage) -> None:
    stage.players.say(BOB, presence(State.ONLINE))
    ear, _ = stage.watch()
    before = ear.heard[-1].document
    stage.players.say(BOB, presence(State.CHAT))
    stage.run(2)
    assert ear.heard[-1].document is before


def test_two_watchers_are_counted_for_by_what_each_may_see(stage: Stage) -> None:
    stage.players.say(BOB, presence(State.ONLINE))
    ear, _ = stage.watch(ROMEO)
    other, _ = stage.watch(JULIET)
    for member in stage.players.live[BOB]:
        if member.watcher.address == JULIET:
            member.watcher.notified(Told[Any](standing=Standing.PENDING))
    stage.run(2)
    assert (ear.last[1], other.last[1]) == ("1 of 2 available", "0 of 2 available")


def test_a_change_of_the_list_is_followed(stage: Stage) -> None:
    stage.players.say(BOB, presence(State.ONLINE))
    ear, watch = stage.watch()
    stage.sales(*TWO, "sip:alice@sip.example.org")
    stage.run(2)
    assert ear.last[1] == "1 of 3 available" and stage.players.watched() == {ALICE, BOB, CAROL}
    watch.refresh()
    stage.run(2)
    watch.stop()
    stage.run(2)
    heard = len(ear.heard)
    stage.sales(*TWO)
    stage.players.say(BOB, presence(State.AWAY))
    stage.run(2)
    assert len(ear.heard) == heard and not stage.players.watched()


@pytest.mark.parametrize("end", ["list", "package", "right", "right noticed with a change"])
def test_without_list_or_right_there_is_no_such_contact(stage: Stage, end: str) -> None:
    ear, _ = stage.watch()
    if end == "list":
        stage.library.remove("rls-services", "", "departments")
    elif end == "package":
        calls = Service(
            uri=SALES.sip_uri(), resources=ResourceList(members=entries(*TWO)), packages=("dialog",)
        )
        stage.library.services(GLOBAL, calls, name="departments")
    else:
        stage.house.clear()
        if end == "right":
            stage.contacts.reconsider(ROMEO)
        else:
            stage.sales(*TWO, "sip:alice@sip.example.org")
    stage.run(2)
    assert (ear.heard[-1].standing, ear.heard[-1].reason) == (Standing.TERMINATED, Reason.NORESOURCE)
    assert not stage.players.watched()
    with pytest.raises(NoSuchPresentity):
        stage.contacts.watch(SALES, ear)


def test_who_left_before_it_is_told_that_it_is_over_hears_nothing(stage: Stage) -> None:
    ear, watch = stage.watch()
    heard = len(ear.heard)
    stage.house.clear()
    stage.contacts.reconsider(ROMEO)
    watch.stop()
    stage.run(2)
    assert len(ear.heard) == heard


def test_who_may_know_stays(stage: Stage) -> None:
    ear, _ = stage.watch()
    stage.contacts.reconsider(ROMEO)
    stage.run(2)
    assert ear.heard[-1].standing is Standing.ACTIVE


def test_strangers_and_other_addresses_are_for_the_others(stage: Stage) -> None:
    for who, what in ((ALICE, SALES), (ROMEO, BOB)):
        with pytest.raises(NoSuchPresentity):
            stage.contacts.watch(what, Ear(who))


def test_a_member_who_cannot_be_reached_is_one_of_the_whole(stage: Stage) -> None:
    stage.players.refusals[CAROL] = Unreachable("nobody")
    stage.players.say(BOB, presence(State.ONLINE))
    ear, _ = stage.watch()
    assert ear.last[1] == "1 of 2 available"
