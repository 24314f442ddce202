"""Entries as a table that fits the terminal: one line each, the arguments give way first."""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import unicodedata
from collections.abc import Iterable

from indelible.cli.terminal import colour, line, visible
from indelible.model.flat import CALL, Fields, text

ID_CHARACTERS = 18
"""Of a UUIDv7: its millisecond and twelve random bits; more where two entries share them."""
_LEAST_ID = 13
"""Its millisecond alone."""
PIPED_WIDTH = 140
"""Columns where no terminal says how many there are."""

_HEAD = ("TIME (UTC)", "ACTOR", "SERVER/TOOL", "ARGUMENTS", "OUTCOME", "TOOK", "ID")
_TIME, _ACTOR, _NAME, _ARGUMENTS, _OUTCOME, _TOOK, _ID = range(len(_HEAD))
_NARROW = 100
"""Below this many columns, dates and gaps are short."""
_YIELDING = (
    (_ARGUMENTS, 16), (_ACTOR, 9), (_NAME, 20), (_ID, 0), (_ARGUMENTS, 10), (_NAME, 12),
    (_OUTCOME, 10), (_ARGUMENTS, 4), (_TIME, 10), (_ACTOR, 4), (_OUTCOME, 5), (_NAME, 4),
)  # fmt: skip
"""Which column gives way to which width, in this order, until a line fits. The ID's is where
the shown ones still differ."""
_MAX_ARGUMENTS = 200
_ENVELOPE = frozenset("kind timestamp recordId log leaves redactions erased server".split())
_COLOURS = {"ok": "green", "unknown": "yellow", "unfinished": "yellow", "": "bold"}


def print_entries(entries: Iterable[Fields]) -> None:
    """Print one line an entry; nothing in it can act on the terminal."""
    rows = [_HEAD, *(_row(entry) for entry in entries)]
    least = _differing({row[_ID] for row in rows[1:] if _is_uuid(row[_ID])})
    rows = [(*row[:_ID], row[_ID][: max(ID_CHARACTERS, least)]) for row in rows]
    room = _room()
    gap = "  " if room >= _NARROW else " "
    if room < _NARROW:
        rows = _without_dates(rows)
    natural = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    widths = _fit(natural, room, gap, least)
    for number, row in enumerate(rows):
        print(gap.join(_cells(row, widths, is_head=number == 0)).rstrip())


def _without_dates(rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Move the date into the head where all rows share it; else drop only the year."""
    dates = {row[_TIME][: len("2026-11-24")] for row in rows[1:]}
    if len(dates) != 1:
        return [rows[0], *((row[_TIME][len("2026-") :], *row[1:]) for row in rows[1:])]
    times = [dates.pop(), *(row[_TIME][len("2026-11-24T") :] for row in rows[1:])]
    return [(time, *row[1:]) for time, row in zip(times, rows, strict=True)]


def _is_uuid(value: str) -> bool:
    return len(value) == len("01a20bee-465e-797d-8000-000000000000")


def _differing(ids: set[str]) -> int:
    """Return how many characters tell *ids* apart, and `_LEAST_ID` at least."""
    ordered = sorted(ids)
    least = _LEAST_ID
    for one, other in itertools.pairwise(ordered):
        same = next(at for at, pair in enumerate(zip(one, other, strict=True)) if len({*pair}) > 1)
        least = max(least, same + 1)
    return least


def _fit(widths: list[int], room: int, gap: str, least_id: int) -> list[int]:
    """Return the column widths with which a line fits."""
    room -= len(gap) * (len(widths) - 1)
    for column, minimum in _YIELDING:
        least = least_id if column == _ID else minimum
        excess = sum(widths) - room
        if excess > 0 and widths[column] > least:
            widths[column] = max(least, widths[column] - excess)
    return widths


def _cells(row: tuple[str, ...], widths: list[int], *, is_head: bool) -> list[str]:
    """Return the cells of one line, cut and padded."""
    *values, number = row
    # An id is cut without a mark: what is left of it can be copied, `show` takes it.
    cells = [_cell(value, width) for value, width in zip(values, widths, strict=False)]
    cells.append(number[: widths[_ID]])
    cells[_TOOK] = cells[_TOOK].strip().rjust(widths[_TOOK])
    if not is_head:
        shade = _COLOURS.get(values[_OUTCOME], "red")
        cells[_OUTCOME] = colour(cells[_OUTCOME], shade, sys.stdout)
    return cells


def _cell(value: str, width: int) -> str:
    """Return *value* cut or padded to *width* columns."""
    if _width(value) <= width:
        return value + " " * (width - _width(value))
    kept = ""
    for char in value:
        if _width(kept + char) > width - 1:
            break
        kept += char
    return kept + "…" + " " * (width - 1 - _width(kept))


def _width(value: str) -> int:
    """Return how many columns of a terminal *value* takes."""
    if value.isascii():
        return len(value)
    return sum(
        0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "WF")
        for char in value
    )


def took(milliseconds: int) -> str:
    """Return a duration in the unit that a person would use."""
    if milliseconds < 10_000:
        return f"{milliseconds:,} ms"
    return f"{milliseconds / 1000:,.1f} s"


def ending(entry: Fields) -> str:
    """Return how a call ended, in one word; of an error, its kind."""
    outcome = text(entry, "outcome")
    if outcome == "error":
        return text(entry, "errorType") or outcome
    return outcome or "unfinished"


def _row(entry: Fields) -> tuple[str, ...]:
    time = _second(text(entry, "timestamp") or "-")
    if entry.get("kind") != CALL:
        details = {key: value for key, value in entry.items() if key not in _ENVELOPE}
        name = line(f"{text(entry, 'server') or '-'}/{text(entry, 'kind')}", width=36)
        return time, "", name, line(details, width=_MAX_ARGUMENTS), "", "", _number(entry)
    actor = entry.get("actor")
    duration = entry.get("durationMs")
    erased = bool(entry.get("erased"))
    return (
        time,
        _actor(actor if isinstance(actor, dict) else {}, erased=erased),
        _called(entry),
        "(erased)" if erased else line(entry.get("args"), width=_MAX_ARGUMENTS),
        visible(ending(entry)),
        took(duration) if isinstance(duration, int) else "-",
        visible(text(entry, "callId") or "-"),
    )


def _second(timestamp: str) -> str:
    """Return a time without its fraction of a second."""
    start, dot, _ = timestamp.partition(".")
    return line(f"{start}Z" if dot else start, width=20)


def _number(entry: Fields) -> str:
    """Return what `show` finds a record by that has no id: its leaf, once it has one."""
    leaves = entry.get("leaves")
    for leaf in leaves.values() if isinstance(leaves, dict) else []:
        return f"#{leaf}"
    return visible((text(entry, "recordId") or "-")[:ID_CHARACTERS])


def _actor(actor: Fields, *, erased: bool) -> str:
    name = text(actor, "id")
    return "(erased)" if erased and name is None else line(name or "-", width=24)


def _called(entry: Fields) -> str:
    """Return server and tool; the method where it is no tool call."""
    name = text(entry, "tool") or text(entry, "method") or "?"
    arrow = "<-" if entry.get("direction") == "server" else ""
    return line(f"{arrow}{text(entry, 'server') or '?'}/{name}", width=36)


def _room() -> int:
    """Return how wide a line may be: the terminal, else enough for the arguments."""
    if sys.stdout.isatty() or os.environ.get("COLUMNS"):
        return shutil.get_terminal_size().columns
    return PIPED_WIDTH
