"""Lines out of chunks, in linear time and bounded memory. Sans-I/O.

A line longer than `MAX_LINE_BYTES` is not held: it becomes a `Start`, then
`Piece`s, then an `End`, with its outline read on the way. To some readers a CR
ends a line too. So what follows a CR in such a line is held again: as a
`Segment`, or, if it is too long itself, from another `Start` on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from indelible.capture.outline import Outline

READ_BYTES = 1 << 16
MAX_LINE_BYTES = 16 << 20
_BLANK = b" \t\r\n"


@dataclass(frozen=True, slots=True)
class Line:
    """A whole line, with its LF unless the stream ended without one."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Start:
    """An oversize line has begun, or an oversize segment; *data* is what was held until now."""

    data: bytes
    outline: Outline


@dataclass(frozen=True, slots=True)
class Piece:
    """More of what started last, or blank."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Segment:
    """Whole lines, to a reader to whom a CR ends one, of an oversize line."""

    data: bytes


@dataclass(frozen=True, slots=True)
class End:
    """An oversize line is over; *data* is its last bytes, with the LF if there was one."""

    data: bytes
    size: int


Part = Line | Start | Piece | Segment | End


class Splitter:
    """Cuts a byte stream into lines.

    Args:
        cr_ends: Whether a reader of the stream may take a CR for the end of a line.
    """

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES, *, cr_ends: bool = True) -> None:
        self._max = max_line_bytes
        self._cr_ends = cr_ends
        self._held: list[bytes] = []
        self._held_size = 0
        self._size = 0
        self._outlines: list[Outline] = []  # of the line, and of the segment that is passing
        self._holds = True

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
            yield from self._ended(chunk[at : newline + 1])
            at = newline + 1
        if at < len(chunk):
            yield from self._more(chunk[at:])

    def end(self) -> Iterator[Part]:
        """Yield what is left when the stream has ended without a last LF."""
        if self._size:
            yield from self._ended(b"")

    def _ended(self, last: bytes) -> Iterator[Part]:
        if not self._outlines:
            self._size = 0
            yield Line(self._release(last))
            return
        if self._cr_ends and not self._holds and b"\r" in last.rstrip(_BLANK):
            yield from self._more(last)
            last = b""
        size, self._size = self._size + len(last), 0
        self._read(last)
        if self._holds:
            yield Segment(self._release(last))
            last = b""
        self._outlines.clear()
        self._holds = True
        yield End(last, size)

    def _more(self, rest: bytes) -> Iterator[Part]:
        """Yield what can pass of a line that has not ended, or none of it."""
        self._size += len(rest)
        if not self._holds:
            cut = rest.find(b"\r") + 1 if self._cr_ends else 0
            if not cut:
                self._read(rest)
                yield Piece(rest)
                return
            self._read(rest[:cut])
            yield Piece(rest[:cut])
            del self._outlines[1:]
            self._holds = True
            rest = rest[cut:]
        if self._outlines and (cut := rest.rfind(b"\r") + 1):
            self._read(rest[:cut])
            yield Segment(self._release(rest[:cut]))
            rest = rest[cut:]
        if rest:
            yield from self._hold(rest)

    def _hold(self, rest: bytes) -> Iterator[Part]:
        self._read(rest)
        self._held.append(rest)
        self._held_size += len(rest)
        if self._held_size >= self._max:
            data = self._release(b"")
            outline = Outline()
            outline.feed(data)
            self._outlines.append(outline)
            self._holds = False
            yield Start(data, outline)

    def _release(self, last: bytes) -> bytes:
        """Return what is held, with *last* after it."""
        if not self._held:
            return last
        self._held.append(last)
        data = b"".join(self._held)
        self._held.clear()
        self._held_size = 0
        return data

    def _read(self, data: bytes) -> None:
        for outline in self._outlines:
            outline.feed(data)
