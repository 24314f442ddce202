"""Sealed records, read back: from the bytes of a leaf and a body to what they say."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from functools import lru_cache

from indelible.model.canonical import Json
from indelible.model.flat import Fields, Kept, text
from indelible.seal.segment import Leaf, parse_leaf
from indelible.store import bodies
from indelible.store.reader import LogReader

MAX_DEPTH = 200
"""The redactor keeps nothing near as deep; only a forger's record is deeper."""
_MAX_RUNNING = 4
"""Body files that are read side by side; leaves of two days can be mixed by a clock."""


def oldest_first(
    lines: Iterable[tuple[int, bytes]], reader: LogReader, origin: str
) -> Iterator[Kept]:
    """Yield the records of leaves, which come in order; what is no leaf is passed over.

    One body is held at a time.

    Args:
        lines: Index and leaf line (without LF) of each, as `LogReader.leaves` gives them.

        origin: What the log is called.
    """
    running: dict[bodies.BodyFile, _Running] = {}
    for index, line in lines:
        leaf = parse_leaf(line)
        if leaf is None:
            continue
        file = reader.body_file(index, leaf)
        at = running.get(file)
        if at is None:
            at = running[file] = _Running(file, index)
            while len(running) > _MAX_RUNNING:
                del running[next(iter(running))]
        yield kept(index, leaf, at.body(index), origin)


class _Running:
    """Runs through the lines of a body file, which rise in index."""

    def __init__(self, file: bodies.BodyFile, index: int) -> None:
        self._lines = file.lines(file.seek(index))
        self._next: bodies.BodyLine | None = None

    def body(self, index: int) -> bytes | None:
        """Return the body of a leaf; *index* rises from call to call."""
        while self._next is None or self._next.index < index:
            line = next(self._lines, None)
            if line is None:
                return None
            self._next = bodies.parse_line(line[1]) or self._next
        return self._next.body if self._next.index == index else None


def read_bodies(stretch: list[tuple[int, Leaf]], reader: LogReader) -> dict[int, bytes]:
    """Return the bodies of *stretch* that are there, by leaf index."""
    wanted: dict[bodies.BodyFile, list[int]] = {}
    for index, leaf in stretch:
        wanted.setdefault(reader.body_file(index, leaf), []).append(index)
    found: dict[int, bytes] = {}
    for file, indexes in wanted.items():
        newest = max(indexes)
        for _, line, _ in file.lines(file.seek(min(indexes))):
            parsed = bodies.parse_line(line)
            if parsed is None:
                continue
            if parsed.index > newest:
                break
            found[parsed.index] = parsed.body
    return found


def _null(_constant: str) -> None:
    return None


def _finite(number: str) -> float | None:
    value = float(number)
    return value if math.isfinite(value) else None


_DECODER = json.JSONDecoder(parse_constant=_null, parse_float=_finite)


def kept(index: int, leaf: Leaf, body: bytes | None, log: str) -> Kept:
    """Return a sealed record from its leaf and its body, if that is there."""
    return Kept(
        header=fields(leaf.header) or {},
        body=None if body is None else fields(body) or {},
        log=log,
        leaf=index,
        received_at=leaf.received_at,
        via=_via(leaf.peer),
    )


@lru_cache(maxsize=16)
def _via(peer: bytes) -> str:
    """Return how records with this `peer` came in; a log has few different ones."""
    return text(fields(peer) or {}, "via") or "spool"


def fields(data: bytes) -> Fields | None:
    """Return the JSON object that *data* is, or None: it may be anything.

    What comes out can be written as JSON again: no NaN, no infinity (they read as
    null), and no deeper than `MAX_DEPTH`.
    """
    try:
        said = data.decode()
        value, end = _DECODER.raw_decode(said)
    except (ValueError, RecursionError):
        return None
    if end < len(said) or not isinstance(value, dict) or _is_too_deep(data, value):
        return None
    return value


def _is_too_deep(data: bytes, value: Json) -> bool:
    """Whether *value*, read from *data*, is nested deeper than `MAX_DEPTH`."""
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return False
    level = [value]
    for _ in range(MAX_DEPTH):
        inner: list[Json] = []
        for one in level:
            if isinstance(one, dict):
                inner += one.values()
            elif isinstance(one, list):
                inner += one
        level = inner
    return bool(level)
