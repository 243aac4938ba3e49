"""The usual cast of the tests of the SIP edge: a network with virtual time, the gateway in it, alice's and bob's telephones."""

import pytest
from twisted.internet.task import Clock

from tests.events.gateway import Gateway
from tests.events.phone import Phone
from tests.fakes import Network

ALICE = "sip:alice@sip.example.org"
BOB = "sip:bob@sip.example.org"


@pytest.fixture
def network(clock: Clock) -> Network:
    return Network(clock)


@pytest.fixture
def gateway(network: Network) -> Gateway:
    return Gateway(network)


@pytest.fixture
def bob(network: Network, gateway: Gateway) -> Phone:
    return Phone(network, "192.0.2.20", BOB)


@pytest.fixture
def alice(network: Network, gateway: Gateway) -> Phone:
    return Phone(network, "192.0.2.10", ALICE)
