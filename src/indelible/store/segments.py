"""Segment files: which there are, and their bytes, compressed or not.

Format: docs/reference/format.md sections 1 and 4.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from indelible.errors import FormatError
from indelible.store import files, packed

ROLL_BYTES = 8 << 20
"""A plain segment of this size or more is closed and compressed."""
_LEAST_ROLL_BYTES = 256 << 10
_ROLL_BYTES_A_LEAF = 8
"""A leaf line has some 500 bytes: so what is not compressed is about a sixtieth of the log."""
MAX_BYTES = packed.MAX_BYTES
"""No segment we write comes near this; more is not read."""

_NAME = re.compile(r"([0-9]{12})\.ndjson(\.zst)?")


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment: its first leaf, and which of its two files exist."""

    directory: Path
    first: int
    has_plain: bool
    has_compressed: bool

    @property
    def plain(self) -> Path:
        """Path of the plain file."""
        return self.directory / f"{self.first:012d}.ndjson"

    @property
    def compressed(self) -> Path:
        """Path of the compressed file."""
        return self.directory / f"{self.first:012d}.ndjson.zst"

    @property
    def path(self) -> Path:
        """Path of the file to name when something is wrong with the segment."""
        return self.plain if self.has_plain else self.compressed


def roll_bytes(leaves: int) -> int:
    """Return from which size on the newest segment of a log of so many leaves is closed."""
    return min(ROLL_BYTES, max(_LEAST_ROLL_BYTES, _ROLL_BYTES_A_LEAF * leaves))


class OpenSegment:
    """The segment that is written to: how much of it is in whole batches, and their hash."""

    def __init__(self, segment: Segment) -> None:
        self.segment = segment
        self.size_bytes = 0
        self._digest = sha256()

    def add(self, data: bytes | memoryview) -> None:
        """Take in the bytes that follow."""
        self._digest.update(data)
        self.size_bytes += len(data)

    @property
    def sha256(self) -> str:
        """Of all bytes taken in so far."""
        return self._digest.hexdigest()


def list_segments(directory: Path) -> list[Segment]:
    """Return the segments in *directory*, oldest first; other names are passed over."""
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return []
    found: dict[int, set[bool]] = {}
    for name in names:
        if match := _NAME.fullmatch(name):
            found.setdefault(int(match[1]), set()).add(match[2] is not None)
    return [
        Segment(directory, first, False in kinds, True in kinds)
        for first, kinds in sorted(found.items())
    ]


def is_segment_name(name: str) -> bool:
    """Return whether *name* is that of a segment file."""
    return _NAME.fullmatch(name) is not None


def read_segment(segment: Segment) -> bytes:
    """Return the lines of *segment*, whichever of its files is there now.

    The plain file is looked for first and once more at the end: it may be replaced
    by the compressed one at any time.

    Raises:
        FormatError: If a file is not what it claims to be, or both are gone.
    """
    for path in (segment.plain, segment.compressed, segment.plain):
        data = files.read(path, MAX_BYTES)
        if data is not None:
            return decompress(data, path.name) if path.suffix == ".zst" else data
    raise FormatError(f"segment file is gone: {str(segment.path)!r}")


def read_compressed(segment: Segment) -> bytes | None:
    """Return the lines in the compressed file of *segment*, or None if there is none.

    Raises:
        FormatError: If it is not what it claims to be.
    """
    data = files.read(segment.compressed, MAX_BYTES)
    return decompress(data, segment.compressed.name) if data is not None else None


def compress(data: bytes) -> bytes:
    """Return the bytes of the compressed file of a segment with the lines *data*."""
    return packed.pack(data, packed.LEAVES)


def decompress(data: bytes, name: str) -> bytes:
    """Return the lines of a compressed segment, of at most `MAX_BYTES`.

    Raises:
        FormatError: If *data* is anything else.
    """
    return packed.unpack(data, packed.LEAVES, name)
