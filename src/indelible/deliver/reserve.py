"""The disk reserve: space held back so that a full disk does not silence the audit at once."""

from __future__ import annotations

import os
from pathlib import Path

from indelible.durable import FILE_MODE

RESERVE_BYTES = 1 << 20


def set_aside(path: Path, size: int = RESERVE_BYTES) -> bool:
    """Allocate the reserve file at *path* unless it is there; return whether it is."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    except OSError:
        return False
    try:
        if os.fstat(fd).st_size < size:
            os.posix_fallocate(fd, 0, size)
    except OSError:
        release(path)
        return False
    finally:
        os.close(fd)
    return True


def release(path: Path) -> bool:
    """Give the reserve's space back to the disk; return whether there was any."""
    try:
        os.unlink(path)
    except OSError:
        return False
    return True
