"""What the query copy does not cover yet, joined as `query.merge` joins it. Pure.

That is: the records of the log that are younger than the copy, and those that still
wait in spools. Most make entries of their own; some end a call that the copy holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from indelible.model.event import ErrorType, Outcome
from indelible.model.flat import CALL, Fields, Kept, call_entry, end_call, record_entry
from indelible.seal.abandoned import ABANDONED
from indelible.store.index.columns import NAMES, Row, time_us, to_entry, to_row
from indelible.store.index.lines import Key

_KIND, _RECEIVED_AT, _END = map(NAMES.index, ("kind", "received_at", "leaf_end"))
_OUTCOME, _ERROR_TYPE, _ERROR = map(NAMES.index, ("outcome", "error_type", "error"))


@dataclass(slots=True)
class Tail:
    """The records that the copy does not cover."""

    starts: list[tuple[Kept, Kept | None]] = field(default_factory=list)
    """All that end no call, with the record that ends them."""
    endings: dict[Key, Kept] = field(default_factory=dict)
    """Of calls that began elsewhere: in the copy, or nowhere."""

    def keys(self) -> set[Key]:
        """Return the keys of all its records."""
        return {one.key for pair in self.starts for one in pair if one is not None} | {
            one.key for one in self.endings.values()
        }


@dataclass(frozen=True, slots=True)
class Joined:
    """What stands beside the copy, and what of the copy it stands for."""

    rows: list[Row]
    replaced: set[Key]
    """Rows of the copy that do not count any more."""


def gather(spooled: Iterable[Kept], sealed: Iterable[Kept]) -> Tail:
    """Return the records by what they are to each other.

    Args:
        spooled: Those that are in no log, newest first.

        sealed: Those of the log, newest first.
    """
    tail = Tail()
    waiting: dict[Key, Kept] = {}
    for record in spooled:
        if not _is_ending(tail, record):
            waiting[record.key] = record
    for record in sealed:
        if not _is_ending(tail, record):
            # A record can be in both: then the log's counts.
            waiting.pop(record.key, None)
            tail.starts.append((record, _end_of(tail, record)))
    for record in waiting.values():
        tail.starts.append((record, _end_of(tail, record)))
    return tail


def join(tail: Tail, held: Mapping[Key, Row], log: str) -> Joined:
    """Return the rows of a tail.

    Args:
        held: The rows of the copy that the tail's records are about.

        log: The origin of the log.
    """
    rows: list[Row] = []
    replaced: set[Key] = set()
    endings = dict(tail.endings)
    for record, ending in tail.starts:
        if record.leaf is None and record.key in held:
            # Sealed and covered: what the spool holds of it is a repeat, its end perhaps not.
            if ending is not None:
                endings[record.key] = ending
        elif record.kind == "received":
            rows.append(to_row(call_entry(record, ending), time_us(record.received_at)))
        else:
            rows.append(to_row(record_entry(record), time_us(record.received_at)))
    for key, ending in sorted(endings.items()):
        row = held.get(key)
        if row is None or row[_KIND] != CALL:
            if ending.leaf is not None or ending.key not in held:
                rows.append(to_row(record_entry(ending), time_us(ending.received_at)))
        elif _takes(row, ending):
            replaced.add(key)
            rows.append(_ended(row, ending, log))
    return Joined(rows, replaced)


def _is_ending(tail: Tail, record: Kept) -> bool:
    """Keep *record* if it ends a call: the writer's own word stands over a reconciler's."""
    closes = record.closes
    if closes is None:
        return False
    if record.stands_over(tail.endings.get(closes)):
        tail.endings[closes] = record
    return True


def _end_of(tail: Tail, record: Kept) -> Kept | None:
    """Return what ends *record*; only a call can end."""
    return tail.endings.pop(record.key, None) if record.kind == "received" else None


def _takes(row: Row, ending: Kept) -> bool:
    """Return whether the row of a call has no outcome yet, or only a reconciler's."""
    if row[_END] is None:
        return True
    said = (row[_OUTCOME], row[_ERROR_TYPE], row[_ERROR])
    by_reconciler = said == (Outcome.UNKNOWN.value, ErrorType.ABANDONED.value, ABANDONED)
    return by_reconciler and not ending.by_reconciler


def _ended(row: Row, ending: Kept, log: str) -> Row:
    entry: Fields = end_call(to_entry(row, log), ending)
    received_at = row[_RECEIVED_AT]
    return to_row(entry, received_at if isinstance(received_at, int) else None)
