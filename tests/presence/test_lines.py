"""Who has which appearance of a shared line, whatever phones tell and forget to tell."""

import random
from dataclasses import replace
from typing import Any

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.documents.dialog_info import (
    CONTENT_TYPE,
    Call,
    CallState,
    DialogInfo,
    DialogName,
    Direction,
    Party,
    write,
)
from sip2xmpp.presence.appearances import AppearanceTaken, Line
from sip2xmpp.presence.lines import SEIZED_FOR, Lines
from sip2xmpp.store.memory import MemoryStore
from sip2xmpp.store.records import Binding, Publication

SALES = Address.parse("sales@sip.example.org")
ALICE, BOB = Address.parse("alice@sip.example.org"), Address.parse("bob@sip.example.org")
LINE = Line(appearances=2, members=frozenset((ALICE, BOB)))
FRIEND = Party(identity="sip:romeo@jabber.example")


def off_hook(number: int | None, name: str = "d") -> Call:
    return Call(id=name, state=CallState.TRYING, appearance=number)


def talk(number: int | None, name: str = "d", call_id: str = "") -> Call:
    return Call(id=name, state=CallState.CONFIRMED, call_id=call_id or name, remote=FRIEND, appearance=number)


class Scene:
    """A line and phones that tell things about it."""

    def __init__(self, clock: Clock) -> None:
        self.clock: Any = clock
        self.store = MemoryStore(self.clock)
        self.lines = Lines(store=self.store, clock=self.clock, lines={SALES: LINE})
        self.heard = 0
        self.lines.listen(self._heard)

    def _heard(self, line: Address) -> None:
        assert line == SALES
        self.heard += 1

    def tells(self, phone: str, *calls: Call, lasts: float = 300.0, package: str = "dialog;sla") -> None:
        now = self.clock.seconds()
        self.store.publications.put(
            Publication(
                presentity=SALES,
                package=package,
                etag=f"{phone}~{now}",
                source=f"socket={phone}",
                content_type=CONTENT_TYPE,
                document=write(DialogInfo(entity="sip:sales@sip.example.org", calls=calls)),
                user_agent="Phone/1.0",
                published_at=now,
                expires_at=now + lasts,
            )
        )
        self.clock.advance(0.1)

    def registers(self, phone: str, *, contact: str = "") -> Binding:
        now = self.clock.seconds()
        binding = Binding(
            aor=ALICE,
            contact=contact or f"sip:{phone}@192.0.2.1",
            params="",
            q=1.0,
            call_id=phone,
            cseq=1,
            path=(),
            flow="",
            user_agent="Phone/1.0",
            instance="",
            reg_id=0,
            registered_at=now,
            expires_at=now + 600,
            source=f"socket={phone}",
        )
        self.store.bindings.put(binding)
        return binding

    def restarted(self) -> None:
        """Another process with the same store."""
        kept, self.store = self.store, MemoryStore(self.clock)
        for name in ("publications", "seizures", "bindings"):
            for record in getattr(kept, name).all():
                getattr(self.store, name).put(record)
        self.lines = Lines(store=self.store, clock=self.clock, lines={SALES: LINE})

    @property
    def shown(self) -> dict[int, str]:
        return {one.number: f"{one.call.id} {one.call.state.value}" for one in self.lines.in_use(SALES)}


@pytest.fixture
def scene(clock: Clock) -> Scene:
    return Scene(clock)


def test_who_comes_first_has_the_appearance(scene: Scene) -> None:
    scene.tells("a", off_hook(1, "a"))
    scene.tells("b", off_hook(1, "b"))
    assert scene.shown == {1: "a trying"}
    scene.tells("b", off_hook(2, "b"))
    assert scene.shown == {1: "a trying", 2: "b trying"}


def test_a_call_keeps_its_appearance_from_off_hook_to_the_end(scene: Scene) -> None:
    scene.tells("a", off_hook(1))
    (seizure,) = scene.store.seizures.all()
    scene.tells("a", talk(1))
    (later,) = scene.store.seizures.all()
    assert (later.since, later.expires_at) == (seizure.since, None)
    scene.tells("a", replace(talk(1), state=CallState.TERMINATED))
    assert scene.shown == {} and len(scene.store.seizures) == 0


def test_whoever_is_off_hook_and_calls_nobody_loses_the_appearance(scene: Scene) -> None:
    scene.tells("a", off_hook(1))
    scene.clock.advance(SEIZED_FOR + 2)
    assert scene.shown == {} and scene.heard == 2
    scene.tells("b", off_hook(1, "b"))
    assert scene.shown == {1: "b trying"}
    scene.tells("a", off_hook(1, "a"))
    assert scene.shown == {1: "b trying"}


def test_telling_of_it_again_keeps_an_appearance_seized(scene: Scene) -> None:
    for _ in range(4):
        scene.tells("a", off_hook(1))
        scene.clock.advance(10)
    assert scene.shown == {1: "d trying"}


def test_a_publication_that_is_not_renewed_leaves_no_lamp_lit(scene: Scene) -> None:
    scene.tells("a", talk(1), lasts=60)
    scene.clock.advance(62)
    assert scene.shown == {} and scene.heard == 2
    assert len(scene.store.seizures) == 0


def test_calls_without_numbers_are_given_the_free_ones(scene: Scene) -> None:
    scene.tells("a", talk(None, "a"))
    scene.tells("b", talk(None, "b"))
    scene.tells("c", talk(None, "c"))
    assert scene.shown == {1: "a confirmed", 2: "b confirmed"}
    scene.tells("a", talk(None, "a", "renamed"))
    assert scene.shown == {1: "a confirmed", 2: "b confirmed"}


def test_a_real_call_that_came_too_late_gets_what_becomes_free(scene: Scene) -> None:
    scene.tells("a", talk(1, "a"))
    scene.tells("b", talk(1, "b"))
    scene.tells("c", off_hook(1, "c"))
    scene.tells("a")
    assert scene.shown == {1: "b confirmed"}
    scene.tells("b")
    assert scene.shown == {}


def test_a_phone_that_tells_of_its_call_anew_keeps_its_appearance(scene: Scene) -> None:
    """It has lost its entity tag: in one turn the older publication goes and another comes."""
    scene.tells("a", talk(1, "a"))
    scene.tells("b", talk(1, "b"))
    scene.store.publications.remove("a")
    scene.tells("a2", talk(1, "a"))
    assert scene.shown == {1: "a confirmed"}
    scene.tells("a2")
    assert scene.shown == {1: "b confirmed"}
    scene.store.publications.remove("b")
    scene.clock.advance(0)
    assert scene.shown == {}


def test_a_line_has_no_more_appearances_than_it_has(scene: Scene) -> None:
    scene.tells("a", *(talk(number, f"a{number}") for number in range(50)))
    assert scene.shown == {0: "a0 confirmed", 1: "a1 confirmed"}


def test_a_call_that_changes_its_number_moves(scene: Scene) -> None:
    scene.tells("a", talk(1))
    scene.tells("a", talk(2))
    assert scene.shown == {2: "d confirmed"}


def test_picking_up_a_held_call_hands_its_appearance_over(scene: Scene) -> None:
    scene.tells("a", talk(1, "a", "c1"))
    pickup = replace(talk(1, "b", "c2"), replaces=DialogName(call_id="c1"))
    scene.tells("b", pickup)
    assert scene.shown == {1: "b confirmed"}
    scene.tells("a")
    assert scene.shown == {1: "b confirmed"}


def test_a_call_that_rings_everywhere_is_the_one_of_who_answers(scene: Scene) -> None:
    ring = Call(id="r", state=CallState.EARLY, call_id="c1", direction=Direction.RECIPIENT, remote=FRIEND)
    scene.tells("a", replace(ring, id="a"))
    scene.tells("b", replace(ring, id="b"))
    assert scene.shown == {1: "a early"}
    scene.tells("b", replace(ring, id="b", state=CallState.CONFIRMED))
    assert scene.shown == {1: "b confirmed"}
    scene.tells("a")
    assert scene.shown == {1: "b confirmed"}


def test_the_names_of_the_package_are_names_of_one_line(scene: Scene) -> None:
    scene.tells("a", talk(1, "a"), package="dialog;shared")
    scene.tells("b", talk(1, "b"), package="dialog;ma")
    scene.tells("c", talk(2, "c"), package="dialog")
    assert scene.shown == {1: "a confirmed"}


def test_everybody_has_after_a_restart_what_it_had(scene: Scene) -> None:
    scene.tells("b", off_hook(2, "b0"))
    scene.tells("a", talk(1, "a"))
    scene.tells("b", talk(1, "b"))
    scene.tells("a", replace(talk(1, "a"), duration=7))
    scene.restarted()
    assert scene.shown == {1: "a confirmed"}
    scene.tells("b", talk(1, "b"))
    assert scene.shown == {1: "a confirmed"}


def test_what_ended_while_nobody_looked_is_over_after_a_restart(scene: Scene) -> None:
    scene.tells("a", talk(1, "a"), lasts=60)
    scene.tells("b", talk(2, "b"), lasts=600)
    kept = list(scene.store.seizures.all())
    scene.clock.advance(100)
    for seizure in kept:
        scene.store.seizures.put(seizure)
    scene.restarted()
    assert scene.shown == {2: "b confirmed"} and len(scene.store.seizures) == 1


def test_a_phone_that_is_not_registered_any_more_has_nothing(scene: Scene) -> None:
    binding = scene.registers("a")
    scene.tells("a", talk(1, "a"))
    scene.tells("b", talk(2, "b"))
    scene.store.bindings.remove(binding.key)
    scene.clock.advance(0)
    assert scene.shown == {2: "b confirmed"} and len(scene.store.publications) == 1


def test_a_phone_that_registers_another_contact_is_not_gone(scene: Scene) -> None:
    binding = scene.registers("a")
    scene.tells("a", talk(1, "a"))
    scene.store.bindings.remove(binding.key)
    scene.registers("a", contact="sip:a@192.0.2.1:5062")
    scene.clock.advance(0)
    assert scene.shown == {1: "a confirmed"}


def test_who_asks_is_told_what_it_cannot_have(scene: Scene) -> None:
    scene.tells("a", talk(1, "a"))
    wanted = DialogInfo(entity="", calls=(off_hook(1, "b"),))
    with pytest.raises(AppearanceTaken):
        scene.lines.admit(SALES, wanted, ())
    scene.lines.admit(SALES, wanted, ("a",))
    scene.tells("a")
    scene.lines.admit(SALES, wanted, ())


def test_what_cannot_be_read_has_nothing(scene: Scene) -> None:
    scene.tells("a", talk(1, "a"))
    (publication,) = scene.store.publications.all()
    scene.store.publications.put(replace(publication, document=b"<rubbish"))
    assert scene.shown == {}


def test_whatever_phones_tell_each_appearance_has_one_owner_who_tells_of_it(clock: Clock) -> None:
    for seed in range(30):
        rng, scene = random.Random(seed), Scene(clock)
        for _ in range(60):
            phone = rng.choice("abcd")
            calls = [
                Call(
                    id=f"{phone}{index}",
                    state=rng.choice(list(CallState)),
                    call_id=rng.choice(["", "c1", "c2"]),
                    direction=rng.choice([None, *Direction]),
                    remote=rng.choice([None, FRIEND]),
                    appearance=rng.choice([None, 0, 1, 2, 3]),
                )
                for index in range(rng.randint(0, 3))
            ]
            act = rng.random()
            if act < 0.7:
                scene.tells(phone, *calls, lasts=rng.choice([5, 60]))
            elif act < 0.8:
                scene.restarted()
            else:
                scene.clock.advance(rng.choice([1, 20]))
            owners = {seizure.number: seizure for seizure in scene.store.seizures.all()}
            told = scene.lines.in_use(SALES)
            assert len(told) <= LINE.appearances
            for one in told:
                assert scene.store.publications.get(owners[one.number].owner) is not None
                assert one.call.is_live
        scene.clock.advance(120)
        assert scene.shown == {} and len(scene.store.seizures) == 0
