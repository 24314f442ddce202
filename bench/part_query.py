"""How long questions take: of the query copy, of SQLite, and of NDJSON files that DuckDB reads.

`--rows` says of how many calls; above a million the NDJSON is compressed only, so that
the whole takes less than 10 GB of disk.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from bench import cpu, questions, rivals
from bench.copies import Copy, end_before, grow
from bench.figures import Figure, figure, orders
from bench.questions import NAMES, Ask
from bench.recorded import recorded
from bench.setting import INDELIBLE, Setting
from indelible.query.trail import Trail

OURS, SQLITE, PLAIN, PACKED = "Indelible", "SQLite", "NDJSON", "NDJSON.zst"
PLAIN_ROWS = 2_000_000
"""With more rows than these plain NDJSON takes too much disk."""
ROUNDS = 15
BUDGET_S = 6.0
"""Of one question to one contender: the slow ones are asked less often, but twice at least."""
COLD_ROUNDS = 9


def run(setting: Setting) -> list[Figure]:
    """Ask every contender every question, by turns; then the command line, cold."""
    source = recorded(setting)
    where = setting.scratch / "query"
    where.mkdir()
    rows = setting.scale(setting.rows, min(setting.rows, 250_000))
    copy = grow(source, where / "state", rows, end_before(time.time_ns() // 1000))
    try:
        with cpu.on_one_cpu(wanted=False), ExitStack() as stack:
            contenders = _contenders(copy, where, stack)
            found = _compare(setting, rows, contenders)
        return [*found, *_cold(setting, copy)]
    finally:
        shutil.rmtree(where)


def label(rows: int) -> str:
    """Return the name of the part for so many rows."""
    return f"query {rows / 1e6:g} M"


def _contenders(copy: Copy, where: Path, stack: ExitStack) -> dict[str, dict[str, Ask]]:
    """Return the questions to each contender, after its files were made."""
    trail = Trail.open(copy.state, os.geteuid(), clock_us=lambda: copy.end_us)
    stack.callback(trail.close)
    found = {OURS: questions.ours(trail, copy)}
    rivals.write_sqlite(copy, where / "calls.sqlite")
    found[SQLITE] = questions.sqlite(where / "calls.sqlite", copy)
    db = stack.enter_context(rivals.reader())
    for name, compressed in ((PLAIN, False), (PACKED, True)):
        if compressed or copy.rows <= PLAIN_ROWS:
            rivals.write_lines(copy, where / name, compressed=compressed)
            found[name] = questions.lines(where / name, copy, db)
    return found


def _compare(setting: Setting, rows: int, contenders: dict[str, dict[str, Ask]]) -> list[Figure]:
    """Ask; every answer must have the same number of rows."""
    found = []
    for name in NAMES:
        counts = {who: asks[name]() for who, asks in contenders.items()}
        if len(set(counts.values())) > 1:
            raise AssertionError(f"{name}: the answers differ: {counts}")
        taken: dict[str, list[float]] = {who: [] for who in contenders}
        for order in orders(list(contenders), setting.scale(ROUNDS, 5)):
            for who in order:
                if len(taken[who]) < 2 or sum(taken[who]) < BUDGET_S * 1e3:
                    taken[who].append(_ms(contenders[who][name]))
        note = f"{counts[OURS]:,} rows"
        for who, many in taken.items():
            found.append(figure(label(rows), f"{name}: {who}", "ms", many, note))
            note = ""
    return found


def _ms(ask: Ask) -> float:
    started = time.perf_counter()
    ask()
    return (time.perf_counter() - started) * 1e3


def _cold(setting: Setting, copy: Copy) -> list[Figure]:
    """Time the command line to its first row, with the copy's files out of memory."""
    command = [*INDELIBLE, "--state", str(copy.state.root), "query"]
    kinds = {
        "indelible query, cold: first row": command,
        "indelible query --no-collect, cold: first row": [*command, "--no-collect"],
    }
    bare = [sys.executable, "-c", "print();print()"]
    taken: dict[str, list[float]] = {name: [] for name in (*kinds, "bare")}
    for order in orders(list(taken), setting.scale(COLD_ROUNDS, 3)):
        for name in order:
            _forget(copy.state.root)
            taken[name].append(_first_row_ms(kinds.get(name, bare), setting))
    note = f"python itself: {statistics.median(taken['bare']):.0f} ms"
    return [figure(label(copy.rows), name, "ms", taken[name], note) for name in kinds]


def _forget(root: Path) -> None:
    """Have the system read the files below *root* from disk again."""
    for path in root.rglob("*"):
        if path.is_file():
            fd = os.open(path, os.O_RDONLY)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(fd)


def _first_row_ms(command: list[str], setting: Setting) -> float:
    """Return the time until a command has written two lines: a heading and a row."""
    started = time.perf_counter()
    pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(
        command, env=setting.environment(), stdin=nothing, stdout=pipe, stderr=pipe
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        lines = [process.stdout.readline() for _ in range(2)]
        taken = time.perf_counter() - started
        process.stdout.read()
        said = process.stderr.read().decode()
    if process.returncode or not all(lines):
        raise ChildProcessError(f"{command!r} ended with {process.returncode}: {said}")
    return taken * 1e3
