"""What a writer does first: tell a crash's residue from tampering, and take it away.

Format: docs/reference/format.md section 7. It stops at tampering and repairs nothing then.
It reads what came after the last `writers` note, and compares the files before it with what
that note says of them; the whole log is `store.check`'s.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from indelible import durable
from indelible.errors import FormatError, TamperedError
from indelible.model.record import Reason
from indelible.seal.journal import Sealed
from indelible.seal.merkle import Frontier
from indelible.seal.note import SigningKey
from indelible.seal.notes import Notes, RawNotes, judge_notes
from indelible.seal.segment import Scanner, Tail
from indelible.store import bodies, files, sealed, segments
from indelible.store.segments import OpenSegment, Segment
from indelible.store.state import LogPaths

_HINT = "Run `indelible verify`: it names the first place that is wrong."

MAX_RESIDUE_BYTES = 64 << 20
"""No batch, and so no write that was cut short, comes near this."""

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
    opened: OpenSegment | None = None
    """The segment to write to."""
    residue: list[Residue] = field(default_factory=list)


@dataclass(slots=True)
class _Stretch:
    """What was read of one segment, from *start* on."""

    opened: OpenSegment
    """As far as the last whole batch."""
    data: bytes
    start: int
    tail: Tail | None = None

    @property
    def segment(self) -> Segment:
        return self.opened.segment

    @property
    def end(self) -> int:
        return self.opened.size_bytes


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
        raise TamperedError(what, where=str(note_path(paths, name)), hint=_HINT)
    found = Found(notes)
    _compare_files(paths, notes)
    if notes.writers is not None:
        found.frontier = notes.writers.frontier.copy()
    since = found.frontier.size
    stretches = _scan(paths, found)
    if notes.intent is None:
        return found
    _write_again(stretches)
    _cut_segment(paths, stretches, found, since)
    noted = notes.writers.sealed if notes.writers is not None else None
    _cut_bodies(paths, found.frontier.size, since, noted.first if noted is not None else 0)
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
    noted = found.notes.writers.sealed if found.notes.writers is not None else None
    listing = _from(paths, noted)
    for number, segment in enumerate(listing):
        stretch = _open_stretch(segment, found.frontier, noted if number == 0 else None)
        if not stretch.data and not unfinished:
            raise TamperedError("segment is empty", where=str(segment.path), hint=_HINT)
        scanner = Scanner(stretch.data, found.frontier, start=stretch.start)
        for batch in scanner.batches():
            roots[batch.size] = batch.root
            found.leaves.extend(batch.leaves)
            stretch.opened.add(memoryview(stretch.data)[stretch.end : batch.end])
        found.frontier = scanner.frontier
        stretch.tail = scanner.tail
        stretches.append(stretch)
        tail = scanner.tail
        may_be_torn = unfinished and number == len(listing) - 1 and not segment.has_compressed
        if tail is not None and not (may_be_torn and tail.torn):
            where = f"{segment.path}, byte {tail.start}, leaf {found.frontier.size}"
            raise TamperedError(tail.what, where=where, hint=_HINT)
        found.opened = stretch.opened
    _compare(paths, found, roots, since)
    return stretches


def _compare(paths: LogPaths, found: Found, roots: dict[int, bytes], since: int) -> None:
    """Compare the roots that notes say with those of the log."""
    size = found.frontier.size
    for at, (name, root) in found.notes.roots.items():
        if at < since or roots.get(at) == root:
            continue
        what = f"log of {size} leaves does not have the root that {name!r} says for {at}"
        raise TamperedError(what, where=str(note_path(paths, name)), hint=_HINT)
    if found.notes.intent is None and size != found.notes.size:
        what = f"log of {size} leaves, checkpoint of {found.notes.size}"
        raise TamperedError(what, where=str(paths.segments), hint=_HINT)


def _compare_files(paths: LogPaths, notes: Notes) -> None:
    """Compare what costs no reading: which files there are, and how long they are."""
    noted = notes.writers
    try:
        if noted is not None and noted.sealed is not None:
            grown = notes.intent is not None
            for path, what in sealed.differences(paths, noted.sealed, noted.size, grown=grown):
                raise TamperedError(what, where=str(path), hint=_HINT)
        for path in _unlike_twins(paths):
            what = "the compressed file differs from the plain one"
            raise TamperedError(what, where=str(path), hint=_HINT)
    except FormatError as exc:
        raise TamperedError(str(exc), where=str(paths.directory), hint=_HINT) from exc


def _unlike_twins(paths: LogPaths) -> Iterator[Path]:
    """Yield the compressed files that stand beside a plain one with other lines."""
    for one in segments.list_segments(paths.segments):
        both = one.has_plain and one.has_compressed
        if both and segments.read_compressed(one) != files.read(one.plain, segments.MAX_BYTES):
            yield one.compressed
    for place in bodies.list_places(paths.bodies):
        both = place.has_plain and place.has_compressed
        if both and bodies.read_compressed(place) != files.read(place.plain, bodies.MAX_BYTES):
            yield place.compressed


def _from(paths: LogPaths, noted: Sealed | None) -> list[Segment]:
    """Return the segments from the one on that was the newest when `writers` was written."""
    listing = segments.list_segments(paths.segments)
    if noted is None:
        return listing
    later = [one for one in listing if one.first >= noted.first]
    if not later or later[0].first != noted.first:
        where = str(Segment(paths.segments, noted.first, True, False).plain)  # noqa: FBT003
        raise TamperedError("the newest segment is missing", where=where, hint=_HINT)
    return later


def _open_stretch(segment: Segment, frontier: Frontier, noted: Sealed | None) -> _Stretch:
    """Return a segment's bytes, and where in them the leaf after *frontier* starts."""
    try:
        data = segments.read_segment(segment)
    except FormatError as exc:
        raise TamperedError(str(exc), where=str(segment.path), hint=_HINT) from exc
    opened = OpenSegment(segment)
    if noted is not None:
        opened.add(memoryview(data)[: noted.segment.size_bytes])
        what = sealed.prefix_differs(opened, noted.segment)
        if what is not None:
            raise TamperedError(what, where=str(segment.path), hint=_HINT)
    elif segment.first != frontier.size:
        what = f"segment starts at leaf {segment.first}, the log goes on at {frontier.size}"
        raise TamperedError(what, where=str(segment.path), hint=_HINT)
    return _Stretch(opened, data, opened.size_bytes)


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
        found.opened = stretches[-2].opened if len(stretches) > 1 else None


def _cut_bodies(paths: LogPaths, size: int, since: int, oldest: int) -> None:
    """Move body lines that no leaf stands for to quarantine.

    Args:
        oldest: First leaf of the segment that was the newest when `writers` was written:
            files of earlier ones were closed by then.
    """
    unpacked = bodies.Unpacked()
    for place in bodies.list_places(paths.bodies):
        if not place.has_plain and place.first < oldest:
            continue
        path = place.path
        try:
            opened = bodies.BodyFile(place, unpacked)
            cut = _body_cut(opened, size)
        except FormatError as exc:
            raise TamperedError(str(exc), where=str(path)) from exc
        if cut + MAX_RESIDUE_BYTES < opened.size:
            what = f"{opened.size - cut} bytes after the last body: more than a crash leaves"
            raise TamperedError(what, where=str(path), hint=_HINT)
        if place.has_compressed:
            if cut < opened.size or cut == 0:
                what = "no leaf stands for the end of a file that was closed"
                raise TamperedError(what, where=str(path), hint=_HINT)
            continue
        if cut < opened.size:
            keep(paths, since, Reason.TORN_BODIES, opened.read(cut, opened.size - cut))
            # A crash here leaves the lines in both places; the next run finds them again.
            durable.truncate(path, cut)
        if cut == 0:
            durable.remove(path)


def _body_cut(opened: bodies.BodyFile, size: int) -> int:
    """Return where the residue at the end of a body file starts."""
    cut = opened.size
    for start, line, whole in opened.last_lines():
        if start + MAX_RESIDUE_BYTES < opened.size:
            return start
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
