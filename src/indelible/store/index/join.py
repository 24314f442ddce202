"""Records in the order of their leaves become rows, each call one row. Pure.

It is what `query.merge` makes of the same records read the other way: a call is closed
by an ending that stands above its beginning; of several the first of its own writer
counts, and the first of the reconciler only where there is none. An ending without a
beginning below it is a row of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from indelible.model.flat import Kept, call_entry, end_call, record_entry
from indelible.store.index.columns import NAMES, Row, time_us, to_entry, to_row
from indelible.store.index.lines import Key, Lines, key_of

_RECEIVED = NAMES.index("received_at")


@dataclass(frozen=True, slots=True)
class _Closed:
    """A call that was closed since the last commit."""

    number: int
    beginning: Kept | Row
    by_reconciler: bool


class Join:
    """Takes the records of one stretch of a log, oldest first.

    Args:
        log: The origin of the log.

        opened: The rows of the calls that have no outcome yet.
    """

    def __init__(self, log: str, opened: Iterable[Row] = ()) -> None:
        self.rows = Lines()
        """The rows that are final."""
        self.late: dict[Key, Kept] = {}
        """Endings of calls that were not open, by the call's key: one of each."""
        self.open_changed = False
        """Whether the calls without an outcome are not those of the last commit any more."""
        self._log = log
        self._open: dict[Key, Kept | Row] = {key_of(row): row for row in opened}
        self._closed: dict[Key, _Closed] = {}

    def take(self, record: Kept) -> None:
        """Take in the next record."""
        kind = record.kind
        if kind == "received":
            self._begin(record)
        elif kind == "completed" and (call := record.closes) is not None:
            self._end(record, call)
        else:
            self.rows.add(to_row(record_entry(record), time_us(record.received_at)))

    def open_rows(self) -> Lines:
        """Return the rows of the calls without an outcome."""
        rows = Lines()
        for beginning in self._open.values():
            rows.add(_row(beginning, None, self._log))
        return rows

    def begin_stretch(self) -> None:
        """Forget what was handed out, after a commit; calls that are open stay so."""
        self.rows, self.late, self.open_changed = Lines(), {}, False
        self._closed.clear()

    def _begin(self, record: Kept) -> None:
        self.open_changed = True
        key = record.key
        older = self._open.pop(key, None)
        if older is not None:
            # Only a forged log holds the same number twice; an ending is the later one's.
            self.rows.add(_row(older, None, self._log))
        self._open[key] = record
        self._closed.pop(key, None)

    def _end(self, record: Kept, call: Key) -> None:
        beginning = self._open.pop(call, None)
        if beginning is not None:
            number = self.rows.add(_row(beginning, record, self._log))
            self._closed[call] = _Closed(number, beginning, record.by_reconciler)
            self.open_changed = True
            return
        closed = self._closed.get(call)
        if closed is None:
            self.late[call] = stronger(self.late.get(call), record)
        elif closed.by_reconciler and not record.by_reconciler:
            self.rows.put(closed.number, _row(closed.beginning, record, self._log))
            self._closed[call] = _Closed(closed.number, closed.beginning, by_reconciler=False)


def stronger(held: Kept | None, other: Kept) -> Kept:
    """Return the ending that counts, of one and of another that stands above it."""
    if held is None or (held.by_reconciler and not other.by_reconciler):
        return other
    return held


def _row(beginning: Kept | Row, ending: Kept | None, log: str) -> Row:
    if isinstance(beginning, Kept):
        return to_row(call_entry(beginning, ending), time_us(beginning.received_at))
    if ending is None:
        return beginning
    received = beginning[_RECEIVED]
    entry = end_call(to_entry(beginning, log), ending)
    return to_row(entry, received if isinstance(received, int) else None)
