"""Writing a log: batches in the order that makes every crash recognisable.

The order is that of docs/reference/format.md section 7; the log's lock is held
throughout. Every call may end in `OSError` (disk full, I/O error): what was durable
before stays, nothing is tried again here, and the next run recovers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from indelible import durable
from indelible.errors import FormatError, StateError, TamperedError
from indelible.model.canonical import format_time
from indelible.model.record import Reason, Record
from indelible.seal.journal import Intent, Writers, WriterState
from indelible.seal.merkle import Frontier
from indelible.seal.note import Checkpoint, SigningKey
from indelible.seal.segment import Scanner, encode_batch, leaf_line
from indelible.store import bodies, files, keys, packed, recovery, sealed, segments
from indelible.store.recovery import Residue
from indelible.store.segments import OpenSegment, Segment
from indelible.store.state import State, prepare_log, prepare_outside

_SIGNATURE_BYTES = 1024
"""More than a signature line of ours has."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A record on its way into the log, and how it came in."""

    record: Record
    peer: bytes


class LogWriter:
    """An open, recovered log; `append`, then `finish`, then `end`."""

    def __init__(
        self,
        state: State,
        name: str,
        random: Callable[[int], bytes],
        *,
        roll_bytes: int = segments.ROLL_BYTES,
    ) -> None:
        """Open the log of a retention class, made if there is none.

        Args:
            random: Returns that many random bytes; asked only when a key is made.

            roll_bytes: A segment of this size or more is closed, if it was not sooner.

        Raises:
            TamperedError: If what is stored differs from what was signed.

            StateError: If the directory for checkpoints outside is another log's.
        """
        self._paths = prepare_log(state, name)
        self._roll_bytes = roll_bytes
        self.outside = prepare_outside(state)
        """Whether checkpoints are kept outside the data directory too."""
        raw = recovery.read_notes(self._paths)
        new = recovery.is_new(self._paths, raw)
        self._key: SigningKey = keys.load_or_create(self._paths, random, is_new=new)
        # A crash here leaves a key and no log: the next run starts with that key.
        found = recovery.recover(self._paths, self._key, raw)
        self._clean(state)
        self.writers: Writers | None = found.notes.writers
        """The last `writers` note."""
        self.leaves: list[bytes] = found.leaves
        """Leaf lines that are in the log since that note was written."""
        self.residue: list[Residue] = found.residue
        """What is in quarantine since then; the caller appends a record for each without."""
        self.unfinished = found.notes.intent is not None
        """Whether `intent` stands: `finish` and `end` are due even if nothing is appended."""
        self._check_outside(is_new=new)
        self._since = self.writers.size if self.writers else 0
        self._frontier = found.frontier
        self._opened = found.opened
        self._outside_is_due = self.outside and raw.outside is None

    @property
    def size(self) -> int:
        """Leaves in the log."""
        return self._frontier.size

    @property
    def origin(self) -> str:
        """The log's name in its notes."""
        return self._key.name

    def append(self, entries: Sequence[Entry], received_at_us: int) -> list[bytes]:
        """Add one batch, durable; return its leaf lines.

        Raises:
            TamperedError: If the file does not hold what was just written to it.
        """
        self.begin()
        first = self._frontier.size
        place = self._place(bodies.day_of(format_time(received_at_us)))
        lines = [leaf_line(one.record.header, one.peer, received_at_us) for one in entries]
        body_lines = [
            bodies.encode_line(first + number, one.record.salt, one.record.body)
            for number, one in enumerate(entries)
        ]
        durable.append(place.plain, b"".join(body_lines))
        # A crash here leaves body lines beyond the tree; the next run cuts them.
        opened = self._opened
        assert opened is not None
        grown = self._frontier.copy()
        data = encode_batch(lines, grown)
        durable.append(opened.segment.plain, data)
        # A crash within leaves a torn tail, which the next run cuts; a crash here a whole
        # batch beyond the checkpoint, which the next run takes as its own.
        self._read_back(opened, len(data), grown)
        return lines

    def finish(
        self,
        states: Mapping[str, WriterState],
        collected_at_us: int,
        *,
        fewer: Callable[[], Mapping[str, WriterState]],
    ) -> None:
        """Sign what was appended, and keep how far each writer was read.

        Args:
            fewer: Returns the states that must be kept, if all are too many for a note.

        Raises:
            StateError: If they are too many too. What was appended is signed then, and
                `intent` stays: the next run goes on from here.
        """
        self.begin()
        checkpoint = Checkpoint(self._key.name, self.size, self._frontier.root())
        note = self._key.sign(checkpoint.format())
        if self.outside:
            durable.replace(self._paths.outside, note)
            # A crash here leaves the outside checkpoint newer: allowed while `intent`
            # stands, and the log holds its leaves. The next run signs again.
        durable.replace(self._paths.checkpoint, note)
        # A crash here leaves `writers` older: the next run replays the leaves since then.
        self._compress()
        # A crash here does too: it finds what was the open segment under another name.
        opened = self._opened
        self.writers = Writers(
            self._key.name,
            self.size,
            self.outside,
            collected_at_us,
            self._frontier.copy(),
            dict(states),
            sealed.seal(self._paths, opened, self.size) if opened is not None else None,
        )
        why = _why_unreadable(self.writers)
        if why is not None:
            self.writers = replace(self.writers, states=dict(fewer()))
            why = _why_unreadable(self.writers)
        if why is not None:
            raise _too_many(self.writers.states, why)
        durable.replace(self._paths.writers, self._key.sign(self.writers.format()))
        # A crash here leaves `intent`: the next run finds nothing to do but to remove it.
        self._outside_is_due = False

    def end(self) -> None:
        """Remove `intent`: from here on everything agrees exactly."""
        if self.unfinished:
            durable.remove(self._paths.intent)
            self.unfinished = False

    def keep(self, source: str, reason: Reason, data: bytes) -> Residue | None:
        """Put bytes of a spool into quarantine; None if this run finds them there already."""
        self.begin()
        return recovery.keep(self._paths, self._since, reason, data, source=source)
        # A crash here leaves a file without a record; the next run finds it by its name.

    @property
    def is_due(self) -> bool:
        """Whether `finish` has something to do though nothing was appended."""
        return self.size > 0 and (self.unfinished or self._outside_is_due)

    def begin(self) -> None:
        """Make `intent` durable, before anything else of a run is written."""
        if self.unfinished:
            return
        intent = Intent(self._key.name, self.size, self._frontier.root())
        durable.replace(self._paths.intent, self._key.sign(intent.format()))
        self.unfinished = True
        # A crash here leaves `intent` and nothing else: the next run goes on under it.

    def _place(self, day: str) -> bodies.Place:
        """Return where the bodies of the next batch go, in whose segment it will be."""
        opened = self._opened
        roll_bytes = min(self._roll_bytes, segments.roll_bytes(self.size))
        is_full = opened is not None and opened.size_bytes >= roll_bytes
        if opened is None or opened.segment.has_compressed or is_full:
            return self._next_segment(day)
        place = bodies.Place(self._paths.bodies, day, opened.segment.first)
        if place.compressed.exists():
            # The clock was put back: that day is closed in this segment.
            return self._next_segment(day)
        if place.plain.exists() and place.plain.stat().st_size >= bodies.ROLL_BYTES:
            return self._next_segment(day)
        return place

    def _next_segment(self, day: str) -> bodies.Place:
        self._opened = OpenSegment(Segment(self._paths.segments, self.size, True, False))  # noqa: FBT003
        return bodies.Place(self._paths.bodies, day, self.size)

    def _read_back(self, opened: OpenSegment, length: int, grown: Frontier) -> None:
        """Recompute the root from the file before anything is signed."""
        path, offset = opened.segment.plain, opened.size_bytes
        file = files.open_regular(path)
        data = b""
        if file is not None:
            try:
                data = os.pread(file.fd, length + 1, offset)
            finally:
                os.close(file.fd)
        scanner = Scanner(data, self._frontier.copy())
        whole = len(list(scanner.batches())) == 1 and scanner.tail is None
        if not whole or scanner.frontier.root() != grown.root():
            what = "the batch just written does not read back as it was"
            raise TamperedError(what, where=f"{path}, byte {offset}, leaf {self.size}")
        self._frontier = scanner.frontier
        opened.add(data)

    def _compress(self) -> None:
        """Replace by their compressed form: all plain files that nobody will add to."""
        for one in segments.list_segments(self._paths.segments)[:-1]:
            if one.has_plain:
                self._compress_one(one.plain, one.compressed, packed.LEAVES)
        if self._opened is None:
            return
        places = bodies.list_places(self._paths.bodies)
        for place in sealed.closed_bodies(places, self._opened.segment.first):
            if place.has_plain:
                self._compress_one(place.plain, place.compressed, packed.BODIES)

    def _compress_one(self, plain: Path, compressed: Path, gaps: packed.Gaps) -> None:
        data = files.read(plain, packed.MAX_BYTES)
        if data is None:
            return
        if not compressed.exists():
            durable.replace(compressed, packed.pack(data, gaps))
            # A crash here leaves both files with the same content; the next run goes on.
        try:
            stored = files.read(compressed, packed.MAX_BYTES)
            same = stored is not None and packed.unpack(stored, gaps, compressed.name) == data
        except FormatError:
            same = False
        if not same:
            what = "the compressed file differs from the plain one"
            raise TamperedError(what, where=str(compressed))
        durable.remove(plain)

    def _check_outside(self, *, is_new: bool) -> None:
        was_kept = self.writers is not None and self.writers.outside
        if self.outside:
            keys.keep_outside(self._paths, self._key, is_new=is_new, was_kept=was_kept)
        elif was_kept:
            raise StateError(
                f"checkpoints cannot be kept in {str(self._paths.outside.parent)!r} any more",
                hint="Make it writable again, or set INDELIBLE_CHECKPOINT_DIR as it was.",
            )

    def _clean(self, state: State) -> None:
        """Remove files that an earlier run of ours did not finish; nobody reads them."""
        own = self._paths
        for directory in (own.directory, own.segments, own.bodies, own.quarantine):
            durable.remove_all(sorted(directory.glob(".*.tmp")))
        for directory in (state.keys, state.checkpoints):
            durable.remove_all(sorted(directory.glob(f".{own.name}.*.tmp")))


def _too_many(states: Mapping[str, WriterState], why: str) -> StateError:
    """Return the refusal to sign a note that we could not read again: the log would be lost."""
    most = max(states.items(), key=lambda one: len(one[1].open), default=None)
    told = f" ({len(most[1].open)} calls of writer {most[0]} are open)" if most else ""
    return StateError(
        f"cannot keep how far the spools were read: {why}{told}",
        hint="End the servers whose calls stay open, move spools that you do not know out of "
        "the state, and collect again; what was sealed stays sealed.",
    )


def _why_unreadable(writers: Writers) -> str | None:
    """Return why a reader would refuse *writers*, signed; None if it would not."""
    text = writers.format()
    if len(text) > files.MAX_NOTE_BYTES - _SIGNATURE_BYTES:
        return f"a note of {len(text)} bytes"
    try:
        Writers.parse(text)
    except FormatError as exc:
        return str(exc)
    return None
