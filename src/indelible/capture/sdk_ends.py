"""How a request ended that the middleware of the MCP SDK 2.x has passed on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from indelible.capture.calls import Open, cancelled, ended
from indelible.capture.causes import described
from indelible.capture.exchange import has_left
from indelible.capture.process import monotonic_us
from indelible.capture.sdk_streams import CLOSED, Around
from indelible.model.event import Completed, ErrorType, Outcome

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext

SESSIONLESS = "2026-07-28"
"""The protocol revision from which each HTTP request stands alone: its `Mcp-Method` header
must fit its body, and a client that hangs up cancels it. Before, the call goes on without it."""


def failure(
    call: Open,
    error: BaseException,
    ctx: ServerRequestContext[Any, Any],
    around: Around | None,
    causes: list[str],
) -> Completed:
    """Return the end of a call that raised."""
    at_us = monotonic_us()
    if isinstance(error, asyncio.CancelledError) or type(error).__name__ == "Cancelled":
        if _is_given_up(ctx, around):
            return cancelled(call, None, at_us)
        return ended(call, at_us, Outcome.UNKNOWN, ErrorType.ABANDONED, CLOSED)
    from mcp.shared.exceptions import MCPError  # noqa: PLC0415 — loaded already, or no call

    # Params that break their schema: pydantic's error, which we do not import for its name.
    malformed = isinstance(error, ValueError) and type(error).__name__ == "ValidationError"
    known = malformed or isinstance(error, MCPError)
    kind = ErrorType.RPC_ERROR if known else ErrorType.EXCEPTION
    text = error.message if isinstance(error, MCPError) else described(error)
    return ended(call, at_us, Outcome.ERROR, kind, causes[-1] if causes and not known else text)


def _is_given_up(ctx: ServerRequestContext[Any, Any], around: Around | None) -> bool:
    """Return whether it was the client that interrupted a call, and not the server's end."""
    if is_cancelled(ctx):
        return True
    if around is not None:
        return False
    if ctx.request is None:
        return True  # in one process the client's task is the call's
    return ctx.protocol_version >= SESSIONLESS and has_left(ctx.request) is None


def is_cancelled(ctx: ServerRequestContext[Any, Any]) -> bool:
    """Return whether the client cancelled a request, though its tool went on to the end."""
    if is_told(ctx):
        return True
    if ctx.request is None or ctx.protocol_version < SESSIONLESS:
        return False
    return has_left(ctx.request) is True


def is_told(ctx: ServerRequestContext[Any, Any]) -> bool:
    """Return whether a notification of the client's cancels a request."""
    scoped = getattr(ctx.session, "_request_outbound", None)
    requested = getattr(scoped, "cancel_requested", None)
    return requested is not None and requested.is_set()
