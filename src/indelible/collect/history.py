"""What the log holds of the writers whose spools are here: so that nothing enters twice."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from indelible.model.canonical import Json
from indelible.seal.journal import Book, WriterState
from indelible.seal.segment import COLLECTOR, parse_header, parse_leaf
from indelible.store.reader import LogReader


class History:
    """Hashes of records that are in the log: of a crashed run, and of searched writers."""

    def __init__(self, recent: Iterable[bytes], book: Book) -> None:
        """Take in the leaves since the last `writers` note, and move *book* on by them."""
        self.recorded: Counter[tuple[str | None, str]] = Counter()
        """The control records among them that tell of quarantine: `ofWriter` and `sha256`."""
        self._known: dict[str, dict[int, bytes]] = {}
        self._searched: set[str] = set()
        for line in recent:
            self._take(line, book)

    def digest(self, writer: str, seq: int) -> bytes | None:
        """Return the hash of a record's header, if the record is known to be in the log."""
        return self._known.get(writer, {}).get(seq)

    def is_searched(self, writer: str) -> bool:
        """Return whether every record of *writer* in the log is known here."""
        return writer in self._searched

    def note(self, writer: str, seq: int, digest: bytes) -> None:
        """Take in a record that is being added now."""
        if writer in self._searched:
            self._known[writer][seq] = digest

    def search(self, directory: Path, writers: Iterable[str]) -> dict[str, WriterState]:
        """Look through the whole log for records of *writers*; return their states by it."""
        names = set(writers)
        replayed = Book()
        pattern = re.compile(b"|".join(re.escape(one.encode()) for one in sorted(names)))
        for name in names:
            self._known.setdefault(name, {})
        self._searched |= names
        log = LogReader(directory)
        for _, line in log.leaves():
            if pattern.search(line):
                self._take(line, replayed)
        return {name: one for name, one in replayed.states.items() if name in names}

    def _take(self, line: bytes, book: Book) -> None:
        leaf = parse_leaf(line)
        header: dict[str, Json] | None = parse_header(leaf.header) if leaf else None
        if leaf is None or header is None:
            return
        own = leaf.peer == COLLECTOR
        book.apply(header, from_collector=own)
        writer, seq = header.get("writer"), header.get("seq")
        if isinstance(writer, str) and isinstance(seq, int):
            self._known.setdefault(writer, {})[seq] = sha256(leaf.header).digest()
        digest, of = header.get("sha256"), header.get("ofWriter")
        if own and isinstance(digest, str):
            self.recorded[of if isinstance(of, str) else None, digest] += 1
