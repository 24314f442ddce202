"""What really went wrong in a tool whose error the client is told little about.

SDKs mask the exception of a tool before any hook sees it. Where they give it out on
the way, it is put down here and taken up when the call's end is recorded.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

from indelible.capture.calls import MAX_ERROR_CHARS
from indelible.capture.streams import CONVERSATION

CAUSES: ContextVar[list[str] | None] = ContextVar("indelible_causes", default=None)
"""Within one call: what went wrong in it."""

_TELLING = frozenset(["ToolError", "UnexpectedToolError", "ResourceError", "PromptError"])
"""Exceptions that an SDK makes of the original one."""


def cause_of(error: BaseException) -> str | None:
    """Return class and text of the exception behind *error*, or None where there is none."""
    while type(error).__name__ in _TELLING:
        if error.__cause__ is None:
            return None  # raised by the tool itself, in words meant for the client
        error = error.__cause__
    return described(error)


def described(error: BaseException) -> str:
    """Return class and text of an exception; of pydantic's, not the values that it quotes."""
    errors = getattr(error, "errors", None)
    text = str(error)
    if type(error).__name__ == "ValidationError" and callable(errors):
        text = "; ".join(f"{_place(one)}: {one.get('msg')}" for one in errors())
    return f"{type(error).__name__}: {text}"[:MAX_ERROR_CHARS]


def _place(one: dict[str, Any]) -> str:
    return ".".join(str(part) for part in one.get("loc", ())) or "it"


def note_calls(server: Any) -> None:
    """Have the exceptions of *server*'s tools put down; of this server alone (mcp 2.x)."""
    inner: Callable[..., Awaitable[Any]] = server.call_tool

    async def call_tool(*args: Any, **more: Any) -> Any:
        try:
            return await inner(*args, **more)
        except BaseException as error:
            _note(error)
            raise

    server.call_tool = call_tool


class Causes:
    """A middleware of FastMCP: it sees the exceptions, and nothing else is its business."""

    async def __call__(self, context: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:
        """Pass one message on and put down what goes wrong."""
        try:
            return await call_next(context)
        except BaseException as error:
            _note(error, context)
            raise


def _note(error: BaseException, context: Any = None) -> None:
    causes = CAUSES.get()
    text = cause_of(error) if isinstance(error, Exception) else None
    if text is None:
        return
    if causes is not None:
        causes.append(text)
        return
    conversation = CONVERSATION.get()
    within: Any = getattr(context, "fastmcp_context", None)
    if conversation is not None and getattr(within, "request_context", None) is not None:
        conversation.blame(str(within.request_id), text)
