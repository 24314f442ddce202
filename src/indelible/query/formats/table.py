"""Entries as rows for other people's tools: the guide's columns first, then ours. Pure.

The names are those of the views `audit_log` and `audit_events` (docs/reference/sql.md).
What has no column of its own stands in `details`, as JSON, so no member is lost.
"""

from __future__ import annotations

import json
from typing import TypeAlias

from indelible.model.canonical import Json
from indelible.model.flat import CALL, Fields
from indelible.store.index.columns import (
    ENVELOPE,
    IN_JSON,
    MAX_INTEGER,
    NUMBERS,
    PARTS,
    TEXTS,
)

Cell: TypeAlias = str | int | bool | None

COLUMNS: dict[str, str] = {
    "timestamp": "TEXT", "request_id": "TEXT", "actor_id": "TEXT", "actor_ip": "TEXT",
    "tool": "TEXT", "args": "JSON", "outcome": "TEXT", "error": "TEXT", "duration_ms": "INTEGER",
    "server_version": "TEXT",
    "kind": "TEXT", "error_type": "TEXT", "effect": "TEXT", "server": "TEXT", "method": "TEXT",
    "target": "TEXT", "call_id": "TEXT", "record_id": "TEXT", "result": "JSON",
    "redactions": "JSON", "actor_name": "TEXT", "actor_issuer": "TEXT", "actor_client_id": "TEXT",
    "actor_tenant": "TEXT", "actor_provenance": "TEXT", "actor_chain": "JSON",
    "session_id": "TEXT", "session_from": "TEXT", "client": "JSON",
    "jsonrpc_id": "JSON", "trace": "TEXT", "transport": "TEXT", "protocol_version": "TEXT",
    "direction": "TEXT", "captured_by": "TEXT", "args_bytes": "INTEGER",
    "result_bytes": "INTEGER", "erased": "BOOLEAN", "log": "TEXT", "leaf": "INTEGER",
    "end_leaf": "INTEGER", "details": "JSON",
}  # fmt: skip
"""Column by column: its type, as SQL names it; ``JSON`` is text that is JSON."""

_PLAIN = TEXTS | NUMBERS

TOOL_CALL = "tools/call"


def is_tool_call(row: dict[str, Cell]) -> bool:
    """Return whether a row belongs to `audit_log`, which holds tool calls only."""
    return row.get("kind") == CALL and row.get("method") == TOOL_CALL


def row_of(entry: Fields) -> dict[str, Cell]:
    """Return what *entry* has in each of `COLUMNS`; what is null is left out.

    ``timestamp`` stays as the entry has it.
    """
    row: dict[str, Cell] = {"erased": entry.get("erased") is True}
    extra: Fields = {}
    for name, value in entry.items():
        if value is None or name in ENVELOPE:
            continue
        if name in IN_JSON:
            row[IN_JSON[name]] = json_cell(value)
        elif name in PARTS and isinstance(value, dict):
            _spread(value, PARTS[name], row, extra, name)
        elif name in _PLAIN and _fits(value, COLUMNS[_PLAIN[name]]):
            row[_PLAIN[name]] = value  # type: ignore[assignment]  # just looked
        else:
            extra[name] = value
    _place(entry, row)
    if extra:
        row["details"] = json_cell(extra)
    return row


def json_cell(value: Json) -> str:
    """Return *value* as JSON text in one cell."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "backslashreplace"  # half of a surrogate pair: JSON has the same escape
    ).decode()  # fmt: skip


def _spread(
    part: Fields, columns: dict[str, str], row: dict[str, Cell], extra: Fields, name: str
) -> None:
    for member, value in part.items():
        column = columns.get(member)
        if column is not None and COLUMNS[column] == "JSON" and isinstance(value, list):
            row[column] = json_cell(value)
        elif column is not None and COLUMNS[column] == "TEXT" and isinstance(value, str):
            row[column] = value
        elif value is not None:
            extra[name] = part


def _place(entry: Fields, row: dict[str, Cell]) -> None:
    """Write what every entry has: its kind and id, and where its records are in which log."""
    for name, column in (
        ("kind", "kind"), ("timestamp", "timestamp"), ("recordId", "record_id"), ("log", "log")
    ):  # fmt: skip
        value = entry.get(name)
        if isinstance(value, str):
            row[column] = value
    row["redactions"] = json_cell(entry.get("redactions") or [])
    leaves = entry.get("leaves")
    if isinstance(leaves, dict):
        first = leaves.get("received" if entry.get("kind") == CALL else str(entry.get("kind")))
        row["leaf"] = first if _fits(first, "INTEGER") else None  # type: ignore[assignment]
        last = leaves.get("completed")
        row["end_leaf"] = last if _fits(last, "INTEGER") else None  # type: ignore[assignment]


def _fits(value: Json, column_type: str) -> bool:
    if column_type == "INTEGER":
        return type(value) is int and -MAX_INTEGER <= value <= MAX_INTEGER
    return isinstance(value, str)
