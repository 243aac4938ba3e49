"""Which form a watcher gets, and that it is written once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.documents import pidf, xpidf
from sip2xmpp.documents.presence import Presence
from sip2xmpp.events.renderings import profile_for, render
from sip2xmpp.presence import profiles
from sip2xmpp.presence.canonical import offline_document
from sip2xmpp.presence.profiles import Syntax
from sip2xmpp.presence.states import State, state_of
from sip2xmpp.presence.watching import Notification, Standing
from tests.documents.miniclients import blink, linphone_desktop_6, linphonec_5, schema_log
from tests.documents.strategies import crowds, documents
from tests.presence.neutral import JULIET, document, service

PIDF, XPIDF, CPIM = "application/pidf+xml", "application/xpidf+xml", "application/cpim-pidf+xml"


def notification(state: State, text: str = "") -> Notification:
    return Notification(standing=Standing.ACTIVE, document=document(state, text))


CHOICES = [
    ("", "", "interop"),
    (PIDF, "", "interop"),
    ("*/*", "", "interop"),
    ("application/*", "", "interop"),
    (f"{PIDF};q=0.5, {XPIDF}", "PJSUA v2.15", "interop"),
    (f"{XPIDF}, {PIDF}", "anything", "interop"),
    (f"application/rlmi+xml, multipart/related, {PIDF}", "Blink 6", "interop"),
    (XPIDF, "", "xpidf"),
    (XPIDF, "PolycomSoundPointIP-SPIP_330-UA/3.2", "xpidf"),
    ("", "PolycomSoundPointIP-SPIP_330-UA/3.2", "xpidf"),
    ("*/*", "Poly/VVX", "xpidf"),
    (PIDF, "PolycomVVX-VVX_400-UA/5.9", "interop"),
    (CPIM, "", "cisco-cpim"),
    (CPIM, "Cisco-CP7841/12.5", "cisco-cpim"),
    ("", "Cisco-CP7960G/8.0", "cisco"),
    (PIDF, "Cisco-CUCM12.5", "cisco"),
    (f"{PIDF};q=0, {XPIDF}", "", "xpidf"),
    ("", "Linphonec/5.1.65 (belle-sip/5.1.64)", "linphone-5"),
    (PIDF, "Linphone/5.0.2 (belle-sip/5.0)", "linphone-5"),
    (PIDF, "Linphone/3.12.0 (belle-sip/1.6.3)", "linphone-5"),
    (PIDF, "Linphone/3.6.1 (eXosip2/4.1.0)", "linphone-5"),
    (PIDF, "Linphone/3.5.2 (eXosip2/3.6.0)", "linphone-3"),
    (PIDF, "LinphoneDesktop/6.0.1 (Debian) LinphoneSDK/5.4", "linphone-desktop-6"),
    (PIDF, "Linphone-Desktop/6.1", "linphone-desktop-6"),
    (PIDF, "LinphoneDesktop/5.2.6", "interop"),
    (PIDF, "LinphoneAndroid/5.2.5 (Pixel) LinphoneSDK/5.3", "interop"),
]


@pytest.mark.parametrize(("accept", "agent", "name"), CHOICES)
def test_the_form_is_chosen_by_accept_then_by_user_agent(accept: str, agent: str, name: str) -> None:
    profile = profile_for(accept, agent)
    assert profile is not None
    assert profile.name == name
    assert profile_for(accept.split(", ") if accept else [], agent) is profile


@pytest.mark.parametrize(
    "accept", ["text/plain", "application/dialog-info+xml, text/*", f"{PIDF};q=0", f"{PIDF}; Q=0.000"]
)
def test_a_watcher_that_accepts_nothing_of_ours_is_told_so(accept: str) -> None:
    assert profile_for(accept) is None


def test_the_operator_may_choose_another_default_but_measured_clients_keep_their_form() -> None:
    assert profile_for("", "pjsua", default=profiles.RFC) is profiles.RFC
    assert profile_for("", "Linphonec/5.1", default=profiles.RFC) is profiles.LINPHONE_5
    assert profile_for(XPIDF, "pjsua", default=profiles.RFC) is profiles.XPIDF


def test_quirks_are_off_unless_asked_for() -> None:
    android, desktop = "LinphoneAndroid/5.2 LinphoneSDK/5.3", "LinphoneDesktop/6.0"
    assert profile_for("", android, quirks=["linphone-sdk-dnd"]) is profiles.LINPHONE_SDK_DND
    assert profile_for("", desktop, quirks=["linphone-desktop-offline"]) is profiles.LINPHONE_DESKTOP_OFFLINE
    assert (
        profile_for("", "pjsua", quirks=["linphone-sdk-dnd", "linphone-desktop-offline"]) is profiles.INTEROP
    )


def test_over_udp_only_gateways_get_what_only_they_read() -> None:
    phone, gateway = profile_for("", "pjsua", datagram=True), profile_for("", "sip2xmpp/1.0", datagram=True)
    assert phone is not None and gateway is not None
    for_phone = render(notification(State.XA), JULIET, phone)[1]
    for_gateway = render(notification(State.XA), JULIET, gateway)[1]
    assert b"show" not in for_phone and b"extended" not in for_phone
    assert b">xa</show>" in for_gateway and b"extended" not in for_gateway
    assert len(for_phone) < 650
    assert profile_for(XPIDF, datagram=True) is profiles.XPIDF


def test_every_profile_has_a_name_of_its_own() -> None:
    found = [
        profile_for(accept, agent, datagram=udp) for accept, agent, _ in CHOICES for udp in (True, False)
    ]
    found += [profiles.RFC, profiles.LINPHONE_SDK_DND, profiles.LINPHONE_DESKTOP_OFFLINE]
    found += [profile_for("", "sip2xmpp", datagram=True)]
    named = {profile.name: profile for profile in found if profile is not None}
    assert all(profile is None or profile == named[profile.name] for profile in found)


@given(st.text(max_size=60), st.text(max_size=60), st.booleans())
def test_no_header_makes_the_choice_fail(accept: str, agent: str, datagram: bool) -> None:
    profile_for(accept, agent, datagram=datagram)


def test_a_rendering_is_written_once_for_all_watchers_alike() -> None:
    told = notification(State.AWAY)
    first = render(told, JULIET, profiles.INTEROP)
    assert first == (PIDF, told.renderings[f"interop {JULIET}"])
    assert render(told, JULIET, profiles.INTEROP)[1] is first[1]
    assert render(told, "sip:other@gw.example.org", profiles.INTEROP)[1] != first[1]
    assert render(told, JULIET, profiles.RFC)[1] is not first[1]
    assert len(told.renderings) == 3


def test_without_a_document_there_is_no_body() -> None:
    pending = Notification(standing=Standing.PENDING)
    assert render(pending, JULIET, profiles.INTEROP) == (PIDF, b"")
    assert pending.renderings == {}


def test_the_entity_is_the_one_that_the_watcher_subscribed_to() -> None:
    octets = render(notification(State.AWAY), "sip:juliet%40example.com@gw.example.org", profiles.INTEROP)[1]
    read = pidf.read(octets)
    assert read.entity == "sip:juliet%40example.com@gw.example.org"
    assert read.tuples[0].contact == "sip:juliet%40example.com@gw.example.org;gr=balcony"


XPIDF_STATES = {
    State.ONLINE: ("open", "online", State.ONLINE),
    State.CHAT: ("open", "online", State.ONLINE),
    State.AWAY: ("open", "away", State.AWAY),
    State.XA: ("open", "away", State.AWAY),
    State.BUSY: ("inuse", "busy", State.BUSY),
    State.DND: ("inuse", "busy", State.BUSY),
    State.ON_THE_PHONE: ("inuse", "onthephone", State.ON_THE_PHONE),
    State.OFFLINE: ("closed", "offline", State.OFFLINE),
    State.UNKNOWN: ("closed", "offline", State.OFFLINE),
}


@pytest.mark.parametrize(("state", "expected"), XPIDF_STATES.items())
def test_xpidf_says_the_nearest_word_it_has(state: State, expected: tuple[str, str, State]) -> None:
    content_type, octets = render(notification(state), JULIET, profiles.XPIDF)
    status, substatus, found = expected
    assert content_type == XPIDF
    assert f'<status status="{status}"/><msnsubstatus substatus="{substatus}"/>'.encode() in octets
    assert f'<presentity uri="{JULIET};method=SUBSCRIBE"/>'.encode() in octets
    assert state_of(xpidf.read(octets)) is found
    assert xpidf.read(octets).entity == JULIET


CISCO_WORDS = {
    State.ONLINE: "<ce:available/>",
    State.CHAT: "<ce:available/>",
    State.AWAY: "<e:away/>",
    State.XA: "<e:away/>",
    State.BUSY: "<e:busy/>",
    State.ON_THE_PHONE: "<e:on-the-phone/>",
    State.DND: "<ce:dnd/>",
    State.OFFLINE: "",
    State.UNKNOWN: "",
}


@pytest.mark.parametrize(("state", "word"), CISCO_WORDS.items())
@pytest.mark.parametrize("profile", [profiles.CISCO, profiles.CISCO_CPIM], ids=lambda profile: profile.name)
def test_cisco_phones_get_activities_in_ciscos_namespaces(
    state: State, word: str, profile: profiles.Profile
) -> None:
    content_type, octets = render(notification(state, "Gone"), JULIET, profile)
    assert content_type == (CPIM if profile is profiles.CISCO_CPIM else PIDF)
    assert (f"<e:activities>{word}</e:activities>".encode() in octets) is bool(word)
    assert schema_log(octets) == ""
    found = state_of(pidf.read(octets))
    expected = {State.CHAT: State.ONLINE, State.XA: State.AWAY, State.UNKNOWN: State.OFFLINE}.get(
        state, state
    )
    assert found is expected


def test_measured_clients_show_their_own_form() -> None:
    def told(state: State, agent: str) -> bytes:
        profile = profile_for("", agent)
        assert profile is not None
        return render(notification(state), JULIET, profile)[1]

    assert linphonec_5(told(State.ON_THE_PHONE, "Linphonec/5.1.65")) == "On the phone"
    assert linphone_desktop_6(told(State.DND, "LinphoneDesktop/6.0")) == "DoNotDisturb"
    assert blink(told(State.XA, "Blink 6")) == "away"


@given(documents | crowds)
def test_documents_over_udp_come_down_to_what_must_be_said(source: Presence) -> None:
    slim = profiles.slim(profiles.INTEROP)
    octets = render(Notification(standing=Standing.ACTIVE, document=source), JULIET, slim)[1]
    read = pidf.read(octets)
    assert profiles.EXTENDED[state_of(read)] == profiles.EXTENDED[state_of(source)]
    if len(octets) > 700:  # only words can make it larger
        assert len(read.tuples) == 1
        assert read.tuples[0].contact is None
        assert read.persons == () or read.persons[0].moods == ()


def test_ever_more_is_left_out_until_it_fits() -> None:
    slim = profiles.slim(profiles.INTEROP)

    def tuples(count: int) -> int:
        others = tuple(service(State.AWAY, name=f"t{n}", gr=f"r{n}") for n in range(count - 1))
        told = Notification(standing=Standing.ACTIVE, document=document(State.AWAY, others=others))
        return len(pidf.read(render(told, JULIET, slim)[1]).tuples)

    assert tuples(1) == 1
    assert tuples(7) == 1


def test_polite_blocking_cannot_be_told_from_being_offline() -> None:
    hidden = Notification(standing=Standing.ACTIVE, document=offline_document(JULIET))
    away = Notification(standing=Standing.ACTIVE, document=offline_document("pres:juliet@example.com"))
    for profile in (profiles.INTEROP, profiles.RFC, profiles.XPIDF, profiles.CISCO):
        assert render(hidden, JULIET, profile) == render(away, JULIET, profile)


def test_syntaxes_are_all_reachable() -> None:
    reached = {
        profile.syntax for accept, agent, _ in CHOICES if (profile := profile_for(accept, agent)) is not None
    }
    assert reached == set(Syntax)
