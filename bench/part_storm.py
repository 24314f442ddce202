"""A minute of storm: what keeping a record takes alone, beside busy loops, beside readers.

Not part of a plain run. Four emitters make calls at a fixed rate; collections run;
everything is killed at random. Ten readers need the CPUs too, so what they cost writers
beyond that shows only against ten processes that do nothing but need CPUs.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from bench.figures import Figure, figure
from bench.setting import Setting
from tests.query.storming import READERS, Storm

EMITTERS, OTHERS = 4, 10
TICK_S, CALLS_A_TICK = 0.05, 3
"""Of each emitter: 240 calls a second in all."""
KILL_S = 3.0
ALONE_S, STORM_S = 15, 60


def run(setting: Setting) -> list[Figure]:
    """Measure the three, one after the other; every row that is read is checked."""
    storm = Storm(setting.scratch / "storm")
    alone_s, storm_s = setting.scale(ALONE_S, 4), setting.scale(STORM_S, 10)
    taken = {}
    try:
        for kind in ("emit",) * EMITTERS + ("collect",) * 2:
            storm.start(kind)
        _rage(storm, 3, kill=False)
        taken["alone"] = _rage(storm, alone_s, kill=False)
        with _busy(OTHERS):
            taken[f"beside {OTHERS} busy loops"] = _rage(storm, alone_s, kill=False)
        for number in range(OTHERS):
            storm.start(READERS[number % len(READERS)])
        taken[f"beside {OTHERS} readers"] = _rage(storm, storm_s, kill=True)
        storm.end()
        found = storm.settle()
    finally:
        storm.abort()
        shutil.rmtree(storm.root, ignore_errors=True)
    figures = []
    for name, many in taken.items():
        for percent in (50, 99):
            value = sorted(many)[len(many) * percent // 100]
            note = f"{len(many):,} calls" if percent == 50 else ""
            figures.append(
                figure("storm", f"recording a call {name}, p{percent}", "µs", [value], note)
            )
    read = sum(storm.turns[kind] for kind in READERS)
    note = ", ".join(f"{count} {kind}" for kind, count in sorted(storm.kills.items()))
    return [
        *figures,
        figure("storm", "calls, all found as they were recorded", "calls", [len(found)]),
        figure("storm", "readings, none with a wrong row", "readings", [read], f"killed: {note}"),
    ]


def _rage(storm: Storm, seconds: float, *, kill: bool) -> list[float]:
    """Let emitters go on at their rate for a while; return µs of wall time, call by call."""
    storm.latencies_ns.clear()
    until = time.monotonic() + seconds
    tick = kill_at = time.monotonic()
    while (now := time.monotonic()) < until:
        if now >= tick:
            storm.allow_all(CALLS_A_TICK)
            tick += TICK_S
        if kill and now >= kill_at:
            storm.kill_one()
            kill_at = now + KILL_S
        storm.turn(max(0.0, tick - time.monotonic()), allowing=False)
    return [one / 1e3 for one in storm.latencies_ns]


@contextmanager
def _busy(count: int) -> Iterator[None]:
    """Run processes that only count."""
    with ExitStack() as stack:
        for _ in range(count):
            one = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            stack.callback(one.wait)
            stack.callback(one.kill)
        yield
