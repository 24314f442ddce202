"""A SQLite file for the sqlite3 shell, Datasette and whatever else reads one.

`audit_log` is a table of tool calls with the guide's columns and ours, so that the
guide's SQL runs on it as it stands. Everything else is in `audit_other`, and the view
`audit_events` has both.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from indelible.model.canonical import format_time
from indelible.model.flat import Fields
from indelible.query.formats.table import COLUMNS, Cell, is_tool_call, row_of
from indelible.store.index.columns import time_us

TABLES = ("audit_log", "audit_other")
_EVENTS = "CREATE VIEW audit_events AS SELECT * FROM audit_log UNION ALL SELECT * FROM audit_other"
_INDEXED = ("timestamp", "actor_id", "tool")
_PAGE_CACHE_KIB = 65_536


def sqlite_time(at_us: int) -> str:
    """Return a time as SQLite's `datetime()` writes one, UTC, with microseconds where it has any.

    ``2026-11-24 04:13:07.000001``, but ``2026-11-24 04:13:07``: SQLite compares text, and
    only so is a whole second neither later nor earlier than itself.
    """
    text = format_time(at_us)[:-1].replace("T", " ")
    return text.removesuffix(".000000")


class SqliteWriter:
    """Writes entries into a new SQLite file.

    Args:
        path: A file that is there and empty.
    """

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        columns = ", ".join(f'"{name}" {_TYPES[kind]}' for name, kind in COLUMNS.items())
        self._run(
            # The file has no name yet: nobody reads it, and a crash leaves it nameless.
            "PRAGMA journal_mode = OFF",
            "PRAGMA synchronous = OFF",
            f"PRAGMA cache_size = -{_PAGE_CACHE_KIB}",
            "BEGIN",
            *(f"CREATE TABLE {table} ({columns})" for table in TABLES),
            _EVENTS,
        )

    def add(self, entries: Iterable[Fields]) -> None:
        """Write *entries*."""
        rows: dict[str, list[list[Cell]]] = {table: [] for table in TABLES}
        for entry in entries:
            row = row_of(entry)
            at_us = time_us(entry.get("timestamp"))
            row["timestamp"] = None if at_us is None else sqlite_time(at_us)
            table = TABLES[0] if is_tool_call(row) else TABLES[1]
            rows[table].append([_storable(row.get(name)) for name in COLUMNS])
        places = ", ".join("?" * len(COLUMNS))
        for table, many in rows.items():
            self._database.executemany(f"INSERT INTO {table} VALUES ({places})", many)  # noqa: S608

    def finish(self) -> None:
        """Make the indexes and put everything into the file."""
        indexes = [
            f"CREATE INDEX {table}_{column} ON {table} ({column})"
            for table in TABLES
            for column in _INDEXED
        ]
        self._run(*indexes, "COMMIT", "ANALYZE")

    def close(self) -> None:
        """Let the file go, finished or not."""
        self._database.close()

    def _run(self, *statements: str) -> None:
        for statement in statements:
            self._database.execute(statement)


_TYPES = {"TEXT": "TEXT", "JSON": "TEXT", "INTEGER": "INTEGER", "BOOLEAN": "INTEGER"}


def _storable(cell: Cell) -> Cell:
    if isinstance(cell, str):
        return cell.encode("utf-8", "replace").decode()  # no half of a surrogate pair
    return cell
