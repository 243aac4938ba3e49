"""SIPp as the telephones of a shared line: one is asked by the server, others publish, and somebody watches the lamps."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.peers.gateway import Gateway
from tests.peers.sipp import Sipp

SCENARIOS = Path(__file__).parent / "scenarios"
DOMAIN = "sip.example.org"
LINE = {"appearances": 1, "members": [f"alice@{DOMAIN}", f"bob@{DOMAIN}"]}


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    trusting = {"sip": {"trusted_peers": ["127.0.0.1"], "lines": {f"sales@{DOMAIN}": LINE}}}
    users = {"alice": "rabbit", "bob": "builder", "sales": "counter"}
    with Gateway(tmp_path / "gateway", users=users, settings=trusting) as gateway:
        yield gateway


class Stage:
    """Where scenarios are played, each in a directory of its own."""

    def __init__(self, gateway: Gateway, directory: Path) -> None:
        self.gateway = gateway
        self.directory = directory
        self.plays = ExitStack()
        self.count = 0

    def play(self, scenario: str, user: str, *, port: int = 0, **keys: str) -> Sipp:
        self.count += 1
        folder = self.directory / f"{self.count}-{scenario}"
        file = SCENARIOS / f"{scenario}.xml"
        sipp = Sipp(folder, file, self.gateway.sip, user=user, port=port, domain=DOMAIN, **keys)
        return self.plays.enter_context(sipp)

    def claims(self, user: str, name: str) -> Sipp:
        return self.play("line_claim", user, name=name)


@pytest.fixture
def stage(gateway: Gateway, tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(gateway, tmp_path)
    with stage.plays:
        yield stage


def word(claim: Sipp) -> str:
    """Whether a claim was granted."""
    claim.succeeds()
    return claim.log.read_text().split()[-1]


def test_a_line_is_seized_contended_left_and_lost(stage: Stage) -> None:
    lamps = stage.play("line_watcher", "bob")
    lamps.wait_for("idle")
    registration = stage.play("line_register", "sales")
    registration.succeeds()
    # what asks the phone comes over the flow of its registration, again and again until it is answered
    phone = stage.play("line_phone", "sales", port=registration.port)
    phone.wait_for("asked")
    lamps.wait_for("alice off-hook")
    assert word(stage.claims("bob", "b")) == "refused"
    lamps.wait_for("alice talks")
    lamps.wait_for("alice is gone")
    phone.succeeds()
    assert word(stage.claims("bob", "b")) == "granted"
    lamps.wait_for("bob off-hook")
    lamps.succeeds(within=25)


def test_of_many_who_claim_at_once_one_is_granted(stage: Stage) -> None:
    claims = [stage.claims(("alice", "bob")[number % 2], f"c{number}") for number in range(6)]
    assert sorted(word(claim) for claim in claims) == ["granted", *["refused"] * 5]
