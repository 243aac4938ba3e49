"""``sip2xmpp lookup`` against a real authoritative name server."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.peers.gateway import toml
from tests.peers.nsd import Nsd
from tests.peers.ports import free_port

ZONES = {
    "both.example": """
        @ IN NAPTR 20 50 "s" "SIP+D2U" "" _sip._udp.both.example.
        @ IN NAPTR 10 50 "s" "SIP+D2T" "" _sip._tcp.both.example.
        _sip._udp IN SRV 10 60 5070 a
        _sip._tcp IN SRV 10 60 5080 a
        _sip._tcp IN SRV 20 60 5090 b
        _xmpp-server._tcp IN SRV 5 0 5269 chat
        a IN A 127.0.0.2
        b IN A 127.0.0.3
        chat IN A 127.0.0.4
    """,
    "jabber.example": """
        _xmpp-server._tcp IN SRV 5 0 5269 chat
        chat IN A 127.0.0.4
    """,
    "sip.example": """
        _sips._tcp IN SRV 1 1 5061 a
        a IN A 127.0.0.2
    """,
    "host.example": "@ IN A 127.0.0.5",
    "nothing.example": 'text IN TXT "only words"',
}


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nsd]:
    with Nsd(tmp_path_factory.mktemp("nsd"), ZONES) as server:
        yield server


class Command:
    """The command with a configuration that asks one name server."""

    def __init__(self, folder: Path, port: int) -> None:
        self.file = folder / "sip2xmpp.toml"
        self.file.write_text(
            toml(
                {
                    "sip": {"domains": ["sip.example.org"]},
                    "xmpp": {"secret": "s", "domains": ["sip.example.org"], "server": "127.0.0.1:5347"},
                    "dns": {
                        "servers": [f"127.0.0.1:{port}"],
                        "domains": {"example.net": "xmpp", "example.com": "sip:127.0.0.9:5099;transport=tcp"},
                    },
                }
            )
        )

    def run(self, *arguments: str, status: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "sip2xmpp.command.main", "--config", str(self.file), "lookup", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    def report(self, *arguments: str, status: int = 0) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(self.run(*arguments, "--json", status=status))
        return report


@pytest.fixture
def command(names: Nsd, tmp_path: Path) -> Command:
    return Command(tmp_path, names.port)


def places(report: dict[str, Any]) -> list[str]:
    return [f"{each['transport']}:{each['host']}:{each['port']}" for each in report["servers"]]


def test_naptr_records_order_the_servers_of_a_domain_that_speaks_both(command: Command) -> None:
    report = command.report("both.example")
    assert report["leg"] == "sip"
    assert report["evidence"]["sip"][0] == "NAPTR 10 50 SIP+D2T -> _sip._tcp.both.example"
    assert "SRV _xmpp-server._tcp.both.example 5 0 -> chat.both.example:5269" in report["evidence"]["xmpp"]
    assert places(report) == ["tcp:127.0.0.2:5080", "tcp:127.0.0.3:5090", "udp:127.0.0.2:5070"]
    assert "NAPTR both.example: 10 50 SIP+D2T _sip._tcp.both.example" in report["steps"]


def test_who_asks_decides_for_a_domain_that_speaks_both(command: Command) -> None:
    report = command.report("both.example", "--from", "xmpp")
    assert report["leg"] == "xmpp"
    assert report["servers"] == []
    assert report["way"].endswith("component link to 127.0.0.1:5347")


def test_a_domain_with_records_of_one_protocol_is_taken_for_it(command: Command) -> None:
    assert command.report("romeo@jabber.example")["leg"] == "xmpp"
    report = command.report("sip.example", "--from", "xmpp")
    assert report["leg"] == "sip"
    assert places(report) == ["tls:127.0.0.2:5061"]
    assert report["servers"][0]["tls_name"] == "sip.example"


@pytest.mark.parametrize("asked_by", ["sip", "xmpp"])
def test_a_bare_host_is_taken_for_the_protocol_of_who_asks(command: Command, asked_by: str) -> None:
    assert command.report("host.example", "--from", asked_by)["leg"] == asked_by


def test_a_domain_with_nothing_is_nobodys(command: Command) -> None:
    told = command.run("nothing.example", status=1)
    assert "verdict        has neither service records nor an address" in told
    assert "leg            none: refused" in told


def test_the_configuration_comes_first(command: Command) -> None:
    assert command.report("sip.example.org")["leg"] == "own"
    assert command.report("example.net")["configuration"] == 'dns.domains has "example.net" = "xmpp"'
    report = command.report("example.com")
    assert report["evidence"] is None
    assert places(report) == ["tcp:127.0.0.9:5099"]


def test_a_dead_name_server_is_trouble_and_not_an_answer(tmp_path: Path) -> None:
    told = Command(tmp_path, free_port()).run("both.example", status=2)
    assert "DNS did not answer" in told
    assert "leg            none: refused for now" in told


def test_without_a_configuration_the_system_is_asked() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "SIP2XMPP_CONFIG"}
    done = subprocess.run(
        [sys.executable, "-m", "sip2xmpp.command.main", "lookup", "localhost", "--json"],
        capture_output=True,
        env=environment,
        text=True,
        timeout=60,
        check=False,
    )
    assert "127.0.0.1" in done.stdout, done.stdout + done.stderr


def test_what_is_no_domain_is_one_line_of_error(command: Command) -> None:
    assert command.run("not a domain", status=2) == ""
