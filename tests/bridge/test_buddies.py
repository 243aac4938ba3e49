"""The contact list of a SIP account as people with names and groups."""

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.address import Address, address_from_jid, address_from_sip
from sip2xmpp.bridge.buddies import MOST_BUDDIES, Buddy, buddies
from sip2xmpp.documents import resource_lists
from sip2xmpp.documents.resource_lists import Entry, ResourceList, ResourceLists
from sip2xmpp.errors import BadDocument

ALICE, JULIET = Address("alice", "sip.example.org"), Address("juliet", "jabber.example")


def found(octets: bytes) -> tuple[Buddy, ...]:
    return buddies(
        octets, address_of_uri=address_from_sip, address_of_jid=lambda jid: address_from_jid(jid)[0]
    )


def document(*lists: ResourceList) -> bytes:
    return resource_lists.write(ResourceLists(lists=lists))


def test_lists_are_groups_and_one_person_may_be_in_several() -> None:
    inner = ResourceList(name="inner", members=(Entry(uri="pres:ALICE@sip.example.org", display_name="Al"),))
    friends = ResourceList(
        name="friends", display_name="My friends", members=(Entry(uri="sip:alice@sip.example.org"), inner)
    )
    work = ResourceList(name="work", members=(Entry(uri="xmpp:juliet@jabber.example"), Entry(uri="tel:+1")))
    assert found(document(friends, work)) == (
        Buddy(address=ALICE, name="Al", groups=("My friends", "inner")),
        Buddy(address=JULIET, groups=("work",), is_jabber=True),
    )


def test_lists_that_clients_keep_for_themselves_are_no_groups() -> None:
    entry = Entry(uri="sip:alice@sip.example.org")
    for name in ("oma_blockedcontacts", "oma_grantedcontacts", "dialog_grantedcontacts"):
        assert found(document(ResourceList(name=name, members=(entry,)))) == ()
    assert found(document(ResourceList(name="oma_buddylist", members=(entry,)))) == (Buddy(address=ALICE),)


def test_names_and_groups_that_blink_keeps_are_found() -> None:
    octets = b"""<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists" xmlns:b="urn:ag-projects:xml:ns:addressbook">
      <list name="sipsimple_presence_rls"><entry uri="sip:alice@sip.example.org"/></list>
      <list name="sipsimple_addressbook">
        <b:group id="g"><b:name>Family</b:name><b:contacts><b:contact_id>c</b:contact_id></b:contacts></b:group>
        <b:contact id="c"><b:name>Alice L.</b:name><b:uris><b:uri id="u" uri="alice@sip.example.org"/></b:uris></b:contact>
        <b:contact id="d"><b:name>Juliet</b:name><b:uris><b:uri id="v" uri="sip:juliet@jabber.example"/></b:uris></b:contact>
      </list></resource-lists>"""
    assert found(octets) == (
        Buddy(address=ALICE, name="Alice L.", groups=("Family",)),
        Buddy(address=JULIET, name="Juliet"),
    )


def test_no_more_people_are_looked_at_than_a_roster_may_get() -> None:
    entries = tuple(Entry(uri=f"sip:u{number}@example.com") for number in range(MOST_BUDDIES + 5))
    assert len(found(document(ResourceList(name="all", members=entries)))) == MOST_BUDDIES


def test_a_contact_of_thousands_of_groups_with_thousands_of_addresses_is_read_soon() -> None:
    groups = "".join(
        f"<b:group><b:name>{number}</b:name><b:contact_id>c</b:contact_id></b:group>"
        for number in range(1_200)
    )
    uris = "".join(f'<b:uri uri="u{number}@example.com"/>' for number in range(4_000))
    octets = (
        '<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists" xmlns:b="urn:ag-projects:xml:ns:addressbook">'
        f'<list>{groups}<b:contact id="c">{uris}</b:contact></list></resource-lists>'
    ).encode()
    began = process_time()
    assert {each.groups for each in found(octets)} == {("0", "1", "2", "3", "4")}
    assert process_time() - began < 1


@pytest.mark.parametrize("octets", [b"", b"<x/>", b"<resource-lists"])
def test_what_is_no_list_is_refused(octets: bytes) -> None:
    with pytest.raises(BadDocument):
        found(octets)


@given(st.text(max_size=30), st.text(max_size=20), st.text(max_size=20))
def test_whatever_stands_there_is_somebody_or_nobody(uri: str, name: str, group: str) -> None:
    entries = (Entry(uri=uri or "x", display_name=name),)
    for each in found(document(ResourceList(name=group, members=entries))):
        assert each.address.local
