"""The page of watchers: who sees me, who asks, what I decide, and what one of them is shown."""

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.pages.watchers import MOST
from sip2xmpp.presence.states import State
from sip2xmpp.presence.watching import Standing
from sip2xmpp.store.records import DialogRecord, Verdict
from tests.pages.people import ALICE, BOB, JULIET, ROMEO, Ear, People

PATH = "/my/watchers"
COMMON_POLICY = "urn:ietf:params:xml:ns:common-policy"
PRES_RULES = "urn:ietf:params:xml:ns:pres-rules"
SEEN = "/my/watchers/seen"
DECIDE = "/my/watchers/decide"


@pytest.fixture
def people(clock: Clock) -> People:
    people = People(clock)
    people.state(ALICE, State.AWAY, "At lunch")
    return people


def dialog(
    watcher: Address, device: str, event: str = "presence", presentity: Address = ALICE
) -> DialogRecord:
    return DialogRecord(
        role="notifier",
        call_id="call",
        local_tag=f"{watcher}{device}{event}",
        remote_tag="tag",
        watcher=watcher,
        presentity=presentity,
        event=event,
        local_uri=presentity.sip_uri(),
        remote_uri=watcher.sip_uri(),
        remote_target=watcher.sip_uri(),
        route_set=(),
        cseq_ceiling=1,
        remote_cseq=1,
        flow="",
        accept="",
        user_agent=device,
        expires_at=1_900_000_000.0,
    )


def decide(people: People, handling: str, watcher: Address = ROMEO) -> str:
    return people.told(people.post(DECIDE, watcher=str(watcher), handling=handling))


def test_nobody_watches_at_first(people: People) -> None:
    page = people.get(PATH)
    assert page.status == 200
    assert "Nobody waits for your decision." in page.part("pending")
    assert "Nobody watches you now." in page.part("active")
    assert page.part("absent") == page.part("of-calls") == ""


def test_who_asks_waits_and_sees_nothing(people: People) -> None:
    ear = people.watch(ROMEO)
    page = people.get(PATH)
    assert "romeo@jabber.example Jabber waits Sees nothing Asked" in page.part("pending")
    assert page.buttons() == [
        f"{label}: romeo@jabber.example" for label in ("Allow", "Show me as offline", "Block")
    ]
    assert ear.heard[-1].standing is Standing.PENDING


def test_who_is_allowed_sees_what_the_page_says(people: People) -> None:
    ear = people.watch(ROMEO)
    assert decide(people, "allow") == "romeo@jabber.example sees your presence now."
    page = people.get(PATH)
    assert "romeo" not in page.part("pending")
    assert "romeo@jabber.example Jabber allowed Sees you as Away At lunch Watches since" in page.part(
        "active"
    )
    assert ear.heard[-1].standing is Standing.ACTIVE
    assert "Allow: romeo@jabber.example" not in page.buttons()


def test_who_is_blocked_politely_sees_somebody_offline_and_the_page_says_so(people: People) -> None:
    people.watch(ROMEO)
    decide(people, "polite-block")
    assert "sees you offline Sees you as Offline" in people.get(PATH).part("active")
    seen = people.get(SEEN, who=str(ROMEO))
    assert seen.part("seen") == "What is seen now Offline"
    assert "At lunch" not in seen.part("seen") and "Away" not in seen.part("seen")
    assert "sees you as offline, whatever you are, and is not told why." in seen.part("why")
    assert "You decided that romeo@jabber.example sees you as offline" in seen.part("why")


def test_who_is_blocked_is_kept_among_the_decided(people: People) -> None:
    ear = people.watch(ROMEO)
    decide(people, "block")
    assert ear.heard[-1].standing is Standing.TERMINATED
    page = people.get(PATH)
    assert "romeo@jabber.example Jabber blocked Sees nothing decided" in page.part("absent")
    assert "Nothing at all." in people.get(SEEN, who=str(ROMEO)).part("seen")
    assert "Nothing is decided about romeo" in decide(people, "forget")
    assert people.get(PATH).part("absent") == ""
    assert people.store.verdicts.get(f"{ALICE} {ROMEO}") is None


def test_who_has_to_be_asked_about_again_waits(people: People) -> None:
    people.watch(ROMEO)
    decide(people, "allow")
    assert decide(people, "confirm") == "romeo@jabber.example has to wait until you decide."
    assert "waits" in people.get(PATH).part("pending")


def test_each_decision_is_in_the_audit_log(people: People) -> None:
    people.watch(ROMEO)
    decide(people, "allow")
    decide(people, "forget")
    deeds = people.audit.latest(5)
    assert [(each.who, each.by, each.what, each.about, each.peer) for each in deeds] == [
        (str(ALICE), "page", f"forget {ROMEO}", str(ALICE), "127.0.0.1"),
        (str(ALICE), "page", f"allow {ROMEO}", str(ALICE), "127.0.0.1"),
    ]


@pytest.mark.parametrize(
    ("watcher", "handling", "why"),
    [
        ("romeo@jabber.example", "whatever", "Choose what is to be done."),
        ("romeo@jabber.example", "", "Choose what is to be done."),
        ("romeo@jabber.example", "forget", "Nothing was decided there."),
        (str(ALICE), "block", "You always see yourself."),
        ("", "allow", "is no address"),
        ("nobody at all", "allow", "is no address"),
        ("jabber.example", "allow", "is no address"),
    ],
)
def test_what_makes_no_sense_is_refused_on_the_page(
    people: People, watcher: str, handling: str, why: str
) -> None:
    assert why in people.told(people.post(DECIDE, watcher=watcher, handling=handling))
    assert not list(people.store.verdicts.all()) and not people.audit.latest(1)


def test_only_forms_of_ones_own_session_decide(people: People) -> None:
    assert people.post(DECIDE, watcher=str(ROMEO), handling="allow", csrf="x").status == 403
    stolen = people.csrf(BOB)
    assert people.post(DECIDE, watcher=str(ROMEO), handling="allow", csrf=stolen).status == 403
    assert not list(people.store.verdicts.all())


def test_nobody_sees_the_watchers_of_others(people: People) -> None:
    people.watch(ROMEO)
    decide(people, "block", JULIET)
    page = people.get(PATH, user=BOB)
    assert "romeo" not in page.text and "juliet@jabber.example Jabber" not in page.text


def test_devices_and_what_they_watch_are_told(people: People) -> None:
    people.watch(BOB)
    for each in (
        dialog(BOB, "Desk <b>phone</b>/1.0"),
        dialog(BOB, "Softphone"),
        dialog(BOB, "Softphone", "dialog;shared=x"),
        dialog(ALICE, "my own phone"),
    ):
        people.store.dialogs.put(each)
    page = people.get(PATH)
    assert "Desk <b>phone</b>/1.0 · Softphone · watches your calls too" in page.part("pending")
    assert b"<b>phone" not in page.body and "my own phone" not in page.text
    assert "bob@sip.example.org never sees a call" in page.part("of-calls")
    decide(people, "allow", BOB)
    assert "sees when you are in a call" in people.get(PATH).part("of-calls")


def test_what_somebody_wrote_is_never_markup(people: People) -> None:
    people.state(ALICE, State.AWAY, "<script>alert(1)</script>")
    people.watch(ROMEO)
    decide(people, "allow")
    for page in (people.get(PATH), people.get(SEEN, who=str(ROMEO))):
        assert b"<script>alert" not in page.body and "<script>alert(1)</script>" in page.text
    bad = people.get(SEEN, who='"><script>alert(1)</script>')
    assert bad.status == 422 and b"<script>alert" not in bad.body


def test_since_when_somebody_watches_is_told(people: People) -> None:
    decide(people, "allow", BOB)
    people.clock.advance(3_600)
    people.watch(BOB)
    told = people.get(PATH).part("active")
    assert "Watches since 9:00 AM · decided 8:00 AM" in told.replace("\u202f", " ")


def test_who_asks_again_after_days_is_told_with_both_days(people: People) -> None:
    people.watch(ROMEO)
    assert "last" not in people.get(PATH).part("pending")
    people.clock.advance(3 * 86_400)
    people.watch(ROMEO)
    people.sign_in()
    told = people.get(PATH).part("pending").replace("\u202f", " ")
    assert "Asked 15 Jan, 8:00 AM , last 8:00 AM" in told


def test_who_asked_and_is_gone_is_kept(people: People) -> None:
    watch = people.own.presence.watch(ALICE, Ear(ROMEO))
    people.clock.advance(1)
    watch.stop()
    assert "does not watch now, and is kept until you decide" in people.get(PATH).part("pending")
    decide(people, "allow")
    page = people.get(PATH)
    assert page.part("pending").endswith("Nobody waits for your decision.")
    assert "romeo@jabber.example Jabber allowed" in page.part("absent")


def test_many_watchers_are_shown_page_by_page_and_found(people: People) -> None:
    for number in range(MOST + 20):
        watcher = Address(f"watcher{number}", "jabber.example")
        people.store.verdicts.put(
            Verdict(presentity=ALICE, watcher=watcher, handling="block", decided_at=1.0)
        )
    people.watch(ROMEO)
    first = people.get(PATH)
    assert "romeo" in first.part("pending") and first.body.count(b'class="person"') == MOST
    assert "The next ones" in first.text
    second = people.get(PATH, **{"from": str(MOST)})
    assert second.body.count(b'class="person"') == 21 and "Those before" in second.text
    found = people.get(PATH, find="watcher117")
    assert found.body.count(b'class="person"') == 1
    for odd in ("-1", "x", "99999999999", "²"):
        assert people.get(PATH, **{"from": odd}).status == 200


def test_whoever_looks_hears_of_a_request_at_once(people: People) -> None:
    heard = people.listens("watchers")
    people.own.presence.watch(ALICE, Ear(ROMEO))
    people.clock.advance(0.3)
    assert heard == [b"event: changed\ndata: 1\n\n"]
    people.run(2)
    before = len(heard)
    people.post(DECIDE, watcher=str(ROMEO), handling="allow")
    people.run(0.3)
    assert len(heard) == before + 1


def test_many_who_come_and_go_do_not_make_the_page_anew_each_time(people: People) -> None:
    heard = people.listens("watchers")
    for number in range(100):
        people.own.presence.watch(ALICE, Ear(Address(f"w{number}", "jabber.example")))
        people.run(0.1)
    people.run(1)
    assert 10 <= len(heard) <= 16


# What does somebody see?


def test_anybody_can_be_asked_about_by_address_or_uri(people: People) -> None:
    decide(people, "allow")
    for written in ("romeo@jabber.example", "xmpp:romeo@jabber.example", "sip:romeo@jabber.example"):
        page = people.get(SEEN, who=written)
        assert page.status == 200 and "What does romeo@jabber.example see?" in page.text
        assert page.part("seen").startswith("What is seen now Away At lunch")
        assert "You allowed it (" in page.part("why")
    stranger = people.get(SEEN, who="stranger@example.com")
    assert "sees nothing until you have decided" in stranger.part("why")
    assert "this is what holds for everybody" in stranger.part("why")
    assert "Allow: stranger@example.com" in stranger.buttons()


def test_who_asks_for_nobody_gets_the_field(people: People) -> None:
    assert people.get(SEEN).status == 200
    wrong = people.get(SEEN, who="not an address")
    assert wrong.status == 422 and "“not an address” is no address" in wrong.text


def test_the_owner_sees_all_and_cannot_decide_about_himself(people: People) -> None:
    page = people.get(SEEN, who=str(ALICE))
    assert "nobody is kept from himself" in page.part("why")
    assert page.buttons() == []


def test_rules_are_told_with_what_they_leave_out(people: People) -> None:
    rules = f"""<ruleset xmlns="{COMMON_POLICY}" xmlns:pr="{PRES_RULES}">
    <rule id="friends"><conditions><identity><one id="sip:romeo@jabber.example"/></identity></conditions>
    <actions><pr:sub-handling>allow</pr:sub-handling></actions>
    <transformations><pr:provide-services><pr:all-services/></pr:provide-services></transformations></rule>
    <rule id="others"><conditions><identity><one id="sip:juliet@jabber.example"/></identity></conditions>
    <actions><pr:sub-handling>block</pr:sub-handling></actions></rule></ruleset>"""
    people.keep(rules.encode(), "pres-rules")
    people.watch(ROMEO)
    page = people.get(SEEN, who=str(ROMEO))
    assert "You decided nothing about romeo@jabber.example alone, and your rules say so." in page.part("why")
    assert "The rule “friends” in pres-rules/index applies." in page.part("why")
    assert "Your rules show all your devices and programs" in page.part("why")
    assert "Left out of what is known now" in page.part("why")
    assert "the text that you wrote" in page.part("why")
    assert "At lunch" not in page.part("seen")
    assert "2 rules were looked at" in page.part("why")
    assert "identity sip:juliet@jabber.example – does not hold" in page.part("why")
    assert "a part" in people.get(PATH).part("active")
    assert "At lunch" not in people.get(PATH).part("active")


def test_rules_that_cannot_be_read_are_said(people: People) -> None:
    people.keep(b"<ruleset", "pres-rules")
    assert "The rules in pres-rules/index cannot be read." in people.get(SEEN, who=str(ROMEO)).part("why")


def test_a_decision_made_there_leads_back_there(people: People) -> None:
    answer = people.post(DECIDE, watcher=str(ROMEO), handling="allow", back="seen")
    assert answer.headers["location"] == f"{SEEN}?who=romeo%40jabber.example"
    assert people.told(answer) == "romeo@jabber.example sees your presence now."
