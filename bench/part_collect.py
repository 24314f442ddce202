"""What sealing takes: CPU of `collect --once`, and bytes on disk afterwards."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from bench.figures import Figure, figure, ratios
from bench.setting import Setting
from bench.trail import collect, emit

CALLS = 10_000


def run(setting: Setting) -> list[Figure]:
    """Collect copies of one spool, and by turns an empty one: what starting up takes."""
    calls = setting.scale(CALLS, CALLS // 2)
    spooled = setting.scratch / "spooled"
    before = time.process_time()
    emit(spooled, calls)
    emitted = time.process_time() - before
    full, empty = [], []
    for number in range(setting.scale(5, 3)):
        state = setting.scratch / f"collect-{number}"
        shutil.copytree(spooled, state)
        full.append(collect(setting, state))
        empty.append(collect(setting, state))
    cpu = [one.cpu_s for one in full]
    wall = [one.wall_s for one in full]
    per_call = [used / calls * 1e6 for used in cpu]
    note = f"{2 * calls:,} records, starting up included"
    recorded = [emitted / calls * 1e6]
    return [
        figure("collect", "collect --once, CPU", "µs/record", [us / 2 for us in per_call], note),
        figure("collect", "collect --once, CPU", "µs/call", per_call),
        figure("collect", "collect --once, wall / CPU", "x", ratios(wall, cpu)),
        figure("collect", "collect --once with nothing to do, CPU", "ms", _ms(empty)),
        figure("collect", "recording the same calls, CPU", "µs/call", recorded),
        figure(
            "collect", "collecting / recording, CPU", "x", ratios(per_call, recorded * len(cpu))
        ),
        *_sizes(spooled, setting.scratch / "collect-0", calls),
    ]


def _ms(taken: list) -> list[float]:
    return [one.cpu_s * 1e3 for one in taken]


def _sizes(spooled: Path, state: Path, calls: int) -> list[Figure]:
    """Return bytes for each call, before and after sealing."""
    spool = sum(size for size, _ in _files(spooled / "spool"))
    files = list(_files(state / "log"))
    apparent = sum(size for size, _ in files)
    taken = sum(blocks for _, blocks in files)
    note = f"{len(files)} files, the last segment not yet compressed"
    return [
        figure("disk", "in the spool", "bytes/call", [spool / calls]),
        figure("disk", "sealed, length of the files", "bytes/call", [apparent / calls], note),
        figure("disk", "sealed, blocks on disk", "bytes/call", [taken / calls]),
    ]


def _files(directory: Path) -> list[tuple[int, int]]:
    """Return length and allocated bytes of every file below *directory*."""
    found = []
    for where, _, names in os.walk(directory):
        for name in names:
            seen = os.stat(Path(where) / name)
            found.append((seen.st_size, seen.st_blocks * 512))
    return found
