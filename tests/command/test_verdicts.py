import json
import time

import pytest

from sip2xmpp.store.offline import offline
from sip2xmpp.store.records import Verdict
from tests.command.conftest import Operator
from tests.store.engines import ALICE, BOB, JULIET


def verdicts(operator: Operator) -> list[Verdict]:
    with offline(operator.url) as store:
        return store.verdicts.all()


@pytest.mark.parametrize("handling", ["allow", "block", "confirm", "polite-block"])
def test_a_decision_is_stored_in_the_place_of_an_earlier_one(operator, handling):
    before = time.time()
    operator("allow", str(BOB), str(JULIET))
    status, out, err = operator(handling, "sip:Bob@sip.example.org", "xmpp:juliet@jabber.example/balcony")
    assert (status, out, err) == (0, f"bob@sip.example.org: {handling} juliet@jabber.example\n", "")
    (verdict,) = verdicts(operator)
    assert (verdict.presentity, verdict.watcher, verdict.handling) == (BOB, JULIET, handling)
    assert before <= verdict.decided_at <= time.time()


def test_only_users_of_ours_decide(operator):
    status, _, err = operator("block", str(JULIET), str(BOB))
    assert status == 2
    assert err.startswith("sip2xmpp: jabber.example is not a domain of ours")
    assert verdicts(operator) == []


def test_a_decision_is_forgotten(operator):
    operator("block", str(BOB), str(JULIET))
    assert operator("forget", str(BOB), str(JULIET)) == (0, "forgotten\n", "")
    assert verdicts(operator) == []
    assert operator("forget", str(BOB), str(JULIET)) == (1, "nothing was decided\n", "")


def test_the_decisions_of_one_presentity_are_listed_in_their_order(operator):
    with offline(operator.url) as store:
        for presentity, watcher, handling, ends in (
            (BOB, JULIET, "polite-block", None),
            (ALICE, JULIET, "block", None),
            (BOB, ALICE, "allow", 2e10),
            (BOB, BOB, "block", 1.0),
        ):
            store.verdicts.put(
                Verdict(
                    presentity=presentity,
                    watcher=watcher,
                    handling=handling,
                    decided_at=1_800_000_000.5,
                    expires_at=ends,
                )
            )
    assert operator("watchers", str(BOB))[1].splitlines() == [
        "polite-block 2027-01-15T08:00:00Z juliet@jabber.example",
        "allow        2027-01-15T08:00:00Z alice@sip.example.org",
    ]
    assert json.loads(operator("watchers", str(ALICE), "--json")[1]) == [
        {"watcher": "juliet@jabber.example", "handling": "block", "decided_at": "2027-01-15T08:00:00Z"}
    ]
