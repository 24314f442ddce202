"""Spool files as a reader sees them: hostile input until proved otherwise.

Format: docs/reference/format.md section 3. Nothing here writes.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from indelible.errors import FormatError
from indelible.model.frame import Damage, decode_frames, parse_spool_name
from indelible.model.record import Record
from indelible.store import files
from indelible.store.state import LogPaths, State

MAX_SPOOL_BYTES = 64 << 20
"""No spool we write comes near this; a larger one is refused and left where it is."""


@dataclass(frozen=True, slots=True)
class Part:
    """One spool file, by its name."""

    path: Path
    writer: str
    number: int


@dataclass(frozen=True, slots=True)
class Spool:
    """The bytes of one spool file, and what `fstat` says of it."""

    part: Part
    data: bytes
    uid: int
    inode: tuple[int, int]


@dataclass(frozen=True, slots=True)
class SpoolView:
    """What one spool file holds, for readers."""

    path: Path
    writer: str
    part: int
    uid: int
    live: bool
    """Whether its writer may still add to it."""
    records: list[Record]
    """In order; not checked: headers and bodies are whatever the file says."""
    damage: list[Damage]


def list_parts(directory: Path) -> dict[str, list[Part]]:
    """Return the spool files of *directory*: parts in order, by writer, oldest writer first."""
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return {}
    found: dict[str, list[Part]] = {}
    for name in sorted(names):
        parsed = parse_spool_name(name)
        if parsed is not None:
            found.setdefault(parsed[0], []).append(Part(directory / name, *parsed))
    return found


def read_spool(part: Part, user: int) -> Spool | None:
    """Return the content of a spool file, or None if it is gone.

    Raises:
        FormatError: If it is not a plain file of *user* under one name, or too large.
    """
    opened = files.open_regular(part.path)
    if opened is None:
        return None
    try:
        status = opened.status
        if status.st_uid != user:
            raise FormatError(f"spool of another user ({status.st_uid}): {str(part.path)!r}")
        if status.st_nlink != 1:
            raise FormatError(f"spool with {status.st_nlink} names: {str(part.path)!r}")
        if status.st_size > MAX_SPOOL_BYTES:
            raise FormatError(f"spool of {status.st_size} bytes: {str(part.path)!r}")
        data = opened.read(MAX_SPOOL_BYTES)
    finally:
        os.close(opened.fd)
    return Spool(part, data, status.st_uid, (status.st_dev, status.st_ino))


def is_dead(part: Part) -> bool:
    """Return whether nobody holds the lock on *part*; only the newest part tells.

    The test takes a shared lock and lets go of it at once: it fails only against the
    writer's exclusive one, and several readers do not disturb each other.
    """
    opened = _open_part(part)
    if opened is None:
        return False
    try:
        fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as exc:
        if exc.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        raise
    finally:
        os.close(opened)
    return True


def dead_writers(directory: Path) -> tuple[dict[str, list[Part]], set[str]]:
    """Return the spool files there are, and the writers that have ended.

    Lists again after the locks were tried: a writer makes its next part, locked,
    before it lets go of the old one.
    """
    before = list_parts(directory)
    free = {writer for writer, parts in before.items() if is_dead(parts[-1])}
    after = list_parts(directory)
    return after, {one for one in free if after.get(one) == before[one]}


def unsealed(state: State, name: str, user: int) -> Iterator[SpoolView]:
    """Yield every readable spool file of a class; files that are refused are passed over.

    It yields all whole frames, sealed ones too: open the log afterwards, and drop
    each (writer, seq) that it holds.
    """
    paths = state.log(name)
    listing, dead = dead_writers(paths.spool)
    for writer, parts in listing.items():
        for part in parts:
            view = _view(part, user, live=writer not in dead and part is parts[-1])
            if view is not None:
                yield view


def refused(paths: LogPaths, user: int) -> Iterator[tuple[Path, str]]:
    """Yield each entry of the spool directory that is not read, and why."""
    try:
        names = sorted(os.listdir(paths.spool))
    except FileNotFoundError:
        return
    for name in names:
        path = paths.spool / name
        parsed = parse_spool_name(name)
        if parsed is None:
            if not _is_unborn(name):
                yield path, "not a spool file's name"
            continue
        try:
            read_spool(Part(path, *parsed), user)
        except (FormatError, OSError) as exc:
            yield path, str(exc)


def _is_unborn(name: str) -> bool:
    """Return whether *name* is that of a spool file that its writer has not named yet."""
    inner = name.removeprefix(".").removesuffix(".tmp")
    return name == f".{inner}.tmp" and parse_spool_name(inner) is not None


def _view(part: Part, user: int, *, live: bool) -> SpoolView | None:
    try:
        spool = read_spool(part, user)
    except (FormatError, OSError):
        return None
    if spool is None:
        return None
    found = decode_frames(spool.data)
    return SpoolView(
        part.path, part.writer, part.number, spool.uid, live, found.records, found.damage
    )


def _open_part(part: Part) -> int | None:
    try:
        opened = files.open_regular(part.path)
    except (FormatError, OSError):
        return None
    return opened.fd if opened else None
