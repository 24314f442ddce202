"""One request and its reply, as events. Pure: what pairs them is the caller's business."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from indelible.capture.protocol import METHODS, effect_of_method, effect_of_tool, member, trace_id
from indelible.model.canonical import Json
from indelible.model.event import (
    Completed,
    Connection,
    Direction,
    Effect,
    EffectSource,
    ErrorType,
    Outcome,
    Received,
    Unreadable,
)

MAX_TOOLS = 10_000
MAX_ERROR_CHARS = 4_096
_UNDECLARED: tuple[Effect, EffectSource] = ("undeclared", "none")


@dataclass(slots=True)
class Tools:
    """The tools a server has listed, and what they declare of themselves."""

    _effects: dict[str, tuple[Effect, EffectSource]] = field(default_factory=dict)

    def __contains__(self, name: str | None) -> bool:
        return name in self._effects

    def effect(self, name: str | None) -> tuple[Effect, EffectSource]:
        """Return the effect of the tool of that name, and where it is from."""
        return self._effects.get(name or "", _UNDECLARED)

    def learn(self, result: Json) -> None:
        """Remember the tools of a ``tools/list`` result."""
        tools = member(result, "tools")
        for tool in tools if isinstance(tools, list) else ():
            name = member(tool, "name")
            if isinstance(tool, dict) and isinstance(name, str) and len(self._effects) < MAX_TOOLS:
                self._effects[name] = effect_of_tool(tool)


class Open(NamedTuple):
    """A request without its reply, and since when on the monotonic clock (microseconds)."""

    received: Received
    since_us: int


def kept_args(method: str, params: Json) -> Json:
    """Return what is kept of a request's params: a tool's arguments, else all but ``_meta``."""
    if not isinstance(params, dict):
        return params
    if method == "tools/call":
        return params.get("arguments", {})
    if "_meta" in params:
        return {key: value for key, value in params.items() if key != "_meta"}
    return params


def received(
    number: int,
    sender: Direction,
    message: dict[str, Json],
    *,
    at_us: int,
    size: int | None,
    args: Json | Unreadable,
    tools: Tools,
    connection: Connection,
) -> Received:
    """Return the event of a request *message* from *sender*."""
    method, params = str(message.get("method")), message.get("params")
    tool: str | None = None
    trace: str | None = None
    if isinstance(params, dict):
        name = params.get("name")
        tool = name if method == "tools/call" and isinstance(name, str) else None
        trace = trace_id(params) if "_meta" in params else None
    if method == "tools/call":
        effect, source = tools.effect(tool)
    else:
        effect, source = effect_of_method(method)
    return Received(
        number,
        at_us,
        sender,
        method,
        method in METHODS,
        message.get("id"),
        tool,
        tool in tools,
        args,
        size,
        effect,
        source,
        connection,
        trace,
    )


def replied(
    call: Open, reply: dict[str, Json], at_us: int, *, size: int | None, readable: bool = True
) -> Completed:
    """Return the end of *call* by a JSON-RPC response.

    Args:
        at_us: Microseconds on the monotonic clock.

        readable: Whether *reply* is the whole reply, not its outline.
    """
    if "error" in reply:
        text = member(reply["error"], "message")
        error = text[:MAX_ERROR_CHARS] if isinstance(text, str) else ""
        return ended(call, at_us, Outcome.ERROR, ErrorType.RPC_ERROR, error, size=size)
    result = reply.get("result")
    kept = result if readable else Unreadable.TOO_LARGE
    if call.received.method == "tools/call" and member(result, "isError") is True:
        error = _text_of(result)
        failed = ErrorType.TOOL_ERROR
        return ended(call, at_us, Outcome.ERROR, failed, error, result=kept, size=size)
    return ended(call, at_us, Outcome.OK, None, None, result=kept, size=size)


def ended(
    call: Open,
    at_us: int,
    outcome: Outcome,
    error_type: ErrorType | None,
    error: str | None,
    *,
    result: Json | Unreadable = None,
    size: int | None = None,
) -> Completed:
    """Return the end of *call*; *at_us* is on the monotonic clock."""
    known = outcome is not Outcome.UNKNOWN
    return Completed(
        number=call.received.number,
        outcome=outcome,
        error_type=error_type,
        error=error,
        result=result,
        result_bytes=size,
        duration_us=max(0, at_us - call.since_us) if known else None,
        keep_result=call.received.effect == "destructive",
    )


def _text_of(result: Json) -> str:
    """Return the text of a tool's error result, as far as it will be kept."""
    blocks = member(result, "content")
    texts = [member(block, "text") for block in blocks] if isinstance(blocks, list) else []
    return "\n".join(text for text in texts if isinstance(text, str))[:MAX_ERROR_CHARS]
