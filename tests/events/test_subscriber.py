"""SUBSCRIBE out and NOTIFY in: our subscriptions to users of another SIP domain, on a network with virtual time."""

import random

import pytest
from twisted.internet.task import Clock
from twisted.logger import LogLevel, globalLogPublisher

from sip2xmpp.address import Address
from sip2xmpp.errors import BadAddress, NoSuchPresentity
from sip2xmpp.events.asked import PRESENCE
from sip2xmpp.events.outgoing import LONGEST_RETRY, TIMER_N, backoff
from sip2xmpp.presence.watching import Reason, Watch
from sip2xmpp.sip.authentication import DigestClient
from tests.bridge.scene import Looker
from tests.events.elsewhere import CLOSED, OPEN, Elsewhere, Subscriber
from tests.fakes import Network

ROMEO, JULIET = Address("romeo", "jabber.example"), Address("juliet", "jabber.example")
BOB = Address("bob", "example.com")


@pytest.fixture
def network(clock: Clock) -> Network:
    return Network(clock)


@pytest.fixture
def us(network: Network) -> Subscriber:
    return Subscriber(network)


@pytest.fixture
def them(network: Network, us: Subscriber) -> Elsewhere:
    return Elsewhere(network)


@pytest.fixture(autouse=True)
def no_failures():
    """Nothing of all this may end in a traceback."""
    events = []

    def observe(event):
        if event.get("log_level") in (LogLevel.critical, LogLevel.error):
            events.append(event)

    globalLogPublisher.addObserver(observe)
    yield
    globalLogPublisher.removeObserver(observe)
    assert [event.get("log_failure") or event.get("log_format") for event in events] == []


def watch(us: Subscriber, who: Address = ROMEO, *, fetch: bool = False) -> tuple[Looker, Watch]:
    looker = Looker(who)
    held = us.remote.watch(BOB, looker, fetch=fetch)
    assert looker.told == []
    us.network.drive(0.1)
    return looker, held


def live(us: Subscriber, them: Elsewhere, expires: int = 3600) -> tuple[Looker, Watch]:
    """A subscription that is up."""
    looker, held = watch(us)
    them.notify(f"active;expires={expires}", OPEN)
    assert looker.brief() == ["active open"]
    return looker, held


# a first SUBSCRIBE


def test_the_first_subscribe_is_as_rfc_8048_has_it(us: Subscriber, them: Elsewhere) -> None:
    looker, _ = watch(us)
    request = them.last
    assert request.uri == "sip:bob@example.com" and request.to.uri == "sip:bob@example.com"
    assert request.to.tag is None and request.from_.uri == "sip:romeo@jabber.example" and request.from_.tag
    assert request.cseq.number == 1 and request.event_value == "presence"
    assert request.accept == ["application/pidf+xml"] and request.expires == PRESENCE.expires
    assert request.headers.get("Max-Forwards") == "70"
    assert str(request.contacts[0].uri).startswith("sip:192.0.2.1")
    assert looker.brief() == [], "a 2xx says nothing of presence"


def test_a_notify_says_what_the_watcher_may_know(us: Subscriber, them: Elsewhere) -> None:
    looker, _ = watch(us)
    assert them.notify("pending").status == 200
    assert them.notify("active;expires=3000", OPEN).status == 200
    assert them.notify("active;expires=2999").status == 200
    assert them.notify("active", CLOSED).status == 200
    assert them.notify("pending").status == 200
    assert them.notify("active").status == 200
    assert looker.brief() == [
        "pending", "active open", "active open", "active closed", "pending", "active unknown",
    ]  # fmt: skip


def test_the_notify_may_overtake_the_2xx(network: Network, us: Subscriber, them: Elsewhere) -> None:
    them.silent = True
    looker, _ = watch(us)
    assert them.notify("active;expires=3600", OPEN).status == 200
    assert looker.brief() == ["active open"]
    them.silent = False
    network.drive(40)
    assert looker.brief() == []
    assert len({request.via.branch for request in them.subscribes}) == 1


def test_another_fork_is_answered_481(us: Subscriber, them: Elsewhere) -> None:
    looker, _ = live(us, them)
    assert them.notify("active", CLOSED, tag="n2").status == 481
    assert looker.brief() == []


def test_a_notify_for_another_tag_of_ours_is_not_taken(us: Subscriber, them: Elsewhere) -> None:
    live(us, them)
    assert them.notify("active", CLOSED, to_tag="other").status == 481


def test_without_a_notify_timer_n_ends_it(network: Network, us: Subscriber, them: Elsewhere) -> None:
    looker, _ = watch(us)
    network.drive(TIMER_N - 1)
    assert looker.brief() == []
    network.drive(2)
    assert looker.brief() == ["terminated probation"]
    assert them.notify("active", OPEN).status == 481


def test_a_server_that_never_answers_is_tried_later(network: Network, us: Subscriber) -> None:
    looker, _ = watch(us)
    network.drive(TIMER_N + 2)
    assert [notification.reason for notification in looker.told] == [Reason.PROBATION]
    assert 20 <= (looker.last.retry_after or 0) <= 40


def test_who_has_no_sip_form_cannot_watch(us: Subscriber) -> None:
    def no_form(address: Address) -> str:
        raise BadAddress("no form")

    us.remote._uri_of = no_form
    with pytest.raises(NoSuchPresentity):
        us.remote.watch(BOB, Looker(ROMEO))
    assert len(us.remote) == 0


# answers that are none


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (403, [], "terminated rejected"),
        (489, [], "terminated rejected"),
        (603, [], "terminated rejected"),
        (404, [], "terminated noresource"),
        (410, [], "terminated noresource"),
        (604, [], "terminated noresource"),
        (480, [], "terminated probation"),
        (503, [("Retry-After", "120")], "terminated probation"),
        (481, [], "terminated probation"),
    ],
)
def test_a_refusal_means_what_its_status_says(
    us: Subscriber, them: Elsewhere, status: int, headers: list[tuple[str, str]], expected: str
) -> None:
    them.refusals = [(status, headers)]
    looker, _ = watch(us)
    assert [looker.last.retry_after is None] == ["probation" not in expected]
    assert looker.brief() == [expected]
    assert len(us.remote) == 0 and len(us.store.dialogs) == 0


@pytest.mark.parametrize(
    ("value", "least"),
    [("3000", 3000), ("3000 (maintenance)", 3000), ("3000;duration=60", 3000), ("soon", 20), ("²", 20)],
)
def test_a_named_time_to_wait_is_passed_on(us: Subscriber, them: Elsewhere, value: str, least: int) -> None:
    them.refusals = [(480, [("Retry-After", value)])]
    looker, _ = watch(us)
    assert least <= (looker.last.retry_after or 0) <= max(3000, least)


def test_nobody_is_made_to_wait_for_more_than_a_day(us: Subscriber, them: Elsewhere) -> None:
    them.refusals = [(480, [("Retry-After", "999999999")])]
    looker, _ = watch(us)
    assert looker.last.retry_after == LONGEST_RETRY


def test_an_interval_too_brief_is_lengthened(us: Subscriber, them: Elsewhere) -> None:
    them.refusals = [(423, [("Min-Expires", "7200")])]
    looker, _ = watch(us)
    assert them.expires == [3600, 7200]
    them.notify("active;expires=7200", OPEN)
    assert looker.brief() == ["active open"]


@pytest.mark.parametrize("minimum", ["", "60", "often"])
def test_a_423_that_makes_no_sense_is_a_passing_failure(
    us: Subscriber, them: Elsewhere, minimum: str
) -> None:
    them.refusals = [(423, [("Min-Expires", minimum)] if minimum else [])]
    looker, _ = watch(us)
    assert looker.brief() == ["terminated probation"]


def test_failures_in_a_row_wait_longer_and_longer(us: Subscriber, them: Elsewhere) -> None:
    waits = []
    for _ in range(4):
        them.refusals = [(480, [])]
        waits.append(watch(us)[0].last.retry_after or 0)
    for number, wait in enumerate(waits):
        assert 0.7 * 30 * 2**number <= wait <= 1.3 * 30 * 2**number
    live(us, them)
    them.refusals = [(480, [])]


def test_the_wait_doubles_with_jitter_up_to_a_day() -> None:
    rng = random.Random(1)
    waits = [backoff(number, rng) for number in range(40)]
    assert max(waits) <= LONGEST_RETRY
    assert all(wait >= 0.7 * LONGEST_RETRY for wait in waits[12:])
    assert len({backoff(3, rng) for _ in range(20)}) > 10


def test_a_challenge_is_answered(network: Network) -> None:
    us = Subscriber(network, credentials=DigestClient(lambda host, realm: ("gw", "pw")))
    them = Elsewhere(network)
    challenge = 'Digest realm="example.com", nonce="n", algorithm=MD5, qop="auth"'
    them.refusals = [(401, [("WWW-Authenticate", challenge)])]
    looker, _ = watch(us)
    assert [request.cseq.number for request in them.subscribes] == [1, 2]
    assert 'username="gw"' in (them.last.headers.get("Authorization") or "")
    them.notify("active;expires=3600", OPEN)
    assert looker.brief() == ["active open"]


# refreshing


def test_it_is_refreshed_at_eighty_to_ninety_percent(
    network: Network, us: Subscriber, them: Elsewhere
) -> None:
    live(us, them, 1000)
    network.drive(795)
    assert len(them.subscribes) == 1
    network.drive(110)
    assert len(them.subscribes) == 2
    request = them.last
    assert request.to.tag == "n1" and request.cseq.number == 2 and request.expires == 3600
    assert request.uri == "sip:192.0.2.9:5060", "the remote target"


def test_the_shorter_of_the_two_lifetimes_counts(network: Network, us: Subscriber, them: Elsewhere) -> None:
    them.granted = 600
    watch(us)
    them.notify("active", OPEN)
    network.drive(600)
    assert len(them.subscribes) == 2


def test_a_lifetime_of_a_second_is_no_storm(network: Network, us: Subscriber, them: Elsewhere) -> None:
    looker, _ = live(us, them, 1)
    network.drive(30)
    assert len(them.subscribes) <= 3
    assert looker.brief() in ([], ["terminated probation"])


def test_481_to_a_refresh_begins_anew(network: Network, us: Subscriber, them: Elsewhere) -> None:
    looker, _ = live(us, them, 100)
    them.refusals = [(481, [])]
    network.drive(100)
    assert looker.last.retry_after == 0
    assert looker.brief() == ["terminated deactivated"]


def test_a_refresh_that_fails_is_tried_until_it_expires(
    network: Network, us: Subscriber, them: Elsewhere
) -> None:
    looker, _ = live(us, them, 1000)
    them.refusals = [(500, [])] * 50
    network.drive(960)
    assert looker.brief() == [] and 3 <= len(them.subscribes) <= 7
    network.drive(50)
    assert looker.brief() == ["terminated probation"]


def test_a_refresh_that_nobody_hears_is_tried_until_it_expires(
    network: Network, us: Subscriber, them: Elsewhere
) -> None:
    looker, _ = live(us, them, 1000)
    them.silent = True
    network.drive(940)
    assert looker.brief() == []
    them.silent = False
    answered = len(them.answered)
    network.drive_bounded(lambda: len(them.answered) > answered)
    them.notify("active;expires=1000", OPEN)
    assert looker.brief() == ["active open"]


def test_a_refresh_without_a_notify_ends_the_dialog(
    network: Network, us: Subscriber, them: Elsewhere
) -> None:
    looker, _ = live(us, them, 100)
    network.drive(90 + TIMER_N + 1)
    assert looker.brief() == ["terminated deactivated"]


def test_a_watcher_who_comes_back_asks_again_but_not_twice_at_once(
    network: Network, us: Subscriber, them: Elsewhere
) -> None:
    looker, held = live(us, them)
    for _ in range(5):
        held.refresh()
    network.drive(0.1)
    assert len(them.subscribes) == 2
    assert looker.brief() == ["active open"] * 5
    them.notify("active;expires=3600", CLOSED)
    held.refresh()
    network.drive(0.1)
    assert len(them.subscribes) == 3


# an operator ends it


def test_an_operator_leaves_politely_and_who_watches_is_told_and_may_begin_anew(
    network: Network, us: Subscriber, them: Elsewhere
) -> None:
    looker, _ = live(us, them)
    assert us.remote.leave(ROMEO, BOB, Reason.DEACTIVATED)
    assert looker.brief()[-1] == "terminated deactivated"
    again, _ = watch(us)
    network.drive(0.1)
    left, begun = them.subscribes[-2:]
    assert left.expires == 0 and begun.expires == PRESENCE.expires and begun.call_id != left.call_id
    them.notify("active;expires=3600", CLOSED)
    assert again.brief() == ["active closed"] and looker.brief() == []
    network.drive(TIMER_N + 1)
    assert [record.call_id for record in us.store.dialogs.all()] == [begun.call_id]


def test_what_is_not_there_is_not_left(us: Subscriber) -> None:
    assert not us.remote.leave(ROMEO, BOB, Reason.DEACTIVATED)


# NOTIFYs that are wrong


def test_an_older_notify_is_answered_500(us: Subscriber, them: Elsewhere) -> None:
    looker, _ = watch(us)
    them.notify("active;expires=3600", OPEN, cseq=10)
    assert them.notify("active", CLOSED, cseq=9).status == 500
    assert looker.brief() == ["active open"]
    assert them.notify("active", CLOSED, cseq=11).status == 200


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"event": "dialog"}, 489),
        ({"event": ""}, 489),
        ({"state": ""}, 400),
        ({"body": b"<presence"}, 400),
        ({"body": b"hello", "content_type": "text/plain"}, 415),
    ],
)
def test_a_notify_that_cannot_be_used_is_refused_and_changes_nothing(
    us: Subscriber, them: Elsewhere, wrong: dict, status: int
) -> None:
    looker, _ = live(us, them)
    answer = them.notify(**({"body": OPEN} | wrong))
    assert answer.status == status
    if status == 489:
        assert answer.headers.get("Allow-Events") == "presence"
    if status == 415:
        assert answer.headers.get("Accept") == "application/pidf+xml"
    assert looker.brief() == []
    assert them.notify("active", CLOSED).status == 200
    assert looker.brief() == ["active closed"]


# ends


@pytest.mark.parametrize(
    ("state", "expected", "wait"),
    [
        ("terminated;reason=rejected", "rejected", None),
        ("terminated;reason=noresource", "noresource", None),
        ("terminated;reason=invariant", "invariant", None),
        ("terminated;reason=deactivated", "deactivated", (0, 0)),
        ("terminated;reason=timeout", "timeout", (0, 0)),
        ("terminated", "timeout", (0, 0)),
        ("terminated;reason=whim", "timeout", (0, 0)),
        ("terminated;reason=probation;retry-after=300", "probation", (300, 300)),
        ("terminated;reason=probation", "probation", (20, 40)),
        ("terminated;reason=giveup;retry-after=2", "giveup", (20, 40)),
        ("terminated;reason=probation;retry-after=99999999", "probation", (86_400, 86_400)),
    ],
)
def test_each_reason_of_an_end_is_passed_on(
    us: Subscriber, them: Elsewhere, state: str, expected: str, wait: tuple[int, int] | None
) -> None:
    looker, held = live(us, them)
    assert them.notify(state).status == 200
    delay = looker.last.retry_after
    assert (delay is None) if wait is None else (delay is not None and wait[0] <= delay <= wait[1])
    assert looker.brief() == [f"terminated {expected}"]
    assert them.notify("active", OPEN).status == 481
    assert len(us.store.dialogs) == 0
    held.refresh()
    held.stop()
    us.network.drive(0.1)
    assert len(them.subscribes) == 1


@pytest.mark.parametrize("reason", ["rejected", "noresource", "timeout", "deactivated"])
def test_a_document_in_a_last_notify_is_no_approval(us: Subscriber, them: Elsewhere, reason: str) -> None:
    looker, _ = watch(us)
    them.notify("pending")
    them.notify(f"terminated;reason={reason}", CLOSED)
    assert looker.brief() == ["pending", f"terminated {reason}"]


def test_unsubscribing_asks_for_zero_and_waits_for_the_last_notify(
    network: Network, us: Subscriber, them: Elsewhere
) -> None:
    looker, held = live(us, them)
    held.stop()
    network.drive(0.1)
    assert them.expires == [3600, 0] and them.last.to.tag == "n1"
    assert them.notify("active", CLOSED).status == 200
    assert them.notify("terminated;reason=timeout", CLOSED).status == 200
    assert them.notify("terminated;reason=timeout").status == 481
    assert looker.brief() == [] and len(us.remote) == 0 and len(us.store.dialogs) == 0


@pytest.mark.parametrize("status", [200, 481, 0])
def test_a_last_notify_that_never_comes_is_not_waited_for_long(
    network: Network, us: Subscriber, them: Elsewhere, status: int
) -> None:
    _, held = live(us, them)
    them.silent = status == 0
    them.refusals = [(status, [])] if status == 481 else []
    held.stop()
    network.drive(2 * TIMER_N)
    assert len(us.remote) == 0 and len(us.store.dialogs) == 0


def test_who_leaves_before_anything_came_is_forgotten(
    network: Network, us: Subscriber, them: Elsewhere
) -> None:
    looker, held = watch(us)
    held.stop()
    assert them.notify("active", OPEN).status == 481
    network.drive(60)
    assert looker.brief() == [] and len(us.remote) == 0 and them.expires == [3600]


def test_who_comes_back_while_it_ends_gets_a_dialog_of_its_own(
    network: Network, us: Subscriber, them: Elsewhere
) -> None:
    _, held = live(us, them)
    held.stop()
    network.drive(0.05)
    looker, _ = watch(us)
    assert len({request.call_id for request in them.subscribes}) == 2
    them.notify("active;expires=3600", OPEN)
    network.drive(60)
    assert looker.brief() == ["active open"] and len(us.remote) == 1


# several watches


def test_watches_of_one_pair_share_its_dialog(network: Network, us: Subscriber, them: Elsewhere) -> None:
    first, one = live(us, them)
    second, two = watch(us)
    assert second.brief() == ["active open"] and len(them.subscribes) == 1
    them.notify("active", CLOSED)
    assert first.brief() == second.brief() == ["active closed"]
    one.stop()
    one.stop()
    network.drive(0.1)
    assert len(them.subscribes) == 1
    two.stop()
    network.drive(0.1)
    assert them.expires == [3600, 0]


def test_nothing_is_shared_between_watchers(us: Subscriber, them: Elsewhere) -> None:
    romeo, _ = live(us, them)
    juliet, _ = watch(us, JULIET)
    assert len(them.subscribes) == 2 and them.last.from_.uri == "sip:juliet@jabber.example"
    them.notify("pending")
    assert juliet.brief() == ["pending"] and romeo.brief() == []


# a poll


def test_a_poll_asks_for_zero_and_gives_one_answer(network: Network, us: Subscriber, them: Elsewhere) -> None:
    looker, held = watch(us, fetch=True)
    assert them.expires == [0]
    looker.react = lambda notification: held.stop()
    them.notify("terminated;reason=timeout", OPEN)
    assert looker.brief() == ["active open"]
    network.drive(60)
    assert len(us.remote) == 0 and them.expires == [0]


def test_a_poll_without_a_document_ends(us: Subscriber, them: Elsewhere) -> None:
    looker, _ = watch(us, fetch=True)
    them.notify("terminated;reason=timeout")
    assert looker.brief() == ["terminated timeout"]


def test_a_poll_that_is_refused_learns_nothing(us: Subscriber, them: Elsewhere) -> None:
    looker, _ = watch(us, fetch=True)
    them.notify("terminated;reason=rejected", CLOSED)
    assert looker.brief() == ["terminated rejected"]


# restarts


def test_a_stored_dialog_is_resumed_with_a_higher_cseq(
    network: Network, us: Subscriber, them: Elsewhere
) -> None:
    live(us, them)
    old = them.last
    again = Subscriber(network, seed=2, kept=us.killed())
    looker, _ = watch(again)
    request = them.last
    assert request.call_id == old.call_id and request.from_.tag == old.from_.tag and request.to.tag == "n1"
    assert request.cseq.number > old.cseq.number + 90
    assert them.notify("active;expires=3600", OPEN).status == 200
    assert looker.brief() == ["active open"]


def test_a_dialog_that_the_other_side_has_forgotten_begins_anew(
    network: Network, us: Subscriber, them: Elsewhere
) -> None:
    live(us, them)
    again = Subscriber(network, seed=2, kept=us.killed())
    them.refusals = [(481, [])]
    looker, _ = watch(again)
    assert looker.brief() == ["terminated deactivated"]
    assert len(again.store.dialogs) == 0


def test_a_dialog_that_was_refreshed_is_still_stored(
    network: Network, us: Subscriber, them: Elsewhere
) -> None:
    live(us, them, 100)
    network.drive(95)
    them.notify("active", OPEN)
    network.drive(1000)
    assert len(us.store.dialogs) == 1


# a bad network


@pytest.mark.parametrize("seed", range(8))
def test_loss_and_disorder_do_not_matter(clock: Clock, seed: int) -> None:
    network = Network(clock, random.Random(seed), latency=0.05, jitter=0.3, loss=0.3, duplication=0.2)
    us = Subscriber(network)
    them = Elsewhere(network)
    looker, held = watch(us)
    network.drive_bounded(lambda: bool(them.subscribes))
    for _ in range(20):
        them.say("active;expires=3600", OPEN, cseq=1)
        network.drive(0.5)
    assert set(looker.brief()) == {"active open"}
    for _ in range(20):
        them.say("active;expires=3600", CLOSED, cseq=2)
        them.say("active;expires=3600", OPEN, cseq=1)
        network.drive(0.5)
    assert looker.brief()[-1] == "active closed"
    held.stop()
    network.drive(100)
    assert len(us.remote) == 0 and len(us.store.dialogs) == 0


def test_a_document_in_parts_is_understood(us: Subscriber, them: Elsewhere) -> None:
    looker, _ = watch(us)
    body = b"--b\r\nContent-Type: application/pidf+xml\r\n\r\n" + OPEN + b"\r\n--b--\r\n"
    assert them.notify(body=body, content_type='multipart/mixed;boundary="b"').status == 200
    assert looker.brief()[-1] == "active open"
