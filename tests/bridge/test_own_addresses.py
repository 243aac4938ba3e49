"""Jabber users subscribe to addresses of ours, with account or without: asked for, shown, and told when one is no more."""

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.presence.policy import Handling
from sip2xmpp.store.records import Verdict
from tests.bridge.desk import ADMIN, BOB, SIP, WEATHER, Desk
from tests.bridge.test_gateway_commands import Dialogue

JULIET = "juliet@jabber.example"


@pytest.fixture
def desk(clock: Clock) -> Desk:
    """Bob has an account, and the weather was stated."""
    desk = Desk(clock)
    desk.account()
    stated = Dialogue(desk, "inject", ADMIN).step("next", address=WEATHER, source="station", do="state")
    assert stated.step("complete", state="online", text="17 degrees").done
    return desk


def subscribe(desk: Desk, contact: str) -> list[str]:
    desk.presence("subscribe", JULIET, contact)
    return desk.said()


def decide(desk: Desk, contact: str, handling: Handling) -> list[str]:
    verdict = Verdict(
        presentity=Address.parse(contact),
        watcher=Address.parse(JULIET),
        handling=handling.value,
        decided_at=0.0,
    )
    desk.store.verdicts.put(verdict)
    desk.soon()
    return desk.said()


@pytest.mark.parametrize(("contact", "there"), [(BOB, False), (WEATHER, True)])
def test_whoever_decides_is_waited_for(desk: Desk, contact: str, there: bool) -> None:
    assert subscribe(desk, contact) == []
    desk.presence("probe", JULIET, contact)
    assert desk.said() == []
    approval, shown = decide(desk, contact, Handling.ALLOW)
    assert approval == f"subscribed {contact} > {JULIET}"
    assert shown.startswith(("available" if there else "unavailable") + f" {contact}")
    assert subscribe(desk, contact)[0] == f"subscribed {contact} > {JULIET}"
    desk.presence("probe", JULIET, contact)
    assert len(desk.said()) == 1
    gone = decide(desk, contact, Handling.BLOCK)
    assert gone[-1] == f"unsubscribed {contact} > {JULIET}"
    assert [each.split()[0] for each in gone] == (["unavailable"] if there else []) + ["unsubscribed"]
    desk.presence("probe", JULIET, contact)
    assert desk.said() == [f"unsubscribed {contact} > {JULIET}"]


def test_who_is_put_off_politely_sees_somebody_offline(desk: Desk) -> None:
    subscribe(desk, WEATHER)
    assert decide(desk, WEATHER, Handling.POLITE_BLOCK) == [
        f"subscribed {WEATHER} > {JULIET}",
        f"unavailable {WEATHER} > {JULIET}",
    ]


def test_whoever_goes_away_is_told_so(desk: Desk) -> None:
    subscribe(desk, WEATHER)
    decide(desk, WEATHER, Handling.ALLOW)
    desk.presence("unsubscribe", JULIET, WEATHER)
    assert [each.split()[0] for each in desk.said()] == ["unavailable", "unsubscribed"]
    assert desk.store.authorizations.get(f"{JULIET} {WEATHER}") is None


def test_an_address_that_is_forgotten_ends_what_watches_it(desk: Desk) -> None:
    subscribe(desk, WEATHER)
    decide(desk, WEATHER, Handling.ALLOW)
    assert Dialogue(desk, "inject", ADMIN).step("next", address=WEATHER, source="x", do="forget").done
    desk.soon()
    assert [each.split()[0] for each in desk.said()] == ["unavailable", "unsubscribed"]
    assert desk.store.authorizations.get(f"{JULIET} {WEATHER}") is None


def test_an_account_that_is_removed_ends_what_watches_it(desk: Desk) -> None:
    subscribe(desk, BOB)
    decide(desk, BOB, Handling.ALLOW)
    desk.store.accounts.remove(BOB)
    desk.soon()
    assert desk.said()[-1] == f"unsubscribed {BOB} > {JULIET}"


def test_an_address_that_never_was_is_not_found(desk: Desk) -> None:
    desk.presence("subscribe", JULIET, f"ghost@{SIP}")
    desk.soon()
    assert desk.said() == [
        f"error ghost@{SIP} > {JULIET}",
        f"unsubscribed ghost@{SIP} > {JULIET}",
    ]
