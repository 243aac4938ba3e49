import pytest

from sip2xmpp import errors
from sip2xmpp.bridge.conditions import (
    CONDITION_OF,
    STATUS_OF,
    condition_of_error,
    condition_of_status,
    status_of_condition,
)
from sip2xmpp.xmpp.stanza_errors import DEFAULT_TYPES

# RFC 7247 section 6.1: condition, status for a full JID, status for a bare JID.
TO_SIP = """
bad-request              400 400
conflict                 400 400
feature-not-implemented  405 501
forbidden                403 603
gone                     410 410
internal-server-error    500 500
item-not-found           404 604
jid-malformed            400 400
not-acceptable           406 606
not-allowed              403 403
not-authorized           401 401
policy-violation         403 403
recipient-unavailable    480 600
redirect                 302 302
registration-required    407 407
remote-server-not-found  404 404
remote-server-timeout    408 408
resource-constraint      500 500
service-unavailable      403 403
subscription-required    400 400
undefined-condition      400 400
unexpected-request       400 400
"""

# RFC 7247 section 6.2, classes included.
TO_XMPP = """
300 redirect                 301 gone                     302 redirect                 305 redirect
380 not-acceptable           399 redirect                 400 bad-request              401 not-authorized
402 bad-request              403 forbidden                404 item-not-found           405 feature-not-implemented
406 not-acceptable           407 registration-required    408 remote-server-timeout    410 gone
413 policy-violation         414 policy-violation         415 not-acceptable           416 not-acceptable
420 feature-not-implemented  421 not-acceptable           423 resource-constraint      430 recipient-unavailable
439 feature-not-implemented  440 policy-violation         480 recipient-unavailable    481 item-not-found
482 not-acceptable           483 not-acceptable           484 item-not-found           485 item-not-found
486 recipient-unavailable    487 recipient-unavailable    488 not-acceptable           489 policy-violation
491 unexpected-request       493 bad-request              500 internal-server-error    501 feature-not-implemented
502 remote-server-not-found  503 internal-server-error    504 remote-server-timeout    505 not-acceptable
513 policy-violation         600 recipient-unavailable    603 recipient-unavailable    604 item-not-found
606 not-acceptable           422 bad-request              494 bad-request              580 internal-server-error
699 recipient-unavailable
"""

words = TO_XMPP.split()


@pytest.mark.parametrize("row", TO_SIP.strip().splitlines())
def test_a_condition_becomes_the_status_of_the_table(row: str) -> None:
    condition, full, bare = row.split()
    for is_full, status in ((True, full), (False, bare)):
        found = status_of_condition(condition, full=is_full, global_failures=True, can_challenge=True)
        assert found == int(status)


@pytest.mark.parametrize(("status", "condition"), list(zip(words[::2], words[1::2], strict=True)))
def test_a_status_becomes_the_condition_of_the_table(status: str, condition: str) -> None:
    assert condition_of_status(int(status)) == (condition, DEFAULT_TYPES[condition])


def test_the_tables_are_complete() -> None:
    assert set(STATUS_OF) == set(DEFAULT_TYPES)
    assert set(CONDITION_OF.values()) <= set(DEFAULT_TYPES)
    assert {int(status) for status in words[::2]} >= set(CONDITION_OF)


@pytest.mark.parametrize("condition", [*DEFAULT_TYPES, "made-up"])
@pytest.mark.parametrize("full", [True, False])
def test_a_condition_never_ends_other_forks_nor_the_server_nor_challenges_unasked(
    condition: str, full: bool
) -> None:
    assert status_of_condition(condition, full=full) not in {401, 407, 491, 503, 600, 603, 604, 606}


def test_a_new_address_makes_the_difference_between_gone_and_moved() -> None:
    assert status_of_condition("gone", full=True, moved=True) == 301
    assert status_of_condition("gone", full=False) == 410


@pytest.mark.parametrize("status", range(300, 700))
def test_every_failure_has_a_condition(status: int) -> None:
    condition, type_ = condition_of_status(status)
    assert condition in DEFAULT_TYPES and type_ == DEFAULT_TYPES[condition]


@pytest.mark.parametrize("status", [100, 200, 202, 299, 700, 0])
def test_what_is_no_failure_has_none(status: int) -> None:
    with pytest.raises(ValueError, match=str(status)):
        condition_of_status(status)


def test_a_failure_that_says_when_to_try_again_is_temporary() -> None:
    assert condition_of_status(503, retry_after=True) == ("internal-server-error", "wait")


@pytest.mark.parametrize(
    ("error", "condition"),
    [
        (errors.BadAddress("x"), "jid-malformed"),
        (errors.BadMessage("x"), "bad-request"),
        (errors.NotAuthorized("x"), "forbidden"),
        (errors.NoSuchPresentity("x"), "item-not-found"),
        (errors.TooMany("x"), "resource-constraint"),
        (errors.IntervalTooBrief(60), "resource-constraint"),
        (errors.Refused("x"), "not-allowed"),
        (errors.TransactionTimeout("x"), "remote-server-timeout"),
        (errors.TransportFailed("x"), "remote-server-not-found"),
        (errors.NoRoute("x"), "remote-server-not-found"),
        (errors.LinkDown("x"), "remote-server-timeout"),
        (errors.Sip2XmppError("x"), "internal-server-error"),
    ],
)
def test_what_failed_without_a_response_has_a_condition_too(
    error: errors.Sip2XmppError, condition: str
) -> None:
    assert condition_of_error(error) == (condition, DEFAULT_TYPES[condition])
