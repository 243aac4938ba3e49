"""Fixtures of the moving half of SIP."""

import random

import pytest
from twisted.internet.task import Clock

from sip2xmpp.sip.agent import UserAgent
from tests.fakes import Names, Network, RawPeer
from tests.sip.scene import BOB, US


@pytest.fixture
def network(clock: Clock) -> Network:
    return Network(clock)


@pytest.fixture
def names() -> Names:
    return Names()


@pytest.fixture
def agent(network: Network, names: Names, clock: Clock) -> UserAgent:
    return UserAgent(
        transports=network.host(US.host), dns=names, clock=clock, rng=random.Random(1), server_name="us/1"
    )


@pytest.fixture
def bob(network: Network) -> RawPeer:
    return network.peer(BOB.host)
