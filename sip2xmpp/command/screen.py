"""Tables for people: columns that fit the window, and a screen that is drawn again in place.

Text that comes from other people may hold control characters, which a terminal would obey: ``printable`` takes them out
before anything is measured or shown.  Widths are those of terminal cells, so that Chinese and combining characters do not
break the columns.  Colour is used only on a terminal, and never when ``NO_COLOR`` is set (no-color.org).
"""

import json
import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TextIO

ELLIPSIS: Final = "…"
GAP: Final = "  "
NARROWEST: Final = 4
"""Cells below which a column tells nothing and is left out."""

WIDE: Final = 20
"""Cells to which a wide column shrinks before another one has to give way."""

UNCUT: Final = 1_000_000
"""Cells of what is no terminal."""

_OBEYED: Final = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""What JSON may hold as it is: controls of eight bits, and marks that turn the order of what is written."""

_ENTER: Final = "\x1b[?1049h\x1b[?25l"
_LEAVE: Final = "\x1b[?25h\x1b[?1049l"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: its heading, whether numbers stand right, and its ``rank``: the highest is the first to give way."""

    heading: str
    rank: int = 0
    right: bool = False


@dataclass(frozen=True, slots=True)
class Ink:
    """Colours and weights; without ``on`` every text stays as it is."""

    on: bool

    def bold(self, text: str) -> str:
        return self._wrapped("1", text)

    def dim(self, text: str) -> str:
        return self._wrapped("2", text)

    def red(self, text: str) -> str:
        return self._wrapped("31", text)

    def green(self, text: str) -> str:
        return self._wrapped("32", text)

    def yellow(self, text: str) -> str:
        return self._wrapped("33", text)

    def _wrapped(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.on and text else text


def ink_for(stream: TextIO) -> Ink:
    """The ink for a stream: colours on a terminal that has them and whose user did not say no."""
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Ink(stream.isatty() and wanted)


def can_redraw(stream: TextIO) -> bool:
    """Whether a screen can be drawn in place there."""
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def window() -> tuple[int, int]:
    """Columns and rows of the terminal; 100 by 30 where there is none."""
    size = shutil.get_terminal_size((100, 30))
    return size.columns, size.lines


def printable(text: str) -> str:
    """The text on one line, with nothing in it that a terminal would obey."""
    flat = " ".join(text.split())
    if flat.isascii() and flat.isprintable():
        return flat
    return "".join(char for char in flat if unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn"))


def json_of(value: object, *, indent: int | None = 2) -> str:
    """A value as JSON, in which what a terminal would obey is escaped, and what people read is not."""
    return _OBEYED.sub(
        lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, indent=indent, ensure_ascii=False)
    )


def cells(text: str) -> int:
    """How many cells a printable text takes."""
    return len(text) if text.isascii() else sum(_cell(char) for char in text)


def cut(text: str, width: int) -> str:
    """The text if it fits, else its beginning and an ellipsis."""
    if cells(text) <= width:
        return text
    kept, used = "", 0
    for char in text:
        used += _cell(char)
        if used > width - 1:
            break
        kept += char
    return kept + ELLIPSIS if width > 0 else ""


def padded(text: str, width: int, *, right: bool = False) -> str:
    """The text cut or filled to exactly ``width`` cells."""
    text = cut(text, width)
    blank = " " * (width - cells(text))
    return blank + text if right else text + blank


def fitted(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> dict[int, int]:
    """The width of each column that is shown, by its index; the sum with gaps is at most ``width``.

    Every column wants the width of its longest text.  What is too much is taken from wide columns first, the widest before
    the others.  Then the column of the highest rank is cut, or left out when it would tell nothing; then the next.  Those of
    rank 0 are cut last, and never left out.
    """
    wanted = {
        index: max([cells(column.heading), *(cells(row[index]) for row in rows)])
        for index, column in enumerate(columns)
    }

    def excess() -> int:
        return sum(wanted.values()) + len(GAP) * (len(wanted) - 1) - width

    for index in sorted(wanted, key=wanted.__getitem__, reverse=True):
        if columns[index].rank and wanted[index] > WIDE and excess() > 0:
            wanted[index] = max(WIDE, wanted[index] - excess())
    for index in sorted(wanted, key=lambda index: columns[index].rank, reverse=True):
        if excess() <= 0:
            break
        left = wanted[index] - excess()
        if columns[index].rank == 0:
            wanted[index] = max(left, 1)
        elif left >= max(NARROWEST, min(wanted[index], 8)):
            wanted[index] = left
        else:
            del wanted[index]
    return wanted


def line(columns: Sequence[Column], row: Sequence[str], widths: dict[int, int]) -> str:
    """One row of a table."""
    parts = [padded(row[index], width, right=columns[index].right) for index, width in widths.items()]
    return GAP.join(parts).rstrip()


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Heading and rows; the texts must be printable."""
    widths = fitted(columns, rows, width)
    return [line(columns, row, widths) for row in ([column.heading for column in columns], *rows)]


def print_table(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], plain: Sequence[str] | None = None
) -> None:
    """Rows for whoever looks, which may be anybody's texts: a table that fits on a terminal.

    Elsewhere it is the lines ``plain``, or, without any, a table in which nothing is cut.
    """
    stream = sys.stdout
    is_terminal = stream.isatty()
    if plain is not None and not (is_terminal and rows):
        for each in plain:
            print(printable(each))
        return
    cells_of = [[printable(cell) for cell in row] for row in rows]
    heading, *lines = table(columns, cells_of, window()[0] if is_terminal else UNCUT)
    print(ink_for(stream).bold(heading))
    for each in lines:
        print(each)


class Screen:
    """The whole terminal, drawn again from the top each time; what was there before comes back at the end."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._stream = stream
        self._open = False

    def draw(self, lines: Sequence[str]) -> None:
        """Show these lines, which must not be wider than the window; those below its end are not shown."""
        _, rows = window()
        text = "\x1b[H" + "".join(f"{each}\x1b[K\n" for each in lines[: rows - 1]) + "\x1b[J"
        self._stream.write(text if self._open else _ENTER + text)
        self._stream.flush()
        self._open = True

    def close(self) -> None:
        """Give the terminal back as it was."""
        if self._open:
            self._stream.write(_LEAVE)
            self._stream.flush()
            self._open = False


def _cell(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1
