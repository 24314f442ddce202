"""Real processes: collectors, emitters and verifiers on one state at once, and kills."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from indelible.seal.verify import Verdict
from indelible.store import lock
from tests.collect.emitters import House
from tests.crash.test_kill_at_every_step import check_complete

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
COLLECT = """
import os, sys, time
from pathlib import Path
from indelible.collect.once import collect_once
from indelible.store.state import State
root = Path(sys.argv[1])
state = State(root, root.with_name(root.name + ".checkpoints"))
for _ in range(int(sys.argv[2])):
    collect_once(
        state,
        user=os.geteuid(),
        clock_us=lambda: time.time_ns() // 1000,
        random=os.urandom,
        roll_bytes=5000,
    )
"""
EMIT = """
import os, sys, time
from pathlib import Path
from indelible.model.canonical import uuid7
from tests.collect.emitters import Clock, Dice, Emitter
from indelible.store.state import State
clock = Clock()
clock.now_us = time.time_ns() // 1000
emitter = Emitter(State(Path(sys.argv[1]), Path("/")).log("default"), clock, os.urandom)
for number in range(40):
    emitter.call()
    if number % 9 == 8:
        emitter.roll()
emitter.received()
if sys.argv[2] == "kill":
    os.write(emitter._fd, b"IND1 torn")
    os.kill(os.getpid(), 9)
emitter.end()
"""


def start(code: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        env=ENVIRONMENT,
        cwd=ROOT,
    )


@pytest.mark.requirement("collect.two-at-once")
def test_ten_emitters_and_two_collectors_at_once(tmp_path):
    house = House(tmp_path)
    root = str(house.state.root)
    emitters = [start(EMIT, root, "kill" if n % 2 else "end") for n in range(10)]
    collectors = [start(COLLECT, root, "12") for _ in range(2)]
    reports = [house.verify() for _ in range(8)]
    assert all(one.wait(60) in (0, -signal.SIGKILL) for one in emitters)
    assert [one.wait(60) for one in collectors] == [0, 0]
    assert all(one.verdict is not Verdict.TAMPERED for one in reports), reports
    assert start(COLLECT, root, "1").wait(60) == 0
    report = house.verify()
    assert report.verdict is Verdict.INTACT, report.findings
    assert not list(house.paths.spool.iterdir())
    # 81 records each, the open call closed, and half of them with a torn end.
    assert report.logs[0].leaves == 10 * (81 + 1) + 5


@pytest.mark.requirement("collect.killed")
def test_collectors_killed_at_any_instant(tmp_path):
    house = House(tmp_path, roll_bytes=5000)
    for number in range(12):
        one = house.emitter()
        for _ in range(200):
            one.call()
        one.received()
        if number % 3:
            one.end()
        process = start(COLLECT, str(house.state.root), "1")
        try:
            # About the time it takes to start, and a little into its work.
            process.wait(0.05 + number * 0.012)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert house.verify().verdict is Verdict.INTACT
    house.collect()
    check_complete(house)
    assert house.verify().verdict is Verdict.INTACT
    house.close()


def test_the_lock_comes_before_heavy_imports():
    code = """
    import sys
    import indelible.collect.once
    assert not {"cryptography", "zstandard", "_cffi_backend"} & set(sys.modules)
    """
    assert start(code).wait(60) == 0


def test_a_busy_log_is_left_alone_and_its_holder_looks_again(tmp_path):
    house = House(tmp_path)
    house.emitter().call()
    house.collect()
    runs: list[str] = []

    def work() -> None:
        runs.append("holder")
        if len(runs) == 1:
            # The loser's records are in its spool by now; it cannot get the lock.
            house.emitter().call()
            result = house.collect()
            assert not result.ran
            assert house.paths.again.exists()

    assert lock.run_exclusively(house.paths, work)
    assert runs == ["holder", "holder"]
    assert not house.paths.again.exists()
    assert house.verify().unsealed == 2
    house.close()


def test_a_mark_left_while_the_holder_lets_go_is_seen(tmp_path, monkeypatch):
    house = House(tmp_path)
    house.emitter().call()
    house.collect()
    runs: list[int] = []
    real = lock._flock

    def late(fd: int) -> bool:
        got = real(fd)
        if got and len(runs) == 1:
            runs.append(0)
        return got

    monkeypatch.setattr(lock, "_flock", late)

    class Mark:
        """`again` appears just after the holder looked for it under the lock."""

        looked = 0

    paths = house.paths
    exists = Path.exists

    def looked(path: Path, **named: bool) -> bool:
        found = exists(path, **named)
        if path == paths.again:
            Mark.looked += 1
            if Mark.looked == 1:
                lock._leave_mark(paths)
        return found

    monkeypatch.setattr(Path, "exists", looked)
    assert lock.run_exclusively(paths, lambda: runs.append(1))
    assert runs.count(1) == 2
    assert not paths.again.exists()
    house.close()
