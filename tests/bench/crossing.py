"""The leg from Jabber: a user's presence stanza, through a real Prosody and the gateway, to the NOTIFY at a SIP watcher."""

import time
from pathlib import Path
from typing import Any

from tests.bench.load import Load
from tests.bench.meter import Meter, spread
from tests.bench.rows import LATE
from tests.bench.wire import Wire
from tests.peers.gateway import Gateway
from tests.peers.prosody import Prosody
from tests.peers.rawxmpp import RawClient, presence

WATCHED = "romeo@jabber.example"
PATIENCE = 5.0
WARM_UP = 5
"""Changes that are not measured: the first ones meet delayed acknowledgements on Prosody's connections."""


def crossing(directory: Path, state: str, size: int) -> dict[str, Any]:
    """``size`` changes of romeo's presence, one after the other; milliseconds until the SIP watcher has each."""
    domain = "sip.example.org"
    server = Prosody(directory / "prosody", users={"romeo": "montague"}, components=[domain])
    gateway = Gateway(
        directory / "gateway",
        xmpp=server,
        settings={
            "gateway": {"state": state},
            "sip": {"authentication": "none"},
            "dns": {"domains": {"jabber.example": "xmpp"}},
        },
    )
    with server, gateway:
        gateway.wait_for_leg("xmpp", "up")
        assert gateway.process is not None
        with RawClient(f"{WATCHED}/orchard", "montague", server.c2s) as romeo:
            wire = Wire(gateway.sip)
            try:
                return _measure(romeo, wire, Load(wire, domain), gateway.process.pid, size)
            finally:
                wire.close()


def _measure(romeo: RawClient, wire: Wire, load: Load, pid: int, size: int) -> dict[str, Any]:
    romeo.roster()
    romeo.available()
    seen: list[bytes] = []
    wire.notified = lambda _, octets, __: seen.append(octets)
    load.subscribe(f"sip:{WATCHED}".encode(), lambda *_: None)
    assert wire.run(lambda: bool(seen), PATIENCE), "the watcher was told nothing"
    asked = romeo.wait(presence("subscribe"), "the watcher's request")
    romeo.subscribed(asked.get("from", ""))
    assert wire.run(lambda: any(b"<basic>open" in octets for octets in seen), PATIENCE), "not approved"
    samples: list[float] = []
    mark = ""

    def arrived() -> bool:
        return any(mark.encode() in octets for octets in seen)

    meter = Meter(pid)
    for number in range(WARM_UP + size):
        if number == WARM_UP:
            meter = Meter(pid)
            samples.clear()
        mark = f"change-{number:09d}"
        seen.clear()
        began = time.perf_counter()
        romeo.available("away" if number % 2 else "dnd", mark)
        if wire.run(arrived, PATIENCE):
            samples.append(time.perf_counter() - began)
        romeo.drain()
    return {
        **meter.stop(len(samples)),
        **spread(samples),
        "lost": size - len(samples),
        "late": sum(each > LATE for each in samples),
        "generator_bound": False,
        "counted": dict(wire.count),
    }
