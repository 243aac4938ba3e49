import json
import time

from sip2xmpp.store.offline import offline
from sip2xmpp.store.records import Binding
from tests.command.conftest import Operator
from tests.store.engines import ALICE, BOB


def bind(operator: Operator, aor, contact, *, left=600.0, **more):
    now = time.time()
    with offline(operator.url) as store:
        store.bindings.put(
            Binding(
                aor=aor, contact=contact, params="", q=more.pop("q", 1.0), call_id="c", cseq=1, path=(),
                flow="udp 192.0.2.1 5060 192.0.2.9 5060", user_agent="Phone/1", instance="", reg_id=0,
                registered_at=now - 60, expires_at=now + left, **more,
            )
        )  # fmt: skip


def events(operator: Operator):
    with offline(operator.url) as store:
        return {binding.contact: binding.event for binding in store.bindings.all()}


def test_bindings_are_listed_by_address_and_preference(operator):
    bind(operator, BOB, "sip:bob@192.0.2.8", q=0.1)
    bind(operator, BOB, "sip:bob@192.0.2.9")
    bind(operator, ALICE, "sip:alice@192.0.2.7")
    bind(operator, ALICE, "sip:alice@192.0.2.6", left=-1.0)
    bind(operator, ALICE, "sip:alice@192.0.2.5", event="rejected")
    status, out, _ = operator("registrations")
    assert status == 0
    assert [line.split()[1] for line in out.splitlines()] == [
        "sip:alice@192.0.2.7",
        "sip:bob@192.0.2.9",
        "sip:bob@192.0.2.8",
    ]
    assert "Phone/1" in out
    _, out, _ = operator("registrations", "bob@sip.example.org", "--json")
    rows = json.loads(out)
    assert [row["contact"] for row in rows] == ["sip:bob@192.0.2.9", "sip:bob@192.0.2.8"]
    assert rows[0]["address"] == "bob@sip.example.org" and rows[0]["registered_at"].endswith("+00:00")


def test_nobody_registered_is_an_empty_list(operator):
    assert operator("registrations", "--json") == (0, "[]\n", "")


def test_an_operator_ends_registrations_and_says_whether_they_may_come_back(operator):
    bind(operator, BOB, "sip:bob@192.0.2.8")
    bind(operator, BOB, "sip:bob@192.0.2.9")
    assert operator("deregister", "bob@sip.example.org", "sip:bob@192.0.2.8", "--forbid") == (
        0,
        "sip:bob@192.0.2.8 is no longer registered\n",
        "",
    )
    assert events(operator) == {"sip:bob@192.0.2.8": "rejected", "sip:bob@192.0.2.9": "registered"}
    assert operator("deregister", "bob@sip.example.org")[0] == 0
    assert events(operator)["sip:bob@192.0.2.9"] == "deactivated"
    assert operator("deregister", "bob@sip.example.org") == (1, "bob@sip.example.org is not registered\n", "")
