"""The conditions with a name, ``is:`` and ``has:``: of an entry, and of a row. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from indelible.model.event import Outcome
from indelible.model.flat import CALL, Fields, text
from indelible.query.fields import FIELDS
from indelible.query.readers import plain, read_kind


@dataclass(frozen=True, slots=True)
class Flag:
    """One value of ``is:`` or ``has:``: a condition with a name."""

    name: str
    help: str
    sql: str
    """True or not true of a row."""
    holds: Callable[[Fields], bool]


def _is(field: str, value: str) -> Callable[[Fields], bool]:
    return lambda entry: value in FIELDS[field].read(entry)


def _has(*fields: str) -> Callable[[Fields], bool]:
    return lambda entry: any(
        value is not None for field in fields for value in FIELDS[field].read(entry)
    )


def _unfinished(entry: Fields) -> bool:
    """Whether the call has no outcome yet, or its process died first."""
    outcome = plain(text(entry, "outcome"))
    return read_kind(entry) == (CALL,) and outcome in (None, Outcome.UNKNOWN.value)


def _redacted(entry: Fields) -> bool:
    return bool(entry.get("redactions"))


def _held(member: str) -> Callable[[Fields], bool]:
    return lambda entry: entry.get(member) is not None


_UNFINISHED = f"(kind = '{CALL}' AND (outcome IS NULL OR outcome = '{Outcome.UNKNOWN.value}'))"
SKEWED = "skewed"
"""The one condition that needs the time of the row besides the entry."""

STATES: Mapping[str, Flag] = {
    flag.name: flag
    for flag in (
        Flag("unfinished", "it is a call without a known outcome", _UNFINISHED, _unfinished),
        Flag(
            "destructive",
            "its tool may destroy",
            "effect = 'destructive'",
            _is("effect", "destructive"),
        ),
        Flag("error", "it ended in an error", "outcome = 'error'", _is("outcome", "error")),
        Flag("denied", "it was refused", "error_type = 'denied'", _is("errorType", "denied")),
        Flag("redacted", "something was taken out", "redactions IS NOT NULL", _redacted),
        Flag("erased", "its content was erased", "erased", lambda e: bool(e.get("erased"))),
        Flag(
            SKEWED,
            "its clock ran ahead of the collector's",
            "skew_us IS NOT NULL",
            lambda _entry: False,
        ),
    )
}
PRESENCES: Mapping[str, Flag] = {
    flag.name: flag
    for flag in (
        Flag("args", "an argument", "args IS NOT NULL", _held("args")),
        Flag("result", "a result", "result IS NOT NULL", _held("result")),
        Flag(
            "error",
            "an error's type or text",
            "(error_type IS NOT NULL OR error IS NOT NULL)",
            _has("error"),
        ),
        Flag("redaction", "something that was redacted", "redactions IS NOT NULL", _redacted),
        Flag(
            "target",
            "something it was done to",
            "(target IS NOT NULL OR target_from IS NOT NULL)",
            _has("target"),
        ),
        Flag("tool", "a tool", "tool IS NOT NULL", _has("tool")),
        Flag("session", "a session", "session_id IS NOT NULL", _has("session")),
        Flag("trace", "a trace id", "trace IS NOT NULL", _has("trace")),
        Flag("client", "a client that says what it is", "client IS NOT NULL", _held("client")),
        Flag("ip", "an address", "actor_ip IS NOT NULL", _has("ip")),
        Flag("duration", "a duration", "duration_ms IS NOT NULL", _has("duration")),
        Flag("jsonrpc", "a JSON-RPC id", "jsonrpc_id IS NOT NULL", _held("jsonrpcId")),
    )
}
FLAGS: Mapping[str, Mapping[str, Flag]] = {"is": STATES, "has": PRESENCES}
"""The values of the fields ``is`` and ``has``."""
