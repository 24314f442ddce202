"""How fast a log is verified, against nothing but hashing the same lines."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from bench.figures import Figure, figure, ratios
from bench.setting import Setting
from bench.trail import collect, emit
from indelible.capture.process import clock_us
from indelible.seal.merkle import Frontier, leaf_hash
from indelible.seal.verify import Verdict
from indelible.store.check import check
from indelible.store.segments import list_segments, read_segment
from indelible.store.state import State, resolve

CALLS = 10_000


def run(setting: Setting) -> list[Figure]:
    """Verify a log and hash its leaves, by turns."""
    root = setting.scratch / "verify"
    emit(root, setting.scale(CALLS, CALLS // 2))
    collect(setting, root)
    state = resolve(root, {"HOME": str(setting.scratch)})
    lines = _leaf_lines(state.log().segments)
    whole, bare, walls = [], [], []
    for _ in range(setting.scale(7, 3)):
        bare.append(_cpu_s(lambda: _root(lines)))
        started = time.perf_counter()
        whole.append(_cpu_s(lambda: _verify(state)))
        walls.append(time.perf_counter() - started)
    count = len(lines)
    note = f"{count:,} leaves; segments, bodies and notes read, in one process"
    return [
        figure("verify", "verify, wall", "leaves/s", [count / one for one in walls], note),
        figure("verify", "verify, CPU", "µs/leaf", [one / count * 1e6 for one in whole]),
        figure(
            "verify", "hashing leaves and root, CPU", "µs/leaf", [t / count * 1e6 for t in bare]
        ),
        figure("verify", "verify / hashing, CPU", "x", ratios(whole, bare)),
    ]


def _leaf_lines(segments: Path) -> list[bytes]:
    data = b"".join(read_segment(one) for one in list_segments(segments))
    return [line for line in data.splitlines() if line.startswith(b'{"header"')]


def _root(lines: list[bytes]) -> None:
    frontier = Frontier()
    for line in lines:
        frontier.add(leaf_hash(line))
    frontier.root()


def _verify(state: State) -> None:
    report = check(state, user=os.geteuid(), now_us=clock_us())
    assert report.verdict is Verdict.INTACT, report


def _cpu_s(work: Callable[[], None]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before
