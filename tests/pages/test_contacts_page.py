"""The page of contacts: whom I watch, how they are, and the list that all my devices share."""

from typing import Any

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.documents.presence import Activity, Mood, Note, Person, Presence
from sip2xmpp.errors import NotAuthorized
from sip2xmpp.pages.buddies import LINGERING
from sip2xmpp.pages.contacts import MOST
from sip2xmpp.pages.worlds import LOOKUP_SECONDS, LOOKUPS
from sip2xmpp.presence.states import State
from sip2xmpp.presence.telling import Telling, document_of
from sip2xmpp.presence.watching import Reason
from sip2xmpp.store.documents import GLOBAL
from sip2xmpp.store.records import Verdict
from tests.pages.people import ALICE, BOB, JULIET, ROMEO, People
from tests.xcap.test_contact_list import BLINK

PATH = "/my/contacts"
ROMEO_URI, JULIET_URI = "sip:romeo@jabber.example", "sip:juliet@jabber.example"


@pytest.fixture
def people(clock: Clock) -> People:
    return People(clock)


def document(who: Address, state: State, note: str = "") -> Presence:
    notes = (Note(text=note),) if note else ()
    return document_of(Telling(state=state, notes=notes), who.sip_uri(), source="x")


def etag(people: People) -> str:
    held = people.documents.get("resource-lists", str(ALICE), "index")
    return "" if held is None else held.etag


def do(people: People, what: str, **fields: Any) -> str:
    """Send one of the forms as it would be on the page now; what is told."""
    return people.told(people.post(f"{PATH}/{what}", etag=etag(people), **fields))


def add(people: People, contact: str = str(JULIET), **fields: str) -> str:
    return do(people, "add", contact=contact, **fields)


def test_there_are_no_contacts_at_first(people: People) -> None:
    assert "You have no contacts yet." in people.get(PATH).text
    assert people.kept == ""


def test_a_contact_is_found_before_it_is_added(people: People) -> None:
    page = people.get(f"{PATH}/add", contact="juliet@jabber.example")
    assert "juliet@jabber.example Jabber" in page.part("found")
    assert "Jabber users are asked first" in page.part("found")
    assert people.kept == "" and people.players.begun == []
    assert page.value("contact") == "juliet@jabber.example"
    assert add(people, name="  Juliet   C. ", new="Verona") == "Juliet C. is a contact of yours now."
    assert f'<entry uri="{JULIET_URI}">' in people.kept and ">Juliet C.<" in people.kept
    assert '<list name="Verona">' in people.kept
    assert people.audit.latest(1)[0].what == f"add the contact {JULIET_URI}"


@pytest.mark.parametrize(
    ("domain", "protocol", "reason"),
    [
        ("sip.example.org", "SIP", "sip.example.org is served here: it speaks SIP."),
        ("jabber.example", "Jabber", "speaks Jabber (the operator of this gateway says so)."),
        ("other.example", "SIP", "speaks SIP (the operator of this gateway says so)."),
        ("sip.example.net", "SIP", "sip.example.net speaks SIP (SRV record found)."),
        ("xmpp.example.net", "Jabber", "xmpp.example.net speaks Jabber (SRV record found)."),
        ("both.example", "SIP", "speaks both SIP and Jabber (SRV records of both found). SIP is taken."),
        ("plain.example", "SIP", "has an address and no service records, so it is taken for SIP."),
        ("nothing.example", "", "speaks neither SIP nor Jabber"),
        ("silent.example", "", "DNS does not answer for silent.example at present"),
    ],
)
def test_what_somebody_speaks_is_found_and_explained(
    people: People, domain: str, protocol: str, reason: str
) -> None:
    page = people.get(f"{PATH}/add", contact=f"somebody@{domain}")
    assert reason in page.part("found")
    assert page.part("found").startswith(f"somebody@{domain} {protocol}".strip())
    assert "Add the contact" in page.part("found")


def test_only_so_many_domains_are_looked_up_for_one_user(people: People) -> None:
    for number in range(LOOKUPS):
        assert people.get(f"{PATH}/add", contact=f"x@d{number}.example").status == 200
    refused = people.get(f"{PATH}/add", contact="x@another.example")
    assert refused.status == 422 and "Too many domains were looked up" in refused.text
    assert refused.part("found") == ""
    assert len(people.asked) == LOOKUPS
    # what is known, and what others ask, is not counted
    assert people.get(f"{PATH}/add", contact="x@jabber.example").status == 200
    assert people.get(f"{PATH}/add", contact="x@another.example", user=BOB).status == 200
    people.clock.advance(LOOKUP_SECONDS)
    assert people.get(f"{PATH}/add", contact="x@one-more.example").status == 200


@pytest.mark.parametrize(
    "written", ["", "nobody", "jabber.example", "a b@jabber.example", "javascript:alert(1)", "@", "alice@"]
)
def test_what_is_no_address_is_not_added(people: People, written: str) -> None:
    assert people.get(f"{PATH}/add", contact=written).status in (200, 422)
    assert add(people, written) != ""
    assert people.kept == "" and not people.audit.latest(1)


def test_nobody_is_a_contact_of_himself_or_twice(people: People) -> None:
    assert add(people, str(ALICE)) == "This is your own address."
    add(people)
    assert "is a contact of yours already" in add(people, "xmpp:juliet@jabber.example")
    page = people.get(f"{PATH}/add", contact="pres:juliet@jabber.example")
    assert "This is a contact of yours already." in page.part("found")
    assert people.kept.count("<entry") == 1


def test_a_telephone_number_is_a_contact_without_presence(people: People) -> None:
    assert "has no presence" in people.get(f"{PATH}/add", contact="tel:+15550100").part("found")
    add(people, "tel:+15550100", name="Office")
    assert "Office tel:+15550100 Has no presence" in people.get(PATH).text


# How they are


def test_the_state_of_each_contact_is_that_which_the_user_may_see(people: People) -> None:
    players = people.players
    players.say(JULIET, document(JULIET, State.AWAY, "On the balcony"))
    players.pend(ROMEO)
    refusing = Address("tybalt", "jabber.example")
    players.refusals[refusing] = NotAuthorized("no")
    people.state(BOB, State.DND, "Not for everybody")
    for contact in (JULIET, ROMEO, refusing, BOB, Address("ghost", "sip.example.org")):
        add(people, str(contact), name=contact.local)
    page = people.get(PATH).part("groups")
    assert "juliet Jabber juliet@jabber.example Away On the balcony" in page
    assert "romeo Jabber romeo@jabber.example Asked, and not answered yet" in page
    assert "tybalt Jabber tybalt@jabber.example Does not let you see" in page
    assert "ghost SIP ghost@sip.example.org Nobody is called so there" in page
    assert "bob SIP bob@sip.example.org Asked, and not answered yet" in page
    assert "Not for everybody" not in page
    people.store.verdicts.put(Verdict(presentity=BOB, watcher=ALICE, handling="allow", decided_at=1.0))
    people.clock.advance(1)
    assert "Do not disturb Not for everybody" in people.get(PATH).part("groups")
    people.store.verdicts.put(Verdict(presentity=BOB, watcher=ALICE, handling="polite-block", decided_at=2.0))
    people.clock.advance(1)
    assert "bob SIP bob@sip.example.org Offline" in people.get(PATH).part("groups")


def test_each_user_asks_in_his_own_name(people: People) -> None:
    players = people.players
    players.say(JULIET, document(JULIET, State.AWAY, "For alice alone"))
    add(people)
    assert "For alice alone" in people.get(PATH).text
    assert {each.watcher.address for each in players.live[JULIET]} == {ALICE}
    players.pend(JULIET)
    bobs = people.post(f"{PATH}/add", user=BOB, contact=str(JULIET), etag="")
    assert bobs.status == 303
    page = people.get(PATH, user=BOB)
    assert "Asked, and not answered yet" in page.text and "For alice alone" not in page.text
    assert {each.watcher.address for each in players.live[JULIET]} == {ALICE, BOB}


def test_a_change_is_signalled_and_the_watch_ends_with_the_last_page(people: People) -> None:
    people.players.say(JULIET, document(JULIET, State.AWAY))
    add(people)
    heard = people.listens("contacts")
    people.get(PATH)
    people.players.say(JULIET, document(JULIET, State.DND))
    people.run(1)
    assert heard == [b"event: changed\ndata: 1\n\n"]
    assert "Do not disturb" in people.get(PATH).text
    people.clock.advance(3 * LINGERING)
    assert people.players.watched() == {JULIET}
    people.live.close()
    people.clock.advance(LINGERING)
    assert people.players.watched() == set()


def test_a_contact_that_cannot_be_reached_is_said(people: People) -> None:
    people.players.say(JULIET, document(JULIET, State.AWAY))
    add(people)
    people.get(PATH)
    people.players.end(JULIET, Reason.GIVEUP)
    people.clock.advance(1)
    assert "Cannot be reached now, and is asked again" in people.get(PATH).text


def test_what_a_contact_says_is_never_markup(people: People) -> None:
    evil = "<img src=x onerror=alert(1)>\"'&"
    people.players.say(JULIET, document(JULIET, State.AWAY, evil))
    add(people, name='"><b>Juliet')
    for page in (people.get(PATH), people.get(f"{PATH}/contact", uri=JULIET_URI)):
        assert b"<img src=x" not in page.body and b"><b>Juliet" not in page.body
        assert evil in page.text


@pytest.mark.parametrize("evil", ["<form action=/sign-out><button>Win", "100 % away", "%(who)s", "%s"])
def test_words_that_a_contact_made_up_are_shown_as_they_are(people: People, evil: str) -> None:
    doing = Activity(name="other", text=evil)
    person = Person(id="p", activities=(doing,), moods=(Mood(name="other", text=evil),), place_types=(evil,))
    people.players.say(JULIET, Presence(entity=JULIET.sip_uri(), persons=(person,)))
    add(people)
    page = people.get(f"{PATH}/contact", uri=JULIET_URI)
    assert page.status == 200
    assert page.part("state").count(evil) == 3


def test_a_page_does_not_grow_with_what_contacts_write(people: People) -> None:
    people.players.say(JULIET, document(JULIET, State.AWAY, "x" * 1_500))
    add(people)
    page = people.get(PATH)
    assert "x" * 499 + "…" in page.text and "x" * 500 not in page.text


# Changing


def test_a_contact_is_named_moved_and_removed(people: People) -> None:
    add(people, name="Juliet", new="Friends")
    do(people, "groups", name="Verona")
    page = people.get(f"{PATH}/contact", uri=JULIET_URI)
    assert "Friends" in page.text and "Verona" in page.text
    done = do(people, "contact", contact=JULIET_URI, name="Capulet", group=["Verona", "Friends"])
    assert done == "Capulet was changed." and people.kept.count(JULIET_URI) == 2
    do(people, "contact", contact=JULIET_URI, name="Capulet", group=["Verona"])
    assert people.kept.count(JULIET_URI) == 1
    assert people.kept.index("Verona") < people.kept.index(JULIET_URI)
    assert do(people, "contact", contact=JULIET_URI, name="x") == "A contact is in one group at least."
    many = [f"g{number}" for number in range(101)]
    assert "so many groups" in do(people, "contact", contact=JULIET_URI, name="x", group=many)
    assert do(people, "remove", contact=JULIET_URI) == f"{JULIET_URI} is no contact of yours any more."
    assert "entry" not in people.kept
    assert "no such contact" in do(people, "remove", contact=JULIET_URI)
    assert people.get(f"{PATH}/contact", uri=JULIET_URI).status == 404


def test_groups_are_renamed_moved_and_removed(people: People) -> None:
    do(people, "groups", name="Friends")
    do(people, "groups", name="Football")
    add(people, new="Football")
    assert (
        do(people, "group", id="Football", name="Soccer", parent="Friends") == "The group Soccer was changed."
    )
    page = people.get(f"{PATH}/group", id="Friends/Soccer")
    assert page.status == 200 and "Its 1 contact goes with it" in page.text
    assert "So does the group inside it." in people.get(f"{PATH}/group", id="Friends").text
    assert "Friends / Soccer" in people.get(f"{PATH}/add", contact=str(ROMEO)).text
    assert do(people, "groups", name="Soccer", parent="Friends") == "There is a group of this name already."
    assert do(people, "remove-group", id="Friends").startswith("The group was removed")
    assert "<list" not in people.kept
    assert people.get(f"{PATH}/group", id="Friends").status == 404
    assert people.post(f"{PATH}/groups", etag=etag(people), name=" ").status == 422


def test_what_another_device_changed_is_not_overwritten(people: People) -> None:
    add(people, name="Juliet")
    seen = etag(people)
    add(people, str(ROMEO), name="Romeo")
    for what, fields in (
        ("contact", {"contact": JULIET_URI, "name": "x", "group": ["Contacts"]}),
        ("remove", {"contact": JULIET_URI}),
        ("remove-group", {"id": "Contacts"}),
        ("group", {"id": "Contacts", "name": "x"}),
        ("groups", {"name": "x"}),
        ("add", {"contact": "bob@sip.example.org"}),
    ):
        before = people.kept
        for stale in (seen, "", "*", "made up"):
            answer = people.post(f"{PATH}/{what}", etag=stale, **fields)
            assert "was changed by another device" in people.told(answer)
        assert people.kept == before
    assert len(people.audit.latest(10)) == 2


def test_what_clients_keep_in_the_list_stays(people: People) -> None:
    kept = BLINK.replace(b"<entry/>", b"").replace(b"<x:other/>", b"<!-- end -->")
    people.keep(kept)
    page = people.get(PATH)
    assert page.status == 200
    add(people, str(ROMEO), group="friends")
    assert ROMEO_URI in people.kept
    do(people, "remove", contact=ROMEO_URI)
    assert people.kept == kept.decode()


def test_a_list_that_cannot_be_read_is_said_and_left_alone(people: People) -> None:
    people.keep(b"<resource-lists")
    for path in (PATH, f"{PATH}/add?contact=x@jabber.example", f"{PATH}/contact?uri=x", f"{PATH}/group?id=x"):
        page = people.get(path)
        assert page.status == 409 and "Your list cannot be read." in page.text
    assert "what is kept cannot be read" in add(people)
    assert people.kept == "<resource-lists"


def test_a_long_list_is_shown_page_by_page(people: People) -> None:
    entries = "".join(f'<entry uri="sip:c{number}@jabber.example"/>' for number in range(MOST + 5))
    people.keep(
        f'<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list name="All">{entries}</list></resource-lists>'.encode()
    )
    first = people.get(PATH)
    assert first.body.count(b'class="person"') == MOST and f"1 to {MOST} of {MOST + 5}" in first.text
    people.run(2)
    assert len(people.players.watched()) == MOST
    second = people.get(PATH, **{"from": str(MOST)})
    assert second.body.count(b'class="person"') == 5
    people.run(2)
    assert len(people.players.watched()) == 5
    assert people.get(PATH, find="c504@").body.count(b'class="person"') == 1


# Departments


def test_departments_are_shown_with_the_state_of_each_member(people: People) -> None:
    people.keep(
        b'<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list name="sales">'
        b'<display-name>Sales</display-name><entry uri="sip:bob@sip.example.org"><display-name>Bob</display-name></entry>'
        b'<entry uri="sip:juliet@jabber.example"/></list></resource-lists>',
        owner=GLOBAL,
    )
    people.players.say(JULIET, document(JULIET, State.XA))
    assert "Sales 2 members" in people.get(PATH).part("departments")
    page = people.get(f"{PATH}/department", name="sales")
    assert "juliet@jabber.example Jabber Extended away" in page.part("members")
    assert "Bob SIP bob@sip.example.org Asked, and not answered yet" in page.part("members")
    assert people.get(f"{PATH}/department", name="nothing").status == 404
    # a department may be a contact as well
    people.store.verdicts.put(Verdict(presentity=BOB, watcher=ALICE, handling="allow", decided_at=1.0))
    people.state(BOB, State.ONLINE)
    add(people, "sales@sip.example.org", name="The sales people")
    assert "2 of 2 available" in people.get(PATH).part("groups")


def test_only_forms_of_ones_own_session_change_the_list(people: People) -> None:
    for what in ("add", "contact", "remove", "groups", "group", "remove-group"):
        assert people.post(f"{PATH}/{what}", csrf="x", contact=str(JULIET), name="x", etag="").status == 403
    assert people.kept == ""
