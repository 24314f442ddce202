"""The records of a log, newest first, with their bodies read in stretches and not one by one."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

from indelible.model.canonical import Json
from indelible.model.flat import Fields, Kept, text
from indelible.seal.segment import Leaf, parse_leaf
from indelible.store import bodies
from indelible.store.reader import LogReader

MAX_DEPTH = 200
"""The redactor keeps nothing near as deep; only a forger's record is deeper."""

_FIRST_STRETCH = 64
_MAX_STRETCH = 4096
"""Leaves read at a time; grows from the first, because most searches end soon."""

_Stretch = list[tuple[int, Leaf]]


def newest_first(reader: LogReader, directory: Path, origin: str) -> Iterator[Kept]:
    """Yield the records of a log.

    Args:
        reader: The log, as it was opened.

        directory: Where its bodies are.

        origin: What the log is called.
    """
    files: dict[str, bodies.BodyFile] = {}
    for stretch in _stretches(reader):
        stored = _read(stretch, directory, files)
        for index, leaf in stretch:
            yield kept(index, leaf, stored.get(index), origin)


def kept(index: int, leaf: Leaf, body: bytes | None, log: str) -> Kept:
    """Return a sealed record from its leaf and its body, if that is there."""
    return Kept(
        header=fields(leaf.header) or {},
        body=None if body is None else fields(body) or {},
        log=log,
        leaf=index,
        received_at=leaf.received_at,
        via=text(fields(leaf.peer) or {}, "via") or "spool",
    )


def fields(data: bytes) -> Fields | None:
    """Return the JSON object that *data* is, or None: it may be anything.

    What comes out can be written as JSON again: no NaN, no infinity (they read as
    null), and no deeper than `MAX_DEPTH`.
    """
    try:
        value = json.loads(data, parse_constant=_null, parse_float=_finite)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or _is_too_deep(data, value):
        return None
    return value


def _null(_constant: str) -> None:
    return None


def _finite(number: str) -> float | None:
    value = float(number)
    return value if math.isfinite(value) else None


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


def _stretches(reader: LogReader) -> Iterator[_Stretch]:
    """Yield the leaves in stretches, newest first; what is no leaf is passed over."""
    size = _FIRST_STRETCH
    stretch: _Stretch = []
    for index, line in reader.newest_first():
        leaf = parse_leaf(line)
        if leaf is not None:
            stretch.append((index, leaf))
        if len(stretch) >= size:
            yield stretch
            stretch = []
            size = min(2 * size, _MAX_STRETCH)
    if stretch:
        yield stretch


def _read(
    stretch: _Stretch, directory: Path, files: dict[str, bodies.BodyFile]
) -> dict[int, bytes]:
    """Return the bodies of *stretch* that are there, by leaf index."""
    wanted: dict[str, list[int]] = {}
    for index, leaf in stretch:
        wanted.setdefault(bodies.day_of(leaf.received_at), []).append(index)
    found: dict[int, bytes] = {}
    for day, indexes in wanted.items():
        if day not in files:
            files[day] = bodies.BodyFile(bodies.path_of(directory, day))
        file, newest = files[day], max(indexes)
        for _, line, _ in file.lines(file.seek(min(indexes))):
            parsed = bodies.parse_line(line)
            if parsed is None:
                continue
            if parsed.index > newest:
                break
            found[parsed.index] = parsed.body
    return found
