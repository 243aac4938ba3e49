"""Real telephones look at Jabber users and are looked at: linphonec 5.1 and baresip 1.0 with passwords, on Prosody.

Both keep ``sip:romeo@jabber.example`` in their address books as it is.  What brings the SUBSCRIBE for a foreign domain to the
gateway is their outbound server: ``reg_route=<sip:HOST:PORT;transport=udp;lr>`` in linphonec's proxy section, and
``;outbound="sip:HOST:PORT;transport=udp"`` in baresip's account.  Without it a telephone asks DNS for the Jabber domain and finds
no SIP server; then only the encapsulated address ``sip:romeo%40jabber.example@gw.example.org`` remains, in a domain that DNS
says is the gateway.

What each shows is what it was measured to show of each document: linphonec reads the last activity, baresip takes away for
offline and knows neither more nor less than busy.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.journeys.conftest import GATEWAY_DOMAIN, PASSWORDS, SIP_DOMAIN, World
from tests.peers.baresip import Baresip
from tests.peers.linphone import Linphone
from tests.peers.prosody import Prosody
from tests.peers.rawxmpp import RawClient, any_presence, presence, text
from tests.peers.waiting import never

ROMEO = "sip:romeo@jabber.example"
ROMEO_ENCAPSULATED = f"sip:romeo%40jabber.example@{GATEWAY_DOMAIN}"
BOB, ALICE = f"bob@{SIP_DOMAIN}", f"alice@{SIP_DOMAIN}"
ACTIVITY = "http://jabber.org/protocol/activity"
ON_THE_PHONE = f"<activity xmlns='{ACTIVITY}'><talking><on_the_phone/></talking></activity>"


class Phones:
    """Bob has linphonec, alice has baresip; both have romeo among their contacts, and romeo has logged in."""

    def __init__(self, world: World, directory: Path, *, contact: str = ROMEO, publish: bool = False) -> None:
        self.stage = ExitStack()
        self.romeo = world.jabber("romeo")
        gateway = world.gateway.sip
        self.linphone = Linphone(
            directory / "linphone", "bob", SIP_DOMAIN, gateway,
            password=PASSWORDS["bob"], friends=[("Romeo", contact)], publishes=publish,
        )  # fmt: skip
        self.baresip = Baresip(
            directory / "baresip", "alice", SIP_DOMAIN, gateway,
            password=PASSWORDS["alice"], contacts=[("Romeo", contact)], publishes=publish,
        )  # fmt: skip

    def switch_on(self) -> None:
        self.stage.enter_context(self.linphone)
        self.stage.enter_context(self.baresip)

    def wait_for_requests(self) -> None:
        """Until romeo has been asked by both."""
        self.romeo.wait(presence("subscribe", sender=BOB), "bob's request")
        self.romeo.wait(presence("subscribe", sender=ALICE), "alice's request")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One scene for all: the telephones are slow to start, and each journey uses other people's authorizations."""
    world = World(tmp_path_factory.mktemp("world"), Prosody)
    try:
        world.open()
        yield world
    finally:
        world.close()


def shows(phones: Phones, linphone: str, baresip: str, contact: str = ROMEO) -> None:
    phones.linphone.wait_for_state(contact, linphone)
    phones.baresip.wait_for_state(contact, baresip)


def test_telephones_show_every_state_of_a_jabber_contact(prosody_world: World, tmp_path: Path) -> None:
    phones = Phones(prosody_world, tmp_path)
    romeo = phones.romeo
    romeo.available("away", "Not before you are allowed")
    with phones.stage:
        phones.switch_on()
        phones.wait_for_requests()
        # pending: nothing is shown of him
        never(
            lambda: phones.linphone.state_of(ROMEO) not in {"", "Offline"}
            or phones.baresip.states().get(ROMEO) not in {"Unknown", "Offline"},
            "a telephone shows what romeo has not approved",
            during=1.0,
        )
        romeo.subscribed(BOB)
        romeo.subscribed(ALICE)
        shows(phones, "Away", "Offline")
        romeo.available()
        shows(phones, "Online", "Online")
        romeo.available("dnd")
        shows(phones, "Busy", "Busy")
        romeo.available("chat")
        shows(phones, "Online", "Online")
        romeo.available("xa", "Extended away")
        shows(phones, "Away", "Offline")
        romeo.available("dnd", "Sales call", more=ON_THE_PHONE)
        shows(phones, "On the phone", "Busy")
        romeo.available("away")
        shows(phones, "Away", "Offline")
        romeo.available("dnd")
        shows(phones, "Busy", "Busy")
        romeo.unavailable("Good night")
        shows(phones, "Offline", "Offline")
