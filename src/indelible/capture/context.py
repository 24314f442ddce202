"""The call that is running: known to the code it runs, so that its own logs can name it.

The ids are those of the record. A client may give the correlation id: it is taken
only if it is harmless wherever a log line may go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any, NamedTuple

from indelible.capture.protocol import member, trace_id
from indelible.model.canonical import Json
from indelible.model.digest import sha256_hex
from indelible.model.event import Received

REQUEST_ID_HEADER = "x-request-id"
_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+=@-]{0,127}")
_SESSION_HEADER = "mcp-session-id"

Headers = Callable[[str], list[str]]
"""Returns the values of all lines of one header, by its name in lower case."""


class Correlation(NamedTuple):
    """What ties everything that a call causes to its record."""

    request_id: str
    """As in the record: the client's, else the trace id, else the call's own id."""
    call_id: str
    """The record's own id: ``indelible show`` takes it."""
    trace: str | None = None
    method: str = ""
    tool: str | None = None
    transport: str = "stdio"
    jsonrpc_id: Json = None
    protocol_version: str | None = None


class Running(NamedTuple):
    """A call that is running. What ties it to its record is put together when it is wanted."""

    call: Received
    call_id: str
    is_clean: Callable[[str], bool]
    """Whether a record holds a text as it is."""

    def correlation(self) -> Correlation:
        """Return what ties to the call's record what it causes."""
        call, call_id, is_clean = self
        wanted = call.request_id
        if wanted is not None and not is_clean(wanted):
            wanted = None
        return Correlation(
            wanted or call.trace or call_id,
            call_id,
            call.trace,
            call.method,
            call.tool,
            call.connection.transport,
            call.jsonrpc_id,
            call.connection.protocol_version,
        )


CURRENT: ContextVar[Running | None] = ContextVar("indelible_call", default=None)
"""The call that the running code belongs to."""


class Given(NamedTuple):
    """The correlation that a request brings along."""

    request_id: str | None = None
    trace: str | None = None
    is_odd: bool = False
    """Whether it gives an id that cannot be one."""


NOTHING = Given()


def given(headers: Headers | None, params: Json) -> Given:
    """Return the correlation that a request brings: of its headers, else of its `_meta`."""
    texts: list[Json] = list(headers(REQUEST_ID_HEADER)) if headers is not None else []
    said = member(params, "_meta", REQUEST_ID_HEADER)
    if not texts and said is not None:
        texts = [said]
    trace = trace_id(params)
    if trace is None and headers is not None:
        lines = headers("traceparent")
        trace = trace_id({"_meta": {"traceparent": lines[0]}}) if len(lines) == 1 else None
    if not texts:
        return Given(None, trace)
    one = texts[0]
    fits = len(texts) == 1 and isinstance(one, str) and _REQUEST_ID.fullmatch(one)
    return Given(str(one), trace) if fits else Given(None, trace, is_odd=True)


def session_of(headers: Headers | None, trace: str | None, process: str) -> tuple[str, str]:
    """Return a session's id, and what it was derived from: it claims no more than that.

    The id in the header opens the session to whoever knows it, so its digest is kept.

    Args:
        process: Names the emitter's process run.
    """
    if headers is not None:
        lines = headers(_SESSION_HEADER)
        if len(lines) == 1 and lines[0]:
            return sha256_hex(f"indelible session {lines[0]}".encode())[:32], "header"
        if trace is not None:
            return trace, "trace"
    return process, "process"


SPAN_ATTRIBUTES: tuple[tuple[str, str], ...] = (
    ("indelible.request.id", "request_id"),
    ("indelible.call.id", "call_id"),
    ("mcp.method.name", "method"),
    ("mcp.protocol.version", "protocol_version"),
    ("gen_ai.tool.name", "tool"),
    ("jsonrpc.request.id", "jsonrpc_id"),
    ("network.transport", "network_transport"),
    ("gen_ai.operation.name", "operation"),
)
"""OpenTelemetry's names (semantic-conventions-genai 0.1, docs/gen-ai/mcp.md) and ours."""

OWN_ATTRIBUTES = SPAN_ATTRIBUTES[:2]
"""What no SDK says of a call: all that is written on a span that the SDK has made."""


def span_attributes(
    call: Correlation, names: Iterable[tuple[str, str]] = SPAN_ATTRIBUTES
) -> dict[str, str]:
    """Return the attributes of a span that stands for *call*; what is not known is left out."""
    known: dict[str, Any] = call._asdict()
    known["network_transport"] = "pipe" if call.transport == "stdio" else "tcp"
    known["operation"] = "execute_tool" if call.method == "tools/call" else None
    found = ((name, known[member_name]) for name, member_name in names)
    return {name: str(value) for name, value in found if value is not None}


def annotate(modules: dict[str, Any], running: Running) -> None:
    """Write the ids of a call on the span that is running, if anybody traces.

    Args:
        modules: `sys.modules`: OpenTelemetry is used where it is loaded, and never loaded.
    """
    trace = modules.get("opentelemetry.trace")
    if trace is None:
        return
    span = trace.get_current_span()
    if span.is_recording():
        span.set_attributes(span_attributes(running.correlation(), OWN_ATTRIBUTES))
