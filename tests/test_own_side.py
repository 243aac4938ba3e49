"""What knows about our own users, joined by the configuration."""

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.config import read
from sip2xmpp.documents import pidf
from sip2xmpp.own_side import event_packages, own_side
from sip2xmpp.presence.hearing import Rank
from sip2xmpp.presence.statements import Saying
from sip2xmpp.presence.states import State
from sip2xmpp.presence.telling import Telling, document_of
from sip2xmpp.presence.watching import Standing, Told
from sip2xmpp.store.memory import MemoryStore
from sip2xmpp.store.records import Virtual

WEATHER, ROMEO = Address("weather", "sip.example.org"), Address("romeo", "jabber.example")


class Ear:
    def __init__(self) -> None:
        self.address = ROMEO
        self.heard: list[Told[Any]] = []

    def notified(self, notification: Told[Any]) -> None:
        self.heard.append(notification)


@pytest.mark.parametrize("package", ["presence", "dialog"])
def test_a_rule_for_virtual_addresses_counts_from_the_first_statement_on(clock: Clock, package: str) -> None:
    config = read(
        {
            "sip": {"domains": ["sip.example.org"], "authentication": "none"},
            "presence": {"default": "confirm", "virtual": "allow"},
        },
        Path(),
        {},
    )
    store, ear = MemoryStore(clock), Ear()
    own = own_side(config, store, clock)
    (watched,) = (each for each in event_packages(config, own.presence, own, clock) if each.name == package)
    watched.watch(WEATHER, ear)
    clock.advance(1)
    assert [told.standing for told in ear.heard] == [Standing.PENDING] and own.watchers.rows(WEATHER)
    store.virtuals.put(Virtual(address=WEATHER, since=0.0))
    clock.advance(1)
    assert ear.heard[-1].standing is Standing.ACTIVE
    assert not store.waiting.select(str(WEATHER))


def test_who_watches_hears_at_once_what_a_program_states(clock: Clock) -> None:
    config = read(
        {
            "sip": {"domains": ["sip.example.org"], "authentication": "none"},
            "presence": {"virtual": "allow"},
        },
        Path(),
        {},
    )
    store, ear = MemoryStore(clock), Ear()
    own = own_side(config, store, clock)
    store.virtuals.put(Virtual(address=WEATHER, since=0.0))
    own.presence.watch(WEATHER, ear)
    clock.advance(1)
    before = len(ear.heard)
    document = document_of(Telling(state=State.AWAY), WEATHER.sip_uri(), source="station")
    own.statements.state(
        Saying(
            presentity=WEATHER,
            source="station",
            document=pidf.write(document),
            rank=Rank.INJECTED,
            told_by="token station",
        )
    )
    clock.advance(1)
    assert len(ear.heard) == before + 1
