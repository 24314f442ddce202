"""An entry as a row of the query copy, and back, exactly. Pure.

A call stands in the columns; a member that has not its column's type, and of any other
entry every member of its own, stands in `extra` (columns then hold copies, to search by).
So any entry that `model.flat` makes comes back as it was, whoever wrote the record.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TypeAlias

from indelible.errors import FormatError
from indelible.model.canonical import Json, encode_text, format_time, parse_time
from indelible.model.flat import CALL, Fields, Kept, call_entry

SCHEMA = 1
"""Raised with every change of the columns; a copy of another schema is made anew."""

Value: TypeAlias = str | int | bool | None
Row: TypeAlias = tuple[Value, ...]
"""The values of `COLUMNS` in their order; times are microseconds since 1970."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, and its type in DuckDB."""

    name: str
    type: str


def _columns(spec: str) -> tuple[Column, ...]:
    found = []
    for line in spec.split():
        name, _, kind = line.partition(":")
        found.append(Column(name, kind or "VARCHAR"))
    return tuple(found)


COLUMNS = _columns(
    "kind time:TIMESTAMP skew_us:BIGINT received_at:TIMESTAMP call_id request_id "
    "writer seq:BIGINT leaf:BIGINT leaf_end:BIGINT "
    "actor_id actor_ip actor_name actor_issuer actor_client_id actor_tenant actor_provenance "
    "actor_chain "
    "tool method server server_version target target_from effect "
    "outcome error_type error duration_ms:BIGINT args_bytes:BIGINT result_bytes:BIGINT "
    "args result redactions session_id session_from client jsonrpc_id "
    "trace transport protocol_version direction captured_by erased:BOOLEAN extra"
)
NAMES = tuple(column.name for column in COLUMNS)
LINE_TYPES = {
    column.name: "BIGINT" if column.type == "TIMESTAMP" else column.type for column in COLUMNS
}
"""The types that DuckDB reads a row's line with: a time is a number there."""

ROW = ", ".join(
    f"epoch_us({column.name}) AS {column.name}" if column.type == "TIMESTAMP" else column.name
    for column in COLUMNS
)
"""The select list that gives a `Row` of a relation with these columns."""

TEXTS = dict(
    pair.split(":")
    for pair in (
        "callId:call_id tool:tool method:method server:server serverVersion:server_version "
        "effect:effect outcome:outcome errorType:error_type error:error trace:trace "
        "transport:transport protocolVersion:protocol_version direction:direction "
        "capturedBy:captured_by requestId:request_id target:target"
    ).split()
)
NUMBERS = {"durationMs": "duration_ms", "argsBytes": "args_bytes", "resultBytes": "result_bytes"}
IN_JSON = {"args": "args", "result": "result", "client": "client", "jsonrpcId": "jsonrpc_id"}
_ACTOR = {
    "id": "actor_id",
    "ip": "actor_ip",
    "name": "actor_name",
    "issuer": "actor_issuer",
    "clientId": "actor_client_id",
    "tenant": "actor_tenant",
    "provenance": "actor_provenance",
    "chain": "actor_chain",
}
_SESSION = {"id": "session_id", "from": "session_from"}
PARTS = {"actor": _ACTOR, "session": _SESSION}
_HEADER_TEXTS = ("server", "effect", "transport", "protocolVersion", "direction", "capturedBy")

_CALL_MEMBERS = call_entry(Kept({}), None).keys()
ENVELOPE = frozenset({"kind", "timestamp", "recordId", "log", "leaves", "redactions", "erased"})
"""Members of every entry, which are written in the same way for all."""
MAX_INTEGER = (1 << 63) - 1


def to_row(entry: Fields, received_at_us: int | None) -> Row:
    """Return the row of an entry.

    Args:
        received_at_us: `receivedAt` of its first leaf, in microseconds since 1970; None
            while it is unsealed. `time` is never above it: a clock can run ahead.
    """
    is_call = _is_call(entry)
    odd: Fields = {}
    row = _columns_of(entry, odd)
    if is_call:
        _shorten(entry, row, odd)
    else:
        odd = {name: value for name, value in entry.items() if name not in ENVELOPE}
    _write_envelope(entry, received_at_us, row, odd)
    _write_place(entry, row, odd, is_call=is_call)
    if not is_call:
        # A record of anybody's making can call itself a call without being one.
        row["extra"] = _dump([odd] if row["kind"] == CALL else odd)
    elif odd:
        row["extra"] = _dump(odd)
    return tuple([row.get(name) for name in NAMES])


def to_entry(row: Row, log: str | None) -> Fields:
    """Return the entry that *row* was made of.

    Args:
        log: The origin of the log that the copy is of.

    Raises:
        FormatError: If the row is none of ours.
    """
    if len(row) != len(NAMES):
        raise FormatError(f"a row of {len(row)} values, not {len(NAMES)}")
    got = dict(zip(NAMES, row, strict=True))
    extra = _load(got["extra"])
    odd = extra[0] if isinstance(extra, list) and extra else extra
    is_call = got["kind"] == CALL and not isinstance(extra, list)
    if not isinstance(odd, dict) and (odd is not None or not is_call):
        raise FormatError("a row without the members that its columns have no place for")
    entry = _read_call(got) if is_call else {}
    moment = _int(got["time"]) or 0
    entry["kind"] = got["kind"]
    entry["timestamp"] = format_time(moment + (_int(got["skew_us"]) or 0))
    entry["recordId"] = f"{got['writer']}/{got['seq']}"
    entry["log"] = None if got["leaf"] is None else log
    entry["leaves"] = _leaves(got["kind"], got["leaf"], got["leaf_end"], is_call=is_call)
    entry["redactions"] = _load(got["redactions"]) or []
    entry["erased"] = bool(got["erased"])
    if odd is not None:
        entry.update(odd)
    return entry


def to_line(row: Row) -> bytes:
    """Return *row* as one line of JSON with its LF; what is null is left out."""
    held: Fields = {
        name: value for name, value in zip(NAMES, row, strict=True) if value is not None
    }
    return encode_text(held).encode() + b"\n"


def from_line(line: bytes) -> Row:
    """Return the row that `to_line` wrote.

    Raises:
        FormatError: If the line is none of ours.
    """
    held = _load(line)
    if not isinstance(held, dict) or not held.keys() <= LINE_TYPES.keys():
        raise FormatError("a line that is no row")
    row = [held.get(name) for name in NAMES]
    if any(isinstance(value, dict | list | float) for value in row):
        raise FormatError("a line that is no row")
    return tuple(row)  # type: ignore[arg-type]  # just looked


def time_us(said: Json) -> int | None:
    """Return a time of an entry as microseconds since 1970, or None where it is no time."""
    if not isinstance(said, str):
        return None
    try:
        return parse_time(said)
    except (ValueError, OverflowError):
        return None


def _is_call(entry: Fields) -> bool:
    """Return whether *entry* is that of a call, and no record that calls itself one."""
    leaves = entry["leaves"]
    bare = isinstance(leaves, dict) and CALL in leaves
    return entry["kind"] == CALL and not bare and entry.keys() == _CALL_MEMBERS


def _columns_of(entry: Fields, odd: Fields) -> dict[str, Value]:
    """Return the columns that hold a member as it is; what does not fit goes to *odd*."""
    row: dict[str, Value] = {}
    for name, column in TEXTS.items():
        value = entry.get(name)
        if type(value) is str:
            row[column] = value
        elif value is not None:
            odd[name] = value
    for name, columns in PARTS.items():
        _write_part(entry, name, columns, row, odd)
    # All at once: nearly always all of them are plain.
    if not _is_plain("".join(row.values())):  # type: ignore[arg-type]  # texts alone, so far
        _remove_odd(entry, row, odd)
    for name, column in NUMBERS.items():
        value = entry.get(name)
        if type(value) is int and -MAX_INTEGER <= value <= MAX_INTEGER:
            row[column] = value
        elif value is not None:
            odd[name] = value
    for name, column in IN_JSON.items():
        value = entry.get(name)
        if value is not None:
            row[column] = _dump(value)
    if "session_id" not in row and "session_from" not in row and entry.get("session") is not None:
        # It would read as no session at all.
        odd["session"] = entry["session"]
    return row


def _write_part(
    entry: Fields, name: str, columns: dict[str, str], row: dict[str, Value], odd: Fields
) -> None:
    """Write an object whose members are columns; where it has others it goes to *odd* too."""
    part = entry.get(name)
    if part is None and name == "session":
        return
    if not isinstance(part, dict):
        odd[name] = part
        return
    if part.keys() != columns.keys():
        odd[name] = part
    for member, column in columns.items():
        value = part.get(member)
        if type(value) is str and column != "actor_chain":
            row[column] = value
        elif type(value) is list and column == "actor_chain":
            row[column] = _dump(value)
        elif value is not None:
            odd[name] = part


def _remove_odd(entry: Fields, row: dict[str, Value], odd: Fields) -> None:
    """Take the texts that no column of text can hold out of *row*."""
    owners = {column: name for name, column in TEXTS.items()}
    owners |= {column: name for name, columns in PARTS.items() for column in columns.values()}
    for column, value in list(row.items()):
        if not _is_plain(str(value)):
            del row[column]
            odd[owners[column]] = entry[owners[column]]


def _shorten(entry: Fields, row: dict[str, Value], odd: Fields) -> None:
    """Leave out of a call's row what another column says."""
    call, request = row.get("call_id"), row.get("request_id")
    if request is not None and request == call:
        row["request_id"] = None
    elif request is None and call is not None:
        odd["requestId"] = entry["requestId"]
    target, args = row.get("target"), entry["args"]
    if target is None or not isinstance(args, dict):
        return
    for name, value in args.items():
        if type(value) is str and value == target and _is_plain(name):
            row["target"], row["target_from"] = None, name
            return


def _write_envelope(
    entry: Fields, received_at_us: int | None, row: dict[str, Value], odd: Fields
) -> None:
    kind, said, record = entry["kind"], entry["timestamp"], entry["recordId"]
    row["kind"] = kind if type(kind) is str and _is_plain(kind) else "unknown"
    if row["kind"] != kind:
        odd["kind"] = kind
    at = time_us(said)
    time = min([one for one in (at, received_at_us) if one is not None], default=0)
    row["time"], row["received_at"] = time, received_at_us
    if at is not None and at != time:
        row["skew_us"] = at - time
    if at is None or format_time(at) != said:
        odd["timestamp"] = said
    row["writer"], row["seq"] = _key(record) if isinstance(record, str) else ("", None)
    if row["seq"] is None:
        odd["recordId"] = record
    if notes := entry["redactions"]:
        row["redactions"] = _dump(notes)
    row["erased"] = bool(entry["erased"])


def _key(record: str) -> tuple[str, int | None]:
    """Return writer and number of a record's id; no number where they do not give the id."""
    writer, slash, number = record.rpartition("/")
    if not (slash and number.isascii() and number.isdigit() and len(number) < 19):
        return "", None
    if not _is_plain(writer) or str(int(number)) != number:
        return "", None
    return writer, int(number)


def _write_place(entry: Fields, row: dict[str, Value], odd: Fields, *, is_call: bool) -> None:
    """Write where the records are.

    `leaf_end` is the distance to the leaf of `completed`, 0 while that one is unsealed;
    where only that one is sealed it is the leaf itself.
    """
    leaves = entry["leaves"]
    if isinstance(leaves, dict):
        first = _int(leaves.get("received" if is_call else str(entry["kind"])))
        row["leaf"] = first
        if is_call and "completed" in leaves:
            end = _int(leaves["completed"])
            row["leaf_end"] = 0 if end is None else end - (first or 0)
    told = _leaves(row["kind"], row.get("leaf"), row.get("leaf_end"), is_call=is_call)
    if told != leaves:
        odd["leaves"] = leaves
    if (entry["log"] is None) != (row.get("leaf") is None):
        odd["log"] = entry["log"]


def _leaves(kind: Value, first: Value, end: Value, *, is_call: bool) -> Fields | None:
    """Return what `_write_place` wrote."""
    if first is None and end is None:
        return None
    if not is_call:
        return {str(kind): first}
    if end is None:
        return {"received": first}
    if first is None:
        return {"received": None, "completed": end}
    return {"received": first, "completed": int(first) + int(end) if end else None}


def _read_call(got: dict[str, Value]) -> Fields:
    """Return the members of a call that others have not; the rest in their place, without value."""
    call, args = got["call_id"], _load(got["args"])
    actor: Fields = {name: got[column] for name, column in _ACTOR.items()}
    session: Json = {name: got[column] for name, column in _SESSION.items()}
    if got["session_id"] is None and got["session_from"] is None:
        session = None
    target: Json = got["target"]
    if got["target_from"] is not None and isinstance(args, dict):
        target = args.get(str(got["target_from"]))
    return {
        "kind": CALL,
        "timestamp": None,
        "callId": call,
        "recordId": None,
        "requestId": call if got["request_id"] is None else got["request_id"],
        "actor": {**actor, "chain": _load(got["actor_chain"])},
        "tool": got["tool"],
        "args": args,
        "serverVersion": got["server_version"],
        "method": got["method"],
        "session": session,
        "client": _load(got["client"]),
        "jsonrpcId": _load(got["jsonrpc_id"]),
        "argsBytes": got["args_bytes"],
        **{name: got[TEXTS[name]] for name in _HEADER_TEXTS},
        "target": target,
        "trace": got["trace"],
        "outcome": got["outcome"],
        "error": got["error"],
        "errorType": got["error_type"],
        "durationMs": got["duration_ms"],
        "result": _load(got["result"]),
        "resultBytes": got["result_bytes"],
    }


def _is_plain(value: str) -> bool:
    """Return whether a column of text can hold *value*: no NUL, no half of a surrogate pair."""
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return False
    return "\0" not in value


def _dump(value: Json) -> str:
    """Return *value* as JSON text that a column of text can hold."""
    found = encode_text(value)
    # Half of a surrogate pair is written as an escape then.
    return found if _is_plain(found) else json.dumps(value, separators=(",", ":"))


def _load(value: Value | bytes) -> Json:
    if value is None:
        return None
    try:
        found: Json = json.loads(value)  # type: ignore[arg-type]  # TypeError is caught
    except (ValueError, TypeError, RecursionError) as exc:
        raise FormatError("a row whose JSON cannot be read") from exc
    return found


def _int(value: Json) -> int | None:
    return value if type(value) is int else None
