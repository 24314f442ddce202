"""What lies in a spool directory, read as format.md says."""

from __future__ import annotations

import fcntl
import json
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

from indelible.model.frame import decode_frames
from indelible.model.record import Record, Stamp, seal_body


def headers(directory: Path) -> list[dict[str, Any]]:
    """Return the headers of all whole frames, by file name and then as they lie."""
    return [json.loads(record.header) for record in records(directory)]


def records(directory: Path) -> list[Record]:
    found = []
    for path in sorted(directory.iterdir()) if directory.is_dir() else ():
        if not path.name.startswith("."):
            frames = decode_frames(path.read_bytes())
            assert frames.damage == []
            found += frames.records
    return found


def bodies(directory: Path) -> list[dict[str, Any]]:
    return [json.loads(record.body) for record in records(directory)]


def sequences(directory: Path) -> dict[str, list[int]]:
    """Return the sequence numbers of each writer, as they lie."""
    found = defaultdict(list)
    for header in headers(directory):
        found[header["writer"]].append(header["seq"])
    return dict(found)


def assert_dense(directory: Path) -> dict[str, list[int]]:
    found = sequences(directory)
    for writer, numbers in found.items():
        assert numbers == list(range(len(numbers))), writer
    return found


def is_locked(path: Path) -> bool:
    fd = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def record(writer: str, seq: int, size: int = 0) -> Record:
    header = {"kind": "received", "id": f"call-{seq}"}
    return seal_body(header, {"args": "x" * size}, Stamp(writer, seq, bytes(16)))
