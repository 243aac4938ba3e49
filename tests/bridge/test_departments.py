"""Departments in a roster: who may follow them, what comes and goes, and what a restart, a crash or a new password leaves."""

from dataclasses import replace

import pytest
from twisted.internet.task import Clock

from sip2xmpp.bridge.departments import MOST_MEMBERS, MOST_OF_ONE
from sip2xmpp.documents import resource_lists
from sip2xmpp.documents.resource_lists import Entry, ResourceList, ResourceLists
from sip2xmpp.store.documents import GLOBAL, Document, document_key
from tests.bridge.desk import ADMIN, ALICE, BOB, GATEWAY, REGISTER, ROMEO, SIP, Desk
from tests.bridge.test_gateway_commands import Dialogue
from tests.bridge.test_import_command import run
from tests.bridge.test_rosters import EXCHANGE, Server, allow, register, state

NODE = "departments"
CAROL, DAVE = f"carol@{SIP}", f"dave@{SIP}"
JULIET = "juliet@jabber.example"


def keep(desk: Desk, **lists: list[str]) -> None:
    """The lists of the operator, each with its members."""
    made = tuple(
        ResourceList(
            name=name,
            display_name=f"The {name}",
            members=tuple(Entry(uri=f"sip:{each}", display_name=each.partition("@")[0]) for each in members),
        )
        for name, members in lists.items()
    )
    desk.store.documents.put(
        Document(
            auid="resource-lists",
            owner=GLOBAL,
            name="index",
            octets=resource_lists.write(ResourceLists(lists=made)),
            etag=str(len(lists)),
            changed_at=0.0,
        )
    )


@pytest.fixture
def desk(clock: Clock) -> Desk:
    desk = Desk(clock)
    for address in (BOB, ALICE, CAROL, DAVE):
        desk.account(address)
    keep(desk, sales=[ALICE, CAROL, JULIET], support=[CAROL])
    assert desk.register() == "result"
    return desk


@pytest.fixture
def server(desk: Desk) -> Server:
    """Romeo's server, which opens rosters; what came with the registration is there already."""
    server = Server(desk)
    server.most = 10_000
    server.grant()
    server.serve()
    return server


def choose(desk: Desk, server: Server, *names: str) -> Dialogue:
    return run(desk, server, "complete", Dialogue(desk, NODE), departments=list(names))


def after(desk: Desk, server: Server) -> dict[str, list[str | None]]:
    """The groups of the roster once everything has been done, without the own SIP user."""
    server.serve()
    return {jid: server.groups[jid] for jid in server.roster if jid != BOB}


def test_the_members_of_a_department_are_a_group_of_the_roster(desk: Desk, server: Server) -> None:
    dialogue = Dialogue(desk, NODE)
    assert (
        dialogue.options("departments") == ["The sales (3)", "The support (1)"]
        and dialogue.field("departments") == []
    )
    done = run(desk, server, "complete", dialogue, departments=["sales"])
    assert done.note == "The sales: added to the roster"
    assert after(desk, server) == {each: ["The sales"] for each in (ALICE, CAROL, JULIET)}
    assert server.names[ALICE] == "alice"
    assert Dialogue(desk, NODE).field("departments") == ["sales"]
    assert choose(desk, server, "sales").note == "Nothing was to do"


def test_a_change_of_the_list_is_followed_at_once(desk: Desk, server: Server) -> None:
    choose(desk, server, "sales")
    before = desk.clock.seconds()
    keep(desk, sales=[DAVE, CAROL, JULIET], support=[CAROL])
    assert set(after(desk, server)) == {DAVE, CAROL, JULIET}
    assert desk.clock.seconds() - before < 1
    keep(desk)
    assert after(desk, server) == {}
    keep(desk, sales=[ALICE])
    assert set(after(desk, server)) == {ALICE}


def test_what_the_owner_has_is_left_alone_and_what_the_owner_removes_stays_away(
    desk: Desk, server: Server
) -> None:
    server.roster[ALICE], server.groups[ALICE] = "both", ["Friends"]
    choose(desk, server, "sales")
    del server.roster[CAROL]
    keep(desk, sales=[DAVE, ALICE, CAROL, JULIET])
    assert after(desk, server) == {ALICE: ["Friends"], JULIET: ["The sales"], DAVE: ["The sales"]}
    keep(desk, sales=[CAROL])
    assert after(desk, server) == {ALICE: ["Friends"]}


def test_a_department_that_is_called_otherwise_is_another_group(desk: Desk, server: Server) -> None:
    server.roster[ALICE], server.groups[ALICE] = "both", ["The sales"]
    choose(desk, server, "sales", "support")
    server.groups[JULIET] = ["The sales", "Mine"]
    document = desk.store.documents.get(document_key("resource-lists", GLOBAL, "index"))
    assert document is not None
    octets = document.octets.replace(b"The sales", b"Sellers").replace(
        f"sip:{ALICE}".encode(), b"sip:" + DAVE.encode()
    )
    desk.store.documents.put(replace(document, octets=octets, etag="renamed"))
    assert after(desk, server) == {
        ALICE: ["The sales"],
        CAROL: ["Sellers", "The support"],
        JULIET: ["Sellers", "Mine"],
        DAVE: ["Sellers"],
    }
    keep(desk, support=[CAROL])
    assert after(desk, server) == {ALICE: ["The sales"], CAROL: ["The support"]}


def test_who_is_in_two_departments_leaves_one_group_after_the_other(desk: Desk, server: Server) -> None:
    choose(desk, server, "sales", "support")
    assert after(desk, server)[CAROL] == ["The sales", "The support"]
    keep(desk, sales=[ALICE], support=[CAROL])
    assert after(desk, server) == {ALICE: ["The sales"], CAROL: ["The support"]}
    assert choose(desk, server, "sales").note == "The support: removed from the roster"
    assert after(desk, server) == {ALICE: ["The sales"]}


@pytest.mark.parametrize("end", ["registration", "password", "account", "disabled"])
def test_what_came_goes_when_nobody_is_registered_any_more(desk: Desk, server: Server, end: str) -> None:
    choose(desk, server, "sales", "support")
    if end == "registration":
        desk.iq("set", f"<query xmlns='{REGISTER}'><remove/></query>")
    elif end == "password":
        desk.account(BOB, "another")
    elif end == "disabled":
        account = desk.store.accounts.get(BOB)
        assert account is not None
        desk.store.accounts.put(replace(account, disabled=True))
    else:
        desk.store.accounts.remove(BOB)
    server.serve()
    assert after(desk, server) == {} and list(desk.store.followings.all()) == []


@pytest.mark.parametrize("allowed", [(), ("other.example",)])
def test_another_configuration_takes_the_right_to_follow(clock: Clock, allowed: tuple[str, ...]) -> None:
    desk = Desk(clock, allowed=("jabber.example",))
    keep(desk, sales=[ALICE])
    desk.iq("set", f"<query xmlns='{REGISTER}'><username/><password/></query>", f"{JULIET}/x")
    server = Server(desk)
    server.grant()
    run(desk, server, "complete", Dialogue(desk, NODE, JULIET), departments=["sales"])
    server.desk = again = Desk(clock, desk.store, allowed=allowed)
    keep(again, sales=[ALICE, DAVE])
    assert set(after(again, server)) == {ALICE}
    server.grant()
    assert after(again, server) == {} and list(again.store.followings.all()) == []


def test_a_password_that_changes_while_the_link_is_down_ends_it_when_the_roster_is_open(
    desk: Desk, server: Server
) -> None:
    choose(desk, server, "sales")
    after(desk, server)
    desk.side.rosters.link_down(GATEWAY)
    desk.account(BOB, "another")
    assert set(after(desk, server)) == {ALICE, CAROL, JULIET}
    server.grant()
    assert after(desk, server) == {} and list(desk.store.followings.all()) == []


def test_who_could_not_be_taken_out_as_the_link_was_lost_is_taken_out_later(
    desk: Desk, server: Server
) -> None:
    choose(desk, server, "sales")
    keep(desk, sales=[JULIET])
    desk.soon()
    assert [xml for xml in desk.wire.xml if "remove" in xml]
    desk.wire.xml.clear()
    desk.side.rosters.link_down(GATEWAY)
    desk.clock.pump([10] * 10)
    assert set(after(desk, server)) == {ALICE, CAROL, JULIET}
    server.grant()
    assert set(after(desk, server)) == {JULIET}


def test_a_change_while_nobody_was_here_is_followed_after_a_restart(desk: Desk, server: Server) -> None:
    choose(desk, server, "sales")
    after(desk, server)
    again = Desk(desk.clock, desk.store)
    keep(again, sales=[DAVE])
    server.desk = again
    assert set(after(again, server)) == {ALICE, CAROL, JULIET}
    server.grant()
    assert set(after(again, server)) == {DAVE}
    keep(again, sales=[DAVE, ALICE])
    assert set(after(again, server)) == {DAVE, ALICE}


def test_who_was_put_into_the_roster_before_a_crash_is_watched_and_goes_again(
    desk: Desk, server: Server
) -> None:
    after(desk, server)
    Dialogue(desk, NODE).send("complete", {"departments": ["sales"]})
    for _ in range(3):
        taken, desk.wire.xml = desk.wire.xml, []
        for xml in taken:
            server.take(xml)
        desk.soon()
    assert set(server.roster) - {BOB} == {ALICE, CAROL}
    desk.wire.xml.clear()
    server.desk = again = Desk(desk.clock, desk.store)
    keep(again, sales=[ALICE, JULIET])
    server.grant()
    assert set(after(again, server)) == {ALICE, JULIET}
    assert state(again, ALICE) is not None
    keep(again)
    assert after(again, server) == {}


def test_without_a_grant_clients_are_told_when_they_are_there(desk: Desk) -> None:
    server = Server(desk)
    server.features = f"<feature var='{EXCHANGE}'/>"
    desk.presence()
    server.serve()
    assert choose(desk, server, "sales").note == "The sales: suggested to the client"
    desk.presence("unavailable")
    server.messages.clear()
    keep(desk, sales=[ALICE, DAVE, JULIET])
    server.serve()
    assert server.messages == []
    desk.presence()
    server.serve()
    told = [
        (item.get("action"), item.get("jid"), item[0].text)
        for message in server.messages
        for item in message[1]
    ]
    assert told == [("delete", CAROL, "The sales"), ("add", DAVE, "The sales")]
    desk.presence("unavailable")
    desk.presence()
    server.messages.clear()
    server.serve()
    assert server.messages == []


def test_nobody_is_told_to_remove_whom_he_had_himself(desk: Desk) -> None:
    server = Server(desk)
    server.features = f"<feature var='{EXCHANGE}'/>"
    desk.presence()
    desk.presence("subscribe", ROMEO, ALICE)
    server.serve()
    choose(desk, server, "sales")
    server.messages.clear()
    keep(desk, sales=[])
    server.serve()
    assert [item.get("jid") for message in server.messages for item in message[1]] == [CAROL, JULIET]


def test_where_nothing_else_is_possible_contacts_ask_and_a_message_says_who_left(desk: Desk) -> None:
    server = Server(desk)
    desk.presence()
    server.serve()
    dialogue = Dialogue(desk, NODE)
    dialogue.send("complete", {"departments": ["support"]})
    for _ in range(5):
        for xml in [each for each in desk.wire.xml if "disco#info" in each]:
            desk.wire.xml.remove(xml)
            server.take(xml)
        desk.soon()
    assert dialogue.answered().note == "The support: each contact asked"
    assert f"subscribe {CAROL} > {ROMEO}" in desk.said()
    keep(desk, support=[])
    server.serve()
    (message,) = server.messages
    assert message.get("to") == ROMEO and CAROL in (message[0].text or "")


def test_only_who_belongs_to_the_house_may_know_the_lists(desk: Desk) -> None:
    assert Dialogue(desk, NODE, JULIET).error == "forbidden"
    desk.iq("set", f"<query xmlns='{REGISTER}'><username/><password/></query>", f"{JULIET}/x")
    assert Dialogue(desk, NODE, JULIET).error == "forbidden"
    assert Dialogue(desk, NODE, ADMIN).error == "forbidden"
    desk.iq("set", f"<query xmlns='{REGISTER}'><username/><password/></query>", f"{ADMIN}/x")
    assert "The sales (3)" in Dialogue(desk, NODE, ADMIN).options("departments")


def test_where_the_operator_says_whom_to_serve_these_belong_to_the_house(clock: Clock) -> None:
    desk = Desk(clock, allowed=("jabber.example",))
    keep(desk, sales=[ALICE])
    assert Dialogue(desk, NODE, JULIET).error == "forbidden"
    desk.iq("set", f"<query xmlns='{REGISTER}'><username/><password/></query>", f"{JULIET}/x")
    server = Server(desk)
    server.grant()
    run(desk, server, "complete", Dialogue(desk, NODE, JULIET), departments=["sales"])
    assert after(desk, server) == {ALICE: ["The sales"]}
    desk.iq("set", f"<query xmlns='{REGISTER}'><remove/></query>", f"{JULIET}/x")
    assert after(desk, server) == {}


def test_a_member_stays_whom_a_registration_brought_that_proves_nothing_any_more(clock: Clock) -> None:
    desk = Desk(clock, allowed=("jabber.example",))
    for address in (BOB, ALICE):
        desk.account(address)
    allow(desk, ALICE)
    keep(desk, sales=[ALICE])
    server = Server(desk)
    server.grant()
    register(desk)
    server.serve()
    assert set(server.roster) == {BOB, ALICE}
    desk.wire.xml.clear()
    choose(desk, server, "sales")
    assert server.groups[ALICE] == ["SIP", "The sales"]
    desk.account(BOB, "another")
    server.serve()
    assert set(server.roster) == {ALICE}
    choose(desk, server)
    assert server.roster == {}


def test_who_loses_the_right_in_the_middle_gets_nothing(desk: Desk, server: Server) -> None:
    dialogue = Dialogue(desk, NODE)
    desk.account(BOB, "another")
    assert run(desk, server, "complete", dialogue, departments=["sales"]).error == "forbidden"
    server.serve()
    assert server.roster == {}


def test_where_there_are_no_departments_that_is_said(desk: Desk) -> None:
    keep(desk)
    assert Dialogue(desk, NODE).note == "There are no departments"
    desk.store.documents.put(
        Document(auid="resource-lists", owner=GLOBAL, name="index", octets=b"<", etag="x", changed_at=0.0)
    )
    assert Dialogue(desk, NODE).note == "There are no departments"


def test_a_large_department_comes_in_part_and_nobody_follows_too_many(desk: Desk, server: Server) -> None:
    keep(
        desk,
        all=[f"u{number}@{SIP}" for number in range(MOST_MEMBERS + 5)],
        **{f"d{number}": [] for number in range(MOST_OF_ONE)},
    )
    choose(desk, server, "all")
    assert len(after(desk, server)) == MOST_MEMBERS
    full = choose(desk, server, "all", *(f"d{number}" for number in range(MOST_OF_ONE)))
    assert full.failed and "no room" in full.note
    assert len(desk.store.followings.select(ROMEO)) == MOST_OF_ONE


def test_changes_in_quick_succession_end_at_the_last(desk: Desk, server: Server) -> None:
    choose(desk, server, "sales")
    for number in range(20):
        keep(desk, sales=[ALICE if number % 2 else DAVE, *([CAROL] if number % 3 else [])])
        desk.soon()
    keep(desk, sales=[DAVE])
    assert set(after(desk, server)) == {DAVE}
