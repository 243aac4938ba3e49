import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.command.screen import (
    Column,
    Ink,
    Screen,
    can_redraw,
    cells,
    cut,
    ink_for,
    json_of,
    padded,
    print_table,
    printable,
    table,
)

COLUMNS = (
    Column(heading="WHO"),
    Column(heading="STATE"),
    Column(heading="TEXT", rank=1),
    Column(heading="SINCE", rank=2),
    Column(heading="MS", right=True),
)
ROWS = (
    ("romeo", "away", "Gone fishing with a friend of mine", "12:00", "1.5"),
    ("bob", "online", "", "", "10.0"),
)


class Terminal(io.StringIO):
    """Text that goes to a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_table_with_room_shows_everything() -> None:
    assert table(COLUMNS, ROWS, 80) == [
        "WHO    STATE   TEXT                                SINCE    MS",
        "romeo  away    Gone fishing with a friend of mine  12:00   1.5",
        "bob    online                                             10.0",
    ]


def test_wide_columns_shrink_before_others_are_left_out() -> None:
    assert table(COLUMNS, ROWS, 50)[1] == "romeo  away    Gone fishing with a f…  12:00   1.5"


def test_the_column_of_the_highest_rank_gives_way_first() -> None:
    assert table(COLUMNS, ROWS, 44)[1] == "romeo  away    Gone fishing with a…   1.5"
    assert table(COLUMNS, ROWS, 24)[1] == "romeo  away     1.5"


def test_columns_without_rank_are_cut_last() -> None:
    assert table(COLUMNS, ROWS, 16)[1] == "r…  away     1.5"


@given(
    st.lists(st.tuples(*[st.text(max_size=30).map(printable)] * len(COLUMNS)), max_size=4),
    st.integers(min_value=16, max_value=120),
)
def test_no_line_is_wider_than_the_window(rows: list[tuple[str, ...]], width: int) -> None:
    needed = sum(max([6, *(cells(row[index]) for row in rows)]) for index in (1, 4))
    assert all(cells(line) <= max(width, needed + 5) for line in table(COLUMNS, rows, width))


@given(st.text(max_size=40).map(printable), st.integers(min_value=0, max_value=40))
def test_a_padded_text_has_exactly_its_width(text: str, width: int) -> None:
    assert cells(padded(text, width)) == width
    assert cells(padded(text, width, right=True)) == width


def test_wide_and_combining_characters_are_counted_as_they_are_shown() -> None:
    assert cells("中文") == 4
    assert cells("e\u0301") == 1
    assert cut("中文字", 5) == "中文…"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("red \x1b[31mtext", "red [31mtext"),
        ("two\nlines\t", "two lines"),
        ("\u202eevil\x07", "evil"),
        ("ok", "ok"),
    ],
)
def test_nothing_that_a_terminal_would_obey_is_shown(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_colour_needs_a_terminal_and_consent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert not ink_for(io.StringIO()).on
    assert ink_for(Terminal()).on
    monkeypatch.setenv("NO_COLOR", "1")
    assert not ink_for(Terminal()).on
    assert can_redraw(Terminal())
    monkeypatch.setenv("TERM", "dumb")
    assert not can_redraw(Terminal())


def test_ink_that_is_off_leaves_no_trace() -> None:
    ink = Ink(False)
    assert [paint("x") for paint in (ink.bold, ink.dim, ink.red, ink.green)] == ["x"] * 4
    assert Ink(True).red("x") == "\x1b[31mx\x1b[0m"


def test_the_screen_gives_the_terminal_back() -> None:
    terminal = Terminal()
    screen = Screen(terminal)
    screen.close()
    assert terminal.getvalue() == ""
    screen.draw(["one"])
    screen.draw(["two"])
    screen.close()
    drawn = terminal.getvalue()
    assert drawn.count("\x1b[?1049h") == drawn.count("\x1b[?1049l") == 1
    assert drawn.index("one") < drawn.index("two")
    assert drawn.endswith("\x1b[?1049l")


def test_rows_are_a_table_on_a_terminal_and_plain_lines_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.delenv("NO_COLOR", raising=False)
    columns = (Column(heading="WHO"), Column(heading="WHAT", rank=1))
    rows = [("alice", "w" * 100), ("b\x1b[2Job", "x")]
    for stream, shown in (
        (io.StringIO(), ["first", "sec[2Jond"]),
        (Terminal(), ["\x1b[1mWHO     WHAT\x1b[0m", f"alice   {'w' * 21}…", "b[2Job  x"]),
    ):
        monkeypatch.setattr("sys.stdout", stream)
        print_table(columns, rows, ["first", "sec\x1b[2Jond"])
        assert stream.getvalue().splitlines() == shown


def test_json_holds_nothing_that_a_terminal_would_obey() -> None:
    value = {"n\u00e9": ["\x9b31m", "\x1b[2J", "\u202eevil", "\u8336"]}
    text = json_of(value)
    assert json.loads(text) == value and "n\u00e9" in text and "\u8336" in text
    assert not any(char in text for char in "\x9b\x1b\u202e")
