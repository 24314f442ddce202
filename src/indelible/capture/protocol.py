"""What MCP defines that a record needs: methods, effects, ids (2024-11-05 to 2026-07-28)."""

from __future__ import annotations

import re
from typing import NamedTuple, TypeAlias

from indelible.model.canonical import Json
from indelible.model.digest import sha256_hex
from indelible.model.event import Effect, EffectSource

_READING = (
    "initialize",
    "server/discover",
    "ping",
    "tools/list",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "prompts/list",
    "prompts/get",
    "completion/complete",
    "roots/list",
    "tasks/get",
    "tasks/list",
    "tasks/result",
)
_WRITING = (
    "logging/setLevel",
    "resources/subscribe",
    "resources/unsubscribe",
    "subscriptions/listen",
    "sampling/createMessage",
    "elicitation/create",
    "tasks/cancel",
    "tasks/update",
)
_EFFECTS: dict[str, Effect] = {
    **dict.fromkeys(_READING, "read"),
    **dict.fromkeys(_WRITING, "write"),
}

METHODS = frozenset([*_EFFECTS, "tools/call"])
"""Request methods that may stand in a header; any other name is content."""

LISTEN = "subscriptions/listen"
"""A request that is answered by a stream: it is open until one side closes it."""

ACKNOWLEDGED = "notifications/subscriptions/acknowledged"

_MEMBERS = frozenset(["jsonrpc", "id", "method", "params", "result", "error"])
_CALL_MEMBERS = frozenset(["name", "arguments", "_meta", "task"])

_PROTOCOL_VERSION = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")
_CLIENT_INFO = "io.modelcontextprotocol/clientInfo"
_PROTOCOL = "io.modelcontextprotocol/protocolVersion"
_SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"
_SERVER_INFO = "io.modelcontextprotocol/serverInfo"


def effect_of_method(method: str) -> tuple[Effect, EffectSource]:
    """Return the effect of a method that is not a tool call."""
    effect = _EFFECTS.get(method)
    return (effect, "method") if effect else ("undeclared", "none")


def effect_of_tool(tool: dict[str, Json]) -> tuple[Effect, EffectSource]:
    """Return the effect a listed tool declares by its annotations.

    The spec's default holds for the destructive hint: a tool that says it is
    not read-only, and says no more, may destroy.
    """
    hints = tool.get("annotations")
    if not isinstance(hints, dict):
        return "undeclared", "none"
    read_only, destructive = hints.get("readOnlyHint"), hints.get("destructiveHint")
    if read_only is True:
        return "read", "annotation"
    if destructive is False:
        return "write", "annotation"
    if destructive is True or read_only is False:
        return "destructive", "annotation"
    return "undeclared", "none"


def member(value: Json, *path: str) -> Json:
    """Return the member of nested objects at *path*, or None where there is none."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def reads_one_way(message: dict[str, Json]) -> bool:
    """Return whether readers that ignore the case of keys find what all others find."""
    if not _MEMBERS.issuperset(message) and _has_alike(message, _MEMBERS):
        return False
    if message.get("method") != "tools/call":
        return True
    params = message.get("params")
    if not isinstance(params, dict) or _CALL_MEMBERS.issuperset(params):
        return True
    return not _has_alike(params, _CALL_MEMBERS)


def _has_alike(value: dict[str, Json], names: frozenset[str]) -> bool:
    return any(key not in names and key.casefold() in names for key in value)


def alike(value: Json, name: str) -> list[Json]:
    """Return the members of *value* named *name* if case does not count, the exact one first."""
    if not isinstance(value, dict):
        return []
    others = [v for key, v in value.items() if key != name and key.casefold() == name]
    return [value[name], *others] if name in value else others


def protocol_version(value: Json) -> str | None:
    """Return *value* if it is a protocol revision (a date), else None."""
    return value if isinstance(value, str) and _PROTOCOL_VERSION.fullmatch(value) else None


def trace_id(params: Json) -> str | None:
    """Return the W3C trace id of ``_meta.traceparent``, or None where it is absent or malformed."""
    value = member(params, "_meta", "traceparent")
    if not isinstance(value, str):
        return None
    match = _TRACEPARENT.fullmatch(value)
    return match[1] if match and match[1] != "0" * 32 else None


def state_digest(part: Json) -> str | None:
    """Return the SHA-256 of a request's or a result's ``requestState``, or None without one.

    It joins the requests of one call that took several; the state itself is the server's own.
    """
    state = part.get("requestState") if isinstance(part, dict) else None
    return sha256_hex(state.encode("utf-8", "replace")) if isinstance(state, str) else None


def subscription_id(params: Json) -> Json:
    """Return the id of the request to listen that a notification belongs to."""
    return member(params, "_meta", _SUBSCRIPTION)


class Declared(NamedTuple):
    """What a client says of itself: asserted, never verified."""

    info: Json
    """``clientInfo`` as it stands on the wire."""

    version: Json
    """The protocol revision it names."""


def declared(method: str, params: Json) -> Declared | None:
    """Return what a request's sender says of itself, or None where it says nothing."""
    if not isinstance(params, dict):
        return None
    if method == "initialize":
        return Declared(params.get("clientInfo"), params.get("protocolVersion"))
    meta = params.get("_meta")
    if not isinstance(meta, dict):
        return None
    return Declared(meta.get(_CLIENT_INFO), meta.get(_PROTOCOL))


def client_info(info: Json) -> dict[str, Json] | None:
    """Return name and version of a ``clientInfo``, as far as they are text."""
    if not isinstance(info, dict):
        return None
    said = {key: info.get(key) for key in ("name", "version")}
    return {key: value for key, value in said.items() if isinstance(value, str)} or None


def server_info(result: Json) -> Json:
    """Return what the server says of itself in a result, as it stands on the wire."""
    if not isinstance(result, dict):
        return None
    return result.get("serverInfo") or member(result, "_meta", _SERVER_INFO)


class LongNumber(str):
    """Stands for an integer of more digits than Python reads; its text says how many."""

    __slots__ = ()


IdKey: TypeAlias = tuple[str, str | float]
EXACT_FLOAT = 1 << 53
"""Above it JavaScript reads several integers as one number."""


def id_key(jsonrpc_id: Json) -> IdKey:
    """Return a key under which a request and its reply meet: ``"7"`` and ``7`` are two ids.

    Numbers are one if they are equal: JavaScript answers ``1.0`` with ``1``.
    Objects and arrays are no ids; they are never asked for their text.
    """
    if type(jsonrpc_id) is int:
        return "number", jsonrpc_id
    if isinstance(jsonrpc_id, str):
        return "string", jsonrpc_id
    if isinstance(jsonrpc_id, (int, float)) and not isinstance(jsonrpc_id, bool):
        return "number", jsonrpc_id
    if isinstance(jsonrpc_id, (list, dict)):
        return "none", ""
    return "other", str(jsonrpc_id)


def rounded_key(jsonrpc_id: Json) -> IdKey | None:
    """Return the key of a large number as JavaScript reads it, or None for any other id."""
    if isinstance(jsonrpc_id, bool) or not isinstance(jsonrpc_id, (int, float)):
        return None
    if -EXACT_FLOAT < jsonrpc_id < EXACT_FLOAT:
        return None
    try:
        return "number", float(jsonrpc_id)
    except OverflowError:
        return "number", float("inf")
