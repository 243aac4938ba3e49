"""Do the raw client and component find their way through real servers?"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.ejabberd import Ejabberd
from tests.peers.prosody import SECRET, Prosody
from tests.peers.rawxmpp import (
    RawClient,
    RawComponent,
    any_presence,
    child,
    condition,
    message,
    presence,
    text,
)

BOB = "bob@sip.example.org"


@pytest.fixture(params=[Prosody, Ejabberd], ids=lambda kind: kind.name)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Prosody | Ejabberd]:
    with request.param(tmp_path / "server", users={"juliet": "pw", "romeo": "pw"}) as server:
        yield server


def test_two_users_see_each_other(server: Prosody | Ejabberd) -> None:
    with (
        RawClient("juliet@jabber.example/balcony", "pw", server.c2s) as juliet,
        RawClient("romeo@jabber.example/orchard", "pw", server.c2s) as romeo,
    ):
        assert juliet.roster() == {} and romeo.roster() == {}
        juliet.available()
        romeo.available()
        juliet.subscribe(romeo.bare)
        romeo.wait(presence("subscribe", sender=juliet.bare))
        assert juliet.roster() == {romeo.bare: ("none", True)}
        romeo.subscribed(juliet.bare)
        juliet.wait(presence("subscribed", sender=romeo.bare))
        juliet.wait(presence(sender=romeo.jid))
        romeo.available("away", "it's <late>", priority=5)
        seen = juliet.wait(presence(sender=romeo.bare, show="away"))
        assert text(seen, "status") == "it's <late>"
        romeo.expect_nothing(any_presence(juliet.bare), 0.1)
        juliet.remove_contact(romeo.bare)
        assert juliet.roster() == {}
        romeo.unavailable()
        juliet.message(romeo.bare, "hello")
        with RawClient("romeo@jabber.example/2", "pw", server.c2s) as again:
            again.available(priority=1)
            juliet.message(again.jid, "hello again")
            again.wait(message(sender=juliet.jid, body="hello again"))


def test_a_component_talks_to_a_user(server: Prosody | Ejabberd) -> None:
    with (
        RawComponent("sip.example.org", SECRET, server.component) as component,
        RawClient("juliet@jabber.example/balcony", "pw", server.c2s) as juliet,
    ):
        juliet.roster()
        juliet.available()
        juliet.subscribe(BOB)
        component.wait(presence("subscribe", sender=juliet.bare))
        component.send(f"<presence from='{BOB}' to='{juliet.bare}' type='subscribed'/>")
        juliet.wait(presence("subscribed", sender=BOB))
        component.send(
            f"<message from='{BOB}' to='{juliet.jid}' type='error'><error type='cancel'>"
            "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
        )
        assert condition(juliet.wait(message(sender=BOB, type_="error"))) == "item-not-found"


def test_wrong_passwords_and_secrets_are_told(server: Prosody | Ejabberd) -> None:
    with pytest.raises(PermissionError, match="not-authorized"):
        RawClient("juliet@jabber.example", "wrong", server.c2s)
    with pytest.raises(PermissionError, match="not-authorized"):
        RawComponent("sip.example.org", "wrong", server.component)


def test_what_a_user_publishes_is_kept(server: Prosody | Ejabberd) -> None:
    with RawClient("juliet@jabber.example/balcony", "pw", server.c2s) as juliet:
        juliet.available()
        juliet.publish(
            "http://jabber.org/protocol/mood", "<mood xmlns='http://jabber.org/protocol/mood'><happy/></mood>"
        )
        items = juliet.iq(
            "get",
            "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='http://jabber.org/protocol/mood'/></pubsub>",
        )
        assert (
            child(items, "pubsub") is not None
            and items.find(".//{http://jabber.org/protocol/mood}happy") is not None
        )


def test_a_server_that_stops_ends_the_stream(server: Prosody | Ejabberd) -> None:
    with RawComponent("sip.example.org", SECRET, server.component) as component:
        server.stop()
        component.wait_for_end()
        with pytest.raises(AssertionError, match="did not come; there is an ended stream"):
            component.wait(presence("subscribe"))
