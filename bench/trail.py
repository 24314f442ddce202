"""A trail to collect and verify: made through the Recorder, as a server's would be."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from pathlib import Path
from typing import NamedTuple

from bench.setting import INDELIBLE, Setting
from bench.texts import prose
from indelible.capture.policy import PROFILES
from indelible.capture.process import CLASS, clock_us, os_actor
from indelible.capture.recorder import Recorder
from indelible.deliver.spool import Spool
from indelible.model.event import Completed, Connection, Origin, Outcome, Received
from indelible.redact.record import Redactor
from indelible.redact.walk import scrubber

_CONNECTION = Connection(
    actor=os_actor(),
    client={"name": "bench", "version": "0"},
    session=("bench", "process"),
    server_version="1.0.0",
    protocol_version="2025-11-25",
)

LIMIT_S = 60


class Used(NamedTuple):
    """What a child took."""

    cpu_s: float
    wall_s: float


def emit(state: Path, calls: int) -> None:
    """Leave a spool of *calls* calls, two records each, that nobody collects by himself."""
    cleaner = scrubber()
    cleaner.load()
    spool = Spool(state / "spool" / CLASS, clock_us=clock_us, on_roll=lambda: None)
    recorder = Recorder(
        Redactor(cleaner, Origin("echo", "stdio", "wrap")),
        spool,
        policy=PROFILES["dev"],
        reserve=state / "reserve",
        clock_us=clock_us,
        warn=print,
    )
    for number in range(calls):
        recorder.keep([_received(number)])
        recorder.keep([_completed(number)])
    recorder.close()


def _received(number: int) -> Received:
    text = prose(number)
    return Received(
        number=number,
        at_us=clock_us(),
        direction="client",
        method="tools/call",
        jsonrpc_id=number,
        tool="echo",
        tool_registered=True,
        args={"text": text},
        args_bytes=len(text) + 11,
        connection=_CONNECTION,
    )


def _completed(number: int) -> Completed:
    text = prose(number)
    result = {"content": [{"type": "text", "text": text}], "structuredContent": {"result": text}}
    return Completed(
        number, Outcome.OK, result=result, result_bytes=2 * len(text) + 80, duration_us=700
    )


def collect(setting: Setting, state: Path) -> Used:
    """Run `collect --once` as a process of its own."""
    return child([*INDELIBLE, "--state", str(state), "collect", "--once"], setting)


def child(command: list[str], setting: Setting) -> Used:
    """Run *command* to its end; return what it took.

    Waits without a timeout, which would poll: a timer of its own ends what hangs.

    Raises:
        ChildProcessError: If it failed.
    """
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        env=setting.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    watchdog = threading.Timer(LIMIT_S, process.kill)
    watchdog.start()
    try:
        _, status, used = os.wait4(process.pid, 0)
    finally:
        watchdog.cancel()
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise ChildProcessError(f"{command!r} ended with {process.returncode}")
    return Used(used.ru_utime + used.ru_stime, wall)
