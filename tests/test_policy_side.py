"""Rules joined to all that they look at: lists, spheres, time, calls and both forms of addresses."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.config import read
from sip2xmpp.documents.dialog_info import CallState
from sip2xmpp.errors import NotAuthorized
from sip2xmpp.own_side import event_packages, own_side
from sip2xmpp.presence.lamps import Shown
from sip2xmpp.presence.policy import Ground, Handling
from sip2xmpp.presence.watching import Standing, Told
from sip2xmpp.store.documents import GLOBAL
from sip2xmpp.store.memory import MemoryStore
from sip2xmpp.store.records import Account, Publication, Verdict
from tests.events.test_dialogs import call, told
from tests.presence.privacy import ACTIVITIES, ALICE, BOB, EVERYTHING, ROMEO, discard, keep, rule, ruleset
from tests.presence.test_agent import document

CONFIG: dict[str, Any] = {
    "sip": {"domains": ["sip.example.org"], "authentication": "none"},
    "presence": {"default": "confirm"},
    "xmpp": {
        "server": "127.0.0.1:5347",
        "secret": "s",
        "domains": ["sip.example.org"],
        "gateway_domain": "gw.example.org",
    },
    "http": {"listen": "127.0.0.1:8080"},
}
DIALOG_RULES = "org.openxcap.dialog-rules"


class Ear:
    """A watcher; ``sees`` is what it sees now, in a word."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.heard: list[Told[Any]] = []

    def notified(self, notification: Told[Any]) -> None:
        self.heard.append(notification)

    @property
    def sees(self) -> str:
        last = self.heard[-1]
        if last.standing is Standing.TERMINATED:
            assert last.reason is not None
            return last.reason.value
        if last.standing is Standing.PENDING:
            return "pending"
        if isinstance(last.document, Shown):
            return "lit" if last.document.calls else "dark"
        assert last.document is not None
        if last.document.tuples[0].basic.value == "closed":
            return "offline"
        return " ".join(one.name for person in last.document.persons for one in person.activities) or "open"


class Home:
    """Bob's side of the gateway."""

    def __init__(
        self, clock: Clock, store: MemoryStore | None = None, *, authentication: str = "none"
    ) -> None:
        self.clock = clock
        self.store = store or MemoryStore(clock)
        config = read(CONFIG | {"sip": CONFIG["sip"] | {"authentication": authentication}}, Path(), {})
        self.own = own_side(config, self.store, clock)
        packages = event_packages(config, self.own.presence, self.own, clock)
        self.packages = {package.name: package for package in packages}

    def watch(self, who: Address = ALICE, package: str = "presence") -> Ear:
        ear = Ear(who)
        self.packages[package].watch(BOB, ear)
        self.soon()
        return ear

    def publish(
        self, octets: bytes = document("away"), *, package: str = "presence", etag: str = "e"
    ) -> None:
        now = self.clock.seconds()
        self.store.publications.put(
            Publication(
                presentity=BOB,
                package=package,
                etag=etag,
                source="",
                content_type="application/pidf+xml",
                document=octets,
                user_agent="",
                published_at=now,
                expires_at=now + 100_000,
            )
        )
        self.soon()

    def rules(self, *rules: str, auid: str = "pres-rules") -> None:
        keep(self.store.documents, ruleset(*rules), auid=auid)
        self.soon()

    def lists(self, *members: Address | str, owner: Address | str = BOB, name: str = "friends") -> None:
        entries = "".join(f'<entry uri="sip:{each}"/>' for each in members)
        octets = (
            '<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists">'
            f'<list name="{name}">{entries}</list></resource-lists>'
        )
        keep(self.store.documents, octets.encode(), auid="resource-lists", owner=owner)
        self.soon()

    def soon(self) -> None:
        self.clock.advance(0)


@pytest.fixture
def home(clock: Clock) -> Home:
    made = Home(clock)
    made.publish()
    return made


def referring(path: str) -> str:
    """The condition that a watcher is in a list."""
    return f'<ocp:external-list><ocp:entry anc="{path}"/></ocp:external-list>'


OWN_LIST = (
    "resource-lists/users/sip:bob@sip.example.org/index/~~/resource-lists/list%5b@name=%22friends%22%5d"
)
ABSOLUTE = f"http://127.0.0.1:8080/xcap/{OWN_LIST}"
GLOBAL_LIST = "resource-lists/global/index/~~/resource-lists/list%5b@name=%22friends%22%5d"


@pytest.mark.parametrize("path", [OWN_LIST, ABSOLUTE])
def test_a_list_that_a_rule_names_is_followed_at_once(home: Home, path: str) -> None:
    home.rules(rule("allow", conditions=referring(path)))
    ear = home.watch()
    assert ear.sees == "pending"
    home.lists(ALICE)
    assert ear.sees == "away"
    home.lists("carol@sip.example.org")
    assert ear.sees == "pending"
    home.lists("carol@sip.example.org", "alice@sip.example.org")
    assert ear.sees == "away"
    discard(home.store.documents, auid="resource-lists")
    home.soon()
    assert ear.sees == "pending"


def test_a_list_of_the_operator_is_followed_at_once(home: Home) -> None:
    home.rules(rule("allow", conditions=referring(GLOBAL_LIST)))
    ear, other = home.watch(), home.watch(ROMEO)
    assert (ear.sees, other.sees) == ("pending", "pending")
    home.lists(ALICE, owner=GLOBAL)
    home.clock.advance(1)
    assert (ear.sees, other.sees) == ("away", "pending")
    home.lists(ROMEO, owner=GLOBAL)
    home.clock.advance(1)
    assert (ear.sees, other.sees) == ("pending", "away")


def test_a_blocked_member_of_a_long_list_is_blocked_wherever_it_stands(home: Home) -> None:
    others = [f"w{number}@sip.example.org" for number in range(3_000)]
    home.lists(*others, ALICE)
    home.rules(rule("block", conditions=referring(OWN_LIST)))
    with pytest.raises(NotAuthorized):
        home.watch()


SPHERE = b'<dm:person id="p9"><r:sphere>%s</r:sphere></dm:person>'


def test_a_sphere_is_followed_at_once(home: Home) -> None:
    home.rules(
        rule("allow", ALICE, provide=ACTIVITIES, conditions='<cp:sphere value="work"/>'),
        rule("polite-block", ALICE, conditions='<cp:sphere value="home"/>'),
    )
    ear = home.watch()
    assert ear.sees == "pending"
    for sphere, sees in ((b"work", "away"), (b"home", "offline"), (b"moon", "pending"), (b"Work", "away")):
        home.publish(
            document("away").replace(b"</r:activities>", b"</r:activities><r:sphere>%s</r:sphere>" % sphere)
        )
        assert ear.sees == sees
    before = len(ear.heard)
    home.publish(document("busy").replace(b"</r:activities>", b"</r:activities><r:sphere>home</r:sphere>"))
    assert ear.sees == "offline"
    assert [told.document.persons for told in ear.heard[before:]] == [()], "nothing is told in between"


def test_a_sphere_that_somebody_states_counts_too(home: Home) -> None:
    home.rules(rule("allow", ALICE, conditions='<cp:sphere value="work"/>'))
    ear = home.watch()
    home.publish(document("away").replace(b"</r:activities>", b"</r:activities><r:sphere>work</r:sphere>"))
    assert ear.sees == "away"
    home.publish(
        document("away").replace(b"</r:activities>", b"</r:activities><r:sphere>home</r:sphere>"), etag="f"
    )
    assert ear.sees == "pending", "two phones contradict each other"


def test_a_validity_begins_and_ends_by_itself(home: Home) -> None:
    now = datetime.fromtimestamp(home.clock.seconds(), UTC)
    begin, end = (now + timedelta(seconds=each) for each in (100, 200))
    span = f"<cp:validity><cp:from>{begin.isoformat()}</cp:from><cp:until>{end.isoformat()}</cp:until></cp:validity>"
    home.rules(rule("allow", ALICE, conditions=span))
    ear = home.watch()
    home.clock.advance(98)
    assert ear.sees == "pending"
    home.clock.advance(4)
    assert ear.sees == "away"
    home.clock.advance(96)
    assert ear.sees == "away"
    home.clock.advance(4)
    assert ear.sees == "pending"


def test_whoever_becomes_allowed_waits_no_more(home: Home) -> None:
    home.rules(rule("confirm", ALICE))
    home.watch()
    (row,) = home.own.watchers.rows(BOB)
    assert (row.status.value, row.event.value) == ("pending", "subscribe")
    assert home.store.waiting.select(str(BOB))
    home.rules(rule("allow", ALICE))
    (row,) = home.own.watchers.rows(BOB)
    assert (row.status.value, row.event.value) == ("active", "approved")
    assert not home.store.waiting.select(str(BOB))
    home.rules(rule("block", ALICE))
    assert home.own.watchers.rows(BOB) == []


def test_whoever_waits_elsewhere_is_settled_by_a_rule(home: Home) -> None:
    home.rules(rule("confirm", ALICE))
    ear = Ear(ALICE)
    home.packages["presence"].watch(BOB, ear).stop()
    (row,) = home.own.watchers.rows(BOB)
    assert row.status.value == "waiting"
    home.rules(rule("block", ALICE))
    assert home.own.watchers.rows(BOB) == []


def test_a_watcher_is_named_in_either_form(home: Home) -> None:
    for name in (
        "sip:romeo@jabber.example",
        "xmpp:romeo@jabber.example",
        "sip:romeo%40jabber.example@gw.example.org",
        "xmpp:romeo%5C40jabber.example@gw.example.org",
        "pres:Romeo@JABBER.example",
    ):
        home.rules(rule("allow", f'<cp:one id="{name}"/>'))
        assert home.watch(ROMEO).sees == "away", name
        home.rules(rule("polite-block", f'<cp:one id="{name}"/>'))
        assert home.watch(ROMEO).sees == "offline", name


# calls


def on_the_phone(home: Home) -> None:
    home.publish(told(call("c1", CallState.CONFIRMED)), package="dialog", etag="d")


def test_without_rules_of_calls_those_of_presence_count(home: Home) -> None:
    on_the_phone(home)
    home.rules(rule("allow", ALICE))
    ear = home.watch(package="dialog")
    assert ear.sees == "lit"
    home.rules(rule("polite-block", ALICE))
    assert ear.sees == "dark"
    home.rules(rule("confirm", ALICE))
    assert ear.sees == "pending"
    home.rules(rule("block", ALICE))
    assert ear.sees == "rejected"


@pytest.mark.parametrize("presence", list(Handling), ids=lambda handling: handling.value)
@pytest.mark.parametrize("calls", list(Handling), ids=lambda handling: handling.value)
def test_rules_of_calls_alone_decide_about_calls(home: Home, presence: Handling, calls: Handling) -> None:
    on_the_phone(home)
    home.rules(rule("confirm"), auid=DIALOG_RULES)
    ear = home.watch(package="dialog")
    home.rules(rule(presence.value, ALICE))
    home.rules(rule(calls.value, ALICE), auid=DIALOG_RULES)
    home.clock.advance(2)
    seen = {
        Handling.ALLOW: "lit",
        Handling.POLITE_BLOCK: "dark",
        Handling.CONFIRM: "pending",
        Handling.BLOCK: "rejected",
    }
    assert ear.sees == seen[calls]
    if calls is Handling.BLOCK:
        with pytest.raises(NotAuthorized):
            home.watch(package="dialog")
    else:
        assert home.watch(package="dialog").sees == seen[calls]


def test_presence_that_is_withheld_does_not_light_a_lamp(home: Home) -> None:
    home.publish(document("busy"))
    home.rules(rule("allow", ALICE), auid=DIALOG_RULES)
    home.rules(rule("allow", ALICE))
    ear = home.watch(package="dialog")
    assert ear.sees == "lit"
    for handling in ("polite-block", "confirm", "block"):
        home.rules(rule(handling, ALICE))
        assert ear.sees == "dark"
        home.rules(rule("allow", ALICE))
        assert ear.sees == "lit"
    home.rules(rule("allow", ALICE, provide="<provide-services><all-services/></provide-services>"))
    assert ear.sees == "dark"


@pytest.mark.parametrize(
    ("provide", "seen"),
    [
        (EVERYTHING, "lit"),
        (ACTIVITIES, "lit"),
        ("<provide-services><all-services/></provide-services>", "dark"),
        ("<provide-services><all-services/></provide-services><provide-all-attributes/>", "dark"),
        ("<provide-persons><all-persons/></provide-persons><provide-mood>true</provide-mood>", "dark"),
        ("", "dark"),
    ],
)
def test_whom_the_state_is_withheld_from_learns_of_no_call(home: Home, provide: str, seen: str) -> None:
    on_the_phone(home)
    home.rules(rule("allow", ALICE))
    ear = home.watch(package="dialog")
    assert ear.sees == "lit"
    home.rules(rule("allow", ALICE, provide=provide))
    assert ear.sees == home.watch(package="dialog").sees == seen
    explained = home.own.explaining.explain(BOB, ALICE)
    assert explained.presence.handling is Handling.ALLOW
    assert explained.calls.handling is (Handling.ALLOW if seen == "lit" else Handling.POLITE_BLOCK)


def test_a_lamp_that_is_still_to_be_judged_is_not_lit(home: Home) -> None:
    home.rules(rule("allow"))
    home.rules(rule("allow"), auid=DIALOG_RULES)
    ears = [home.watch(Address(f"w{number}", "sip.example.org"), package="dialog") for number in range(400)]
    heard = [len(ear.heard) for ear in ears]
    keep(home.store.documents, ruleset(rule("block")), auid=DIALOG_RULES)
    home.publish(document("busy"))
    assert {ear.sees for ear in ears} == {"rejected"}
    for ear, before in zip(ears, heard, strict=True):
        assert not any(told.document.calls for told in ear.heard[before:] if told.document is not None)


def test_rules_of_calls_say_nothing_of_presence(home: Home) -> None:
    home.rules(rule("allow", ALICE), auid=DIALOG_RULES)
    assert home.watch().sees == "pending"


def test_without_its_document_calls_follow_presence_again(home: Home) -> None:
    on_the_phone(home)
    home.rules(rule("allow", ALICE))
    home.rules(rule("polite-block", ALICE), auid=DIALOG_RULES)
    ear = home.watch(package="dialog")
    assert ear.sees == "dark"
    discard(home.store.documents, auid=DIALOG_RULES)
    home.soon()
    assert ear.sees == "lit"


def test_a_decision_about_a_watcher_counts_for_calls_too(home: Home) -> None:
    on_the_phone(home)
    home.rules(rule("allow", ALICE), auid=DIALOG_RULES)
    ear = home.watch(package="dialog")
    assert ear.sees == "lit"
    home.store.verdicts.put(Verdict(presentity=BOB, watcher=ALICE, handling="block", decided_at=0.0))
    home.soon()
    assert ear.sees == "rejected"


def test_rules_are_in_force_before_anybody_watches_after_a_restart(home: Home, clock: Clock) -> None:
    home.rules(rule("polite-block", ALICE), rule("allow", ROMEO, conditions=referring(OWN_LIST)))
    home.lists(ROMEO)
    again = Home(clock, home.store)
    assert again.watch().sees == "offline"
    assert again.watch(ROMEO).sees == "away"
    assert again.own.policy.ground(BOB, ALICE) is Ground.RULES


def test_a_card_is_filled_up_with_what_the_asker_may_see(home: Home) -> None:
    icon = b"</r:activities><r:status-icon>https://b.example/away.png</r:status-icon>"
    home.publish(document("away").replace(b"</r:activities>", icon))
    shown = home.own.presence.shown
    for handling, provide, icons in (
        ("allow", EVERYTHING, ["https://b.example/away.png"]),
        ("allow", ACTIVITIES, [None]),
    ):
        home.rules(rule(handling, ROMEO, provide=provide))
        document_shown = shown(BOB, ROMEO)
        assert document_shown is not None
        assert [person.status_icon for person in document_shown.persons] == icons
    for handling in ("polite-block", "confirm", "block"):
        home.rules(rule(handling, ROMEO))
        assert shown(BOB, ROMEO) is None


def test_a_lamp_of_somebody_who_is_gone_ends_whatever_the_rules(clock: Clock) -> None:
    home = Home(clock, authentication="digest")
    account = Account(address=BOB, realm=BOB.domain, ha1_md5="x", ha1_sha256="x")
    home.store.accounts.put(account)
    home.rules(rule("allow", ALICE), auid=DIALOG_RULES)
    home.rules(rule("block", ALICE))
    ear = home.watch(package="dialog")
    assert ear.sees == "dark"
    home.store.accounts.remove(account.key)
    home.rules(rule("allow", ALICE))
    assert ear.sees == "noresource"
