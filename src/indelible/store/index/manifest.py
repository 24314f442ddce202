"""The manifest: which files the query copy is, and which leaves of which log it covers.

It is replaced in one step, and whatever it does not name is residue. It can be thrown
away with all the rest: one that cannot be read counts as none.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, fields
from hashlib import sha256
from pathlib import Path

from indelible import durable
from indelible.errors import FormatError
from indelible.model.canonical import Json, encode
from indelible.store import files
from indelible.store.index.columns import SCHEMA
from indelible.store.reader import LogReader

NAME = "manifest.json"
VERSION = 1
MAX_BYTES = 64 << 20
"""Of a manifest: some 300,000 files."""

_FILE = re.compile(r"(hot|open)-[0-9]{8}\.ndjson|day=[0-9]{4}-[0-9]{2}-[0-9]{2}/[0-9]{8}\.parquet")
_HASH = re.compile(r"[0-9a-f]{64}|")


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the copy, and what is in it; times are microseconds since 1970."""

    file: str
    """Its path below the copy's directory; without rows it need not be there."""
    rows: int = 0
    bytes: int = 0
    """How many bytes from its start count."""
    from_us: int = 0
    """The earliest `time` of a row."""
    to_us: int = 0
    """The latest `time` of a row."""
    received_from_us: int = 0
    """When its oldest row was collected."""
    received_to_us: int = 0
    """When its newest row was collected."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a query copy is made of."""

    log: str
    """Origin of the log it is a copy of."""
    leaves: int
    """It covers the leaves below this one."""
    last: str
    """SHA-256 of the line of the last of them, by which the log is known again; else empty."""
    next: int
    """The number of the next file."""
    hot: Part
    """The newest rows."""
    open: Part
    """Calls without an outcome."""
    files: tuple[Part, ...] = ()
    """Sealed files, in the order they were made."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """Every file with rows."""
        return tuple(part for part in (*self.files, self.hot, self.open) if part.rows)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(part.rows for part in self.parts)


def empty(log: str, number: int = 0) -> Manifest:
    """Return the manifest of a copy without rows.

    Args:
        number: Of its first file; files of an older copy have lower ones.
    """
    return Manifest(log, 0, "", number + 2, Part(hot_name(number)), Part(open_name(number + 1)))


def hot_name(number: int) -> str:
    """Return the name of a file of the newest rows."""
    return f"hot-{number:08d}.ndjson"


def open_name(number: int) -> str:
    """Return the name of a file of open calls."""
    return f"open-{number:08d}.ndjson"


def sealed_name(day: str, number: int) -> str:
    """Return the name of a sealed file of one day (``YYYY-MM-DD``) of collection."""
    return f"day={day}/{number:08d}.parquet"


def day_of(sealed: Part) -> str:
    """Return the day of collection of a sealed file."""
    return sealed.file.partition("/")[0].removeprefix("day=")


def last_of(line: bytes) -> str:
    """Return what `Manifest.last` is for a leaf's line (without LF)."""
    return sha256(line).hexdigest()


def fits(manifest: Manifest, reader: LogReader, log: str) -> bool:
    """Return whether a copy is one of this log: the same name, and the same last leaf."""
    if manifest.log != log or reader.size < manifest.leaves:
        return False
    if not manifest.leaves:
        return True
    at = manifest.leaves - 1
    found = next(reader.leaves(at), None)
    return found is not None and found[0] == at and last_of(found[1]) == manifest.last


def format_manifest(manifest: Manifest) -> bytes:
    """Return a manifest as canonical JSON with a LF."""
    held: dict[str, Json] = {
        "v": VERSION,
        "schema": SCHEMA,
        "log": manifest.log,
        "leaves": manifest.leaves,
        "last": manifest.last,
        "next": manifest.next,
        "hot": _part_json(manifest.hot),
        "open": _part_json(manifest.open),
        "files": [_part_json(part) for part in manifest.files],
    }
    return encode(held) + b"\n"


def parse_manifest(data: bytes) -> Manifest | None:
    """Return the manifest that `format_manifest` wrote, or None for any other bytes.

    One of another version or schema is none too: the copy is made anew then.
    """
    try:
        held = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(held, dict):
        return None
    if (_count(held.get("v")), _count(held.get("schema"))) != (VERSION, SCHEMA):
        return None
    hot, opened = _part(held.get("hot")), _part(held.get("open"))
    listed = held.get("files")
    parts = [_part(one) for one in listed] if isinstance(listed, list) else [None]
    log, last = held.get("log"), held.get("last")
    leaves, number = _count(held.get("leaves")), _count(held.get("next"))
    if not isinstance(log, str) or not isinstance(last, str) or not _HASH.fullmatch(last):
        return None
    if hot is None or opened is None or leaves is None or number is None or None in parts:
        return None
    whole = tuple(part for part in parts if part is not None)
    return Manifest(log, leaves, last, number, hot, opened, whole)


def read_manifest(directory: Path) -> Manifest | None:
    """Return the manifest of the copy in *directory*; None without one that can be read."""
    try:
        data = files.read(directory / NAME, MAX_BYTES)
    except (FormatError, OSError):
        return None
    return parse_manifest(data) if data is not None else None


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Replace the manifest, durable; what it names must be durable already."""
    durable.replace(directory / NAME, format_manifest(manifest))


_KEYS = {
    "rows": "rows",
    "bytes": "bytes",
    "from_us": "from",
    "to_us": "to",
    "received_from_us": "receivedFrom",
    "received_to_us": "receivedTo",
}
assert {"file", *_KEYS} == {one.name for one in fields(Part)}


def _part_json(part: Part) -> dict[str, Json]:
    return {"file": part.file, **{key: getattr(part, name) for name, key in _KEYS.items()}}


def _part(held: Json) -> Part | None:
    if not isinstance(held, dict) or held.keys() != {"file", *_KEYS.values()}:
        return None
    file = held["file"]
    counts = {name: _whole(held[key]) for name, key in _KEYS.items()}
    numbers = {name: count for name, count in counts.items() if count is not None}
    if not isinstance(file, str) or not _FILE.fullmatch(file) or len(numbers) < len(counts):
        return None
    if numbers["rows"] < 0 or numbers["bytes"] < 0:
        return None
    return Part(file, **numbers)


def _whole(value: Json) -> int | None:
    """Return a whole number; a time before 1970 is below zero."""
    return value if type(value) is int else None


def _count(value: Json) -> int | None:
    return value if type(value) is int and value >= 0 else None
