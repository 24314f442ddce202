"""What MCP defines that a record needs: methods, effects, ids (2024-11-05 to 2026-07-28)."""

from __future__ import annotations

import re

from indelible.model.canonical import Json
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

_PROTOCOL_VERSION = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")
_META = "io.modelcontextprotocol/"


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


def protocol_version(value: Json) -> str | None:
    """Return *value* if it is a protocol revision (a date), else None."""
    return value if isinstance(value, str) and _PROTOCOL_VERSION.fullmatch(value) else None


def trace_id(params: Json) -> str | None:
    """Return the W3C trace id of ``_meta.traceparent``, or None where it is absent or malformed."""
    value = member(params, "_meta", "traceparent")
    match = _TRACEPARENT.fullmatch(value) if isinstance(value, str) else None
    return match[1] if match and match[1] != "0" * 32 else None


def client_info(method: str, params: Json) -> dict[str, Json] | None:
    """Return what the client says of itself: name and version, asserted, never verified."""
    info = member(params, "_meta", f"{_META}clientInfo")
    if method == "initialize":
        info = member(params, "clientInfo")
    if not isinstance(info, dict):
        return None
    said = {key: info.get(key) for key in ("name", "version")}
    return {key: value for key, value in said.items() if isinstance(value, str)} or None


def declared_protocol(method: str, params: Json) -> str | None:
    """Return the protocol revision that a request names."""
    if method == "initialize":
        return protocol_version(member(params, "protocolVersion"))
    return protocol_version(member(params, "_meta", f"{_META}protocolVersion"))


def server_info(result: Json) -> dict[str, Json] | None:
    """Return what the server says of itself in a result."""
    info = member(result, "serverInfo") or member(result, "_meta", f"{_META}serverInfo")
    return info if isinstance(info, dict) else None


def id_key(jsonrpc_id: Json) -> tuple[str, str]:
    """Return a key under which a request and its reply meet: ``"7"`` and ``7`` are two ids.

    Numbers are read as JavaScript reads them, which answers ``1.0`` with ``1``.
    Objects and arrays are no ids; they are never asked for their text.
    """
    if isinstance(jsonrpc_id, (int, float)) and not isinstance(jsonrpc_id, bool):
        try:
            return "number", repr(float(jsonrpc_id))
        except OverflowError:
            return "number", "inf"
    if isinstance(jsonrpc_id, (list, dict)):
        return "other", ""
    return type(jsonrpc_id).__name__, str(jsonrpc_id)
