"""One writer per log: a lock that is never waited for, and a mark that is never lost.

Whoever does not get the lock leaves the mark `again`; whoever holds it looks for the
mark before and after letting go. Nothing heavy is imported here: the lock is taken
before the collector loads anything it may not need.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Callable, Iterator

from indelible.durable import FILE_MODE
from indelible.store.state import LogPaths


def run_exclusively(paths: LogPaths, work: Callable[[], None]) -> bool:
    """Run *work* under the log's lock, again as long as somebody asks; return whether it ran.

    If another process holds the lock, the mark tells it to look again: what stood in
    the spools before this call is then collected by it.
    """
    ran = False
    while True:
        if _attempt(paths, work):
            ran = True
        elif ran:
            # Whoever holds the lock now took it after the mark was left, and will see it.
            return True
        else:
            _leave_mark(paths)
            # The holder may have looked for the mark just before we left it.
            if not _attempt(paths, work):
                return False
            ran = True
        # Somebody may have found the lock held after we looked for marks under it.
        if not paths.again.exists():
            return True


def _attempt(paths: LogPaths, work: Callable[[], None]) -> bool:
    """Run *work* if the lock is free, until no mark is left; return whether it was free."""
    with _try_lock(paths) as held:
        if not held:
            return False
        while True:
            # Before the spools are read: a mark left from now on is about what we may miss.
            paths.again.unlink(missing_ok=True)
            work()
            if not paths.again.exists():
                return True


def _leave_mark(paths: LogPaths) -> None:
    os.close(os.open(paths.again, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, FILE_MODE))


@contextlib.contextmanager
def _try_lock(paths: LogPaths) -> Iterator[bool]:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(paths.lock, flags, FILE_MODE)
    try:
        yield _flock(fd)
    finally:
        os.close(fd)


def _flock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        if exc.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        raise
    return True
