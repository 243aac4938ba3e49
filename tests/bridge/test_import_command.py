"""Taking over the contacts of a SIP account into a roster: who may, what is shown, what is added and what goes again."""

from xml.etree.ElementTree import fromstring, tostring

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.bridge.import_command import IMPORTS, MOST_IMPORTED, MOST_SHOWN
from sip2xmpp.bridge.worlds import LOOKUPS
from sip2xmpp.documents import resource_lists
from sip2xmpp.documents.resource_lists import Entry, ResourceList, ResourceLists
from sip2xmpp.store.documents import Document
from sip2xmpp.store.records import Verdict
from sip2xmpp.xmpp.link import MAX_SENT
from tests.bridge.desk import ADMIN, ALICE, BOB, GATEWAY, REGISTER, ROMEO, SIP, Desk
from tests.bridge.test_gateway_commands import Dialogue
from tests.bridge.test_rosters import EXCHANGE, Server, register, state

NODE = "import-contacts"
JULIET = "juliet@jabber.example"
CAROL = rf"carol\40other.example@{GATEWAY}"
FRIENDS = ResourceList(
    name="friends",
    display_name="My friends",
    members=(
        Entry(uri=f"sip:{ALICE}", display_name="Alice L."),
        Entry(uri=f"sip:{JULIET}", display_name="Juliet"),
    ),
)
WORK = ResourceList(name="work", members=(Entry(uri="sip:carol@other.example"), Entry(uri=f"sip:{BOB}")))


def keep(desk: Desk, *lists: ResourceList) -> None:
    desk.store.documents.put(
        Document(
            auid="resource-lists",
            owner=BOB,
            name="index",
            octets=resource_lists.write(ResourceLists(lists=lists)),
            etag="1",
            changed_at=0.0,
        )
    )


@pytest.fixture
def desk(clock: Clock) -> Desk:
    desk = Desk(clock)
    desk.account()
    desk.account(ALICE, "rabbit")
    desk.store.verdicts.put(
        Verdict(presentity=Address.parse(BOB), watcher=Address.parse(ROMEO), handling="allow", decided_at=0.0)
    )
    keep(desk, FRIENDS, WORK)
    assert desk.register() == "result"
    return desk


def run(desk: Desk, server: Server, action: str, dialogue: Dialogue, **values: str | list[str]) -> Dialogue:
    """One step, while the server answers what it is asked."""
    dialogue.send(action, dict(values))
    for _ in range(2 * MOST_IMPORTED + 20):
        answers = [xml for xml in desk.wire.xml if fromstring(xml).get("id") == "i1"]
        taken, desk.wire.xml = desk.wire.xml, list(answers)
        for xml in taken:
            if xml not in answers:
                server.take(xml)
        if answers:
            return dialogue.answered()
        desk.soon()
    raise AssertionError("there was no answer")


def test_contacts_come_into_the_roster_with_names_and_groups(desk: Desk) -> None:
    server = Server(desk)
    server.grant()
    dialogue = Dialogue(desk, NODE)
    assert dialogue.field("groups") == ["My friends", "work"]
    done = run(desk, server, "complete", dialogue, groups=["My friends", "work"])
    assert done.done and done.note.startswith("3 added to the roster") and JULIET in done.note
    assert server.roster == {ALICE: "to", JULIET: "none", CAROL: "to"}
    assert server.names == {ALICE: "Alice L.", JULIET: "Juliet", CAROL: "carol@other.example"}
    assert server.groups == {ALICE: ["My friends"], JULIET: ["My friends"], CAROL: ["work"]}
    assert state(desk, ALICE) is not None and state(desk, JULIET) is None
    again = Dialogue(desk, NODE)
    assert ALICE not in again.text and state(desk, ALICE) is not None
    assert run(desk, server, "complete", again, groups=["My friends"]).note == "0 added to the roster"


def test_contacts_are_chosen_one_by_one(desk: Desk) -> None:
    server = Server(desk)
    server.grant()
    dialogue = Dialogue(desk, NODE)
    run(desk, server, "next", dialogue, groups=["My friends"])
    assert dialogue.field("contacts") == [ALICE, JULIET]
    run(desk, server, "complete", dialogue, contacts=[ALICE])
    assert server.roster == {ALICE: "to"}


def test_what_was_added_goes_with_the_registration_and_jabber_users_stay(desk: Desk) -> None:
    server = Server(desk)
    server.grant()
    run(desk, server, "complete", Dialogue(desk, NODE), groups=["My friends", "work"])
    desk.account(BOB, "another password")
    server.serve()
    assert server.roster == {JULIET: "none"}


def test_without_leave_clients_are_told_and_otherwise_contacts_ask(desk: Desk) -> None:
    server = Server(desk)
    server.features = f"<feature var='{EXCHANGE}'/>"
    desk.presence()
    server.serve()
    server.messages.clear()
    done = run(desk, server, "complete", Dialogue(desk, NODE), groups=["My friends"])
    assert done.note == "suggested to the client"
    server.serve()
    (message,) = server.messages
    assert [(item.get("jid"), item.get("name")) for item in message[1]] == [
        (ALICE, "Alice L."),
        (JULIET, "Juliet"),
    ]
    desk.presence("unavailable")
    dialogue = Dialogue(desk, NODE)
    desk.wire.xml.clear()
    dialogue.send("complete", {"groups": ["My friends"]})
    asked = dialogue.answered()
    assert asked.note == f"each contact asked\nThese are Jabber users; add them yourself: {JULIET}"
    assert desk.said() == [f"subscribe {ALICE} > {ROMEO}"]


@pytest.mark.parametrize("who", [ADMIN, "stranger@jabber.example"])
def test_nobody_else_learns_of_the_list(desk: Desk, who: str) -> None:
    assert Dialogue(desk, NODE, who).error == "forbidden"


def test_a_password_that_has_changed_ends_the_dialogue(desk: Desk) -> None:
    server = Server(desk)
    server.grant()
    dialogue = Dialogue(desk, NODE)
    desk.account(BOB, "another password")
    assert run(desk, server, "complete", dialogue, groups=["My friends"]).error == "forbidden"
    assert server.roster == {}


def test_a_proof_that_ends_while_contacts_are_added_leaves_none(desk: Desk) -> None:
    server = Server(desk)
    server.grant()
    dialogue = Dialogue(desk, NODE)
    dialogue.send("complete", {"groups": ["My friends"]})
    desk.account(BOB, "another password")
    server.serve()
    assert ALICE not in server.roster


def test_who_has_no_contacts_is_told_so(desk: Desk) -> None:
    keep(desk)
    assert "keeps no contacts" in Dialogue(desk, NODE).note
    keep(desk, ResourceList(name="me", members=(Entry(uri=f"sip:{BOB}"),)))
    assert "keeps no contacts" in Dialogue(desk, NODE).note
    desk.store.documents.remove(f"resource-lists {BOB} index")
    assert "keeps no contacts" in Dialogue(desk, NODE).note


def test_a_list_that_cannot_be_read_is_none(desk: Desk) -> None:
    desk.store.documents.put(
        Document(auid="resource-lists", owner=BOB, name="index", octets=b"<", etag="2", changed_at=0.0)
    )
    assert "keeps no contacts" in Dialogue(desk, NODE).note


def test_only_a_few_domains_are_looked_up(desk: Desk) -> None:
    keep(
        desk,
        ResourceList(
            name="all",
            members=tuple(Entry(uri=f"sip:u@d{number}.example") for number in range(LOOKUPS + 5)),
        ),
    )
    desk.asked_dns.clear()
    assert Dialogue(desk, NODE).field("groups") == ["all"]
    assert len(desk.asked_dns) == LOOKUPS


def test_nobody_begins_too_often(desk: Desk) -> None:
    for _ in range(IMPORTS):
        assert not Dialogue(desk, NODE).failed
    assert "Too many" in Dialogue(desk, NODE).note


def test_of_a_long_list_a_part_is_shown_and_added_at_once(desk: Desk) -> None:
    server = Server(desk)
    server.grant()
    server.most = 10_000
    members = tuple(Entry(uri=f"sip:u{number}@{SIP}") for number in range(MOST_IMPORTED + 5))
    keep(desk, ResourceList(name="all", members=members))
    dialogue = Dialogue(desk, NODE)
    run(desk, server, "next", dialogue, groups=["all"])
    assert len(dialogue.field("contacts")) == MOST_SHOWN
    done = run(desk, server, "complete", Dialogue(desk, NODE), groups=["all"])
    assert "begin again" in done.note and len(server.roster) == MOST_IMPORTED
    again = run(desk, server, "complete", Dialogue(desk, NODE), groups=["all"])
    assert "begin again" not in again.note and len(server.roster) == MOST_IMPORTED + 5


def test_the_rest_of_many_jabber_users_comes_the_next_time(desk: Desk) -> None:
    server = Server(desk)
    server.grant()
    server.most = 10_000
    members = tuple(Entry(uri=f"xmpp:u{number}@jabber.example") for number in range(MOST_IMPORTED + 5))
    keep(desk, ResourceList(name="all", members=members))
    notes = [run(desk, server, "complete", Dialogue(desk, NODE), groups=["all"]).note for _ in range(2)]
    assert len(server.roster) == MOST_IMPORTED + 5
    assert "begin again" in notes[0]
    assert notes[1].startswith("5 added") and "begin again" not in notes[1]


def test_long_names_and_many_contacts_fit_into_stanzas(desk: Desk) -> None:
    server = Server(desk)
    server.features = f"<feature var='{EXCHANGE}'/>"
    desk.presence()
    server.serve()
    server.messages.clear()
    members = tuple(
        Entry(uri=f"sip:u{number}@{SIP}", display_name="n" * 1_000) for number in range(MOST_IMPORTED)
    )
    keep(desk, ResourceList(name="g" * 20_000, members=members))
    dialogue = Dialogue(desk, NODE)
    (group,) = dialogue.field("groups")
    assert len(tostring(dialogue.last)) < 10_000
    run(desk, server, "complete", dialogue, groups=[group])
    server.serve()
    assert sum(len(message[1]) for message in server.messages) == MOST_IMPORTED
    assert max(len(tostring(message)) for message in server.messages) < MAX_SENT


def test_a_stranger_who_registers_without_account_has_no_list(desk: Desk) -> None:
    desk.iq("set", f"<query xmlns='{REGISTER}'><username/><password/></query>", f"{JULIET}/x")
    assert Dialogue(desk, NODE, JULIET).error == "forbidden"
    register(desk)
