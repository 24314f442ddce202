"""The two streams of one connection of an MCP SDK, with somebody who looks at what passes.

What the SDKs have in common: a server's `run` takes a stream to read from and one to
write to, of items that are a `SessionMessage` or an exception.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any, Protocol

from indelible.capture.calls import text_of
from indelible.model.canonical import Json
from indelible.model.event import Unparseable

MAX_TEXT = 2_048
"""Characters that are kept of what the SDK could not read."""


class Conversation(Protocol):
    """Looks at the messages of one connection."""

    async def came(self, item: Any) -> bool:
        """Look at what the client sent; return whether the server may have it."""

    def leaves(self, item: Any) -> None:
        """Look at what the server is about to send."""

    def ended(self) -> None:
        """The client has left: nothing more comes."""

    def close(self) -> None:
        """The connection is over."""


CONVERSATION: ContextVar[Any] = ContextVar("indelible_conversation", default=None)
"""Within what a server does for a connection whose streams are looked at: who looks."""


class Run:
    """Stands for the `run` of one server: has a conversation look at each pair of streams.

    Args:
        run: The server's own.

        converse: Makes the conversation of a connection, given its write stream.
    """

    def __init__(
        self, run: Callable[..., Awaitable[Any]], converse: Callable[[Any], Conversation]
    ) -> None:
        self._run = run
        self._converse = converse

    async def __call__(self, read_stream: Any, write_stream: Any, *args: Any, **more: Any) -> Any:
        """Serve one connection."""
        seen = self._converse(write_stream)
        token = CONVERSATION.set(seen)
        try:
            incoming, outgoing = Incoming(read_stream, seen), Outgoing(write_stream, seen)
            return await self._run(incoming, outgoing, *args, **more)
        finally:
            CONVERSATION.reset(token)
            seen.close()


def look_at(server: Any, converse: Callable[[Any], Conversation]) -> None:
    """Have the streams of every connection of *server* looked at; of this server alone."""
    server.run = Run(server.run, converse)


def is_looked_at(server: Any) -> bool:
    """Return whether `look_at` was called for *server*."""
    return isinstance(server.__dict__.get("run"), Run)


class _Passing:
    """A stream as it is, but for what a subclass looks at."""

    def __init__(self, inner: Any, seen: Conversation) -> None:
        self._inner = inner
        self._seen = seen

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        if name == "last_context" and value is not None:
            # The SDK runs handlers in the context of whoever sent the message, not in ours.
            value = value.copy()
            value.run(CONVERSATION.set, self._seen)
        return value

    async def __aenter__(self) -> Any:
        await self._inner.__aenter__()
        return self

    async def __aexit__(self, *details: object) -> Any:
        return await self._inner.__aexit__(*details)


class Incoming(_Passing):
    """The stream that a server reads from."""

    def __aiter__(self) -> Incoming:
        return self

    async def __anext__(self) -> Any:
        while True:
            try:
                item = await self._inner.__anext__()
            except Exception:  # the end of the stream, or it was closed under us
                self._seen.ended()
                raise
            if await self._seen.came(item):
                return item

    async def receive(self) -> Any:
        """Return the next item that the server may have."""
        while True:
            item = await self._inner.receive()
            if await self._seen.came(item):
                return item


class Outgoing(_Passing):
    """The stream that a server writes to."""

    async def send(self, item: Any) -> None:
        """Send one item."""
        self._seen.leaves(item)
        await self._inner.send(item)

    def send_nowait(self, item: Any) -> None:
        """Send one item, if there is room for it."""
        self._seen.leaves(item)
        self._inner.send_nowait(item)


def parsed(item: Any) -> dict[str, Json]:
    """Return the message of a `SessionMessage`, of either SDK, as JSON values."""
    model = getattr(item.message, "root", item.message)
    message: dict[str, Json] = {}
    more = model.model_extra
    if more:
        message.update(more)
    if hasattr(model, "id"):
        message["id"] = model.id
    if hasattr(model, "method"):
        message["method"] = model.method
        message["params"] = model.params
    elif hasattr(model, "result"):
        message["result"] = model.result
    else:
        failed = model.error
        message["error"] = {"code": failed.code, "message": failed.message}
    return message


def request_of(item: Any) -> Any:
    """Return the HTTP request that a `SessionMessage` came with, or None."""
    return getattr(item.metadata, "request_context", None)


def unread(error: Exception, at_us: int) -> Unparseable:
    """Return the event of a line that the SDK could not read, from its exception."""
    text = _offending(error)
    data = text.encode("utf-8", "replace")
    return Unparseable(at_us, "client", data[:MAX_TEXT], 1, len(data))


def _offending(error: Exception) -> str:
    """Return what could not be read, as far as pydantic tells; else what it says about it."""
    errors = getattr(error, "errors", None)
    first: dict[str, Any] = (
        next(iter(errors(include_url=False, include_context=False)), {}) if errors else {}
    )
    if "input" not in first:
        return f"{type(error).__name__}: {error}"
    found = first["input"]
    if isinstance(found, bytes):
        return found.decode("utf-8", "replace")
    return found if isinstance(found, str) else text_of(found)
