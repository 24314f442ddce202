"""What a `writers` note says of the log's files: made at the end of a run, compared in the next.

Whatever an edit, a deletion or an older copy changes in what these hashes cover is
noticed before anything is written. Format: docs/reference/format.md section 7.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

from indelible.errors import FormatError
from indelible.seal.journal import Read, Sealed
from indelible.store import bodies, segments
from indelible.store.segments import OpenSegment
from indelible.store.state import LogPaths

_SIZE_AT_START = re.compile(r"([0-9]{12})-.*")


def seal(paths: LogPaths, opened: OpenSegment, size: int) -> Sealed:
    """Return what to sign of the files of a log of *size* leaves, all others compressed.

    Raises:
        FormatError: If one is a link or no regular file.
    """
    segment = Read(opened.size_bytes, opened.sha256)
    return Sealed(
        opened.segment.first,
        segment,
        dict(_listings(paths, opened.segment.first, size, grown=False)),
    )


def differences(
    paths: LogPaths, sealed: Sealed, size: int, *, grown: bool
) -> Iterator[tuple[Path, str]]:
    """Yield the directories whose files are not those that were sealed at *size* leaves.

    Args:
        grown: Whether bodies may have come since, and files of them been closed.

    Raises:
        FormatError: If a file is a link or no regular file.
    """
    for name, digest in _listings(paths, sealed.first, size, grown=grown):
        if digest != sealed.listings[name]:
            what = (
                "names and sizes of the files here are not those that were sealed: one was "
                "removed, put in, cut or put back"
            )
            yield paths.directory / name, what


def prefix_differs(opened: OpenSegment, sealed: Read) -> str | None:
    """Return how a segment, read as far as it was sealed, differs from that; None if not."""
    if opened.size_bytes < sealed.size_bytes:
        told = f"{sealed.size_bytes} bytes were sealed, {opened.size_bytes} are here"
        return f"segment was cut: {told}"
    if opened.sha256 != sealed.sha256:
        return f"the first {sealed.size_bytes} bytes are not those that were sealed"
    return None


def _listings(paths: LogPaths, first: int, size: int, *, grown: bool) -> Iterator[tuple[str, str]]:
    yield "bodies", _digest(_bodies(paths.bodies, first, size, grown=grown))
    yield "quarantine", _digest(_quarantine(paths.quarantine, size))
    yield "segments", _digest(_segments(paths.segments, first))


def _digest(files: Iterator[tuple[str, int]]) -> str:
    lines = "".join(f"{name} {size}\n" for name, size in sorted(files))
    return sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


def _segments(directory: Path, first: int) -> Iterator[tuple[str, int]]:
    """Yield the segments before the one of leaf *first*."""
    for one in segments.list_segments(directory):
        if one.first < first:
            path = one.compressed if one.has_compressed else one.plain
            yield path.name, _size(path)


def _bodies(directory: Path, first: int, size: int, *, grown: bool) -> Iterator[tuple[str, int]]:
    """Yield the body files as they were at *size* leaves; the newest by its lines, for it grows."""
    places = bodies.list_places(directory)
    if grown:
        places = [one for one in places if one.first < first or _length(one, size)]
    closed = closed_bodies(places, first)
    for one in closed:
        path = one.compressed if one.has_compressed else one.plain
        yield path.name, _size(path)
    for one in places[len(closed) :]:
        yield one.plain.name, _length(one, size if grown else None)


def closed_bodies(places: Sequence[bodies.Place], first: int) -> Sequence[bodies.Place]:
    """Return which of *places*, in order, nobody adds to: not the newest segment's last day.

    Args:
        first: First leaf of that segment.
    """
    return places[:-1] if places and places[-1].first == first else places


def _length(place: bodies.Place, size: int | None) -> int:
    """Return how many bytes of lines below *size* there are, compressed or not; None: of all."""
    opened = bodies.BodyFile(place, bodies.Unpacked())
    return opened.size if size is None else opened.seek(size)


def _quarantine(directory: Path, size: int) -> Iterator[tuple[str, int]]:
    """Yield what was put into quarantine before there were *size* leaves."""
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return
    for name in names:
        match = _SIZE_AT_START.fullmatch(name)
        if match is not None and int(match[1]) < size:
            yield name, _size(directory / name)


def _size(path: Path) -> int:
    status = os.stat(path, follow_symlinks=False)
    if not stat.S_ISREG(status.st_mode):
        raise FormatError(f"not a regular file: {str(path)!r}")
    return status.st_size
