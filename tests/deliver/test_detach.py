"""The detached collection: a session of its own, nothing of ours in it, killable."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from indelible.deliver import detach
from indelible.deliver.detach import collection_environment, start_collection
from tests.hostile.session import until

SPY = """
import json, os, signal, sys
if "collect" in sys.orig_argv:
    links = {fd: os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")
             if os.path.exists(f"/proc/self/fd/{fd}")}
    seen = {"argv": sys.orig_argv[1:], "cwd": os.getcwd(), "sid": os.getsid(0), "pid": os.getpid(),
            "blocked": [int(n) for n in signal.pthread_sigmask(signal.SIG_BLOCK, ())],
            "env": dict(os.environ), "fds": links, "path0": sys.path[0]}
    with open(os.environ["INDELIBLE_SPY"] + ".part", "w") as out:
        json.dump(seen, out)
    os.rename(os.environ["INDELIBLE_SPY"] + ".part", os.environ["INDELIBLE_SPY"])
    os._exit(0)
"""


@pytest.fixture
def spied(tmp_path, monkeypatch):
    """Start a collection whose interpreter says what it found instead of collecting."""
    spy = tmp_path / "spy"
    spy.mkdir()
    (spy / "sitecustomize.py").write_text(SPY)
    monkeypatch.setenv("PYTHONPATH", str(spy))
    monkeypatch.setenv("INDELIBLE_SPY", str(tmp_path / "seen.json"))
    monkeypatch.setenv("CRM_API_TOKEN", "sekret")
    state = tmp_path / "state"
    state.mkdir()

    def started() -> dict:
        assert start_collection(state)
        until((tmp_path / "seen.json").exists)
        return json.loads((tmp_path / "seen.json").read_text())

    return started, state


@pytest.mark.requirement("collect.detached")
def test_a_collection_shares_nothing_with_who_started_it(spied) -> None:
    started, state = spied
    ours, theirs = os.pipe()
    os.set_inheritable(theirs, False)
    try:
        seen = started()
    finally:
        os.close(ours)
        os.close(theirs)
    assert seen["argv"] == ["-P", "-m", "indelible", "--state", str(state), "collect", "--once"]
    assert seen["sid"] == seen["pid"] != os.getsid(0)
    assert seen["cwd"] == "/"
    assert {seen["fds"][fd] for fd in "012"} == {"/dev/null"}
    assert "CRM_API_TOKEN" not in seen["env"]
    assert "HOME" in seen["env"]


AT_EXIT = """
import atexit, os, signal
def say():
    with open(os.environ["INDELIBLE_SPY"], "w") as out:
        out.write(repr([int(n) for n in signal.pthread_sigmask(signal.SIG_BLOCK, ())]))
atexit.register(say)
"""


@pytest.mark.requirement("collect.detached")
def test_a_collection_can_be_killed_though_wrap_blocks_signals(spied, tmp_path) -> None:
    _, state = spied
    (tmp_path / "spy" / "sitecustomize.py").write_text(AT_EXIT)
    command = [sys.executable, "-m", "indelible", "--state", str(state), "collect", "--once"]
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGCHLD})
    try:
        subprocess.run(command, check=True, capture_output=True)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    assert (tmp_path / "seen.json").read_text() == "[]"


@pytest.mark.requirement("collect.detached")
def test_it_is_reaped_and_nobody_waits_for_it(spied) -> None:
    started, _ = spied
    seen = started()
    until(lambda: not os.path.exists(f"/proc/{seen['pid']}"))
    assert all(t.daemon for t in threading.enumerate() if t.name == "indelible-reap")


def test_nothing_is_started_where_the_state_is_not_ours(tmp_path, monkeypatch) -> None:
    assert not start_collection(tmp_path / "absent")
    monkeypatch.setattr(detach.os, "geteuid", lambda: os.getuid() + 1)
    assert not start_collection(tmp_path)


def test_where_no_process_can_be_had_nothing_is_raised(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(detach.sys, "executable", str(tmp_path / "absent"))
    assert not start_collection(tmp_path)


def test_the_environment_is_reduced_to_what_a_collection_needs() -> None:
    given = {
        "HOME": "/h",
        "PATH": "/b",
        "LANG": "C",
        "PYTHONPATH": "/p",
        "XDG_STATE_HOME": "/x",
        "INDELIBLE_STATE_DIR": "/i",
        "AWS_SECRET_ACCESS_KEY": "s",
        "LD_PRELOAD": "/evil.so",
        "PYTHONSTARTUP": "/evil.py",
    }
    kept = collection_environment(given)
    assert set(given) - set(kept) == {"AWS_SECRET_ACCESS_KEY", "LD_PRELOAD", "PYTHONSTARTUP"}
