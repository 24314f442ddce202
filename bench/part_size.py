"""Bytes a call on disk, everything counted, and the guide's NDJSON and SQLite beside.

Files that are closed grow with the calls. What is newest is larger, and closed when it is
a share of the whole: so the sum goes up and down, and is taken after many collections.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from bench import rivals
from bench.copies import Copy, end_before, grow
from bench.figures import Figure, figure
from bench.recorded import Recorded, recorded
from bench.setting import Setting
from indelible.store.index.manifest import read_manifest


def run(setting: Setting) -> list[Figure]:
    """Weigh the recorded trail, and the rivals with calls of the same generator."""
    found = recorded(setting)
    where = setting.scratch / "size"
    where.mkdir()
    try:
        end_us = end_before(time.time_ns() // 1000)
        copy = grow(found, where / "state", setting.scale(200_000, 110_000), end_us)
        return [*_ours(found, copy), *_rivals(copy, where)]
    finally:
        shutil.rmtree(where)


def _ours(found: Recorded, copy: Copy) -> list[Figure]:
    closed, newest = _closed(found, copy), _newest(found)
    figures = [_figure(f"{name}, closed files", size) for name, size in closed.items()]
    made = sum(one.bytes for one in copy.manifest.files) / (copy.rows - copy.manifest.hot.rows)
    over = made / closed["query copy"]
    figures.append(figure("size", "query copy, rows made by SQL / recorded", "x", [over]))
    return [
        *figures,
        _figure("everything closed", sum(closed.values()), f"{found.calls:,} recorded calls"),
        figure("size", "newest, not closed yet", "MB", [newest / 1e6], "at the end"),
        figure(
            "size",
            "everything",
            "bytes/call",
            found.each_bytes,
            "after each of the last half of the collections",
        ),
    ]


def _figure(name: str, size: float, note: str = "") -> Figure:
    return figure("size", name, "bytes/call", [size], note)


def _closed(found: Recorded, copy: Copy) -> dict[str, float]:
    """Return bytes a call of the closed files, by what they are.

    Args:
        copy: Has sealed files if the recorded trail is too small to have some.
    """
    paths = found.state.log()
    leaves = 2 * found.calls
    held = read_manifest(paths.index)
    assert held is not None
    sealed = held.files or copy.manifest.files
    covered = _covered(paths.segments, leaves)
    bodies = _covered(paths.bodies, leaves)
    return {
        "segments": _size(paths.segments, _is_packed) / covered * 2,
        "bodies": _size(paths.bodies, _is_packed) / bodies * 2,
        "query copy": sum(one.bytes for one in sealed) / sum(one.rows for one in sealed),
    }


def _covered(directory: Path, leaves: int) -> int:
    """Return how many leaves the compressed files have: as many as the first open one begins at."""
    begins = [
        int(one.name.split(".")[-2]) for one in directory.iterdir() if one.name.endswith(".ndjson")
    ]
    return min(begins, default=leaves)


def _newest(found: Recorded) -> float:
    """Return all bytes that are in no closed file: keys, notes and manifests too."""
    paths = found.state.log()
    held = read_manifest(paths.index)
    assert held is not None
    everything = _size(found.state.root, lambda _: True) + _size(
        found.state.checkpoints, lambda _: True
    )
    packed = _size(paths.segments, _is_packed) + _size(paths.bodies, _is_packed)
    return everything - packed - sum(one.bytes for one in held.files)


def _is_packed(path: Path) -> bool:
    return path.suffix == ".zst"


def _size(directory: Path, counts: Callable[[Path], bool]) -> int:
    return sum(one.stat().st_size for one in directory.rglob("*") if one.is_file() and counts(one))


def _rivals(copy: Copy, where: Path) -> list[Figure]:
    """Weigh the guide's NDJSON, and a SQLite file."""
    rivals.write_sqlite(copy, where / "calls.sqlite")
    figures = [
        _figure("SQLite with four indexes", os.stat(where / "calls.sqlite").st_size / copy.rows)
    ]
    for name, compressed in (("NDJSON", False), ("NDJSON.zst", True)):
        rivals.write_lines(copy, where / name, compressed=compressed)
        size = _size(where / name, lambda _: True)
        figures.append(_figure(f"the guide's {name}", size / copy.rows, "ten fields, no proof"))
    return figures
