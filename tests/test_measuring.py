"""Histograms: what is counted where, and what is read of it."""

from math import inf

from sip2xmpp.measuring import LATENCIES, Histogram


def test_a_value_is_counted_under_the_first_bound_that_it_does_not_pass() -> None:
    histogram = Histogram((0.1, 1.0))
    for value in (0.05, 0.1, 0.5, 7.0):
        histogram.add(value)
    assert histogram.cumulative() == [(0.1, 2), (1.0, 3), (inf, 4)]
    assert histogram.count == 4
    assert histogram.total == 7.65


def test_a_clock_that_was_set_back_does_not_make_a_sum_shrink() -> None:
    histogram = Histogram()
    histogram.add(-3.0)
    assert histogram.total == 0.0
    assert histogram.cumulative()[0] == (LATENCIES[0], 1)
