"""Entries as a table that fits the terminal: one line each, the arguments give way first.

Whatever the width, who did what and what came of it can be told: the columns of
those keep some characters to the end.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from indelible.cli.arguments import arguments, members
from indelible.cli.layout import NARROW, cell, room, width
from indelible.cli.moment import Times, Zone
from indelible.cli.terminal import colour, line, visible
from indelible.model.flat import CALL, Fields, text

ID_CHARACTERS = 18
"""Of a UUIDv7: its millisecond and twelve random bits; more where two entries share them."""
_LEAST_ID = 13
"""Its millisecond alone."""

_HEAD = ("TIME", "ACTOR", "SERVER/TOOL", "ARGUMENTS", "OUTCOME", "TOOK", "ID")
_TIME, _ACTOR, _NAME, _ARGUMENTS, _OUTCOME, _TOOK, _ID = range(len(_HEAD))
_YIELDING = (
    (_ARGUMENTS, 48), (_NAME, 28), (_ACTOR, 16), (_ARGUMENTS, 24), (_NAME, 20), (_ACTOR, 9),
    (_ARGUMENTS, 16), (_ID, 0), (_NAME, 16), (_TOOK, 0), (_ARGUMENTS, 12),
    (_OUTCOME, 8), (_ACTOR, 6), (_TIME, 8), (_NAME, 8), (_ARGUMENTS, 4), (_OUTCOME, 5),
    (_ACTOR, 4), (_NAME, 4),
)  # fmt: skip
"""Which column gives way to which width, in this order, until a line fits. The ID's is where
the shown ones still differ; TOOK goes altogether."""
_STACKED = 72
"""Below this many columns an entry takes two lines: one would show nothing of its arguments."""
ENVELOPE = frozenset(
    "kind timestamp recordId log leaves redactions redactionCount erased server actor "
    "cpuUserUs cpuSystemUs maxRssBytes".split()
)
"""Members of an entry that have a column, or say nothing of what happened; `show` has them."""
_COLOURS = {"ok": "green", "unknown": "yellow", "unfinished": "yellow", "running": "yellow"}
_STREAMED = (0, 12, 30, 0, 10, 8, ID_CHARACTERS)
"""Widths where the rows to come are not known: what is longer is cut."""
_STREAMED_ARGUMENTS = 40


@dataclass(slots=True)
class Layout:
    """Widths of the columns; fixed once, so that rows that come later stand below the others."""

    widths: list[int]
    gap: str
    times: Times
    below: tuple[int, int] | None = None
    """Widths of arguments and id where they stand on a line of their own."""

    def head(self) -> str:
        """Return the line with the names of the columns."""
        return self._line((self.times.head, *_HEAD[1:]))

    def row(self, entry: Fields, *, unfinished: str = "unfinished") -> str:
        """Return the line of one entry, in colour where stdout is a terminal that wants it.

        Args:
            unfinished: The word for a call that has not ended.
        """
        row = _row(entry, self.times, with_year=self.gap == "  ", unfinished=unfinished)
        shade = _COLOURS.get(row[_OUTCOME], "red") if row[_OUTCOME] else ""
        return self._line(row, shade)

    def _line(self, row: tuple[str, ...], shade: str = "") -> str:
        first = self._cells(row, shade)
        if self.below is None:
            return first
        space, least = self.below
        indent = " " * (self.widths[_TIME] + 1)
        return f"{first}\n{indent}{cell(row[_ARGUMENTS], space)} {row[_ID][:least]}".rstrip()

    def _cells(self, row: tuple[str, ...], shade: str) -> str:
        cells = []
        for at, (value, columns) in enumerate(zip(row, self.widths, strict=True)):
            if not columns:
                continue
            if at == _ID:
                # An id is cut without a mark: what is left can be copied, `show` takes it.
                shown = value[:columns]
            elif at == _TOOK:
                shown = value.rjust(columns)
            elif at == _NAME:
                shown = cell(_short_name(value, columns), columns)
            else:
                shown = cell(value, columns)
            cells.append(colour(shown, shade, sys.stdout) if at == _OUTCOME and shade else shown)
        return self.gap.join(cells).rstrip()


def print_entries(entries: Sequence[Fields], zone: Zone) -> None:
    """Print one line an entry; nothing in it can act on the terminal."""
    layout = fitted(entries, zone)
    print(layout.head())
    for entry in entries:
        print(layout.row(entry))


def fitted(entries: Sequence[Fields], zone: Zone) -> Layout:
    """Return the layout in which *entries* fit the terminal."""
    space = room()
    narrow = space < NARROW
    stamps = [text(entry, "timestamp") for entry in entries]
    times = Times.of(zone, stamps, narrow=narrow, year=time.localtime().tm_year)
    rows = [_row(entry, times, with_year=not narrow) for entry in entries]
    least = _differing({row[_ID] for row in rows if _is_uuid(row[_ID])})
    rows = [(*row[:_ID], row[_ID][: max(ID_CHARACTERS, least)]) for row in rows]
    head = (times.head, *_HEAD[1:])
    natural = [max(map(width, column)) for column in zip(head, *rows, strict=True)]
    return _layout(natural, times, space, least)


def _layout(natural: list[int], times: Times, space: int, least: int) -> Layout:
    """Return the layout of columns that would like to be *natural*."""
    if space >= _STACKED:
        gap = " " if space < NARROW else "  "
        return Layout(_fit(natural, space, gap, least), gap, times)
    shown = max(least, min(natural[_ID], ID_CHARACTERS))
    above = [0 if at in (_ARGUMENTS, _ID) else one for at, one in enumerate(natural)]
    above = _fit(above, space, " ", least)
    below = max(4, space - above[_TIME] - 2 - shown), shown
    return Layout(above, " ", times, below)


def streamed(entries: Sequence[Fields], zone: Zone) -> Layout:
    """Return a layout for *entries* and others that are to come."""
    layout = fitted(entries, zone)
    space = room()
    widths = [max(pair) for pair in zip(layout.widths, _STREAMED, strict=True)]
    widths[_ARGUMENTS] = 0
    rest = space - sum(widths) - len(layout.gap) * (len(widths) - 1)
    widths[_ARGUMENTS] = max(_STREAMED_ARGUMENTS, rest)
    return _layout(widths, layout.times, space, ID_CHARACTERS if space >= NARROW else _LEAST_ID)


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


def _fit(widths: list[int], space: int, gap: str, least_id: int) -> list[int]:
    """Return the column widths with which a line fits."""
    widths = list(widths)
    for column, minimum in _YIELDING:
        excess = sum(widths) + len(gap) * (sum(map(bool, widths)) - 1) - space
        least = least_id if column == _ID else minimum
        if excess > 0 and widths[column] > least:
            # An id is cut at one of its dashes, not anywhere; what may go to nothing goes at once.
            at_once = column == _ID or not least
            widths[column] = least if at_once else max(least, widths[column] - excess)
    return widths


def _short_name(value: str, columns: int) -> str:
    """Return server and tool with the server cut first: the tool says what was done."""
    server, slash, name = value.partition("/")
    over = width(value) - columns
    if over <= 0 or not slash or width(server) < 3:
        return value
    kept = max(2, width(server) - over)
    return f"{cell(server, kept).rstrip()}/{name}"


def took(milliseconds: int) -> str:
    """Return a duration in the unit that a person would use."""
    if milliseconds < 10_000:
        return f"{milliseconds:,} ms"
    return f"{milliseconds / 1000:,.1f} s"


def ending(entry: Fields, *, unfinished: str = "unfinished") -> str:
    """Return how a call ended, in one word; of an error, its kind."""
    outcome = text(entry, "outcome")
    if outcome == "error":
        return text(entry, "errorType") or outcome
    return outcome or unfinished


def called(entry: Fields) -> str:
    """Return server and tool; the method where it is no tool call."""
    name = text(entry, "tool") or text(entry, "method") or "?"
    arrow = "<-" if entry.get("direction") == "server" else ""
    return line(f"{arrow}{text(entry, 'server') or '?'}/{name}", width=48)


def actor_of(entry: Fields) -> str:
    """Return who asked: the id, else the name; a dash where nobody is known."""
    actor = entry.get("actor")
    found = actor if isinstance(actor, dict) else {}
    name = text(found, "id") or text(found, "name")
    return "(erased)" if entry.get("erased") and name is None else line(name or "-", width=32)


def number_of(entry: Fields) -> str:
    """Return what `show` finds an entry by: its id, its leaf, or writer and number."""
    call_id = text(entry, "callId")
    if call_id:
        return visible(call_id)
    leaves = entry.get("leaves")
    for leaf in leaves.values() if isinstance(leaves, dict) else []:
        return f"#{leaf}"
    return visible((text(entry, "recordId") or "-")[:ID_CHARACTERS])


def _row(
    entry: Fields, times: Times, *, with_year: bool, unfinished: str = "unfinished"
) -> tuple[str, ...]:
    at = times.text(text(entry, "timestamp"), with_year=with_year)
    if entry.get("kind") != CALL:
        details = {key: value for key, value in entry.items() if key not in ENVELOPE}
        name = line(f"{text(entry, 'server') or '-'}/{text(entry, 'kind')}", width=48)
        who = actor_of(entry) if entry.get("actor") else ""
        return at, who, name, members(details), "", "", number_of(entry)
    duration = entry.get("durationMs")
    return (
        at,
        actor_of(entry),
        called(entry),
        arguments(entry),
        visible(ending(entry, unfinished=unfinished)),
        took(duration) if isinstance(duration, int) else "-",
        number_of(entry),
    )
