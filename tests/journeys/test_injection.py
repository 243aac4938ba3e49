"""Programs state presence: a telephone and a Jabber roster both show weather@, which is nobody's account."""

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

from tests.journeys.conftest import PASSWORDS, SIP_DOMAIN, World
from tests.peers.ejabberd import Ejabberd
from tests.peers.linphone import Linphone
from tests.peers.ports import LOOPBACK
from tests.peers.prosody import Prosody
from tests.peers.rawxmpp import presence, text
from tests.peers.sipclient import pidf
from tests.peers.waiting import eventually

WEATHER, BOB = f"weather@{SIP_DOMAIN}", f"bob@{SIP_DOMAIN}"
BUILD = f"build1@{SIP_DOMAIN}"
TOKENS = {
    "station": {"token": "station-token-0123456789", "addresses": [WEATHER], "may": ["publish", "read"]},
    "servers": {"token": "servers-token-0123456789", "addresses": ["build*@sip.example.org"]},
}
EXAMPLES = Path(__file__).resolve().parent.parent.parent / "etc" / "examples"


class Programs:
    """What runs beside the gateway."""

    def __init__(self, world: World, directory: Path) -> None:
        self.world = world
        self.url = f"http://{LOOPBACK}:{world.gateway.http_port}"
        self.directory = directory
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        for name, each in TOKENS.items():
            (directory / f"{name}.token").write_text(f"{each['token']}\n")

    def ask(self, method: str, address: str, body: object = None) -> tuple[int, Any]:
        request = urllib.request.Request(
            f"{self.url}/api/v1/presence/{address}",
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {TOKENS['station']['token']}",
                "Content-Type": "application/json",
            },
            method=method,
        )
        try:
            with self._opener.open(request, timeout=10) as answer:
                octets = answer.read()
                return answer.status, json.loads(octets) if octets else None
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def example(self, name: str, token: str, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [
                sys.executable, str(EXAMPLES / name), *arguments,
                "--gateway", self.url, "--token-file", str(self.directory / f"{token}.token"),
            ],
            env={"no_proxy": "*"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip


@pytest.fixture
def world(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    """With Prosody, unless a journey asks for another server."""
    world = World(tmp_path, getattr(request, "param", Prosody), http={"tokens": TOKENS})
    try:
        world.open()
        yield world
    finally:
        world.close()


@pytest.fixture
def programs(world: World, tmp_path: Path) -> Programs:
    return Programs(world, tmp_path)


def finished(example: "subprocess.Popen[str]") -> tuple[int, str]:
    _, said = example.communicate(timeout=20)
    return example.returncode, said


@pytest.mark.parametrize("world", [Prosody, Ejabberd], indirect=True, ids=["prosody", "ejabberd"])
def test_a_telephone_and_a_jabber_roster_both_show_seventeen_degrees(
    world: World, programs: Programs, tmp_path: Path
) -> None:
    assert finished(programs.example("weather", "station", WEATHER, "--degrees", "17.2", "--once")) == (0, "")
    romeo, bob = world.jabber("romeo"), world.phone("bob")
    romeo.befriend(WEATHER)
    assert text(romeo.wait(presence(sender=WEATHER), "the weather"), "status", "en") == "17 degrees"
    watch = bob.subscribe(f"sip:{WEATHER}")
    watch.wait_for_text("17 degrees")
    linphone = Linphone(
        tmp_path / "linphone", "alice", SIP_DOMAIN, world.gateway.sip,
        password=PASSWORDS["alice"], friends=[("Weather", f"sip:{WEATHER}")],
    )  # fmt: skip
    with linphone:
        linphone.wait_for_state(f"sip:{WEATHER}", "Online")
        assert programs.ask("POST", WEATHER, {"state": "dnd", "note": "Storm", "lifetime": 600})[0] == 200
        # killed as soon as it has said 200
        world.gateway.kill()
        world.gateway.start()
        world.gateway.wait_for_leg("xmpp", "up")
        status, read = programs.ask("GET", WEATHER)
        assert status == 200 and read["composed"]["state"] == "dnd"
        assert [(one["source"], one["note"]) for one in read["sources"]] == [("station", {"": "Storm"})]
        storm = romeo.wait(presence(sender=WEATHER, show="dnd"), "the storm")
        assert text(storm, "status") == "Storm"
        watch.wait_for_text("Storm")
        linphone.wait_for_state(f"sip:{WEATHER}", "Busy")
        assert programs.ask("DELETE", WEATHER)[0] == 204
        romeo.wait(presence("unavailable", sender=WEATHER), "the end of the weather")
        linphone.wait_for_state(f"sip:{WEATHER}", "Offline")
    # nobody lost the contact: it is seen as soon as something is said again
    assert romeo.roster()[WEATHER][0] == "to"
    count = len(watch.notifies)
    world.gateway.run("inject", WEATHER, "away", "--note", "12 degrees", "--for", "2s")
    assert text(romeo.wait(presence(sender=WEATHER, show="away"), "away"), "status") == "12 degrees"
    watch.wait_for_text("12 degrees", after=count)
    # and its time passes without anybody doing anything
    romeo.wait(presence("unavailable", sender=WEATHER), "the end after two seconds")
    watch.wait_for_text("<basic>closed</basic>", after=count)


@pytest.mark.parametrize("world", [Prosody, Ejabberd], indirect=True, ids=["prosody", "ejabberd"])
def test_a_holiday_is_shown_until_its_owner_says_something_else(world: World) -> None:
    romeo, gateway = world.jabber("romeo"), world.gateway
    romeo.befriend(BOB)
    gateway.run("permanent", BOB, "xa", "--note", "On holiday until 5 January", "--activity", "vacation")
    away = romeo.wait(presence(sender=BOB, show="xa"), "the holiday")
    assert text(away, "status") == "On holiday until 5 January"
    bob = world.phone("bob")
    etag = bob.publish(pidf(bob.uri, "open", "busy", note="Back early")).get("sip-etag")
    busy = romeo.wait(presence(sender=BOB, show="dnd"), "busy")
    assert text(busy, "status") == "Back early"
    bob.publish(etag=etag, expires=0)
    romeo.wait(presence(sender=BOB, show="xa"), "the holiday again")
    gateway.run("permanent", BOB, "chat", "--always", "--note", "Open house", "--source", "party")
    assert text(romeo.wait(presence(sender=BOB, show="chat"), "the party"), "status") == "Open house"
    bob.publish(pidf(bob.uri, "open", "busy", note="Not for you"))
    romeo.expect_nothing(presence(sender=BOB, show="dnd"))
    assert [row["source"] for row in json.loads(gateway.run("permanent", BOB, "--list", "--json"))] == [
        "permanent",
        "party",
    ]
    gateway.run("permanent", BOB, "--clear", "--source", "party")
    romeo.wait(presence(sender=BOB, show="dnd"), "what bob said meanwhile")


def test_a_machine_shows_its_load_and_is_gone_when_the_script_ends(world: World, programs: Programs) -> None:
    example = programs.example("server-load", "servers", BUILD, "--busy", "1000", "--full", "2000")
    bob = world.phone("bob")

    def known() -> bool:
        return "server" in world.gateway.run("inject", BUILD, "--list")

    eventually(known, "the load is stated")
    watch = bob.subscribe(f"sip:{BUILD}")
    watch.wait_for_text("per processor")
    example.send_signal(signal.SIGTERM)
    assert finished(example) == (0, "")
    watch.wait_for_text("<basic>closed</basic>")


def test_examples_say_what_is_wrong_and_end_with_a_status(
    world: World, programs: Programs, tmp_path: Path
) -> None:
    other = finished(programs.example("weather", "servers", WEATHER, "--degrees", "17", "--once"))
    assert other[0] == 1 and "403" in other[1]
    reading = tmp_path / "now.json"
    reading.write_text('{"current": [{"temperature": -3.6}]}')
    where = ("--read", str(reading), "--member", "current.0.temperature", "--once")
    assert finished(programs.example("weather", "station", WEATHER, *where)) == (0, "")
    assert programs.ask("GET", WEATHER)[1]["composed"]["note"] == {"en": "-4 degrees", "de": "-4 Grad"}
    reading.write_text("no weather today")
    assert finished(programs.example("weather", "station", WEATHER, *where))[0] == 1
    assert finished(programs.example("weather", "station", WEATHER, "--degrees", "1", "--every", "1"))[0] == 2
    assert finished(programs.example("server-load", "station", "nobody@elsewhere.example", "--once"))[0] == 1
    assert (
        "Exit status"
        in subprocess.run(
            [sys.executable, EXAMPLES / "weather", "--help"], capture_output=True, text=True, check=True
        ).stdout
    )
