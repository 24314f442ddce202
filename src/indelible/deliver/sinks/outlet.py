"""Where lines go: a file that may be rotated, or a descriptor that we were given.

Each line is written whole. All of this runs in a thread of its own, which may be kept
waiting here for as long as a reader likes.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from indelible.durable import FILE_MODE

_OPEN = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class Outlet(Protocol):
    """Takes whole lines, and may wait."""

    name: str

    def write(self, line: bytes) -> None:
        """Write one line.

        Raises:
            OSError: If it could not be written; a part of it may have been.
        """

    def close(self) -> None:
        """Let go of what is open."""


class FileOutlet:
    """Appends to a file, and opens it again when it was rotated away.

    Lines of several processes do not mix: each is one write at the end of the file.

    Args:
        path: The file; created for its owner only where there is none.
    """

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path
        self._fd = -1
        self._mid_line = False

    def write(self, line: bytes) -> None:
        """Write one line (see `Outlet`)."""
        if self._fd >= 0 and self._is_rotated():
            self.close()
        if self._fd < 0:
            self._fd = os.open(self._path, _OPEN, FILE_MODE)
        # What a full disk broke off stays a line of its own.
        data = b"\n" + line if self._mid_line else line
        for written in _steps(self._fd, data):
            self._mid_line = written < len(data)

    def _is_rotated(self) -> bool:
        """Return whether our file lost its name, which a device or a pipe need not have."""
        ours = os.fstat(self._fd)
        if not stat.S_ISREG(ours.st_mode):
            return False
        try:
            return not os.path.samestat(ours, os.stat(self._path))
        except OSError:
            return True

    def close(self) -> None:
        """Let the file go."""
        fd, self._fd = self._fd, -1
        self._mid_line = False
        if fd >= 0:
            os.close(fd)


class DescriptorOutlet:
    """Writes to a pipe, socket, terminal or file that whoever started us has opened.

    It is shared with others (of stderr, the wrapped server is one), so its flags stay as
    they are. Processes of ours take turns; others can get between the pieces of a line
    that is longer than a pipe takes at once (4 KiB).

    Args:
        number: The descriptor; a copy of it is used.

        name: What it is called to the operator.

    Raises:
        OSError: If it is not open for writing.
    """

    def __init__(self, number: int, name: str) -> None:
        self.name = name
        if fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(0, "it is open for reading only")
        self._fd = os.dup(number)
        self._mid_line = False

    def write(self, line: bytes) -> None:
        """Write one line (see `Outlet`)."""
        with _turn(self._fd):
            data = b"\n" + line if self._mid_line else line
            for written in _steps(self._fd, data):
                self._mid_line = written < len(data)

    def close(self) -> None:
        """Let our copy go."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def _steps(fd: int, data: bytes) -> Iterator[int]:
    """Write all of *data*, yielding how much is written by now."""
    written = 0
    while written < len(data):
        try:
            written += os.write(fd, memoryview(data)[written:])
        except BlockingIOError:
            # Somebody has made it non-blocking, or we have: there is time here.
            _wait(fd)
            continue
        yield written


def _wait(fd: int) -> None:
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    poll.poll()


@contextlib.contextmanager
def _turn(fd: int) -> Iterator[None]:
    """Hold off other processes of ours (forks, several `wrap`) that write to the same pipe."""
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX)
    except OSError:
        is_held = False  # a kind of file that has no locks
    else:
        is_held = True
    try:
        yield
    finally:
        if is_held:
            fcntl.lockf(fd, fcntl.LOCK_UN)
