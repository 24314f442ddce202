"""A Parquet file for DuckDB, pandas, Spark: the columns of `audit_events`, typed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from indelible.durable import FILE_MODE
from indelible.model.flat import Fields
from indelible.query.formats.table import COLUMNS, Cell, row_of
from indelible.store.index.columns import time_us
from indelible.store.index.duck import write_parquet

_TYPES = {"TEXT": "VARCHAR", "JSON": "VARCHAR", "INTEGER": "BIGINT", "BOOLEAN": "BOOLEAN"}


class ParquetWriter:
    """Writes entries into a Parquet file.

    Args:
        path: The file, which may be there and empty.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows = path.with_name(f"{path.name}.rows")
        # DuckDB reads its rows from a file: there they take no memory.
        self._out = open(self._rows, "xb", opener=_for_the_owner)  # noqa: SIM115 — closed below

    def add(self, entries: Iterable[Fields]) -> None:
        """Write *entries*."""
        self._out.write(b"".join([_line(entry) for entry in entries]))

    def finish(self) -> None:
        """Have DuckDB make the file."""
        self._out.close()
        columns = {name: _TYPES[kind] for name, kind in COLUMNS.items()}
        write_parquet(self._rows, {**columns, "timestamp": "TIMESTAMP"}, self._path)

    def close(self) -> None:
        """Remove what is only needed on the way."""
        self._out.close()
        self._rows.unlink(missing_ok=True)


def _line(entry: Fields) -> bytes:
    row: dict[str, Cell] = row_of(entry)
    row["timestamp"] = time_us(entry.get("timestamp"))
    held = {name: value for name, value in row.items() if value is not None}
    return json.dumps(held, separators=(",", ":")).encode() + b"\n"


def _for_the_owner(name: str, flags: int) -> int:
    return os.open(name, flags, FILE_MODE)
