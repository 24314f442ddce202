"""What an emitter knows of its own process: the time, and whose it is. Quick to load."""

from __future__ import annotations

import contextlib
import os
import pwd
import resource
import sys
import time

from indelible.model.event import Actor, Instant, ServerExit, ServerStart, Usage

CLASS = "default"
"""The retention class of what is recorded."""


def clock_us() -> int:
    """Return microseconds since 1970."""
    return time.time_ns() // 1000


def monotonic_us() -> int:
    """Return microseconds on a clock that never steps."""
    return time.monotonic_ns() // 1000


def usage_of(used: resource.struct_rusage) -> Usage:
    """Return what a process has used, of what the system says of it (Linux counts in KiB)."""
    seconds = (used.ru_utime, used.ru_stime)
    user_us, system_us = (round(one * 1_000_000) for one in seconds)
    return Usage(user_us, system_us, used.ru_maxrss * 1024)


def own_usage() -> Usage:
    """Return what this process has used so far."""
    return usage_of(resource.getrusage(resource.RUSAGE_SELF))


def own_start() -> ServerStart:
    """Return that a server with the hook begins to record."""
    return ServerStart(clock_us(), sys.orig_argv)


def own_exit() -> ServerExit:
    """Return that a server with the hook is about to end: as far as it knows itself."""
    return ServerExit(clock_us(), None, None, own_usage())


def tell(text: str) -> None:
    """Say *text* to the operator, on stderr.

    It may be a file on the disk that is full, closed, or none at all: a call does not fail
    because nobody could be told of it.
    """
    with contextlib.suppress(OSError, ValueError):
        if sys.stderr is not None:
            sys.stderr.write(f"indelible: {text}\n")
            sys.stderr.flush()


def now() -> Instant:
    """Return this moment on both clocks."""
    return Instant(clock_us(), monotonic_us())


def os_actor() -> Actor:
    """Return who runs us: on stdio that is as much as can be known of who asks."""
    uid = os.geteuid()
    try:
        return Actor(id=pwd.getpwuid(uid).pw_name, provenance="inherited")
    except KeyError:
        return Actor(id=f"uid:{uid}", provenance="inherited")
