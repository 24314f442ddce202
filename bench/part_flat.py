"""Whether `wrap` costs the same after thousands of calls as at the start."""

from __future__ import annotations

import statistics

from bench import cpu
from bench.figures import Figure, figure
from bench.setting import Setting
from bench.stdio_peer import StdioPeer

CALLS = 20_000
WARM_UP = 300
CHUNKS = 10
"""Chunks in a quarter: its median is theirs."""


def run(setting: Setting) -> list[Figure]:
    """Make 20,000 calls in one session and compare the quarters; only the wrapper is counted.

    On one CPU where that can be had: the wrapper is compared with itself.
    """
    with cpu.on_one_cpu(cpu.can_pin()):
        quarters, resident = _measure(setting)
    found = [
        figure("flat", f"wrapper's own CPU, quarter {number}", "µs/call", quarter)
        for number, quarter in enumerate(quarters, 1)
    ]
    first = statistics.median(quarters[0])
    calls = setting.scale(CALLS, CALLS // 4)
    where = "one CPU" if cpu.can_pin() else "free"
    note = f"{calls:,} calls, {where}; against the median of the first quarter"
    last = [one / first for one in quarters[-1]]
    found.append(figure("flat", "last quarter / first quarter", "x", last, note))
    grown = resident[-1] - resident[0]
    found.append(
        figure(
            "flat",
            "wrapper's memory, last - first",
            "MiB",
            [grown],
            f"{resident[-1]:.1f} at the end",
        )
    )
    return found


def _measure(setting: Setting) -> tuple[list[list[float]], list[float]]:
    """Return CPU of each chunk of each quarter, and memory before and after each quarter."""
    size = setting.scale(CALLS, CALLS // 4) // 4 // CHUNKS
    quarters: list[list[float]] = []
    resident = []
    with StdioPeer(setting.wrap("flat"), setting.environment()) as peer:
        peer.call(WARM_UP)
        resident.append(cpu.resident_mib(peer.pid))
        for _ in range(4):
            quarters.append([_chunk(peer, size) for _ in range(CHUNKS)])
            resident.append(cpu.resident_mib(peer.pid))
    return quarters, resident


def _chunk(peer: StdioPeer, size: int) -> float:
    before = cpu.cpu_s([peer.pid])
    peer.call(size)
    return (cpu.cpu_s([peer.pid]) - before) / size * 1e6
