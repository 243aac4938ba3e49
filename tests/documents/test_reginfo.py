"""Documents of the ``reg`` package: valid, the same when read again, and strict with strangers."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from sip2xmpp.documents.reginfo import (
    LARGEST,
    Contact,
    ContactEvent,
    Registration,
    RegistrationInformation,
    RegistrationState,
    read,
    write,
)
from sip2xmpp.errors import BadDocument

SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).parent / "schemas" / "reginfo.xsd"))

tokens = st.from_regex(r"[A-Za-z0-9.@~-]{1,20}", fullmatch=True)
numbers = st.none() | st.integers(0, LARGEST)
words = st.text(max_size=30).map(lambda said: "".join(c for c in said if c.isprintable()).strip())
uris = tokens.map(lambda user: f"sip:{user.replace('@', '.')}@example.org;transport=tcp")
contacts = st.builds(
    Contact,
    id=tokens,
    uri=uris,
    active=st.booleans(),
    event=st.sampled_from(ContactEvent),
    expires=numbers,
    retry_after=numbers,
    duration_registered=numbers,
    q=st.none() | st.integers(0, 1000).map(lambda thousandths: thousandths / 1000),
    call_id=st.none() | tokens,
    cseq=numbers,
    display_name=st.none() | words,
    unknown_params=st.lists(st.tuples(tokens, words), max_size=3).map(tuple),
    public_gruu=st.none() | uris,
)
registrations = st.builds(
    Registration,
    aor=uris,
    id=tokens,
    state=st.sampled_from(RegistrationState),
    contacts=st.lists(contacts, max_size=3).map(tuple),
)
documents = st.builds(
    RegistrationInformation,
    version=st.integers(0, 2**32 - 1),
    full=st.booleans(),
    registrations=st.lists(registrations, max_size=3).map(tuple),
)


@given(documents)
def test_what_is_written_is_valid_and_read_again_the_same(information: RegistrationInformation) -> None:
    octets = write(information)
    SCHEMA.assertValid(etree.fromstring(octets))
    assert read(octets) == information


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_any_text_of_a_peer_is_written_as_valid_xml(user: str, name: str, value: str) -> None:
    uri = f"sip:a{user}"
    contact = Contact(
        id="1",
        uri=uri,
        active=True,
        event=ContactEvent.REGISTERED,
        call_id=value,
        display_name=name,
        unknown_params=((name, value),),
    )
    row = Registration(aor=uri, id=value, state=RegistrationState.ACTIVE, contacts=(contact,))
    SCHEMA.assertValid(
        etree.fromstring(write(RegistrationInformation(version=0, full=True, registrations=(row,))))
    )


@given(st.binary(max_size=200))
def test_no_octets_break_the_reader(octets: bytes) -> None:
    with pytest.raises(BadDocument):
        read(octets)


def document(inside: str, version: str = "0", state: str = "full") -> bytes:
    return (
        f'<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="{version}" state="{state}">{inside}</reginfo>'
    ).encode()


def test_what_other_namespaces_add_is_ignored() -> None:
    octets = document(
        '<registration aor="sip:bob@example.org" id="a" state="active" xmlns:x="urn:x"><x:more/>'
        '<contact id="1" state="active" event="refreshed" expires="60" received="sip:192.0.2.1" q="-1.000">'
        "<uri> sip:bob@192.0.2.1:5060 </uri><x:display-name>Mallory</x:display-name>"
        '<display-name xml:lang="en">Bob</display-name><unknown-param name="+sip.x"/></contact></registration>'
    )
    assert read(octets).registrations == (
        Registration(
            aor="sip:bob@example.org",
            id="a",
            state=RegistrationState.ACTIVE,
            contacts=(
                Contact(
                    id="1",
                    uri="sip:bob@192.0.2.1:5060",
                    active=True,
                    event=ContactEvent.REFRESHED,
                    expires=60,
                    display_name="Bob",
                    display_language="en",
                    unknown_params=(("+sip.x", ""),),
                ),
            ),
        ),
    )


CONTACT = '<contact id="1" state="active" event="registered"><uri>sip:bob@192.0.2.1</uri></contact>'
ROW = '<registration aor="sip:bob@example.org" id="a" state="active">{}</registration>'


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"<reginfo version='0' state='full'/>",
        b"<presence xmlns='urn:ietf:params:xml:ns:reginfo' version='0' state='full'/>",
        b"<reginfo xmlns='urn:ietf:params:xml:ns:reginfo' state='full'/>",
        document("", version="-1"),
        document("", version="two"),
        document("", version="9" * 4000),
        document("", version="\u0663"),
        document("", state="whole"),
        document('<registration id="a" state="active"/>'),
        document('<registration aor="" id="a" state="active"/>'),
        document('<registration aor="sip:bob@example.org" id="a" state="here"/>'),
        document(ROW.format(CONTACT.replace(' event="registered"', ""))),
        document(ROW.format(CONTACT.replace('"registered"', '"reborn"'))),
        document(ROW.format(CONTACT.replace('"active"', '"init"'))),
        document(ROW.format(CONTACT.replace("sip:bob@192.0.2.1", " "))),
        document(ROW.format(CONTACT.replace('id="1"', ""))),
        document(ROW.format(CONTACT.replace('id="1"', 'id="1" expires="1e9"'))),
        document(ROW.format(CONTACT.replace('id="1"', 'id="1" cseq="99999999999999999999"'))),
        document(ROW.format(CONTACT.replace("</contact>", "<unknown-param/></contact>"))),
        b"<!DOCTYPE x [<!ENTITY a 'b'>]>" + document(""),
        document(" " * 300_000),
        document("<registration>" * 400),
    ],
)
def test_what_is_no_registration_information_is_refused(octets: bytes) -> None:
    with pytest.raises(BadDocument):
        read(octets)


def test_a_document_without_registrations_is_one() -> None:
    assert read(document("", version=" 7 ", state="partial")) == RegistrationInformation(
        version=7, full=False
    )
