"""What `audit()` adds to a call in memory, and what FastMCP's logging middleware adds to one."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from bench import cpu
from bench.figures import Figure, differences, figure, orders, ratios
from bench.setting import Setting
from bench.stdio_peer import Child

SESSION = Path(__file__).with_name("audit_session.py")
WARM_UP = 300
BLOCKS = 5
NAMES = {
    "mcp": ("MCPServer", "MCPServer with audit()"),
    "fastmcp": ("FastMCP", "FastMCP with its middleware", "FastMCP with it as it comes"),
}


def run(setting: Setting) -> list[Figure]:
    """Measure servers of each framework; a process for each framework, by turns."""
    rounds, calls = setting.scale(BLOCKS * 9, BLOCKS * 3), setting.scale(100, 50)
    with cpu.on_one_cpu(cpu.can_pin()):
        taken = _measure(setting, rounds, calls)
    found = [figure("audit", f"{name}, CPU", "µs/call", taken[name]) for name in taken]
    ours = _added(taken, "MCPServer", "MCPServer with audit()")
    theirs = _added(taken, "FastMCP", "FastMCP with its middleware")
    note = f"medians of {BLOCKS} blocks of {rounds // BLOCKS} rounds of {calls} calls"
    over = ratios(ours, theirs)
    as_it_comes = _added(taken, "FastMCP", "FastMCP with it as it comes")
    with_audit = ratios(taken["MCPServer with audit()"], taken["MCPServer"])
    with_theirs = ratios(taken["FastMCP with its middleware"], taken["FastMCP"])
    return [
        *found,
        figure("audit", "audit() adds", "µs/call", ours, note),
        figure("audit", "StructuredLoggingMiddleware to a file adds", "µs/call", theirs, note),
        figure(
            "audit", "StructuredLoggingMiddleware as it comes adds", "µs/call", as_it_comes, note
        ),
        figure("audit", "added by audit() / added by it to a file", "x", over, note),
        figure("audit", "with audit() / without", "x", with_audit),
        figure("audit", "with the middleware / without", "x", with_theirs),
    ]


def _measure(setting: Setting, rounds: int, calls: int) -> dict[str, list[float]]:
    """Return CPU µs a call of each of them, round by round."""
    taken: dict[str, list[float]] = {name: [] for pair in NAMES.values() for name in pair}
    with ExitStack() as stack:
        peers: dict[str, Child] = {}
        for kind, names in NAMES.items():
            scratch = setting.scratch / f"audit-{kind}"
            scratch.mkdir()
            command = [sys.executable, "-P", str(SESSION), kind, str(scratch)]
            peers[kind] = stack.enter_context(Child(command, setting.environment()))
            _turn(peers[kind], range(len(names)), WARM_UP)
        for order in orders(list(NAMES), rounds):
            step = 1 if order[0] == "mcp" else -1
            for kind in order:
                which = range(len(NAMES[kind]))[::step]
                for number, used in _turn(peers[kind], which, calls).items():
                    taken[NAMES[kind][number]].append(used)
    return taken


def _turn(peer: Child, which: Sequence[int], calls: int) -> dict[int, float]:
    """Have *calls* made to each server of *which*, in the order given; 0 is the bare one."""
    taken: dict[int, float] = {}
    for one in which:
        before = float(str(peer.ask("0 1")["kept"]))
        said = peer.ask(f"{one} {calls}")
        if (float(str(said["kept"])) > before + 100 * calls) != bool(one):
            raise AssertionError("kept nothing, or kept what it should not")
        taken[one] = float(str(said["cpu_us"]))
    return taken


def _added(taken: dict[str, list[float]], bare: str, more: str) -> list[float]:
    """Return what *more* takes over *bare*: the median of each block of rounds.

    A difference of two rounds is mostly noise where other jobs run; so is a ratio of two.
    """
    added = differences(taken[more], taken[bare])
    size = len(added) // BLOCKS
    return [statistics.median(added[n * size : (n + 1) * size]) for n in range(BLOCKS)]
