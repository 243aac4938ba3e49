"""Users keep documents at the XCAP server: curl and the standard library are its clients, over real sockets."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.journeys.conftest import PASSWORDS, SIP_DOMAIN
from tests.peers.curl import CurlAnswer, curl
from tests.peers.gateway import Gateway
from tests.peers.ports import LOOPBACK
from tests.peers.waiting import eventually
from tests.peers.xcapclient import XcapClient

ALICE, BOB, JULIET = (f"{name}@{SIP_DOMAIN}" for name in ("alice", "bob", "juliet"))
TOKEN = "sales-token-0123456789xyz"
LISTS = "application/resource-lists+xml"
ELEMENT = "application/xcap-el+xml"
INDEX = f"resource-lists/users/sip:{BOB}/index"


def a_list(*names: str) -> bytes:
    entries = "".join(f'\n    <entry uri="sip:{name}@{SIP_DOMAIN}"/>' for name in names)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists">'
        f'\n  <list name="friends">{entries}\n  </list>\n</resource-lists>\n'
    ).encode()


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    users = {name: PASSWORDS[name] for name in ("alice", "bob")}
    tokens = {"sales": {"token": TOKEN, "addresses": ["*@*"], "may": ["documents"]}}
    with Gateway(tmp_path, users=users, settings={"http": {"tokens": tokens}}) as running:
        yield running


def test_curl_keeps_documents_and_edits_them(gateway: Gateway) -> None:
    root = f"http://{LOOPBACK}:{gateway.http_port}/xcap"
    user = f"bob:{PASSWORDS['bob']}"

    def ask(path: str = INDEX, **what: object) -> CurlAnswer:
        return curl(f"{root}/{path}", **{"user": user, **what})  # type: ignore[arg-type]

    caps = curl(f"{root}/xcap-caps/global/index")
    assert caps.status == 200 and b"<auid>resource-lists</auid>" in caps.octets
    assert curl(f"{root}/{INDEX}").status == 401
    assert ask().statuses == (401, 404)
    made = ask(
        body=a_list("alice"), headers={"Content-Type": LISTS, "If-None-Match": "*", "Expect": "100-continue"}
    )
    assert made.status == 201 and made.statuses[-2:] == (100, 201)
    etag = made.headers["etag"]
    read = ask()
    assert (
        read.octets == a_list("alice")
        and read.headers["etag"] == etag
        and read.headers["content-type"] == LISTS
    )
    assert ask(headers={"If-None-Match": etag}).status == 304
    assert ask(method="HEAD").headers["content-length"] == str(len(a_list("alice")))

    entry = f'{INDEX}/~~/resource-lists/list[@name="friends"]/entry[@uri="sip:{JULIET}"]'.replace('"', "%22")
    body = f'<entry uri="sip:{JULIET}"/>'.encode()
    added = ask(entry, body=body, headers={"Content-Type": ELEMENT, "If-Match": etag})
    assert added.status == 201 and added.headers["etag"] != etag
    assert ask(entry).octets == body
    stale = ask(entry, method="DELETE", headers={"If-Match": etag})
    assert stale.status == 412
    assert (
        ask(body=b"<broken", headers={"Content-Type": LISTS}).headers["content-type"]
        == "application/xcap-error+xml"
    )
    assert ask(body=b"x", headers={"Content-Type": "text/plain"}).status == 415
    assert ask(entry, method="DELETE").status == 200
    assert ask(f"{INDEX}/~~/resource-lists/list/namespace::*").octets.startswith(b"<list xmlns")

    # Others: neither alice, nor a wrong password, nor a password in the clear.
    for path in (
        INDEX,
        INDEX.replace("sip:bob", "bob"),
        f"resource-lists/users/sip:{ALICE}/../sip:{BOB}/index",
    ):
        assert curl(f"{root}/{path}", user=f"alice:{PASSWORDS['alice']}").status in {400, 403}
    assert curl(f"{root}/{INDEX}", user="bob:wrong").statuses[0] == 401
    assert curl(f"{root}/{INDEX}", user=user, options=("--basic",)).status == 401
    assert ask(method="DELETE").status == 200 and ask().status == 404

    # A program keeps a list for everybody.
    sales = f"{root}/resource-lists/global/sales"
    bearer = {"Authorization": f"Bearer {TOKEN}", "Content-Type": LISTS}
    assert curl(sales, body=a_list("bob"), headers=bearer).status == 201
    assert ask("resource-lists/global/sales").octets == a_list("bob")
    assert ask("resource-lists/global/sales", method="DELETE").status == 403
    assert gateway.health()["counts"]["documents"] == 1
    assert "XCAP: sales at 127.0.0.1: created resource-lists/global/sales" in gateway.output.read_text()
    assert PASSWORDS["bob"] not in gateway.output.read_text() and TOKEN not in gateway.output.read_text()


def test_many_devices_change_one_list_and_no_change_is_lost(gateway: Gateway) -> None:
    devices, turns = 8, 6
    assert XcapClient(gateway.http_port, BOB, PASSWORDS["bob"]).put("resource-lists", a_list()).status == 201
    refused = []

    def device(number: int) -> None:
        client = XcapClient(gateway.http_port, BOB, PASSWORDS["bob"])
        for turn in range(turns):
            entry = f'    <entry uri="sip:{number}-{turn}@{SIP_DOMAIN}"/>\n  </list>'.encode()
            while True:
                held = client.get("resource-lists")
                changed = held.octets.replace(b"  </list>", entry)
                answer = client.put("resource-lists", changed, conditions={"If-Match": held.etag})
                if answer.status == 200:
                    break
                assert answer.status == 412, answer
                refused.append(number)

    with ThreadPoolExecutor(devices) as pool:
        list(pool.map(device, range(devices)))
    kept = XcapClient(gateway.http_port, BOB, PASSWORDS["bob"]).get("resource-lists").octets
    assert all(f'"sip:{n}-{t}@{SIP_DOMAIN}"'.encode() in kept for n in range(devices) for t in range(turns))
    assert kept.count(b"<entry") == devices * turns and refused


def test_what_was_acknowledged_survives_a_power_cut(gateway: Gateway) -> None:
    said: dict[str, list[bytes]] = {}
    enough = threading.Event()

    def device(user: str, name: str) -> None:
        client = XcapClient(gateway.http_port, f"{user}@{SIP_DOMAIN}", PASSWORDS[user])
        told = said.setdefault(f"{user} {name}", [])
        try:
            for number in range(10_000):
                octets = a_list(f"{name}-{number}")
                if client.put("resource-lists", octets, name).status in {200, 201}:
                    told.append(octets)
                if number == 20:
                    enough.set()
        except OSError:
            pass  # the power is cut

    threads = [
        threading.Thread(target=device, args=(user, name))
        for user in ("alice", "bob")
        for name in ("one", "two")
    ]
    for thread in threads:
        thread.start()
    assert enough.wait(20)
    gateway.kill()
    for thread in threads:
        thread.join()
    gateway.start()
    for place, told in said.items():
        user, _, name = place.partition(" ")
        kept = XcapClient(gateway.http_port, f"{user}@{SIP_DOMAIN}", PASSWORDS[user]).get(
            "resource-lists", name
        )
        # The last that was acknowledged, or the one that was on its way.
        assert kept.octets in (told[-1], a_list(f"{name}-{len(told)}"))
        assert kept.status == 200 and kept.etag


def test_an_account_takes_its_documents_with_it(gateway: Gateway) -> None:
    bob = XcapClient(gateway.http_port, BOB, PASSWORDS["bob"])
    alice = XcapClient(gateway.http_port, ALICE, PASSWORDS["alice"])
    assert bob.put("resource-lists", a_list()).status == 201
    assert alice.put("resource-lists", a_list()).status == 201
    gateway.run("user", "remove", BOB)
    eventually(lambda: gateway.health()["counts"]["documents"] == 1, "bob's document is gone")
    gateway.stop()
    gateway.run("user", "remove", ALICE)
    gateway.start()
    assert gateway.health()["counts"]["documents"] == 0


def test_those_who_never_finish_keep_nobody_waiting(gateway: Gateway) -> None:
    client = XcapClient(gateway.http_port, BOB, PASSWORDS["bob"])
    held = []
    for octets in (
        b"",
        b"P",
        b"PUT /xcap/x HTTP/1.1\r\nContent-Length: 400000\r\n\r\n<a",
        b"\x16\x03\x01",
        b"\r\n" * 9,
    ):
        for _ in range(30):
            stranger = socket.create_connection((LOOPBACK, gateway.http_port))
            stranger.send(octets)
            held.append(stranger)
    assert client.put("resource-lists", a_list("alice")).status == 201
    assert client.get("resource-lists").octets == a_list("alice")
    for stranger in held:
        stranger.close()
    assert client.get("resource-lists").status == 200
