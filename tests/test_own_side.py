"""What knows about our own users, joined by the configuration."""

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.config import read
from sip2xmpp.own_side import event_packages, own_side
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
