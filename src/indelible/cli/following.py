"""What is new in a trail, each entry once: the memory behind ``tail -f``.

A record moves from a spool into the log and keeps its recordId, so what was shown
is known again by that. Each look reads the entries of the last minute before the
look before it: clocks and writers are no more than moments apart. A call that is
still open is remembered by itself, however long ago it began.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from indelible.model.flat import CALL, Fields, text
from indelible.query.filter import Filter
from indelible.query.merge import micros
from indelible.query.parse import parse
from indelible.query.trail import Trail
from indelible.store.state import State

LONG_US = 2_000_000
"""A call that runs longer is shown before it ends."""
OVERLAP_US = 60_000_000
"""How far behind the last look the next one begins."""
_PAGE = 500
_MAX_OPEN = 2_000
"""Open calls that are remembered when following begins; the newest."""
_NAMED = 50
"""Calls asked for at a time."""

Signature: TypeAlias = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One line to show: an entry, which may be a call that has not ended."""

    entry: Fields

    @property
    def is_open(self) -> bool:
        """Whether it is a call that has not ended."""
        return is_open(self.entry)


@dataclass(slots=True)
class _Open:
    """A call that has not ended."""

    entry: Fields
    was_shown: bool = False


@dataclass(slots=True)
class Following:
    """Shows each entry once, and a long call twice: as running, and when it ended.

    Args:
        trail: What is followed; refreshed by the caller.

        wanted: What is shown.

        now_us: The clock, in microseconds since 1970.
    """

    trail: Trail
    wanted: Filter
    now_us: Callable[[], int]
    _looked_us: int = field(default=0, init=False)
    _done: dict[str, int] = field(default_factory=dict, init=False)
    """Entries of the last minutes that need no look any more, with their times."""
    _open: dict[str, _Open] = field(default_factory=dict, init=False)

    def begin(self, count: int) -> list[Line]:
        """Return the newest *count* entries, oldest first; all else that is there is old."""
        now = self.now_us()
        page = self.trail.page(self.wanted, limit=count) if count else None
        entries = page.entries[::-1] if page is not None else []
        shown = {_id(entry) for entry in entries}
        for entry in self._unfinished():
            self._open[_id(entry)] = _Open(entry, _id(entry) in shown)
        for entry in self._since(now - OVERLAP_US):
            if not is_open(entry):
                self._done[_id(entry)] = _time(entry)
        self._looked_us = now
        return [Line(entry) for entry in entries]

    def news(self) -> list[Line]:
        """Return what came and what ended since the last look."""
        now = self.now_us()
        lines: list[Line] = []
        for entry in self._since(self._looked_us - OVERLAP_US):
            lines += self._take(entry, now)
        for entry in self._ended_before(self._looked_us - OVERLAP_US):
            lines += self._take(entry, now)
        horizon = now - 2 * OVERLAP_US
        self._done = {one: at for one, at in self._done.items() if at >= horizon}
        self._looked_us = now
        return [*lines, *self.running()]

    def running(self) -> list[Line]:
        """Return the calls that have become long."""
        now = self.now_us()
        lines = []
        for one in self._open.values():
            is_long = now - _time(one.entry) >= LONG_US
            if is_long and not one.was_shown and self.wanted.matches(one.entry, now):
                one.was_shown = True
                lines.append(Line(one.entry))
        return lines

    def _take(self, entry: Fields, now: int) -> list[Line]:
        """Remember *entry*; return its line, where it has one now."""
        number = _id(entry)
        if number in self._done:
            return []
        if is_open(entry):
            known = self._open.setdefault(number, _Open(entry))
            known.entry = entry
            return []
        self._open.pop(number, None)
        # What is done stays known for as long as a look can find it, whatever its own clock says.
        self._done[number] = max(_time(entry), now)
        return [Line(entry)] if self.wanted.matches(entry, now) else []

    def _since(self, at_us: int) -> list[Fields]:
        """Return all entries from a time on, oldest first."""
        found: list[Fields] = []
        after = None
        while True:
            page = self.trail.page(Filter(), limit=_PAGE, after=after)
            young = [entry for entry in page.entries if _time(entry) >= at_us]
            found += young
            after = page.next
            if after is None or len(young) < len(page.entries):
                return found[::-1]

    def _unfinished(self) -> list[Fields]:
        page = self.trail.page(parse("is:unfinished"), limit=_MAX_OPEN)
        return [entry for entry in page.entries if is_open(entry)]

    def _ended_before(self, at_us: int) -> Iterator[Fields]:
        """Yield the calls that began before a time and have ended by now."""
        old = [one.entry for one in self._open.values() if _time(one.entry) < at_us]
        ids = [call_id for entry in old if (call_id := text(entry, "callId"))]
        for start in range(0, len(ids), _NAMED):
            some = ids[start : start + _NAMED]
            wanted = parse(f"id:{','.join(some)}")
            for entry in self.trail.page(wanted, limit=len(some)).entries:
                if not is_open(entry):
                    yield entry


def is_open(entry: Fields) -> bool:
    """Whether *entry* is a call that has not ended."""
    return entry.get("kind") == CALL and entry.get("outcome") is None


def signature(state: State) -> Signature:
    """Return what changes whenever anything is recorded or sealed: sizes and times of files."""
    found = []
    for name in state.classes():
        paths = state.log(name)
        for path in (str(paths.checkpoint), *_files(str(paths.spool))):
            try:
                known = os.stat(path)
            except OSError:
                continue
            found.append((path, known.st_size, known.st_mtime_ns))
    return tuple(found)


def _files(directory: str) -> list[str]:
    try:
        return sorted(entry.path for entry in os.scandir(directory))
    except OSError:
        return []


def _id(entry: Fields) -> str:
    return text(entry, "recordId") or ""


def _time(entry: Fields) -> int:
    return micros(text(entry, "timestamp"), otherwise=0)
