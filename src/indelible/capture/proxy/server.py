"""The listening side: connections, limits, and the end of all exchanges."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_request import BaseRequest

from indelible.capture.actor import Verified
from indelible.capture.claims import bearer
from indelible.capture.http_calls import HttpCall
from indelible.capture.policy import error_reply
from indelible.capture.proxy.client import Reply, scope_of
from indelible.capture.proxy.dialogue import Recording
from indelible.capture.proxy.fields import values
from indelible.capture.proxy.relay import Exchange
from indelible.capture.proxy.request import Settings
from indelible.capture.proxy.upstream import Upstream
from indelible.capture.verifier import Verifier

IDLE_S = 60.0
LOOK_S = 0.2

BACKLOG = 1_024


class Front:
    """Answers what comes for one upstream server.

    Args:
        recording: Where it is recorded.

        upstream: Where it goes.

        settings: How exchanges are treated.

        max_streams: How many exchanges there may be at a time.

        verifier: Checks tokens; without it none is taken for checked.

        warn: Told of faults of our own.
    """

    def __init__(
        self,
        recording: Recording,
        upstream: Upstream,
        settings: Settings,
        *,
        max_streams: int,
        verifier: Verifier | None = None,
        warn: Callable[[str], None],
    ) -> None:
        self._verifier = verifier
        self._warn = warn
        self.recording = recording
        self._upstream = upstream
        self._settings = settings
        self._max_streams = max_streams
        self._active: dict[asyncio.Task[Any], Exchange | None] = {}
        self.is_stopping = False

    async def __call__(self, request: BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        if self.is_stopping:
            return await self._turn_away(request, 503, "the proxy is being stopped")
        if len(self._active) >= self._max_streams:
            return await self._turn_away(request, 503, "too many requests at a time")
        if values(request.raw_headers, b"sec-websocket-key"):
            return await self._turn_away(request, 501, "WebSocket is no transport of MCP")
        if request.method == "CONNECT":
            return await self._turn_away(request, 501, "CONNECT is for forward proxies")
        task = asyncio.current_task()
        assert task is not None
        self._active[task] = None
        try:
            exchange = self._active[task] = Exchange(
                request,
                self.recording,
                self._upstream,
                self._settings,
                verified=await self._verified(request),
                is_stopping=lambda: self.is_stopping,
            )
            return (await exchange.run()).response
        finally:
            del self._active[task]

    async def _verified(self, request: BaseRequest) -> Verified | None:
        """Return whose token a request brings, if that is certain."""
        if self._verifier is None:
            return None
        token = bearer(request.raw_headers)
        claims = await self._verifier.claims(token) if token is not None else None
        return Verified.of_claims(claims, token) if token and claims is not None else None

    async def _turn_away(self, request: BaseRequest, status: int, why: str) -> web.StreamResponse:
        call = HttpCall(self.recording.seam, scope_of(request))
        call.status = status
        call.end(None, is_seen=False)
        reply = Reply(request, closes=True)
        await reply.say(status, error_reply(None, f"indelible: {why}"))
        return reply.response

    def misread(self, request: BaseRequest, status: int, error: BaseException | None) -> None:
        """Record what could not be read as a request, or be dealt with."""
        call = HttpCall(self.recording.seam, scope_of(request))
        call.status = status
        call.end(None, is_seen=False)
        if status >= 500:
            self._warn(f"a request could not be dealt with: {type(error).__name__}: {error}")

    async def drain(self, within_s: float) -> None:
        """Let calls come to their end, then end what is left: streams, and calls that take longer.

        Args:
            within_s: How long calls may take.
        """
        self.is_stopping = True
        ends = asyncio.get_running_loop().time() + within_s
        while calls := [
            task for task, one in self._active.items() if one is None or one.is_awaited
        ]:
            left = ends - asyncio.get_running_loop().time()
            if left <= 0:
                break
            # An answer may become a mere stream without an end of its task: look again.
            await asyncio.wait(
                calls, timeout=min(left, LOOK_S), return_when=asyncio.FIRST_COMPLETED
            )
        rest = list(self._active)
        for task in rest:
            task.cancel()
        if rest:
            await asyncio.wait(rest, timeout=1)
        self.recording.give_up(self.recording.sessions.drop_all())


class _Said(Reply):
    """An answer to what could not be read as a request."""

    __slots__ = ("_said",)

    def __init__(self, request: BaseRequest, status: int, why: str) -> None:
        super().__init__(request, closes=True)
        self._said = status, error_reply(None, f"indelible: {why}")

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter | None:  # noqa: ARG002
        """Write it: the server program asks for that when it has dealt with the request."""
        await self.say(*self._said)
        return None


class _Connection(RequestHandler):
    """One client's connection; what is no HTTP is answered and put on record here."""

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what could not be read, or what went wrong here."""
        why = "this is no HTTP request that can be passed on"
        if isinstance(exc, LineTooLong) or "Too many headers" in (message or ""):
            status, why = 431, "a line of the request's head is too long, or there are too many"
        elif status >= 500:
            why = "a fault of the proxy's own"
        front = self._request_handler
        if isinstance(front, Front):
            front.misread(request, status, exc)
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun")
        return _Said(request, status, why).response


class _Server(web.Server):
    """Makes connections of ours."""

    def __call__(self) -> RequestHandler:
        """Return a connection."""
        return _Connection(self, loop=self._loop, **self._kwargs)


class Listener:
    """Listens for one front.

    Args:
        handler: Answers each request.

        max_header_bytes: Of one line of a head.

        max_headers: Lines of a head.

        warn: Told of faults of our own.

        idle_s: How long a connection may be idle, or take for the head of a request.
    """

    def __init__(
        self,
        handler: Callable[[BaseRequest], Any],
        *,
        max_header_bytes: int,
        max_headers: int,
        warn: Callable[[str], None],
        idle_s: float = IDLE_S,
    ) -> None:
        self._server = _Server(
            handler,
            handler_cancellation=True,
            access_log=None,
            logger=_logger(warn),
            keepalive_timeout=idle_s,
            lingering_time=2.0,
            auto_decompress=False,
            max_line_size=max_header_bytes,
            max_field_size=max_header_bytes,
            max_headers=max_headers,
            read_bufsize=64 * 1024,
        )
        self._sockets: asyncio.Server | None = None

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        """Listen.

        Raises:
            OSError: If that address cannot be had.
        """
        loop = asyncio.get_running_loop()
        self._sockets = await loop.create_server(
            self._server, host, port, ssl=tls, backlog=BACKLOG, reuse_address=True
        )

    @property
    def addresses(self) -> Sequence[tuple[str, int]]:
        """Where it listens."""
        found = self._sockets.sockets if self._sockets is not None else ()
        return [one.getsockname()[:2] for one in found]

    def stop_accepting(self) -> None:
        """Accept no more connections, and close those that are idle."""
        if self._sockets is not None:
            self._sockets.close()

    async def close(self) -> None:
        """Stop listening, and close every connection."""
        self.stop_accepting()
        self._server.pre_shutdown()
        await self._server.shutdown(0.1)


class _Told(logging.Handler):
    """Tells the operator what the server program logs: faults, and nothing a client can cause."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        super().__init__(logging.ERROR)
        self._warn = warn

    def emit(self, record: logging.LogRecord) -> None:
        """Tell it, in one line."""
        error = record.exc_info[1] if record.exc_info else None
        self._warn(f"{record.getMessage()}: {type(error).__name__}: {error}")


def _logger(warn: Callable[[str], None]) -> logging.Logger:
    logger = logging.getLogger("indelible.proxy")
    logger.handlers = [_Told(warn)]
    logger.propagate = False
    return logger
