"""An operator at work on a running gateway, by the HTTP API and from a shell; telephones and Jabber users notice."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from sip2xmpp.command.deeds import login_name
from tests.journeys.conftest import GATEWAY_DOMAIN, SIP_DOMAIN, World
from tests.peers.gateway import Gateway
from tests.peers.ports import LOOPBACK
from tests.peers.rawxmpp import presence
from tests.peers.sipclient import SipClient, pidf
from tests.peers.waiting import eventually

BOB, ALICE = f"bob@{SIP_DOMAIN}", f"alice@{SIP_DOMAIN}"
ALL = ("--may", "observe", "--may", "operate", "--for", "*@*")
REGINFO = "application/reginfo+xml"


class Operators:
    """Programs with a token, and a shell."""

    def __init__(self, gateway: Gateway, token: str = "") -> None:
        self.gateway = gateway
        self.token = token
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ask(self, method: str, path: str, body: object = None, token: str = "") -> tuple[int, Any]:
        request = urllib.request.Request(
            f"http://{LOOPBACK}:{self.gateway.http_port}/api/v1{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {token or self.token}", "Content-Type": "application/json"},
            method=method,
        )
        try:
            with self._opener.open(request, timeout=10) as answer:
                octets = answer.read()
                return answer.status, json.loads(octets) if octets else None
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def rows(self, path: str) -> list[dict[str, Any]]:
        status, value = self.ask("GET", path)
        assert status == 200, value
        rows: list[dict[str, Any]] = value["rows"]
        return rows

    def make_token(self) -> None:
        """From the shell, which needs no token; the running gateway knows it within a second."""
        self.token = self.gateway.run("token", "add", "console", *ALL).strip()
        eventually(lambda: self.ask("GET", "/users")[0] == 200, "the token is known", within=3.0)

    def json(self, *words: str) -> Any:
        return json.loads(self.gateway.run(*words, "--json"))


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    with Gateway(tmp_path / "gateway", users={"alice": "rabbit"}) as gateway:
        yield gateway


@pytest.fixture
def operators(gateway: Gateway) -> Operators:
    made = Operators(gateway)
    made.make_token()
    return made


def test_a_user_is_added_seen_and_put_out_again(gateway: Gateway, operators: Operators) -> None:
    status, user = operators.ask("POST", "/users", {"address": BOB, "password": "builder"})
    assert status == 201 and user["state"] == "offline"
    with (
        SipClient("bob", SIP_DOMAIN, gateway.sip, password="builder") as bob,
        SipClient("alice", SIP_DOMAIN, gateway.sip, password="rabbit") as alice,
    ):
        assert bob.register().status == 200
        published = bob.publish(pidf(bob.uri, "open", "away"))
        assert published.status == 200
        watching = alice.subscribe(bob.uri)
        watching.wait_for_text("away")
        itself = bob.subscribe(bob.uri, event="reg", accept=REGINFO)
        itself.wait_for_text("registered")

        # what an operator sees, by the API and from a shell
        user = operators.ask("GET", f"/users/{BOB}")[1]
        assert (user["state"], user["devices"], user["publications"]) == ("away", 1, 1)
        (registration,) = operators.rows("/operator/registrations")
        assert registration["address"] == BOB and bob.contact.strip("<>") == registration["contact"]
        (publication,) = operators.rows("/operator/publications?package=presence")
        whole = operators.ask("GET", f"/users/{BOB}/publications/{publication['id']}")[1]
        assert "away" in whole["document"]
        (dialog,) = operators.rows("/operator/dialogs?package=presence")
        assert (dialog["watcher"], dialog["presentity"], dialog["state"]) == (ALICE, BOB, "active")
        assert [row["id"] for row in operators.json("dialogs", "list", "--package", "presence")] == [
            dialog["id"]
        ]
        assert [row["id"] for row in operators.json("publications", "list")] == [publication["id"]]

        # the publication goes: watchers see it, and the device learns of it
        watching.forget()
        assert operators.ask("DELETE", f"/users/{BOB}/publications/{publication['id']}")[0] == 204
        watching.wait(lambda notify: "away" not in notify.text, "no away any more")
        assert bob.publish(etag=published.get("sip-etag")).status == 412

        # the dialog ends politely, by the shell
        gateway.run("dialogs", "end", dialog["id"])
        final = watching.wait_for_state("terminated")
        assert "reason=deactivated" in final.get("subscription-state")
        assert watching.refresh().status == 481
        assert alice.subscribe(bob.uri).response.status == 200

        # the registration ends, and the device is told
        itself.forget()
        contact = quote(registration["contact"], safe="")
        assert operators.ask("DELETE", f"/users/{BOB}/registrations?contact={contact}")[0] == 204
        itself.wait_for_text('event="deactivated"')
        assert operators.rows("/operator/registrations") == []

        # and the account: another password, disabled, gone
        assert operators.ask("PUT", f"/users/{BOB}/password", {"password": "other"})[0] == 204
        assert bob.register().status == 401
        bob.password = "other"
        assert bob.register().status == 200
        assert operators.ask("PUT", f"/users/{BOB}/disabled", {"disabled": True})[1]["disabled"] is True
        assert bob.register().status in (401, 403, 404)
        assert operators.ask("DELETE", f"/users/{BOB}")[0] == 204
    assert [row["address"] for row in operators.rows("/users")] == [ALICE]
    assert [(deed["who"], deed["by"], deed["what"]) for deed in operators.json("audit", "--about", BOB)][
        ::-1
    ] == [
        ("token console", "API", "add the account"),
        ("token console", "API", f"remove a publication of presence{_by(publication)}"),
        (login_name(), "command", f"end the presence subscription of {ALICE}"),
        ("token console", "API", f"end the registration of {registration['contact']}"),
        ("token console", "API", "set another password"),
        ("token console", "API", "disable the account"),
        ("token console", "API", "remove the account"),
    ]


def _by(publication: dict[str, Any]) -> str:
    return f" by {publication['user_agent']}" if publication["user_agent"] else ""


def test_a_token_works_at_once_survives_a_kill_and_ends_at_once(
    gateway: Gateway, operators: Operators
) -> None:
    status, made = operators.ask(
        "POST",
        "/operator/tokens",
        {"name": "grafana", "addresses": ["*@*"], "may": ["observe"], "lifetime": 3600},
    )
    assert status == 201
    secret = made["secret"]
    assert operators.ask("GET", "/users", token=secret)[0] == 200
    gateway.kill()
    gateway.start()
    assert operators.ask("GET", "/users", token=secret)[0] == 200
    assert operators.ask("DELETE", f"/users/{ALICE}", token=secret)[0] == 403
    listed = operators.json("token", "list")
    assert {row["name"] for row in listed} == {"console", "grafana"} and secret not in json.dumps(listed)
    for file in gateway.directory.glob("state.db*"):
        assert secret.encode() not in file.read_bytes()
    assert operators.ask("DELETE", "/operator/tokens/grafana")[0] == 204
    assert operators.ask("GET", "/users", token=secret)[0] == 401
    gateway.run("token", "revoke", "console")
    eventually(
        lambda: operators.ask("GET", "/users")[0] == 401, "the token is not known any more", within=3.0
    )
    assert secret not in gateway.output.read_text() and operators.token not in gateway.output.read_text()


def test_what_is_done_while_the_gateway_is_stopped_is_so_when_it_starts(gateway: Gateway) -> None:
    gateway.stop()
    operators = Operators(gateway)
    operators.token = gateway.run("token", "add", "console", *ALL).strip()
    gateway.run("user", "disable", ALICE)
    assert gateway.attempt("domains").returncode == 2
    gateway.start()
    assert operators.ask("GET", f"/users/{ALICE}")[1]["disabled"] is True
    what = [deed["what"] for deed in operators.rows("/operator/audit")]
    assert what[0] == "disable the account" and what[1].startswith("make the token console")
    assert "own" in gateway.run("domains") and "counts.accounts" in gateway.run("counters")
    report = operators.ask("GET", f"/operator/lookups/{SIP_DOMAIN}")[1]
    assert report["leg"] == "own"
    (listener, *_) = operators.ask("GET", "/operator/legs")[1]["listeners"]
    assert listener == {
        "protocol": "sip/udp", "place": f"{LOOPBACK}:{gateway.sip_port}", "certificate_expires_at": None,
    }  # fmt: skip


def test_permissions_between_the_worlds_are_withdrawn(prosody_world: World) -> None:
    operators = Operators(prosody_world.gateway)
    operators.make_token()
    romeo, juliet = prosody_world.jabber("romeo"), prosody_world.jabber("juliet")
    romeo.befriend(BOB)
    watching = prosody_world.phone("alice").subscribe("sip:juliet@jabber.example")
    juliet.wait(presence("subscribe", sender=ALICE), "a request of Alice")
    juliet.subscribed(ALICE)
    watching.wait_for_state("active")
    rows = {row["side"]: row for row in operators.rows("/operator/authorizations?state=authorized")}
    assert rows["jabber-watches"]["watcher"] == "romeo@jabber.example"
    assert rows["sip-watches"]["watcher"] == ALICE
    for row in rows.values():
        pair = f"{quote(row['watcher_jid'], safe='')}/{quote(row['contact_jid'], safe='')}"
        assert operators.ask("DELETE", f"/operator/authorizations/{pair}")[0] == 204
    romeo.wait(presence("unsubscribed", sender=BOB), "told that Bob is not to be watched any more")
    final = watching.wait_for_state("terminated")
    assert "reason=rejected" in final.get("subscription-state")
    juliet.wait(presence("unsubscribe", sender=ALICE), "told that Alice does not watch any more")
    assert operators.rows("/operator/authorizations?state=authorized") == []
    assert operators.json("authorizations", "list", "--state", "authorized") == []
    kinds = {row["domain"]: (row["kind"], row["leg"]) for row in operators.rows("/operator/domains")}
    assert kinds["jabber.example"] == ("override", "xmpp") and kinds[GATEWAY_DOMAIN] == ("component", "xmpp")
