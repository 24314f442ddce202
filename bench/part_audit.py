"""What `audit()` adds to a call in memory, and what FastMCP's logging middleware adds to one."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

from bench.figures import Figure, differences, figure, ratios
from bench.setting import Setting

SESSION = Path(__file__).with_name("audit_session.py")
BLOCKS = 5


def run(setting: Setting) -> list[Figure]:
    """Measure four servers by turns, in one process of their own."""
    rounds, calls = setting.scale(BLOCKS * 9, BLOCKS * 5), setting.scale(100, 50)
    (setting.scratch / "audit").mkdir()
    words = [str(setting.scratch / "audit"), str(rounds), str(calls)]
    done = subprocess.run(
        [sys.executable, "-P", str(SESSION), *words],
        env=setting.environment(),
        stdout=subprocess.PIPE,
        check=True,
        timeout=120,
    )
    taken: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    found = [figure("audit", f"{name}, CPU", "µs/call", taken[name]) for name in taken]
    ours = _added(taken, "MCPServer", "MCPServer with audit()")
    theirs = _added(taken, "FastMCP", "FastMCP with its middleware")
    note = f"medians of {BLOCKS} blocks of {rounds // BLOCKS} rounds of {calls} calls"
    over = ratios(ours, theirs)
    with_audit = ratios(taken["MCPServer with audit()"], taken["MCPServer"])
    with_theirs = ratios(taken["FastMCP with its middleware"], taken["FastMCP"])
    return [
        *found,
        figure("audit", "audit() adds", "µs/call", ours, note),
        figure("audit", "StructuredLoggingMiddleware adds", "µs/call", theirs, note),
        figure("audit", "added by audit() / added by the middleware", "x", over, note),
        figure("audit", "with audit() / without", "x", with_audit),
        figure("audit", "with the middleware / without", "x", with_theirs),
    ]


def _added(taken: dict[str, list[float]], bare: str, more: str) -> list[float]:
    """Return what *more* takes over *bare*: the median of each block of rounds.

    A difference of two rounds is mostly noise where other jobs run; so is a ratio of two.
    """
    added = differences(taken[more], taken[bare])
    size = len(added) // BLOCKS
    return [statistics.median(added[n * size : (n + 1) * size]) for n in range(BLOCKS)]
