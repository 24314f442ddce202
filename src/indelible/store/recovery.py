"""What a writer does first: tell a crash's residue from tampering, and take it away.

Format: docs/reference/format.md section 7. It stops at tampering and repairs nothing then.
It looks at what came after the last `writers` note; the whole log is `store.check`'s.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path

from indelible import durable
from indelible.errors import FormatError, TamperedError
from indelible.model.record import Reason
from indelible.seal.merkle import Frontier
from indelible.seal.note import SigningKey
from indelible.seal.notes import Notes, RawNotes, judge_notes
from indelible.seal.segment import Scanner, Tail
from indelible.store import bodies, files, segments
from indelible.store.segments import Segment
from indelible.store.state import LogPaths

_KEPT = re.compile(
    r"([0-9]{12})-(torn-segment|torn-bodies|torn-spool|damaged-spool|different-hash)-"
    r"(?:([0-9a-f-]{36})\.[0-9]{6}(?:\.([0-9]{1,16}))?-)?([0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True)
class Residue:
    """Bytes that were put into `quarantine/` since the last `writers` note."""

    reason: Reason
    size_bytes: int
    sha256: str
    writer: str | None = None
    """Whose spool they are from."""
    seq: int | None = None
    """The number that came again with other content."""


@dataclass(slots=True)
class Found:
    """A log as recovery leaves it."""

    notes: Notes
    frontier: Frontier = field(default_factory=Frontier)
    leaves: list[bytes] = field(default_factory=list)
    """Leaf lines after the last `writers` note."""
    segment: Segment | None = None
    """The one to write to."""
    segment_bytes: int = 0
    residue: list[Residue] = field(default_factory=list)


@dataclass(slots=True)
class _Stretch:
    """What was read of one segment, from *start* on."""

    segment: Segment
    data: bytes
    start: int
    end: int
    tail: Tail | None


def read_notes(paths: LogPaths) -> RawNotes:
    """Return the notes of a log, in the order that `RawNotes` asks for.

    Raises:
        TamperedError: If one is a link or no regular file.
    """
    found = []
    for path in (paths.intent, paths.writers, paths.checkpoint, paths.outside):
        try:
            found.append(files.read(path))
        except FormatError as exc:
            raise TamperedError(str(exc), where=str(path)) from exc
    return RawNotes(*found)


def is_new(paths: LogPaths, raw: RawNotes) -> bool:
    """Return whether nothing was ever written to this log, as far as anything shows."""
    return raw == RawNotes(None, None, None, None) and not segments.list_segments(paths.segments)


def recover(paths: LogPaths, key: SigningKey, raw: RawNotes) -> Found:
    """Return the log as it stands in whole batches, a crash's residue taken away.

    Raises:
        TamperedError: If something differs that no crash can have left.
    """
    notes = judge_notes(raw, key.verifier)
    for name, what in notes.wrong:
        raise TamperedError(what, where=str(note_path(paths, name)))
    found = Found(notes)
    if notes.writers is not None:
        found.frontier = notes.writers.frontier.copy()
    since = found.frontier.size
    stretches = _scan(paths, found)
    if notes.intent is None:
        return found
    _write_again(stretches)
    _cut_segment(paths, stretches, found, since)
    _cut_bodies(paths, found.frontier.size, since)
    found.residue = _residue(paths, since)
    return found


def note_path(paths: LogPaths, name: str) -> Path:
    """Return the file of a note by the name that `judge_notes` gives it."""
    return paths.outside if name == "outside" else paths.directory / name


def _scan(paths: LogPaths, found: Found) -> list[_Stretch]:
    """Run over what follows the `writers` note; move *found* to the last whole batch."""
    unfinished = found.notes.intent is not None
    roots = {found.frontier.size: found.frontier.root()}
    since = found.frontier.size
    stretches: list[_Stretch] = []
    listing = _from(paths, since)
    for number, segment in enumerate(listing):
        stretch = _open_stretch(segment, found.frontier, is_first=number == 0)
        scanner = Scanner(stretch.data, found.frontier, start=stretch.start)
        for batch in scanner.batches():
            roots[batch.size] = batch.root
            found.leaves.extend(batch.leaves)
            stretch.end = batch.end
        found.frontier = scanner.frontier
        stretch.tail = scanner.tail
        stretches.append(stretch)
        tail = scanner.tail
        may_be_torn = unfinished and number == len(listing) - 1 and not segment.has_compressed
        if tail is not None and not (may_be_torn and tail.torn):
            where = f"{segment.path}, byte {tail.start}, leaf {found.frontier.size}"
            raise TamperedError(tail.what, where=where)
        found.segment, found.segment_bytes = segment, stretch.end
    _compare(paths, found, roots, since)
    return stretches


def _compare(paths: LogPaths, found: Found, roots: dict[int, bytes], since: int) -> None:
    """Compare the roots that notes say with those of the log."""
    size = found.frontier.size
    for at, (name, root) in found.notes.roots.items():
        if at < since or roots.get(at) == root:
            continue
        what = f"log of {size} leaves does not have the root that {name!r} says for {at}"
        raise TamperedError(what, where=str(note_path(paths, name)))
    if found.notes.intent is None and size != found.notes.size:
        what = f"log of {size} leaves, checkpoint of {found.notes.size}"
        raise TamperedError(what, where=str(paths.segments))


def _from(paths: LogPaths, since: int) -> list[Segment]:
    """Return the segments from the one on that leaf *since* belongs to."""
    listing = segments.list_segments(paths.segments)
    starts = [number for number, one in enumerate(listing) if one.first <= since]
    if not starts and (listing or since):
        where = str(listing[0].path if listing else paths.segments)
        raise TamperedError(f"no segment holds leaf {max(since - 1, 0)}", where=where)
    return listing[starts[-1] :] if starts else []


def _open_stretch(segment: Segment, frontier: Frontier, *, is_first: bool) -> _Stretch:
    """Return a segment's bytes, and where in them the leaf after *frontier* starts."""
    try:
        data = segments.read_segment(segment)
    except FormatError as exc:
        raise TamperedError(str(exc), where=str(segment.path)) from exc
    if segment.first == frontier.size:
        return _Stretch(segment, data, 0, 0, None)
    # The first one holds older batches too: the last of them ends in the line that
    # gives the root we know.
    known = b',"n":%d,"root":"%s"}}\n' % (frontier.size, frontier.root().hex().encode())
    at = data.find(known) if is_first else -1
    if at < 0:
        what = f"segment has no batch that ends at leaf {frontier.size}"
        raise TamperedError(what, where=str(segment.path))
    return _Stretch(segment, data, at + len(known), at + len(known), None)


def _write_again(stretches: list[_Stretch]) -> None:
    """Make sure of whole batches whose fsync we cannot know to have succeeded.

    Of the bodies' we know: had it failed, no batch would have been written.
    """
    for one in stretches:
        if one.segment.has_plain and one.end > one.start:
            durable.write_again(one.segment.plain, one.start, one.data[one.start : one.end])


def _cut_segment(paths: LogPaths, stretches: list[_Stretch], found: Found, since: int) -> None:
    """Move a torn tail to quarantine."""
    if not stretches:
        return
    last = stretches[-1]
    if last.tail is not None:
        keep(paths, since, Reason.TORN_SEGMENT, last.data[last.end :])
        # A crash here leaves the tail in both places; the next run finds it again.
        durable.truncate(last.segment.plain, last.end)
    if last.end == 0 and last.segment.has_plain:
        # Nothing whole is in it: the batch that was to open it never came to be.
        durable.remove(last.segment.plain)
        found.segment, found.segment_bytes = None, 0
        if len(stretches) > 1:
            found.segment, found.segment_bytes = stretches[-2].segment, stretches[-2].end


def _cut_bodies(paths: LogPaths, size: int, since: int) -> None:
    """Move body lines that no leaf stands for to quarantine."""
    for day in bodies.list_days(paths.bodies):
        path = bodies.path_of(paths.bodies, day)
        try:
            opened = bodies.BodyFile(path)
        except FormatError as exc:
            raise TamperedError(str(exc), where=str(path)) from exc
        try:
            cut, total = _body_cut(opened, size), opened.size
            torn = b"".join(line + b"\n" * whole for _, line, whole in opened.lines(cut))
        finally:
            opened.close()
        if cut < total:
            keep(paths, since, Reason.TORN_BODIES, torn)
            # A crash here leaves the lines in both places; the next run finds them again.
            durable.truncate(path, cut)
        if cut == 0:
            durable.remove(path)


def _body_cut(opened: bodies.BodyFile, size: int) -> int:
    """Return where the residue at the end of a body file starts."""
    cut = opened.size
    for start, line, whole in opened.last_lines():
        parsed = bodies.parse_line(line) if whole else None
        if parsed is not None and parsed.index < size:
            return cut
        cut = start
    return cut


def keep(
    paths: LogPaths, since: int, reason: Reason, data: bytes, *, source: str = ""
) -> Residue | None:
    """Put *data* into quarantine, durable; return None if it is there already.

    The name says since which `writers` note it is here: a file without a record is then
    known for one of a run that was cut short.

    Args:
        since: Size in the last `writers` note.

        source: ``WRITER.PART``, or ``WRITER.PART.SEQ``, for bytes out of a spool.
    """
    digest = hashlib.sha256(data).hexdigest()
    origin = f"{source}-" if source else ""
    name = f"{since:012d}-{reason.value}-{origin}{digest}"
    if not durable.create(paths.quarantine / name, data):
        return None
    return _parse_name(name, len(data))


def _parse_name(name: str, size_bytes: int) -> Residue | None:
    match = _KEPT.fullmatch(name)
    if match is None:
        return None
    seq = int(match[4]) if match[4] is not None else None
    return Residue(Reason(match[2]), size_bytes, match[5], match[3], seq)


def _residue(paths: LogPaths, since: int) -> list[Residue]:
    """Return what was put into quarantine since then, just now and by runs cut short."""
    found = (
        _parse_name(path.name, path.stat().st_size)
        for path in sorted(paths.quarantine.glob(f"{since:012d}-*"))
    )
    return [one for one in found if one is not None]
