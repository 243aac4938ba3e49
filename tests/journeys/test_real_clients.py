"""Real telephones look at Jabber users and are looked at: linphonec 5.1 and baresip 1.0 with passwords, on Prosody.

Both keep ``sip:romeo@jabber.example`` in their address books as it is.  What brings the SUBSCRIBE for a foreign domain to the
gateway is their outbound server: ``reg_route=<sip:HOST:PORT;transport=udp;lr>`` in linphonec's proxy section, and
``;outbound="sip:HOST:PORT;transport=udp"`` in baresip's account.  Without it a telephone asks DNS for the Jabber domain and finds
no SIP server; then only the encapsulated address ``sip:romeo%40jabber.example@gw.example.org`` remains, in a domain that DNS
says is the gateway.

What each shows is what it was measured to show of each document: linphonec reads the last activity, baresip takes away for
offline and knows neither more nor less than busy.
"""

from contextlib import ExitStack
from pathlib import Path

from tests.journeys.conftest import GATEWAY_DOMAIN, PASSWORDS, SIP_DOMAIN, World
from tests.peers.baresip import Baresip
from tests.peers.linphone import Linphone
from tests.peers.rawxmpp import presence, text
from tests.peers.waiting import eventually, never

ROMEO = "sip:romeo@jabber.example"
ROMEO_ENCAPSULATED = f"sip:romeo%40jabber.example@{GATEWAY_DOMAIN}"
BOB, ALICE = f"bob@{SIP_DOMAIN}", f"alice@{SIP_DOMAIN}"
NOTHING = {"", "Unknown", "Offline"}
"""What a telephone shows of somebody of whom it has been told nothing."""

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


def shows(phones: Phones, linphone: str, baresip: str, contact: str = ROMEO) -> None:
    phones.linphone.wait_for_state(contact, linphone)
    phones.baresip.wait_for_state(contact, baresip)


def shown(phones: Phones) -> set[str]:
    """What the two show now of romeo."""
    return {phones.linphone.state_of(ROMEO), phones.baresip.states().get(ROMEO, "")}


def test_telephones_show_every_state_of_a_jabber_contact(prosody_world: World, tmp_path: Path) -> None:
    phones = Phones(prosody_world, tmp_path)
    romeo = phones.romeo
    romeo.available("away", "Not before you are allowed")
    with phones.stage:
        phones.switch_on()
        phones.wait_for_requests()
        # pending: nothing is shown of him
        never(lambda: shown(phones) - NOTHING, "a telephone shows what romeo has not approved", during=1.0)
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


def test_an_activity_that_a_jabber_contact_publishes_reaches_telephones(
    prosody_world: World, tmp_path: Path
) -> None:
    """XEP-0108 by XEP-0163: the server sends it only to contacts that see each other, so both have to be online."""
    phones = Phones(prosody_world, tmp_path, publish=True)
    romeo = phones.romeo
    with phones.stage:
        phones.switch_on()
        phones.wait_for_requests()
        phones.baresip.go_online()
        for jid in (BOB, ALICE):
            romeo.subscribed(jid)
            romeo.befriend(jid)
            romeo.wait(presence(sender=jid), f"{jid} online")
        romeo.available("dnd")
        shows(phones, "Busy", "Busy")
        romeo.publish(ACTIVITY, ON_THE_PHONE)
        shows(phones, "On the phone", "Busy")
        romeo.publish(ACTIVITY, f"<activity xmlns='{ACTIVITY}'/>")
        shows(phones, "Busy", "Busy")


def test_a_jabber_user_sees_what_telephones_publish(prosody_world: World, tmp_path: Path) -> None:
    """Neither can say more than online and offline; linphonec says offline by taking its publication back when it ends."""
    phones = Phones(prosody_world, tmp_path, publish=True)
    romeo = phones.romeo
    romeo.befriend(BOB)
    romeo.befriend(ALICE)
    with phones.stage:
        phones.switch_on()
        # registered is online already, and what each publishes takes the place of that
        bob = romeo.wait(presence(sender=f"{BOB}/sip"), "bob online")
        assert text(bob, "show") is None
        phones.baresip.go_online()
        alice = romeo.wait(presence(sender=f"{ALICE}/sip"), "alice online")
        assert text(alice, "show") is None
        phones.baresip.go_offline()
        romeo.wait(presence("unavailable", sender=alice.get("from", "")), "alice offline")
        phones.baresip.go_online()
        romeo.wait(presence(sender=ALICE), "alice online again")
        romeo.drain()
        log = phones.linphone.directory / "linphone.log"
        eventually(
            lambda: "SIP-ETag" in log.read_text("utf-8", "replace"), "linphonec can name its publication"
        )
        phones.linphone.stop()
        romeo.wait(presence("unavailable", sender=bob.get("from", "")), "bob offline")
        romeo.expect_nothing(presence(sender=BOB), 0.2)
        romeo.expect_nothing(presence("unavailable", sender=ALICE), 0.2)


def test_a_denied_telephone_shows_nothing_and_leaves_the_jabber_user_in_peace(
    prosody_world: World, tmp_path: Path
) -> None:
    phones = Phones(prosody_world, tmp_path)
    romeo = phones.romeo
    romeo.available("dnd", "Not for you")
    with phones.stage:
        phones.switch_on()
        phones.wait_for_requests()
        romeo.unsubscribed(BOB)
        romeo.unsubscribed(ALICE)
        never(lambda: shown(phones) - NOTHING, "a telephone shows who denied it", during=1.0)
        romeo.expect_nothing(presence("subscribe"), 6.0)


def test_the_encapsulated_address_works_in_telephones(prosody_world: World, tmp_path: Path) -> None:
    phones = Phones(prosody_world, tmp_path, contact=ROMEO_ENCAPSULATED)
    romeo = phones.romeo
    romeo.available("dnd")
    with phones.stage:
        phones.switch_on()
        phones.wait_for_requests()
        romeo.subscribed(BOB)
        romeo.subscribed(ALICE)
        shows(phones, "Busy", "Busy", ROMEO_ENCAPSULATED)
