"""A running gateway is told to read its configuration again, while phones hold subscriptions and connections."""

import json
import shutil
import signal
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tests.certificates import Authority
from tests.peers.gateway import Gateway
from tests.peers.ports import LOOPBACK
from tests.peers.sipclient import SipClient, pidf
from tests.peers.waiting import eventually

USERS = {"alice": "rabbit", "bob": "builder"}
TOKEN = "a-token-of-24-characters"


class SecureGateway(Gateway):
    """A gateway that speaks TLS on all of its ports."""

    mark = 0

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, users=USERS)
        self.authority = Authority(directory)
        self.renew("first")
        self.settings = {
            "sip": {
                "listen": [
                    f"udp:{LOOPBACK}:{self.sip_port}",
                    f"tcp:{LOOPBACK}:{self.sip_port}",
                    f"tls:{LOOPBACK}:{self.tls_port}",
                ],
                "certificate": "gateway.crt",
                "private_key": "gateway.key",
            },
            "http": {"certificate": "gateway.crt", "private_key": "gateway.key"},
        }

    def renew(self, name: str) -> None:
        """Put another certificate where the last one was."""
        certificate, key = self.authority.issue(name, ips=[LOOPBACK], uris=["sip:sip.example.org"])
        shutil.copy(certificate, self.directory / "gateway.crt")
        shutil.copy(key, self.directory / "gateway.key")

    def is_up(self) -> bool:
        return self.get("/health")[0] == 200

    def get(self, path: str, token: str = "") -> tuple[int, Any, Any]:
        """Status, header and body of an answer by HTTPS."""
        request = urllib.request.Request(f"https://{LOOPBACK}:{self.http_port}{path}")
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self.client())
        )
        try:
            with opener.open(request, timeout=5) as answer:
                return answer.status, answer.headers, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, json.load(error)

    def client(self) -> ssl.SSLContext:
        """Somebody who believes our authority."""
        context = ssl.create_default_context(cafile=str(self.authority.file))
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        return context

    def shown(self, port: int) -> bytes:
        """The certificate that a new connection is shown."""
        with (
            socket.create_connection((LOOPBACK, port), timeout=5) as plain,
            self.client().wrap_socket(plain, server_hostname=LOOPBACK) as secured,
        ):
            octets = secured.getpeercert(binary_form=True)
            assert octets is not None
            return octets

    def hang_up(self) -> None:
        """SIGHUP, with the file as ``settings`` are now."""
        self.prepare()
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)

    def said(self, text: str) -> bool:
        """Whether this is in the log of this test."""
        return text in self.output.read_text()[self.mark :]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureGateway]:
    with SecureGateway(tmp_path_factory.mktemp("reload")) as gateway:
        yield gateway


@pytest.fixture
def gateway(running: SecureGateway) -> Iterator[SecureGateway]:
    """One process for all tests, which take back what they change: by a reload, of course."""
    before = deepcopy(running.settings)
    running.mark = len(running.output.read_text())
    yield running
    running.settings = before
    running.renew("again")
    running.mark = len(running.output.read_text())
    running.hang_up()
    eventually(lambda: running.said("was read again"), "it is as before")


def test_a_reload_takes_over_what_can_be_and_ends_nothing(gateway: SecureGateway) -> None:
    tls = SipClient(
        "bob",
        "sip.example.org",
        (LOOPBACK, gateway.tls_port),
        password="builder",
        transport="tls",
        tls=gateway.client(),
    )
    with SipClient("alice", "sip.example.org", gateway.sip, password="rabbit") as alice, tls as bob:
        watch = alice.subscribe("sip:bob@sip.example.org")
        watch.wait_for_state("active")
        assert bob.register().status == 200
        before = gateway.shown(gateway.tls_port), gateway.shown(gateway.http_port)

        gateway.renew("second")
        gateway.settings["http"]["tokens"] = {
            "desk": {"token": TOKEN, "addresses": ["*@*"], "may": ["observe"]}
        }
        gateway.settings["sip"]["domains"] = ["sip.example.org", "second.example"]
        gateway.settings["sip"]["t1"] = 0.4
        assert gateway.get("/api/v1/users", TOKEN)[0] == 401
        gateway.hang_up()
        eventually(lambda: gateway.said("was read again"), "the configuration was read again")

        # new connections are shown the new certificate, on both ports
        after = gateway.shown(gateway.tls_port), gateway.shown(gateway.http_port)
        assert all(old != new for old, new in zip(before, after, strict=True))
        # a new token works
        assert gateway.get("/api/v1/users", TOKEN)[0] == 200
        # a new domain serves
        gateway.add_user("juliet@second.example", "capulet")
        with SipClient("juliet", "second.example", gateway.sip, password="capulet") as juliet:
            # an account that a command adds is seen within a second; to try passwords until then would be counted
            known = "/api/v1/users/juliet@second.example"
            eventually(lambda: gateway.get(known, TOKEN)[0] == 200, "the account is known")
            assert juliet.register().status == 200
            there = juliet.subscribe("sip:bob@sip.example.org")
            there.wait_for_state("active")
        # the dialog and the connection go on
        published = bob.publish(pidf("sip:bob@sip.example.org", "open", "away", note="lunch"))
        assert published.status == 200
        watch.wait_for_text("lunch")
        assert watch.refresh().status == 200
        assert gateway.said("sip.t1 needs a restart")


def test_faults_leave_everything_as_it_was(gateway: SecureGateway) -> None:
    with SipClient("alice", "sip.example.org", gateway.sip, password="rabbit") as alice:
        watch = alice.subscribe("sip:bob@sip.example.org")
        watch.wait_for_state("active")
        before = gateway.shown(gateway.tls_port)
        gateway.renew("second")
        gateway.settings["sip"]["domains"] = ["second.example", "not a domain"]
        gateway.settings["limits"] = {"min_expires": 5000, "max_expires": 100}
        gateway.hang_up()
        eventually(lambda: gateway.said("not taken over: limits.default_expires"), "the last fault is told")
        assert gateway.said("not taken over: sip.domains[1]")
        assert gateway.shown(gateway.tls_port) == before
        assert watch.refresh().status == 200
        assert alice.register().status == 200


def test_a_key_that_does_not_belong_to_the_certificate_changes_nothing(gateway: SecureGateway) -> None:
    before = gateway.shown(gateway.http_port)
    key = (gateway.directory / "gateway.key").read_bytes()
    gateway.renew("second")
    (gateway.directory / "gateway.key").write_bytes(key)
    gateway.hang_up()
    eventually(lambda: gateway.said("does not belong to the private key"), "the fault is told")
    assert gateway.shown(gateway.http_port) == before


def test_https_keeps_browsers_and_the_command_reaches_it(gateway: SecureGateway) -> None:
    _, header, _ = gateway.get("/health")
    assert header["Strict-Transport-Security"].startswith("max-age=")
    assert "up" in gateway.run("status")
    gateway.renew("second")
    assert json.loads(gateway.run("reload", "--json")) == {
        "taken": ["sip.certificate", "http.certificate"],
        "waiting": [],
    }
    gateway.settings["sip"]["t1"] = 0.4
    gateway.prepare()
    assert "needs a restart: sip.t1" in gateway.run("reload")
    gateway.settings["sip"]["t1"] = 100.0
    gateway.prepare()
    assert "sip.t1: 100.0 is not between" in gateway.attempt("reload").stderr


def test_a_domain_that_is_gone_ends_what_was_held_for_its_users(gateway: SecureGateway) -> None:
    gateway.settings["sip"]["domains"] = ["sip.example.org", "second.example"]
    gateway.prepare()
    gateway.run("reload")
    gateway.add_user("romeo@second.example", "montague")
    with SipClient("alice", "sip.example.org", gateway.sip, password="rabbit") as alice:
        # an account that a command adds is seen within a second
        romeo = "sip:romeo@second.example"
        eventually(lambda: alice.subscribe(romeo).response.status == 200, "the account is known", every=0.1)
        ended = alice.subscribe(romeo)
        kept = alice.subscribe("sip:bob@sip.example.org")
        ended.wait_for_state("active")
        kept.wait_for_state("active")
        gateway.settings["sip"]["domains"] = ["sip.example.org"]
        gateway.prepare()
        gateway.run("reload")
        ended.wait_for_state("terminated")
        assert kept.refresh().status == 200


def test_other_defaults_judge_watchers_anew(gateway: SecureGateway) -> None:
    with SipClient("alice", "sip.example.org", gateway.sip, password="rabbit") as alice:
        watch = alice.subscribe("sip:bob@sip.example.org")
        watch.wait_for_state("active")
        gateway.settings["presence"] = {"default": "confirm"}
        gateway.prepare()
        assert "taken over: presence.default" in gateway.run("reload")
        watch.wait_for_state("pending")
