"""One answer from many places, by the rules of RFC 3261, section 16.7."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from sip2xmpp.errors import NoRoute, TransactionTimeout, TransportFailed
from sip2xmpp.sip.fields import Headers
from sip2xmpp.sip.forking import Fork, Outcome, best_of, fork
from sip2xmpp.sip.message import Response
from tests.fakes import result_of


def answer(status: int) -> Response:
    return Response(status=status, reason="", headers=Headers.from_fields([]), body=b"")


class Places:
    """Where each place is a name; answers are given by hand."""

    def __init__(self, places: Fork[str]) -> None:
        self.asked: list[str] = []
        self.patient: list[str] = []
        self._waiting: dict[str, Deferred[Response]] = {}
        self.outcome = Deferred.fromCoroutine(fork(places, self._send))

    def _send(self, place: str, is_last: bool) -> "Deferred[Response]":
        self.asked.append(place)
        if is_last:
            self.patient.append(place)
        self._waiting[place] = Deferred()
        return self._waiting[place]

    def answers(self, place: str, status: int) -> None:
        self._waiting[place].callback(answer(status))

    def fails(self, place: str, error: Exception) -> None:
        self._waiting[place].errback(error)

    @property
    def result(self) -> tuple[str, int]:
        outcome: Outcome[Any] = result_of(self.outcome)
        return outcome.place, outcome.status


def test_a_rank_is_asked_at_once_and_the_next_when_all_have_failed() -> None:
    places = Places([[["a"], ["b"]], [["c"]]])
    assert places.asked == ["a", "b"]
    places.answers("a", 480)
    assert places.asked == ["a", "b"]
    places.answers("b", 486)
    assert places.asked == ["a", "b", "c"] and places.patient == ["c"]
    places.answers("c", 200)
    assert places.result == ("c", 200)


def test_the_first_success_counts_and_nobody_is_asked_any_more() -> None:
    places = Places([[["a"], ["b"]], [["c"]]])
    places.answers("b", 202)
    assert places.result == ("b", 202)
    places.answers("a", 200)
    assert places.asked == ["a", "b"]


def test_a_global_refusal_ends_it() -> None:
    places = Places([[["a"], ["b"]], [["c"]]])
    places.answers("b", 603)
    places.answers("a", 404)
    assert places.result == ("b", 603) and places.asked == ["a", "b"]


def test_who_was_asked_may_accept_after_a_global_refusal() -> None:
    places = Places([[["a"], ["b"]], [["c"]]])
    places.answers("a", 603)
    assert not places.outcome.called
    places.answers("b", 200)
    assert places.result == ("b", 200) and places.asked == ["a", "b"]


@pytest.mark.parametrize("status", [408, 430, 480, 503])
def test_another_flow_of_a_device_is_tried_when_one_failed(status: int) -> None:
    places = Places([[["a", "b"]]])
    assert places.asked == ["a"]
    places.answers("a", status)
    assert places.asked == ["a", "b"] and places.patient == ["b"]
    places.answers("b", 200)
    assert places.result == ("b", 200)


def test_a_device_that_refuses_is_not_asked_over_another_flow() -> None:
    places = Places([[["a", "b"]]])
    places.answers("a", 415)
    assert places.result == ("a", 415) and places.asked == ["a"]


def test_what_cannot_be_reached_gives_way() -> None:
    places = Places([[["a", "b"]], [["c"]]])
    places.fails("a", TransportFailed("gone"))
    places.fails("b", TransactionTimeout("silent"))
    places.fails("c", NoRoute("nowhere"))
    outcome: Outcome[str] = result_of(places.outcome)
    assert isinstance(outcome.result, TransactionTimeout | NoRoute)


def test_a_fault_of_ours_is_not_hidden() -> None:
    places = Places([[["a"], ["b"]]])
    places.fails("a", ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        _ = places.result


@pytest.mark.parametrize(
    ("statuses", "best"),
    [
        ([500, 404], 404),
        ([404, 302], 302),
        ([404, 415], 415),
        ([302, 603], 603),
        ([486, 407, 500], 407),
        ([503, 504], 503),
    ],
)
def test_the_best_of_failures_is_the_answer(statuses: list[int], best: int) -> None:
    assert best_of([Outcome(str(status), answer(status)) for status in statuses]).status == best


def test_an_answer_is_better_than_silence() -> None:
    silence = Outcome("a", TransactionTimeout("silent"))
    assert best_of([silence, Outcome("b", answer(480))]).place == "b"
    assert best_of([silence, Outcome("b", answer(500))]).place == "a"


@given(
    st.lists(
        st.lists(st.sampled_from([200, 302, 404, 480, 486, 503, 603]), min_size=1, max_size=3),
        min_size=1,
        max_size=4,
    )
)
def test_there_is_one_answer_whatever_they_say(ranks: list[list[int]]) -> None:
    names = [[[f"{i}.{j}"] for j in range(len(rank))] for i, rank in enumerate(ranks)]
    places = Places(names)
    said = {f"{i}.{j}": status for i, rank in enumerate(ranks) for j, status in enumerate(rank)}
    given_: list[str] = []
    while not places.outcome.called:
        place = next(name for name in places.asked if name not in given_)
        given_.append(place)
        places.answers(place, said[place])
    _, status = places.result
    answered = [said[name] for name in given_]
    if 200 in said.values() and 603 not in said.values():
        assert status == 200
    if status not in (200, 603):
        assert given_ == [name for rank in names for (name,) in rank]
        assert (
            status == min(answered, key=lambda code: (code // 100, answered.index(code)))
            or status // 100 == min(answered) // 100
        )
