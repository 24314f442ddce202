"""What CPU time one value takes: of ordinary arguments, with and without hits."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

_SENTENCE = "the quarterly numbers are in; please file the summary with the other notes"
_HITS = {
    "to": "someone.else@example.com",
    "note": f"{_SENTENCE}; Authorization: Bearer abcdef0123456789abcdef",
    "config": {"name": "worker", "api_key": "not-a-real-key", "retries": 3},
}
_LINES = [
    f"2026-11-24 04:13:{at % 60:02} worker-{at}: {_SENTENCE} ({at * 37} rows)" for at in range(999)
]


def _text(size: int) -> str:
    return "\n".join(_LINES)[:size]


VALUES: dict[str, tuple[Any, int]] = {
    "clean, 300 bytes": (
        {"query": _SENTENCE, "path": "notes/2026/summary.md", "text": f"{_SENTENCE}.", "limit": 20,
         "tags": ["work", "summary"], "filter": {"status": "open", "since": "2026-11-01"},
         "recursive": False},
        400,
    ),
    "three hits, 250 bytes": (_HITS, 300),
    "three hits, 4 KiB": ({**_HITS, "log": _text(4 << 10)}, 100),
    "three hits, 64 KiB": ({**_HITS, "log": _text(64 << 10)}, 40),
}  # fmt: skip
"""What is redacted, and how often."""
_BUDGET_S = 6.0
"""A slow tool gets fewer rounds, at least five."""


def latencies(tool: Callable[[Any], Any]) -> dict[str, dict[str, float]]:
    """Return p50 and p99 of each value, in microseconds."""
    out = {}
    for name, (value, times) in VALUES.items():
        taken = timed(tool, value, times)
        last = min(len(taken) - 1, len(taken) * 99 // 100)
        out[name] = {"p50": statistics.median(taken), "p99": taken[last], "rounds": len(taken)}
    return out


def timed(tool: Callable[[Any], Any], value: Any, times: int) -> list[float]:
    """Return what *times* calls took, sorted; the first, which warms up, is not counted."""
    tool(value)
    taken: list[float] = []
    until = time.monotonic() + _BUDGET_S
    while len(taken) < times and (len(taken) < 5 or time.monotonic() < until):
        started = time.process_time_ns()
        tool(value)
        taken.append((time.process_time_ns() - started) / 1e3)
    return sorted(taken)
