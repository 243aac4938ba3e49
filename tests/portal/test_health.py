"""``GET /health``, as a load balancer and an operator read it."""

import json
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from sip2xmpp import __version__
from sip2xmpp.portal.health import Health
from sip2xmpp.portal.site import site

PAGES = pytest.mark.filterwarnings("ignore:twisted.web.resource._Unsafe:DeprecationWarning")
"""Twisted makes its own error pages by what it calls deprecated."""


class Scene:
    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.legs: dict[str, dict[str, Any]] = {"sip": {"state": "up"}, "xmpp": {"state": "off"}}
        self.health = Health(clock, lambda: self.legs, lambda: {"subscriptions": 3})
        self.site = site(self.health)

    def ask(self, request: str) -> tuple[int, dict[str, str], bytes]:
        protocol = self.site.buildProtocol(None)
        transport = StringTransport()
        protocol.makeConnection(transport)
        protocol.dataReceived(f"{request} HTTP/1.0\r\n\r\n".encode())
        head, _, body = transport.value().partition(b"\r\n\r\n")
        start, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        protocol.connectionLost(None)
        return int(start.split()[1]), headers, body


@pytest.fixture
def scene(clock: Clock) -> Scene:
    return Scene(clock)


def test_who_serves_says_so_with_every_leg(scene: Scene) -> None:
    scene.health.phase = "serving"
    scene.clock.advance(1.5)
    status, headers, body = scene.ask("GET /health")
    assert status == 200
    assert headers["content-type"] == "application/json" and headers["cache-control"] == "no-store"
    assert json.loads(body) == {
        "status": "ok",
        "version": __version__,
        "uptime": 1.5,
        "legs": scene.legs,
        "counts": {"subscriptions": 3},
    }


def test_a_leg_that_is_down_degrades_and_does_not_take_it_out_of_service(scene: Scene) -> None:
    scene.health.phase = "serving"
    scene.legs["xmpp"] = {"state": "down", "why": "connection refused"}
    status, _, body = scene.ask("GET /health")
    assert status == 200
    assert json.loads(body)["status"] == "degraded"
    assert json.loads(body)["legs"]["xmpp"]["why"] == "connection refused"


def test_a_leg_that_refuses_requests_degrades_and_does_not_take_it_out_of_service(scene: Scene) -> None:
    scene.health.phase = "serving"
    scene.legs["sip"] |= {"overload": {"state": "none"}, "receive_buffer_drops": None}
    assert json.loads(scene.ask("GET /health")[2])["status"] == "ok"
    scene.legs["sip"]["overload"] = {"state": "shedding", "level": "new", "seconds": 1.5}
    status, _, body = scene.ask("GET /health")
    report = json.loads(body)
    assert status == 200 and report["status"] == "degraded"
    assert report["legs"]["sip"]["overload"]["level"] == "new"
    assert report["legs"]["sip"]["receive_buffer_drops"] is None


@pytest.mark.parametrize("phase", ["starting", "stopping"])
def test_who_does_not_serve_yet_or_any_more_is_unavailable(scene: Scene, phase: str) -> None:
    assert scene.health.phase == "starting"
    scene.health.phase = phase
    status, _, body = scene.ask("GET /health")
    assert status == 503
    assert json.loads(body)["status"] == phase


@PAGES
def test_head_has_no_body_and_other_methods_are_refused(scene: Scene) -> None:
    scene.health.phase = "serving"
    status, _, body = scene.ask("HEAD /health")
    assert (status, body) == (200, b"")
    assert scene.ask("DELETE /health")[0] in (405, 501)


@PAGES
def test_nothing_else_is_here(scene: Scene) -> None:
    assert scene.ask("GET /elsewhere")[0] == 404
