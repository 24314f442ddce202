"""Bodies by day: one line a record, in the order of leaf indexes.

Format: docs/reference/format.md section 5. Lines of a file rise in index, so that one
is found by bisection; erasing lines keeps it so.
"""

from __future__ import annotations

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
    """Return the day that a leaf's body is filed under, from its `receivedAt`."""
    return received_at[:10]


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
    """One day's bodies, open for reading; a missing file reads as an empty one."""

    def __init__(self, path: Path) -> None:
        opened = files.open_regular(path)
        self._fd = opened.fd if opened else -1
        self._last = (-2, 0, 0)
        self.size = opened.status.st_size if opened else 0

    def close(self) -> None:
        """Let go of the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def find(self, index: int) -> BodyLine | None:
        """Return the line of leaf *index*, or None if it is not there."""
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
        yield self.seek(index)

    def seek(self, index: int) -> int:
        """Return where the first line of an index not below *index* starts."""
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
        """Yield offset, bytes and whether a LF ended it, of each line from *start* on."""
        buffer = b""
        at = offset = start
        while at < self.size:
            part = os.pread(self._fd, min(1 << 20, self.size - at), at)
            if not part:
                break
            at += len(part)
            *whole, buffer = (buffer + part).split(b"\n")
            for line in whole:
                yield offset, line, True
                offset += len(line) + 1
        if buffer:
            yield offset, buffer, False

    def last_lines(self) -> Iterator[tuple[int, bytes, bool]]:
        """Yield the lines as `lines` does, newest first."""
        end = self.size
        while end > 0:
            start = self._line_start(end - 1, 0)
            line = os.pread(self._fd, end - start, start)
            yield start, line.removesuffix(b"\n"), line.endswith(b"\n")
            end = start

    def _line_start(self, at: int, floor: int) -> int:
        """Return where the line that byte *at* is in starts, looking back to *floor*."""
        high = at
        step = _STEP_BYTES
        while high > floor:
            low = max(floor, high - step)
            found = os.pread(self._fd, high - low, low).rfind(b"\n")
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
            part = os.pread(self._fd, step, position)
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
