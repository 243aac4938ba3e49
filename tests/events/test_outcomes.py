"""What an answer to a NOTIFY means, status by status."""

import pytest

from sip2xmpp.errors import NoRoute, Sip2XmppError, TransactionTimeout, TransportFailed
from sip2xmpp.events.outcomes import Outcome, outcome_of, retry_after
from sip2xmpp.sip.message import Headers, Response

GONE = {404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604}


def response(status: int, *headers: tuple[str, str]) -> Response:
    return Response(status=status, reason="", headers=Headers(headers))


def test_every_status_has_its_row() -> None:
    rows = {status: outcome_of(response(status)) for status in range(200, 700)}
    assert {status for status, outcome in rows.items() if outcome is Outcome.GONE} == GONE
    assert {status for status, outcome in rows.items() if outcome is Outcome.TAKEN} == set(range(200, 300))
    assert {status for status, outcome in rows.items() if outcome is Outcome.CHALLENGED} == {401, 407}
    assert set(rows.values()) == {Outcome.GONE, Outcome.TAKEN, Outcome.CHALLENGED, Outcome.REFUSED}


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (TransactionTimeout("x"), Outcome.GONE),
        (TransportFailed("x"), Outcome.LOST),
        (NoRoute("x"), Outcome.LOST),
    ],
)
def test_no_answer_is_the_end_and_no_way_is_not(error: Sip2XmppError, outcome: Outcome) -> None:
    assert outcome_of(error) is outcome


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("5", 5), ("120 (lunch)", 120), ("30;duration=60", 30), ("99999999", 3600), ("soon", None), ("", None)],
)
def test_retry_after_is_read_in_all_its_forms(value: str, seconds: int | None) -> None:
    busy = response(503, ("Retry-After", value))
    assert retry_after(busy) == seconds
    assert outcome_of(busy) is (Outcome.REFUSED if seconds is None else Outcome.DELAYED)
