"""What ``sip2xmpp check`` says of settings, files, ports, certificates and the machine, each looked at alone."""

import datetime as dt
import json
import os
import socket
import sqlite3
from collections.abc import Iterable, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.command.checks import certificates, component, machine, ports, settings, state, web
from sip2xmpp.command.checks.findings import Finding, Level, Scene
from sip2xmpp.command.checks.holders import holder_of_port
from sip2xmpp.command.main import main
from sip2xmpp.config import read
from sip2xmpp.settings import Config
from sip2xmpp.sip.dns import CachingDns
from sip2xmpp.store.accounts import make_account
from sip2xmpp.store.connection import Claim
from sip2xmpp.store.offline import offline
from tests.certificates import Authority
from tests.command.conftest import Operator
from tests.peers.ports import free_port

DOMAIN = "sip.example.org"


def configured(folder: Path, **tables: Mapping[str, Any]) -> Config:
    """A configuration that is fine but for ``tables``."""
    port = free_port()
    given: dict[str, dict[str, Any]] = {
        "gateway": {"state": "sqlite:state.db"},
        "sip": {"domains": [DOMAIN], "listen": [f"udp:127.0.0.1:{port}", f"tcp:127.0.0.1:{port}"]},
    }
    for name, table in tables.items():
        given.setdefault(name, {}).update(table)
    return read(given, folder, {})


def scene(
    config: Config, *, file: Path | None = None, process: int | None = None, health: Any = None
) -> Scene:
    async def ask(*_: object) -> Any:
        raise AssertionError("nobody is asked")

    return Scene(
        config=config,
        file=file if file is not None else Path(config.gateway.state.partition(":")[2]).parent / "c.toml",
        dns=CachingDns(Clock(), ask),
        reactor=None,
        process=process,
        health=health,
    )


def told(findings: Iterable[Finding], level: Level = Level.FAULT) -> list[str]:
    """The findings of one level, each with its place."""
    return [f"{each.about}: {each.told}" for each in findings if each.level is level]


def warned(findings: Iterable[Finding]) -> list[str]:
    return told(findings, Level.WARNING)


# the configuration


def test_the_faults_of_a_configuration_are_findings_and_status_1(operator: Operator) -> None:
    operator.config.write_text("[sip]\ncolour = 1\nt1 = 0\ndomains = ['sip.example.org']\n")
    status, out, err = operator("check", "--json")
    found = json.loads(out)
    assert (status, err, found["verdict"]) == (1, "", "fault")
    assert [(each["level"], each["about"], each["told"]) for each in found["findings"]] == [
        ("fault", "sip.colour", "no such key"),
        ("fault", "sip.t1", "0 is not between 0.05 and 5.0"),
        ("warning", "check", "nothing else was looked at"),
    ]


def test_a_configuration_that_is_not_there_is_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--config", str(tmp_path / "missing.toml"), "check"]) == 2
    assert capsys.readouterr().err.endswith("missing.toml: cannot be read: No such file or directory\n")


def test_whoever_may_say_to_be_anybody_is_told(tmp_path: Path) -> None:
    config = configured(
        tmp_path,
        sip={
            "trusted_peers": ["0.0.0.0/0", "192.0.2.1"],
            "authentication": "none",
            "listen": ["udp:0.0.0.0:5060"],
        },
        presence={"default": "allow"},
        http={"trusted_proxies": ["::/0"]},
    )
    found = list(settings.look(scene(config)))
    assert [each.about for each in found if each.level is Level.FAULT] == [
        "sip.trusted_peers",
        "http.trusted_proxies",
    ]
    assert [each.about for each in found if each.level is Level.WARNING] == [
        "sip.authentication",
        "presence.default",
    ]


def test_domains_that_jabber_users_do_not_reach_are_told(tmp_path: Path) -> None:
    secret = {"secret": "x" * 20, "domains": ["other.example"]}
    found = settings.look(scene(configured(tmp_path, xmpp=secret)))
    assert warned(found) == [
        "xmpp.domains: sip.example.org is no component, so Jabber users reach its users not at all"
    ]
    found = settings.look(scene(configured(tmp_path, xmpp={**secret, "gateway_domain": "gw.example.org"})))
    assert "as user\\40sip.example.org@gw.example.org" in warned(found)[0]


# the state file


def test_a_state_file_that_is_made_at_the_first_start_is_fine_and_not_made(tmp_path: Path) -> None:
    found = list(state.look(scene(configured(tmp_path))))
    assert not told(found)
    assert "is made at the first start" in told(found, Level.FINE)[-1]
    assert list(tmp_path.iterdir()) == []


def test_a_state_file_in_use_is_looked_at_without_touching_it(tmp_path: Path) -> None:
    config = configured(tmp_path)
    with offline(config.gateway.state):
        pass
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    found = list(state.look(scene(config)))
    assert told(found, Level.FINE)[-1].endswith("has the present version")
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            "CREATE TABLE schema_version (version INTEGER); INSERT INTO schema_version VALUES (99)",
            "has version 99",
        ),
        ("CREATE TABLE songs (name TEXT)", "is a database of another program"),
    ],
)
def test_a_file_of_somebody_else_is_a_fault(tmp_path: Path, make: str, said: str) -> None:
    with sqlite3.connect(tmp_path / "state.db") as connection:
        connection.executescript(make)
    connection.close()
    found = list(state.look(scene(configured(tmp_path))))
    assert said in "".join(told(found))


def test_what_is_no_database_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"hello" * 1000)
    assert "cannot be read: file is not a database" in "".join(told(state.look(scene(configured(tmp_path)))))


def test_a_folder_that_is_not_there_and_memory_are_told(tmp_path: Path) -> None:
    config = configured(tmp_path, gateway={"state": "sqlite:nowhere/state.db"})
    assert "does not exist" in told(state.look(scene(config)))[0]
    found = list(state.look(scene(configured(tmp_path, gateway={"state": "memory:"}))))
    assert "forgets accounts" in warned(found)[0]


def test_a_state_file_that_others_may_read_is_told(tmp_path: Path) -> None:
    config = configured(tmp_path)
    with offline(config.gateway.state):
        pass
    (tmp_path / "state.db").chmod(0o644)
    assert "others than its owner may read" in "".join(warned(state.look(scene(config))))


def test_operators_without_account_are_told(tmp_path: Path) -> None:
    config = configured(tmp_path, http={"roles": {"alice@sip.example.org": "operator"}})
    with offline(config.gateway.state):
        pass
    assert warned(state.look(scene(config))) == [
        "accounts: there are none, so nobody can register or sign in"
    ]
    with offline(config.gateway.state) as store:
        store.accounts.put(make_account(Address("bob", DOMAIN), "secret"))
    assert warned(state.look(scene(config))) == [
        "http.roles: alice@sip.example.org has no account, and so cannot sign in"
    ]


def test_a_gateway_that_hangs_is_told(tmp_path: Path) -> None:
    config = configured(tmp_path, http={"listen": f"127.0.0.1:{free_port()}"})
    claim = Claim(tmp_path / "state.db")
    found = list(state.look(scene(config, process=os.getpid())))
    assert "does not answer at 127.0.0.1:" in told(found)[0]
    claim.release()
    found = list(state.look(scene(config, health={})))
    assert "does not use this state file" in warned(found)[0]


# ports


def test_a_port_that_is_free_is_fine(tmp_path: Path) -> None:
    found = list(ports.look(scene(configured(tmp_path))))
    assert not told(found)
    assert [each.about for each in found if each.told.endswith("is free")] == [
        "sip.listen[0]",
        "sip.listen[1]",
    ]
    assert "only programs on this machine" in warned(found)[0]


@pytest.mark.parametrize(("kind", "name"), [(socket.SOCK_DGRAM, "udp"), (socket.SOCK_STREAM, "tcp")])
@pytest.mark.parametrize("taken", ["127.0.0.1", "0.0.0.0"])
def test_a_port_that_is_taken_names_the_holder(
    tmp_path: Path, kind: socket.SocketKind, name: str, taken: str
) -> None:
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind((taken, 0))
        if kind is socket.SOCK_STREAM:
            other.listen()
        port = other.getsockname()[1]
        config = configured(tmp_path, sip={"listen": [f"{name}:127.0.0.1:{port}"]})
        (fault,) = told(ports.look(scene(config)))
        assert fault.startswith(f"sip.listen[0]: {name}:127.0.0.1:{port} is held by ")
        assert f"process {os.getpid()}" in fault
        # the gateway itself is not in its own way
        assert not told(ports.look(scene(config, process=os.getpid(), health={})))
        # another one is
        assert told(ports.look(scene(config, process=os.getpid() + 1, health={})))
    assert holder_of_port(kind, "127.0.0.1", port) is None


def test_an_address_that_is_not_ours_is_a_fault(tmp_path: Path) -> None:
    config = configured(tmp_path, sip={"listen": ["udp:198.51.100.7:5060"]})
    assert "198.51.100.7 is no address of this machine" in told(ports.look(scene(config)))[0]


def test_a_running_gateway_that_does_not_listen_is_told(tmp_path: Path) -> None:
    found = ports.look(scene(configured(tmp_path), process=os.getpid(), health={}))
    assert "the gateway runs, and nobody listens at udp:" in warned(found)[0]


def test_what_via_and_contact_carry_is_told(tmp_path: Path) -> None:
    config = configured(tmp_path, sip={"listen": [f"udp:0.0.0.0:{free_port()}"]})
    found = list(ports.look(scene(config)))
    assert any("Via and Contact carry" in each.told or "no route" in each.told for each in found)


# certificates


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def shown(folder: Path, authority: Authority, *, listen: str = "tls", **names: Any) -> list[Finding]:
    certificate, key = authority.issue("gateway", **names)
    config = configured(
        folder,
        sip={
            "certificate": str(certificate),
            "private_key": str(key),
            "authorities": str(authority.file),
            "listen": [f"{listen}:127.0.0.1:5061"],
        },
    )
    return list(certificates.look(scene(config)))


def test_a_certificate_for_our_domains_is_fine(tmp_path: Path, authority: Authority) -> None:
    found = shown(tmp_path, authority, dns=[DOMAIN])
    assert {each.level for each in found} == {Level.FINE}
    assert f"sip.certificate: is for {DOMAIN}" in told(found, Level.FINE)


def test_a_certificate_for_others_is_a_fault(tmp_path: Path, authority: Authority) -> None:
    found = shown(tmp_path, authority, dns=["*.example.org", "www.example.org"])
    assert told(found) == [
        (
            f"sip.certificate: is not for {DOMAIN}, but for *.example.org, www.example.org: "
            "servers that connect by TLS refuse it (RFC 5922)"
        )
    ]


def test_a_certificate_that_nobody_is_shown_is_told(tmp_path: Path, authority: Authority) -> None:
    found = shown(tmp_path, authority, listen="udp", dns=["www.example.org"])
    assert not told(found)
    assert "only shown to servers that we connect to" in warned(found)[0]


@pytest.mark.parametrize(
    ("days", "level", "said"),
    [
        ((-400, -1), Level.FAULT, "has run out on"),
        ((2, 400), Level.FAULT, "is not valid before"),
        ((-80, 10), Level.WARNING, "runs out in 9 days"),
        ((-80, 400), Level.FINE, "is valid until"),
    ],
)
def test_the_time_of_a_certificate_is_told(
    tmp_path: Path, authority: Authority, days: tuple[int, int], level: Level, said: str
) -> None:
    now = dt.datetime.now(dt.UTC)
    authority.valid = (now + dt.timedelta(days=days[0]), now + dt.timedelta(days=days[1]))
    found = shown(tmp_path, authority, dns=[DOMAIN])
    assert any(said in each for each in told(found, level))


def test_a_certificate_that_cannot_be_followed_is_told(tmp_path: Path, authority: Authority) -> None:
    certificate, key = authority.issue("gateway", dns=[DOMAIN])
    other = Authority(tmp_path, "Other Authority")
    names = {"certificate": str(certificate), "private_key": str(key)}
    listen = {"listen": ["tls:127.0.0.1:5061"]}
    config = configured(tmp_path, sip={**names, **listen, "authorities": str(other.file)})
    assert "cannot be followed to an authority" in warned(certificates.look(scene(config)))[0]
    config = configured(tmp_path, sip={**names, **listen})
    assert "of the system" in warned(certificates.look(scene(config)))[0]
    config = configured(
        tmp_path,
        sip={"certificate": str(other.file), "private_key": str(other.key_file), **listen},
    )
    assert "signed by itself" in " ".join(warned(certificates.look(scene(config))))


def test_a_key_of_another_certificate_is_a_fault(tmp_path: Path, authority: Authority) -> None:
    certificate, _ = authority.issue("one", dns=[DOMAIN])
    _, key = authority.issue("two", dns=[DOMAIN])
    found = told(certificates._key("http.private_key", certificate, key))
    assert found == [f"http.private_key: {key} cannot be used with {certificate}: KEY_VALUES_MISMATCH"]
    assert "No such file" in told(certificates._key("http.private_key", certificate, tmp_path / "no.key"))[0]


# the web port and secrets


def test_http_that_others_can_listen_to_is_told(tmp_path: Path) -> None:
    found = web.look(scene(configured(tmp_path, http={"listen": "0.0.0.0:8080"})))
    assert warned(found) == [
        "http.listen: 0.0.0.0:8080 speaks HTTP: passwords and tokens pass unencrypted",
        "xcap.root: clients are told to find their documents at http://0.0.0.0:8080/xcap, which is nowhere",
    ]
    assert not warned(web.look(scene(configured(tmp_path, http={}))))


def test_tokens_that_can_be_guessed_and_files_that_all_may_read_are_told(tmp_path: Path) -> None:
    (tmp_path / "weather.token").write_text("aaaaaaaaaaaaaaaaaaaaaaaa\n")
    (tmp_path / "weather.token").chmod(0o644)
    (tmp_path / "xmpp-secret").write_text("s3cret\n")
    (tmp_path / "xmpp-secret").chmod(0o600)
    config = configured(
        tmp_path,
        xmpp={"secret_file": "xmpp-secret", "domains": [DOMAIN]},
        http={"tokens": {"weather": {"token_file": "weather.token", "addresses": ["*@sip.example.org"]}}},
    )
    assert warned(web.look(scene(config))) == [
        "http.tokens.weather: the token can be guessed",
        "http.tokens.weather.token_file: everybody on this machine may read weather.token",
    ]


@pytest.mark.parametrize(("mode", "level"), [(0o644, Level.WARNING), (0o640, Level.FINE)])
def test_a_configuration_with_a_secret_is_not_for_everybody(tmp_path: Path, mode: int, level: Level) -> None:
    file = tmp_path / "c.toml"
    file.touch(mode)
    file.chmod(mode)
    config = configured(tmp_path, xmpp={"secret": "a secret of many words", "domains": [DOMAIN]})
    found = [each for each in web.look(scene(config, file=file)) if each.topic == "secrets"]
    assert [each.level for each in found] == [level]


class _Refuses(BaseHTTPRequestHandler):
    """A web server that has no gateway behind it, or one that wants a password."""

    statuses: ClassVar[list[int]] = []

    def do_GET(self) -> None:
        self.send_response(self.statuses.pop())
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002 - as the class above has it


def test_the_root_of_xcap_is_tried_as_clients_would() -> None:
    with HTTPServer(("127.0.0.1", 0), _Refuses) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        root = f"http://127.0.0.1:{server.server_port}/xcap"
        _Refuses.statuses = [502, 502, 401]
        assert web._ask(root, is_running=True).level is Level.FINE
        assert web._ask(root, is_running=False).level is Level.FINE
        assert web._ask(root, is_running=True).told == f"{root} says 502"
        server.shutdown()
        thread.join()
    assert "is not reached from here" in web._ask(root, is_running=True).told


def test_a_gateway_that_is_not_well_is_told(tmp_path: Path) -> None:
    config = configured(tmp_path, http={})
    assert warned(web.look(scene(config, health={"status": "degraded"}))) == [
        "health: the running gateway says: degraded"
    ]


# the XMPP server, as far as it is not asked


def test_a_short_secret_and_an_open_way_are_told(tmp_path: Path) -> None:
    config = configured(tmp_path, xmpp={"secret": "short", "domains": [DOMAIN], "server": "192.0.2.1:5347"})
    assert config.xmpp is not None
    assert [each.about for each in component._settings(config.xmpp)] == ["xmpp.secret", "xmpp.server"]


# the machine


def test_the_machine_is_looked_at(tmp_path: Path) -> None:
    found = list(machine.look(scene(configured(tmp_path))))
    assert {each.about for each in found} >= {"kernel", "open files", "libraries"}
    assert not told(found)
    few = configured(tmp_path, limits={"connections": 1_000_000})
    assert "limits.connections wants 1000200" in " ".join(
        warned(machine.look(scene(few, process=os.getpid())))
    )


@pytest.mark.parametrize(
    ("version", "how", "bound", "fits"),
    [
        ("26.10.0", ">=", "26.4", True),
        ("26.10.0", "<", "27", True),
        ("27.0.0rc1", "<", "27", False),
        ("18.0.0", "==", "18.0.0", True),
        ("5.2", ">=", "5.3", False),
    ],
)
def test_versions_are_compared_by_their_numbers(version: str, how: str, bound: str, fits: bool) -> None:
    assert machine._fits(version, how, bound) is fits
