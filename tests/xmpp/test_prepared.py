"""A presence written once says to each recipient what one written for him would say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.documents.presence import Show
from sip2xmpp.xmpp.availability import Availability
from sip2xmpp.xmpp.prepared import prepared_presence, recipient_of
from sip2xmpp.xmpp.stanzas import presence_stanza

SENDER, DOMAIN, CAPS = "bob@sip.example.org/desk's", "sip.example.org", "<c xmlns='x'/>"

SAID = [
    Availability(),
    Availability(show=Show.DND, statuses=(("", "on <air> & 'busy'"),), priority=5),
    Availability(available=False),
    Availability(available=False, statuses=(("de", "bis später\r\n\x07"),)),
]


@pytest.mark.parametrize("said", SAID)
@pytest.mark.parametrize("recipient", ["juliet@jabber.example", "o'hara&<co>@jabber.example/bal\tcony"])
def test_it_is_the_same_stanza(said: Availability, recipient: str) -> None:
    prepared = prepared_presence(SENDER, DOMAIN, said, caps=CAPS)
    whole = presence_stanza(SENDER, recipient, said, caps=CAPS)
    assert prepared.to(recipient_of(recipient)).decode() == whole


@given(st.text())
def test_any_recipient_can_be_written(jid: str) -> None:
    octets = prepared_presence(SENDER, DOMAIN, Availability()).to(recipient_of(jid))
    assert octets.decode().count("'") == 4
