# ruff: noqa: S608 — what is put together here is our own text, or one checked SELECT
"""The tables that an operator's SQL sees: `audit_log`, `audit_events`, and `datetime()`. Pure.

The ten columns of the guide come first, under its names; then ours. Reference:
docs/reference/sql.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from indelible.query.fields import TARGET

_REQUEST = (
    "CASE WHEN extra IS NOT NULL AND json_valid(extra) AND json_exists(extra, '$.requestId') "
    "THEN extra ->> '$.requestId' ELSE coalesce(request_id, "
    "CASE WHEN kind = 'call' THEN call_id END) END"
)
_END_LEAF = "CASE WHEN leaf_end <> 0 THEN coalesce(leaf, 0) + leaf_end END"


def _readable(column: str) -> str:
    """Return JSON text that DuckDB can read: one row that it cannot ends every question.

    Only half of a surrogate pair makes it so, which stands as an escape. Such a text
    becomes a string of JSON, so that it is seen and no member of it is.
    """
    return (
        f"CASE WHEN contains({column}, '\\ud') AND NOT json_valid({column}) "
        f"THEN CAST(to_json({column}) AS VARCHAR) ELSE {column} END"
    )


@dataclass(frozen=True, slots=True)
class ViewColumn:
    """One column of the views."""

    name: str
    meaning: str
    expression: str = ""
    """Over the columns of the query copy; empty for the column of the same name."""
    events_only: bool = False

    @property
    def select(self) -> str:
        """The column as it stands in a select list."""
        return f"{self.expression} AS {self.name}" if self.expression else self.name


COLUMNS = (
    ViewColumn(
        "timestamp",
        "when the call was received, UTC; where its clock ran ahead, when it was collected",
        "time",
    ),
    ViewColumn("request_id", "the correlation id", _REQUEST),
    ViewColumn("actor_id", "who asked"),
    ViewColumn("actor_ip", "from where"),
    ViewColumn("tool", "the tool, exactly as registered"),
    ViewColumn("args", "the redacted arguments, JSON text: `args->>'$.path'`", _readable("args")),
    ViewColumn("outcome", "`ok`, `error` or `unknown`; null while the call runs"),
    ViewColumn("error", "the redacted error message"),
    ViewColumn("duration_ms", "how long it took, milliseconds"),
    ViewColumn("server_version", "version of the server"),
    ViewColumn("kind", "what the entry is of: `call`, `server.start`, …", "", events_only=True),
    ViewColumn("error_type", "what kind of error"),
    ViewColumn("effect", "`read`, `write`, `destructive` or `undeclared`"),
    ViewColumn("server", "name of the server"),
    ViewColumn("method", "the method of the protocol"),
    ViewColumn("target", "what the call was about, where one argument says so", TARGET),
    ViewColumn("call_id", "id of the call"),
    ViewColumn(
        "record_id", "id of its first record: `indelible show` takes it", "writer || '/' || seq"
    ),
    ViewColumn("result", "the redacted result, JSON text", _readable("result")),
    ViewColumn(
        "redactions", "what was taken out, JSON text", f"coalesce({_readable('redactions')}, '[]')"
    ),
    ViewColumn("actor_name", "name of who asked"),
    ViewColumn("actor_issuer", "who vouches for the actor"),
    ViewColumn("actor_client_id", "the client that the actor used"),
    ViewColumn("actor_tenant", "the organisation that the actor belongs to"),
    ViewColumn("actor_provenance", "how the actor is known"),
    ViewColumn("actor_chain", "who acted for the actor, JSON text", _readable("actor_chain")),
    ViewColumn("session_id", "the session"),
    ViewColumn("session_from", "where its id is from"),
    ViewColumn("client", "the program that asked, JSON text", _readable("client")),
    ViewColumn(
        "jsonrpc_id", "id of the request in the protocol, JSON text", _readable("jsonrpc_id")
    ),
    ViewColumn("trace", "trace context of the request"),
    ViewColumn("transport", "`stdio`, `http`, `sse` or `memory`"),
    ViewColumn("protocol_version", "version of the protocol"),
    ViewColumn("direction", "who called whom"),
    ViewColumn("captured_by", "`wrap` or `sdk`"),
    ViewColumn("args_bytes", "size of the arguments before redaction"),
    ViewColumn("result_bytes", "size of the result before redaction"),
    ViewColumn(
        "said_at",
        "the time that the record itself gives, UTC",
        "time + to_microseconds(coalesce(skew_us, 0))",
    ),
    ViewColumn("received_at", "when it was collected, UTC; null while it is unsealed"),
    ViewColumn("erased", "whether its body was erased"),
    ViewColumn("log", "origin of the log; null while it is unsealed"),
    ViewColumn("retention_class", "retention class of the log", "class"),
    ViewColumn("leaf", "index of its first record in the log; null while it is unsealed"),
    ViewColumn("end_leaf", "index of the record of its outcome", _END_LEAF),
    ViewColumn(
        "details",
        "members of the entry that have no column, JSON text",
        _readable("extra"),
        events_only=True,
    ),
)
LOG, EVENTS = "audit_log", "audit_events"
VIEWS = {
    LOG: tuple(column.name for column in COLUMNS if not column.events_only),
    EVENTS: tuple(column.name for column in COLUMNS),
}
"""The columns of each view, in order."""


def create_views(relation: str) -> list[str]:
    """Return the statements that make the views.

    Args:
        relation: A query for all rows, with `class` and `log`.
    """
    selects = {
        LOG: ", ".join(column.select for column in COLUMNS if not column.events_only),
        EVENTS: ", ".join(column.select for column in COLUMNS),
    }
    only = {LOG: " WHERE kind = 'call' AND method = 'tools/call'", EVENTS: ""}
    return [
        f"CREATE OR REPLACE VIEW {name} AS SELECT {select} FROM ({relation}){only[name]}"
        for name, select in selects.items()
    ]


_NUMBER = "regexp_extract(m, '[+-]?[0-9.]+')"
_OFFSET = "regexp_full_match(m, '[+-]?[0-9]+([.][0-9]+)? *(second|minute|hour|day)s?')"
_MONTHS = "regexp_full_match(m, '[+-]?[0-9]+ *(month|year)s?')"
_WEEKDAY = "regexp_full_match(m, 'weekday [0-6]')"
_UNIT_MS = (
    "CASE regexp_extract(m, '(second|minute|hour|day)') "
    "WHEN 'second' THEN 1000 WHEN 'minute' THEN 60000 WHEN 'hour' THEN 3600000 ELSE 86400000 END"
)
_SHIFT = f"""date_trunc(
  CASE WHEN m = 'start of day' THEN 'day'
       WHEN m = 'start of month' THEN 'month'
       WHEN m = 'start of year' THEN 'year'
       WHEN m = 'utc' OR {_OFFSET} OR {_MONTHS} OR {_WEEKDAY} THEN 'microseconds'
       ELSE CAST(CAST('{{unknown}}' || m AS TIMESTAMP) AS VARCHAR) END,
  date_trunc('month', t)
  + to_months(CASE WHEN {_MONTHS} THEN CAST({_NUMBER} AS INTEGER)
      * CASE WHEN contains(m, 'year') THEN 12 ELSE 1 END ELSE 0 END)
  + (t - date_trunc('month', t))
  + to_microseconds(CASE WHEN {_OFFSET}
      THEN 1000 * CAST(round(CAST({_NUMBER} AS DOUBLE) * {_UNIT_MS}) AS BIGINT) ELSE 0 END)
  + to_days(CASE WHEN {_WEEKDAY}
      THEN CAST((CAST(right(m, 1) AS INTEGER) - dayofweek(t) + 7) % 7 AS INTEGER) ELSE 0 END))"""
"""One expression in which the time stands four times: each modifier multiplies the next."""
MAX_MODIFIERS = 3
UNKNOWN_MODIFIER = "datetime() has no modifier "
"""How the error begins that stands for a modifier we do not have.

SQLite answers null then: a comparison with it is never true, and reads as all clear.
"""


def create_datetime(now_us: int) -> list[str]:
    """Return the statements that make `datetime()`, with SQLite's meaning, in UTC.

    Args:
        now_us: What 'now' is, in microseconds since 1970.
    """
    # Each is a cast where text is no time, and never `error()`: what is constant must
    # become a constant before the files are looked at, or none would be left out.
    zoned = "regexp_matches(CAST(t AS VARCHAR), '([zZ]|[+-][0-9]{2}(:?[0-9]{2})?)$')"
    moment = (
        "date_trunc('second', CASE "
        f"WHEN lower(CAST(t AS VARCHAR)) = 'now' THEN make_timestamp({now_us}) "
        "WHEN length(CAST(t AS VARCHAR)) > 16 AND "
        f"{zoned} THEN CAST(CAST(CAST(t AS VARCHAR) AS TIMESTAMPTZ) AS TIMESTAMP) "
        "ELSE CAST(CAST(t AS VARCHAR) AS TIMESTAMP) END)"
    )
    shapes = ["(t) AS sqlite_moment(t)"]
    names = "abc"[:MAX_MODIFIERS]
    for count in range(1, len(names) + 1):
        value = "sqlite_moment(t)"
        for name in names[:count]:
            value = f"sqlite_shift({value}, lower({name}))"
        shapes.append(f"(t, {', '.join(names[:count])}) AS {value}")
    shift = _SHIFT.replace("{unknown}", UNKNOWN_MODIFIER)
    return [
        f"CREATE OR REPLACE MACRO sqlite_shift(t, m) AS {shift}",
        f"CREATE OR REPLACE MACRO sqlite_moment(t) AS {moment}",
        f"CREATE OR REPLACE MACRO datetime{', '.join(shapes)}",
    ]
