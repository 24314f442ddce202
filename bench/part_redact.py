"""How long redaction takes: ordinary arguments, large ones, and hostile ones."""

from __future__ import annotations

import statistics
import time
from typing import Any

from bench.figures import Figure, figure
from bench.setting import Setting
from bench.texts import PROSE, paragraphs
from indelible.redact.walk import Scrubber, scrubber
from tests.redact.hostile import HOSTILE

HITS = {
    "to": "someone.else@example.com",
    "note": f"{PROSE[0]}; Authorization: Bearer abcdef0123456789abcdef",
    "config": {"name": "worker", "api_key": "not-a-real-key", "retries": 3},
}
ORDINARY: tuple[tuple[str, Any, int], ...] = (
    ("clean, 300 bytes", {"text": "; ".join(PROSE[:3]), "limit": 20, "verbose": False}, 1_000),
    ("three hits, 250 bytes", HITS, 400),
    ("clean, 4 KiB", paragraphs(4 << 10), 300),
    ("clean, 64 KiB", paragraphs(64 << 10), 30),
)


def run(setting: Setting) -> list[Figure]:
    """Measure each kind by turns; p50 and p99 of each round."""
    cleaner = scrubber()
    cleaner.load()
    rounds = setting.scale(7, 3)
    taken: dict[str, list[list[float]]] = {name: [] for name, _, _ in ORDINARY}
    for _ in range(rounds):
        for name, value, calls in ORDINARY:
            taken[name].append([_us(cleaner, value) for _ in range(calls)])
    found = []
    for name, many in taken.items():
        found.append(figure("redact", f"{name}, p50", "µs", [_percentile(r, 50) for r in many]))
        found.append(figure("redact", f"{name}, p99", "µs", [_percentile(r, 99) for r in many]))
    return [*found, _worst(cleaner, rounds)]


def _worst(cleaner: Scrubber, rounds: int) -> Figure:
    """Return the slowest of the hostile families, each as one text and as forty."""
    families: dict[str, Any] = {**HOSTILE}
    families |= {f"40 times {name}": [text[:2_000]] * 40 for name, text in HOSTILE.items()}
    taken = {name: [_us(cleaner, families[name]) for _ in range(rounds)] for name in families}
    name = max(taken, key=lambda one: statistics.median(taken[one]))
    note = f"{name}; the slowest of {len(families)} hostile values"
    return figure("redact", "worst hostile value", "µs", taken[name], note)


def _us(cleaner: Scrubber, value: Any) -> float:
    started = time.perf_counter_ns()
    cleaner.value(value)
    return (time.perf_counter_ns() - started) / 1e3


def _percentile(values: list[float], percent: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]
