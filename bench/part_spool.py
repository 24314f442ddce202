"""How fast records are kept: the spool alone, and redaction and all before it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from bench.figures import Figure, figure, ratios
from bench.generator import Fleet, Traffic
from bench.setting import Setting
from indelible.capture.process import clock_us
from indelible.deliver.spool import Spool
from indelible.model.frame import decode_frames, encode_frame
from indelible.model.record import Record

CALLS = 5_000


def run(setting: Setting) -> list[Figure]:
    """Keep the same records by turns: recorded, appended, and written without any form."""
    calls = list(islice(Traffic(), setting.scale(CALLS, CALLS // 4)))
    records = _records(setting.scratch / "spool-0", calls)
    whole, append, write, walls = [], [], [], []
    for number in range(setting.scale(7, 3)):
        fleet = Fleet(setting.scratch / f"spool-{number + 1}")
        whole.append(_cpu_s(lambda fleet=fleet: fleet.record(calls)))
        fleet.close()
        started = time.perf_counter()
        append.append(_cpu_s(lambda: _append(setting.scratch / "appended", records)))
        walls.append(time.perf_counter() - started)
        write.append(_cpu_s(lambda: _write(setting.scratch / "written", records)))
    count, size = len(records), sum(len(encode_frame(one)) for one in records)
    note = f"{count:,} records of the generator's calls, {size / count:.0f} bytes each, no fsync"
    return [
        figure("spool", "appended, wall", "records/s", [count / one for one in walls], note),
        figure("spool", "appended, CPU", "µs/record", _us(append, count)),
        figure("spool", "the same bytes by write(), CPU", "µs/record", _us(write, count)),
        figure("spool", "appended / write(), CPU", "x", ratios(append, write)),
        figure("spool", "redacted and composed too, CPU", "µs/record", _us(whole, count)),
        figure(
            "spool",
            "redacted and composed too, one core",
            "records/s",
            [count / one for one in whole],
        ),
    ]


def _records(state: Path, calls: list) -> list[Record]:
    """Return the records of calls."""
    fleet = Fleet(state)
    fleet.record(calls)
    fleet.close()
    parts = sorted((state / "spool").rglob("*.0*"))
    return [one for part in parts for one in decode_frames(part.read_bytes()).records]


def _append(state: Path, records: list[Record]) -> None:
    spool = Spool(state / "spool/default", clock_us=clock_us, on_roll=lambda: None)
    for one in records:
        spool.append([one])
    spool.close()


def _write(path: Path, records: list[Record]) -> None:
    frames = [b"".join(one) for one in records]
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    for one in frames:
        os.write(fd, one)
    os.close(fd)


def _us(taken: list[float], count: int) -> list[float]:
    return [one / count * 1e6 for one in taken]


def _cpu_s(work: Callable[[], object]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before
