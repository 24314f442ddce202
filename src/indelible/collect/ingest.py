"""One run over the spools of one class: each record into the log exactly once.

Killed at any instant, the next run goes on: a record is in the log or still in its
spool, and where it is in both, its number and hash tell. The log's lock is held.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha256

from indelible import durable
from indelible.collect.accept import accept
from indelible.collect.batch import Batches
from indelible.collect.history import History
from indelible.collect.report import Collected
from indelible.errors import FormatError
from indelible.model.canonical import uuid7_time
from indelible.model.frame import Damage, Frames, decode_frames, encode_frame
from indelible.model.record import ControlKind, Reason, Record
from indelible.seal.journal import Book, Read, WriterState
from indelible.seal.segment import spool_peer
from indelible.store import spools
from indelible.store.log import LogWriter
from indelible.store.recovery import Residue
from indelible.store.spools import Part, Spool
from indelible.store.state import State

_DAY_US = 86_400_000_000


class Ingest:
    """One run; made, run once, and thrown away."""

    def __init__(
        self,
        state: State,
        name: str,
        *,
        user: int,
        clock_us: Callable[[], int],
        random: Callable[[int], bytes],
        roll_bytes: int,
    ) -> None:
        self._paths = state.log(name)
        self._user = user
        self._log = LogWriter(state, name, random, roll_bytes=roll_bytes)
        self._now_us = clock_us()
        noted = self._log.writers
        self._noted = dict(noted.states) if noted else {}
        self._collected_at_us = noted.collected_at_us if noted else -1
        self._book = Book(self._noted)
        self._history = History(self._log.leaves, self._book)
        self._batches = Batches(self._log, self._book, clock_us=clock_us, random=random)
        self._listing: dict[str, list[Part]] = {}
        self._finished: list[Spool] = []
        self._moved = False
        self._result = Collected(name, ran=True)

    def run(self) -> Collected:
        """Seal what the spools hold; see format.md section 7 for the order."""
        for one in self._log.residue:
            key = one.writer, one.sha256
            if self._history.recorded[key]:
                self._history.recorded[key] -= 1
            else:
                self._tell(one)
        self._listing, dead = spools.dead_writers(self._paths.spool)
        for writer, parts in self._listing.items():
            self._take_writer(writer, parts, is_dead=writer in dead)
        for writer, state in list(self._book.states.items()):
            if writer not in self._listing:
                # Its spool is gone, and not by us: nobody else will close these.
                self._close_all(writer, state)
        self._batches.flush()
        if self._batches.appended or self._moved or self._log.is_due:
            self._log.finish(self._states(), self._newest_us(), fewer=self._unfinished)
        self._remove_finished()
        self._log.end()
        return self._report()

    def _report(self) -> Collected:
        result = self._result
        result.sealed = self._batches.appended
        result.size = self._log.size
        result.origin = self._log.origin
        result.outside = self._log.outside
        return result

    def _may_be_old(self, writer: str) -> bool:
        """Return whether the log may hold *writer* though no note tells of it."""
        if writer in self._noted or self._collected_at_us < 0:
            return False
        if self._history.is_searched(writer):
            return False
        made_us = uuid7_time(writer)
        return made_us <= self._collected_at_us or made_us > self._now_us + _DAY_US

    def _search(self) -> None:
        self._batches.flush()
        found = self._history.search(self._paths.directory, self._listing)
        for writer, state in found.items():
            if writer not in self._noted:
                state.read = self._book.get(writer).read
                self._book.states[writer] = state

    def _take_writer(self, writer: str, parts: list[Part], *, is_dead: bool) -> None:
        whole = True
        for part in parts:
            newest = part is parts[-1]
            try:
                spool = spools.read_spool(part, self._user)
            except (FormatError, OSError) as exc:
                self._result.refused.append((part.path, str(exc)))
                whole = False
                continue
            if spool is None:
                continue
            finished = is_dead or not newest
            torn = Reason.TORN_SPOOL if newest else Reason.DAMAGED_SPOOL
            self._take_spool(spool, torn if finished else None)
            if finished:
                self._finished.append(spool)
        if is_dead and whole:
            self._close_all(writer, self._book.get(writer))

    def _take_spool(self, spool: Spool, torn: Reason | None) -> None:
        """Take what is new in one spool file.

        Args:
            torn: What damage at its end is; None while its writer may still go on there.
        """
        part = spool.part
        if spool.data and self._may_be_old(part.writer):
            # It is here again though it was let go, or had nothing in it until now.
            self._search()
        state = self._book.get(part.writer)
        start = self._start(state.read.get(part.number), spool.data)
        fresh = spool.data[start:]
        frames = decode_frames(fresh)
        end = len(spool.data)
        damage = list(frames.damage)
        if damage and damage[-1].torn and torn is None:
            end = start + damage.pop().start
        bad = self._take_records(part, frames, spool_peer(spool.uid))
        self._quarantine(part, [fresh[one.start : one.end] for one in damage] + bad, damage, torn)
        if end > start:
            digest = sha256(spool.data[:end]).hexdigest()
            self._book.get(part.writer).read[part.number] = Read(end, digest)
            self._moved = True

    def _start(self, read: Read | None, data: bytes) -> int:
        """Return where in a spool file the records start that were not read before."""
        if read is None:
            return 0
        if sha256(data[: read.size_bytes]).hexdigest() == read.sha256:
            return read.size_bytes
        # It is not the file we read. What is in the log already must be compared.
        return 0

    def _take_records(self, part: Part, frames: Frames, peer: bytes) -> list[bytes]:
        """Add the records; return the frames of those that are none by their content."""
        bad: list[bytes] = []
        for record in frames.records:
            header = accept(record, part.writer)
            if header is None:
                bad.append(encode_frame(record))
                continue
            seq = header["seq"]
            assert isinstance(seq, int)
            if self._is_new(part, seq, record):
                self._batches.add(record, header, peer)
                self._history.note(part.writer, seq, sha256(record.header).digest())
        return bad

    def _is_new(self, part: Part, seq: int, record: Record) -> bool:
        """Return whether a record is to be added; say so where numbers are missing."""
        writer = part.writer
        expected = self._book.get(writer).next
        if seq > expected:
            self._result.gaps += 1
            self._batches.control(
                ControlKind.GAP,
                Reason.MISSING_SEQ,
                ofWriter=writer,
                firstSeq=expected,
                lastSeq=seq - 1,
                count=seq - expected,
            )
        if seq >= expected:
            return True
        known = self._history.digest(writer, seq)
        if known is None and not self._history.is_searched(writer):
            self._search()
            known = self._history.digest(writer, seq)
        if known is None:
            # A number that was given up as missing has come after all.
            return True
        if known == sha256(record.header).digest():
            self._result.duplicates += 1
        else:
            self._result.conflicts += 1
            source = f"{part.path.name}.{seq}"
            self._tell(self._log.keep(source, Reason.DIFFERENT_HASH, encode_frame(record)))
        return False

    def _quarantine(
        self, part: Part, pieces: list[bytes], damage: list[Damage], torn: Reason | None
    ) -> None:
        """Keep what is no record, and add a record that says so."""
        if not pieces:
            return
        only_torn = len(pieces) == 1 and bool(damage) and damage[0].torn
        reason = torn if only_torn and torn is not None else Reason.DAMAGED_SPOOL
        self._result.damaged += 1
        self._tell(self._log.keep(part.path.name, reason, b"".join(pieces)))

    def _tell(self, residue: Residue | None) -> None:
        """Add the record of what went to quarantine, unless there is one already."""
        if residue is None:
            return
        fields: dict[str, int | str] = {"sha256": residue.sha256}
        if residue.writer is not None:
            fields["ofWriter"] = residue.writer
        if residue.reason is Reason.DIFFERENT_HASH:
            fields["firstSeq"] = residue.seq or 0
            self._batches.control(ControlKind.CONFLICT, residue.reason, **fields)
        else:
            fields["bytes"] = residue.size_bytes
            self._batches.control(ControlKind.RECOVERED, residue.reason, **fields)

    def _close_all(self, writer: str, state: WriterState) -> None:
        for seq in sorted(state.open):
            self._batches.close(writer, seq)
            self._result.closed += 1

    def _states(self) -> dict[str, WriterState]:
        """Return what there is to say of the writers whose spools are here."""
        found = {}
        for writer, parts in self._listing.items():
            state = self._book.get(writer)
            here = {part.number for part in parts}
            read = {number: one for number, one in state.read.items() if number in here}
            if state.next or state.open or read:
                found[writer] = WriterState(state.next, state.open, read)
        return found

    def _unfinished(self) -> dict[str, WriterState]:
        """Return the states without those of spool files that are about to be removed.

        If a crash leaves one of them here, it is compared with the log, record by record.
        """
        gone = {(one.part.writer, one.part.number) for one in self._finished}
        found = {}
        for writer, state in self._states().items():
            stay = {one.number for one in self._listing[writer] if (writer, one.number) not in gone}
            if stay:
                read = {number: one for number, one in state.read.items() if number in stay}
                found[writer] = WriterState(state.next, state.open, read)
        return found

    def _newest_us(self) -> int:
        """Return a time that no writer seen so far is newer than, but for a broken clock."""
        made = (uuid7_time(one) for one in self._listing)
        seen = [one for one in made if one <= self._now_us + _DAY_US]
        return max([self._collected_at_us, self._now_us, *seen])

    def _remove_finished(self) -> None:
        """Remove spool files that are wholly in the log and that nobody will write to."""
        gone = [one.part.path for one in self._finished if _is_as_read(one)]
        durable.remove_all(gone)


def _is_as_read(spool: Spool) -> bool:
    try:
        now = os.stat(spool.part.path, follow_symlinks=False)
    except OSError:
        return False
    return (now.st_dev, now.st_ino) == spool.inode and now.st_size == len(spool.data)
