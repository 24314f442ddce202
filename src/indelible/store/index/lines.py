"""Files of lines: the newest rows and the open calls, and what a manifest says of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from indelible import durable
from indelible.errors import FormatError
from indelible.store.index.columns import NAMES, Row, from_line, to_line
from indelible.store.index.manifest import Part

Key: TypeAlias = tuple[str, int]
"""Writer and number of a record; two leaves with the same are a forger's."""

_TIME, _RECEIVED = NAMES.index("time"), NAMES.index("received_at")
_WRITER, _SEQ, _LEAF = NAMES.index("writer"), NAMES.index("seq"), NAMES.index("leaf")


def key_of(row: Row) -> Key:
    """Return the writer and the number of the (first) record of a row."""
    writer, seq = row[_WRITER], row[_SEQ]
    return str(writer or ""), seq if isinstance(seq, int) else -1


def leaf_of(row: Row) -> int:
    """Return the leaf of the (first) record of a row: what tells it from all others."""
    leaf = row[_LEAF]
    return leaf if isinstance(leaf, int) else -1


class Lines:
    """Rows on their way into a file of lines."""

    def __init__(self) -> None:
        self.bytes = 0
        self._lines: list[bytes] = []
        self._times: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, row: Row) -> int:
        """Add a row; return its number."""
        self._lines.append(b"")
        self._times.append((0, 0))
        self.put(len(self._lines) - 1, row)
        return len(self._lines) - 1

    def put(self, number: int, row: Row) -> None:
        """Replace the row of a number."""
        line, time, received = to_line(row), row[_TIME], row[_RECEIVED]
        assert isinstance(time, int)
        self.bytes += len(line) - len(self._lines[number])
        self._lines[number] = line
        self._times[number] = time, received if isinstance(received, int) else time

    def data(self) -> bytes:
        """Return the lines of all rows."""
        return b"".join(self._lines)

    def part(self, file: str, before: Part | None = None) -> Part:
        """Return what to say of a file with these rows after those of *before*."""
        times = [time for time, _ in self._times]
        received = [at for _, at in self._times]
        if before is not None and before.rows:
            times += [before.from_us, before.to_us]
            received += [before.received_from_us, before.received_to_us]
        return Part(
            file,
            (before.rows if before else 0) + len(self._lines),
            (before.bytes if before else 0) + self.bytes,
            min(times, default=0),
            max(times, default=0),
            min(received, default=0),
            max(received, default=0),
        )


def read_lines(directory: Path, part: Part) -> Iterator[bytes]:
    """Yield the lines of a file, with their LF, as far as the manifest says.

    Raises:
        FormatError: If the file is shorter.
    """
    if not part.rows:
        return
    left = part.bytes
    with open(directory / part.file, "rb") as file:
        while left > 0 and (line := file.readline(left)):
            left -= len(line)
            yield line
    if left:
        raise FormatError(f"shorter than its manifest says: {str(directory / part.file)!r}")


def append(directory: Path, part: Part, rows: Lines) -> Part:
    """Add rows to the end of a file, durable; return what it is then.

    What a killed run left beyond its end is cut off first: no manifest ever named it.
    """
    path = directory / part.file
    if len(rows):
        if path.exists() and os.stat(path).st_size > part.bytes:
            durable.truncate(path, part.bytes)
        durable.append(path, rows.data())
        # A crash here leaves lines that no manifest counts.
    return rows.part(part.file, part)


def write(directory: Path, file: str, rows: Lines) -> Part:
    """Write a new file, durable; without rows there is none."""
    if len(rows):
        durable.replace(directory / file, rows.data())
    return rows.part(file)


def rewrite(directory: Path, part: Part, file: str, changes: Mapping[int, Row | None]) -> Part:
    """Write the rows of *part* to another file, with the changes; return what that is.

    Args:
        changes: The new row of each leaf, or None where the row is to go.

    Raises:
        FormatError: If the file cannot be read.
    """
    rows = Lines()
    for line in read_lines(directory, part):
        row = from_line(line)
        changed = changes.get(leaf_of(row), row)
        if changed is not None:
            rows.add(changed)
    return write(directory, file, rows)
