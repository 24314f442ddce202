"""Whether `audit()` costs after 100,000 calls, and with 1,000 in flight, what it cost at first."""

from __future__ import annotations

import statistics
import subprocess
import sys

from bench import cpu
from bench.figures import Figure, differences, figure, orders
from bench.part_audit import SESSION
from bench.setting import INDELIBLE, Setting
from bench.stdio_peer import Child

CALLS = 100_000
CHUNK = 500
IN_FLIGHT = 1_000
WARM_UP = 500
_BARE, _AUDITED = "0", "1"


def run(setting: Setting) -> list[Figure]:
    """Measure a bare server and an audited one, both in memory, by turns."""
    scratch = setting.scratch / "many"
    scratch.mkdir()
    command = [sys.executable, "-P", str(SESSION), "mcp", str(scratch)]
    with cpu.on_one_cpu(cpu.can_pin()), Child(command, setting.environment()) as peer:
        for which in (_BARE, _AUDITED):
            _ask(peer, which, WARM_UP)
        found = [*_flat(peer, setting), *_in_flight(peer, setting)]
    wanted = WARM_UP + CHUNK * (_calls(setting) // CHUNK) + IN_FLIGHT * _rounds(setting)
    ask = [*INDELIBLE, "query", "--count", "method:tools/call", "--state", str(scratch / "state")]
    done = subprocess.run(
        ask, env=setting.environment(), check=True, capture_output=True, text=True, timeout=300
    )
    if int(done.stdout.replace(",", "")) != wanted:
        raise AssertionError(f"{done.stdout.strip()} calls on record, and not {wanted}")
    return found


def _calls(setting: Setting) -> int:
    return setting.scale(CALLS, CALLS // 20)


def _rounds(setting: Setting) -> int:
    return setting.scale(15, 3)


def _flat(peer: Child, setting: Setting) -> list[Figure]:
    """Make all calls of one session; what is added to each is compared by quarters."""
    calls = _calls(setting)
    taken, resident = _taken(peer, calls // CHUNK, CHUNK)
    added = differences(taken[_AUDITED], taken[_BARE])
    size = len(added) // 4
    quarters = [added[n * size : (n + 1) * size] for n in range(4)]
    first = statistics.median(quarters[0])
    last = [statistics.median(quarters[-1]) / first]
    note = f"{calls:,} calls of each; medians of chunks of {CHUNK}"
    return [
        *(
            figure("many", f"audit() adds, quarter {number}", "µs/call", quarter)
            for number, quarter in enumerate(quarters, 1)
        ),
        figure("many", "last quarter / first quarter", "x", last, note),
        figure("many", "memory, last - first", "MiB", [resident[-1] - resident[0]], "of both"),
    ]


def _in_flight(peer: Child, setting: Setting) -> list[Figure]:
    """Make calls that all run at the same time."""
    taken, _ = _taken(peer, _rounds(setting), IN_FLIGHT, "together")
    added = differences(taken[_AUDITED], taken[_BARE])
    note = f"{IN_FLIGHT:,} calls, none of which returns before all of them run"
    return [
        figure("many", "bare, in flight at once", "µs/call", taken[_BARE]),
        figure("many", "audit() adds, in flight at once", "µs/call", added, note),
    ]


def _taken(
    peer: Child, rounds: int, calls: int, how: str = ""
) -> tuple[dict[str, list[float]], list[float]]:
    """Return CPU µs a call of both servers, round by round, and the memory after each round."""
    taken: dict[str, list[float]] = {_BARE: [], _AUDITED: []}
    resident = []
    for order in orders([_BARE, _AUDITED], rounds):
        for which in order:
            said = _ask(peer, which, calls, how)
            taken[which].append(said["cpu_us"])
        resident.append(said["resident_mib"])
    return taken, resident


def _ask(peer: Child, which: str, calls: int, how: str = "") -> dict[str, float]:
    said = peer.ask(f"{which} {calls} {how}".strip())
    return {name: float(str(value)) for name, value in said.items()}
