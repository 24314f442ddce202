"""One request and its reply, as events. Pure: what pairs them is the caller's business."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import NamedTuple

from indelible.capture.context import NOTHING, REQUEST_ID_HEADER, given
from indelible.capture.definitions import Definitions, Drift
from indelible.capture.protocol import (
    EXACT_FLOAT,
    METHODS,
    IdKey,
    effect_of_method,
    effect_of_tool,
    id_key,
    member,
    rounded_key,
    state_digest,
)
from indelible.model.canonical import Json
from indelible.model.event import (
    Actor,
    Completed,
    Connection,
    Direction,
    Effect,
    EffectSource,
    ErrorType,
    Notice,
    Outcome,
    Received,
    Unreadable,
)

MAX_TOOLS = 10_000
MAX_OPEN = 100_000
MAX_KEPT_BYTES = 512
"""A longer request is remembered without its arguments until its reply comes."""

MAX_NAME_CHARS = 4_096
MAX_ERROR_CHARS = 4_096
_DANGER: dict[Effect, int] = {"read": 0, "write": 3, "destructive": 4}
_QUOTED_INPUT = re.compile(r"input_value=.*?(, input_type=|\Z)", re.DOTALL)
"""What pydantic quotes of arguments that do not fit, without the name that tells a secret."""

_RUN_TOOLS = frozenset(["tools/call", "tasks/result"])
"""Methods whose result is that of a tool, which says in it whether it failed."""

_NOT_KEPT = frozenset(["_meta", "requestState"])
_UNDECLARED: tuple[Effect, EffectSource] = ("undeclared", "none")


@dataclass(slots=True)
class Tools:
    """The tools a server has listed, and what they declare of themselves."""

    _effects: dict[str, tuple[Effect, EffectSource]] = field(default_factory=dict)
    _definitions: Definitions = field(default_factory=Definitions)

    def find(self, name: str) -> tuple[Effect, EffectSource] | None:
        """Return the effect of the tool of that name if it is listed, and where it is from."""
        return self._effects.get(name)

    def effect(self, name: str | None) -> tuple[Effect, EffectSource]:
        """Return the effect of the tool of that name, and where it is from."""
        return self._effects.get(name or "", _UNDECLARED)

    def worst(self, names: list[Json]) -> Json:
        """Return that one of the tools a call may mean which may do most."""
        return max(names, key=self._danger, default=None)

    def _danger(self, name: Json) -> int:
        effect, _ = self.effect(name if isinstance(name, str) else None)
        if effect == "undeclared":
            return 1 if isinstance(name, str) and name in self._effects else 2
        return _DANGER[effect]

    def learn(self, result: Json, cursor: Json = None, actor: Actor | None = None) -> Drift | None:
        """Remember the tools of a ``tools/list`` result; return how the list differs, if it does.

        Args:
            cursor: Which page was asked for.

            actor: Who asked: a server may show each its own tools.
        """
        tools = member(result, "tools")
        for tool in tools if isinstance(tools, list) else ():
            name = member(tool, "name")
            if not isinstance(tool, dict) or not isinstance(name, str):
                continue
            if name in self._effects or len(self._effects) < MAX_TOOLS:
                self._effects[name] = effect_of_tool(tool)
        asker = (actor.issuer, actor.id) if actor is not None else None
        return self._definitions.compare(result, cursor, asker)


class Open(NamedTuple):
    """A request without its reply, and since when on the monotonic clock (microseconds)."""

    received: Received
    since_us: int


class OpenCalls:
    """The requests of one direction that have no reply yet; large arguments are let go."""

    def __init__(self) -> None:
        self._queues: dict[IdKey, list[Open]] = {}
        self._rounded: dict[IdKey | None, IdKey] = {}
        self._count = 0

    def add(self, request: Received, since_us: int) -> Open | None:
        """Expect a reply to *request*; return the call that is given up for it, if one is."""
        jsonrpc_id = request.jsonrpc_id
        key = id_key(jsonrpc_id)
        if request.args_bytes is None or request.args_bytes > MAX_KEPT_BYTES:
            request = request._replace(args=_cursor_of(request))
        if key in self._queues:
            self._queues[key].append(Open(request, since_us))
        else:
            self._queues[key] = [Open(request, since_us)]
            if isinstance(jsonrpc_id, (int, float)) and not -EXACT_FLOAT < jsonrpc_id < EXACT_FLOAT:
                self._rounded[rounded_key(jsonrpc_id)] = key
        self._count += 1
        return self._shift(next(iter(self._queues))) if self._count > MAX_OPEN else None

    def take(self, jsonrpc_id: Json) -> Open | None:
        """Return the oldest call under an id, no longer expected; None where there is none.

        An id that is not there may be one that JavaScript has rounded.
        """
        key = id_key(jsonrpc_id)
        if key in self._queues:
            return self._shift(key)
        if self._rounded and (rounded := rounded_key(jsonrpc_id)) in self._rounded:
            return self._shift(self._rounded[rounded])
        return None

    def take_same(self, jsonrpc_id: Json) -> list[Open]:
        """Return all calls under an id of exactly that type: ``8.0`` is not ``8``."""
        key = id_key(jsonrpc_id)
        same: list[Open] = []
        others: list[Open] = []
        for call in self._queues.get(key, ()):
            exact = type(call.received.jsonrpc_id) is type(jsonrpc_id)
            (same if exact else others).append(call)
        if same:
            self._count -= len(same) - 1
            self._queues[key] = [same[-1], *others]
            self._shift(key)
        return same

    def take_of(self, jsonrpc_id: Json, method: str) -> Open | None:
        """Return the oldest call of *method* under an id, no longer expected."""
        key = id_key(jsonrpc_id)
        for at, call in enumerate(self._queues.get(key, ())):
            if call.received.method == method:
                return self._shift(key, at)
        return None

    def drop(self, request: Received) -> None:
        """Expect no reply to *request* any more."""
        key = id_key(request.jsonrpc_id)
        for at, call in enumerate(self._queues.get(key, ())):
            if call.received.number == request.number:
                self._shift(key, at)
                return

    def take_all(self) -> list[Open]:
        """Return every call, no longer expected."""
        calls = self.all()
        self._queues.clear()
        self._rounded.clear()
        self._count = 0
        return calls

    def all(self) -> list[Open]:
        """Return every call, oldest first."""
        calls = [call for queue in self._queues.values() for call in queue]
        return sorted(calls, key=lambda call: call.received.number)

    def _shift(self, key: IdKey, at: int = 0) -> Open:
        queue = self._queues[key]
        call = queue.pop(at)
        self._count -= 1
        if not queue:
            del self._queues[key]
            if self._rounded:
                self._forget(rounded_key(call.received.jsonrpc_id), key)
        return call

    def _forget(self, rounded: IdKey | None, key: IdKey) -> None:
        if self._rounded.get(rounded) == key:
            del self._rounded[rounded]


def kept_args(method: str, params: Json) -> Json:
    """Return what is kept of a request's params: a tool's arguments, else all but ``_meta``.

    A ``requestState`` is never kept: its digest is, beside the arguments.
    """
    if not isinstance(params, dict):
        return params
    if method == "tools/call":
        return params.get("arguments", {})
    if "_meta" in params or "requestState" in params:
        return {key: value for key, value in params.items() if key not in _NOT_KEPT}
    return params


def _cursor_of(request: Received) -> Json:
    """Return what must be remembered of a listing's params to know which page its reply is."""
    cursor = member(request.args, "cursor") if request.method == "tools/list" else None  # type: ignore[arg-type]
    return {"cursor": cursor} if isinstance(cursor, str) and len(cursor) < MAX_NAME_CHARS else None


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
    state: str | None = None
    said = NOTHING
    if isinstance(params, dict):
        name = params.get("name")
        if method == "tools/call" and name is not None:
            tool = name if isinstance(name, str) else text_of(name)[:MAX_NAME_CHARS]
        meta = params.get("_meta")
        if type(meta) is dict and (REQUEST_ID_HEADER in meta or "traceparent" in meta):
            said = given(None, params)
        state = state_digest(params) if "requestState" in params else None
    listed = tools.find(tool) if tool is not None else None
    effect, source = listed or (_UNDECLARED if method == "tools/call" else effect_of_method(method))
    return Received(
        number,
        at_us,
        sender,
        method,
        method in METHODS,
        message.get("id"),
        tool,
        listed is not None,
        args,
        size,
        effect,
        source,
        connection,
        said.trace,
        request_id=said.request_id,
        has_odd_request_id=said.is_odd,
        state=state,
    )


def replied(
    call: Open,
    reply: dict[str, Json],
    at_us: int,
    *,
    size: int | None,
    readable: bool = True,
    cause: str | None = None,
) -> Completed:
    """Return the end of *call* by a JSON-RPC response.

    Args:
        at_us: Microseconds on the monotonic clock.

        readable: Whether *reply* is the whole reply, not its outline.

        cause: What went wrong, where it is known better than the reply says.
    """
    if "error" in reply:
        text = cause or member(reply["error"], "message")
        error = text[:MAX_ERROR_CHARS] if isinstance(text, str) else ""
        return ended(call, at_us, Outcome.ERROR, ErrorType.RPC_ERROR, error, size=size)
    result = reply.get("result")
    state = None
    is_error = runs_on = False
    if isinstance(result, dict):
        is_error = result.get("isError") is True and call.received.method in _RUN_TOOLS
        # What asks for the outcome later names no more than the task's id: that is kept.
        runs_on = "task" in result or result.get("resultType") == "task"
        if "requestState" in result and (state := state_digest(result)) is not None:
            result = {**result, "requestState": state}
    kept = result if readable else Unreadable.TOO_LARGE
    if is_error:
        error = (cause or _error_text(result))[:MAX_ERROR_CHARS]
        failed = ErrorType.TOOL_ERROR
        return ended(call, at_us, Outcome.ERROR, failed, error, result=kept, size=size)
    end = ended(call, at_us, Outcome.OK, None, None, result=kept, size=size, state=state)
    return end._replace(keep_result=True) if runs_on else end


def ended(
    call: Open,
    at_us: int,
    outcome: Outcome,
    error_type: ErrorType | None,
    error: str | None,
    *,
    result: Json | Unreadable = None,
    size: int | None = None,
    state: str | None = None,
) -> Completed:
    """Return the end of *call*; *at_us* is on the monotonic clock."""
    request, since_us = call
    if error is not None and "input_value=" in error:
        error = _QUOTED_INPUT.sub(r"input_value=[...]\1", error)
    duration_us = None if outcome is Outcome.UNKNOWN else max(0, at_us - since_us)
    return Completed(
        request.number,
        outcome,
        error_type,
        error,
        result,
        size,
        duration_us,
        request.effect == "destructive",
        state,
    )


def cancelled(call: Open, params: Json, at_us: int) -> Completed:
    """Return the end of *call* by a notification of its sender with *params*, if there is one."""
    reason = member(params, "reason")
    text = f"cancelled: {reason[:MAX_ERROR_CHARS]}" if isinstance(reason, str) else "cancelled"
    return ended(call, at_us, Outcome.ERROR, ErrorType.CANCELLED, text)


def noticed(
    sender: Direction, method: str, params: Json, at_us: int, connection: Connection
) -> Notice:
    """Return the event of a notification from *sender*."""
    content = kept_args(method, params)
    return Notice(at_us, "notification", sender, method, content, connection)


def closed(call: Open, at_us: int, now_us: int) -> Notice:
    """Return the end of the stream that answers *call*, a request to listen.

    Args:
        at_us: Microseconds since 1970.

        now_us: Microseconds on the monotonic clock.
    """
    request, since_us = call
    content: Json = {"openMs": (now_us - since_us) // 1_000}
    connection, jsonrpc_id = request.connection, request.jsonrpc_id
    return Notice(at_us, "closed", "client", request.method, content, connection, jsonrpc_id)


def text_of(value: Json) -> str:
    """Return *value* as JSON; nothing of one that is too deep to be written."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return ""


def _error_text(result: Json) -> str:
    """Return the text of a tool's error result, as far as it will be kept."""
    blocks = member(result, "content")
    texts = [member(block, "text") for block in blocks] if isinstance(blocks, list) else []
    return "\n".join(text for text in texts if isinstance(text, str))[:MAX_ERROR_CHARS]
