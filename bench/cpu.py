"""CPU time of other processes, and where ours may run. Linux only: it reads /proc."""

from __future__ import annotations

import contextlib
import ctypes
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36


def tree(pid: int) -> list[int]:
    """Return *pid* and every process below it."""
    below = [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]
    return [pid, *(one for child in below for one in tree(child))]


def cpu_s(pids: Iterable[int]) -> float:
    """Return user and system time of *pids* (schedstat: nanoseconds, summed over the threads)."""
    total = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def resident_mib(pid: int) -> float:
    """Return the resident memory of *pid*."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


@contextlib.contextmanager
def on_one_cpu(wanted: bool) -> Iterator[None]:  # noqa: FBT001
    """Keep this process, and all that it starts meanwhile, on one CPU."""
    before = os.sched_getaffinity(0)
    try:
        if wanted:
            os.sched_setaffinity(0, {max(before)})
        yield
    finally:
        os.sched_setaffinity(0, before)


def can_pin() -> bool:
    """Return whether `on_one_cpu` makes a difference here."""
    try:
        with on_one_cpu(wanted=True):
            return len(os.sched_getaffinity(0)) == 1
    except OSError:
        return False


def adopt() -> None:
    """Become the parent of what our children leave behind: the detached collections."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def wait_for_adopted(timeout_s: float = 60) -> None:
    """Wait until every child has ended; call it where none of our own still runs."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            time.sleep(0.02)
