"""The query copy and its log: brought up after each collection, made anew when told to.

The log is what counts. Whatever fails here is told and tried again next time; it never
fails a collection.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from indelible.errors import FormatError, IndelibleError, StateError
from indelible.seal.note import Checkpoint, split_text
from indelible.store import files, lock
from indelible.store.index.keep import Keeper
from indelible.store.index.manifest import Manifest, read_manifest
from indelible.store.keys import read_public
from indelible.store.reader import LogReader
from indelible.store.state import LogPaths, State, check_owner


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a query copy is behind its log, and what it is made of."""

    sealed: int
    """Leaves under the log's checkpoint."""
    covered: int
    """Leaves that the copy covers; 0 where there is none."""
    rows: int
    """Rows in it."""
    files: int
    """Sealed files."""
    bytes: int
    """Bytes of all its files."""

    @property
    def behind(self) -> int:
        """Leaves that are not in the copy yet."""
        return max(0, self.sealed - self.covered)


def keep_up(paths: LogPaths, now_us: int) -> str:
    """Take in what is new in the log, whose lock is held; return what hindered it, or nothing.

    Args:
        now_us: Microseconds since 1970.
    """
    try:
        _catch_up(paths, now_us, anew=False)
    except (IndelibleError, OSError) as exc:
        return str(exc)
    return ""


def rebuild(state: State, name: str, *, user: int, clock_us: Callable[[], int]) -> Manifest:
    """Throw away the query copy of a retention class, and make it anew from its log.

    Args:
        user: The effective uid; it must own the state.

        clock_us: Returns microseconds since 1970.

    Raises:
        StateError: If there is no such log, another process has it, or the copy cannot
            be written.

        FormatError: If the log cannot be read.
    """
    check_owner(state, user)
    paths = state.log(name)
    if not paths.directory.is_dir():
        raise StateError(f"no log {name!r}", hint="Nothing was collected yet: indelible collect.")
    made: list[Manifest] = []

    def work() -> None:
        made.append(_catch_up(paths, clock_us(), anew=not made))

    try:
        lock.run_exclusively(paths, work)
    except OSError as exc:
        hint = (
            "Nothing of the log is lost. Make room if there is none, else remove "
            f"{str(paths.index)!r}, and rebuild again."
        )
        raise StateError(f"cannot write the query copy of {name!r}: {exc}", hint=hint) from exc
    if not made:
        raise StateError(f"the log {name!r} is being collected", hint="Try again in a moment.")
    return made[-1]


def lag(state: State, name: str) -> Lag:
    """Return how far the query copy of a retention class is behind; what cannot be read is none."""
    paths = state.log(name)
    found = read_manifest(paths.index)
    try:
        note = files.read(paths.checkpoint)
        checkpoint = Checkpoint.parse(split_text(note)) if note is not None else None
    except (FormatError, OSError):
        checkpoint = None
    sealed = checkpoint.size if checkpoint else 0
    if found is None:
        return Lag(sealed, 0, 0, 0, 0)
    size = sum(part.bytes for part in found.parts)
    return Lag(sealed, found.leaves, found.rows, len(found.files), size)


def _catch_up(paths: LogPaths, now_us: int, *, anew: bool) -> Manifest:
    key = read_public(paths.vkey)
    if key is None:
        raise StateError(f"the log {paths.name!r} has no key", hint="indelible collect --once")
    reader = LogReader(paths.directory)
    return Keeper(paths.index, reader, key.name, now_us=now_us).catch_up(anew=anew)
