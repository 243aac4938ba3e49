"""Do the XMPP servers start, know their users and let a component in?"""

import hashlib
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.ejabberd import Ejabberd
from tests.peers.process import is_listening
from tests.peers.prosody import SECRET, Prosody


def handshake(address: tuple[str, int], name: str, secret: str) -> str:
    """What the server answers to a component's handshake (XEP-0114)."""
    with socket.create_connection(address, 5) as stream:
        stream.sendall(
            b"<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='%s'>"
            % name.encode()
        )
        identity = expect(stream, r"""id=['"]([^'"]+)['"]""")
        stream.sendall(
            b"<handshake>%s</handshake>" % hashlib.sha1((identity + secret).encode()).hexdigest().encode()
        )
        return expect(stream, r"<(handshake|stream:error)")


def expect(stream: socket.socket, pattern: str) -> str:
    received = ""
    while not (found := re.search(pattern, received)):
        octets = stream.recv(65536)
        assert octets, received
        received += octets.decode()
    return found[1]


@pytest.fixture(params=[Prosody, Ejabberd], ids=lambda kind: kind.name)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Prosody | Ejabberd]:
    users = {"juliet": "pw", "o.brien": 'a"b'}
    with request.param(
        tmp_path / "server", users=users, components=["sip.example.org", "gw.example.org"]
    ) as server:
        yield server


def test_components_are_let_in_with_the_secret_only(server: Prosody | Ejabberd) -> None:
    assert handshake(server.component, "sip.example.org", SECRET) == "handshake"
    assert handshake(server.component, "gw.example.org", SECRET) == "handshake"
    assert handshake(server.component, "sip.example.org", "wrong") == "stream:error"


def test_it_comes_back_on_the_same_ports_after_a_restart_and_after_a_kill(server: Prosody | Ejabberd) -> None:
    server.restart()
    assert handshake(server.component, "sip.example.org", SECRET) == "handshake"
    server.kill()
    assert not is_listening(server.c2s_port)
    server.start()
    assert handshake(server.component, "sip.example.org", SECRET) == "handshake"


def test_prosody_keeps_users_and_rosters_in_files(tmp_path: Path) -> None:
    server = Prosody(tmp_path, users={"juliet": "pw"})
    server.set_roster("juliet", {"bob@sip.example.org": "both"})
    assert '["bob@sip.example.org"]' in server.roster_text("juliet")
    assert (
        tmp_path / "data/jabber%2eexample/accounts/juliet.dat"
    ).read_text() == 'return { ["password"] = "pw" };\n'


def test_ejabberd_tells_its_rosters(tmp_path: Path) -> None:
    with Ejabberd(tmp_path, users={"juliet": "pw"}) as server:
        server.api(
            "add_rosteritem",
            localuser="juliet",
            localhost=server.domain,
            user="bob",
            host="sip.example.org",
            nick="",
            group="",
            subs="both",
        )
        assert [(item["jid"], item["subscription"]) for item in server.roster("juliet")] == [
            ("bob@sip.example.org", "both")
        ]
