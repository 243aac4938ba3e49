"""What is remembered of people who write to each other: formats, forms, receipts, typing; all of it bounded."""

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.bridge.correspondence import DEFAULT_REFRESH, REFRESH_SECONDS, REMEMBERED, Asked, Correspondence
from sip2xmpp.xmpp.messages import ChatMessage
from tests.bridge.scene import ROMEO

BOB, JABBER = Address("bob", "sip.example.org"), Address.parse(ROMEO)


@pytest.fixture
def memory(clock: Clock) -> Correspondence:
    return Correspondence(clock)


def test_formats_are_learned_and_unlearned(memory: Correspondence) -> None:
    assert memory.takes(BOB, "message/cpim") is None
    memory.learned(BOB, "message/cpim")
    assert memory.takes(BOB, "message/cpim") is True
    memory.refused(BOB, "message/cpim")
    assert memory.takes(BOB, "message/cpim") is False
    assert memory.takes(JABBER, "message/cpim") is None


def test_the_oldest_of_too_many_is_forgotten(memory: Correspondence) -> None:
    for number in range(REMEMBERED + 1):
        memory.learned(BOB, f"x/{number}")
    assert memory.takes(BOB, "x/0") is None and memory.takes(BOB, "x/1") is True


def test_the_form_of_an_address_last_used_counts(memory: Correspondence) -> None:
    assert memory.uri_toward(BOB, JABBER) is None
    memory.addressed(BOB, JABBER, "sip:a")
    memory.addressed(BOB, JABBER, "sip:b")
    assert memory.uri_toward(BOB, JABBER) == "sip:b"


def test_receipts_are_found_by_contact_and_id(memory: Correspondence) -> None:
    asked = Asked(message_id="m1", when="w", wanted=frozenset(), sip_uri="sip:b", jabber_uri="sip:r")
    memory.asks(BOB, "s1", asked)
    assert memory.asked_by(BOB, "s1") is asked and memory.asked_by(JABBER, "s1") is None
    memory.awaits(BOB, ChatMessage(sender=f"{ROMEO}/x", recipient="bob@sip.example.org/desk", id="m2"))
    memory.awaits(BOB, ChatMessage(sender=f"{ROMEO}/x", recipient="bob@sip.example.org"))
    awaited = memory.awaited_from(BOB, "m2")
    assert awaited is not None
    assert (awaited.jid, awaited.message_id, awaited.contact_jid) == (
        f"{ROMEO}/x",
        "m2",
        "bob@sip.example.org",
    )
    assert memory.awaited_from(BOB, "m2") is None


def test_typing_is_said_once_a_minute_and_idle_only_after_it(memory: Correspondence, clock: Clock) -> None:
    tell = memory.typing_toward_sip
    assert tell(JABBER, BOB, False) is None
    assert [tell(JABBER, BOB, True), tell(JABBER, BOB, True)] == [True, None]
    clock.advance(REFRESH_SECONDS)
    assert tell(JABBER, BOB, True) is True
    assert [tell(JABBER, BOB, False), tell(JABBER, BOB, False)] == [False, None]


def test_a_message_ends_typing_by_itself(memory: Correspondence) -> None:
    memory.typing_toward_sip(JABBER, BOB, True)
    memory.wrote(JABBER, BOB)
    assert memory.typing_toward_sip(JABBER, BOB, False) is None
    assert memory.typing_toward_sip(JABBER, BOB, True) is True


@pytest.mark.parametrize(
    ("refresh", "seconds"), [(None, DEFAULT_REFRESH), (0, DEFAULT_REFRESH), (60, 60), (99_999, 3600)]
)
def test_typing_that_is_not_renewed_runs_out(
    memory: Correspondence, clock: Clock, refresh: int | None, seconds: float
) -> None:
    silent: list[tuple[Address, Address]] = []
    memory.on_silence(lambda sip, jabber: silent.append((sip, jabber)))
    memory.typing_toward_jabber(BOB, JABBER, refresh)
    clock.advance(seconds - 1)
    memory.typing_toward_jabber(BOB, JABBER, refresh)
    clock.advance(seconds - 1)
    assert silent == []
    clock.advance(1)
    assert silent == [(BOB, JABBER)]
    assert memory.ended_typing(BOB, JABBER) is False


def test_typing_that_ended_does_not_run_out(memory: Correspondence, clock: Clock) -> None:
    memory.on_silence(lambda sip, jabber: pytest.fail("told of silence"))
    memory.typing_toward_jabber(BOB, JABBER, 60)
    assert memory.ended_typing(BOB, JABBER) is True
    clock.advance(100)


def test_silence_without_a_listener_is_nothing(memory: Correspondence, clock: Clock) -> None:
    memory.typing_toward_jabber(BOB, JABBER, 60)
    clock.advance(100)
