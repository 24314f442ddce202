"""The client's side of one exchange: what it sent, and an answer written byte by byte.

aiohttp's responses add headers of their own and sort out framing by themselves; an
answer that passes has both already.
"""

from __future__ import annotations

from enum import Enum
from http import HTTPStatus
from typing import Any, cast

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import HttpVersion11
from aiohttp.web_request import BaseRequest

from indelible.capture.exchange import INDEX
from indelible.capture.proxy.fields import Lines, passed_on, response_head, values

CLOSE = (b"Connection", b"close")
KEEP = (b"Connection", b"keep-alive")


class Framing(Enum):
    """How the end of a body is told."""

    NONE = "there is no body"
    LENGTH = "by its length"
    CHUNKED = "by a last chunk"
    CLOSE = "by the end of the connection"


def framing_of(method: str, status: int, lines: Lines, *, is_chunked: bool) -> Framing:
    """Return how an answer's body is framed (RFC 9112 section 6.3)."""
    if method == "HEAD" or status in (204, 304):
        return Framing.NONE
    if is_chunked:
        return Framing.CHUNKED
    return Framing.LENGTH if values(lines, b"content-length") else Framing.CLOSE


class Reply:
    """An answer to the client; to the server program it is a response that writes itself.

    Args:
        request: What it answers.

        closes: Whether the connection ends with it in any case.
    """

    __slots__ = ("_closes", "_framing", "_out", "_request", "_waiting", "has_left")

    def __init__(self, request: BaseRequest, *, closes: bool = False) -> None:
        self._request = request
        self._out: AbstractStreamWriter = request.writer
        self._closes = closes or not request.keep_alive
        self._framing = Framing.NONE
        self._waiting = b""
        self.has_left = False
        """Whether the client has been given any of it."""

    @property
    def response(self) -> web.StreamResponse:
        """Itself, as what the server program asks for: of that it uses what is here."""
        return cast("web.StreamResponse", self)

    @property
    def keep_alive(self) -> bool:
        """Whether the connection can serve another request."""
        return not self._closes

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter | None:  # noqa: ARG002
        """Do nothing: the server program asks for a head that is written already."""
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing: the server program asks for an end that is written already."""

    def begin(self, status: int, reason: str | None, lines: Lines, framing: Framing) -> None:
        """Set the head; it leaves with the first bytes after it, or by `flush`."""
        speaks_11 = self._request.version >= HttpVersion11
        without: frozenset[bytes] = frozenset()
        if framing is Framing.CHUNKED and not speaks_11:
            framing, without = Framing.CLOSE, frozenset([b"transfer-encoding"])
        self._closes = self._closes or framing is Framing.CLOSE
        sent = passed_on(lines, without=without)
        if self._closes and speaks_11:
            sent.append(CLOSE)
        elif not self._closes and not speaks_11:
            sent.append(KEEP)
        self._framing = framing
        self._waiting = response_head(status, reason, sent)

    async def interim(self, message: Any) -> None:
        """Pass on an answer before the answer, such as 103; 100 has been said."""
        if message.code != 100 and self._request.version >= HttpVersion11:
            lines = passed_on(message.raw_headers)
            await self._out.write(response_head(message.code, message.reason, lines))

    async def flush(self) -> None:
        """Have the head leave now."""
        await self._out.write(self._head())

    def _head(self) -> bytes:
        """Return the head, if it has not left yet: it leaves now."""
        waiting, self._waiting = self._waiting, b""
        self.has_left = True
        return waiting

    async def write(self, data: bytes) -> None:
        """Write a part of the body."""
        waiting = self._head()
        if self._framing is Framing.CHUNKED:
            await self._out.write(b"%s%x\r\n%s\r\n" % (waiting, len(data), data))
        elif self._framing is not Framing.NONE:
            await self._out.write(waiting + data if waiting else data)

    async def finish(self, last: bytes = b"") -> None:
        """Write the last of the body, and its end."""
        waiting = self._head()
        if self._framing is Framing.CHUNKED:
            part = b"%x\r\n%s\r\n" % (len(last), last) if last else b""
            await self._out.write(b"%s%s0\r\n\r\n" % (waiting, part))
        elif self._framing is Framing.NONE:
            await self._out.write(waiting)
        elif waiting or last:
            await self._out.write(waiting + last)
        await self._out.drain()

    def force_close(self) -> None:
        """Have the connection end with this answer."""
        self._closes = True

    def abort(self) -> None:
        """Break off: the client must not take what it has for the whole."""
        self._closes = True
        transport = self._request.transport
        if transport is not None:
            transport.abort()

    async def say(
        self,
        status: int,
        body: bytes,
        kind: bytes = b"application/json",
        *more: tuple[bytes, bytes],
    ) -> None:
        """Answer with something of our own."""
        lines = [(b"Content-Type", kind), (b"Content-Length", b"%d" % len(body)), *more]
        is_head = self._request.method == "HEAD"
        self.begin(
            status, HTTPStatus(status).phrase, lines, Framing.NONE if is_head else Framing.LENGTH
        )
        await self.finish(body)


def scope_of(request: BaseRequest) -> dict[str, Any]:
    """Return a request as ASGI describes it: what reads headers there reads them here."""
    path, _, query = request.raw_path.partition("?")
    peer = request.transport.get_extra_info("peername") if request.transport else None
    headers = [(name.lower(), value) for name, value in request.raw_headers]
    index: dict[str, list[str]] = {}
    for name, value in headers:
        index.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
    return {
        "type": "http",
        "method": request.method,
        "path": path,
        "query_string": query.encode("utf-8", "surrogateescape"),
        "headers": headers,
        INDEX: index,
        "client": peer[:2] if isinstance(peer, tuple) else None,
    }
