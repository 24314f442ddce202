"""Bodies by day: one line a record, in the order of leaf indexes.

Format: docs/reference/format.md section 5. Lines of a file rise in index, so that one
is found by bisection; erasing lines keeps it so.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from indelible.model.record import SALT_BYTES
from indelible.store import files

MAX_LINE_BYTES = (1 << 20) + 64

_NAME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})\.ndjson")
_LINE = re.compile(rb"(0|[1-9][0-9]{0,18}) ([0-9a-f]{32}) ([^\n]*)")
_STEP_BYTES = 1 << 11
_CHUNK_BYTES = 1 << 20
_MAX_SKIP_BYTES = 16 << 20
"""How far the end of a line that is too long is looked for."""


@dataclass(frozen=True, slots=True)
class BodyLine:
    """A body line, taken apart."""

    index: int
    salt: bytes
    body: bytes


def encode_line(index: int, salt: bytes, body: bytes) -> bytes:
    """Return one body line with its LF."""
    return b"%d %s %s\n" % (index, salt.hex().encode(), body)


def parse_line(line: bytes) -> BodyLine | None:
    """Return the parts of a body line (without LF), or None for any other bytes."""
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    salt = bytes.fromhex(match[2].decode())
    assert len(salt) == SALT_BYTES
    return BodyLine(int(match[1]), salt, match[3])


def day_of(received_at: str) -> str:
    """Return the day that a leaf's body is filed under, from its `receivedAt`.

    A leaf that was put in can say anything there: what is no day is one that never was.
    """
    day = received_at[:10]
    return day if _NAME.fullmatch(f"{day}.ndjson") else "0000-00-00"


def path_of(directory: Path, day: str) -> Path:
    """Return the path of a day's bodies."""
    return directory / f"{day}.ndjson"


def list_days(directory: Path) -> list[str]:
    """Return the days there are bodies of, oldest first."""
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return []
    return sorted(match[1] for name in names if (match := _NAME.fullmatch(name)))


def is_body_name(name: str) -> bool:
    """Return whether *name* is that of a body file."""
    return _NAME.fullmatch(name) is not None


class BodyFile:
    """One day's bodies; a missing file reads as an empty one.

    It holds no descriptor between two calls: a log has a file for each day of years.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1
        self._last = (-2, 0, 0)
        self.size = 0
        with self._open() as status:
            if status is not None:
                self.size = status.st_size

    def find(self, index: int) -> BodyLine | None:
        """Return the line of leaf *index*, or None if it is not there."""
        with self._open():
            for at in self._guess(index):
                line, end = self._line_at(at)
                found = parse_line(line)
                if found is not None and found.index == index:
                    self._last = (index, at, end)
                    return found
        return None

    def _guess(self, index: int) -> Iterator[int]:
        """Yield where the line of *index* may start: beside the last one found, else by search."""
        last, start, end = self._last
        if index == last + 1:
            yield end
        elif index == last - 1 and start > 0:
            yield self._line_start(start - 1, 0)
        yield self._seek(index)

    def seek(self, index: int) -> int:
        """Return where the first line of an index not below *index* starts."""
        with self._open():
            return self._seek(index)

    def _seek(self, index: int) -> int:
        low, high = 0, self.size
        while low < high:
            middle = (low + high) // 2
            start = self._line_start(middle, low)
            line, end = self._line_at(start)
            found = parse_line(line)
            if found is not None and found.index < index:
                low = end
            elif start == low:
                return low
            else:
                high = start
        return low

    def lines(self, start: int = 0) -> Iterator[tuple[int, bytes, bool]]:
        """Yield offset, bytes and whether a LF ended it, of each line from *start* on.

        Of a line longer than any we write no bytes are kept: it comes as an empty one
        that no LF ended. After one that does not seem to end it stops.
        """
        at = offset = start
        parts: list[bytes] = []
        held = 0
        while at < self.size and held <= _MAX_SKIP_BYTES:
            data = self.read(at, min(_CHUNK_BYTES, self.size - at))
            if not data:
                break
            at += len(data)
            *whole, rest = data.split(b"\n")
            for line in whole:
                length = held + len(line)
                is_whole = length <= MAX_LINE_BYTES
                yield offset, b"".join([*parts, line]) if is_whole else b"", is_whole
                offset += length + 1
                parts, held = [], 0
            held += len(rest)
            parts = [*parts, rest] if held <= MAX_LINE_BYTES else []
        if held:
            yield offset, b"".join(parts), False

    def last_lines(self) -> Iterator[tuple[int, bytes, bool]]:
        """Yield the lines as `lines` does, newest first; a longer one in pieces."""
        with self._open():
            end = self.size
            while end > 0:
                start = self._line_start(end - 1, 0)
                line = self._pread(end - start, start)
                yield start, line.removesuffix(b"\n"), line.endswith(b"\n")
                end = start

    def read(self, at: int, length: int) -> bytes:
        """Return at most *length* bytes from *at* on."""
        with self._open():
            return self._pread(length, at)

    @contextlib.contextmanager
    def _open(self) -> Iterator[os.stat_result | None]:
        """Hold the file open; within, `_pread` reads."""
        if self._fd >= 0:
            yield None
            return
        opened = files.open_regular(self._path)
        self._fd = opened.fd if opened else -1
        try:
            yield opened.status if opened else None
        finally:
            if opened:
                os.close(self._fd)
            self._fd = -1

    def _pread(self, length: int, at: int) -> bytes:
        return os.pread(self._fd, length, at) if self._fd >= 0 else b""

    def _line_start(self, at: int, floor: int) -> int:
        """Return where the line that byte *at* is in starts, looking back to *floor*.

        In a line longer than any we write: a place so far back.
        """
        high = at
        floor = max(floor, at - MAX_LINE_BYTES)
        step = _STEP_BYTES
        while high > floor:
            low = max(floor, high - step)
            found = self._pread(high - low, low).rfind(b"\n")
            if found >= 0:
                return low + found + 1
            high = low
            step *= 2
        return floor

    def _line_at(self, at: int) -> tuple[bytes, int]:
        """Return the line (without LF) that starts at *at*, and where the next one starts."""
        parts: list[bytes] = []
        position = at
        step = _STEP_BYTES
        while position < self.size and position - at <= MAX_LINE_BYTES:
            part = self._pread(step, position)
            step *= 2
            if not part:
                break
            found = part.find(b"\n")
            if found >= 0:
                parts.append(part[:found])
                return b"".join(parts), position + found + 1
            parts.append(part)
            position += len(part)
        return b"".join(parts), self.size
