"""What goes into the log: gathered into batches, with the collector's own records among it."""

from __future__ import annotations

import json
from collections.abc import Callable

from indelible.model.canonical import UUID7_RANDOM_BYTES, Json, uuid7
from indelible.model.record import SALT_BYTES, ControlKind, Reason, Record, Stamp, control
from indelible.seal.abandoned import abandoned
from indelible.seal.journal import Book
from indelible.seal.segment import COLLECTOR
from indelible.store.log import Entry, LogWriter

MAX_RECORDS = 1000
MAX_BYTES = 4 << 20


class Batches:
    """Adds records to a log, batch by batch, and keeps the book of writers beside it.

    The collector is a writer too: a new one each run, its numbers without holes.
    """

    def __init__(
        self,
        log: LogWriter,
        book: Book,
        *,
        clock_us: Callable[[], int],
        random: Callable[[int], bytes],
    ) -> None:
        self.appended = 0
        """Records added in this run."""
        self._log = log
        self._book = book
        self._clock_us = clock_us
        self._random = random
        self._writer = uuid7(clock_us(), random(UUID7_RANDOM_BYTES))
        self._next = 0
        self._entries: list[Entry] = []
        self._bytes = 0

    def add(self, record: Record, header: dict[str, Json], peer: bytes) -> None:
        """Add a record whose header is *header*; it is durable once `flush` returned."""
        self._book.apply(header, from_collector=peer is COLLECTOR)
        self._entries.append(Entry(record, peer))
        self._bytes += len(record.header) + len(record.body)
        self.appended += 1
        if len(self._entries) >= MAX_RECORDS or self._bytes >= MAX_BYTES:
            self.flush()

    def control(self, kind: ControlKind, reason: Reason, **fields: int | str) -> None:
        """Add a control record of the collector's own."""
        stamp = self._stamp()
        self._add_own(control(kind, reason, stamp, at_us=self._clock_us(), **fields))

    def close(self, writer: str, seq: int) -> None:
        """Add the outcome `unknown` of a call whose recorder has ended."""
        self._add_own(abandoned(writer, seq, self._stamp()))

    def flush(self) -> None:
        """Make everything added so far durable."""
        if self._entries:
            self._log.append(self._entries, self._clock_us())
            self._entries = []
            self._bytes = 0

    def _add_own(self, record: Record) -> None:
        self.add(record, json.loads(record.header), COLLECTOR)

    def _stamp(self) -> Stamp:
        stamp = Stamp(self._writer, self._next, self._random(SALT_BYTES))
        self._next += 1
        return stamp
