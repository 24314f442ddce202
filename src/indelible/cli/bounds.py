"""Bounds of this process on one question, which hold where DuckDB does not look.

DuckDB holds to its own bounds between blocks of rows. In between, one expression over
one value can take all of a machine, and a Ctrl-C is not seen before it ends.
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

MORE_BYTES = 3 << 30
"""What a question may take of memory: the buffers of DuckDB, and as much again twice."""
GRACE_S = 2.0
"""How long a question that was told to end may take to do so."""


@contextlib.contextmanager
def bounded(
    timeout_s: float, give_up: Callable[[], int], *, more_bytes: int = MORE_BYTES
) -> Iterator[None]:
    """Keep what is done here within bounds; beyond the one on memory there is a `MemoryError`.

    Args:
        timeout_s: After this and a grace, what was told to end ends with the process.

        give_up: Says so, in a thread of its own; returns the exit code.

        more_bytes: How much more memory there may be than now.
    """
    timer = threading.Timer(timeout_s + GRACE_S, _end, [give_up])
    timer.daemon = True
    timer.start()
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    held = _data_bytes()
    if held is not None:
        known = [one for one in (soft, hard) if one != resource.RLIM_INFINITY]
        resource.setrlimit(resource.RLIMIT_DATA, (min([held + more_bytes, *known]), hard))
    try:
        yield
    finally:
        timer.cancel()
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _end(give_up: Callable[[], int]) -> None:
    code = 1
    try:
        code = give_up()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _data_bytes() -> int | None:
    """Return how much memory this process has, as `RLIMIT_DATA` counts it."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:  # a jail without /proc: the bounds of DuckDB are left
        return None
    found = re.search(r"^VmData:\s+([0-9]+) kB$", status, re.MULTILINE)
    return int(found[1]) << 10 if found else None
