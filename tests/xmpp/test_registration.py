"""Registration forms and address prompts, as they come and as they are written."""

from xml.etree.ElementTree import fromstring

import pytest

from sip2xmpp.xmpp.parsing import parse_stanza
from sip2xmpp.xmpp.registration import (
    LONGEST,
    PROMPT_QUERY,
    Wanted,
    prompted,
    read_prompt,
    read_registration,
    registration_query,
)
from sip2xmpp.xmpp.stanza_errors import StanzaRefused
from tests.xmpp.test_forms import submitted

NS = "{jabber:iq:register}"


def query(inside: str) -> str:
    return f"<query xmlns='jabber:iq:register'>{inside}</query>"


def test_who_is_not_registered_is_asked_twice_over() -> None:
    asked = fromstring(registration_query(None))
    assert asked.find(f"{NS}registered") is None
    assert asked.find(f"{NS}username") is not None and asked.find(f"{NS}password") is not None
    form = asked.find("{jabber:x:data}x")
    assert form is not None
    assert [each.get("var") for each in form.iter("{jabber:x:data}field")] == [
        "FORM_TYPE",
        "username",
        "password",
    ]


def test_who_is_registered_sees_as_whom_but_no_password() -> None:
    asked = fromstring(registration_query("bob@sip.example.org"))
    assert asked.find(f"{NS}registered") is not None
    assert asked.findtext(f"{NS}username") == "bob@sip.example.org"
    assert asked.findtext(f"{NS}password") == ""


@pytest.mark.parametrize(
    "inside",
    [
        "<username> bob </username><password>builder</password><email>x</email>",
        submitted({"FORM_TYPE": ["jabber:iq:register"], "username": ["bob"], "password": ["builder"]}),
    ],
)
def test_both_kinds_of_answer_are_read(inside: str) -> None:
    wanted = read_registration(parse_stanza(query(inside)))
    assert wanted == Wanted(user="bob", password="builder")
    assert "builder" not in repr(wanted)


def test_nothing_is_wanted_of_who_fills_in_nothing() -> None:
    assert read_registration(parse_stanza(query(""))) == Wanted()


def test_remove_stands_alone() -> None:
    assert read_registration(parse_stanza(query("<remove/>"))) is None
    with pytest.raises(StanzaRefused) as caught:
        read_registration(parse_stanza(query("<remove/><username>bob</username>")))
    assert caught.value.error.condition == "bad-request"


@pytest.mark.parametrize(
    ("inside", "condition"),
    [
        (f"<username>{'b' * (LONGEST + 1)}</username>", "not-acceptable"),
        (f"<password>{'ü' * LONGEST}</password>", "not-acceptable"),
        ("<x xmlns='jabber:x:data' type='form'/>", "bad-request"),
        ("<x xmlns='jabber:x:data' type='cancel'/>", "bad-request"),
    ],
)
def test_what_makes_no_sense_is_refused(inside: str, condition: str) -> None:
    with pytest.raises(StanzaRefused) as caught:
        read_registration(parse_stanza(query(inside)))
    assert caught.value.error.condition == condition


def test_a_prompt_asks_for_an_address_and_gives_a_jid() -> None:
    assert fromstring(PROMPT_QUERY).findtext("{jabber:iq:gateway}prompt") == "SIP address"
    asked = "<query xmlns='jabber:iq:gateway'><prompt> sip:bob@example.com </prompt></query>"
    assert read_prompt(parse_stanza(asked)) == "sip:bob@example.com"
    assert fromstring(prompted("a&b@x")).findtext("{jabber:iq:gateway}jid") == "a&b@x"


@pytest.mark.parametrize("inside", ["", "<prompt/>", "<other>x</other>", f"<prompt>{'x' * 2000}</prompt>"])
def test_a_prompt_without_an_address_is_refused(inside: str) -> None:
    with pytest.raises(StanzaRefused):
        read_prompt(parse_stanza(f"<query xmlns='jabber:iq:gateway'>{inside}</query>"))
