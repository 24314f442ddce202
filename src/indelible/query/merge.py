"""Records in the order they are stored become entries in the order they happened. Pure.

Several writers are collected into one log, late and interleaved, so leaf order is
not time order. What holds is this: a record is received before it is collected,
and what is collected earlier stands lower in the log. So after reading down to a
leaf, whatever comes below it is no younger than that leaf's ``receivedAt``: the
*horizon*. Entries above the horizon are final and in order.

A clock can lie. An entry's time is its ``timestamp``, but never above the horizon
it was found under; so the order is exact for every log, and it is the order of
`timestamp` wherever no clock ran ahead.
"""

from __future__ import annotations

import heapq
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from indelible.model.canonical import parse_time
from indelible.model.flat import Fields, Kept, call_entry, record_entry, text

Key: TypeAlias = tuple[str, int]
Predicate: TypeAlias = Callable[[Fields], bool]

_NEVER = sys.maxsize
_ALWAYS = -1


@dataclass(slots=True)
class Merge:
    """Joins, filters and orders the records of one log, fed newest leaf first.

    Takes the records of the spools first, newest first, then each sealed one by `add`. A spool
    holds sealed records too, for as long as its writer lives; the sealed copy counts.
    Memory: *limit* entries, the spools, and the calls whose ``completed`` was seen
    and whose ``received`` was not yet.
    """

    spooled: Iterable[Kept]
    wanted: Predicate
    limit: int
    _horizon: int = field(default=_NEVER, init=False)
    _endings: dict[Key, Kept] = field(default_factory=dict, init=False)
    _waiting: dict[Key, Kept] = field(default_factory=dict, init=False)
    """Spooled records of which a sealed copy may still turn up."""
    _ages: list[tuple[int, Key]] = field(default_factory=list, init=False)
    """The same by time, the youngest last."""
    _settled: set[Key] = field(default_factory=set, init=False)
    _best: list[tuple[int, Key, int, Fields]] = field(default_factory=list, init=False)
    _offered: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        for record in self.spooled:
            if not self._is_ending(record):
                self._waiting[record.key] = record
        self._ages = sorted((_at(record, 0), key) for key, record in self._waiting.items())

    def add(self, record: Kept) -> bool:
        """Take the next older sealed record; return whether any older one can still matter."""
        horizon = micros(record.received_at, otherwise=self._horizon)
        if horizon < self._horizon:
            self._horizon = horizon
            self._settle(horizon)
            if len(self._best) == self.limit and (not self._best or self._best[0][0] > horizon):
                return False
        if record.key in self._settled:
            self._endings.pop(record.key, None)
            return True
        if self._is_ending(record):
            return True
        self._waiting.pop(record.key, None)
        self._offer(record, min(_at(record, self._horizon), self._horizon))
        return True

    def finish(self) -> list[Fields]:
        """Return the entries, newest first; the log has been read as far as needed."""
        self._settle(_ALWAYS)
        found = [entry for *_, entry in sorted(self._best, key=lambda hit: hit[:3], reverse=True)]
        for record in self._endings.values():
            entry = record_entry(record)
            if len(found) < self.limit and self.wanted(entry):
                found.append(entry)
        return found

    def _is_ending(self, record: Kept) -> bool:
        """Keep *record* if it closes a call: the writer's own word stands over a reconciler's."""
        closes = record.closes
        if closes is None:
            return False
        if record.stands_over(self._endings.get(closes)):
            self._endings[closes] = record
        return True

    def _settle(self, horizon: int) -> None:
        """Offer the spooled records that are younger than *horizon*: no sealed copy can follow."""
        while self._ages and self._ages[-1][0] > horizon:
            at, key = self._ages.pop()
            record = self._waiting.pop(key, None)
            if record is not None:
                self._settled.add(key)
                self._offer(record, at)

    def _offer(self, record: Kept, at: int) -> None:
        """Join *record* to its ending, and keep the entry if it is one of the best."""
        if record.kind == "received":
            entry = call_entry(record, self._endings.pop(record.key, None))
        else:
            entry = record_entry(record)
        if not self.wanted(entry):
            return
        self._offered += 1
        heapq.heappush(self._best, (at, record.key, -self._offered, entry))
        if len(self._best) > self.limit:
            heapq.heappop(self._best)


def micros(time: str | None, *, otherwise: int) -> int:
    """Return *time* as microseconds since 1970, or *otherwise* where it is no time."""
    try:
        return parse_time(time) if time is not None else otherwise
    except (ValueError, OverflowError):
        return otherwise


def _at(record: Kept, otherwise: int) -> int:
    """Return when *record* says it was made, or *otherwise* where it does not say."""
    return micros(text(record.header, "timestamp"), otherwise=otherwise)
