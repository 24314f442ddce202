"""CSV for a spreadsheet: RFC 4180, with what a spreadsheet would run as a formula disarmed.

A view, not the record: where a text could be a formula an apostrophe stands before
it, so a cell is not always what was recorded. NDJSON is exact.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import BinaryIO

from indelible.model.flat import Fields
from indelible.query.formats.table import COLUMNS, Cell, row_of

_FORMULA = re.compile("[\t\r\n]|\\s*[=+\\-@\uff1d\uff0b\uff0d\uff20]")
"""How a text begins that a spreadsheet may run: spaces before it do not always save."""


def safe_cell(value: Cell) -> str | int:
    """Return *value* as it may stand in a cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and _FORMULA.match(value):
        return f"'{value}"
    return value


def csv_line(cells: Sequence[Cell]) -> str:
    """Return one line of CSV with its CR LF; quoted where it must be."""
    out = io.StringIO()
    csv.writer(out).writerow([safe_cell(cell) for cell in cells])
    return out.getvalue()


class CsvWriter:
    """Writes entries as CSV in UTF-8, a header line first.

    Args:
        out: Where to.
    """

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._out.write(csv_line(list(COLUMNS)).encode())

    def add(self, entries: Iterable[Fields]) -> None:
        """Write *entries*."""
        lines = []
        for entry in entries:
            row = row_of(entry)
            lines.append(csv_line([row.get(name) for name in COLUMNS]))
        self._out.write("".join(lines).encode("utf-8", "replace"))

    def finish(self) -> None:
        """Write what is still held."""
        self._out.flush()
