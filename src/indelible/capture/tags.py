"""The key of keyed fingerprints: `STATE/keys/tags.key`, made once, for the owner only.

It signs nothing. Whoever has it can tell whether a guess is the API key behind a
fingerprint; without it nobody can.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from indelible import durable

KEY_BYTES = 32
_LINE_BYTES = 2 * KEY_BYTES + 1


def tag_key(state: Path, warn: Callable[[str], None]) -> bytes | None:
    """Return the key of *state*, made now if there is none.

    Raises nothing: where there can be no key, *warn* is told and there are no fingerprints.
    """
    path = state / "keys" / "tags.key"
    try:
        key = _read(path)
        if key is None:
            durable.make_directory(path.parent)
            durable.create(path, f"{os.urandom(KEY_BYTES).hex()}\n".encode())
            key = _read(path)  # of two processes, one has made it
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        warn(f"no fingerprints of API keys: {path}: {why}")
        return None
    return key


def _read(path: Path) -> bytes | None:
    """Return the key in a file, or None if there is no such file.

    Raises:
        OSError: If it cannot be read.

        ValueError: If it is no key, or others could have read it.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise ValueError("it must be a file of this user's that nobody else may read")
        data = os.read(fd, _LINE_BYTES + 1)
    finally:
        os.close(fd)
    if len(data) != _LINE_BYTES or not data.endswith(b"\n"):
        raise ValueError("it holds no key")
    return bytes.fromhex(data[:-1].decode("ascii", "replace"))
