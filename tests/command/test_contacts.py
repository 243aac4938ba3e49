"""``sip2xmpp contacts`` against the real API in another thread's place: a small HTTP server that serves the same operations."""

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from twisted.internet.task import Clock

from sip2xmpp.portal.tokens import COMMAND
from sip2xmpp.store.offline import offline
from sip2xmpp.store.records import Secret
from tests.command.conftest import Operator
from tests.portal.scene import SECRET, Scene

BOB = "bob@sip.example.org"


class Front(BaseHTTPRequestHandler):
    """Gives every request to the resources in memory."""

    scene: Scene

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        scheme, _, token = (self.headers.get("Authorization") or "").partition(" ")
        assert scheme == "Bearer"
        media = self.headers.get("Content-Type", "")
        told = self.scene.ask(self.command, self.path, body if length else None, token=token, media=media)
        self.send_response(told.status)
        for name in ("content-type", "etag"):
            if name in told.headers:
                self.send_header(name, told.headers[name])
        self.send_header("Content-Length", str(len(told.body)))
        self.end_headers()
        self.wfile.write(told.body)

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def port(clock: Clock) -> Iterator[int]:
    Front.scene = Scene(clock)
    server = HTTPServer(("127.0.0.1", 0), Front)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def asking(operator: Operator, port: int) -> Operator:
    with operator.config.open("a") as file:
        file.write(f'[http]\nlisten = "127.0.0.1:{port}"\n')
    with_secret(operator)
    return operator


def with_secret(operator: Operator) -> None:
    with offline(operator.url) as store:
        store.secrets.put(Secret(name=COMMAND, value=SECRET))


def test_contacts_are_added_shown_moved_named_and_removed(asking: Operator) -> None:
    assert asking("contacts", BOB)[:2] == (0, "no contacts\n")
    added = asking("contacts", BOB, "add", "juliet@jabber.example", "--name", "Juliet", "--group", "Friends")
    assert added[:2] == (0, "juliet@jabber.example Juliet [xmpp] in Friends\n")
    assert asking("contacts", BOB, "add", "sip:alice@sip.example.org")[0] == 0
    again = asking("contacts", BOB, "add", "juliet@jabber.example")
    assert again[0] == 1 and "already" in again[1]
    moved = asking("contacts", BOB, "move", "alice@sip.example.org", "--group", "Work", "--group", "Friends")
    assert moved[1] == "alice@sip.example.org [own] in Friends, Work\n"
    assert asking("contacts", BOB, "name", "alice@sip.example.org", "--name", "Al")[0] == 0
    assert asking("contacts", BOB, "remove", "alice@sip.example.org", "--group", "Friends")[1] == "removed\n"
    assert asking("contacts", BOB)[1].splitlines() == [
        "Friends",
        "  juliet@jabber.example Juliet [xmpp]",
        "Work",
        "  alice@sip.example.org Al [own]",
    ]
    only = json.loads(asking("contacts", BOB, "--group", "Work", "--json")[1])
    assert [each["id"] for each in only["groups"]] == ["Work"]
    made = json.loads(asking("contacts", BOB, "add", "tel:+15550100", "--json")[1])
    assert (made["uri"], made["address"]) == ("tel:+15550100", None)
    for action in (["remove"], ["move", "--group", "x"], ["name", "--name", "x"]):
        assert asking("contacts", BOB, action[0], "nobody@example.com", *action[1:])[0] == 1


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["list", "x@example.com"], "everybody"),
        (["add"], "whom to add"),
        (["move", "x@example.com"], "where to"),
        (["name", "x@example.com"], "what to call"),
        (["remove", "x@example.com", "--group", "a", "--group", "b"], "one --group"),
    ],
)
def test_what_makes_no_sense_is_not_asked(asking: Operator, words: list[str], why: str) -> None:
    status, _, error = asking("contacts", BOB, *words)
    assert status == 2 and why in error


def test_a_word_that_is_not_utf_8_names_nobody(asking: Operator) -> None:
    assert asking("contacts", BOB, "remove", "x\udcff@example.com")[0] == 1
    assert asking("contacts", BOB, "add", "x\udcff@example.com")[0] == 1
    assert asking("contacts", BOB, "remove", "x@example.com", "--group", "\udcff")[0] == 1


@pytest.mark.parametrize(
    "said",
    [
        b"SIP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[1]",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    ],
)
def test_somebody_else_on_the_port_is_no_gateway(operator: Operator, said: bytes) -> None:
    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(said)

    with socket.create_server(("127.0.0.1", 0)) as server, operator.config.open("a") as file:
        file.write(f'[http]\nlisten = "127.0.0.1:{server.getsockname()[1]}"\n')
        file.flush()
        with_secret(operator)
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        status, _, error = operator("contacts", BOB)
        thread.join(10)
    assert status == 2 and "is not the API of a gateway" in error


def test_only_who_can_read_the_state_file_may_ask(asking: Operator) -> None:
    with offline(asking.url) as store:
        store.secrets.put(Secret(name=COMMAND, value=b"guessed"))
    status, _, error = asking("contacts", BOB)
    assert status == 2 and "this token is not known" in error
    with offline(asking.url) as store:
        store.secrets.remove(COMMAND)
    assert "no gateway has used this state file" in asking("contacts", BOB)[2]


def test_without_a_gateway_that_is_said(operator: Operator) -> None:
    with_secret(operator)
    assert "http: is not configured" in operator("contacts", BOB)[2]
    with operator.config.open("a") as file:
        file.write('[http]\nlisten = "127.0.0.1:9"\n')
    with_secret(operator)
    assert "no gateway answers" in operator("contacts", BOB)[2]
