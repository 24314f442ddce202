"""Lines out of chunks, in linear time and bounded memory. Sans-I/O.

A line longer than `MAX_LINE_BYTES` is not held: it becomes a `Start`, then
`Piece`s, then an `End`, with its outline read on the way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from indelible.capture.outline import Outline

READ_BYTES = 1 << 16
MAX_LINE_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Line:
    """A whole line, with its LF unless the stream ended without one."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Start:
    """An oversize line has begun; *data* is what was held until now."""

    data: bytes
    outline: Outline


@dataclass(frozen=True, slots=True)
class Piece:
    """More of an oversize line."""

    data: bytes


@dataclass(frozen=True, slots=True)
class End:
    """An oversize line is over; *data* is its last bytes, with the LF if there was one."""

    data: bytes
    size: int


Part = Line | Start | Piece | End


class Splitter:
    """Cuts a byte stream into lines."""

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._max = max_line_bytes
        self._held: list[bytes] = []
        self._size = 0
        self._outline: Outline | None = None

    @property
    def mid_line(self) -> bool:
        """Whether the stream stands inside a line."""
        return self._size > 0

    def is_line(self, chunk: bytes) -> bool:
        """Return whether *chunk*, fed now, would be one whole line: the common case."""
        return not self._size and chunk.find(b"\n") == len(chunk) - 1

    def feed(self, chunk: bytes) -> Iterator[Part]:
        """Yield what *chunk* completes."""
        at = 0
        while (newline := chunk.find(b"\n", at)) >= 0:
            yield self._ended(chunk[at : newline + 1])
            at = newline + 1
        if at < len(chunk):
            yield from self._held_back(chunk[at:])

    def end(self) -> Iterator[Part]:
        """Yield what is left when the stream has ended without a last LF."""
        if self._size:
            yield self._ended(b"")

    def _ended(self, last: bytes) -> Part:
        size, self._size = self._size + len(last), 0
        if self._outline is not None:
            self._outline.feed(last)
            self._outline = None
            return End(last, size)
        if not self._held:
            return Line(last)
        self._held.append(last)
        data = b"".join(self._held)
        self._held.clear()
        return Line(data)

    def _held_back(self, rest: bytes) -> Iterator[Part]:
        self._size += len(rest)
        if self._outline is not None:
            self._outline.feed(rest)
            yield Piece(rest)
            return
        self._held.append(rest)
        if self._size >= self._max:
            data = b"".join(self._held)
            self._held.clear()
            self._outline = Outline()
            self._outline.feed(data)
            yield Start(data, self._outline)
