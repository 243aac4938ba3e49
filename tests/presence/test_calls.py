"""Call state is presence: which calls make somebody be on the phone, in which words, and for how long."""

from dataclasses import replace
from typing import Any

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.documents.dialog_info import (
    RENDERING,
    Call,
    CallState,
    DialogInfo,
    Direction,
    Party,
    write,
)
from sip2xmpp.documents.presence import Basic, Note, Presence, Show, Tuple
from sip2xmpp.presence.calls import Calls, OnThePhone, text_of
from sip2xmpp.presence.composition import Rank, Source, compose
from sip2xmpp.presence.states import State, state_of
from sip2xmpp.store.memory import MemoryStore
from sip2xmpp.store.records import Publication

ALICE = Address.parse("alice@sip.example.org")
HELD = Party(target="sip:alice@192.0.2.1", params=((RENDERING, "no"),))
RINGS = Call(id="r", state=CallState.EARLY, direction=Direction.RECIPIENT)
CALLS = Call(id="c", state=CallState.PROCEEDING, direction=Direction.INITIATOR)
TALKS = Call(id="t", state=CallState.CONFIRMED)
HOLDS = Call(id="h", state=CallState.CONFIRMED, local=HELD)
OVER = Call(id="o", state=CallState.TERMINATED)


@pytest.mark.parametrize(
    ("calls", "confirmed", "early"),
    [
        ([], None, None),
        ([OVER], None, None),
        ([RINGS], None, "Ringing"),
        ([CALLS], None, "On the phone"),
        ([TALKS], "On the phone", "On the phone"),
        ([HOLDS], "On hold", "On hold"),
        ([HOLDS, TALKS], "On the phone", "On the phone"),
        ([RINGS, TALKS], "On the phone", "On the phone"),
        ([RINGS, HOLDS], "On hold", "On hold"),
        ([OVER, RINGS], None, "Ringing"),
    ],
)
def test_calls_in_words(calls: list[Call], confirmed: str | None, early: str | None) -> None:
    assert text_of(calls, OnThePhone.CONFIRMED) == confirmed
    assert text_of(calls, OnThePhone.EARLY) == early
    assert text_of(calls, OnThePhone.NEVER) is None


class Scene:
    """The calls of alice, published, and what is heard of them."""

    def __init__(self, clock: Clock, **options: Any) -> None:
        self.clock: Any = clock
        self.store = MemoryStore(self.clock)
        self.calls = Calls(self.store, clock=self.clock, **options)
        self.presence: list[Address] = []
        self.lamps: list[Address] = []
        self.calls.listen(self.presence.append)
        self.calls.listen_to_calls(self.lamps.append)

    def publish(
        self,
        *calls: Call,
        name: str = "p",
        package: str = "dialog",
        lifetime: float = 600.0,
        body: bytes = b"",
    ) -> None:
        now = self.clock.seconds()
        self.store.publications.put(
            Publication(
                presentity=ALICE,
                package=package,
                etag=f"{name}~1",
                source="",
                content_type="application/dialog-info+xml",
                document=body or write(DialogInfo(entity="sip:alice@sip.example.org", calls=calls)),
                user_agent="",
                published_at=now,
                expires_at=now + lifetime,
            )
        )

    @property
    def sources(self) -> list[Source]:
        return list(self.calls.sources(ALICE, ()))

    def composed(self, *others: Source) -> Presence:
        return compose(ALICE.sip_uri(), [*others, *self.sources], self.clock.seconds())


@pytest.fixture
def scene(clock: Clock) -> Scene:
    return Scene(clock)


def phone(state: str = "", at: float = 0.0, basic: Basic = Basic.OPEN, note: str = "") -> Source:
    notes = (Note(text=note),) if note else ()
    document = Presence(
        entity=ALICE.sip_uri(),
        tuples=(Tuple(id="t", basic=basic, show=Show(state) if state else None, notes=notes),),
    )
    return Source(id="phone", rank=Rank.PUBLISHED, published_at=at, document=document)


def test_somebody_in_a_call_is_on_the_phone_until_it_ends(scene: Scene) -> None:
    assert scene.sources == []
    scene.publish(TALKS)
    assert state_of(scene.composed()) is State.ON_THE_PHONE
    scene.publish(OVER)
    assert scene.sources == []
    assert scene.presence == [ALICE, ALICE]


@pytest.mark.parametrize("show", ["", "chat", "away", "xa"])
def test_a_call_replaces_what_is_milder_and_leaves_the_text(scene: Scene, show: str) -> None:
    scene.publish(TALKS)
    document = scene.composed(phone(show, note="Back at five"))
    assert state_of(document) is State.ON_THE_PHONE
    assert [note.text for note in document.tuples[0].notes] == ["Back at five"]
    assert [service.id for service in document.tuples] == ["t"]


def test_a_call_on_hold_says_so_in_english(scene: Scene) -> None:
    scene.publish(HOLDS)
    assert scene.composed(phone()).tuples[0].notes == (Note(text="On hold", language="en"),)


def test_a_call_does_not_disturb_who_does_not_want_to_be_disturbed(scene: Scene) -> None:
    scene.publish(TALKS)
    assert state_of(scene.composed(phone("dnd"))) is State.DND


def test_a_call_does_not_show_who_is_invisible(scene: Scene) -> None:
    scene.publish(TALKS)
    assert state_of(scene.composed(phone(basic=Basic.CLOSED))) is State.OFFLINE


def test_a_call_is_a_way_to_reach_somebody_only_where_there_is_no_other(scene: Scene) -> None:
    scene.publish(TALKS)
    assert len(scene.composed().tuples) == len(scene.composed(phone()).tuples) == 1
    registered = replace(phone(), id="r", rank=Rank.REGISTERED)
    assert [service.id for service in scene.composed(registered).tuples] == ["t"]


def test_several_publications_are_one_source(scene: Scene) -> None:
    scene.publish(HOLDS, name="one")
    scene.publish(TALKS, name="two")
    (source,) = scene.sources
    assert source.document.persons[0].notes[0].text == "On the phone"
    scene.store.publications.remove("two")
    assert scene.sources[0].document.persons[0].notes[0].text == "On hold"
    assert len({call.id for call in scene.calls.of(ALICE)}) == 1


def test_nobody_hears_of_presence_when_only_the_calls_are_others(scene: Scene) -> None:
    scene.publish(TALKS)
    scene.publish(TALKS, RINGS)
    assert (len(scene.presence), len(scene.lamps)) == (1, 2)


def test_a_refreshed_publication_is_no_news(scene: Scene) -> None:
    scene.publish(TALKS)
    scene.clock.advance(5)
    scene.publish(TALKS)
    assert (len(scene.presence), len(scene.lamps)) == (1, 1)
    assert scene.sources[0].published_at == scene.clock.seconds() - 5


def test_a_call_is_over_when_its_publication_expires(scene: Scene) -> None:
    scene.publish(TALKS, lifetime=60)
    scene.clock.advance(61)
    assert scene.sources == [] and scene.calls.of(ALICE) == ()


def test_calls_are_known_after_a_restart(scene: Scene) -> None:
    scene.publish(TALKS)
    again = Calls(scene.store, clock=scene.clock)
    assert [call.state for call in again.of(ALICE)] == [CallState.CONFIRMED]
    assert again.of(ALICE) == scene.calls.of(ALICE)
    assert list(again.sources(ALICE, ())) == scene.sources


def test_other_packages_tell_of_other_things(scene: Scene) -> None:
    scene.publish(TALKS, package="dialog;sla")
    scene.publish(TALKS, name="other", package="presence")
    assert scene.sources == [] and scene.calls.of(ALICE) == ()


def test_what_phones_say_when_they_are_asked_counts(scene: Scene) -> None:
    entity = "sip:alice@sip.example.org"
    scene.calls.observed(ALICE, "desk", DialogInfo(entity=entity, calls=(RINGS,)))
    assert scene.sources == [] and [call.state for call in scene.calls.of(ALICE)] == [CallState.EARLY]
    change = DialogInfo(entity=entity, is_full=False, calls=(replace(RINGS, state=CallState.CONFIRMED),))
    scene.calls.observed(ALICE, "desk", change)
    assert state_of(scene.composed()) is State.ON_THE_PHONE
    scene.calls.observed(ALICE, "desk", None)
    scene.calls.observed(ALICE, "desk", None)
    assert scene.sources == [] and scene.calls.of(ALICE) == ()


def test_a_publication_that_cannot_be_read_is_none(scene: Scene) -> None:
    scene.publish(TALKS)
    scene.publish(body=b"<dialog-info")
    assert scene.sources == [] and scene.calls.of(ALICE) == ()


def test_ids_in_documents_are_not_shown(scene: Scene) -> None:
    scene.publish(replace(TALKS, id="DIALOG_PUBLISH.84b4c76e66710@192.0.2.7"))
    assert "84b4c" not in scene.calls.of(ALICE)[0].id
