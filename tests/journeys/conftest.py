"""The scene of every journey: an XMPP server with romeo and juliet, and a gateway with alice and bob.

A journey that asks for ``world`` plays twice, on Prosody and on ejabberd.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.peers.ejabberd import Ejabberd
from tests.peers.gateway import Gateway
from tests.peers.prosody import Prosody
from tests.peers.rawxmpp import RawClient
from tests.peers.sipclient import SipClient

SIP_DOMAIN = "sip.example.org"
GATEWAY_DOMAIN = "gw.example.org"
PASSWORDS = {"romeo": "montague", "juliet": "capulet", "alice": "rabbit", "bob": "builder"}


class World:
    """Servers and whoever has come on stage."""

    def __init__(
        self, directory: Path, server: type[Prosody] | type[Ejabberd], **settings: dict[str, Any]
    ) -> None:
        jabber = {name: PASSWORDS[name] for name in ("romeo", "juliet")}
        sip = {name: PASSWORDS[name] for name in ("alice", "bob")}
        self.server = server(directory / "xmpp", users=jabber, components=[SIP_DOMAIN, GATEWAY_DOMAIN])
        self.gateway = Gateway(
            directory / "gateway",
            xmpp=self.server,
            gateway_domain=GATEWAY_DOMAIN,
            users=sip,
            settings={"dns": {"domains": {"jabber.example": "xmpp"}}, **settings},
        )
        self.stage = ExitStack()

    def open(self) -> None:
        self.stage.enter_context(self.server)
        self.stage.enter_context(self.gateway)
        self.gateway.wait_for_leg("xmpp", "up")

    def close(self) -> None:
        self.stage.close()

    def jabber(self, name: str, resource: str = "orchard", *, online: bool = True) -> RawClient:
        """Log a Jabber user in; ``online`` says that presence is sent at once."""
        jid = f"{name}@jabber.example/{resource}"
        client = self.stage.enter_context(RawClient(jid, PASSWORDS[name], self.server.c2s))
        client.roster()
        if online:
            client.available()
        return client

    def phone(
        self, name: str, *, transport: str = "udp", algorithm: str = "", registered: bool = True
    ) -> SipClient:
        """Switch a SIP user's phone on."""
        client = SipClient(
            name,
            SIP_DOMAIN,
            self.gateway.sip,
            password=PASSWORDS[name],
            transport=transport,
            algorithm=algorithm,
        )
        self.stage.enter_context(client)
        if registered:
            assert client.register().status == 200
        return client


@pytest.fixture(params=[Prosody, Ejabberd], ids=["prosody", "ejabberd"])
def world(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    """Both servers in turn."""
    yield from _play(World(tmp_path, request.param))


@pytest.fixture
def prosody_world(tmp_path: Path) -> Iterator[World]:
    """Prosody alone, where the server makes no difference."""
    yield from _play(World(tmp_path, Prosody))


def _play(world: World) -> Iterator[World]:
    try:
        world.open()
        yield world
    finally:
        world.close()
