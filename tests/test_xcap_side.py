"""The XCAP server joined to what the gateway knows, and what operators say about it."""

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from sip2xmpp.address import Address
from sip2xmpp.config import Config, read
from sip2xmpp.digest import Algorithm
from sip2xmpp.errors import ConfigError
from sip2xmpp.own_side import OwnSide, own_side
from sip2xmpp.portal.tokens import Tokens
from sip2xmpp.presence.policy import Handling
from sip2xmpp.presence.watching import Told
from sip2xmpp.settings import Pictures
from sip2xmpp.store.accounts import make_account
from sip2xmpp.store.memory import MemoryStore
from sip2xmpp.store.records import Verdict
from sip2xmpp.xcap_side import XcapSide, xcap_side
from tests.xcap.scene import ALICE, BOB, DOCUMENT, DOMAIN, INDEX, PASSWORDS, Scene
from tests.xcap.test_clients import ICON, PNG, picture

PICTURE = f"org.openmobilealliance.pres-content/users/sip:bob@{DOMAIN}/oma_status-icon/index"
HTTP = {"http": {"listen": "127.0.0.1:8080"}}


def configured(**tables: dict[str, Any]) -> Config:
    return read({"sip": {"domains": [DOMAIN]}, **tables}, Path(), {})


class Joined(Scene):
    """The scene with the server that the configuration gives."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.store = MemoryStore(self.clock)  # type: ignore[assignment]
        for name, password in PASSWORDS.items():
            self.store.accounts.put(make_account(Address(name, DOMAIN), password))
        self.own: OwnSide = own_side(config, self.store, self.clock)
        self.side: XcapSide = xcap_side(
            config,
            self.store,
            self.clock,
            own=self.own,
            tokens=Tokens([], self.clock, a_minute=1),
            secret=b"s" * 32,
        )
        self.documents = self.side.documents
        if self.side.resource is not None:
            self.serve(self.side.resource)


def test_without_a_port_or_a_domain_there_is_no_server() -> None:
    assert Joined(configured()).side.resource is None
    gateway = {"secret": "s", "domains": ["sip.example.org"]}
    only_xmpp = read({"xmpp": gateway, **HTTP}, Path(), {})
    assert Joined(only_xmpp).side.resource is None


def test_what_operators_say_is_in_force() -> None:
    config = configured(
        xcap={"root": "https://xcap.example.org/xcap-root/", "digest": ["SHA-256"], "documents": 1}, **HTTP
    )
    assert config.xcap.root == "https://xcap.example.org/xcap-root"
    joined = Joined(config)
    path = f"/xcap-root/{INDEX}"
    assert len(joined.request("GET", path).all("www-authenticate")) == 1
    assert joined.ask("PUT", path, DOCUMENT, algorithm="SHA-256").status == 201
    second = joined.ask("PUT", path.replace("index", "second"), DOCUMENT, algorithm="SHA-256")
    assert second.conflict == "constraint-failure"
    directory = f"/xcap-root/org.openmobilealliance.xcap-directory/users/sip:bob@{DOMAIN}/directory.xml"
    assert (
        b'uri="https://xcap.example.org/xcap-root/resource-lists/'
        in joined.ask("GET", directory, algorithm="SHA-256").body
    )


def test_where_nothing_is_proved_nothing_is_asked() -> None:
    joined = Joined(configured(sip={"domains": [DOMAIN], "authentication": "none"}, **HTTP))
    assert joined.request("PUT", INDEX, DOCUMENT).status == 201
    assert joined.request("GET", INDEX.replace("bob", "anybody")).status == 404


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ({"root": "xcap.example.org"}, "xcap.root: "),
        ({"root": "https://a/b?c"}, "xcap.root: "),
        ({"root": "https://user@a/"}, "xcap.root: "),
        ({"root": "ftp://a"}, "xcap.root: "),
        ({"digest": []}, "xcap.digest: "),
        ({"digest": ["SHA-512-256"]}, "xcap.digest[0]: "),
        ({"pictures": "all"}, "xcap.pictures: "),
        ({"documents": 0}, "xcap.documents: "),
        ({"octets": 1}, "xcap.octets: "),
        ({"document": 1}, "xcap.document: no such key; did you mean documents?"),
    ],
)
def test_what_cannot_be_is_said(table: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configured(xcap=table, **HTTP)
    assert caught.value.faults[0].startswith(fault)


def test_the_defaults_are_safe() -> None:
    xcap = configured().xcap
    assert xcap.pictures is Pictures.WATCHERS and xcap.digest == (Algorithm.MD5, Algorithm.SHA256)
    http = configured(**HTTP).http
    assert http is not None and http.trusted_proxies == ()


def test_pictures_are_read_by_watchers_or_by_anybody() -> None:
    joined = Joined(configured(**HTTP))
    assert joined.ask("PUT", PICTURE, picture(PNG), media=ICON).status == 201
    assert joined.request("GET", PICTURE).status == 401
    assert joined.ask("GET", PICTURE, user="alice").status == 404
    verdict = Verdict(presentity=BOB, watcher=ALICE, handling=Handling.ALLOW.value, decided_at=0.0)
    joined.store.verdicts.put(verdict)
    assert joined.ask("GET", PICTURE, user="alice").body == picture(PNG)
    joined.store.verdicts.remove(verdict.key)
    assert joined.ask("GET", PICTURE, user="alice").status == 404
    everybody = Joined(configured(xcap={"pictures": "anybody"}, **HTTP))
    assert everybody.ask("PUT", PICTURE, picture(PNG), media=ICON).status == 201
    assert everybody.request("GET", PICTURE).body == picture(PNG)
    assert everybody.request("GET", INDEX).status == 401


def test_rules_say_whether_a_picture_is_shown() -> None:
    joined = Joined(configured(**HTTP))
    joined.ask("PUT", PICTURE, picture(PNG), media=ICON)

    def rules(provided: str) -> bytes:
        return (
            '<cp:ruleset xmlns:cp="urn:ietf:params:xml:ns:common-policy" xmlns="urn:ietf:params:xml:ns:pres-rules">'
            f'<cp:rule id="a"><cp:conditions><cp:identity><cp:one id="sip:alice@{DOMAIN}"/></cp:identity></cp:conditions>'
            "<cp:actions><sub-handling>allow</sub-handling></cp:actions>"
            f"<cp:transformations>{provided}</cp:transformations></cp:rule></cp:ruleset>"
        ).encode()

    path = f"pres-rules/users/sip:bob@{DOMAIN}/index"
    for provided, status in (
        ("<provide-status-icon>true</provide-status-icon>", 200),
        ("<provide-mood>true</provide-mood>", 404),
        ("<provide-all-attributes/>", 200),
    ):
        put = joined.ask("PUT", path, rules(provided), media="application/auth-policy+xml")
        assert put.status in {200, 201}, put.body
        assert joined.ask("GET", PICTURE, user="alice").status == status


class Ear:
    address = ALICE

    def notified(self, notification: Told[Any]) -> None:
        pass


def test_a_user_reads_who_watches() -> None:
    joined = Joined(configured(**HTTP))
    joined.own.presence.watch(BOB, Ear())
    joined.clock.advance(1)
    answer = joined.ask("GET", f"org.openxcap.watchers/users/sip:bob@{DOMAIN}/index")
    (watcher,) = ET.fromstring(answer.body)
    assert [each.text for each in watcher] == [f"sip:alice@{DOMAIN}", "pending", "true"]


def test_an_account_takes_its_documents_along() -> None:
    joined = Joined(configured(**HTTP))
    joined.put()
    joined.store.accounts.remove(str(BOB))
    assert joined.documents.of(str(BOB)) == ()
