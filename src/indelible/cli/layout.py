"""Columns that fit the terminal: how wide text is, where it is cut, and who gives way."""

from __future__ import annotations

import os
import shutil
import sys
import unicodedata
from collections.abc import Sequence

from indelible.cli.terminal import colour

PIPED_WIDTH = 140
"""Columns where no terminal says how many there are."""
NARROW = 100
"""Below this many columns, dates and gaps are short."""
_LEAST = 4
"""No column of a plain table gets narrower than this."""
_ENOUGH = 8
"""So much of a value tells what it is."""


def room() -> int:
    """Return how wide a line may be: the terminal, else enough for the arguments."""
    if sys.stdout.isatty() or os.environ.get("COLUMNS"):
        return shutil.get_terminal_size().columns
    return PIPED_WIDTH


def width(value: str) -> int:
    """Return how many columns of a terminal *value* takes."""
    if value.isascii():
        return len(value)
    return sum(
        0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "WF")
        for char in value
    )


def cell(value: str, columns: int) -> str:
    """Return *value* cut or padded to *columns* columns; a cut is marked."""
    if width(value) <= columns:
        return value + " " * (columns - width(value))
    kept, taken = "", 0
    for char in value:
        taken += width(char)
        if taken > columns - 1:
            break
        kept += char
    return kept + "…" + " " * (columns - 1 - width(kept))


def print_table(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: frozenset[int] = frozenset()
) -> None:
    """Print rows of any columns; the widest column gives way first.

    Args:
        rows: Cells that `line` or `visible` has made harmless.

        numbers: The columns that stand to the right.
    """
    widths = [max(map(width, column)) for column in zip(head, *rows, strict=True)]
    gap = "  " if sum(widths) + 2 * (len(widths) - 1) <= room() else " "
    excess = sum(widths) + len(gap) * (len(widths) - 1) - room()
    while excess > 0 and max(widths) > _LEAST:
        widest = max(widths)
        second = max([one for one in widths if one < widest], default=_LEAST)
        given = min(excess, widest - max(second, _LEAST)) or 1
        widths[widths.index(widest)] -= given
        excess -= given
    for number, row in enumerate([head, *rows]):
        cells = [
            _right(value, columns) if at in numbers else cell(value, columns)
            for at, (value, columns) in enumerate(zip(row, widths, strict=True))
        ]
        text = gap.join(cells).rstrip()
        print(colour(text, "bold", sys.stdout) if number == 0 else text)


def is_readable(head: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Return whether enough of each column is seen where the rows stand in a table."""
    natural = [max(map(width, column)) for column in zip(head, *rows, strict=True)]
    return sum(min(one, _ENOUGH) for one in natural) + len(natural) - 1 <= room()


def print_records(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows one below the other, each cell on a line of its own, with its name."""
    longest = min(max(map(width, head)), room() // 3)
    left = max(_ENOUGH, room() - longest - 4)
    for number, row in enumerate(rows):
        print(colour(f"row {number + 1}", "bold", sys.stdout))
        for name, value in zip(head, row, strict=True):
            print(f"  {cell(name, longest)}  {cell(value, left)}".rstrip())


def _right(value: str, columns: int) -> str:
    shown = cell(value, columns).rstrip()
    return " " * (columns - width(shown)) + shown
