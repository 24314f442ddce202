"""The fields of a filter: one table for the parser, the matcher, the compiler and the docs. Pure.

A field says how it is read from a flat entry and which expression over the columns of
the query copy (`store.index.columns`) is the same. The two agree on every entry,
hostile ones too: text with a NUL character is in neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import get_args

from indelible.model.event import (
    CapturedBy,
    Direction,
    Effect,
    ErrorType,
    Outcome,
    Provenance,
    Transport,
)
from indelible.model.flat import CALL, text
from indelible.model.record import ControlKind
from indelible.query.readers import (
    Read,
    plain,
    read_bytes,
    read_client,
    read_ids,
    read_kind,
    read_nothing,
    read_number,
    read_part,
    read_redactions,
    read_request,
    read_text,
)
from indelible.query.values import DURATIONS, SIZES

KINDS = tuple(
    dict.fromkeys(
        (
            *(CALL, "server.start", "server.exit", "unparseable", "completed", "read", "config"),
            *("notification", "stray", "closed", "tools.listed", "tools.changed"),
            *(kind.value for kind in ControlKind),
        )
    )
)
"""Of an entry; ``completed`` is the end of a call whose start is nowhere."""
ERROR_TYPES = tuple(sorted(error_type.value for error_type in ErrorType))
_OUTCOMES = tuple(sorted(outcome.value for outcome in Outcome))


class Kind(Enum):
    """What the values of a field are, and so what may be asked of them."""

    TEXT = "text"
    NUMBER = "number"
    DURATION = "duration"
    SIZE = "size"
    TIME = "time"
    JSON = "JSON"
    FLAG = "word"


UNITS: Mapping[Kind, Mapping[str, int | str]] = {
    Kind.NUMBER: {},
    Kind.DURATION: DURATIONS,
    Kind.SIZE: SIZES,
}
"""Of the kinds that are numbers."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field.

    Args:
        name: As it is written before the colon, in its canonical form.

        help: What it is, in one line.

        columns: Expressions over a row; the field has the values of all of them.

        read: The same from a flat entry.

        known: All values that it can have; empty where anything is possible.
    """

    name: str
    kind: Kind
    help: str
    columns: tuple[str, ...]
    read: Read
    known: tuple[str, ...] = ()


RECORD_ID = "writer || '/' || seq"
"""Of a row; `compile` takes an exact one apart, which is faster."""
REQUEST_ID = "coalesce(request_id, call_id)"
_CLIENT_NAME = (
    "CASE WHEN TRY(json_type(client, '/name')) = 'VARCHAR' "
    "THEN TRY(json_extract_string(client, '/name')) END"
)
TARGET = (
    "CASE WHEN target_from IS NULL THEN target ELSE TRY(json_extract_string(args, "
    "'/' || replace(replace(target_from, '~', '~0'), '/', '~1'))) END"
)
"""Of a row: where a member of the arguments is the target, it stands there only."""


_BYTES = (
    "coalesce(args_bytes::HUGEINT + result_bytes::HUGEINT,"
    " args_bytes::HUGEINT, result_bytes::HUGEINT)"
)
"""Of a row: two sizes can be more than 64 bits together."""

_T, _N, _J = Kind.TEXT, Kind.NUMBER, Kind.JSON

_ALL = (
    Field(
        "actor",
        _T,
        "who asked: the id or the name",
        ("actor_id", "actor_name"),
        read_part("actor", "id", "name"),
    ),
    Field("actor.id", _T, "the id alone", ("actor_id",), read_part("actor", "id")),
    Field("actor.name", _T, "the name alone", ("actor_name",), read_part("actor", "name")),
    Field("actor.issuer", _T, "who vouches", ("actor_issuer",), read_part("actor", "issuer")),
    Field(
        "actor.clientId",
        _T,
        "client id of the token",
        ("actor_client_id",),
        read_part("actor", "clientId"),
    ),
    Field(
        "actor.tenant",
        _T,
        "the actor's organisation",
        ("actor_tenant",),
        read_part("actor", "tenant"),
    ),
    Field("ip", _T, "the actor's address", ("actor_ip",), read_part("actor", "ip")),
    Field(
        "provenance",
        _T,
        "how the actor is known",
        ("actor_provenance",),
        read_part("actor", "provenance"),
        get_args(Provenance),
    ),
    Field("client", _T, "name that the client declares", (_CLIENT_NAME,), read_client),
    Field("server", _T, "the server's name", ("server",), read_text("server")),
    Field("version", _T, "the server's version", ("server_version",), read_text("serverVersion")),
    Field("tool", _T, "the tool's exact name", ("tool",), read_text("tool")),
    Field("method", _T, "the MCP method", ("method",), read_text("method")),
    Field("target", _T, "what it was done to", (TARGET,), read_text("target")),
    Field("effect", _T, "what the tool may do", ("effect",), read_text("effect"), get_args(Effect)),
    Field("outcome", _T, "how it ended", ("outcome",), read_text("outcome"), _OUTCOMES),
    Field(
        "errorType",
        _T,
        "why it did not end well",
        ("error_type",),
        read_text("errorType"),
        ERROR_TYPES,
    ),
    Field(
        "error",
        _T,
        "the type of the error or its text",
        ("error_type", "error"),
        lambda entry: (plain(text(entry, "errorType")), plain(text(entry, "error"))),
    ),
    Field("kind", _T, "what the entry is", ("kind",), read_kind, KINDS),
    Field("session", _T, "id of the session", ("session_id",), read_part("session", "id")),
    Field("trace", _T, "W3C trace id", ("trace",), read_text("trace")),
    Field("request", _T, "the correlation id, `requestId`", (REQUEST_ID,), read_request),
    Field(
        "id",
        _T,
        "any id of it: `callId`, `requestId`, `recordId`",
        ("call_id", REQUEST_ID, RECORD_ID),
        read_ids,
    ),
    Field("jsonrpc", _J, "the JSON-RPC id", ("jsonrpc_id",), read_nothing),
    Field(
        "duration", Kind.DURATION, "how long it took", ("duration_ms",), read_number("durationMs")
    ),
    Field(
        "bytes",
        Kind.SIZE,
        "arguments and result as sent",
        (_BYTES,),
        read_bytes,
    ),
    Field("argsBytes", Kind.SIZE, "the request as sent", ("args_bytes",), read_number("argsBytes")),
    Field(
        "resultBytes", Kind.SIZE, "the reply as sent", ("result_bytes",), read_number("resultBytes")
    ),
    Field(
        "redactions",
        _N,
        "how many stretches were redacted",
        ("coalesce(TRY(json_array_length(redactions)), 0)",),
        read_redactions,
    ),
    Field("time", Kind.TIME, "when it was received", ("time",), read_nothing),
    Field("since", Kind.TIME, "from this time on", ("time",), read_nothing),
    Field("until", Kind.TIME, "up to this time", ("time",), read_nothing),
    Field("protocol", _T, "the MCP version", ("protocol_version",), read_text("protocolVersion")),
    Field(
        "transport",
        _T,
        "how messages came",
        ("transport",),
        read_text("transport"),
        get_args(Transport),
    ),
    Field(
        "direction",
        _T,
        "who asked whom",
        ("direction",),
        read_text("direction"),
        get_args(Direction),
    ),
    Field(
        "capturedBy",
        _T,
        "what saw it",
        ("captured_by",),
        read_text("capturedBy"),
        get_args(CapturedBy),
    ),
    Field("log", _T, "origin of the log that holds it", ("log",), read_text("log")),
    Field("args", _J, "a member of the arguments", ("args",), read_nothing),
    Field("result", _J, "a member of the result", ("result",), read_nothing),
    Field("is", Kind.FLAG, "a condition with a name", (), read_nothing),
    Field("has", Kind.FLAG, "whether something is there", (), read_nothing),
)
FIELDS: Mapping[str, Field] = {field.name: field for field in _ALL}
"""Every field by its canonical name, in the order of the documentation."""

ALIASES: Mapping[str, str] = {
    # Members of a flat entry, under their own names.
    "actor.ip": "ip",
    "actor.provenance": "provenance",
    "callId": "id",
    "durationMs": "duration",
    "jsonrpcId": "jsonrpc",
    "protocolVersion": "protocol",
    "recordId": "id",
    "requestId": "request",
    "serverVersion": "version",
    "session.id": "session",
    "timestamp": "time",
    # OpenTelemetry's names.
    "client.address": "ip",
    "error.type": "errorType",
    "gen_ai.tool.name": "tool",
    "jsonrpc.request.id": "jsonrpc",
    "mcp.method.name": "method",
    "mcp.protocol.version": "protocol",
    "mcp.session.id": "session",
}
"""Other names that are accepted, OpenTelemetry's among them."""

ROOTS: Mapping[str, tuple[str, str]] = {
    "args": ("args", "args"),
    "result": ("result", "result"),
    "client": ("client", "client"),
    "jsonrpc": ("jsonrpcId", "jsonrpc_id"),
}
"""Fields that are JSON or have members: the member of an entry, and the column."""
MEMBERS = ("args", "result", "client")
"""Those that are followed by a path."""
