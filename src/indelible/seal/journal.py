"""The two notes beside the checkpoint, and the book of writers that one of them carries.

`intent` says that a batch is being written; `writers` says how far each spool was
read, and what the log's files were then. Format: docs/reference/format.md section 7.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeGuard

from indelible.errors import FormatError
from indelible.model.canonical import Json, encode, format_time, parse_time
from indelible.seal.merkle import Frontier
from indelible.seal.note import decode_lines, format_root, parse_root, parse_size

_INTENT = "indelible-intent/v1"
_WRITERS = "indelible-writers/v1"
_HEX64 = re.compile(r"[0-9a-f]{64}")
_PART = re.compile(r"[0-9]{6}")
_LISTED = {"bodies", "quarantine", "segments"}
MAX_SEQ = 1 << 48
"""No sequence number reaches it: whoever writes one that high has not counted."""
MAX_OPEN = 1 << 20
"""Calls without an outcome that one note can tell of."""
_MAX_NUMBER = 1 << 53
_MIN_RUN = 3
"""So many numbers in a row are written as first and last."""


@dataclass(frozen=True, slots=True)
class Intent:
    """Where the log stood when the present collection began to write."""

    origin: str
    size: int
    root: bytes

    @classmethod
    def parse(cls, text: bytes) -> Intent:
        """Return what the text of an `intent` note says.

        Raises:
            FormatError: If it is none.
        """
        lines = decode_lines(text)
        if len(lines) != 4 or lines[0] != _INTENT:
            raise FormatError("not an intent note")
        return cls(lines[1], parse_size(lines[2]), parse_root(lines[3]))

    def format(self) -> bytes:
        """Return the text to sign."""
        lines = (_INTENT, self.origin, str(self.size), format_root(self.root))
        return "".join(f"{one}\n" for one in lines).encode()


@dataclass(frozen=True, slots=True)
class Read:
    """The start of a file: its length, and its hash."""

    size_bytes: int
    sha256: str


@dataclass(slots=True)
class WriterState:
    """How far one writer's records are in the log."""

    next: int = 0
    """The next sequence number to read."""
    open: set[int] = field(default_factory=set)
    """Calls without an outcome."""
    read: dict[int, Read] = field(default_factory=dict)
    """By part: what was read of its file."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """The log's files as they were when a `writers` note was written."""

    first: int
    """First leaf of the newest segment, the only one that is still plain."""
    segment: Read
    """What that segment's file held."""
    listings: dict[str, str]
    """By directory: the hash of the names and sizes of the files in it."""


class Book:
    """The state of every writer, moved on by each header that enters the log."""

    def __init__(self, states: Mapping[str, WriterState] | None = None) -> None:
        self.states: dict[str, WriterState] = dict(states or {})

    def get(self, writer: str) -> WriterState:
        """Return the state of *writer*, which may be new."""
        return self.states.setdefault(writer, WriterState())

    def apply(self, header: Mapping[str, Json], *, from_collector: bool) -> None:
        """Move on by one header that is in the log now; anything odd in it is passed over.

        Args:
            from_collector: Whether its leaf's `peer` says so; only the collector speaks
                about other writers.
        """
        writer, seq = header.get("writer"), header.get("seq")
        if not isinstance(writer, str) or not is_seq(seq):
            return
        state = self.get(writer)
        state.next = max(state.next, seq + 1)
        kind = header.get("kind")
        if kind == "received":
            state.open.add(seq)
        elif kind == "completed":
            self._close(header.get("of"), None if from_collector else writer)
        elif kind == "gap" and from_collector:
            of, last = header.get("ofWriter"), header.get("lastSeq")
            if isinstance(of, str) and is_seq(last):
                self.get(of).next = max(self.get(of).next, last + 1)

    def _close(self, of: Json, only: str | None) -> None:
        if not isinstance(of, dict):
            return
        writer, seq = of.get("writer"), of.get("seq")
        if only is not None and writer != only:
            return
        if isinstance(writer, str) and is_seq(seq) and writer in self.states:
            self.states[writer].open.discard(seq)


def is_seq(value: object) -> TypeGuard[int]:
    """Return whether *value* can be a sequence number."""
    return type(value) is int and 0 <= value < MAX_SEQ


def _is_number(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 <= value < _MAX_NUMBER


@dataclass(frozen=True, slots=True)
class Writers:
    """The content of a `writers` note."""

    origin: str
    size: int
    outside: bool
    """Whether the checkpoint is kept outside the data directory too."""
    collected_at_us: int
    """Time of the collection, or of the newest writer seen; never goes back."""
    frontier: Frontier
    """Of the first `size` leaves; its root is the signed one."""
    states: dict[str, WriterState]
    sealed: Sealed | None = None
    """None exactly if there is no leaf."""

    @classmethod
    def parse(cls, text: bytes) -> Writers:
        """Return what the text of a `writers` note says; only the one spelling is accepted.

        Raises:
            FormatError: If it is none.
        """
        lines = decode_lines(text)
        if len(lines) != 6 or lines[0] != _WRITERS:
            raise FormatError("not a writers note")
        size, root = parse_size(lines[2]), parse_root(lines[3])
        if lines[4] not in ("outside=yes", "outside=no"):
            raise FormatError("not a writers note: no line about outside")
        try:
            content = json.loads(lines[5])
            hashes = [bytes.fromhex(one) for one in content["frontier"]]
            states = _parse_states(content["writers"])
            at_us = parse_time(content["collectedAt"])
            sealed = _parse_sealed(content) if size else None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
            raise FormatError("not a writers note: bad content") from exc
        frontier = Frontier.of(size, hashes)
        if frontier is None or frontier.root() != root:
            raise FormatError("not a writers note: frontier is not that of the root")
        made = cls(lines[1], size, lines[4] == "outside=yes", at_us, frontier, states, sealed)
        if made.format() != text:
            raise FormatError("not a writers note: another spelling")
        return made

    @property
    def root(self) -> bytes:
        """The root over the first `size` leaves."""
        return self.frontier.root()

    def format(self) -> bytes:
        """Return the text to sign."""
        content: dict[str, Json] = {
            "collectedAt": format_time(self.collected_at_us),
            "frontier": [one.hex() for one in self.frontier.hashes],
            "writers": {name: _format_state(one) for name, one in self.states.items()},
        }
        if self.sealed is not None:
            read: dict[str, Json] = {
                "first": self.sealed.first,
                **_format_read(self.sealed.segment),
            }
            content |= {"listings": {**self.sealed.listings}, "segment": read}
        lines = (
            _WRITERS,
            self.origin,
            str(self.size),
            format_root(self.root),
            f"outside={'yes' if self.outside else 'no'}",
            encode(content).decode(),
        )
        return "".join(f"{one}\n" for one in lines).encode()


def _format_state(state: WriterState) -> Json:
    read: dict[str, Json] = {f"{part:06d}": _format_read(one) for part, one in state.read.items()}
    return {"next": state.next, "open": _format_open(state.open), "read": read}


def _format_open(numbers: set[int]) -> list[Json]:
    """Return *numbers* in order, each run of them as ``[first, last]``."""
    out: list[Json] = []
    run: list[int] = []
    for seq in [*sorted(numbers), -1]:
        if run and seq != run[-1] + 1:
            out.extend([[run[0], run[-1]]] if len(run) >= _MIN_RUN else run)
            run = []
        run.append(seq)
    return out


def _parse_open(content: Json, room: int) -> set[int]:
    """Return the numbers, of which there may be *room*; raises what a wrong shape raises."""
    if not isinstance(content, list):
        raise ValueError("bad calls")  # noqa: TRY004  as every wrong shape
    found: set[int] = set()
    for one in content:
        first, last = one if isinstance(one, list) else (one, one)
        if not is_seq(first) or not is_seq(last) or last - first >= room - len(found):
            raise ValueError("bad seq")
        found.update(range(first, last + 1))
    return found


def _parse_states(content: dict[str, dict[str, Json]]) -> dict[str, WriterState]:
    """Return every writer's state; raises what a wrong shape raises."""
    states: dict[str, WriterState] = {}
    room = MAX_OPEN
    for name, one in content.items():
        states[name] = _parse_state(one, room)
        room -= len(states[name].open)
    return states


def _parse_state(content: dict[str, Json], room: int) -> WriterState:
    """Return one writer's state; raises what a wrong shape raises."""
    following, read = content["next"], content["read"]
    if not _is_number(following) or not isinstance(read, dict):
        raise ValueError("bad writer")
    state = WriterState(following, _parse_open(content["open"], room))
    for part, one in read.items():
        if not _PART.fullmatch(part):
            raise ValueError("bad part")
        state.read[int(part)] = _parse_read(one)
    return state


def _parse_sealed(content: dict[str, Json]) -> Sealed:
    """Return what is said of the files; raises what a wrong shape raises."""
    segment, listings = content["segment"], content["listings"]
    if not isinstance(listings, dict) or set(listings) != _LISTED:
        raise ValueError("bad listings")
    if not isinstance(segment, dict) or not _is_number(first := segment["first"]):
        raise ValueError("bad segment")
    digests = {name: _parse_hash(one) for name, one in listings.items()}
    return Sealed(first, _parse_read(segment), digests)


def _format_read(read: Read) -> dict[str, Json]:
    return {"bytes": read.size_bytes, "sha256": read.sha256}


def _parse_read(content: Json) -> Read:
    if not isinstance(content, dict) or not _is_number(size := content["bytes"]):
        raise ValueError("bad stretch")
    return Read(size, _parse_hash(content["sha256"]))


def _parse_hash(content: Json) -> str:
    if not isinstance(content, str) or not _HEX64.fullmatch(content):
        raise ValueError("bad hash")
    return content
