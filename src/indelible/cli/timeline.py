"""The calls of one session on a time line: when, how long, what came of it, and what lay between.

Pure layout: entries in, lines out. Stretches in which nothing ran are folded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from indelible.cli.arguments import arguments, members
from indelible.cli.layout import NARROW, cell, width
from indelible.cli.moment import span
from indelible.cli.table import ENVELOPE, called, ending, number_of, took
from indelible.cli.terminal import colour_of, line
from indelible.model.flat import CALL, Fields, integer, text
from indelible.query.merge import micros

IDLE_US = 60_000_000
"""Nothing ran for at least this long: a line of its own says so."""
_BAR = 10
_EIGHTHS = "▏▎▍▌▋▊▉█"
_ID_CHARACTERS = 18
_HEAD = ("AT", "CALL", "ARGUMENTS", "OUTCOME", "TOOK", "", "ID")
_AT, _CALL, _ARGUMENTS, _OUTCOME, _TOOK, _DRAWN, _ID = range(len(_HEAD))
_YIELDING = (
    (_ARGUMENTS, 48), (_CALL, 28), (_ARGUMENTS, 30), (_ID, 13), (_CALL, 20), (_ARGUMENTS, 16),
    (_DRAWN, 0), (_CALL, 14), (_ID, 0), (_ARGUMENTS, 8), (_TOOK, 0), (_CALL, 4), (_ARGUMENTS, 4),
    (_OUTCOME, 5), (_AT, 8),
)  # fmt: skip
"""Which column gives way to which width, in this order, until a line fits."""


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of a session."""

    entry: Fields
    offset_us: int
    """Since the session's first entry."""
    idle_us: int
    """For how long nothing had run before it; 0 where that is less than `IDLE_US`."""
    duration_us: int | None
    """None while it runs, and where nobody knows."""

    @property
    def is_call(self) -> bool:
        """Whether it is a call, not a record that stands alone."""
        return self.entry.get("kind") == CALL

    @property
    def is_error(self) -> bool:
        """Whether it is a call that ended in an error."""
        return self.is_call and self.entry.get("outcome") == "error"

    @property
    def is_unfinished(self) -> bool:
        """Whether it is a call whose end nobody saw."""
        return self.is_call and self.entry.get("outcome") in (None, "unknown")


def steps(entries: Sequence[Fields]) -> list[Step]:
    """Return the entries of a session, oldest first, on its own clock."""
    found: list[Step] = []
    start = end = 0
    for entry in entries:
        at = micros(text(entry, "timestamp"), otherwise=end)
        if not found:
            start = end = at
        ms = integer(entry, "durationMs")
        duration = None if ms is None else ms * 1000
        idle = at - end
        found.append(Step(entry, at - start, idle if idle >= IDLE_US else 0, duration))
        end = max(end, at + (duration or 0))
    return found


def lines(found: Sequence[Step], room: int, *, blocks: bool) -> Iterator[str]:
    """Yield the time line.

    Args:
        room: Columns that a line may take.

        blocks: Whether bars may be drawn with block characters; else with ``#``.
    """
    servers = {text(one.entry, "server") for one in found}
    longest = max((one.duration_us or 0 for one in found), default=0)
    rows = [_cells(one, longest, named=len(servers) > 1, blocks=blocks) for one in found]
    widths = _widths([max(map(width, column)) for column in zip(_HEAD, *rows, strict=True)], room)
    gap = "  " if room >= NARROW else " "
    yield _joined("  ", _HEAD, widths, gap, "")
    for one, row in zip(found, rows, strict=True):
        if one.idle_us:
            yield f"  {'':>{widths[0]}}{gap}… {span(one.idle_us)} idle …"
        mark = "! " if one.is_error or one.is_unfinished else "  "
        yield _joined(mark, row, widths, gap, _shade(one) if one.is_call else "")


def _widths(natural: list[int], room: int) -> list[int]:
    """Return the widths with which a line fits; a column of no width is left out."""
    widths = list(natural)
    widths[_ID] = min(widths[_ID], _ID_CHARACTERS)
    gap = 2 if room >= NARROW else 1
    for column, least in _YIELDING:
        excess = 2 + sum(widths) + gap * (sum(map(bool, widths)) - 1) - room
        if excess > 0 and widths[column] > least:
            widths[column] = max(least, widths[column] - excess) if least else 0
    return widths


def offset(us: int) -> str:
    """Return a place on the session's clock, to the millisecond: ``0:02.417``, ``1:03:00.000``."""
    seconds, rest = divmod(max(0, us), 1_000_000)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    clock = f"{hours}:{minute:02}" if hours else f"{minute}"
    return f"{clock}:{second:02}.{rest // 1000:03}"


def _shade(one: Step) -> str:
    return "red" if one.is_error else "yellow" if one.is_unfinished else "green"


def _cells(one: Step, longest: int, *, named: bool, blocks: bool) -> tuple[str, ...]:
    entry = one.entry
    at = offset(one.offset_us)
    if not one.is_call:
        details = {key: value for key, value in entry.items() if key not in ENVELOPE}
        kind = line(text(entry, "kind") or "?")
        return at, kind, members(details), "", "", "", number_of(entry)
    name = called(entry)
    return (
        at,
        name if named else name.partition("/")[2],
        arguments(entry),
        line(ending(entry)),
        "-" if one.duration_us is None else took(one.duration_us // 1000),
        _bar(one.duration_us, longest, blocks=blocks),
        number_of(entry),
    )


def _joined(mark: str, row: Sequence[str], widths: Sequence[int], gap: str, shade: str) -> str:
    cells = []
    for at, (value, columns) in enumerate(zip(row, widths, strict=True)):
        if not columns:
            continue
        shown = value[:columns] if at == _ID else cell(value, columns)
        if at in (_AT, _TOOK):
            shown = shown.strip().rjust(columns)
        cells.append(colour_of(shown, shade) if at == _OUTCOME and shade else shown)
    return f"{mark}{gap.join(cells)}".rstrip()


def _bar(us: int | None, longest: int, *, blocks: bool) -> str:
    """Return a bar as long as *us* is beside *longest*; something to see for any call."""
    if us is None or not longest:
        return ""
    if not blocks:
        return "#" * max(1, round(_BAR * us / longest))
    full, part = divmod(max(1, round(8 * _BAR * us / longest)), 8)
    return _EIGHTHS[-1] * full + (_EIGHTHS[part - 1] if part else "")
