"""Reading stored files: no links followed, nothing but regular files, nothing unbounded."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from indelible.errors import FormatError

MAX_NOTE_BYTES = 16 << 20
"""`writers` is the largest note: some hundred bytes for each live spool."""

TEMPORARY = ".tmp"


@dataclass(frozen=True, slots=True)
class Opened:
    """An open file that proved to be a regular one, and what `fstat` says of it."""

    fd: int
    status: os.stat_result

    def read(self, limit: int) -> bytes:
        """Return at most *limit* bytes from the start."""
        parts: list[bytes] = []
        at = 0
        while at < limit:
            part = os.pread(self.fd, min(limit - at, 1 << 20), at)
            if not part:
                break
            parts.append(part)
            at += len(part)
        return b"".join(parts)


def open_regular(path: Path) -> Opened | None:
    """Open *path* for reading; None if there is no such file.

    The caller closes the descriptor.

    Raises:
        FormatError: If it is a link or no regular file.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        if exc.errno in (errno.ELOOP, errno.ENXIO, errno.EISDIR):
            raise FormatError(f"not a regular file: {str(path)!r}") from exc
        raise
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        os.close(fd)
        raise FormatError(f"not a regular file: {str(path)!r}")
    return Opened(fd, status)


def read(path: Path, limit: int = MAX_NOTE_BYTES) -> bytes | None:
    """Return the content of *path*, or None if there is no such file.

    Raises:
        FormatError: If it is a link, no regular file, or larger than *limit*.
    """
    opened = open_regular(path)
    if opened is None:
        return None
    try:
        # By its size first: a sparse file of any length costs nothing.
        data = opened.read(limit + 1) if opened.status.st_size <= limit else None
    finally:
        os.close(opened.fd)
    if data is None or len(data) > limit:
        raise FormatError(f"larger than {limit} bytes: {str(path)!r}")
    return data


def digest(path: Path, limit: int) -> str | None:
    """Return the SHA-256 of the content of *path*, read in pieces; None if there is no such file.

    Raises:
        FormatError: If it is a link, no regular file, or larger than *limit*.
    """
    opened = open_regular(path)
    if opened is None:
        return None
    found = sha256()
    at = 0
    try:
        while at <= limit and opened.status.st_size <= limit:
            part = os.pread(opened.fd, 1 << 20, at)
            if not part:
                return found.hexdigest()
            found.update(part)
            at += len(part)
    finally:
        os.close(opened.fd)
    raise FormatError(f"larger than {limit} bytes: {str(path)!r}")


def is_temporary(name: str) -> bool:
    """Return whether *name* is one that `durable` gives to a file it has not finished."""
    return name.startswith(".") and name.endswith(TEMPORARY)
