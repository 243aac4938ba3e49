"""What operators see and do by the API."""

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.digest import Algorithm, ha1
from sip2xmpp.documents import resource_lists
from sip2xmpp.documents.namespaces import RESOURCE_LISTS, RLS_SERVICES
from sip2xmpp.documents.reginfo import ContactEvent
from sip2xmpp.documents.resource_lists import Entry, ResourceList, ResourceLists
from sip2xmpp.errors import StorageFailed
from sip2xmpp.portal.operating_domains import Place
from sip2xmpp.portal.operating_lists import LISTS, ListRow, ListRows
from sip2xmpp.portal.operating_lookup import LOOKUPS
from sip2xmpp.portal.operating_tokens import GRANTS
from sip2xmpp.portal.rows import MOST, PLACE, TURN, Found, Wanted, found
from sip2xmpp.portal.shapes import Member, Wrong, from_query, whole
from sip2xmpp.presence.directory import Evidence
from sip2xmpp.presence.watching import Reason, Standing
from sip2xmpp.store.accounts import make_account
from sip2xmpp.store.documents import GLOBAL, Document
from sip2xmpp.store.keeping import Session
from sip2xmpp.store.records import Authorization, Kind, Side, Verdict, Virtual, Waiting
from tests.certificates import Authority
from tests.portal.operating import ALICE, BOB, JULIET, LOCAL, OPERATOR, TYPED, VIEWER, Panel, SmallLink
from tests.portal.scene import Answer

OPERATOR_ROOT = "/api/v1/operator"
AUDIT = f"{OPERATOR_ROOT}/audit"
TOKENS = f"{OPERATOR_ROOT}/tokens"
A_TOKEN = {"name": "roof", "addresses": ["weather@sip.example.org"], "may": ["publish"]}


@pytest.fixture
def panel(clock: Clock) -> Panel:
    panel = Panel(clock)
    panel.store.accounts.put(make_account(ALICE, "wonderland"))
    panel.store.accounts.put(make_account(BOB, "builder"))
    return panel


def get(panel: Panel, path: str, token: str = VIEWER) -> Answer:
    return panel.ask("GET", path, token=token)


def done(panel: Panel) -> list[tuple[str, str]]:
    """What the audit log says, the newest first."""
    return [(row["what"], row["about"]) for row in get(panel, AUDIT).json["rows"]]


# users


def test_users_are_listed_with_what_an_operator_wants_to_know(panel: Panel) -> None:
    panel.registered(ALICE, "sip:alice@192.0.2.7")
    panel.registered(ALICE, "sip:alice@192.0.2.8")
    panel.store.virtuals.put(Virtual(address=Address("weather", "sip.example.org"), since=0.0))
    rows = get(panel, "/api/v1/users").json["rows"]
    assert [(row["address"], row["kind"], row["role"], row["devices"]) for row in rows] == [
        ("alice@sip.example.org", "account", "operator", 2),
        ("bob@sip.example.org", "account", "", 0),
        ("weather@sip.example.org", "virtual", "", 0),
    ]
    assert rows[0]["state"] == "offline" and rows[0]["disabled"] is False and rows[0]["sessions"] == 0


def test_a_long_list_comes_a_stretch_at_a_time_and_whoever_comes_meanwhile_disturbs_nothing(
    panel: Panel,
) -> None:
    for number in range(250):
        panel.store.accounts.put(make_account(Address(f"user{number:03}", "sip.example.org"), "x"))
    first = get(panel, "/api/v1/users?limit=100&match=USER").json
    assert len(first["rows"]) == 100 and first["next"]
    panel.store.accounts.remove(first["rows"][-1]["address"])
    panel.store.accounts.put(make_account(Address("user000a", "sip.example.org"), "x"))
    second = get(panel, f"/api/v1/users?limit=200&match=user&after={quote(first['next'])}").json
    assert [row["address"] for row in second["rows"]] == [
        f"user{n:03}@sip.example.org" for n in range(100, 250)
    ]
    assert second["next"] is None


def test_a_hundred_thousand_rows_are_gone_through_in_turns(clock: Clock) -> None:
    looked_at: list[int] = []
    meanwhile: list[int] = []
    answers: list[Found[int]] = []

    def records() -> Iterator[int]:
        for number in reversed(range(100 * TURN)):
            looked_at.append(number)
            yield number

    def breathe() -> None:
        meanwhile.append(len(looked_at))
        if not answers:
            clock.callLater(0, breathe)

    wanted = Wanted(limit=2, match="7")
    looking = found(clock, records(), wanted, order="{:06}".format, text=str)
    clock.callLater(0, breathe)
    Deferred.fromCoroutine(looking).addCallback(answers.append)
    clock.advance(0)
    assert answers[0].rows == (7, 17) and answers[0].next == "000017"
    assert len(meanwhile) >= 100 and max(b - a for a, b in itertools.pairwise(meanwhile)) <= TURN


def test_an_account_that_is_added_can_be_used_at_once(panel: Panel) -> None:
    said = {"address": "carol@SIP.example.org", "password": "pass word ü"}
    made = panel.ask("POST", "/api/v1/users", said, token=OPERATOR)
    assert made.status == 201 and made.headers["location"] == "/api/v1/users/carol@sip.example.org"
    assert made.json["address"] == "carol@sip.example.org" and "pass" not in json.dumps(made.json)
    account = panel.store.accounts.get("carol@sip.example.org")
    assert account is not None
    assert account.ha1_md5 == ha1(Algorithm.MD5, "carol", "sip.example.org", "pass word ü")
    assert done(panel) == [("add the account", "carol@sip.example.org")]
    assert panel.ask("POST", "/api/v1/users", said, token=OPERATOR).status == 409


@pytest.mark.parametrize(
    ("address", "password", "status"),
    [
        ("carol@elsewhere.example", "x", 422),
        ("sip.example.org", "x", 422),
        ("a:b@sip.example.org", "x", 422),
        ("carol@sip.example.org", "", 400),
        ("carol@sip.example.org", "x" * 201, 400),
        ("carol@sip.example.org", "a\nb", 422),
        ("carol@sip.example.org", 7, 400),
    ],
)
def test_no_account_is_made_that_nobody_could_use(
    panel: Panel, address: str, password: object, status: int
) -> None:
    answer = panel.ask("POST", "/api/v1/users", {"address": address, "password": password}, token=OPERATOR)
    assert answer.status == status and len(panel.store.accounts) == 2 and not done(panel)


def signed_in(panel: Panel, address: Address = ALICE, digest: str = "d1") -> None:
    panel.store.sessions.put(
        Session(
            digest=digest,
            address=str(address),
            csrf="c",
            began_at=0.0,
            seen_at=0.0,
            expires_at=panel.clock.seconds() + 600,
        )
    )


@pytest.mark.parametrize(
    ("method", "path", "body", "said"),
    [
        ("PUT", "password", {"password": "other"}, "set another password"),
        ("PUT", "disabled", {"disabled": True}, "disable the account"),
        ("DELETE", "sessions", None, "end 2 sessions"),
    ],
)
def test_who_may_not_sign_in_as_before_is_signed_out(
    panel: Panel, method: str, path: str, body: object, said: str
) -> None:
    signed_in(panel)
    signed_in(panel, digest="d2")
    signed_in(panel, BOB, "d3")
    answer = panel.ask(method, f"/api/v1/users/alice@sip.example.org/{path}", body, token=OPERATOR)
    assert answer.status in (200, 204)
    assert [session.address for session in panel.store.sessions.all()] == [str(BOB)]
    assert done(panel) == [(said, "alice@sip.example.org")]


def test_a_disabled_account_is_enabled_again_with_its_password(panel: Panel) -> None:
    path = "/api/v1/users/alice@sip.example.org/disabled"
    assert panel.ask("PUT", path, {"disabled": True}, token=OPERATOR).json["disabled"] is True
    assert panel.ask("PUT", path, {"disabled": False}, token=OPERATOR).json["disabled"] is False
    assert panel.store.accounts.get(str(ALICE)) == make_account(ALICE, "wonderland")


def test_who_is_removed_leaves_nothing(panel: Panel) -> None:
    signed_in(panel)
    panel.registered(ALICE, "sip:alice@192.0.2.7")
    panel.published(ALICE, "p1")
    panel.store.verdicts.put(Verdict(presentity=ALICE, watcher=BOB, handling="allow", decided_at=0.0))
    assert panel.ask("DELETE", "/api/v1/users/alice@sip.example.org", token=OPERATOR).status == 204
    store = panel.store
    assert store.accounts.get(str(ALICE)) is None and not len(store.sessions)
    assert not store.publications.select(str(ALICE)) and not store.verdicts.select(str(ALICE))
    assert [each.event for each in store.bindings.select(str(ALICE))] == [ContactEvent.REJECTED.value]
    assert done(panel) == [("remove the account", "alice@sip.example.org")]
    assert panel.ask("DELETE", "/api/v1/users/alice@sip.example.org", token=OPERATOR).status == 404


def test_an_address_without_account_is_removed_with_what_was_stated_about_it(panel: Panel) -> None:
    panel.store.virtuals.put(Virtual(address=Address("weather", "sip.example.org"), since=0.0))
    assert (
        panel.ask(
            "PUT", "/api/v1/users/weather@sip.example.org/disabled", {"disabled": True}, token=OPERATOR
        ).status
        == 404
    )
    assert panel.ask("DELETE", "/api/v1/users/weather@sip.example.org", token=OPERATOR).status == 204
    assert not len(panel.store.virtuals)
    assert done(panel) == [("remove the address", "weather@sip.example.org")]


def test_a_change_that_is_not_stored_is_recorded_and_not_called_done(panel: Panel) -> None:
    panel.store.slow = True
    transport = panel.send(
        b"PUT /api/v1/users/alice@sip.example.org/disabled HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        b"Authorization: Bearer " + OPERATOR.encode() + b"\r\nContent-Type: application/json\r\n"
        b'Content-Length: 18\r\n\r\n{"disabled": true}'
    )
    assert not transport.value()  # type: ignore[no-untyped-call]
    panel.store.slow = False
    for told in panel.store.untold:
        told(StorageFailed("the disk is full"))
    assert Answer(transport.value()).status == 503  # type: ignore[no-untyped-call]
    assert done(panel) == [("a change is in force and not stored yet", "alice@sip.example.org")]


# what devices have


def test_registrations_are_shown_and_ended(panel: Panel) -> None:
    panel.registered(ALICE, "sip:alice@192.0.2.7;transport=tcp")
    panel.registered(ALICE, "sip:alice@192.0.2.8")
    panel.registered(BOB, "sip:bob@192.0.2.9")
    path = "/api/v1/users/alice@sip.example.org/registrations"
    (row, other) = get(panel, path).json["rows"]
    assert row["contact"] == "sip:alice@192.0.2.7;transport=tcp" and row["user_agent"] == "Small Phone 1.0"
    assert row["registered_at"] == "2027-01-15T08:00:00Z"
    assert len(get(panel, f"{OPERATOR_ROOT}/registrations").json["rows"]) == 3
    one = f"{path}?contact={quote(row['contact'], safe='')}&forbid=true"
    assert panel.ask("DELETE", one, token=OPERATOR).status == 204
    assert [each["contact"] for each in get(panel, path).json["rows"]] == [other["contact"]]
    assert panel.ask("DELETE", path, token=OPERATOR).status == 204
    events = {each.contact: each.event for each in panel.store.bindings.all()}
    assert events == {
        row["contact"]: "rejected",
        other["contact"]: "deactivated",
        "sip:bob@192.0.2.9": "registered",
    }
    assert [what for what, _ in done(panel)] == [
        "end 1 registration",
        f"end the registration of {row['contact']} for good",
    ]
    assert panel.ask("DELETE", path, token=OPERATOR).status == 404


def test_a_publication_is_read_and_removed_at_its_own_address_only(panel: Panel) -> None:
    panel.published(BOB, "p1", b"<presence>\xff</presence>")
    (row,) = get(panel, f"{OPERATOR_ROOT}/publications?package=presence").json["rows"]
    assert (
        row["id"] == "p1"
        and row["size"] == 22
        and not get(panel, f"{OPERATOR_ROOT}/publications?package=dialog").json["rows"]
    )
    mine = "/api/v1/users/bob@sip.example.org/publications"
    assert get(panel, f"{mine}/p1", token=OPERATOR).json["document"] == "<presence>\ufffd</presence>"
    # what people say is not for everybody who may look
    assert get(panel, f"{mine}/p1").status == 403
    assert get(panel, mine).json["rows"] == [row]
    assert (
        panel.ask("DELETE", "/api/v1/users/alice@sip.example.org/publications/p1", token=OPERATOR).status
        == 404
    )
    assert panel.ask("DELETE", f"{mine}/p1", token=OPERATOR).status == 204
    assert not len(panel.store.publications)
    assert done(panel) == [("remove a publication of presence by Small Phone 1.0", "bob@sip.example.org")]


# watchers


def test_a_subscription_of_a_watcher_is_ended_politely(panel: Panel) -> None:
    dialog, other = panel.watched("d1"), panel.watched("d2", watcher=JULIET)
    rows = get(panel, f"{OPERATOR_ROOT}/dialogs?match=juliet").json["rows"]
    assert [(row["id"], row["watcher"], row["package"], row["state"]) for row in rows] == [
        ("d2", "juliet@jabber.example", "presence", "active")
    ]
    assert panel.ask("DELETE", f"{OPERATOR_ROOT}/dialogs/d1", token=OPERATOR).status == 204
    assert panel.ask("DELETE", f"{OPERATOR_ROOT}/dialogs/d2?forbid=true", token=OPERATOR).status == 204
    assert [(each.standing, each.reason) for each in dialog.endings] == [
        (Standing.TERMINATED, Reason.DEACTIVATED)
    ]
    assert [each.reason for each in other.endings] == [Reason.REJECTED]
    assert done(panel) == [
        ("end the presence subscription of juliet@jabber.example for good", "bob@sip.example.org"),
        ("end the presence subscription of alice@sip.example.org", "bob@sip.example.org"),
    ]
    assert get(panel, f"{OPERATOR_ROOT}/dialogs/d1").status == 404


def test_a_subscription_of_ours_is_left_unless_the_configuration_wants_it(panel: Panel) -> None:
    panel.watched("out", role="subscriber")
    panel.watched("line", role="line")
    roles = {
        row["id"]: (row["role"], row["state"]) for row in get(panel, f"{OPERATOR_ROOT}/dialogs").json["rows"]
    }
    assert roles == {"out": ("subscriber", ""), "line": ("line", "")}
    assert len(get(panel, f"{OPERATOR_ROOT}/dialogs?role=line").json["rows"]) == 1
    assert panel.ask("DELETE", f"{OPERATOR_ROOT}/dialogs/out", token=OPERATOR).status == 204
    assert panel.left == [("out", Reason.DEACTIVATED)]
    assert panel.ask("DELETE", f"{OPERATOR_ROOT}/dialogs/line", token=OPERATOR).status == 409


def authorized(panel: Panel, state: Kind = Kind.AUTHORIZED) -> Authorization:
    record = Authorization(
        side=Side.JABBER_WATCHES,
        watcher=JULIET,
        contact=BOB,
        watcher_jid="juliet@jabber.example",
        contact_jid="bob@sip.example.org",
        state=state,
        asked_at=panel.clock.seconds(),
    )
    panel.store.authorizations.put(record)
    return record


def test_an_authorization_is_shown_and_withdrawn(panel: Panel) -> None:
    record = authorized(panel)
    (row,) = get(panel, f"{OPERATOR_ROOT}/authorizations?state=authorized&side=jabber-watches").json["rows"]
    assert row["asked_at"] == "2027-01-15T08:00:00Z" and row["decided_at"] is None
    assert not get(panel, f"{OPERATOR_ROOT}/authorizations?state=pending").json["rows"]
    path = f"{OPERATOR_ROOT}/authorizations/juliet@jabber.example/bob@sip.example.org"
    panel.has_xmpp = False
    assert panel.ask("DELETE", path, token=OPERATOR).status == 409
    panel.has_xmpp = True
    assert panel.ask("DELETE", path, token=OPERATOR).status == 204
    assert panel.withdrawn == [record.key]
    assert done(panel) == [
        (
            "withdraw the authorization of juliet@jabber.example to watch bob@sip.example.org",
            "bob@sip.example.org",
        )
    ]
    assert panel.ask("DELETE", path, token=OPERATOR).status == 404


def test_who_waits_is_listed_for_all_owners_and_decided_for_them(panel: Panel) -> None:
    for presentity, watcher in ((BOB, JULIET), (ALICE, BOB)):
        panel.store.waiting.put(
            Waiting(
                presentity=presentity, watcher=watcher, package="presence", asked_at=panel.clock.seconds()
            )
        )
    rows = get(panel, f"{OPERATOR_ROOT}/pending").json["rows"]
    assert [(row["address"], row["watcher"], row["watches"]) for row in rows] == [
        ("alice@sip.example.org", "bob@sip.example.org", False),
        ("bob@sip.example.org", "juliet@jabber.example", False),
    ]
    decided = "/api/v1/watchers/bob@sip.example.org/juliet@jabber.example"
    assert panel.ask("PUT", decided, {"handling": "allow"}, token=OPERATOR).status == 200
    assert [row["address"] for row in get(panel, f"{OPERATOR_ROOT}/pending").json["rows"]] == [
        "alice@sip.example.org"
    ]


# lists, domains, counters


def test_a_department_is_shown_with_its_members_and_subscribers(panel: Panel) -> None:
    sales = ResourceList(
        name="sales", members=(Entry(uri="sip:alice@sip.example.org"), Entry(uri="sip:bob@sip.example.org"))
    )
    octets = resource_lists.write(ResourceLists(lists=(sales,)))
    panel.store.documents.put(
        Document(auid="resource-lists", owner=GLOBAL, name="index", octets=octets, etag="1", changed_at=0.0)
    )
    panel.watched("d1", presentity=Address("sales", "sip.example.org"))
    authorized(panel)
    panel.store.authorizations.put(
        replace(
            authorized(panel),
            contact=Address("sales", "sip.example.org"),
            contact_jid="sales@sip.example.org",
        )
    )
    (row,) = get(panel, f"{OPERATOR_ROOT}/lists").json["rows"]
    assert (row["address"], row["owner"], row["members"], row["subscribers"]) == (
        "sales@sip.example.org",
        "",
        2,
        2,
    )
    assert get(panel, f"{OPERATOR_ROOT}/lists/sales@sip.example.org").json == row
    members = get(panel, f"{OPERATOR_ROOT}/lists/sales@sip.example.org/members?limit=1").json
    assert [one["address"] for one in members["rows"]] == ["alice@sip.example.org"] and members["next"]
    assert get(panel, f"{OPERATOR_ROOT}/lists/alice@sip.example.org").status == 404


def test_lists_are_flattened_a_few_at_a_time(panel: Panel) -> None:
    uris = [f"sip:team{number:03}@sip.example.org" for number in range(60)]
    made = "".join(
        f'<service uri="{uri}"><list><rl:entry uri="sip:bob@example.com"/></list></service>' for uri in uris
    )
    octets = (
        f'<rls-services xmlns="{RLS_SERVICES}" xmlns:rl="{RESOURCE_LISTS}">{made}</rls-services>'.encode()
    )
    panel.store.documents.put(
        Document(auid="rls-services", owner=str(ALICE), name="index", octets=octets, etag="1", changed_at=0.0)
    )
    answers: list[Found[ListRow]] = []
    turns = 0

    def breathe() -> None:
        nonlocal turns
        if not answers:
            turns += 1
            panel.clock.callLater(0, breathe)

    looking = ListRows(panel.book, panel.store, panel.clock).found(Wanted())
    panel.clock.callLater(0, breathe)
    Deferred.fromCoroutine(looking).addCallback(answers.append)
    panel.clock.advance(0)
    assert [row.members for row in answers[0].rows] == [1] * len(uris)
    assert turns >= len(uris) // LISTS


def test_tokens_of_a_user_who_is_removed_are_not_for_the_next_one(panel: Panel) -> None:
    bobs = str(BOB)
    for name, addresses in (("his", [bobs]), ("both", [bobs, str(ALICE)]), ("all", ["*@sip.example.org"])):
        panel.ask("POST", TOKENS, {"name": name, "addresses": addresses, "may": ["read"]}, token=OPERATOR)
    assert panel.ask("DELETE", f"/api/v1/users/{bobs}", token=OPERATOR).status == 204
    held = {row["name"]: row["addresses"] for row in get(panel, TOKENS).json if not row["configured"]}
    assert held == {"both": [str(ALICE)], "all": ["*@sip.example.org"]}
    assert done(panel)[0] == ("remove the account, also from the tokens his, both", bobs)


def test_domains_are_ours_named_or_remembered(clock: Clock) -> None:
    panel = Panel(clock, discover=lambda _: Evidence(sip=("SRV",), ttl=60))
    get(panel, f"{OPERATOR_ROOT}/lookups/example.net")
    rows = get(panel, f"{OPERATOR_ROOT}/domains").json["rows"]
    assert [(row["domain"], row["kind"], row["leg"]) for row in rows] == [
        ("sip.example.org", "own", "own"),
        ("gw.example.org", "component", "xmpp"),
        ("jabber.example", "override", "xmpp"),
        ("other.example", "override", "sip"),
        ("example.net", "remembered", "sip"),
    ]
    assert rows[-1]["evidence"] == ["SRV"] and rows[-1]["good_until_at"] == "2027-01-15T08:01:00Z"
    assert len(get(panel, f"{OPERATOR_ROOT}/domains?kind=override").json["rows"]) == 2


def test_a_look_up_tells_how_it_came_about_and_is_metered(clock: Clock) -> None:
    asked: list[str] = []

    def discover(domain: str) -> Evidence:
        asked.append(domain)
        return Evidence(xmpp=("SRV _xmpp-server",), ttl=60)

    panel = Panel(clock, discover=discover)
    report = get(panel, f"{OPERATOR_ROOT}/lookups/{quote('someone@example.net')}?from=xmpp").json
    assert report["leg"] == "xmpp" and report["evidence"]["xmpp"] == ["SRV _xmpp-server"]
    assert "127.0.0.1:5347" in report["way"] and report["domain"] == "example.net"
    get(panel, f"{OPERATOR_ROOT}/lookups/example.net")
    assert asked == ["example.net"]
    assert get(panel, f"{OPERATOR_ROOT}/lookups/sip.example.org").json["leg"] == "own"
    assert get(panel, f"{OPERATOR_ROOT}/lookups/not%20a%20domain").status == 422
    answers = [get(panel, f"{OPERATOR_ROOT}/lookups/d{number}.example") for number in range(LOOKUPS)]
    last = answers[-1]
    assert last.status == 429 and int(last.headers["retry-after"]) > 0
    assert get(panel, f"{OPERATOR_ROOT}/lookups/sip.example.org", token=OPERATOR).status == 200


def test_legs_tell_where_requests_are_received_and_when_certificates_end(
    panel: Panel, tmp_path: Path
) -> None:
    certificate = Authority(tmp_path).issue("sip.example.org", dns=["sip.example.org"])[0]
    broken = tmp_path / "broken.pem"
    broken.write_text("nothing")
    panel.overview.places = (
        Place(protocol="sip/udp", place="127.0.0.1:5060"),
        Place(protocol="sip/tls", place="127.0.0.1:5061", certificate=certificate),
        Place(protocol="https", place="127.0.0.1:8443", certificate=broken),
    )
    legs = get(panel, f"{OPERATOR_ROOT}/legs").json
    assert legs["legs"]["sip"]["state"] == "up" and legs["counts"] == {"accounts": 2}
    ends = [each["certificate_expires_at"] for each in legs["listeners"]]
    assert ends[0] is None and ends[1].startswith("2") and ends[2] is None


def test_links_tell_since_when_they_are_down_and_why(panel: Panel) -> None:
    panel.links = (
        SmallLink("sip.example.org", is_up=True, since=1_800_000_000.0, why_down=""),
        SmallLink("gw.example.org", is_up=False, since=1_800_000_060.0, why_down="not-authorized"),
    )
    links = get(panel, f"{OPERATOR_ROOT}/legs").json["links"]
    assert [(link["up"], link["why"], link["since_at"]) for link in links] == [
        (True, "", "2027-01-15T08:00:00Z"),
        (False, "not-authorized", "2027-01-15T08:01:00Z"),
    ]


def test_everything_that_is_counted_has_a_name(panel: Panel) -> None:
    counters = get(panel, f"{OPERATOR_ROOT}/counters").json
    assert counters["numbers"] == {"counts.accounts": 2, "sip.up": 1, "sip.received": 7}


# tokens


def test_a_token_works_at_once_is_shown_once_and_ends_at_once(panel: Panel) -> None:
    made = panel.ask("POST", TOKENS, {**A_TOKEN, "may": ["observe"], "addresses": ["*@*"]}, token=OPERATOR)
    assert made.status == 201 and made.headers["location"] == f"{TOKENS}/roof"
    secret = made.json["secret"]
    assert len(secret) == 43 and made.json["token"]["made_by"] == "token operator"
    assert get(panel, "/api/v1/users", token=secret).status == 200
    assert panel.ask("DELETE", "/api/v1/users/alice@sip.example.org", token=secret).status == 403
    listed = get(panel, TOKENS)
    assert [(row["name"], row["configured"]) for row in listed.json] == [
        ("operator", True),
        ("viewer", True),
        ("local", True),
        ("command", True),
        ("roof", False),
    ]
    held = panel.store.grants.get("roof")
    assert held is not None and secret not in listed.body.decode() and secret not in repr(held)
    assert held.digest not in listed.body.decode() and secret not in get(panel, AUDIT).body.decode()
    assert panel.ask("DELETE", f"{TOKENS}/roof", token=OPERATOR).status == 204
    assert get(panel, "/api/v1/users", token=secret).status == 401
    assert [what for what, _ in done(panel)] == [
        "revoke the token roof",
        "make the token roof: observe for *@*",
    ]


def test_a_token_with_a_lifetime_ends_by_itself(panel: Panel) -> None:
    body = {**A_TOKEN, "addresses": ["*@*"], "may": ["observe"], "lifetime": 60}
    secret = panel.ask("POST", TOKENS, body, token=OPERATOR).json["secret"]
    assert get(panel, "/api/v1/users", token=secret).status == 200
    panel.clock.advance(61)
    assert get(panel, "/api/v1/users", token=secret).status == 401


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": "../roof"}, "#/name"),
        ({"name": ""}, "#/name"),
        ({"addresses": []}, "#/addresses"),
        ({"addresses": ["nobody"]}, "#/addresses/0"),
        ({"addresses": ["*@*"] * 51}, "#/addresses"),
        ({"may": []}, "#/may"),
        ({"may": ["everything"]}, "#/may/0"),
        ({"lifetime": 0}, "#/lifetime"),
        ({"secret": "mine"}, "#/secret"),
    ],
)
def test_a_token_is_checked_as_the_configuration_checks_it(
    panel: Panel, change: dict[str, object], pointer: str
) -> None:
    answer = panel.ask("POST", TOKENS, A_TOKEN | change, token=OPERATOR)
    assert answer.status in (400, 422) and answer.pointers == [pointer] and not len(panel.store.grants)


def test_there_is_no_second_token_of_a_name_and_one_of_the_configuration_stays(panel: Panel) -> None:
    assert panel.ask("POST", TOKENS, A_TOKEN, token=OPERATOR).status == 201
    assert panel.ask("POST", TOKENS, A_TOKEN, token=OPERATOR).status == 409
    assert panel.ask("POST", TOKENS, {**A_TOKEN, "name": "viewer"}, token=OPERATOR).status == 409
    assert panel.ask("DELETE", f"{TOKENS}/viewer", token=OPERATOR).status == 409
    assert panel.ask("DELETE", f"{TOKENS}/nobody", token=OPERATOR).status == 404


def test_there_is_a_bound_on_tokens(panel: Panel) -> None:
    for number in range(GRANTS):
        assert panel.ask("POST", TOKENS, {**A_TOKEN, "name": f"t{number}"}, token=OPERATOR).status == 201
    assert panel.ask("POST", TOKENS, A_TOKEN, token=OPERATOR).status == 409


# who may


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/users",
        AUDIT,
        TOKENS,
        f"{OPERATOR_ROOT}/dialogs",
        f"{OPERATOR_ROOT}/registrations",
        f"{OPERATOR_ROOT}/publications",
        f"{OPERATOR_ROOT}/authorizations",
        f"{OPERATOR_ROOT}/pending",
        f"{OPERATOR_ROOT}/lists",
        f"{OPERATOR_ROOT}/domains",
        f"{OPERATOR_ROOT}/legs",
        f"{OPERATOR_ROOT}/counters",
        f"{OPERATOR_ROOT}/lookups/example.net",
    ],
)
def test_what_concerns_all_needs_a_token_for_all(panel: Panel, path: str) -> None:
    assert get(panel, path, token=LOCAL).status == 403
    assert panel.ask("GET", path, token=None).status == 401


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/v1/users", {"address": "carol@sip.example.org", "password": "x"}),
        ("DELETE", "/api/v1/users/alice@sip.example.org", None),
        ("PUT", "/api/v1/users/alice@sip.example.org/password", {"password": "x"}),
        ("DELETE", "/api/v1/users/alice@sip.example.org/registrations", None),
        ("DELETE", f"{OPERATOR_ROOT}/dialogs/d1", None),
        ("POST", TOKENS, A_TOKEN),
        ("DELETE", f"{TOKENS}/roof", None),
    ],
)
def test_who_may_only_look_changes_nothing(panel: Panel, method: str, path: str, body: object) -> None:
    assert panel.ask(method, path, body, token=VIEWER).status == 403
    assert len(panel.store.accounts) == 2 and not done(panel)


def test_a_token_for_one_domain_keeps_its_accounts_but_no_operators(panel: Panel) -> None:
    assert get(panel, "/api/v1/users/alice@sip.example.org", token=LOCAL).status == 200
    for user, status in (("bob", 200), ("alice", 403)):
        path = f"/api/v1/users/{user}@sip.example.org"
        assert panel.ask("PUT", f"{path}/disabled", {"disabled": True}, token=LOCAL).status == status
    for method, what, body in (("PUT", "/password", {"password": "mine"}), ("DELETE", "/sessions", None)):
        path = f"/api/v1/users/alice@sip.example.org{what}"
        assert panel.ask(method, path, body, token=LOCAL).status == 403
        assert panel.ask(method, path, body, token=OPERATOR).status == 204
    assert panel.ask("DELETE", "/api/v1/users/alice@sip.example.org", token=LOCAL).status == 403


def test_no_operation_is_for_whoever_has_no_token_or_a_wrong_one(panel: Panel) -> None:
    paths = panel.ask("GET", "/api/v1/openapi.json", token=None).json["paths"]
    operations = [(method.upper(), path) for path, methods in paths.items() for method in methods]
    assert len(operations) >= 30
    for method, path in operations:
        real = path.replace("{address}", "alice@sip.example.org").replace(
            "{watcher}", "juliet@jabber.example"
        )
        real = re.sub(r"\{\w+\}", "x", real)
        assert panel.ask(method, real, token=None).status == 401, path
        assert panel.ask(method, real, token="nobody-knows-this-token").status == 401, path
        panel.clock.advance(60)


# the audit log


def test_the_audit_log_is_read_by_whom_it_concerns_and_by_who_did_it(panel: Panel) -> None:
    for number in range(5):
        panel.clock.advance(1)
        panel.audit.record(
            who="alice", by="page", what=f"deed {number}", about=str(BOB if number % 2 else ALICE)
        )
    panel.audit.record(who="token station", by="API", what="states", about=str(BOB))
    rows = get(panel, f"{AUDIT}?about=bob@sip.example.org").json["rows"]
    assert [row["what"] for row in rows] == ["states", "deed 3", "deed 1"]
    rows = get(panel, f"{AUDIT}?who=alice&match=DEED").json["rows"]
    assert [row["what"] for row in rows] == [f"deed {number}" for number in (4, 3, 2, 1, 0)]
    first = get(panel, f"{AUDIT}?limit=4").json
    second = get(panel, f"{AUDIT}?after={quote(first['next'])}").json
    assert [row["what"] for row in second["rows"]] == ["deed 1", "deed 0"] and second["next"] is None


def test_a_query_cannot_ask_for_more_than_there_is_room_for(panel: Panel) -> None:
    for query in (f"limit={MOST + 1}", "limit=0", "limit=x", "match=", f"match={'x' * 201}"):
        assert get(panel, f"/api/v1/users?{query}").status == 400


@pytest.mark.parametrize(
    ("token", "says", "told"),
    [
        (TYPED, "alice", ("alice", "command")),
        (TYPED, "j%C3%B6rg", ("jörg", "command")),
        (TYPED, "", ("token command", "API")),
        (TYPED, "a%0Ab", ("token command", "API")),
        (OPERATOR, "alice", ("token operator", "API")),
    ],
)
def test_only_the_command_is_believed_who_types_it(
    panel: Panel, token: str, says: str, told: tuple[str, str]
) -> None:
    path = "/api/v1/users/alice@sip.example.org/disabled"
    panel.ask("PUT", path, {"disabled": True}, token=token, headers={"Sip2xmpp-User": says})
    (row,) = get(panel, AUDIT).json["rows"]
    assert (row["who"], row["by"]) == told


def test_rows_of_endless_names_are_told_apart_and_gone_on_from(panel: Panel) -> None:
    for number in range(5):
        panel.watched(f"d{number}", watcher=Address("x" * 900 + str(number), "jabber.example"))
    seen: list[str] = []
    after = ""
    for _ in range(5):
        query = f"limit=1{after and '&after=' + quote(after)}"
        answer = get(panel, f"{OPERATOR_ROOT}/dialogs?{query}").json
        seen += [row["id"] for row in answer["rows"]]
        after = answer["next"] or ""
        assert len(after) <= PLACE
    assert sorted(seen) == ["d0", "d1", "d2", "d3", "d4"] and not after


def test_a_whole_number_in_a_query_is_taken_exactly() -> None:
    after = {"after": Member(shape=whole(0, 2**53), about="A number.")}
    assert from_query([("after", str(2**53))], after) == {"after": 2**53}
    with pytest.raises(Wrong):
        from_query([("after", str(2**53 + 1))], after)
