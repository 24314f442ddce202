"""What really went wrong in a tool whose error the client is told little about.

SDKs mask the exception of a tool before any hook sees it. Where they give it out on
the way, it is put down here and taken up when the call's end is recorded.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from traceback import TracebackException
from typing import Any

from indelible.capture.calls import MAX_ERROR_CHARS
from indelible.capture.streams import CONVERSATION

CAUSES: ContextVar[list[str] | None] = ContextVar("indelible_causes", default=None)
"""Within one call: what went wrong in it."""

_TELLING = frozenset(["ToolError", "UnexpectedToolError", "ResourceError", "PromptError"])
"""Exceptions that an SDK makes of the original one."""

_MAX_WRAPPED = 16
"""An exception may be its own cause."""


def cause_of(error: BaseException) -> str | None:
    """Return class and text of the exception behind *error*, or None where there is none."""
    for _ in range(_MAX_WRAPPED):
        if type(error).__name__ not in _TELLING:
            break
        if error.__cause__ is None:
            return None  # raised by the tool itself, in words meant for the client
        error = error.__cause__
    return described(error)


def described(error: BaseException) -> str:
    """Return class and text of an exception; of pydantic's, not the values that it quotes."""
    cls = type(error)
    if cls.__name__ == "ValidationError" and cls.__module__.startswith("pydantic"):
        errors: Any = error
        text = "; ".join(f"{_place(one)}: {one.get('msg')}" for one in errors.errors())
    else:
        # Not `str`: an exception may fail at telling its text.
        text = str(TracebackException(cls, error, None, compact=True))
    return f"{cls.__name__}: {text}"[:MAX_ERROR_CHARS]


def _place(one: dict[str, Any]) -> str:
    return ".".join(str(part) for part in one.get("loc", ())) or "it"


def note_calls(tools: Any) -> None:
    """Have the exceptions of the calls of *tools* put down; of this one object alone.

    Args:
        tools: What has a `call_tool`: a server (mcp 2.x) or its tools (mcp 1.x).
    """
    inner: Callable[..., Awaitable[Any]] = tools.call_tool

    async def call_tool(*args: Any, **more: Any) -> Any:
        try:
            result = await inner(*args, **more)
        except BaseException as error:
            _note(error, more.get("context"))
            raise
        _note(None, more.get("context"))
        return result

    tools.call_tool = call_tool


class Causes:
    """A middleware of FastMCP: it sees the exceptions, and nothing else is its business."""

    async def __call__(self, context: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:
        """Pass one message on and put down what goes wrong."""
        within = getattr(context, "fastmcp_context", None)
        try:
            result = await call_next(context)
        except BaseException as error:
            _note(error, within)
            raise
        _note(None, within)
        return result


def _note(error: BaseException | None, within: Any) -> None:
    """Put down what went wrong, or that it went well: the last word counts.

    A tool may call another and make something of its failure; the outer one ends last.

    Args:
        within: The SDK's context of the request.
    """
    text = cause_of(error) if isinstance(error, Exception) else None
    causes = CAUSES.get()
    if causes is not None:
        causes[:] = [text] if text is not None else []
        return
    conversation = CONVERSATION.get()
    if conversation is not None and (request_id := _request_id(within)) is not None:
        conversation.blame(request_id, text)


def _request_id(within: Any) -> str | None:
    try:
        request = getattr(within, "request_context", None)
    except ValueError:  # mcp 1.x says in this way that a program calls, and no client
        return None
    return None if request is None else str(request.request_id)
