"""Rules of an owner are obeyed for SIP watchers at once: what each change of them makes of a live subscription."""

from itertools import product

import pytest

from sip2xmpp.address import Address
from sip2xmpp.presence.policy import Handling
from tests.events.gateway import Gateway
from tests.events.phone import Line, Phone
from tests.fakes import Network
from tests.presence.privacy import ACTIVITIES, EVERYTHING, discard, keep, rule, ruleset
from tests.presence.test_agent import document

ALICE = Address("alice", "sip.example.org")
BOB = Address("bob", "sip.example.org")
CAROL = Address("carol", "sip.example.org")
BOBS = "sip:bob@sip.example.org"
SERVICES = "<provide-services><all-services/></provide-services>"
MOODS = ACTIVITIES.replace("activities", "mood")


class Owner:
    """Bob, who is away, and lays down rules."""

    def __init__(self, gateway: Gateway, phone: Phone) -> None:
        self.gateway = gateway
        self.phone = phone
        phone.publish(document("away"))
        phone.network.drive(0.5)

    def rules(self, *rules: str, name: str = "index", auid: str = "pres-rules") -> None:
        keep(self.gateway.store.documents, ruleset(*rules), name=name, auid=auid)

    def handle(self, handling: Handling | str, provide: str = EVERYTHING) -> None:
        """One rule about alice."""
        self.rules(
            rule(handling.value if isinstance(handling, Handling) else handling, ALICE, provide=provide)
        )


@pytest.fixture
def owner(gateway: Gateway, bob: Phone) -> Owner:
    return Owner(gateway, bob)


def watching(phone: Phone, expires: int = 600) -> Line:
    line = phone.subscribe(BOBS, expires)
    phone.network.drive(0.5)
    return line


def told(line: Line) -> str:
    """The last NOTIFY in a word: how alice sees bob now."""
    last = line.last
    if last.state == "terminated":
        assert last.body == b"" and "Content-Type" not in last
        return f"terminated {last.reason}"
    if last.state == "pending":
        assert last.body == b"" and "Content-Type" not in last
        return "pending"
    if b"<basic>closed" in last.body:
        assert b"person" not in last.body and b"away" not in last.body
        return "offline"
    assert b"<basic>open" in last.body
    return "away" if b"<rpid:away/>" in last.body else "open"


SEEN = {
    Handling.BLOCK: "terminated rejected",
    Handling.CONFIRM: "pending",
    Handling.POLITE_BLOCK: "offline",
    Handling.ALLOW: "away",
}


@pytest.mark.parametrize(
    ("before", "after"),
    [pair for pair in product(Handling, repeat=2) if pair[0] is not Handling.BLOCK],
    ids=lambda handling: handling.value,
)
def test_every_change_is_told_once_and_at_once(
    owner: Owner, alice: Phone, before: Handling, after: Handling
) -> None:
    network = alice.network
    owner.handle(before)
    line = watching(alice)
    assert line.status == 200 and len(line.notifies) == 1 and told(line) == SEEN[before]
    owner.handle(after)
    sent = len(network.datagrams)
    network.clock.advance(0)
    notifies = [octets for octets, _, _ in network.datagrams[sent:] if octets.startswith(b"NOTIFY")]
    assert len(notifies) == (before is not after)
    network.drive(10)
    assert len(line.notifies) == 1 + (before is not after)
    assert told(line) == SEEN[after]


@pytest.mark.parametrize("after", list(Handling), ids=lambda handling: handling.value)
def test_who_was_refused_may_come_back_when_the_rules_change(
    owner: Owner, alice: Phone, network: Network, after: Handling
) -> None:
    owner.handle(Handling.BLOCK)
    for expires in (600, 0):
        assert watching(alice, expires).status == 403
    owner.handle(after)
    line = watching(alice)
    if after is Handling.BLOCK:
        assert line.status == 403
    else:
        assert line.status == 200 and told(line) == SEEN[after]


@pytest.mark.parametrize(
    ("before", "after", "news"),
    [
        (EVERYTHING, SERVICES, "open"),
        (SERVICES, EVERYTHING, "away"),
        (SERVICES, ACTIVITIES, "away"),
        (ACTIVITIES, SERVICES, "open"),
        (ACTIVITIES, MOODS, "open"),
        (EVERYTHING, "", "offline"),
        ("", EVERYTHING, "away"),
        (SERVICES, MOODS, ""),
        (ACTIVITIES, ACTIVITIES, ""),
    ],
)
def test_a_change_of_what_is_provided_is_told_at_once_if_it_shows(
    owner: Owner, alice: Phone, before: str, after: str, news: str
) -> None:
    owner.handle(Handling.ALLOW, before)
    line = watching(alice)
    owner.handle(Handling.ALLOW, after)
    alice.network.drive(0.1)
    assert len(line.notifies) == 1 + bool(news)
    if news:
        assert told(line) == news


def test_the_removal_of_a_rule_or_of_the_document_returns_to_the_default(
    owner: Owner, alice: Phone, network: Network
) -> None:
    owner.rules(rule("polite-block", ALICE), rule("allow", CAROL))
    line = watching(alice)
    assert told(line) == "offline"
    owner.rules(rule("allow", CAROL))
    network.drive(0.1)
    assert told(line) == "away"
    owner.handle(Handling.CONFIRM)
    network.drive(0.1)
    assert told(line) == "pending"
    discard(owner.gateway.store.documents)
    network.drive(0.1)
    assert told(line) == "away" and len(line.notifies) == 4


def test_all_documents_of_an_owner_are_heard(owner: Owner, alice: Phone, network: Network) -> None:
    owner.rules(rule("polite-block", ALICE), name="first")
    line = watching(alice)
    owner.rules(rule("allow", ALICE), name="second")
    network.drive(0.1)
    assert told(line) == "away"
    discard(owner.gateway.store.documents, name="second")
    network.drive(0.1)
    assert told(line) == "offline"


def test_the_rules_of_others_and_of_other_kinds_are_not_heard(
    owner: Owner, alice: Phone, network: Network
) -> None:
    line = watching(alice)
    keep(owner.gateway.store.documents, ruleset(rule("block", ALICE)), owner=ALICE)
    owner.rules(rule("block", ALICE), auid="org.openxcap.dialog-rules")
    network.drive(0.1)
    assert line.states == ["active"]


def test_rules_that_cannot_be_read_show_nobody_anything(owner: Owner, alice: Phone, network: Network) -> None:
    line = watching(alice)
    keep(owner.gateway.store.documents, b"<ruleset")
    network.drive(0.1)
    assert told(line) == "pending"


def test_a_watcher_with_several_dialogs_is_judged_in_each(
    owner: Owner, alice: Phone, network: Network
) -> None:
    lines = [watching(alice), watching(Phone(network, "192.0.2.30", "sip:alice@sip.example.org"))]
    owner.handle(Handling.POLITE_BLOCK)
    network.drive(0.1)
    assert [told(line) for line in lines] == ["offline", "offline"]


def test_after_a_kill_the_rules_are_in_force_from_the_first_notify_on(
    owner: Owner, alice: Phone, network: Network
) -> None:
    owner.handle(Handling.ALLOW)
    line = watching(alice)
    owner.handle(Handling.POLITE_BLOCK)
    gateway = Gateway(network, seed=2, kept=owner.gateway.killed())
    before = len(line.notifies)
    network.drive(20)
    assert all(b"away" not in notify.body for notify in line.notifies[before:])
    owner.gateway = gateway
    line.send(600)
    network.drive(1)
    assert told(line) == "offline"


def test_a_fetch_and_a_refresh_show_what_the_rules_say(owner: Owner, alice: Phone, network: Network) -> None:
    owner.handle(Handling.POLITE_BLOCK)
    line = watching(alice)
    line.send(600)
    network.drive(0.5)
    assert [b"<basic>closed" in notify.body for notify in line.notifies] == [True, True]
    fetched = watching(alice, 0)
    assert fetched.last.state == "terminated" and b"<basic>closed" in fetched.last.body
    owner.handle(Handling.CONFIRM)
    asked = watching(alice, 0)
    assert asked.last.state == "terminated" and asked.last.body == b""


# what other servers let slip


def test_a_domain_is_not_another_one_of_the_same_length(owner: Owner, alice: Phone, network: Network) -> None:
    owner.rules(rule("allow", '<cp:many domain="sap.example.org"/>'), rule("polite-block"))
    assert told(watching(alice)) == "offline"
    mallory = Phone(network, "192.0.2.31", "sip:alice@sap.example.org")
    assert told(watching(mallory)) == "away"


@pytest.mark.parametrize(
    "excepted", ['<cp:except id="sip:alice@sip.example.org"/>', '<cp:except domain="sip.example.org"/>']
)
def test_who_is_excepted_is_excepted(owner: Owner, alice: Phone, network: Network, excepted: str) -> None:
    owner.rules(rule("allow", f"<cp:many>{excepted}</cp:many>"), rule("polite-block"))
    assert told(watching(alice)) == "offline"
    assert told(watching(Phone(network, "192.0.2.31", "sip:carol@example.net"))) == "away"


def test_not_only_the_first_rule_counts(owner: Owner, alice: Phone) -> None:
    line = watching(alice)
    for rules in (
        (rule("block", CAROL), rule("polite-block", ALICE)),
        (rule("polite-block", ALICE), rule("block", ALICE)),
        (rule("block", ALICE), rule("polite-block", ALICE)),
    ):
        owner.rules(*rules)
        alice.network.drive(0.1)
        assert told(line) == "offline"
    owner.rules(rule("polite-block", ALICE), rule("allow", ALICE, provide=SERVICES))
    alice.network.drive(0.1)
    assert told(line) == "open"
    owner.rules(rule("allow", ALICE, provide=SERVICES), rule("allow", provide=ACTIVITIES))
    alice.network.drive(0.1)
    assert told(line) == "away"


def test_who_is_blocked_politely_is_given_a_whole_document(owner: Owner, alice: Phone) -> None:
    owner.handle(Handling.POLITE_BLOCK)
    last = watching(alice).last
    assert last["Content-Type"] == "application/pidf+xml"
    assert b"<basic>closed</basic>" in last.body and int(last["Content-Length"]) == len(last.body)


def test_rules_about_nobody_in_particular_are_about_everybody(owner: Owner, alice: Phone) -> None:
    owner.rules(rule("polite-block"))
    assert told(watching(alice)) == "offline"
    assert told(watching(owner.phone)) == "away", "nobody is kept from himself"
