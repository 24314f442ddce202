"""The spool: where records are kept until they are sealed (format.md section 3).

One file part at a time, locked for life, appended to by one write per batch.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path

from indelible.durable import FILE_MODE, make_directory, write_all
from indelible.model.canonical import UUID7_RANDOM_BYTES, uuid7
from indelible.model.frame import encode_frame, spool_name
from indelible.model.record import Record

ROLL_BYTES = 8 << 20
ROLL_US = 600 * 1_000_000
CHECK_US = 200_000
"""Time between two looks at whether the file still has its name: a look costs as much as
a write, and the time between is what can be lost to whoever removes a live spool. A clock
that was set back is due a look at once."""


class Spool:
    """Appends records to one writer's spool.

    Not safe for threads: its owner holds a lock. After `fork` the child calls
    `redraw` before anything else.

    Args:
        directory: ``STATE/spool/CLASS``; created at the first append.

        clock_us: Microseconds since 1970.

        on_roll: Called after a part was closed and the next one opened.
    """

    def __init__(
        self,
        directory: Path,
        *,
        clock_us: Callable[[], int],
        on_roll: Callable[[], object],
        roll_bytes: int = ROLL_BYTES,
        roll_us: int = ROLL_US,
    ) -> None:
        self._directory = directory
        self._clock_us = clock_us
        self._on_roll = on_roll
        self._roll_bytes = roll_bytes
        self._roll_us = roll_us
        self._draw()

    def _draw(self) -> None:
        self.writer = uuid7(self._clock_us(), os.urandom(UUID7_RANDOM_BYTES))
        self.next_seq = 0
        self._part = -1
        self._fd = -1
        self._size = 0
        self._opened_us = 0
        self._look_us = 0
        self._broken = False

    def redraw(self) -> None:
        """Become a new writer. For the child of a fork: its parent's file stays the parent's."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            # Closing our copy does not release the lock: the parent still holds it.
            os.close(fd)
        self._draw()

    def append(self, records: list[Record]) -> None:
        """Keep *records*, numbered from `next_seq` on: all of them or none.

        Raises:
            OSError: If they could not be written; the spool is as it was before.

            FormatError: If a record is larger than the format allows.
        """
        if len(records) == 1:
            data = encode_frame(records[0])
        else:
            data = b"".join([encode_frame(record) for record in records])
        size = self._size + len(data)
        if size > self._roll_bytes or not -CHECK_US <= self._clock_us() - self._look_us < 0:
            self._look(len(data))
        try:
            write_all(self._fd, data)
        except OSError:
            self._undo()
            raise
        self._size += len(data)
        self.next_seq += len(records)

    def _undo(self) -> None:
        """Take back a batch that was written in part."""
        try:
            os.ftruncate(self._fd, self._size)
        except OSError:
            # What stands there may be half a frame. Readers pass over it, and the
            # next append goes to a new part.
            self._broken = True
            self._look_us = 0

    def _look(self, size: int) -> None:
        """Have a part open that can take *size* bytes; done now and then: it costs a write."""
        if self._fd < 0:
            self._open_part()
            return
        now_us = self._clock_us()
        full = self._size > 0 and self._size + size > self._roll_bytes
        old = now_us - self._opened_us > self._roll_us
        if full or old or self._broken or self._is_lost():
            self._open_part()
            self._on_roll()
        else:
            # The age of a part that is younger than nothing begins again: a clock was set back.
            self._opened_us = min(self._opened_us, now_us)
            self._look_us = min(now_us + CHECK_US, self._opened_us + self._roll_us + 1)

    def _is_lost(self) -> bool:
        """Return whether somebody removed the part from under us."""
        return os.fstat(self._fd).st_nlink == 0

    def _open_part(self) -> None:
        make_directory(self._directory)
        self._check_owner()
        name = spool_name(self.writer, self._part + 1)
        unseen = self._directory / f".{name}.tmp"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        fd = os.open(unseen, flags, FILE_MODE)
        try:
            # Locked before it has its name: nobody ever sees a live part unlocked.
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.rename(unseen, self._directory / name)
        except OSError:
            os.close(fd)
            unseen.unlink(missing_ok=True)
            raise
        # The new part is locked before the old one is let go: a collector that sees
        # the old one free finds the new one, and knows that the writer lives.
        old, self._fd = self._fd, fd
        self._part += 1
        self._size = 0
        self._opened_us = self._clock_us()
        self._look_us = 0
        self._broken = False
        if old >= 0:
            os.close(old)

    def _check_owner(self) -> None:
        """Refuse another user's state: its owner could never seal what we leave there."""
        state = self._directory.parents[1]
        owner = os.stat(state).st_uid
        if owner != os.geteuid():
            raise PermissionError(errno.EPERM, f"the state directory belongs to user {owner}")

    def close(self) -> None:
        """Let the spool go: to a collector this writer is finished."""
        fd, self._fd = self._fd, -1
        self._look_us = 0
        if fd >= 0:
            os.close(fd)
