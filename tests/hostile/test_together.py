"""Many servers, many collectors, kills and neglect: every call once, and the log intact."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.capture.messages import call, request
from tests.capture.rig import Rig
from tests.hostile.session import INDELIBLE, RAW, calls, collect, until, verify

STOP_AT = """
import os, signal, sys
if "collect" in sys.orig_argv and "INDELIBLE_STOP_AT" in os.environ:
    left, real = int(os.environ["INDELIBLE_STOP_AT"]), os.fsync
    def fsync(fd):
        global left
        left -= 1
        if left == 0:
            with open(os.environ["INDELIBLE_STOPPED"] + ".part", "w") as out:
                out.write(str(os.getpid()))
            os.rename(os.environ["INDELIBLE_STOPPED"] + ".part", os.environ["INDELIBLE_STOPPED"])
            while True:
                signal.pause()
        real(fd)
    os.fsync = fsync
"""
DAY_US = 86_400 * 1_000_000


@pytest.mark.requirement("collect.ten-servers")
def test_ten_servers_and_three_collectors_lose_and_repeat_nothing(wrap, state) -> None:
    servers = {f"s{n}": wrap("--server", f"s{n}") for n in range(10)}
    collectors = []
    for turn in range(4):
        for server in servers.values():
            server.send(*[call(f"{turn}-{n}", "peek") for n in range(5)])
        collectors += [
            subprocess.Popen(
                [*INDELIBLE, "--state", str(state), "collect", "--once"],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            for _ in range(2)
        ]
        for server in servers.values():
            assert [server.hear()["id"] for _ in range(5)] == [f"{turn}-{n}" for n in range(5)]
    for server in servers.values():
        server.end_input()
    assert [server.wait_after(server.rest()) for server in servers.values()] == [(0, b"")] * 10
    said = [(one.communicate(timeout=60)[1], one.returncode) for one in collectors]
    assert said == [(b"", 0)] * len(collectors)
    collect(state)
    assert not list((state / "spool" / "default").iterdir())
    found = Counter((entry["server"], entry["jsonrpcId"]) for entry in calls(state))
    wanted = {(name, f"{turn}-{n}") for name in servers for turn in range(4) for n in range(5)}
    assert found == Counter(wanted)
    assert {entry["outcome"] for entry in calls(state)} == {"ok"}
    assert verify(state) == 0


@pytest.mark.requirement("collect.killed")
@pytest.mark.parametrize("step", [1, 3, 5, 7, 9, 11])
def test_a_group_killed_while_a_collection_runs_loses_nothing(step, wrap, state, tmp_path) -> None:
    (tmp_path / "spy").mkdir()
    (tmp_path / "spy" / "sitecustomize.py").write_text(STOP_AT)
    stopped = tmp_path / "stopped"
    first = wrap()
    first.send(*[call(f"a{n}", "peek") for n in range(20)])
    assert [first.hear()["id"] for _ in range(20)]
    first.kill_group()
    first.process.wait(30)
    second = wrap(
        PYTHONPATH=str(tmp_path / "spy"),
        INDELIBLE_STOP_AT=str(step),
        INDELIBLE_STOPPED=str(stopped),
    )
    assert second.ask(call("b", "hold"))["method"] == "notifications/held"
    until(stopped.exists)  # the collection that the second server started
    collector = int(stopped.read_text())
    second.kill_group()
    assert second.process.wait(30) == -signal.SIGKILL
    assert os.getsid(collector) == collector, "out of the client's reach, and alive"
    os.kill(collector, signal.SIGKILL)
    until(lambda: not Path(f"/proc/{collector}/fd").exists() or not _open_files(collector))
    collect(state)
    found = {entry["jsonrpcId"]: entry["outcome"] for entry in calls(state)}
    assert found == {**{f"a{n}": "ok" for n in range(20)}, "b": "unknown"}
    assert len(calls(state)) == 21
    assert verify(state) == 0


def _open_files(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/fd")
    except (FileNotFoundError, PermissionError, ProcessLookupError):
        return []


@pytest.mark.requirement("collect.never-read")
def test_ninety_days_in_which_nobody_reads_lose_nothing(tmp_path) -> None:
    state = tmp_path / "state"
    rig = Rig(state)
    rig.spool._roll_bytes = 4_096
    began = rig.now - 90 * DAY_US
    for day in range(90):
        rig.now = began + day * DAY_US
        for _ in range(12):
            assert rig.runs(rig.call("read"))
    rig.recorder.close()
    parts = list(rig.directory.iterdir())
    assert len(parts) == len(rig.rolls) + 1 > 90
    collect(state)
    assert not list(rig.directory.iterdir())
    recorded = calls(state)
    assert [entry["args"]["n"] for entry in recorded] == list(range(1, 90 * 12 + 1))
    assert {entry["outcome"] for entry in recorded} == {"ok"}
    assert recorded[-1]["timestamp"][:10] > recorded[0]["timestamp"][:10]
    assert verify(state) == 0


@pytest.mark.requirement("spool.rolls")
@pytest.mark.requirement("collect.detached")
def test_what_was_left_is_collected_by_the_next_server_without_waiting(wrap, state) -> None:
    first = wrap()
    first.ask(call("a", "peek"))
    first.kill_group()
    first.process.wait(30)
    second = wrap(command=RAW)
    assert second.ask(request("r", "tools/list"))["id"] == "r"
    until((state / "log" / "default" / "checkpoint").exists)
    assert second.end() == (0, b"")
    until(lambda: not list((state / "spool" / "default").iterdir()))
    assert [entry["jsonrpcId"] for entry in calls(state)] == ["a", "r"]


@pytest.mark.requirement("collect.modes")
def test_everything_is_for_its_owner_only(wrap, state) -> None:
    server = wrap()
    server.ask(call(1, "peek"))
    assert server.end() == (0, b"")
    collect(state)
    places = [state, state.with_name("state.checkpoints")]
    paths = [path for place in places for path in [place, *place.rglob("*")]]
    assert len(paths) > 10
    for path in paths:
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
