import argparse
from pathlib import Path

import pytest

from sip2xmpp.address import Address
from sip2xmpp.command.client import server_of
from sip2xmpp.command.lookup import domain_of
from sip2xmpp.command.publish import document
from sip2xmpp.command.reacting import configuration_if_any
from sip2xmpp.command.watch import View, only_account
from sip2xmpp.config import Config, read
from sip2xmpp.documents import pidf
from sip2xmpp.documents.presence import Activity, Note, Presence, Tuple
from sip2xmpp.errors import BadAddress, BadInput, ConfigError, Refused
from sip2xmpp.presence.states import State, activities_of, state_of
from sip2xmpp.presence.texts import user_notes

BOB = Address("bob", "sip.example.org")
JULIET = Address("juliet", "jabber.example")


def configured(*listen: str) -> Config:
    return read({"sip": {"domains": ["sip.example.org"], "listen": list(listen)}}, Path("/"), {})


@pytest.mark.parametrize(
    ("server", "transport", "uri"),
    [
        ("192.0.2.1", None, "sip:192.0.2.1;transport=udp"),
        ("192.0.2.1:5070", "tcp", "sip:192.0.2.1:5070;transport=tcp"),
        ("[2001:db8::1]:5061", "tls", "sip:[2001:db8::1]:5061;transport=tls"),
        ("sip:proxy.example.org;transport=tcp", None, "sip:proxy.example.org;transport=tcp"),
        (None, None, "sip:sip.example.org"),
        (None, "tls", "sip:sip.example.org;transport=tls"),
    ],
)
def test_the_server_is_the_one_that_was_named_or_the_domain(
    server: str | None, transport: str | None, uri: str
) -> None:
    assert str(server_of(server, transport, BOB, None)) == uri


@pytest.mark.parametrize(
    ("listen", "transport", "uri"),
    [
        (("udp:0.0.0.0:5060", "tcp:0.0.0.0:5062"), None, "sip:127.0.0.1:5060;transport=udp"),
        (("udp:0.0.0.0:5060", "tcp:192.0.2.1:5062"), "tcp", "sip:192.0.2.1:5062;transport=tcp"),
        (("tcp:[::]:5060",), None, "sip:[::1]:5060;transport=tcp"),
    ],
)
def test_our_own_users_are_served_where_we_listen(
    listen: tuple[str, ...], transport: str | None, uri: str
) -> None:
    assert str(server_of(None, transport, BOB, configured(*listen))) == uri


def test_users_of_others_are_served_by_their_domain() -> None:
    assert str(server_of(None, None, JULIET, configured("udp:127.0.0.1:5060"))) == "sip:jabber.example"


def test_a_transport_that_we_do_not_listen_for_is_told() -> None:
    with pytest.raises(BadInput, match=r"does not listen for tls; sip\.listen: udp:127\.0\.0\.1:5060"):
        server_of(None, "tls", BOB, configured("udp:127.0.0.1:5060"))


def test_a_person_is_no_server() -> None:
    with pytest.raises(BadInput, match="somebody's address"):
        server_of("sip:bob@sip.example.org", None, BOB, None)


@pytest.mark.parametrize("state", [state for state in State if state is not State.UNKNOWN])
def test_the_document_says_the_state(state: State) -> None:
    written = pidf.read(pidf.write(document(BOB, state)))
    assert state_of(written) is state
    assert written.entity == "sip:bob@sip.example.org"


@pytest.mark.parametrize("state", [State.ONLINE, State.AWAY, State.BUSY, State.ON_THE_PHONE, State.OFFLINE])
def test_the_document_has_the_note(state: State) -> None:
    written = pidf.read(pidf.write(document(BOB, state, note="back at 5")))
    assert user_notes(written, state) == (Note(text="back at 5"),)


def test_activities_stand_beside_the_state() -> None:
    written = pidf.read(pidf.write(document(BOB, State.BUSY, activities=["Meeting"])))
    assert Activity("meeting") in activities_of(written)
    assert state_of(written) is State.BUSY


def test_a_view_tells_what_is_not_known() -> None:
    view = View(address=JULIET)
    assert view.row() == ("juliet@jabber.example", "asking", "", "", "", "")
    assert view.as_json()["state"] is None


def test_a_view_tells_state_and_languages() -> None:
    notes = (Note(text="Weg", language="de"), Note(text="Gone", language="en"))
    document = Presence(
        entity="sip:juliet@jabber.example",
        tuples=(pidf.read(pidf.write(_open())).tuples[0],),
        notes=notes,
    )
    told = View(address=JULIET, standing="active", document=document).as_json()
    assert told["state"] == "online"
    assert told["notes"] == [{"language": "de", "text": "Weg"}, {"language": "en", "text": "Gone"}]


def _open() -> Presence:
    return document(JULIET, State.ONLINE)


def test_a_view_tells_its_trouble_without_saying_twice_whose_it_is() -> None:
    view = View(
        address=JULIET, standing="ended", trouble=Refused("juliet@jabber.example: the server forbids it")
    )
    assert view.row()[:3] == ("juliet@jabber.example", "ended", "the server forbids it")


def test_a_view_shows_nothing_that_a_terminal_would_obey() -> None:
    hostile = Presence(
        entity="sip:juliet@jabber.example",
        tuples=(Tuple(id="a", basic=None, notes=(Note(text="\x1b[2Jgone"),)),),
    )
    assert all("\x1b" not in cell for cell in View(address=JULIET, document=hostile).row())


def test_without_an_account_somebody_has_to_say_who_watches(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="--as ADDRESS"):
        only_account(None)
    empty = read({"sip": {"domains": ["sip.example.org"]}, "gateway": {"state": "memory:"}}, tmp_path, {})
    with pytest.raises(BadInput, match="--as ADDRESS"):
        only_account(empty)


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("Example.NET", "example.net"),
        ("romeo@jabber.example", "jabber.example"),
        ("sip:bob@sip.example.org:5070;transport=tcp", "sip.example.org"),
        ("xn--bcher-kva.example", "bücher.example"),
    ],
)
def test_a_domain_may_be_written_in_any_form(text: str, domain: str) -> None:
    assert domain_of(text) == domain


def test_what_is_no_domain_is_refused() -> None:
    with pytest.raises(BadAddress):
        domain_of("not a domain")


def test_a_configuration_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        configuration_if_any(argparse.Namespace(config=tmp_path / "missing.toml"))
