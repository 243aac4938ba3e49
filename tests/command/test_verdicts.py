import json
import time

import pytest

from sip2xmpp.address import Address
from sip2xmpp.store.offline import offline
from sip2xmpp.store.records import Authorization, DialogRecord, Kind, Side, Verdict, Waiting
from tests.command.conftest import Operator
from tests.store.engines import ALICE, BOB, JULIET

ROMEO = Address("romeo", "jabber.example")
FRIEND = Address("friend", "jabber.example")


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
        "- juliet@jabber.example polite-block (decided 2027-01-15T08:00:00Z)",
        "- alice@sip.example.org allow (decided 2027-01-15T08:00:00Z)",
    ]
    assert json.loads(operator("watchers", str(ALICE), "--json")[1]) == [
        {
            "watcher": "juliet@jabber.example",
            "status": None,
            "handling": "block",
            "decided_at": "2027-01-15T08:00:00Z",
            "asked_at": None,
        }
    ]


def test_nobody_watches(operator):
    assert operator("watchers", str(BOB)) == (0, "nobody watches or waits\n", "")
    assert operator("watchers", str(BOB), "--json") == (0, "[]\n", "")


def test_who_watches_and_who_waits_is_listed_the_undecided_first(operator):
    wait(operator, BOB, JULIET)
    with offline(operator.url) as store:
        store.waiting.put(
            Waiting(presentity=BOB, watcher=ROMEO, package="presence", asked_at=1.0, expires_at=2.0)
        )
        store.dialogs.put(dialog(BOB, ALICE, "Presence;id=7", 2e10))
        store.dialogs.put(dialog(BOB, ROMEO, "presence", 5.0))
        store.dialogs.put(dialog(BOB, BOB, "presence", 2e10))
        store.dialogs.put(dialog(BOB, FRIEND, "dialog", 2e10))
        store.authorizations.put(
            Authorization(
                side=Side.JABBER_WATCHES,
                watcher=FRIEND,
                contact=BOB,
                watcher_jid=str(FRIEND),
                contact_jid=str(BOB),
                state=Kind.AUTHORIZED,
            )
        )
    operator("allow", str(BOB), str(FRIEND))
    told = json.loads(operator("watchers", str(BOB), "--json")[1])
    assert [(one["watcher"], one["status"], one["handling"]) for one in told] == [
        (str(ALICE), "pending", "confirm"),
        (str(JULIET), "waiting", "confirm"),
        (str(FRIEND), "active", "allow"),
    ]
    assert operator("watchers", str(BOB))[1].splitlines()[1] == (
        "waiting juliet@jabber.example confirm (by default, asked 2027-01-15T08:00:00Z)"
    )


@pytest.mark.parametrize(
    ("handling", "left"), [("allow", 0), ("block", 0), ("polite-block", 0), ("confirm", 1)]
)
def test_who_waits_waits_no_more_when_it_is_decided(operator, handling, left):
    wait(operator, BOB, JULIET)
    operator(handling, str(BOB), str(JULIET))
    with offline(operator.url) as store:
        assert len(store.waiting.all()) == left


def wait(operator: Operator, presentity: Address, watcher: Address) -> None:
    note = Waiting(presentity=presentity, watcher=watcher, package="presence", asked_at=1_800_000_000.0)
    with offline(operator.url) as store:
        store.waiting.put(note)


def dialog(presentity: Address, watcher: Address, event: str, expires_at: float) -> DialogRecord:
    return DialogRecord(
        role="notifier",
        call_id="c",
        local_tag=f"{watcher} {event}",
        remote_tag="r",
        watcher=watcher,
        presentity=presentity,
        event=event,
        local_uri="",
        remote_uri="",
        remote_target="",
        route_set=(),
        cseq_ceiling=1,
        remote_cseq=1,
        flow="",
        accept="",
        user_agent="",
        expires_at=expires_at,
    )
