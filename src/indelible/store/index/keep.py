"""Keeping the query copy up with its log, under the log's lock.

Each commit takes in a stretch of leaves: first the files are durable, then the manifest
names them, then what it names no more is removed. Killed anywhere, the next run starts
at the manifest. A copy that is not of this log, or not whole, is thrown away.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from indelible import durable
from indelible.errors import FormatError
from indelible.store.index import lines, manifest, sealing
from indelible.store.index.amend import Amend
from indelible.store.index.columns import Row, from_line
from indelible.store.index.join import Join
from indelible.store.index.manifest import Manifest, Part
from indelible.store.reader import LogReader
from indelible.store.records import oldest_first

_DAY_US = 86_400_000_000
_NUMBERED = re.compile(r"(?:hot-|open-)?([0-9]{8})\.(?:ndjson|parquet)")
_DAY = re.compile(r"day=[0-9]{4}-[0-9]{2}-[0-9]{2}")
_UNFINISHED = re.compile(r"\..*\.tmp")


@dataclass(frozen=True, slots=True)
class Limits:
    """When a stretch is committed, and when the newest rows are sealed."""

    records: int = 32_768
    """Of a stretch."""
    stretch_bytes: int = 32 << 20
    hot_rows: int = 65_536
    """At the most; as long as few rows are sealed, fewer are enough."""
    least_hot_rows: int = 1_024
    hot_share: int = 32
    """What part of the sealed rows is enough: a line takes fifteen times the bytes of one."""
    hot_bytes: int = 64 << 20
    file_rows: int = 65_536
    """A sealed file with more is never sealed again."""
    day_rows: int = 4_096
    """Enough to seal, once the day of collection of the oldest is over."""
    age_us: int = 7 * _DAY_US
    """Of the oldest row: any number is sealed then."""

    def full_rows(self, sealed_rows: int) -> int:
        """Return how many of the newest rows are enough to seal, beside so many sealed ones."""
        return min(self.hot_rows, max(self.least_hot_rows, sealed_rows // self.hot_share))

    def taken_in(self, rows: int, before: Sequence[int]) -> int:
        """Return how many of the last files are sealed again, in one file with newer rows.

        Each time a row is sealed again its file is twice as large, so that is not often.

        Args:
            rows: How many newer rows there are.

            before: The rows of the sealed files, the last one last.
        """
        count = 0
        while count < len(before) and before[-1 - count] <= min(rows, self.file_rows - rows):
            rows += before[-1 - count]
            count += 1
        return count


class Keeper:
    """One run; made, run once, and thrown away.

    Args:
        directory: Where the copy is; made if it is not there.

        reader: The log as it is now.

        log: Its origin.

        now_us: Microseconds since 1970.
    """

    def __init__(
        self,
        directory: Path,
        reader: LogReader,
        log: str,
        *,
        now_us: int,
        limits: Limits | None = None,
    ) -> None:
        self._directory = directory
        self._reader = reader
        self._log = log
        self._now_us = now_us
        self._limits = limits or Limits()
        self._manifest = manifest.empty(log)
        self._next = self._manifest.next
        self._read = 0
        self._last = b""
        """The line of the last leaf that was read."""

    def catch_up(self, *, anew: bool = False) -> Manifest:
        """Take in what is new in the log; return what the copy is then.

        Args:
            anew: Throw away what there is, and begin at the first leaf.

        Raises:
            StateError: If DuckDB is not there, or fails; what was committed before stays.

            FormatError: If the log cannot be read.

            OSError: If the disk cannot take it.
        """
        durable.make_directory(self._directory)
        found = None if anew else manifest.read_manifest(self._directory)
        opened = self._fitting(found) if found is not None else None
        if found is None or opened is None:
            # Files of the old copy have lower numbers: who reads it sees them vanish, not change.
            found, opened = manifest.empty(self._log, self._free_number()), []
            manifest.write_manifest(self._directory, found)
        self._manifest, self._next, self._read = found, found.next, found.leaves
        self._sweep()
        join = Join(self._log, opened)
        taken = 0
        for record in oldest_first(self._leaves(), self._reader, self._log):
            join.take(record)
            taken += 1
            if taken >= self._limits.records or join.rows.bytes >= self._limits.stretch_bytes:
                self._commit(join)
                taken = 0
        if self._read > self._manifest.leaves:
            self._commit(join)
        self._seal_if_due()
        return self._manifest

    def _leaves(self) -> Iterator[tuple[int, bytes]]:
        for index, line in self._reader.leaves(self._read):
            self._read, self._last = index + 1, line
            yield index, line

    def _fitting(self, found: Manifest) -> list[Row] | None:
        """Return the open calls of a copy that is of this log, and whole; else None."""
        if not manifest.fits(found, self._reader, self._log):
            return None
        for part in found.parts:
            size = self._size(part)
            # Beyond the newest rows there may be those of a killed run.
            if size != part.bytes and not (part == found.hot and size > part.bytes):
                return None
        try:
            return [from_line(line) for line in lines.read_lines(self._directory, found.open)]
        except FormatError:
            return None

    def _size(self, part: Part) -> int:
        """Return the size of a file of the copy; -1 where none of ours is."""
        path = self._directory / part.file
        try:
            found = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return -1
        is_ours = stat.S_ISREG(found.st_mode) and not path.parent.is_symlink()
        return found.st_size if is_ours else -1

    def _commit(self, join: Join) -> None:
        """Make what was joined durable, and then known."""
        amend = Amend(self._directory, self._reader, self._manifest, self._number)
        changed = amend.settle(join)
        hot = lines.append(self._directory, changed.hot, join.rows)
        opened = changed.open
        if join.open_changed:
            file = manifest.open_name(self._number())
            opened = lines.write(self._directory, file, join.open_rows())
            # A crash here leaves a file that no manifest names; the next run removes it.
        last = manifest.last_of(self._last)
        self._publish(replace(changed, leaves=self._read, last=last, hot=hot, open=opened))
        join.begin_stretch()
        self._seal_if_due()

    def _seal_if_due(self) -> None:
        """Sort the newest rows into sealed files when there are enough, or they are old."""
        hot, limits = self._manifest.hot, self._limits
        today = self._now_us // _DAY_US
        sealed_rows = sum(part.rows for part in self._manifest.files)
        is_full = hot.rows >= limits.full_rows(sealed_rows) or hot.bytes >= limits.hot_bytes
        is_over = hot.received_from_us // _DAY_US < today and hot.rows >= limits.day_rows
        is_old = self._now_us - hot.received_from_us >= limits.age_us
        if not hot.rows or not (is_full or is_over or is_old):
            return
        files = sealing.seal(
            self._directory, hot, self._manifest.files, self._number, limits.taken_in
        )
        # A crash here leaves files that no manifest names.
        fresh = Part(manifest.hot_name(self._number()))
        self._publish(replace(self._manifest, files=files, hot=fresh))

    def _publish(self, new: Manifest) -> None:
        """Replace the manifest, and remove what it does not name any more."""
        old, self._manifest = self._manifest, replace(new, next=self._next)
        manifest.write_manifest(self._directory, self._manifest)
        # A crash here leaves files that no manifest names any more.
        named = {part.file for part in self._manifest.parts}
        gone = [part.file for part in old.parts if part.file not in named]
        durable.discard([self._directory / file for file in gone])

    def _number(self) -> int:
        number, self._next = self._next, self._next + 1
        return number

    def _free_number(self) -> int:
        """Return a number above that of each file that is here."""
        found = [_NUMBERED.fullmatch(path.name) for path in self._files()]
        return max((int(match[1]) + 1 for match in found if match), default=0)

    def _sweep(self) -> None:
        """Remove the files of ours that the manifest does not name."""
        named = {self._directory / part.file for part in self._manifest.parts}
        # What stands in a day's place without being a directory would stop all sealing.
        ours = (_NUMBERED, _UNFINISHED, _DAY)
        durable.discard(
            [
                path
                for path in self._files()
                if path not in named
                and any(one.fullmatch(path.name) for one in ours)
                and (path.is_symlink() or not path.is_dir())
            ]
        )

    def _files(self) -> Iterator[Path]:
        for directory in (self._directory, *sorted(self._directory.glob("day=*"))):
            if directory.is_dir() and not directory.is_symlink():
                yield from (directory / name for name in sorted(os.listdir(directory)))
