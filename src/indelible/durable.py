"""Durable writes: the only fsync in the tree.

The sequences below are what makes a write survive a power cut on a POSIX file
system: data first, then the name, then the directory that holds the name
(Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014). A failed
fsync is never retried on the same descriptor: the kernel may have dropped the
dirty pages it failed to write (Rebello et al., "Can Applications Recover from
fsync Failures?", USENIX ATC 2020).
"""

from __future__ import annotations

import contextlib
import os
import select
from collections.abc import Sequence
from pathlib import Path

FILE_MODE = 0o600
DIRECTORY_MODE = 0o700

_APPEND = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


def sync(fd: int) -> None:
    """Make everything written to *fd* durable."""
    os.fsync(fd)


def sync_directory(directory: Path) -> None:
    """Make the names in *directory* durable."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Write all of *data* to *fd*, however short the single writes are; wait where it does not."""
    written = 0
    while written < len(data):
        try:
            written += os.write(fd, memoryview(data)[written:] if written else data)
        except BlockingIOError:
            wait_for(fd, select.POLLOUT)


def wait_for(fd: int, event: int) -> None:
    """Wait until *fd* is ready for *event*, as `poll` names it: somebody made it non-blocking.

    To set it back would change it under whoever shares it with us.
    """
    poll = select.poll()
    poll.register(fd, event)
    poll.poll()


def make_directory(directory: Path) -> None:
    """Create *directory* and its parents, durable, for the owner only."""
    if directory.is_dir():
        return
    make_directory(directory.parent)
    try:
        os.mkdir(directory, DIRECTORY_MODE)
    except FileExistsError:
        return
    sync_directory(directory.parent)


def replace(path: Path, data: bytes) -> None:
    """Make *path* hold *data*: afterwards it is durable, before it is the old content."""
    temporary = _temporary(path, data)
    # A crash here leaves a `.tmp` file beside the old content; nobody reads it.
    os.replace(temporary, path)
    sync_directory(path.parent)


def create(path: Path, data: bytes) -> bool:
    """Create *path* with *data*, durable, unless it exists; return whether we made it."""
    temporary = _temporary(path, data)
    try:
        # link, not rename: it fails where another process was first.
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        os.unlink(temporary)
    sync_directory(path.parent)
    return True


def remove(path: Path) -> None:
    """Remove *path*, durable; it may be gone already."""
    remove_all([path])


def remove_all(paths: Sequence[Path]) -> None:
    """Remove the files at *paths*, all of one directory, durable; they may be gone already."""
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    if paths:
        sync_directory(paths[0].parent)


def discard(paths: Sequence[Path]) -> None:
    """Remove files that nothing names any more, if they are there; a crash may bring them back."""
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def append(path: Path, data: bytes) -> None:
    """Add *data* to the end of *path*, durable; the file is made if there is none.

    Each call has a descriptor of its own: after a failed fsync it is not used again.
    """
    try:
        fd, is_new = os.open(path, _APPEND), False
    except FileNotFoundError:
        fd, is_new = os.open(path, _APPEND | os.O_CREAT | os.O_EXCL, FILE_MODE), True
    try:
        write_all(fd, data)
        # A crash here leaves any part of *data*, with holes; the reader's format must tell.
        os.fsync(fd)
    finally:
        os.close(fd)
    if is_new:
        # A crash here leaves the data without a name: as if it was never written.
        sync_directory(path.parent)


def truncate(path: Path, size: int) -> None:
    """Cut *path* to *size* bytes, durable."""
    fd = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.ftruncate(fd, size)
        os.fsync(fd)
    finally:
        os.close(fd)


def write_again(path: Path, offset: int, data: bytes) -> None:
    """Write *data*, which *path* holds at *offset* already, once more, durable.

    After a failed fsync the page cache may show bytes that never reached the disk
    and count them as clean; only writing them again makes a new fsync mean anything.
    """
    fd = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        rest = memoryview(data)
        while rest:
            written = os.pwrite(fd, rest, offset)
            rest = rest[written:]
            offset += written
        os.fsync(fd)
    finally:
        os.close(fd)
    # The name may be as unsure as the bytes.
    sync_directory(path.parent)


def _temporary(path: Path, data: bytes) -> str:
    """Write *data* to a new file beside *path* and return its name, durable but unnamed."""
    temporary = f"{path.parent}/.{path.name}.{os.urandom(8).hex()}.tmp"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    try:
        write_all(fd, data)
        os.fsync(fd)
    except BaseException:
        os.unlink(temporary)
        raise
    finally:
        os.close(fd)
    return temporary


def publish(temporary: Path, path: Path, *, overwrite: bool) -> bool:
    """Give the finished file at *temporary* the name *path*, durable; return whether it has it.

    Args:
        overwrite: Whether a file that has the name loses it; if not, nothing is done then.
    """
    fd = os.open(temporary, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
    if overwrite:
        os.replace(temporary, path)
    else:
        try:
            # link, not rename: it fails where there is a file by now.
            os.link(temporary, path)
        except FileExistsError:
            return False
        os.unlink(temporary)
    sync_directory(path.parent)
    return True
