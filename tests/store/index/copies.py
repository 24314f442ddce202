"""Logs of any records in any order, and what a query copy of one holds."""

from __future__ import annotations

import json
import os
from pathlib import Path

from indelible.model.canonical import format_time, uuid7
from indelible.model.flat import Fields
from indelible.model.record import Record, Stamp, seal_body
from indelible.query.merge import Merge
from indelible.query.stored import newest_first
from indelible.seal.abandoned import abandoned
from indelible.seal.segment import COLLECTOR, spool_peer
from indelible.store.index import duck, lines
from indelible.store.index.columns import ROW, Row, from_line, to_entry
from indelible.store.index.keep import Keeper, Limits
from indelible.store.index.manifest import Manifest, read_manifest
from indelible.store.log import Entry, LogWriter
from indelible.store.reader import LogReader
from indelible.store.state import LogPaths, State

START_US = 1_795_500_000_000_000  # 2026-11-24
DAY_US = 86_400_000_000
SMALL = Limits(records=3, hot_rows=4, day_rows=2)
HUGE = Limits()
WRITERS = tuple(uuid7(START_US - 1_000_000, bytes([n]) * 10) for n in range(1, 4))
SELF = uuid7(START_US, bytes(10))


def received(writer: str, seq: int, at_us: int, **more: object) -> Record:
    header: Fields = {
        "kind": "received", "id": uuid7(at_us, seq.to_bytes(10, "big")), "server": "files",
        "timestamp": format_time(at_us), "method": "tools/call", "tool": "read",
    }  # fmt: skip
    body: Fields = {"actor": {"id": f"ann{seq % 3}"}, "args": {"path": f"/a/{seq}"}, "target": "x"}
    return seal_body({**header, **more}, body, Stamp(writer, seq, bytes(16)))  # type: ignore[dict-item]


def completed(writer: str, seq: int, of: int, whose: str | None = None) -> Record:
    header: Fields = {
        "kind": "completed", "of": {"seq": of, "writer": whose or writer}, "outcome": "ok",
        "durationUs": 1000 * seq,
    }  # fmt: skip
    body: Fields = {"result": {"n": of}, "redactions": [{"path": "result", "rule": "x"}]}
    return seal_body(header, body, Stamp(writer, seq, bytes(16)))


def noticed(writer: str, seq: int, at_us: int) -> Record:
    header: Fields = {"kind": "server.start", "server": "files", "timestamp": format_time(at_us)}
    return seal_body(header, {"argv": ["files", "--all"]}, Stamp(writer, seq, bytes(16)))


class Kept:
    """A log that takes what it is given, and its copies."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(exist_ok=True)
        os.chmod(directory, 0o700)
        self.state = State(directory / "state", directory / "state.checkpoints")
        self.now_us = START_US
        self._own = 0
        self._log = LogWriter(self.state, "default", lambda size: bytes(range(size)))

    @property
    def paths(self) -> LogPaths:
        return self.state.log("default")

    @property
    def origin(self) -> str:
        return self._log.origin

    def append(self, *records: Record) -> None:
        """Add a batch as it comes out of a spool."""
        self.now_us += 1000
        peer = spool_peer(os.geteuid())
        self._log.append([Entry(one, peer) for one in records], self.now_us)

    def close(self, writer: str, seq: int) -> None:
        """Add a reconciler's outcome of a call."""
        self.now_us += 1000
        record = abandoned(writer, seq, Stamp(SELF, self._own, bytes(16)))
        self._own += 1
        self._log.append([Entry(record, COLLECTOR)], self.now_us)

    def catch_up(
        self, directory: Path | None = None, limits: Limits = HUGE, *, anew: bool = False
    ) -> Manifest:
        reader = LogReader(self.paths.directory)
        where = directory or self.paths.index
        keeper = Keeper(where, reader, self.origin, now_us=self.now_us, limits=limits)
        return keeper.catch_up(anew=anew)

    def entries(self) -> list[str]:
        """Return the log's entries, as reading it from its end gives them."""
        reader = LogReader(self.paths.directory)
        merge = Merge((), lambda _entry: True, 1_000_000)
        for record in newest_first(reader, self.origin):
            merge.add(record)
        return sorted(json.dumps(one, sort_keys=True) for one in merge.finish())


def rows(directory: Path) -> list[Row]:
    """Return every row of a copy."""
    found = read_manifest(directory)
    assert found is not None
    sealed: list[Row] = []
    if found.files:
        with duck.opened(256) as db:
            paths = [directory / part.file for part in found.files]
            answer = db.execute(f"SELECT {ROW} FROM ({duck.from_sealed(paths)})")
            sealed = [tuple(row) for row in answer.fetchall()]
    fresh = [
        from_line(line)
        for part in (found.hot, found.open)
        for line in lines.read_lines(directory, part)
    ]
    assert len(sealed) + len(fresh) == found.rows
    return sealed + fresh


def entries(directory: Path, log: str) -> list[str]:
    """Return every entry of a copy, as text that tells 1 from true."""
    return sorted(json.dumps(to_entry(row, log), sort_keys=True) for row in rows(directory))
