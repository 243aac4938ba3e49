"""What a package makes of URIs, Event headers and published bodies."""

import pytest

from sip2xmpp.errors import BadDocument
from sip2xmpp.events.package import PresencePackage, entity_of
from tests.events.test_notifier import Script


@pytest.mark.parametrize(
    ("uri", "entity"),
    [
        ("sip:alice@sip.example.org", "sip:alice@sip.example.org"),
        ("sip:Alice:secret@SIP.example.org:5070;transport=tcp?x=y", "sip:Alice@sip.example.org"),
        ("sip:juliet%40jabber.example@gw.example.org", "sip:juliet%40jabber.example@gw.example.org"),
        ("sip:sip.example.org;lr", "sip:sip.example.org"),
        ("pres:alice@sip.example.org", "pres:alice@sip.example.org"),
    ],
)
def test_the_entity_is_the_address_as_the_watcher_writes_it(uri: str, entity: str) -> None:
    assert entity_of(uri) == entity


@pytest.mark.parametrize(
    ("body", "device"),
    [
        (b'<presence><tuple id="t4109"><status/></tuple></presence>', "t4109"),
        (b"<p:presence><p:tuple  x='1' id = 'a b'/>", "a b"),
        (b"<presence><tuple/><tuple id='second'/></presence>", "second"),
        (b"<presence/>", ""),
        (b"<tuple " + b"x" * 100_000, ""),
    ],
)
def test_a_device_is_known_by_its_tuple(body: bytes, device: str) -> None:
    assert PresencePackage(Script()).device_of(body) == device


def test_only_presence_documents_may_be_published() -> None:
    package = PresencePackage(Script())
    package.check(b"<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='x'/>")
    with pytest.raises(BadDocument):
        package.check(b"<resource-lists/>")
