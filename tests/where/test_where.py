"""Where servers really run: several processes, forks, threads, no home, nothing to write to."""

from __future__ import annotations

import http.client
import json
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.capture.sdks.talking import Trail, tool
from tests.config.written import write
from tests.hostile.session import until

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SERVED = str(HERE / "served.py")
UVICORN = [sys.executable, "-W", "ignore", "-m", "uvicorn", "--app-dir", str(HERE), "served:app"]
UVICORN += ["--log-level", "critical"]
GUNICORN = [sys.executable, "-W", "ignore", "-m", "gunicorn", "--chdir", str(HERE), "served:app"]
GUNICORN += ["--preload", "--workers", "2", "--log-level", "critical"]
CALLS = 40


def environment(state: Path | None, **more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
    named = {"INDELIBLE_STATE_DIR": str(state)} if state is not None else {}
    return {**kept, **named, "PYTHONPATH": str(ROOT / "src"), **more}


@contextmanager
def running(
    command: list[str], state: Path, bind: str, *, errors: Any = None, **more: str
) -> Iterator[tuple[Any, int]]:
    """Run a server program on a socket that is bound already; yield it and the port.

    Args:
        errors: The file that its stderr goes to.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        given = [part.format(fd=listener.fileno()) for part in bind.split()]
        process = subprocess.Popen(
            [*command, *given],
            env=environment(state, **more),
            pass_fds=[listener.fileno()],
            start_new_session=True,
            stderr=errors,
            cwd="/",
        )
        port = listener.getsockname()[1]
    try:
        yield process, port
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def call(port: int, n: int, name: str = "read") -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2025-06-18",
    }
    connection.request("POST", "/mcp", json.dumps(tool(n, name, n=n)), headers)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def numbers(trail: Trail) -> list[int]:
    return sorted(one["args"]["n"] for one in trail.calls() if one["method"] == "tools/call")


def own_sessions(trail: Trail) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for one in trail.calls():
        assert one["session"]["from"] == "process"
        found.setdefault(one["writer"], set()).add(one["session"]["id"])
    return found


def assert_lives(trail: Trail, writers: set[str]) -> None:
    """Each process said when it began, by which command, and what it had used at its end."""
    lives: dict[str, list[dict[str, Any]]] = {}
    for one in trail.life():
        lives.setdefault(one["writer"], []).append(one)
    assert writers <= set(lives)
    for start, end in lives.values():
        assert (start["kind"], end["kind"]) == ("server.start", "server.exit")
        assert start["argv"]
        assert start["timestamp"] < end["timestamp"]
        assert end["cpuUserUs"] > 0
        assert end["maxRssBytes"] > 10_000_000


@pytest.mark.requirement("record.life")
@pytest.mark.requirement("where.workers")
@pytest.mark.parametrize(
    ("command", "bind"),
    [
        ([*UVICORN, "--workers", "4"], "--fd {fd}"),
        ([*GUNICORN, "--worker-class", "uvicorn.workers.UvicornWorker"], "--bind fd://{fd}"),
        ([*GUNICORN, "--worker-class", "asgi"], "--bind fd://{fd}"),
    ],
    ids=["uvicorn", "gunicorn-uvicorn", "gunicorn-asgi"],
)
def test_worker_processes_share_a_state_and_each_is_a_writer(
    command: list[str], bind: str, tmp_path: Path
) -> None:
    trail = Trail(tmp_path / "state")
    with running(command, tmp_path / "state", bind) as (process, port):
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(lambda n: call(port, n), range(CALLS)))
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) in (0, -signal.SIGTERM)
    assert all("result" in answer for answer in answers)
    assert numbers(trail) == list(range(CALLS))
    assert {one["outcome"] for one in trail.calls()} == {"ok"}
    sessions = own_sessions(trail)
    assert all(ids == {writer} for writer, ids in sessions.items())
    assert_lives(trail, set(sessions))


@pytest.mark.requirement("where.fork")
def test_a_child_of_a_fork_is_a_writer_and_a_session_of_its_own(tmp_path: Path) -> None:
    trail = Trail(tmp_path / "state")
    subprocess.run(
        [sys.executable, SERVED, "fork"], env=environment(tmp_path / "state"), check=True
    )
    expected = [first + n for first in (0, 50, 100, 200, 300) for n in range(5)]
    assert numbers(trail) == sorted(expected)
    sessions = own_sessions(trail)
    assert len(sessions) == 4
    assert all(ids == {writer} for writer, ids in sessions.items())


def test_threads_share_a_writer_and_lose_nothing(tmp_path: Path) -> None:
    trail = Trail(tmp_path / "state")
    command = [sys.executable, SERVED, "threads"]
    subprocess.run(command, env=environment(tmp_path / "state"), check=True)
    assert numbers(trail) == sorted(first * 100 + n for first in range(8) for n in range(5))
    assert len(own_sessions(trail)) == 1


@pytest.mark.requirement("where.no-home")
def test_without_a_home_a_named_state_directory_is_enough(tmp_path: Path) -> None:
    named = environment(tmp_path / "state")
    assert not {"HOME", "XDG_STATE_HOME"} & named.keys()
    subprocess.run([sys.executable, SERVED, "threads"], env=named, check=True)
    assert len(numbers(Trail(tmp_path / "state"))) == 40


READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" || exit 99; exec "$@"'


@pytest.mark.requirement("where.no-home")
@pytest.mark.parametrize("place", ["below a file", "read-only root"])
@pytest.mark.parametrize(
    ("profile", "runs"), [("dev", {"read": True, "wipe": False}), ("compliance", {"read": False})]
)
def test_where_nothing_can_be_written_the_profile_decides(
    profile: str, runs: dict[str, bool], place: str, tmp_path: Path
) -> None:
    locked = tmp_path / "locked"
    script = tmp_path / "one.py"
    script.write_text(ONE_CALL, encoding="utf-8")
    before: list[str] = []
    if place == "read-only root":
        locked.mkdir()
        before = ["unshare", "--mount", "sh", "-c", READ_ONLY, str(locked)]
    else:
        locked.write_text("a file")
    more = {"INDELIBLE_FAILURE__PROFILE": profile, "PYTHONDONTWRITEBYTECODE": "1"}
    for name, expected in runs.items():
        done = subprocess.run(
            [*before, sys.executable, str(script), name],
            env=environment(locked / "state", PYTHONPATH=f"{ROOT / 'src'}:{HERE}", **more),
            check=False,
            capture_output=True,
            text=True,
        )
        if before and (done.returncode == 99 or done.stderr.startswith("unshare:")):
            pytest.skip("privilege: no mount namespace of one's own")
        assert (done.stdout.strip() == "ran") == expected, done.stderr
        assert "cannot make the state directory" in done.stderr


ONE_CALL = """
import asyncio, sys
import served
from mcp.client import Client

async def one():
    async with Client(served.server) as client:
        await client.list_tools()
        try:
            result = await client.call_tool(sys.argv[1], {"n": 1})
        except Exception as error:
            assert "audit record" in str(error)
            print("refused")
        else:
            print("failed" if result.is_error else "ran")

asyncio.run(one())
"""


@pytest.mark.requirement("where.sigterm")
def test_what_runs_when_sigterm_comes_is_on_record_with_its_end(tmp_path: Path) -> None:
    trail = Trail(tmp_path / "state")
    with (
        running(UVICORN, tmp_path / "state", "--fd {fd}") as (process, port),
        ThreadPoolExecutor(1) as threads,
    ):
        waiting = threads.submit(call, port, 7, "nap")
        until(trail.calls)
        process.send_signal(signal.SIGTERM)
        assert "result" in waiting.result(60)
        assert process.wait(60) in (0, -signal.SIGTERM)
    (one,) = trail.calls()
    assert (one["args"]["n"], one["outcome"]) == (7, "ok")


@pytest.mark.requirement("config.reload")
def test_a_server_program_takes_a_changed_configuration(tmp_path: Path) -> None:
    file = write(tmp_path / "indelible.toml", '[capture]\nundeclared = "args"\n')
    trail = Trail(tmp_path / "state")
    configured = {"INDELIBLE_CONFIG": str(file)}
    with running(UVICORN, tmp_path / "state", "--fd {fd}", **configured) as (process, port):
        call(port, 0)
        new = write(tmp_path / "new.toml", '[capture]\nundeclared = "metadata"\n')
        os.utime(new, (1, 1))  # nobody is writing it now
        new.replace(file)

        def is_taken() -> bool:
            call(port, 1)
            return trail.calls()[-1].get("args") is None

        until(is_taken)
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    assert trail.calls()[0]["args"] == {"n": 0}


@pytest.mark.requirement("where.unwritable")
def test_a_spool_that_fails_and_comes_back_leaves_a_gap_on_record(tmp_path: Path) -> None:
    """Nothing can be written to any file, not even to the one that stderr is."""
    state = tmp_path / "state"
    trail = Trail(state)
    with (
        (tmp_path / "stderr").open("wb") as errors,
        running(UVICORN, state, "--fd {fd}", errors=errors) as (process, port),
    ):
        call(port, 0)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        lost = [call(port, n) for n in range(1, 4)]
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        call(port, 4)
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    assert all("result" in answer for answer in lost), lost
    assert numbers(trail) == [0, 4]
    [gap] = trail.of("gap")
    assert (gap["reason"], gap["refused"]) == ("write-failed", 0)
    assert gap["proceeded"] >= 3
