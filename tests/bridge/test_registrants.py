"""Registering with the gateway: who proves what, how often it may be tried, and what the gateway's own contact says."""

from dataclasses import replace

import pytest
from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher

from sip2xmpp.address import Address
from sip2xmpp.bridge.gateway_contact import MOST_RESOURCES
from sip2xmpp.bridge.registrants import (
    CHANGES,
    FAILURE_SECONDS,
    FAILURES,
    MOST_OF_ACCOUNT,
    MOST_OF_ONE,
    MOST_STRANGERS,
)
from sip2xmpp.store.accounts import with_password
from sip2xmpp.store.records import Account, Registrant
from sip2xmpp.xmpp.registration import Wanted
from sip2xmpp.xmpp.stanza_errors import StanzaRefused
from tests.bridge.desk import ALICE, BOB, GATEWAY, REGISTER, ROMEO, SIP, Desk, outcome
from tests.bridge.scene import SlowStore

QUERY = f"<query xmlns='{REGISTER}'/>"
REMOVE = f"<query xmlns='{REGISTER}'><remove/></query>"


@pytest.fixture
def desk(clock: Clock) -> Desk:
    desk = Desk(clock)
    desk.account()
    return desk


def sip_of(desk: Desk, jid: str = ROMEO) -> str:
    return str(desk.side.registrants.sip_of(jid) or "")


def test_the_password_proves_the_account(desk: Desk) -> None:
    assert desk.register(password="wrong") == "not-authorized" and sip_of(desk) == ""
    assert desk.register() == "result" and sip_of(desk) == BOB
    asked = desk.iq("get", QUERY)[0]
    assert asked.findtext(f"{{{REGISTER}}}username") == BOB
    assert desk.side.registrants.get(ROMEO, GATEWAY) is not None
    assert desk.side.registrants.get(ROMEO, SIP) is None


@pytest.mark.parametrize(
    "user", ["bob", "sip:bob@sip.example.org", "BOB@SIP.example.org", "bob%40sip.example.org"]
)
def test_an_account_is_named_in_several_ways(desk: Desk, user: str) -> None:
    result = desk.register(user)
    assert (result, sip_of(desk)) == (("result", BOB) if "%40" not in user else ("not-authorized", ""))


@pytest.mark.parametrize(
    ("user", "password", "condition"),
    [
        ("", "builder", "not-acceptable"),
        ("bob", "", "not-acceptable"),
        ("bob@elsewhere.example", "builder", "not-acceptable"),
        ("bob@", "builder", "not-acceptable"),
        ("nobody", "builder", "not-authorized"),
    ],
)
def test_what_proves_nothing_is_refused(desk: Desk, user: str, password: str, condition: str) -> None:
    assert desk.register(user, password) == condition
    assert len(desk.store.registrants) == 0


def test_one_may_register_without_an_account(desk: Desk) -> None:
    assert desk.iq("set", QUERY).get("type") == "result"
    assert sip_of(desk) == "" and desk.side.registrants.is_known(ROMEO)


def test_a_registration_is_kept_without_saying_the_password_again(desk: Desk) -> None:
    desk.register()
    assert desk.register(password="") == "result" and sip_of(desk) == BOB
    assert desk.register("alice", "") == "not-acceptable"
    assert desk.register("", "") == "result" and sip_of(desk) == ""
    assert desk.register(password="") == "not-acceptable"


def account_of(desk: Desk) -> Account:
    account = desk.store.accounts.get(BOB)
    assert account is not None
    return account


def test_another_password_ends_what_the_old_one_proved(desk: Desk) -> None:
    desk.register()
    desk.presence()
    assert [each.handling for each in desk.store.verdicts.all()] == ["allow"]
    desk.store.accounts.put(with_password(account_of(desk), "another"))
    assert sip_of(desk) == "" and len(desk.store.verdicts) == 0
    assert desk.register(password="") == "not-acceptable"
    assert desk.register(password="another") == "result" and sip_of(desk) == BOB


def test_an_account_of_which_only_md5_is_known_is_proved_too(desk: Desk) -> None:
    def known(password: str) -> Account:
        return replace(with_password(account_of(desk), password), ha1_sha256="", ha1_sha256_address="")

    desk.store.accounts.put(known("builder"))
    assert desk.register(password="wrong") == "not-authorized"
    assert desk.register() == "result" and sip_of(desk) == BOB
    desk.store.accounts.put(known("another"))
    assert sip_of(desk) == ""


def test_an_account_that_is_disabled_or_gone_is_nobodys(desk: Desk) -> None:
    desk.register()
    account = account_of(desk)
    desk.store.accounts.put(replace(account, disabled=True))
    assert sip_of(desk) == "" and desk.register() == "not-authorized"
    desk.store.accounts.put(account)
    assert sip_of(desk) == BOB
    desk.store.accounts.remove(BOB)
    assert sip_of(desk) == ""
    desk.store.accounts.put(account)
    assert sip_of(desk) == ""


def test_a_password_that_was_changed_while_the_gateway_was_down_counts_as_well(desk: Desk) -> None:
    desk.register()
    desk.presence()
    changed = SlowStore(desk.clock)
    held = desk.side.registrants.get(ROMEO, GATEWAY)
    assert held is not None
    changed.registrants.put(held)
    for verdict in desk.store.verdicts.all():
        changed.verdicts.put(verdict)
    changed.accounts.put(with_password(account_of(desk), "another"))
    again = Desk(desk.clock, changed)
    assert sip_of(again) == "" and again.side.registrants.is_known(ROMEO)
    assert len(changed.verdicts) == 0


def test_passwords_are_not_tried_for_ever(desk: Desk) -> None:
    for _ in range(FAILURES):
        assert desk.register(password="wrong") == "not-authorized"
    assert desk.register() == "resource-constraint"
    assert desk.register("alice", "x") == "resource-constraint"
    desk.clock.advance(FAILURE_SECONDS)
    assert desk.register() == "result"


def test_many_jids_do_not_help_to_try_passwords(desk: Desk) -> None:
    for number in range(FAILURES):
        assert desk.register(password="wrong", who=f"r{number}@jabber.example/x") == "not-authorized"
    assert desk.register(who="late@jabber.example/x") == "resource-constraint"
    # nor is an account told from a name that is none
    for number in range(FAILURES):
        assert desk.register("ghost", "wrong", who=f"g{number}@jabber.example/x") == "not-authorized"
    assert desk.register("ghost", who="later@jabber.example/x") == "resource-constraint"


def test_names_that_are_none_do_not_make_failures_of_an_account_forgotten(desk: Desk) -> None:
    registrants = desk.side.registrants

    def fails(number: int, user: str) -> str:
        with pytest.raises(StanzaRefused) as refused:
            registrants.register(f"r{number}@jabber.example/x", GATEWAY, Wanted(user=user, password="wrong"))
        return refused.value.error.condition

    assert [fails(number, "bob") for number in range(FAILURES)] == ["not-authorized"] * FAILURES
    for number in range(10_000):
        assert fails(1_000 + number, f"ghost{number}") == "not-authorized"
    assert fails(99_999, "bob") == "resource-constraint"


def test_nobody_registers_all_day(desk: Desk) -> None:
    for _ in range(CHANGES):
        assert outcome(desk.iq("set", QUERY)) == "result"
    assert outcome(desk.iq("set", QUERY)) == "resource-constraint"
    assert outcome(desk.iq("set", REMOVE)) == "resource-constraint"


def test_nobody_has_many_registrations(desk: Desk) -> None:
    for number in range(MOST_OF_ONE):
        desk.store.registrants.put(Registrant(jid=ROMEO, domain=f"d{number}", sip="", since=0.0))
    assert desk.register() == "resource-constraint"


def test_an_account_has_few_registrations(desk: Desk) -> None:
    for number in range(MOST_OF_ACCOUNT):
        assert desk.register(who=f"r{number}@jabber.example/x") == "result"
    assert desk.register() == "resource-constraint"
    assert desk.register(who="r0@jabber.example/x") == "result"
    assert desk.register("", "", who="r0@jabber.example/x") == "result"
    assert desk.register() == "result"


def test_strangers_leave_room_for_those_with_an_account(desk: Desk) -> None:
    for number in range(MOST_STRANGERS):
        desk.store.registrants.put(Registrant(jid=f"s{number}@x", domain=GATEWAY, sip="", since=0.0))
    assert desk.register("", "") == "resource-constraint"
    assert desk.register() == "result"


def test_no_password_is_logged_or_stored(desk: Desk) -> None:
    events: list[LogEvent] = []
    globalLogPublisher.addObserver(events.append)
    try:
        desk.register(password="hush-wrong")
        desk.register()
    finally:
        globalLogPublisher.removeObserver(events.append)
    assert not any("hush" in str(event) or "builder" in str(event) for event in events)
    held = desk.side.registrants.get(ROMEO, GATEWAY)
    assert "builder" not in repr(held) and account_of(desk).ha1_sha256 not in repr(held)


def test_a_registration_is_answered_when_it_is_safe(desk: Desk) -> None:
    desk.store.slow = True
    desk.take(
        f"<iq type='set' from='{ROMEO}/x' to='{GATEWAY}' id='i1'><query xmlns='{REGISTER}'>"
        "<username>bob</username><password>builder</password></query></iq>"
    )
    desk.soon()
    assert desk.wire.xml == []
    desk.store.commit()
    desk.soon()
    assert desk.answer().get("type") == "result"
    assert f"subscribe {GATEWAY} > {ROMEO}" in desk.said()


def test_who_unregisters_is_left_alone(desk: Desk) -> None:
    assert outcome(desk.iq("set", REMOVE)) == "registration-required"
    desk.register()
    desk.presence()
    desk.said()
    assert outcome(desk.iq("set", REMOVE)) == "result"
    assert desk.said() == [
        f"unsubscribe {GATEWAY} > {ROMEO}",
        f"unsubscribed {GATEWAY} > {ROMEO}",
        f"unavailable {GATEWAY} > {ROMEO}",
    ]
    assert len(desk.store.registrants) == 0
    assert len(desk.store.verdicts) == 0
    desk.presence()
    assert desk.said() == []


def test_who_becomes_another_sip_user_does_not_see_the_first_any_more(desk: Desk) -> None:
    desk.account(ALICE, "rabbit")
    desk.register()
    desk.presence()
    assert [str(each.presentity) for each in desk.store.verdicts.all()] == [BOB]
    assert desk.register(ALICE, "rabbit") == "result"
    assert [str(each.presentity) for each in desk.store.verdicts.all()] == [ALICE]


@pytest.mark.parametrize("to", [BOB, f"{GATEWAY}/x"])
@pytest.mark.parametrize("type_", ["get", "set"])
def test_one_registers_with_a_gateway_and_not_with_a_contact(desk: Desk, to: str, type_: str) -> None:
    assert outcome(desk.iq(type_, QUERY, to=to)) == "service-unavailable"


def test_the_gateway_does_not_register_with_itself(desk: Desk) -> None:
    assert desk.register(who=f"{BOB}/x") == "not-allowed"


# the prompt


@pytest.mark.parametrize(
    ("written", "jid"),
    [
        ("bob@example.com", r"bob\40example.com@gw.example.org"),
        ("sip:bob@example.com;transport=tcp", r"bob\40example.com@gw.example.org"),
        ("SIP:bob@sip.example.org", BOB),
        ("pres:bob@sip.example.org", BOB),
        ("o'neil@sip.example.org", r"o\27neil@sip.example.org"),
    ],
)
def test_an_address_becomes_a_jid(desk: Desk, written: str, jid: str) -> None:
    asked = f'<query xmlns="jabber:iq:gateway"><prompt>{written}</prompt></query>'
    assert desk.iq("set", asked)[0][0].text == jid


@pytest.mark.parametrize(
    ("written", "condition"),
    [
        ("bob", "not-acceptable"),
        ("@example.com", "jid-malformed"),
        ("bob@@", "jid-malformed"),
        ("sips:bob@example.com", "not-acceptable"),
        ("https://example.com", "not-acceptable"),
        ("juliet@jabber.example", "not-acceptable"),
        ("", "not-acceptable"),
    ],
)
def test_nonsense_does_not(desk: Desk, written: str, condition: str) -> None:
    asked = f'<query xmlns="jabber:iq:gateway"><prompt>{written}</prompt></query>'
    assert outcome(desk.iq("set", asked)) == condition


def test_the_prompt_is_asked_for(desk: Desk) -> None:
    answer = desk.iq("get", "<query xmlns='jabber:iq:gateway'/>")
    assert [each.tag.rpartition("}")[2] for each in answer[0]] == ["desc", "prompt"]


# the gateway as a contact


def test_a_registrant_logs_in_and_out(desk: Desk) -> None:
    desk.register()
    desk.said()
    desk.presence("subscribed", ROMEO)
    desk.presence()
    assert desk.said()[0] == f"available {GATEWAY} > {ROMEO}/orchard"
    desk.presence()
    assert desk.said() == []
    assert desk.side.contact.resources(ROMEO, GATEWAY) == [f"{ROMEO}/orchard"]
    desk.presence("probe", ROMEO)
    assert desk.said() == [f"available {GATEWAY} > {ROMEO}"]
    desk.presence("unavailable")
    assert desk.said() == [f"unavailable {GATEWAY} > {ROMEO}/orchard"]
    assert desk.side.contact.resources(ROMEO, GATEWAY) == []
    desk.presence("unavailable")
    assert desk.said() == []


def test_a_registrant_may_have_the_gateway_in_the_roster(desk: Desk) -> None:
    desk.register()
    desk.said()
    desk.presence("subscribe", ROMEO)
    assert desk.said() == [f"subscribed {GATEWAY} > {ROMEO}", f"available {GATEWAY} > {ROMEO}"]
    desk.presence("unsubscribe", ROMEO)
    assert desk.said() == [f"unavailable {GATEWAY} > {ROMEO}", f"unsubscribed {GATEWAY} > {ROMEO}"]
    desk.presence()
    desk.presence("unsubscribed", ROMEO)
    assert desk.side.contact.resources(ROMEO, GATEWAY) == []


def test_a_stranger_does_not_see_the_gateway(desk: Desk) -> None:
    desk.presence("subscribe", ROMEO)
    assert "registration-required" in desk.wire.xml[-1]
    desk.said()
    desk.presence("probe", ROMEO)
    assert desk.said() == [f"unsubscribed {GATEWAY} > {ROMEO}"]
    for kind in ("", "unavailable", "unsubscribe", "unsubscribed", "subscribed"):
        desk.presence(kind)
    assert desk.said() == [] and desk.side.contact.resources(ROMEO, GATEWAY) == []


def test_clients_of_a_registrant_are_few(desk: Desk) -> None:
    desk.register()
    for number in range(MOST_RESOURCES + 5):
        desk.presence(who=f"{ROMEO}/r{number}")
    assert len(desk.side.contact.resources(ROMEO, GATEWAY)) == MOST_RESOURCES
    desk.presence("unavailable", ROMEO)
    assert desk.side.contact.resources(ROMEO, GATEWAY) == []


def test_the_gateway_comes_and_goes_with_its_link(desk: Desk) -> None:
    desk.register()
    desk.presence()
    desk.said()
    desk.contacts.link_down(GATEWAY, "restart")
    desk.contacts.link_up(SIP)
    desk.soon()
    assert desk.said() == []
    desk.contacts.link_up(GATEWAY)
    desk.soon()
    assert desk.said() == [f"probe {GATEWAY} > {ROMEO}"]
    desk.presence()
    assert desk.said() == [f"available {GATEWAY} > {ROMEO}/orchard"]
    desk.side.contact.farewell()
    assert desk.said() == [f"unavailable {GATEWAY} > {ROMEO}"]


def test_who_unregistered_meanwhile_is_not_probed(desk: Desk) -> None:
    desk.register()
    desk.said()
    desk.contacts.link_up(GATEWAY)
    desk.store.registrants.remove(f"{ROMEO} {GATEWAY}")
    desk.soon()
    assert desk.said() == []


def test_a_registration_outlives_the_process(desk: Desk) -> None:
    desk.register()
    again = Desk(desk.clock, desk.store)
    assert sip_of(again) == BOB
    again.contacts.link_up(GATEWAY)
    again.soon()
    assert again.said() == [f"probe {GATEWAY} > {ROMEO}"]
    assert Address.parse(BOB) == again.side.registrants.sip_of(ROMEO)
