import json
import time

import pytest

from sip2xmpp.store.documents import Document
from sip2xmpp.store.offline import offline
from sip2xmpp.store.records import Waiting
from tests.command.conftest import Operator
from tests.presence.privacy import ACTIVITIES, ALICE, BOB, ROMEO, rule, ruleset


def known(operator: Operator, *rules: str) -> None:
    """Bob has an account and keeps these rules."""
    operator("user", "add", str(BOB), answers="builder\n")
    now = time.time()
    with offline(operator.url) as store:
        if rules:
            store.documents.put(
                Document(
                    auid="pres-rules",
                    owner=str(BOB),
                    name="index",
                    octets=ruleset(*rules),
                    etag="1",
                    changed_at=now,
                )
            )


def test_without_rules_the_default_is_told(operator: Operator) -> None:
    known(operator)
    status, out, _ = operator("explain", str(ALICE), str(BOB))
    assert status == 0
    assert out.splitlines() == [
        "presence: confirm (by default)",
        "  shown: nothing",
        "calls: confirm (by default)",
    ]


def test_every_rule_is_told_with_its_conditions(operator: Operator) -> None:
    known(
        operator,
        rule("allow", ROMEO, name="friends", provide=ACTIVITIES),
        rule("block", '<cp:many domain="spam.example"/>', name="spam"),
    )
    status, out, _ = operator("explain", str(ROMEO), str(BOB))
    assert status == 0
    lines = out.splitlines()
    assert lines[0] == "presence: allow (by the owner's rules)"
    assert lines[1] == "  pres-rules/index friends: applies, allow [identity sip:romeo@jabber.example: yes]"
    assert lines[2] == "  pres-rules/index spam: does not apply [identity anybody at spam.example: no]"
    assert lines[3] == "  provides all-services, all-persons, activities"
    told = json.loads(operator("explain", str(ROMEO), str(BOB), "--json")[1])
    assert told["presence"]["decided_by"] == "rules"
    assert [(one["id"], one["applies"]) for one in told["presence"]["rules"]] == [
        ("friends", True),
        ("spam", False),
    ]
    assert told["provides"] == ["all-services", "all-persons", "activities"]


def test_a_decision_goes_before_rules(operator: Operator) -> None:
    known(operator, rule("allow", ROMEO, name="friends"))
    operator("block", str(BOB), str(ROMEO))
    lines = operator("explain", str(ROMEO), str(BOB))[1].splitlines()
    assert lines[0] == "presence: block (the owner decided about this watcher)"
    assert "friends: applies" in lines[1]
    assert "  shown: nothing" in lines


def test_somebody_unknown_is_explained_and_the_status_is_one(operator: Operator) -> None:
    status, out, _ = operator("explain", str(ROMEO), str(BOB))
    assert status == 1
    assert out.splitlines()[0] == "nobody is called bob@sip.example.org"


def test_only_our_own_users_are_explained(operator: Operator) -> None:
    status, _, err = operator("explain", str(BOB), str(ROMEO))
    assert status == 2
    assert "not a domain of ours" in err


def test_what_is_left_out_of_the_present_document_is_named(operator: Operator) -> None:
    known(operator, rule("allow", ROMEO, provide=ACTIVITIES))
    operator("permanent", str(BOB), "away", "--note", "secret", "--mood", "happy")
    lines = operator("explain", str(ROMEO), str(BOB))[1].splitlines()
    assert "  shown: away" in lines
    (left,) = (line for line in lines if line.startswith("  left out: "))
    assert "notes" in left and "moods" in left and "activities" not in left
    told = json.loads(operator("explain", str(ROMEO), str(BOB), "--json")[1])
    assert "secret" not in told["shown"] and "happy" not in told["shown"]
    assert "away" in told["shown"]


def test_the_list_of_watchers_says_what_rules_say(operator: Operator) -> None:
    known(operator, rule("polite-block", ROMEO))
    with offline(operator.url) as store:
        for watcher in (ROMEO, ALICE):
            store.waiting.put(
                Waiting(presentity=BOB, watcher=watcher, package="presence", asked_at=1.8e9, expires_at=2e10)
            )
    told = {
        one["watcher"]: one["handling"] for one in json.loads(operator("watchers", str(BOB), "--json")[1])
    }
    assert told == {str(ROMEO): "polite-block", str(ALICE): "confirm"}
    lines = operator("watchers", str(BOB))[1].splitlines()
    assert any("polite-block (by rules" in line for line in lines)
    assert any("confirm (by default" in line for line in lines)


@pytest.mark.parametrize(
    "watcher",
    [
        "romeo@jabber.example",
        "sip:Romeo%40Jabber.example@gw.example.org",
        "xmpp:romeo\\40jabber.example@gw.example.org",
        "romeo\\40jabber.example@GW.example.org",
    ],
)
def test_a_watcher_is_the_same_in_either_form(operator: Operator, watcher: str) -> None:
    with operator.config.open("a") as config:
        config.write('[xmpp]\nserver = "127.0.0.1:5347"\nsecret = "s"\ngateway_domain = "gw.example.org"\n')
    known(operator, rule("allow", ROMEO))
    assert operator("explain", watcher, str(BOB))[1].startswith("presence: allow (by the owner's rules)")
    assert operator("block", str(BOB), watcher)[1] == f"{BOB}: block {ROMEO}\n"
    assert operator("explain", watcher, str(BOB))[1].startswith("presence: block (the owner decided")
    assert operator("forget", str(BOB), watcher)[0] == 0
