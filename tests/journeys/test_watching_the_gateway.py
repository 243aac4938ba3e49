"""Operators look at the gateway while it works: a traced pair on both legs, the metrics, and the log of a machine."""

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.journeys.conftest import SIP_DOMAIN, World, _play
from tests.peers.gateway import ROOT
from tests.peers.ports import LOOPBACK
from tests.peers.prosody import Prosody
from tests.peers.rawxmpp import any_presence, presence
from tests.peers.sipclient import pidf
from tests.peers.waiting import eventually

BOB = f"bob@{SIP_DOMAIN}"
ALICE = f"alice@{SIP_DOMAIN}"
ROMEO = "romeo@jabber.example"
COMMAND = (sys.executable, "-m", "sip2xmpp.command.main")


@pytest.fixture
def machine_world(tmp_path: Path) -> Iterator[World]:
    """One whose gateway writes its log for machines."""
    yield from _play(World(tmp_path, Prosody, log={"format": "json", "level": "debug"}))


class Follower:
    """``sip2xmpp trace`` in a terminal of its own, for scripts."""

    def __init__(self, world: World, watcher: str, presentity: str, *more: str) -> None:
        gateway = world.gateway
        self._output = gateway.directory / f"trace-{watcher}.jsonl"
        with self._output.open("wb") as stream:
            self._process = subprocess.Popen(
                [*COMMAND, "--config", str(gateway.file), "trace", watcher, presentity, "--json", *more],
                cwd=gateway.directory,
                env={"PYTHONPATH": str(ROOT)},
                stdout=stream,
            )
        eventually(self.lines, "the trace is on", within=15.0)

    def lines(self) -> list[dict[str, Any]]:
        whole = self._output.read_text("utf-8").rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def messages(self, leg: str, what: str, way: str = "") -> list[dict[str, Any]]:
        """Those of this kind so far."""
        return [
            line
            for line in self.lines()
            if line.get("leg") == leg and line["what"] == what and way in ("", line["way"])
        ]

    def wait(self, leg: str, what: str, way: str = "") -> dict[str, Any]:
        """The last message of this kind, when there is one."""
        eventually(lambda: self.messages(leg, what, way), f"{leg} {what} {way}", within=5.0)
        return self.messages(leg, what, way)[-1]

    def interrupt(self) -> int:
        """Ctrl-C; the exit status."""
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(60)


def scraped(world: World, accept: str = "") -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """The samples of ``/metrics`` by name and labels."""
    request = urllib.request.Request(
        f"http://{LOOPBACK}:{world.gateway.http_port}/metrics", headers={"Accept": accept}
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        text = answer.read().decode()
    samples: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            samples.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return samples


def test_an_operator_sees_why_a_lamp_does_what_it_does(machine_world: World) -> None:
    world = machine_world
    romeo, bob, alice = world.jabber("romeo"), world.phone("bob"), world.phone("alice")
    romeo.befriend(BOB)
    romeo.wait(any_presence(BOB), "that bob allows it")

    # a Jabber user watches a SIP user
    trace = Follower(world, ROMEO, BOB)
    (first,) = trace.lines()
    (authorization,) = first["pair"]["authorizations"]
    assert (authorization["state"], authorization["side"]) == ("authorized", "jabber-watches")
    assert first["pair"]["judgement"]["handling"] == "allow"
    assert [each["leg"] for each in first["pair"]["domains"]] == ["xmpp", "own"]
    bob.publish(pidf(bob.uri, "open", "on-the-phone", note="Sales call"))
    romeo.wait(presence(sender=BOB, show="dnd"), "on the phone")
    assert "Sales call" in trace.wait("sip", "PUBLISH", "in")["text"]
    mapped = trace.wait("mapping", "PIDF to XMPP presence")
    assert "on-the-phone" in mapped["text"]
    assert "<show>dnd</show>" in mapped["after"]
    assert "<show>dnd</show>" in trace.wait("xmpp", "presence", "out")["text"]
    trace.wait("sip", "200 to PUBLISH", "out")
    whole = json.dumps(trace.lines())
    assert "response=" not in whole
    assert "nonce=" not in whole
    assert "(not shown)" in whole
    assert trace.interrupt() == 130
    assert world.gateway.run("trace", ROMEO, BOB, "--now").startswith(f"{ROMEO} watches {BOB}\n")

    # a SIP user watches a Jabber user, who is not asked yet
    trace = Follower(world, ALICE, ROMEO)
    watch = alice.subscribe(f"sip:{ROMEO}")
    romeo.wait(presence("subscribe", sender=ALICE), "alice's request")
    assert "Authorization: Digest (not shown)\n" in trace.wait("sip", "SUBSCRIBE", "in")["text"]
    trace.wait("xmpp", "presence subscribe", "out")
    romeo.available("away", "Gone fishing")
    romeo.subscribed(ALICE)
    watch.wait_for_text("Gone fishing")
    trace.wait("xmpp", "presence subscribed", "in")
    assert "<show>away</show>" in trace.wait("mapping", "XMPP presence to PIDF")["text"]
    assert "Gone fishing" in trace.wait("sip", "NOTIFY", "out")["text"]
    trace.wait("sip", "200 to NOTIFY", "in")
    facts = json.loads(world.gateway.run("trace", ALICE, ROMEO, "--now", "--json"))
    (dialog,) = facts["dialogs"]
    assert (dialog["role"], dialog["state"], dialog["event"]) == ("notifier", "active", "presence")
    assert dialog["local_cseq"] >= 1
    assert trace.interrupt() == 130

    # what a monitoring system sees of all that
    samples = scraped(world)
    assert samples["sip2xmpp_xmpp_link_up"][(("domain", SIP_DOMAIN),)] == 1
    states = (("package", "presence"), ("role", "notifier"), ("state", "active"))
    assert samples["sip2xmpp_dialogs"][states] == 1
    assert samples["sip2xmpp_publications"][(("package", "presence"),)] == 1
    assert samples["sip2xmpp_registrations"][()] == 2
    assert samples["sip2xmpp_notify_latency_seconds_count"][()] >= 1
    assert samples["sip2xmpp_store_commit_seconds_count"][()] >= 1
    assert samples["sip2xmpp_sip_requests_total"][(("direction", "in"), ("method", "PUBLISH"))] >= 1
    assert samples["sip2xmpp_mappings_checked_total"][(("direction", "to-xmpp"),)] >= 1
    assert samples["process_open_fds"][()] > 0
    told = world.gateway.health()["counts"]
    assert told["subscriptions"] == 1
    with pytest.raises(urllib.error.HTTPError, match="401"):
        opened(world, {"X-Forwarded-For": "192.0.2.1"})

    # and the log: every line is an object, whatever was in an event, and says no secret
    lines = [json.loads(line) for line in world.gateway.output.read_text("utf-8").splitlines()]
    assert len(lines) > 15
    assert all({"time", "level", "logger", "event"} <= line.keys() for line in lines)
    assert any(line.get("watcher") == ALICE and line.get("presentity") == ROMEO for line in lines)
    assert {line["level"] for line in lines} <= {"debug", "info"}


def opened(world: World, headers: dict[str, str]) -> None:
    url = f"http://{LOOPBACK}:{world.gateway.http_port}/metrics"
    urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=5).close()
