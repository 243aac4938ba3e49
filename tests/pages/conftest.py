"""What tests of the pages share: one browser for each worker, one gateway for each module, and whoever visits it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.pages.browser import Browser, Visitor
from tests.peers.gateway import Gateway
from tests.peers.sipclient import SipClient
from tests.peers.sipmessage import SipMessage

USERS = {"alice": "rabbit", "bob": "builder"}
"""Alice is a user; Bob is an operator as well."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    browser = Browser()
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway of SIP users; module by module, because pages change what others see."""
    roles = {"bob@sip.example.org": "operator"}
    with Gateway(
        tmp_path_factory.mktemp("gateway"), users=USERS, settings={"http": {"roles": roles}}
    ) as gateway:
        yield gateway


@pytest.fixture
def visit(browser: Browser, gateway: Gateway) -> Iterator[Callable[..., Visitor]]:
    """``visit(size=PHONE, scheme="dark", script=False, ...)`` opens a browser at the gateway."""
    visitors: list[Visitor] = []

    def open_browser(**options: object) -> Visitor:
        visitors.append(browser.visitor(gateway, **options))
        return visitors[-1]

    yield open_browser
    for visitor in visitors:
        visitor.close()


class Phone(SipClient):
    """A phone that takes back what it published when it is switched off, so that the next test finds nothing of it."""

    etag = ""

    def publish(self, *arguments: Any, **named: Any) -> SipMessage:
        response = super().publish(*arguments, **named)
        if response.status == 200:
            self.etag = response.get("sip-etag")
        return response

    def switch_off(self) -> None:
        if self.etag:
            super().publish(etag=self.etag, expires=0)
        self.register(0)
        self.__exit__(None, None, None)


@pytest.fixture
def phone(gateway: Gateway) -> Iterator[Callable[[str], SipClient]]:
    """``phone("alice")`` is a registered SIP phone of somebody."""
    phones: list[Phone] = []

    def switch_on(name: str) -> SipClient:
        client = Phone(name, "sip.example.org", gateway.sip, password=USERS[name])
        client.__enter__()
        phones.append(client)
        assert client.register().status == 200
        return client

    yield switch_on
    for client in phones:
        client.switch_off()
