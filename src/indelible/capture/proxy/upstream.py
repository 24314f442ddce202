"""The server behind the proxy: connections to it, a request sent, an answer begun.

Beneath aiohttp's session: that one writes headers of its own, in its own order.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from aiohttp import ClientError, ClientRequest, ClientTimeout, TCPConnector
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http import RawResponseMessage, StreamWriter
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import StreamReader
from yarl import URL

from indelible.capture.proxy.fields import Lines

MAX_LINE_BYTES = 64 * 1024
MAX_HEADERS = 512
READ_BYTES = 64 * 1024
KEEP_IDLE_S = 2.0
"""Shorter than what any server in use keeps an idle connection: one that is closed
while a request is on its way would cost that request."""

Interim = Callable[[RawResponseMessage], Awaitable[None]]


class Failed(Exception):  # noqa: N818 — it is answered, not raised to the operator
    """There is no answer.

    Args:
        why: For the client and the record.

        status: What the client is answered with.

        is_sent: Whether the server may have had the request.
    """

    def __init__(self, why: str, status: int = 502, *, is_sent: bool = True) -> None:
        super().__init__(why)
        self.why = why
        self.status = status
        self.is_sent = is_sent


class Answer(NamedTuple):
    """An answer whose head has come."""

    status: int
    reason: str | None
    lines: Lines
    is_chunked: bool
    body: StreamReader
    connection: Connection

    @property
    def has_begun(self) -> bool:
        """Whether some of the body has come with the head: then they can leave as one."""
        return self.body.total_bytes > 0

    @property
    def is_over(self) -> bool:
        """Whether all of the body has been read."""
        return self.body.at_eof()

    async def read(self) -> bytes:
        """Return what has come of the body, at least a byte; nothing at its end.

        Raises:
            Failed: If it broke off.
        """
        try:
            return await self.body.readany()
        except (ClientError, HttpProcessingError, OSError) as error:
            raise Failed(f"the server broke off its answer ({_said(error)})") from error

    def done(self) -> None:
        """Let the connection serve another request: the body has been read."""
        self.connection.release()

    def drop(self) -> None:
        """Close the connection: nobody wants the rest."""
        self.connection.close()


class Upstream:
    """One server.

    Args:
        origin: Its scheme, host and port.

        tls: How to reach it, where that is over TLS.

        connect_s: How long to wait for a connection.
    """

    def __init__(self, origin: URL, *, tls: ssl.SSLContext | None, connect_s: float) -> None:
        self.origin = origin
        self._connect_s = connect_s
        self._connector = TCPConnector(
            limit=0, keepalive_timeout=KEEP_IDLE_S, ssl=tls if tls is not None else True
        )
        loop = asyncio.get_running_loop()
        # Says to the connector where to; it is never sent.
        self._where = ClientRequest("GET", origin, loop=loop)
        self._timeout = ClientTimeout(connect=connect_s)
        self._loop = loop

    async def send(
        self, head: bytes, body: bytes, *, is_head: bool = False, interim: Interim
    ) -> Answer:
        """Send a request whole, and return the answer when its head has come.

        Args:
            interim: Given what comes before it (status 1xx).

        Raises:
            Failed: If none came.
        """
        connection, protocol, writer = await self.connect(is_head=is_head)
        try:
            await writer.write(head + body, drain=False)
            return await self.answer(connection, protocol, interim)
        except BaseException:
            connection.close()
            raise

    async def connect(self, *, is_head: bool) -> tuple[Connection, ResponseHandler, StreamWriter]:
        """Return a connection that is ready for one request.

        Raises:
            Failed: If there can be none.
        """
        try:
            connection = await self._connector.connect(
                self._where, traces=[], timeout=self._timeout
            )
        except TimeoutError as error:
            why = f"the server could not be reached within {self._connect_s:g} s"
            raise Failed(why, 504, is_sent=False) from error
        except (ClientError, OSError) as error:
            why = f"the server could not be reached ({_said(error)})"
            raise Failed(why, is_sent=False) from error
        protocol = connection.protocol
        assert protocol is not None
        protocol.set_response_params(
            skip_payload=is_head,
            read_until_eof=True,
            auto_decompress=False,
            read_bufsize=READ_BYTES,
            max_line_size=MAX_LINE_BYTES,
            max_field_size=MAX_LINE_BYTES,
            max_headers=MAX_HEADERS,
        )
        return connection, protocol, StreamWriter(protocol, self._loop)

    async def answer(
        self, connection: Connection, protocol: ResponseHandler, interim: Interim
    ) -> Answer:
        """Return the answer on *connection* when its head has come.

        Raises:
            Failed: If none came.
        """
        try:
            while True:
                message, body = await protocol.read()
                if message.code == 101:
                    raise Failed("the server changed the protocol, unasked")
                if message.code >= 200:
                    break
                await interim(message)
        except (ClientError, HttpProcessingError, OSError) as error:
            raise Failed(f"the server gave no answer ({_said(error)})") from error
        return Answer(
            message.code, message.reason, message.raw_headers, message.chunked, body, connection
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._connector.close()


def _said(error: BaseException) -> str:
    """Return what went wrong in few words, without an address: a client is told it."""
    cause = getattr(error, "os_error", None) or error
    if isinstance(cause, OSError) and cause.errno is not None and cause.errno > 0:
        return os.strerror(cause.errno)  # asyncio's own text has the address in it
    if isinstance(cause, OSError) and cause.strerror:  # a name that nobody resolves
        return cause.strerror.partition("'")[0].strip() or type(cause).__name__
    return {
        "ServerDisconnectedError": "it closed the connection",
        "ClientPayloadError": "it ended before it was whole",
    }.get(type(error).__name__, type(error).__name__)
