"""Segments: leaf lines and commit lines, and the scanner that tells a crash from tampering.

Format: docs/reference/format.md sections 4 and 7. The scanner takes any bytes and
raises nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from indelible.model.canonical import Json, encode, format_time
from indelible.seal.merkle import Frontier, leaf_hash

MAX_LEAF_BYTES = 65_535
MIN_LEAF_BYTES = 40
"""No line with the three keys of a leaf is shorter."""
COLLECTOR = b'{"via":"collector"}'
"""The `peer` of the collector's own records."""

_DECODER = json.JSONDecoder()
_LEAF_START = b'{"header":{'
_COMMIT_START = b'{"commit":{'
_COMMIT = re.compile(
    rb'\{"commit":\{"from":(0|[1-9][0-9]{0,18}),"n":([1-9][0-9]{0,18}),"root":"([0-9a-f]{64})"\}\}'
)
_LEAF_END = re.compile(rb',"peer":(\{[^\n]*?\}),"receivedAt":"([^"\n]{1,40})"\}\Z')


def spool_peer(uid: int) -> bytes:
    """Return the `peer` of a record from a spool file owned by *uid*."""
    return encode({"uid": uid, "via": "spool"})


def leaf_line(header: bytes, peer: bytes, received_at_us: int) -> bytes:
    """Return a leaf line without its LF: the header's bytes verbatim in their envelope."""
    at = format_time(received_at_us).encode()
    return b'{"header":' + header + b',"peer":' + peer + b',"receivedAt":"' + at + b'"}'


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf line, taken apart without altering a byte."""

    header: bytes
    peer: bytes
    received_at: str


def parse_leaf(line: bytes) -> Leaf | None:
    """Return the parts of a leaf line (without LF), or None for any other bytes."""
    if not line.startswith(_LEAF_START) or len(line) > MAX_LEAF_BYTES:
        return None
    # From the right: the header may hold anything, what follows it may not.
    at = line.rfind(b',"peer":{')
    match = _LEAF_END.match(line, at) if at > 0 else None
    if match is None:
        return None
    try:
        return Leaf(line[len(b'{"header":') : at], match[1], match[2].decode("ascii"))
    except UnicodeDecodeError:
        return None


def parse_header(header: bytes) -> dict[str, Json] | None:
    """Return the header of a leaf as an object, or None for any other bytes."""
    try:
        text = header.decode("utf-8")
        found, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and end == len(text) else None


def commit_line(first: int, size: int, root: bytes) -> bytes:
    """Return the commit line (without LF) of the leaves *first* to *size* - 1."""
    return b'{"commit":{"from":%d,"n":%d,"root":"%s"}}' % (first, size, root.hex().encode())


@dataclass(frozen=True, slots=True)
class Commit:
    """What a commit line says."""

    first: int
    size: int
    root: bytes


def parse_commit(line: bytes) -> Commit | None:
    """Return what a commit line (without LF) says, or None for any other bytes."""
    match = _COMMIT.fullmatch(line)
    if match is None:
        return None
    return Commit(int(match[1]), int(match[2]), bytes.fromhex(match[3].decode()))


def is_leaf(line: bytes) -> bool:
    """Return whether *line* has the first key of a leaf line."""
    return line.startswith(_LEAF_START)


def encode_batch(lines: Sequence[bytes], frontier: Frontier) -> bytes:
    """Return leaf lines and their commit line as one append; moves *frontier* on."""
    first = frontier.size
    for line in lines:
        frontier.add(leaf_hash(line))
    commit = commit_line(first, frontier.size, frontier.root())
    return b"\n".join([*lines, commit, b""])


@dataclass(frozen=True, slots=True)
class Batch:
    """Leaf lines that their commit line proves."""

    first: int
    leaves: list[bytes]
    size: int
    """Leaves in the tree with this batch."""
    root: bytes
    end: int
    """Offset of the byte after the commit line's LF."""
    line: int
    """Line number of the first leaf line, from 1."""


@dataclass(frozen=True, slots=True)
class Tail:
    """What follows the last whole batch of a segment."""

    start: int
    """Offset of its first byte."""
    line: int
    """Line number of the first line that is wrong as far as can be told, from 1."""
    last_line: int
    """The commit line of the wrong batch; the last line of all if it has none."""
    what: str
    torn: bool
    """Whether a crash can have left it: nothing after it belongs to a later batch."""
    more: bool
    """Whether lines follow that nothing can be said about."""
    leaves: list[bytes] = field(default_factory=list)
    """The leaf lines of a batch that is whole but for its root."""


class Scanner:
    """Runs over the bytes of one segment, batch by batch.

    Iterate `batches`, then look at `tail`: None if the segment is whole.
    `frontier` moves with each batch.
    """

    def __init__(self, data: bytes, frontier: Frontier, *, start: int = 0, line: int = 1) -> None:
        self.frontier = frontier
        self.tail: Tail | None = None
        self._data = data
        self._at = start
        self._line = line

    def batches(self) -> Iterator[Batch]:
        """Yield every batch that its commit line proves, up to the first that none does."""
        data = self._data
        while self._at < len(data):
            found = data.find(b"\n" + _COMMIT_START, self._at)
            end = data.find(b"\n", found + 1) if found >= 0 else -1
            if found < 0 or end < 0:
                self.tail = self._judge("no commit line ends this batch")
                return
            if data.count(b"\n", self._at, found) > (found - self._at) // MIN_LEAF_BYTES:
                # So many lines that one must be none; taken apart they would fill the memory.
                self.tail = self._judge("not a leaf line", self._first_short(found))
                return
            lines = data[self._at : found].split(b"\n")
            batch = self._prove(lines, data[found + 1 : end], end + 1)
            if batch is None:
                return
            self._at = end + 1
            self._line += len(lines) + 1
            yield batch

    def _first_short(self, end: int) -> int:
        """Return how many lines come before the first that is too short for a leaf."""
        start, number = self._at, 0
        while start < end:
            after = self._data.find(b"\n", start, end)
            if (after if after >= 0 else end) - start < MIN_LEAF_BYTES:
                break
            start, number = after + 1, number + 1
        return number

    def _prove(self, lines: list[bytes], commit_bytes: bytes, end: int) -> Batch | None:
        """Return the batch if its commit line is right; else set `tail`."""
        first = self.frontier.size
        commit = parse_commit(commit_bytes)
        wrong = _wrong_line(lines)
        if wrong is not None:
            self.tail = self._judge("not a leaf line", wrong)
        elif commit is None:
            self.tail = self._judge("not a commit line", len(lines))
        elif commit.first != first or commit.size != first + len(lines):
            told = f"commit line says leaves {commit.first} to {commit.size - 1}"
            counted = f"{first} to {first + len(lines) - 1} are here"
            self.tail = self._judge(f"{told}, {counted}")
        else:
            grown = self.frontier.copy()
            for one in lines:
                grown.add(leaf_hash(one))
            if grown.root() == commit.root:
                self.frontier = grown
                return Batch(first, lines, grown.size, commit.root, end, self._line)
            self.tail = self._judge("the leaves of this batch do not give its root", leaves=lines)
        return None

    def _judge(self, what: str, skip: int = 0, leaves: list[bytes] | None = None) -> Tail:
        """Say whether a crash can have left what starts at the present batch.

        A batch is written only when the one before is durable. So a torn batch
        may hold anything, its own commit line included, but nothing follows that
        line, and no other commit line stands in it.
        """
        data = self._data
        torn = True
        for start, commit in self._commits():
            # Its own is the last line, with or without its LF.
            end = data.find(b"\n", start)
            is_last = end < 0 or end + 1 >= len(data)
            if commit.first != self.frontier.size or not is_last:
                torn = False
        last = self._line + data.count(b"\n", self._at) - data.endswith(b"\n")
        own = data.find(b"\n" + _COMMIT_START, self._at)
        end = self._line + data.count(b"\n", self._at, own + 1) if own >= 0 else last
        line = min(self._line + skip, last)
        return Tail(self._at, line, max(line, end), what, torn, end < last, leaves or [])

    def _commits(self) -> Iterator[tuple[int, Commit]]:
        """Yield where each commit line after the last whole batch starts, and what it says."""
        data = self._data
        is_first = data.startswith(_COMMIT_START, self._at)
        at = self._at if is_first else self._next_commit(self._at)
        while at >= 0:
            end = data.find(b"\n", at)
            commit = parse_commit(data[at : end if end >= 0 else len(data)])
            if commit is not None:
                yield at, commit
            at = self._next_commit(at)

    def _next_commit(self, at: int) -> int:
        """Return where the next line after *at* starts that begins as a commit line does."""
        found = self._data.find(b"\n" + _COMMIT_START, at)
        return found + 1 if found >= 0 else -1


def _wrong_line(lines: Sequence[bytes]) -> int | None:
    """Return the position of the first line that is no leaf line."""
    for number, one in enumerate(lines):
        if not one.startswith(_LEAF_START) or len(one) > MAX_LEAF_BYTES:
            return number
    return None
