"""Help with rosters: by leave of the server, by suggestion, or by asking; and what nobody can make the gateway do."""

from xml.etree.ElementTree import Element, fromstring

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.bridge.rosters import MOST_CONTACTS, MOST_GRANTS
from sip2xmpp.store.records import Kind, Verdict
from sip2xmpp.xmpp.iq import ANSWER_SECONDS
from sip2xmpp.xmpp.rosters import MOST_ITEMS
from tests.bridge.desk import ADMIN, ALICE, BOB, GATEWAY, REGISTER, ROMEO, SIP, Desk
from tests.bridge.scene import local
from tests.bridge.test_gateway_commands import Dialogue

ROSTER = "jabber:iq:roster"
EXCHANGE = "http://jabber.org/protocol/rosterx"
CAROL = rf"carol\40example.com@{GATEWAY}"


class Server:
    """Romeo's server: gives access, and keeps the roster; what it does with subscriptions is ``keeps``."""

    def __init__(self, desk: Desk, *, keeps: bool = True, refuses: str = "") -> None:
        self.desk = desk
        self.keeps = keeps
        self.refuses = refuses
        self.roster: dict[str, str] = {}
        self.names: dict[str, str | None] = {}
        self.groups: dict[str, list[str | None]] = {}
        self.messages: list[Element] = []
        self.features = ""
        self.is_empty = False
        self.most = 9

    def grant(self, access: str = "both", server: str = "jabber.example", domain: str = GATEWAY) -> None:
        perm = f"<perm access='roster' type='{access}'/>"
        self.desk.take(
            f"<message from='{server}' to='{domain}'><privilege xmlns='urn:xmpp:privilege:2'>{perm}</privilege></message>"
        )

    def serve(self) -> list[str]:
        """Answer everything that is asked until nothing is; the presence stanzas meanwhile."""
        said: list[str] = []
        for _ in range(100):
            self.desk.soon()
            taken, self.desk.wire.xml = self.desk.wire.xml, []
            if not taken:
                return said
            for xml in taken:
                self.take(xml)
                stanza = fromstring(xml)
                if stanza.tag == "presence":
                    said.append(f"{stanza.get('type', 'available')} {stanza.get('from')}")
        raise AssertionError("it goes on for ever")

    def take(self, xml: str) -> None:
        stanza = fromstring(xml)
        if stanza.tag == "iq" and stanza.get("type") in ("get", "set"):
            self.answer(stanza)
        elif stanza.tag == "message":
            self.messages.append(stanza)

    def item(self, jid: str) -> str:
        groups = "".join(f"<group>{group}</group>" for group in self.groups.get(jid, ()))
        name = f' name="{self.names[jid]}"' if self.names.get(jid) else ""
        return f'<item jid="{jid}" subscription="{self.roster[jid]}"{name}>{groups}</item>'

    def answer(self, iq: Element) -> None:
        head = f"from='{iq.get('to')}' to='{iq.get('from')}' id='{iq.get('id')}'"
        query = iq[0]
        is_full = iq.get("type") == "set" and len(self.roster) >= self.most
        if iq.get("type") == self.refuses or is_full:
            error = "<error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
            self.desk.take(f"<iq type='error' {head}>{error}</iq>")
            return
        inside = ""
        if query.tag.endswith("disco#info}query"):
            inside = f"<query xmlns='http://jabber.org/protocol/disco#info'>{self.features}</query>"
        elif iq.get("type") == "get":
            items = "".join(self.item(jid) for jid in self.roster)
            inside = "" if self.is_empty else f"<query xmlns='{ROSTER}'>{items}</query>"
        else:
            (item,) = query
            jid = item.get("jid", "")
            if item.get("subscription") == "remove":
                self.roster.pop(jid)
                if jid.endswith((SIP, GATEWAY)):  # RFC 6121, section 2.5.2
                    self.desk.take(f"<presence type='unsubscribe' from='{iq.get('to')}' to='{jid}'/>")
            else:
                self.roster[jid] = item.get("subscription", "none") if self.keeps else "none"
                self.names[jid] = item.get("name")
                self.groups[jid] = [group.text for group in item]
        self.desk.take(f"<iq type='result' {head}>{inside}</iq>")


@pytest.fixture
def desk(clock: Clock) -> Desk:
    desk = Desk(clock)
    desk.account()
    return desk


def register(desk: Desk) -> None:
    """Register, and leave what follows on the wire."""
    desk.take(
        f"<iq type='set' from='{ROMEO}/x' to='{GATEWAY}' id='i1'><query xmlns='{REGISTER}'>"
        "<username>bob</username><password>builder</password></query></iq>"
    )


def allow(desk: Desk, watcher: str) -> None:
    desk.store.verdicts.put(
        Verdict(
            presentity=Address.parse(BOB), watcher=Address.parse(watcher), handling="allow", decided_at=0.0
        )
    )


def state(desk: Desk, contact: str, jid: str = ROMEO) -> Kind | None:
    record = desk.store.authorizations.get(f"{jid} {contact}")
    return record.state if record is not None else None


def test_contacts_of_the_sip_user_are_added_where_it_is_allowed(desk: Desk) -> None:
    server = Server(desk)
    server.grant()
    desk.account(ALICE, "rabbit")
    for watcher in (ALICE, "juliet@jabber.example", "carol@example.com"):
        allow(desk, watcher)
    register(desk)
    said = server.serve()
    assert server.roster == {BOB: "to", ALICE: "to"}
    assert server.names == {BOB: BOB, ALICE: ALICE}
    assert f"subscribed {BOB}" in said and f"subscribed {ALICE}" not in said
    assert (state(desk, BOB), state(desk, ALICE)) == (Kind.AUTHORIZED, Kind.PENDING)
    held = desk.side.registrants.get(ROMEO, GATEWAY)
    assert held is not None and set(held.added) == {f"verdict {BOB}", BOB, ALICE}
    desk.iq("set", f"<query xmlns='{REGISTER}'><remove/></query>")
    server.serve()
    assert server.roster == {}


def test_what_the_owner_has_is_left_alone(desk: Desk) -> None:
    server = Server(desk)
    server.roster = {BOB: "none"}
    server.grant()
    register(desk)
    server.serve()
    assert server.roster == {BOB: "none"} and server.names == {} and state(desk, BOB) is None


def test_a_contact_asks_where_the_server_keeps_subscriptions_to_itself(desk: Desk) -> None:
    server = Server(desk, keeps=False)
    server.grant()
    register(desk)
    assert f"subscribe {BOB}" in server.serve()
    assert server.roster == {BOB: "none"}


@pytest.mark.parametrize("size", [0, MOST_ITEMS + 1])
def test_a_roster_that_is_none_or_too_large_is_left_alone(desk: Desk, size: int) -> None:
    server = Server(desk)
    server.roster = {f"u{number}@x": "both" for number in range(size)}
    server.is_empty = not size
    server.grant()
    register(desk)
    assert f"subscribe {BOB}" in server.serve()
    assert BOB not in server.roster


@pytest.mark.parametrize("refuses", ["get", "set"])
def test_a_server_that_refuses_after_all_is_no_obstacle(desk: Desk, refuses: str) -> None:
    server = Server(desk, refuses=refuses)
    server.grant()
    register(desk)
    assert f"subscribe {BOB}" in server.serve()


def test_what_was_added_before_a_server_refused_is_taken_out_at_the_end(desk: Desk) -> None:
    server = Server(desk)
    server.grant()
    desk.account(ALICE, "rabbit")
    allow(desk, ALICE)
    server.most = 1
    register(desk)
    assert f"subscribe {BOB}" in server.serve()
    assert len(server.roster) == 1
    server.most = 9
    desk.iq("set", f"<query xmlns='{REGISTER}'><remove/></query>")
    server.serve()
    assert server.roster == {}


def test_a_server_that_is_silent_is_none_either(desk: Desk) -> None:
    Server(desk).grant()
    register(desk)
    desk.soon()
    desk.clock.advance(ANSWER_SECONDS)
    desk.soon()
    assert f"subscribe {BOB} > {ROMEO}" in desk.said()


def test_contacts_are_suggested_to_clients_that_take_it(desk: Desk) -> None:
    server = Server(desk)
    server.features = f"<feature var='{EXCHANGE}'/>"
    register(desk)
    assert server.serve() == [f"subscribe {GATEWAY}"]
    desk.presence()
    assert f"subscribe {BOB}" not in server.serve()
    (message,) = server.messages
    assert message.get("to") == f"{ROMEO}/orchard"
    (item,) = message[1]
    assert message[1].tag == f"{{{EXCHANGE}}}x"
    assert (item.get("jid"), item.get("name"), item.get("action")) == (BOB, BOB, "add")
    assert local(item[0].tag) == "group" and BOB in (message[0].text or "")
    desk.presence("unavailable")
    desk.presence()
    assert server.serve() and len(server.messages) == 1


def test_the_contact_asks_last_of_all_and_only_the_own_one(desk: Desk) -> None:
    server = Server(desk)
    desk.account(ALICE, "rabbit")
    allow(desk, ALICE)
    register(desk)
    server.serve()
    desk.presence()
    said = server.serve()
    assert f"subscribe {BOB}" in said and f"subscribe {ALICE}" not in said and server.messages == []


def test_who_decided_otherwise_about_oneself_is_obeyed(desk: Desk) -> None:
    desk.store.verdicts.put(
        Verdict(presentity=Address.parse(BOB), watcher=Address.parse(ROMEO), handling="block", decided_at=0.0)
    )
    server = Server(desk)
    server.grant()
    register(desk)
    assert f"unsubscribed {BOB}" in server.serve()
    assert [each.handling for each in desk.store.verdicts.all()] == ["block"]


def test_who_unregisters_in_the_middle_keeps_nothing(desk: Desk) -> None:
    server = Server(desk)
    server.grant()
    register(desk)
    desk.soon()
    desk.store.registrants.remove(f"{ROMEO} {GATEWAY}")
    server.serve()
    assert server.roster == {}


@pytest.mark.parametrize("end", ["all", "password"])
def test_what_was_added_stays_until_the_last_registration_of_a_user_ends(desk: Desk, end: str) -> None:
    server = Server(desk)
    for domain in (GATEWAY, SIP):
        server.grant(domain=domain)
        desk.iq(
            "set",
            f"<query xmlns='{REGISTER}'><username>{BOB}</username><password>builder</password></query>",
            to=domain,
        )
        server.serve()
    desk.iq("set", f"<query xmlns='{REGISTER}'><remove/></query>")
    server.serve()
    assert server.roster == {BOB: "to"} and len(list(desk.store.verdicts.all())) == 1
    if end == "password":
        desk.iq(
            "set", f"<query xmlns='{REGISTER}'><username>{BOB}</username><password>builder</password></query>"
        )
        server.serve()
        desk.account(BOB, "another")
    else:
        desk.iq("set", f"<query xmlns='{REGISTER}'><remove/></query>", to=SIP)
    server.serve()
    assert server.roster == {} and list(desk.store.verdicts.all()) == []


# grants


def test_only_a_server_grants_and_only_for_its_own(desk: Desk) -> None:
    server = Server(desk)
    server.grant(server="romeo@jabber.example")
    server.grant(server="jabber.example/x")
    server.grant(server="elsewhere.example")
    server.grant(access="none")
    server.grant(access="get")
    register(desk)
    server.serve()
    assert server.roster == {}


@pytest.mark.parametrize("end", ["link", "word"])
def test_a_grant_ends(desk: Desk, end: str) -> None:
    server = Server(desk)
    server.grant()
    if end == "link":
        desk.contacts.link_down(GATEWAY, "restart")
    else:
        server.grant(access="none")
    register(desk)
    server.serve()
    assert server.roster == {}


def test_a_grant_to_another_of_our_domains_serves_as_well(desk: Desk) -> None:
    server = Server(desk)
    server.grant(domain=SIP)
    register(desk)
    server.serve()
    assert server.roster == {BOB: "to"}


def test_less_is_granted_whatever_the_whole_world_says(desk: Desk) -> None:
    server = Server(desk)
    server.grant()
    for number in range(MOST_GRANTS):
        server.grant(server=f"s{number}.example")
    server.grant(access="get")
    register(desk)
    server.serve()
    assert server.roster == {}


def test_grants_of_the_whole_world_are_not_remembered(desk: Desk) -> None:
    server = Server(desk)
    for number in range(MOST_GRANTS):
        server.grant(server=f"s{number}.example")
    server.grant()
    register(desk)
    server.serve()
    assert server.roster == {}


# suggestions of operators


def test_an_operator_suggests_contacts(desk: Desk) -> None:
    server = Server(desk)
    server.grant()
    suggest = Dialogue(desk, "suggest", ADMIN)
    suggest.send("complete", {"jid": f"{ROMEO}/x", "contacts": [BOB, "sip:carol@example.com"]})
    answer = [xml for xml in desk.wire.xml if "i1" in xml]
    assert answer == []
    kept: list[str] = []
    for _ in range(10):
        for xml in list(desk.wire.xml):
            stanza = fromstring(xml)
            if stanza.get("id") == "i1":
                kept.append(xml)
            elif stanza.tag == "iq":
                server.answer(stanza)
            desk.wire.xml.remove(xml)
        desk.soon()
    desk.wire.xml = kept
    assert suggest.answered().note == f"{ROMEO}: added to the roster"
    assert server.roster == {BOB: "to", CAROL: "to"}
    again = Dialogue(desk, "suggest", ADMIN).step("complete", jid=ROMEO, contacts=[BOB])
    assert again.note == f"{ROMEO}: nothing was to do"


def test_what_was_not_possible_otherwise_is_asked(desk: Desk) -> None:
    suggest = Dialogue(desk, "suggest", ADMIN)
    suggest.step("complete", jid=ROMEO, contacts=[BOB, "carol@example.com"])
    assert suggest.note == f"{ROMEO}: each contact asked"
    assert desk.said() == [f"subscribe {BOB} > {ROMEO}", f"subscribe {CAROL} > {ROMEO}"]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"jid": BOB, "contacts": BOB}, "does not talk to itself"),
        ({"jid": "jabber.example", "contacts": BOB}, "Only a user"),
        ({"jid": "@", "contacts": BOB}, "not an address"),
        ({"jid": ROMEO, "contacts": "@"}, "not an address"),
        ({"jid": ROMEO, "contacts": ""}, "needed"),
        (
            {"jid": ROMEO, "contacts": [f"u{number}@example.com" for number in range(MOST_CONTACTS + 1)]},
            "at most",
        ),
    ],
)
def test_a_suggestion_that_makes_no_sense_is_none(
    desk: Desk, values: dict[str, str | list[str]], why: str
) -> None:
    suggest = Dialogue(desk, "suggest", ADMIN).step("complete", **values)
    assert suggest.failed and not suggest.done and why in suggest.note
    assert desk.said() == []
