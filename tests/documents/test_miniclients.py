"""The miniature clients against what the running clients were seen to show."""

import pytest

from tests.documents.miniclients import Buddy, Refused, baresip, linphonec_5, pjsip

ENTITY = "sip:alice@example.org"
HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<presence xmlns="urn:ietf:params:xml:ns:pidf" '
    'xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" '
    f'entity="{ENTITY}">'
)


def service(basic: str = "open", extra: str = "", status: str = "", name: str = "t1") -> str:
    return f'<tuple id="{name}"><status><basic>{basic}</basic>{status}</status>{extra}<contact priority="0.8">{ENTITY}</contact></tuple>'


def person(*activities: str, name: str = "p1") -> str:
    inside = "".join(f"<rpid:{each}/>" for each in activities)
    return f'<dm:person id="{name}"><rpid:activities>{inside}</rpid:activities></dm:person>'


def document(*parts: str) -> bytes:
    return f"{HEAD}{''.join(parts)}</presence>".encode()


MEASURED = [
    ("open", document(service()), "Online", "OPEN", ("online", "unknown")),
    ("closed", document(service("closed")), "Offline", "CLOSED", ("offline", "unknown")),
    ("away", document(service(), person("away")), "Away", "CLOSED", ("online", "away")),
    ("busy", document(service(), person("busy")), "Busy", "BUSY", ("online", "busy")),
    ("phone", document(service(), person("on-the-phone")), "On the phone", "BUSY", ("online", "unknown")),
    (
        "busy phone",
        document(service(), person("busy", "on-the-phone")),
        "On the phone",
        "BUSY",
        ("online", "busy"),
    ),
    (
        "phone busy",
        document(service(), person("on-the-phone", "busy")),
        "Busy",
        "BUSY",
        ("online", "unknown"),
    ),
    (
        "away phone",
        document(service(), person("away", "on-the-phone")),
        "On the phone",
        "CLOSED",
        ("online", "away"),
    ),
    ("meeting", document(service(), person("meeting")), "Do not disturb", "OPEN", ("online", "unknown")),
    (
        "busy meeting",
        document(service(), person("busy", "meeting")),
        "Do not disturb",
        "BUSY",
        ("online", "busy"),
    ),
    ("vacation", document(service(), person("vacation")), "Vacation", "OPEN", ("online", "unknown")),
    ("sleeping", document(service(), person("sleeping")), "Away", "OPEN", ("online", "unknown")),
    ("permanent", document(service(), person("permanent-absence")), "Moved", "OPEN", ("online", "unknown")),
    ("steering", document(service(), person("steering")), "Be right back", "OPEN", ("online", "unknown")),
    ("unknown", document(service(), person("unknown")), "Online", "OPEN", ("online", "unknown")),
    ("closed away", document(service("closed"), person("away")), "Away", "CLOSED", ("offline", "away")),
    ("person only", document(person("busy")), "Busy", "BUSY", ("unknown", "busy")),
    (
        "open closed",
        document(service(), service("closed", name="t2")),
        "Online",
        "OPEN",
        ("online", "unknown"),
    ),
    (
        "closed open",
        document(service("closed"), service(name="t2")),
        "Online",
        "CLOSED",
        ("offline", "unknown"),
    ),
    (
        "two persons",
        document(service(), person("away"), person("busy", name="p2")),
        "Busy",
        "CLOSED",
        ("online", "away"),
    ),
    ("empty", document(), "Offline", "CLOSED", ("unknown", "unknown")),
    (
        "show alone",
        document(service(status='<show xmlns="jabber:client">away</show>')),
        "Online",
        "OPEN",
        ("online", "unknown"),
    ),
]


@pytest.mark.parametrize(
    ("name", "octets", "linphone", "bare", "pj"), MEASURED, ids=[row[0] for row in MEASURED]
)
def test_the_miniatures_show_what_the_running_clients_showed(
    name: str, octets: bytes, linphone: str, bare: str, pj: tuple[str, str]
) -> None:
    assert linphonec_5(octets) == linphone
    assert baresip(octets) == bare
    buddy = pjsip(octets)
    assert (buddy.status, buddy.activity) == pj


def test_blanks_in_basic_are_refused_by_linphone_and_closed_for_baresip() -> None:
    octets = document(service(" open "))
    with pytest.raises(Refused):
        linphonec_5(octets)
    assert baresip(octets) == "CLOSED"


def test_another_prefix_hides_activities_from_baresip() -> None:
    octets = document(service(), person("busy")).replace(b"rpid:", b"r:").replace(b"xmlns:rpid", b"xmlns:r")
    assert linphonec_5(octets) == "Busy"
    assert baresip(octets) == "OPEN"


def test_a_parameter_in_the_content_type_is_refused_by_baresip() -> None:
    with pytest.raises(Refused):
        baresip(document(service()), "application/pidf+xml;charset=UTF-8")


def test_notes_reach_pjsip_from_everywhere() -> None:
    note = "<note>back at 5</note>"
    assert pjsip(document(service(), note)) == Buddy("online", "unknown", "back at 5")
    assert pjsip(document(service(extra=note))).text == "back at 5"
