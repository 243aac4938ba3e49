"""Typing notices and disposition notifications."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.documents import imdn, iscomposing
from sip2xmpp.documents.imdn import POSSIBLE, Asked, DispositionNotification, Kind, Status, read_asked
from sip2xmpp.documents.iscomposing import IsComposing
from sip2xmpp.documents.xml import clean
from sip2xmpp.errors import BadDocument

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_a_typing_notice_is_read_and_written() -> None:
    notice = IsComposing(active=True, refresh=60, last_active=NOON, content_type="text/plain")
    octets = iscomposing.write(notice)
    assert octets == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n<isComposing xmlns="urn:ietf:params:xml:ns:im-iscomposing">'
        b"<state>active</state><lastactive>2026-01-31T12:00:00Z</lastactive><contenttype>text/plain</contenttype>"
        b"<refresh>60</refresh></isComposing>"
    )
    assert iscomposing.read(octets) == notice
    assert iscomposing.read(iscomposing.write(IsComposing(active=False))) == IsComposing(active=False)


@pytest.mark.parametrize(
    ("inside", "meant"),
    [
        ("<state>ACTIVE</state>", IsComposing(active=True)),
        ("<state>thinking</state>", IsComposing(active=False)),
        ("<state>active</state><refresh>0</refresh>", IsComposing(active=True)),
        ("<state>active</state><refresh>soon</refresh>", IsComposing(active=True)),
        ("<state>active</state><refresh> 90 </refresh><x/>", IsComposing(active=True, refresh=90)),
        ("<state>idle</state><state>active</state>", IsComposing(active=False)),
    ],
)
def test_typing_notices_are_read_leniently(inside: str, meant: IsComposing) -> None:
    octets = f"<isComposing xmlns='urn:ietf:params:xml:ns:im-iscomposing'>{inside}</isComposing>".encode()
    assert iscomposing.read(octets) == meant


@pytest.mark.parametrize(
    "octets", [b"<isComposing/>", b"<presence/>", b"typing", b"<isComposing>" + b" " * 5000]
)
def test_what_is_no_typing_notice_is_refused(octets: bytes) -> None:
    with pytest.raises(BadDocument):
        iscomposing.read(octets)


def test_a_notification_is_read_and_written() -> None:
    notification = DispositionNotification(
        message_id="34jk324j",
        when="2026-01-31T12:16:49-05:00",
        kind=Kind.DELIVERY,
        status=Status.DELIVERED,
        recipient_uri="im:bob@example.org",
        original_recipient_uri="im:bob_too@example.org",
        subject="Lunch & more",
    )
    octets = imdn.write(notification)
    assert octets == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n<imdn xmlns="urn:ietf:params:xml:ns:imdn">'
        b"<message-id>34jk324j</message-id><datetime>2026-01-31T12:16:49-05:00</datetime>"
        b"<recipient-uri>im:bob@example.org</recipient-uri>"
        b"<original-recipient-uri>im:bob_too@example.org</original-recipient-uri><subject>Lunch &amp; more</subject>"
        b"<delivery-notification><status><delivered/></status></delivery-notification></imdn>"
    )
    assert imdn.read(octets) == notification


@pytest.mark.parametrize(("kind", "status"), [(kind, status) for kind in Kind for status in Status])
def test_a_status_that_does_not_fit_is_an_error(kind: Kind, status: Status) -> None:
    octets = imdn.write(DispositionNotification(message_id="1", when="", kind=kind, status=status))
    assert imdn.read(octets).status is (status if status in POSSIBLE[kind] else Status.ERROR)


@pytest.mark.parametrize(
    "inside",
    [
        "",
        "<message-id>1</message-id>",
        "<delivery-notification><status><delivered/></status></delivery-notification>",
        "<message-id/><display-notification><status><displayed/></status></display-notification>",
    ],
)
def test_a_notification_of_nothing_is_refused(inside: str) -> None:
    with pytest.raises(BadDocument):
        imdn.read(f"<imdn xmlns='urn:ietf:params:xml:ns:imdn'>{inside}</imdn>".encode())


def test_unknown_and_missing_statuses_are_errors() -> None:
    for inside in ("", "<status/>", "<status><eaten/></status>"):
        octets = (
            f"<imdn><message-id>1</message-id><display-notification>{inside}</display-notification></imdn>"
        )
        assert imdn.read(octets.encode()).status is Status.ERROR


@given(st.text(min_size=1), st.text(), st.text())
def test_any_text_survives_in_a_notification(message_id: str, when: str, subject: str) -> None:
    octets = imdn.write(
        DispositionNotification(
            message_id=message_id, when=when, kind=Kind.DISPLAY, status=Status.DISPLAYED, subject=subject
        )
    )
    if clean(message_id):
        assert imdn.read(octets).message_id == clean(message_id)
        assert imdn.read(octets).when == clean(when)
    else:
        with pytest.raises(BadDocument):
            imdn.read(octets)


def test_what_is_asked_for() -> None:
    assert read_asked("positive-delivery, Negative-Delivery;x=y,display, future") == {
        Asked.POSITIVE_DELIVERY,
        Asked.NEGATIVE_DELIVERY,
        Asked.DISPLAY,
    }
    assert read_asked("") == frozenset()
