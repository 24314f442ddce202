"""Reading a log without any lock, beside a writer that goes on; nothing is written.

What a reader sees is what stood there in whole batches when it was opened. It checks
nothing beyond what it needs to find its way: `store.check` does.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from indelible.errors import FormatError, StateError, UsageError
from indelible.model.record import body_hash
from indelible.seal import merkle
from indelible.seal.note import Checkpoint, split_text
from indelible.seal.segment import Leaf, is_leaf, parse_commit, parse_header, parse_leaf
from indelible.store import bodies, files, segments
from indelible.store.segments import Segment
from indelible.store.spools import SpoolView, unsealed
from indelible.store.state import State


@dataclass(frozen=True, slots=True)
class Proof:
    """What shows that a leaf is in the tree of a checkpoint (RFC 6962 section 2.1.1)."""

    index: int
    size: int
    leaf_hash: bytes
    hashes: list[bytes]
    checkpoint: bytes
    """The signed note, as stored."""


class LogReader:
    """The leaves and bodies of one log (``STATE/log/CLASS``) as of its opening."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._segments = segments.list_segments(directory / "segments")
        self._firsts = [one.first for one in self._segments]
        self._files: dict[tuple[int, str], bodies.BodyFile] = {}
        self._unpacked = bodies.Unpacked()
        self.size = self._find_size()
        """Leaves in whole batches."""

    def leaves(self, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """Yield index and leaf line (without LF), oldest first, from *start* on.

        Raises:
            FormatError: If a segment cannot be read.
        """
        for position, segment in enumerate(self._segments):
            if self._end_of(position) > start:
                for index, line in self._read(segment):
                    if index >= start:
                        yield index, line

    def newest_first(self) -> Iterator[tuple[int, bytes]]:
        """Yield index and leaf line (without LF), newest first, a segment at a time.

        Raises:
            FormatError: If a segment cannot be read.
        """
        for segment in reversed(self._segments):
            yield from reversed(self._read(segment))

    def leaf(self, index: int) -> bytes:
        """Return the leaf line (without LF) of one index.

        Raises:
            UsageError: If there is no such leaf.
        """
        for position, segment in enumerate(self._segments):
            if segment.first <= index < self._end_of(position):
                lines = self._read(segment)
                if index - segment.first < len(lines):
                    return lines[index - segment.first][1]
        raise UsageError(f"no leaf {index} in a log of {self.size}")

    def body(self, index: int, leaf: bytes | None = None) -> tuple[bytes, bytes] | None:
        """Return salt and body of a leaf; None if they were erased or are missing.

        Args:
            leaf: The leaf line, where the caller has it already: saves reading it again.
        """
        parsed = parse_leaf(self.leaf(index) if leaf is None else leaf)
        if parsed is None:
            return None
        found = self.body_file(index, parsed).find(index)
        return (found.salt, found.body) if found else None

    def body_file(self, index: int, leaf: Leaf) -> bodies.BodyFile:
        """Return the file that the body of a leaf is in; the same object for all in it."""
        at = bisect_right(self._firsts, index)
        key = self._firsts[at - 1] if at else 0, bodies.day_of(leaf.received_at)
        known = self._files.get(key)
        if known is None:
            place = bodies.Place(self._directory / "bodies", key[1], key[0])
            known = self._files[key] = bodies.BodyFile(place, self._unpacked)
        return known

    def body_matches(self, index: int, leaf: bytes | None = None) -> bool | None:
        """Return whether a leaf's body is the one its header commits to; None without a body.

        Args:
            leaf: The leaf line, where the caller has it already: saves reading it again.
        """
        line = self.leaf(index) if leaf is None else leaf
        found = self.body(index, line)
        if found is None:
            return None
        parsed = parse_leaf(line)
        header = parse_header(parsed.header) if parsed else None
        return header is not None and header.get("bodyHash") == body_hash(*found)

    def proof(self, index: int) -> Proof:
        """Return the inclusion proof of a leaf in the newest checkpoint's tree.

        Raises:
            UsageError: If no checkpoint covers the leaf yet.

            FormatError: If the checkpoint cannot be read.
        """
        note = files.read(self._directory / "checkpoint")
        checkpoint = Checkpoint.parse(split_text(note)) if note is not None else None
        if note is None or checkpoint is None or not 0 <= index < checkpoint.size:
            raise UsageError(
                f"leaf {index} is not under a checkpoint",
                hint="It is sealed with the next `indelible collect`.",
            )
        reader = self if self.size >= checkpoint.size else LogReader(self._directory)
        hashes = [merkle.leaf_hash(line) for at, line in reader.leaves() if at < checkpoint.size]
        if len(hashes) != checkpoint.size:
            raise FormatError(f"log of {len(hashes)} leaves under a checkpoint of more")
        path = merkle.inclusion_proof(index, hashes)
        return Proof(index, checkpoint.size, hashes[index], path, note)

    def _find_size(self) -> int:
        """Return the size that the last whole batch gives."""
        for segment in reversed(self._segments):
            data = segments.read_segment(segment)
            end = len(data)
            while (end := data.rfind(b"\n", 0, end)) >= 0:
                start = data.rfind(b"\n", 0, end) + 1
                commit = parse_commit(data[start:end])
                if commit is not None and commit.size > segment.first:
                    return commit.size
        return 0

    def _end_of(self, position: int) -> int:
        """Return the index after the last leaf of the segment at *position*."""
        after = position + 1
        return self._segments[after].first if after < len(self._segments) else self.size

    def _read(self, segment: Segment) -> list[tuple[int, bytes]]:
        """Return the leaves of a segment's whole batches, below `size`."""
        lines = segments.read_segment(segment).split(b"\n")
        found: list[tuple[int, bytes]] = []
        index = segment.first
        for line in lines:
            if index >= self.size:
                break
            if is_leaf(line):
                found.append((index, line))
                index += 1
        return found


def snapshot(state: State, name: str, user: int) -> tuple[LogReader, list[SpoolView]]:
    """Return a reader of a log, and the spools as they stood just before it was opened.

    In this order nothing is missed: what left a spool meanwhile is in the log. A
    record may be in both; the log's counts. `StateError` if there is no log and no spool.
    """
    views = list(unsealed(state, name, user))
    paths = state.log(name)
    if not views and not paths.directory.is_dir():
        raise StateError(f"no log {name!r}", hint="Nothing was recorded yet, or --state is wrong.")
    return LogReader(paths.directory), views
