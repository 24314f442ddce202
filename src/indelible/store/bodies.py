"""Bodies by segment and day: one line a record, in the order of leaf indexes.

Format: docs/reference/format.md section 5. Lines of a file rise in index, so that one
is found by bisection; erasing lines keeps it so.
"""

from __future__ import annotations

import contextlib
import os
import re
from binascii import unhexlify
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from indelible.store import files, packed

MAX_LINE_BYTES = (1 << 20) + 64

ROLL_BYTES = 16 << 20
"""With a file of this size its segment is closed: a closed file is read as a whole."""
MAX_BYTES = packed.MAX_BYTES
"""No closed file comes near this; more is not read."""

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NAME = re.compile(rf"({_DAY.pattern})\.([0-9]{{12}})\.ndjson(\.zst)?")
_LINE = re.compile(rb"(0|[1-9][0-9]{0,18}) ([0-9a-f]{32}) ([^\n]*)")
_STEP_BYTES = 1 << 11
_CHUNK_BYTES = 1 << 20
_MAX_SKIP_BYTES = 16 << 20
"""How far the end of a line that is too long is looked for."""
_HELD_FILES = 2
"""Leaves of one run may go to and fro between two days."""


@dataclass(slots=True)
class BodyLine:
    """A body line, taken apart."""

    # Not frozen: that takes longer to make than all the rest of parsing it.

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
    return BodyLine(int(match[1]), unhexlify(match[2]), match[3])


def day_of(received_at: str) -> str:
    """Return the day that a leaf's body is filed under, from its `receivedAt`.

    A leaf that was put in can say anything there: what is no day is one that never was.
    """
    day = received_at[:10]
    return day if _DAY.fullmatch(day) else "0000-00-00"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the bodies of one segment's leaves of one day are, and which of its files exist."""

    directory: Path
    day: str
    first: int
    """First leaf of the segment."""
    has_plain: bool = field(default=False, compare=False)
    has_compressed: bool = field(default=False, compare=False)

    @property
    def plain(self) -> Path:
        """Path of the plain file."""
        return self.directory / f"{self.day}.{self.first:012d}.ndjson"

    @property
    def compressed(self) -> Path:
        """Path of the compressed file."""
        return self.directory / f"{self.day}.{self.first:012d}.ndjson.zst"

    @property
    def path(self) -> Path:
        """Path of the file to name when something is wrong with it."""
        return self.compressed if self.has_compressed and not self.has_plain else self.plain


def list_places(directory: Path) -> list[Place]:
    """Return where there are bodies, by segment and then by day; other names are passed over."""
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return []
    found: dict[tuple[int, str], set[bool]] = {}
    for name in names:
        if match := _NAME.fullmatch(name):
            found.setdefault((int(match[2]), match[1]), set()).add(match[3] is not None)
    return [
        Place(directory, day, first, False in kinds, True in kinds)
        for (first, day), kinds in sorted(found.items())
    ]


def is_body_name(name: str) -> bool:
    """Return whether *name* is that of a body file."""
    return _NAME.fullmatch(name) is not None


def compress(data: bytes) -> bytes:
    """Return the bytes of the compressed file of the body lines *data*."""
    return packed.pack(data, packed.BODIES)


def decompress(data: bytes, name: str) -> bytes:
    """Return the lines of a compressed body file, of at most `MAX_BYTES`.

    Raises:
        FormatError: If *data* is anything else.
    """
    return packed.unpack(data, packed.BODIES, name)


def read_compressed(place: Place) -> bytes | None:
    """Return the lines in the compressed file of *place*, or None if there is none.

    Raises:
        FormatError: If it is not what it claims to be.
    """
    data = files.read(place.compressed, MAX_BYTES)
    return decompress(data, place.compressed.name) if data is not None else None


class Unpacked:
    """The lines of the compressed files that were read last: two, for they are held whole."""

    def __init__(self) -> None:
        self._held: dict[Place, bytes] = {}

    def lines(self, place: Place) -> bytes | None:
        """Return what `read_compressed` does, read anew only if it is not held."""
        found = self._held.pop(place, None)
        if found is None:
            found = read_compressed(place)
        if found is not None:
            self._held[place] = found
            while len(self._held) > _HELD_FILES:
                del self._held[next(iter(self._held))]
        return found


class BodyFile:
    """The bodies of one place, compressed or not; a missing file reads as an empty one.

    It holds neither descriptor nor lines between two calls: a log has such a file for
    each day of years. Between two calls the plain file may be replaced by the
    compressed one.

    Args:
        place: Which; whether its files exist is looked at anew.

        unpacked: Holds lines of compressed files, for all the files of one reader.

    Raises:
        FormatError: Here and in each call: if a file is not what it claims to be.
    """

    def __init__(self, place: Place, unpacked: Unpacked) -> None:
        self._place = place
        self._unpacked = unpacked
        self._fd = -1
        self._lines: bytes | None = None
        self._last = (-2, 0, 0)
        with self._open() as size:
            self.size = size

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
    def _open(self) -> Iterator[int]:
        """Hold the file open, give its size; within, `_pread` reads."""
        if self._fd >= 0 or self._lines is not None:
            yield self.size
            return
        opened = files.open_regular(self._place.plain)
        if opened is None:
            self._lines = self._unpacked.lines(self._place) or b""
        else:
            self._fd = opened.fd
        try:
            yield opened.status.st_size if opened else len(self._lines or b"")
        finally:
            if opened:
                os.close(self._fd)
            self._fd, self._lines = -1, None

    def _pread(self, length: int, at: int) -> bytes:
        if self._lines is not None:
            return self._lines[at : at + length]
        return os.pread(self._fd, length, at)

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
