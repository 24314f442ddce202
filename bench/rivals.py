"""The same calls in other stores: SQLite with the indexes one would make, NDJSON files of days.

Both hold the guide's ten fields and no more. NDJSON is what the guide's own code writes,
one file a day, plain or compressed; DuckDB reads it, as many threads as there are CPUs.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.copies import DAY_US, Copy, midnight
from indelible.store.index import duck

MEMORY_MB = 1_024
_TABLE = (
    "CREATE TABLE audit_log (timestamp TEXT NOT NULL, request_id TEXT, actor_id TEXT, "
    "actor_ip TEXT, tool TEXT, args TEXT, outcome TEXT, error TEXT, duration_ms INTEGER, "
    "server_version TEXT)"
)
_INDEXES = (
    "CREATE INDEX by_time ON audit_log (timestamp)",
    "CREATE INDEX by_actor ON audit_log (actor_id, timestamp)",
    "CREATE INDEX by_tool ON audit_log (tool, timestamp)",
    "CREATE INDEX by_request ON audit_log (request_id)",
)
_CALLS = (
    "SELECT time, coalesce(request_id, call_id) AS request_id, actor_id, actor_ip, tool, args, "
    "outcome, error, duration_ms, server_version FROM ({rows})"
)
LINE_COLUMNS = (
    "{timestamp: 'TIMESTAMP', requestId: 'VARCHAR', actor: 'STRUCT(id VARCHAR, ip VARCHAR)', "
    "tool: 'VARCHAR', args: 'VARCHAR', outcome: 'VARCHAR', error: 'VARCHAR', "
    "durationMs: 'BIGINT', serverVersion: 'VARCHAR'}"
)
_LINE = (
    "SELECT strftime(time, '%Y-%m-%dT%H:%M:%S.') || lpad((epoch_ms(time) % 1000)::VARCHAR, 3, '0') "
    "|| 'Z' AS timestamp, request_id AS requestId, {{'id': actor_id, 'ip': actor_ip}} AS actor, "
    "tool, args::JSON AS args, outcome, error, duration_ms AS durationMs, "
    "server_version AS serverVersion FROM ({calls})"
)


def pieces(copy: Copy) -> Iterator[str]:
    """Yield queries for the guide's fields of all calls, the oldest first, a file each."""
    held = copy.manifest
    for part in held.files:
        yield _CALLS.format(rows=duck.from_sealed([copy.directory / part.file]))
    with duck.prefix(copy.directory / held.hot.file, held.hot.bytes) as name:
        yield _CALLS.format(rows=duck.from_lines(name))


@contextmanager
def reader() -> Iterator[Any]:
    """Give a DuckDB with as many threads as it would take by itself."""
    db = duck.connect(threads=os.cpu_count() or 1, memory_mb=MEMORY_MB)
    try:
        yield db
    finally:
        db.close()


def write_sqlite(copy: Copy, path: Path) -> None:
    """Fill a SQLite file, and make its indexes."""
    os.environ["SQLITE_TMPDIR"] = str(path.parent)
    with reader() as db, sqlite3.connect(path) as into:
        into.execute("PRAGMA journal_mode = OFF")
        into.execute("PRAGMA synchronous = OFF")
        into.execute(_TABLE)
        for calls in pieces(copy):
            # The text SQLite compares best: of one length, in UTC.
            found = db.execute(
                "SELECT * REPLACE (strftime(time, '%Y-%m-%d %H:%M:%S.%g') AS time) "
                f"FROM ({calls}) ORDER BY 1"
            )
            while rows := found.fetchmany(20_000):
                into.executemany(f"INSERT INTO audit_log VALUES ({', '.join('?' * 10)})", rows)
        for statement in _INDEXES:
            into.execute(statement)
        into.execute("ANALYZE")
    into.close()


def write_lines(copy: Copy, directory: Path, *, compressed: bool) -> None:
    """Write the guide's NDJSON, one file for each day of the calls."""
    directory.mkdir()
    how, ending = ("FORMAT json", "ndjson")
    if compressed:
        how, ending = f"{how}, COMPRESSION zstd", f"{ending}.zst"
    first = midnight(min(part.from_us for part in copy.manifest.files))
    with reader() as db:
        for number, calls in enumerate(pieces(copy)):
            # No file of the copy has calls of two days: files beside each other make a day.
            line = _LINE.format(calls=f"{calls} ORDER BY time")
            (low,) = db.execute(f"SELECT epoch_us(min(time)) FROM ({calls})").fetchall()[0]
            name = (
                f"{(low - first) // DAY_US:05d}-{number:05d}.ndjson{'.zst' if compressed else ''}"
            )
            db.execute(f"COPY ({line}) TO '{directory / name}' ({how})")


def days(directory: Path, copy: Copy, low_us: int, high_us: int) -> str:
    """Return the list of the files with the days between two times."""
    first = midnight(min(part.from_us for part in copy.manifest.files))
    wanted = range((low_us - first) // DAY_US, (high_us - first) // DAY_US + 1)
    found = [one for one in sorted(directory.iterdir()) if int(one.name[:5]) in wanted]
    return "[" + ", ".join(f"'{one}'" for one in found) + "]"
