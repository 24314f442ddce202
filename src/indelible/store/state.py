"""The state directory: where it is, whose it is, and the path of every file in it.

Format: docs/reference/format.md section 1. Light on purpose: what takes the lock
imports this before anything heavy.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from indelible import durable
from indelible.errors import StateError
from indelible.place import state_directory

DEFAULT_CLASS = "default"
TAGS = "tags"
"""Name of the key in `keys/` that is no log's: emitters make keyed fingerprints with it."""

_CLASS = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


@dataclass(frozen=True, slots=True)
class LogPaths:
    """The paths of one log, and of the key that signs it."""

    name: str
    """The retention class."""
    directory: Path
    key: Path
    vkey: Path
    outside: Path
    outside_vkey: Path
    spool: Path
    index: Path
    """Directory of the query copy: derived from the log, and no part of it."""

    @property
    def lock(self) -> Path:
        """Held by whoever writes this log."""
        return self.directory / "lock"

    @property
    def again(self) -> Path:
        """The mark of a collector that did not get the lock."""
        return self.directory / "again"

    @property
    def segments(self) -> Path:
        """Directory of the segments."""
        return self.directory / "segments"

    @property
    def bodies(self) -> Path:
        """Directory of the bodies."""
        return self.directory / "bodies"

    @property
    def checkpoint(self) -> Path:
        """The newest checkpoint."""
        return self.directory / "checkpoint"

    @property
    def writers(self) -> Path:
        """How far each spool was read."""
        return self.directory / "writers"

    @property
    def intent(self) -> Path:
        """Stands while a batch is being written."""
        return self.directory / "intent"

    @property
    def quarantine(self) -> Path:
        """Bytes that a repair cut off."""
        return self.directory / "quarantine"


@dataclass(frozen=True, slots=True)
class State:
    """A state directory, and the directory outside it where checkpoints are copied to."""

    root: Path
    checkpoints: Path

    @property
    def keys(self) -> Path:
        """Directory of the keys."""
        return self.root / "keys"

    @property
    def spools(self) -> Path:
        """Directory of the spools, one directory a class."""
        return self.root / "spool"

    @property
    def logs(self) -> Path:
        """Directory of the logs, one directory a class."""
        return self.root / "log"

    @property
    def indexes(self) -> Path:
        """Directory of the query copies, one directory a class."""
        return self.root / "index"

    def log(self, name: str = DEFAULT_CLASS) -> LogPaths:
        """Return the paths of the log of one retention class.

        Raises:
            StateError: If *name* cannot be a retention class.
        """
        if not _CLASS.fullmatch(name):
            raise StateError(f"not a retention class: {name!r}", hint="Use a-z, 0-9 and hyphens.")
        return LogPaths(
            name=name,
            directory=self.logs / name,
            key=self.keys / f"{name}.key",
            vkey=self.keys / f"{name}.vkey",
            outside=self.checkpoints / f"{name}.checkpoint",
            outside_vkey=self.checkpoints / f"{name}.vkey",
            spool=self.spools / name,
            index=self.indexes / name,
        )

    def classes(self) -> list[str]:
        """Return every retention class with a spool or a log."""
        found = {*_directories(self.spools), *_directories(self.logs)}
        return sorted(one for one in found if _CLASS.fullmatch(one))

    def classes_outside(self) -> list[str]:
        """Return every retention class with a checkpoint kept outside the state."""
        return _with_suffix(self.checkpoints, ".checkpoint")

    def classes_with_keys(self) -> list[str]:
        """Return every retention class with a private or a public key."""
        found = {*_with_suffix(self.keys, ".key"), *_with_suffix(self.keys, ".vkey")}
        return sorted(found - {TAGS})  # the one key that signs nothing


def is_class(name: str) -> bool:
    """Return whether *name* can be a retention class."""
    return name != TAGS and _CLASS.fullmatch(name) is not None


def resolve(argument: str | Path | None, environment: Mapping[str, str]) -> State:
    """Return the state that *argument* (``--state``), else the environment, names.

    Raises:
        StateError: If nothing names one.
    """
    root = state_directory(argument, environment)
    outside = environment.get("INDELIBLE_CHECKPOINT_DIR")
    beside = root.parent / f"{root.name}.checkpoints"
    return State(root, Path(outside).absolute() if outside else beside)


def check_owner(state: State, user: int) -> None:
    """Refuse a state directory that is not *user*'s (an effective uid).

    Raises:
        StateError: If it is missing, no directory, or somebody else's.
    """
    try:
        found = os.stat(state.root)
    except OSError as exc:
        hint = "Nothing was recorded here yet, or --state is wrong."
        raise StateError(f"no state directory at {str(state.root)!r}", hint=hint) from exc
    if not stat.S_ISDIR(found.st_mode):
        raise StateError(f"not a directory: {str(state.root)!r}", hint="Give another --state.")
    if found.st_uid != user:
        raise StateError(
            f"state directory {str(state.root)!r} belongs to user {found.st_uid}",
            hint="Run as that user, or give another --state.",
        )


def prepare_log(state: State, name: str) -> LogPaths:
    """Make the directories of one log, so that its lock can be taken; return its paths."""
    paths = state.log(name)
    durable.make_directory(state.keys)
    for one in (paths.directory, paths.segments, paths.bodies, paths.quarantine):
        durable.make_directory(one)
    return paths


def prepare_outside(state: State) -> bool:
    """Make the directory for checkpoints outside the state; return whether it can be used."""
    try:
        durable.make_directory(state.checkpoints)
    except OSError:
        return False
    return os.access(state.checkpoints, os.W_OK | os.X_OK)


def _with_suffix(directory: Path, end: str) -> list[str]:
    """Return the retention classes that have a file with this suffix."""
    found = {one.removesuffix(end) for one in _names(directory) if one.endswith(end)}
    return sorted(one for one in found if _CLASS.fullmatch(one))


def _directories(directory: Path) -> list[str]:
    return [one for one in _names(directory) if (directory / one).is_dir()]


def _names(directory: Path) -> list[str]:
    try:
        return os.listdir(directory)
    except (FileNotFoundError, NotADirectoryError):
        return []
