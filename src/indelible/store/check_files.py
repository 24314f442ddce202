"""Comparing which files there are with which there may be; keys and quarantine by content."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from indelible.errors import FormatError
from indelible.seal.journal import Sealed
from indelible.seal.note import VerifierKey
from indelible.store import bodies, files, keys, sealed, segments
from indelible.store.segments import OpenSegment, Segment
from indelible.store.state import LogPaths, State, is_class

MAX_QUARANTINE_BYTES = 128 << 20
"""No spool and no segment that a piece can be of is larger than half of it."""

_LOG_NAMES = frozenset("lock again segments bodies checkpoint writers intent quarantine".split())
_STATE_NAMES = frozenset("keys reserve spool log index".split())
_KEY_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}\.v?key")
_QUARANTINE_NAME = re.compile(r".*-([0-9a-f]{64})")


def strangers(state: State, paths: LogPaths) -> Iterator[tuple[Path, str]]:
    """Yield each entry of a log's directories that nothing of ours puts there."""
    for directory, is_ours in (
        (paths.directory, _LOG_NAMES.__contains__),
        (paths.segments, segments.is_segment_name),
        (paths.bodies, bodies.is_body_name),
        (paths.quarantine, lambda name: _QUARANTINE_NAME.fullmatch(name) is not None),
        (state.keys, lambda name: _KEY_NAME.fullmatch(name) is not None),
    ):
        for entry in _entries(directory):
            if not is_ours(entry.name) and not files.is_temporary(entry.name):
                yield Path(entry.path), "a file that does not belong here"
            elif entry.is_symlink():
                yield Path(entry.path), "a symbolic link"
    for entry in _entries(state.logs):
        if entry.is_symlink() or not entry.is_dir():
            yield Path(entry.path), "not a log's directory"
    for directory in (state.keys, state.logs, state.spools, paths.spool):
        if directory.is_symlink():
            yield directory, "a symbolic link"


def unknown(state: State) -> Iterator[str]:
    """Yield a remark on each file that is not in the way and that nothing of ours puts there."""
    for entry in _entries(state.root):
        if entry.name not in _STATE_NAMES:
            yield f"{entry.path}: not a file of ours; nothing reads it"
    for entry in _entries(state.spools):
        if not is_class(entry.name) or entry.is_symlink() or not entry.is_dir():
            yield f"{entry.path}: not a spool directory; nothing reads it"
    for name in state.classes():
        paths = state.log(name)
        for path in (paths.lock, paths.again):
            if path.exists() and not path.is_file():
                yield f"{path}: not a regular file; a collection may fail"
            elif path.is_file() and path.lstat().st_size:
                yield f"{path}: has content, which nothing reads"


def remarks(state: State, paths: LogPaths) -> Iterator[str]:
    """Yield what is worth a remark: wide permissions, unfinished files."""
    wide: list[str] = []
    for directory in (
        *(state.root, state.keys, state.checkpoints, paths.directory),
        *(paths.segments, paths.bodies, paths.quarantine, paths.spool),
    ):
        if directory.is_dir() and stat.S_IMODE(directory.stat().st_mode) & 0o077:
            wide.append(str(directory))
        if directory in (state.root, state.checkpoints):
            continue
        for entry in _entries(directory):
            if files.is_temporary(entry.name) and directory != paths.spool:
                yield f"{entry.path}: a file that was not finished; nothing reads it"
            if _is_wide(entry):
                wide.append(entry.path)
    if wide:
        more = f" and {len(wide) - 1} more" if len(wide) > 1 else ""
        yield f"{wide[0]}{more}: others than the owner have rights to it"


def verifier(
    paths: LogPaths, pinned: VerifierKey | None, *, is_new: bool
) -> tuple[VerifierKey | None, list[tuple[Path, str]], list[str]]:
    """Return the key to verify with, what is wrong with the key files, and remarks.

    Args:
        pinned: The key that the caller trusts.

        is_new: Whether nothing was signed yet: files may be missing then.
    """
    wrong: list[tuple[Path, str]] = []
    notes: list[str] = []
    public = _read(paths.vkey, wrong, is_new=is_new)
    outside = _read(paths.outside_vkey, wrong, is_new=True)
    private = _private(paths, wrong, notes, may_miss=is_new or pinned is not None)
    key = pinned or public or outside or private
    for path, one in ((paths.vkey, public), (paths.outside_vkey, outside), (paths.key, private)):
        if one is not None and one != key:
            wrong.append((path, f"another key ({one.name}) than the log's ({key and key.name})"))
    return key, wrong, notes


def quarantine(paths: LogPaths) -> Iterator[tuple[Path, str, bool]]:
    """Yield path, SHA-256 by its name, and whether its content has it, of each file kept."""
    for entry in _entries(paths.quarantine):
        match = _QUARANTINE_NAME.fullmatch(entry.name)
        if match is None or files.is_temporary(entry.name):
            continue
        path = Path(entry.path)
        try:
            found = files.digest(path, MAX_QUARANTINE_BYTES)
        except FormatError:
            found = None
        yield path, match[1], found == match[1]


def unlike(paths: LogPaths, noted: Sealed, size: int) -> Iterator[tuple[Path, str]]:
    """Yield the files and directories that `writers`, of *size* leaves, tells otherwise."""
    kinds = True, True
    opened = OpenSegment(Segment(paths.segments, noted.first, *kinds))
    try:
        data = segments.read_segment(opened.segment)
    except FormatError as exc:
        yield opened.segment.path, str(exc)
    else:
        opened.add(memoryview(data)[: noted.segment.size_bytes])
        what = sealed.prefix_differs(opened, noted.segment)
        if what is not None:
            yield opened.segment.path, what
    try:
        # A collection that goes on meanwhile adds to the bodies.
        yield from sealed.differences(paths, noted, size, grown=True)
    except FormatError as exc:
        yield paths.directory, str(exc)


def _private(
    paths: LogPaths, wrong: list[tuple[Path, str]], notes: list[str], *, may_miss: bool
) -> VerifierKey | None:
    try:
        private = keys.read_private(paths.key)
    except PermissionError:
        notes.append(f"{paths.key}: not ours to read, so not compared with the public key")
        return None
    except FormatError as exc:
        wrong.append((paths.key, str(exc)))
        return None
    if private is None:
        if may_miss:
            notes.append(f"{paths.key}: the private key is not here")
        else:
            wrong.append((paths.key, "the private key is missing"))
        return None
    return private.verifier


def _read(path: Path, wrong: list[tuple[Path, str]], *, is_new: bool) -> VerifierKey | None:
    try:
        key = keys.read_public(path)
    except FormatError as exc:
        wrong.append((path, str(exc)))
        return None
    if key is None and not is_new:
        wrong.append((path, "the public key is missing"))
    return key


def _entries(directory: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as found:
            return sorted(found, key=lambda one: one.name)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_wide(entry: os.DirEntry[str]) -> bool:
    try:
        status = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return False
    return not stat.S_ISLNK(status.st_mode) and bool(stat.S_IMODE(status.st_mode) & 0o077)
