"""What clients and servers really send: every dialect is read, means the right state, and can be told to everybody."""

from pathlib import Path

import pytest

from sip2xmpp.documents import pidf
from sip2xmpp.documents.bodies import read_presence
from sip2xmpp.documents.presence import Presence
from sip2xmpp.presence.canonical import canonical
from sip2xmpp.presence.states import SHOW_OF, State, state_of
from sip2xmpp.presence.texts import user_notes
from tests.documents.miniclients import schema_log

CORPUS = Path(__file__).parent / "corpus"
AGENTS = {"linphone": "Linphone/4.5 (belle-sip/5.1)", "blink": "Blink 6", "baresip": "baresip v3"}

MEANING = {
    "asterisk-ready": (State.ONLINE, ""),
    "asterisk-on-the-phone": (State.BUSY, "On the phone"),
    "asterisk-on-the-phone-plain": (State.ON_THE_PHONE, ""),
    "asterisk-on-hold": (State.ON_THE_PHONE, "On hold"),
    "asterisk-ringing": (State.ONLINE, "Ringing"),
    "asterisk-unavailable": (State.OFFLINE, ""),
    "chan-sip-busy": (State.BUSY, "On the phone"),
    "chan-sip-away": (State.AWAY, "Café"),
    "chan-sip-not-online": (State.OFFLINE, ""),
    "freeswitch-available": (State.ONLINE, ""),
    "freeswitch-away": (State.AWAY, ""),
    "freeswitch-busy": (State.BUSY, ""),
    "freeswitch-on-the-phone": (State.ON_THE_PHONE, ""),
    "freeswitch-unregistered": (State.OFFLINE, "Unregistered"),
    "xpidf-freeswitch-online": (State.ONLINE, ""),
    "xpidf-freeswitch-away": (State.AWAY, ""),
    "xpidf-freeswitch-busy": (State.BUSY, ""),
    "xpidf-freeswitch-on-the-phone": (State.ON_THE_PHONE, ""),
    "xpidf-freeswitch-offline": (State.OFFLINE, ""),
    "xpidf-freeswitch-be-right-back": (State.AWAY, ""),
    "xpidf-freeswitch-lunch": (State.AWAY, ""),
    "xpidf-linphone-3-offline": (State.OFFLINE, ""),
    "xpidf-microsoft-idle": (State.AWAY, ""),
    "xpidf-microsoft-be-right-back": (State.AWAY, ""),
    "xpidf-microsoft-lunch": (State.AWAY, ""),
    "xpidf-microsoft-busy": (State.BUSY, ""),
    "kamailio-concatenated": (State.BUSY, "Away"),
    "kamailio-offline": (State.OFFLINE, ""),
    "kamailio-pua-xmpp-away": (State.AWAY, ""),
    "kamailio-manual-away": (State.AWAY, ""),
    "flexisip-two-devices": (State.XA, ""),
    "counterpath-available": (State.ONLINE, ""),
    "counterpath-available-older": (State.ONLINE, ""),
    "counterpath-away": (State.AWAY, ""),
    "counterpath-busy": (State.BUSY, ""),
    "counterpath-not-available": (State.BUSY, ""),
    "counterpath-do-not-disturb": (State.DND, ""),
    "counterpath-on-holiday": (State.XA, "On Holiday"),
    "counterpath-on-vacation": (State.XA, "On Vacation"),
    "counterpath-after-hours": (State.AWAY, "After Hours"),
    "counterpath-offline": (State.OFFLINE, ""),
    "pjsip-online": (State.ONLINE, ""),
    "pjsip-away": (State.AWAY, "Gone for a walk"),
    "pjsip-busy": (State.BUSY, "In the workshop"),
    "pjsip-unknown": (State.ONLINE, "Whatever"),
    "microsip-idle": (State.AWAY, ""),
    "microsip-away": (State.AWAY, ""),
    "microsip-busy": (State.BUSY, ""),
    "baresip-open": (State.ONLINE, ""),
    "baresip-closed": (State.OFFLINE, ""),
    "baresip-unknown": (State.UNKNOWN, ""),
    "linphone-online": (State.ONLINE, ""),
    "linphone-busy": (State.AWAY, ""),
    "linphone-do-not-disturb": (State.DND, ""),
    "linphone-legacy-do-not-disturb": (State.DND, ""),
    "linphone-desktop-busy": (State.BUSY, ""),
    "linphone-desktop-away": (State.AWAY, ""),
    "linphone-desktop-offline": (State.OFFLINE, ""),
    "linphone-desktop-do-not-disturb": (State.DND, ""),
    "linphone-lunch": (State.AWAY, ""),
    "blink-available": (State.ONLINE, "At my desk"),
    "blink-away": (State.AWAY, ""),
    "blink-busy": (State.BUSY, ""),
    "blink-invisible": (State.OFFLINE, ""),
    "jitsi-online": (State.ONLINE, ""),
    "jitsi-away": (State.AWAY, ""),
    "jitsi-busy": (State.DND, ""),
    "jitsi-on-the-phone": (State.ON_THE_PHONE, ""),
    "twinkle-open": (State.ONLINE, ""),
    "snom-lunch": (State.AWAY, "Lunch"),
    "snom-on-the-phone": (State.ON_THE_PHONE, ""),
    "snom-word-alone": (State.AWAY, ""),
    "cucm-available": (State.ONLINE, ""),
    "cucm-dnd": (State.DND, ""),
    "cucm-on-the-phone": (State.ON_THE_PHONE, ""),
    "cucm-alerting": (State.ONLINE, ""),
    "cucm-busy": (State.BUSY, ""),
    "gateway-rfc-8048": (State.XA, "Gone"),
    "old-phone-capitals": (State.ONLINE, ""),
    "geopriv-unrelated": (State.ONLINE, ""),
}


def read(name: str) -> Presence:
    kind = "application/xpidf+xml" if name.startswith("xpidf") else "application/pidf+xml"
    return read_presence(kind, (CORPUS / f"{name}.xml").read_bytes(), now=1_769_860_800.0)


def agent_of(name: str) -> str:
    return next((agent for start, agent in AGENTS.items() if name.startswith(start)), "")


def test_every_document_of_the_corpus_has_its_meaning() -> None:
    assert {path.stem for path in CORPUS.glob("*.xml")} == set(MEANING)


@pytest.mark.parametrize("name", MEANING)
def test_the_dialect_means_what_its_author_meant(name: str) -> None:
    document = read(name)
    state, text = MEANING[name]
    assert state_of(document, user_agent=agent_of(name)) is state
    assert " ".join(note.text for note in user_notes(document, state)) == text


@pytest.mark.parametrize("name", MEANING)
def test_the_dialect_can_be_told_to_everybody(name: str) -> None:
    document = read(name)
    octets = pidf.write(canonical(document))
    assert schema_log(octets) == ""
    told = state_of(pidf.read(octets))
    assert SHOW_OF[told] is SHOW_OF[state_of(document)]


@pytest.mark.parametrize("name", MEANING)
def test_reading_is_stable(name: str) -> None:
    document = read(name)
    assert read(name) == document
    once = pidf.write(document)
    assert pidf.write(pidf.read(once)) == once


def test_what_only_linphone_means_is_not_heard_from_others() -> None:
    document = read("linphone-do-not-disturb")
    assert state_of(document) is State.OFFLINE
    assert state_of(document, user_agent="pjsua v2.15") is State.OFFLINE
    assert state_of(document, user_agent="LinphoneAndroid/5.2 (Pixel) LinphoneSDK/5.2") is State.DND


def test_options_widen_what_counts_as_a_call() -> None:
    for name in ("cucm-alerting", "asterisk-ringing"):
        assert state_of(read(name), ringing_is_phone=True) is State.ON_THE_PHONE


def test_rich_attributes_of_blink_are_read() -> None:
    document = read("blink-available")
    (service,), (person,), (device,) = document.tuples, document.persons, document.devices
    assert service.capabilities is not None and service.capabilities.message is True
    assert service.device_id == device.device_id
    assert person.time_offset == 60
    assert person.cipid is not None and person.cipid.display_name == "Alice"
    assert len(service.extensions) == 1
