"""Small charts, as points and as numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.pages.charts import HEIGHT, MOST, WIDTH, chart


@pytest.mark.parametrize("series", [[], [7.0]])
def test_less_than_two_numbers_make_no_line(series: list[float]) -> None:
    assert chart(series) is None


def test_a_series_is_a_line_from_edge_to_edge_that_stands_on_zero() -> None:
    drawn = chart([0, 5, 10])
    assert drawn is not None
    assert drawn.line == "0,30 60,16 120,2"
    assert drawn.area == "0,32 0,30 60,16 120,2 120,32"
    assert (drawn.least, drawn.most, drawn.last) == (0, 10, 10)


def test_what_hardly_changes_hardly_moves() -> None:
    drawn = chart([1000, 1001, 1000])
    assert drawn is not None
    heights = [float(point.partition(",")[2]) for point in drawn.line.split()]
    assert max(heights) - min(heights) < 1


def test_nothing_at_all_is_a_flat_line_on_the_ground() -> None:
    drawn = chart([0, 0, 0])
    assert drawn is not None
    assert (drawn.least, drawn.most) == (0, 0)
    assert {point.partition(",")[2] for point in drawn.line.split()} == {"30"}


def test_a_short_series_stands_at_the_right_where_now_is() -> None:
    drawn = chart([1, 1], length=5)
    assert drawn is not None
    assert drawn.line == "90,2 120,2"
    assert drawn.area == "90,32 90,2 120,2 120,32"


def test_a_gap_is_bridged_and_is_not_a_zero() -> None:
    drawn = chart([4, None, 4, None])
    assert drawn is not None
    assert drawn.line == "0,2 80,2"
    assert (drawn.least, drawn.last) == (4, 4)


def test_next_to_nothing_is_a_flat_line_too() -> None:
    drawn = chart([0, 5e-324])
    assert drawn is not None
    assert drawn.line == "0,30 120,30"


@given(st.lists(st.none() | st.floats(min_value=-1e12, max_value=1e12), max_size=1000))
def test_every_line_is_inside_of_the_picture_and_of_bounded_length(series: list[float | None]) -> None:
    drawn = chart(series)
    if drawn is None:
        assert sum(value is not None for value in series) < 2
        return
    points = [tuple(map(float, point.split(","))) for point in drawn.line.split()]
    assert 1 <= len(points) <= MOST
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points)
