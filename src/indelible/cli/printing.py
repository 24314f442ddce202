"""Answers for people and for programs: a table, one JSON array, JSON lines, or CSV."""

from __future__ import annotations

import datetime
import decimal
import math
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeAlias

from indelible.cli.layout import is_readable, print_records, print_table
from indelible.cli.terminal import json_text, line, visible
from indelible.errors import UsageError
from indelible.model.canonical import Json
from indelible.query.formats.csv_text import csv_line

Form: TypeAlias = Literal["table", "json", "ndjson", "csv"]


def form_of(*, as_json: bool, ndjson: bool, as_csv: bool) -> Form:
    """Return the one form that was asked for.

    Raises:
        UsageError: If it was more than one.
    """
    names: tuple[tuple[Form, bool], ...] = (("json", as_json), ("ndjson", ndjson), ("csv", as_csv))
    given = [name for name, is_given in names if is_given]
    if len(given) > 1:
        said = " and ".join(f"--{one}" for one in given)
        raise UsageError(f"{said} exclude each other", hint=f"leave all but --{given[0]} out")
    return given[0] if given else "table"


def print_rows(form: Form, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print rows of named columns."""
    keys = _unique(names)
    values = [[plain(one) for one in row] for row in rows]
    if form == "table":
        numbers = {at for at in range(len(names)) if _is_numeric([row[at] for row in values])}
        cells = [["-" if one is None else line(one) for one in row] for row in values]
        head = [line(one) for one in names]
        if is_readable(head, cells):
            print_table(head, cells, numbers=frozenset(numbers))
        else:
            print_records(head, cells)
    elif form == "csv":
        print_csv(names, values)
    elif form == "json":
        print(json_text([dict(zip(keys, row, strict=True)) for row in values]))
    else:
        for row in values:
            print(json_text(dict(zip(keys, row, strict=True))))


def print_csv(names: Sequence[str], rows: Iterable[Sequence[Json]]) -> None:
    """Print CSV (RFC 4180) that no spreadsheet takes for formulas; to a terminal nothing active."""
    is_seen = sys.stdout.isatty()
    for row in (list(names), *rows):
        cells = [_cell(one) for one in row]
        if is_seen:
            cells = [visible(one) if isinstance(one, str) else one for one in cells]
        sys.stdout.write(csv_line(cells))


def plain(value: Any) -> Json:
    """Return a value of a database as JSON has it: times in UTC, and no NaN."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime.datetime):
        if value.tzinfo is not None:
            value = value.astimezone(datetime.UTC).replace(tzinfo=None)
        return f"{value.isoformat(timespec='microseconds')}Z"
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(inner) for inner in value]
    return value.hex() if isinstance(value, bytes | bytearray) else str(value)


def _unique(names: Sequence[str]) -> list[str]:
    """Return *names* with a number behind each that was there before: JSON keeps one of a kind."""
    found: list[str] = []
    for name in names:
        number, key = 1, name
        while key in found:
            number += 1
            key = f"{name}_{number}"
        found.append(key)
    return found


def _is_numeric(column: Sequence[Json]) -> bool:
    some = [one for one in column if one is not None]
    return bool(some) and all(type(one) in (int, float) for one in some)


def _cell(value: Json) -> Any:
    """Return a value as a cell: texts and numbers as they are, the rest as JSON."""
    return json_text(value) if isinstance(value, dict | list) else value
