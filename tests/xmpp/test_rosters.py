"""What is read and written about rosters."""

from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.xmpp.parsing import parse_stanza
from sip2xmpp.xmpp.rosters import (
    RosterItem,
    read_features,
    read_roster,
    roster_access,
    roster_addition,
    roster_removal,
    suggestion,
)


@pytest.mark.parametrize("version", ["urn:xmpp:privilege:2", "urn:xmpp:privilege:1"])
@pytest.mark.parametrize("kind", ["get", "set", "both"])
def test_a_grant_is_read(version: str, kind: str) -> None:
    perms = f"<perm access='message' type='outgoing'/><perm access='roster' type='{kind}' push='false'/>"
    assert (
        roster_access(parse_stanza(f"<message><privilege xmlns='{version}'>{perms}</privilege></message>"))
        == kind
    )


@pytest.mark.parametrize(
    "perms", ["", "<perm access='roster'/>", "<perm access='roster' type='all'/>", "text"]
)
def test_what_grants_nothing_is_none(perms: str) -> None:
    xml = f"<message><privilege xmlns='urn:xmpp:privilege:2'>{perms}</privilege></message>"
    assert roster_access(parse_stanza(xml)) == "none"


@pytest.mark.parametrize(
    "inside", ["", "<privilege xmlns='urn:x'/>", "<other xmlns='urn:xmpp:privilege:2'/>"]
)
def test_what_does_not_speak_of_it_is_nothing(inside: str) -> None:
    assert roster_access(parse_stanza(f"<message>{inside}</message>")) is None


def test_a_roster_is_read() -> None:
    items = "<item jid='a@x' subscription='both'><group>g</group></item><item jid='b@x'/><item/>"
    iq = parse_stanza(f"<iq type='result'><query xmlns='jabber:iq:roster'>{items}</query></iq>")
    assert read_roster(iq) == {
        "a@x": RosterItem(jid="a@x", groups=("g",), subscription="both"),
        "b@x": RosterItem(jid="b@x", subscription="none"),
    }
    assert (
        read_roster(parse_stanza("<iq type='result'><query xmlns='urn:x'><item jid='a'/></query></iq>")) == {}
    )


def test_features_are_read() -> None:
    query = (
        "<query xmlns='http://jabber.org/protocol/disco#info'><identity/><feature var='a'/><feature/></query>"
    )
    assert read_features(parse_stanza(f"<iq>{query}</iq>")) == {"a", ""}
    assert read_features(parse_stanza("<iq/>")) == frozenset()


def test_an_item_is_taken_out() -> None:
    (item,) = fromstring(roster_removal("o'neil@x"))
    assert (item.get("jid"), item.get("subscription")) == ("o'neil@x", "remove")


@given(st.text(max_size=20), st.text(max_size=300), st.text(max_size=300), st.text(max_size=40))
def test_whatever_is_added_or_suggested_is_xml(jid: str, name: str, group: str, body: str) -> None:
    item = RosterItem(jid=jid, name=name, groups=(group, "SIP"))
    (added,) = fromstring(roster_addition(item))
    assert added.get("subscription") == "to"
    message = fromstring(suggestion("gw.example.org", jid, [item, item], body))
    assert len(message[1]) == 2 and message[1][0].get("action") == "add"
