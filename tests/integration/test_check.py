"""``sip2xmpp check`` in a real neighbourhood: Prosody, a name server, a running gateway, a terminal."""

import json
import os
import pty
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.peers.gateway import Gateway, toml
from tests.peers.nsd import Nsd
from tests.peers.ports import free_port
from tests.peers.prosody import SECRET, Prosody

ZONES = {
    "here.example": """
        _sip._udp IN SRV 1 1 {sip} host
        _xmpp-server._tcp IN SRV 1 1 5269 host
        host IN A 127.0.0.1
    """,
    "closed.example": """
        _sip._tcp IN SRV 1 1 {closed} host
        host IN A 127.0.0.1
    """,
    "away.example": """
        _sip._udp IN SRV 1 1 5060 host
        _xmpp-server._tcp IN SRV 1 1 5269 host
        host IN A 198.51.100.7
    """,
    "silent.example": 'text IN TXT "only words"',
    "jabber.example": "_xmpp-server._tcp IN SRV 1 1 5269 chat",
}
COMPONENTS = ("here.example", "away.example", "silent.example")

PORTS = {"sip": free_port(), "closed": free_port()}


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nsd]:
    zones = {name: zone.format(**PORTS) for name, zone in ZONES.items()}
    with Nsd(tmp_path_factory.mktemp("nsd"), zones) as server:
        yield server


@pytest.fixture(scope="module")
def prosody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prosody]:
    with Prosody(tmp_path_factory.mktemp("prosody"), components=COMPONENTS) as server:
        yield server


def command(file: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "sip2xmpp.command.main", "--config", str(file), "check", *arguments]


class Checked:
    """What a check of a configuration says."""

    def __init__(self, folder: Path, tables: Mapping[str, Any], *arguments: str) -> None:
        file = folder / "sip2xmpp.toml"
        file.write_text(toml(tables))
        file.chmod(0o600)
        done = subprocess.run(
            command(file, "--json", *arguments), capture_output=True, text=True, timeout=60, check=False
        )
        assert done.stderr == ""
        self.status = done.returncode
        self.report = json.loads(done.stdout)

    def of(self, topic: str) -> dict[tuple[str, str], list[str]]:
        """The findings of a topic by what they are about and how bad they are."""
        found: dict[tuple[str, str], list[str]] = {}
        for each in self.report["findings"]:
            if each["topic"] == topic:
                found.setdefault((each["about"], each["level"]), []).append(each["told"])
                assert bool(each["do"]) is (each["level"] != "fine")
        return found


def tables(
    prosody: Prosody, name_server: int | None = None, **others: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    host, port = prosody.component
    made: dict[str, dict[str, Any]] = {
        "gateway": {"state": "sqlite:state.db"},
        "sip": {"domains": ["here.example"], "listen": [f"udp:127.0.0.1:{PORTS['sip']}"]},
        "xmpp": {"server": f"{host}:{port}", "secret": SECRET, "domains": ["here.example"]},
    }
    if name_server is not None:
        made["dns"] = {"servers": [f"127.0.0.1:{name_server}"]}
    for name, table in others.items():
        made.setdefault(name, {}).update(table)
    return made


def test_a_good_neighbourhood_is_status_0(tmp_path: Path, prosody: Prosody, names: Nsd) -> None:
    checked = Checked(tmp_path, tables(prosody, names.port))
    assert checked.status == 0, checked.report
    found = checked.of("XMPP")
    assert found[("here.example", "fine")] == [
        f"127.0.0.1:{prosody.component_port} accepts the component and its secret"
    ]
    assert checked.of("DNS") == {
        ("here.example", "fine"): [
            f"leads here: udp:127.0.0.1:{PORTS['sip']}",
            "leads other XMPP servers to yours",
        ]
    }
    assert not (tmp_path / "state.db").exists()


def test_a_wrong_secret_and_an_unknown_component_are_told_apart(tmp_path: Path, prosody: Prosody) -> None:
    given = tables(prosody, xmpp={"secret": "another secret than that", "gateway_domain": "gw.example"})
    checked = Checked(tmp_path, given | {"dns": {"servers": [f"127.0.0.1:{free_port()}"]}})
    assert checked.status == 1
    found = checked.of("XMPP")
    assert "says that the secret is wrong" in found[("here.example", "fault")][0]
    assert "knows no component gw.example" in found[("gw.example", "fault")][0]
    # that name server is dead
    assert any("DNS does not answer" in told for told in checked.of("DNS")[("dns.servers", "fault")])


def test_nobody_at_the_component_port_and_somebody_else_there(tmp_path: Path, prosody: Prosody) -> None:
    checked = Checked(tmp_path, tables(prosody, xmpp={"server": f"127.0.0.1:{free_port()}"}))
    ((about, level), told) = next(
        each for each in checked.of("XMPP").items() if each[0] == ("xmpp.server", "fault")
    )
    assert (about, level) == ("xmpp.server", "fault")
    assert told[0].startswith("nobody listens at 127.0.0.1:")
    checked = Checked(tmp_path, tables(prosody, xmpp={"server": f"127.0.0.1:{prosody.c2s_port}"}))
    assert checked.status == 1
    assert [level for _, level in checked.of("XMPP")].count("fault") == 1


HOSTILE = (
    b"\x00\xff<<<>>" * 10_000,
    b"<stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:component:accept' id='1'>"
    b"<stream:error><x-%b xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>" % (b"y" * 5_000),
    b"<stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:component:accept' id='1'>"
    + b"<a>" * 200_000,
)


def test_a_hostile_server_is_said_to_be_none_in_few_words(tmp_path: Path, prosody: Prosody) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for octets in HOSTILE:
                connection, _ = server.accept()
                with connection, suppress(OSError):
                    connection.sendall(octets)
                    connection.recv(4096)

        thread = Thread(target=serve)
        thread.start()
        place = f"127.0.0.1:{server.getsockname()[1]}"
        domains = ["one.example", "two.example", "three.example"]
        checked = Checked(tmp_path, tables(prosody, xmpp={"server": place, "domains": domains}))
        thread.join()
    faults = checked.of("XMPP")[("xmpp.server", "fault")]
    assert faults
    assert all(f"{place} does not take the component" in told and len(told) < 400 for told in faults)


def test_where_dns_leads_is_told(tmp_path: Path, prosody: Prosody, names: Nsd) -> None:
    domains = ["here.example", "closed.example", "away.example", "silent.example"]
    checked = Checked(
        tmp_path,
        tables(
            prosody,
            sip={"domains": domains},
            xmpp={"domains": list(COMPONENTS)},
            dns={"servers": [f"127.0.0.1:{names.port}"], "domains": {"jabber.example": "sip"}},
        ),
    )
    found = checked.of("DNS")
    assert found[("closed.example", "fault")] == [
        f"leads to tcp:127.0.0.1:{PORTS['closed']} here, and nothing in sip.listen is there"
    ]
    away = found[("away.example", "warning")]
    assert away[0] == "leads to udp:198.51.100.7:5060, which is no address of this machine"
    assert away[1].startswith(
        "leads other XMPP servers to 198.51.100.7, and the component is connected to 127.0.0.1"
    )
    silent = found[("silent.example", "warning")]
    assert silent[0].startswith("has neither NAPTR, SRV nor an address")
    assert silent[1].startswith("is not found by other XMPP servers")
    assert "DNS knows only XMPP of it" in found[('dns.domains."jabber.example"', "warning")][0]


def test_offline_nobody_is_asked(tmp_path: Path, prosody: Prosody) -> None:
    checked = Checked(tmp_path, tables(prosody, xmpp={"secret": "another secret than that"}), "--offline")
    assert checked.status == 0
    assert checked.of("DNS") == {}
    assert checked.of("XMPP") == {}


def test_beside_a_running_gateway_it_is_asked_and_not_disturbed(tmp_path: Path) -> None:
    with (
        Prosody(tmp_path / "prosody", components=["sip.example.org"], conflict="kick_old") as server,
        Gateway(tmp_path / "gateway", xmpp=server) as gateway,
    ):
        gateway.wait_for_leg("xmpp", "up")
        done = gateway.attempt("check", "--json")
        found = json.loads(done.stdout)["findings"]
        by = {(each["about"], each["level"]): each["told"] for each in found}
        assert by["sip.example.org", "fine"].endswith("says the gateway")
        assert "is held by the gateway" in by["sip.listen[0]", "fine"]
        assert any("the gateway, process" in each["told"] for each in found)
        server.stop()
        gateway.wait_for_leg("xmpp", "down")
        done = gateway.attempt("check", "--json")
        assert done.returncode == 1
        assert gateway.health()["legs"]["xmpp"]["links"]["sip.example.org"]["counters"]["connected"] == 1


def test_on_a_terminal_it_is_set_out_and_coloured(tmp_path: Path) -> None:
    file = tmp_path / "sip2xmpp.toml"
    file.write_text('[sip]\ndomains = ["sip.example.org"]\n[gateway]\nstate = "memory:"\n')
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    shown = {}
    for colours in ("", "1"):
        reader, terminal = pty.openpty()
        with subprocess.Popen(
            command(file, "--offline"), stdout=terminal, env={**environment, "NO_COLOR": colours}
        ) as process:
            os.close(terminal)
            octets = b""
            while True:
                try:
                    octets += os.read(reader, 4096)
                except OSError:
                    break
            process.wait(30)
        os.close(reader)
        shown[colours] = octets.decode().replace("\r\n", "\n")
    assert "\x1b[33mwarning\x1b[0m gateway.state: memory: forgets accounts" in shown[""]
    assert "\x1b" not in shown["1"]
    assert all(len(line) <= 80 for line in shown["1"].splitlines())
    assert "\n          -> name a file, as in sqlite:" in shown["1"]
