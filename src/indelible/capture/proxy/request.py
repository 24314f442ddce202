"""What a client asks: its head as it goes on, its body as it comes, its messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import NamedTuple, Self

from aiohttp.http import HttpVersion11
from aiohttp.web_request import BaseRequest

from indelible.capture.context import REQUEST_ID_HEADER, Headers
from indelible.capture.proxy.bodies import Body, Decoder
from indelible.capture.proxy.fields import origin_form, passed_on, request_head
from indelible.capture.wire import Message, Noise, Reading

MAX_HELD_BYTES = 512 << 20
_MESSAGE_KEYS = frozenset(["jsonrpc", "method", "result", "error"])


class TooLong(Exception):  # noqa: N818 — it is answered
    """A request's body is longer than is allowed."""


class Full(Exception):  # noqa: N818 — it is answered
    """Too much is held at a time."""


class Room:
    """What may be held of requests that are not on record yet, all together.

    Args:
        size: In bytes.
    """

    def __init__(self, size: int = MAX_HELD_BYTES) -> None:
        self.left = size


class Settings(NamedTuple):
    """How one upstream server's requests are treated."""

    host: bytes | None
    """What is sent as `Host`; None for what the client sent."""
    max_body_bytes: int
    body_s: float
    """How long a client may send nothing in the middle of a body."""
    room: Room


class Incoming:
    """One request.

    Args:
        request: As it came.

        headers: Reads its headers.

        settings: How it is treated.
    """

    def __init__(self, request: BaseRequest, headers: Headers, settings: Settings) -> None:
        self._request = request
        self._headers = headers
        self._settings = settings
        self._held = 0
        self.is_chunked = bool(headers("transfer-encoding"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self._settings.room.left += self._held
        self._held = 0

    def held(self, part: bytes) -> bytes:
        """Return *part*, which counts as held until the block that we manage ends.

        Raises:
            Full: If there is no room for it.
        """
        room = self._settings.room
        if len(part) > room.left:
            raise Full
        room.left -= len(part)
        self._held += len(part)
        return part

    async def invite(self) -> None:
        """Ask for a body that waits to be asked for (`Expect`): the server is not asked yet."""
        asks = [line.strip().lower() for line in self._headers("expect")] == ["100-continue"]
        if asks and self._request.body_exists and self._request.version >= HttpVersion11:
            await self._request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    async def parts(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes.

        Raises:
            TooLong: If it is longer than is allowed.

            TimeoutError: If it does not go on.
        """
        content = self._request.content
        size = 0
        if content.is_eof():  # as mostly: it has come with the head
            part = content.read_nowait()
            if len(part) > self._settings.max_body_bytes:
                raise TooLong
            yield part
        while not content.at_eof():
            async with asyncio.timeout(self._settings.body_s):
                part = await content.readany()
            size += len(part)
            if size > self._settings.max_body_bytes:
                raise TooLong
            if part:
                yield part

    def messages(self, body: Body, data: bytes) -> list[Reading]:
        """Return what a body, which is *data*, says, if it is MCP's; a form is not.

        Raises:
            Unreadable: If its content coding cannot be undone here.
        """
        if coding := ",".join(self._headers("content-encoding")):
            body = Body()
            body.feed(Decoder(coding).feed(data))
        readings = body.readings()
        kinds = self._headers("content-type")
        is_json = any(kind.lstrip().lower().startswith("application/json") for kind in kinds)
        if is_json and all(isinstance(reading, Noise) for reading in readings):
            return readings
        return readings if any(map(_is_message, readings)) else []

    def head(self, request_id: str | None) -> bytes:
        """Return the head as the server gets it.

        Args:
            request_id: Is put where the client gave none.
        """
        request, host = self._request, self._settings.host
        lines = passed_on(request.raw_headers)
        if host is not None:
            lines = [(name, host if name.lower() == b"host" else v) for name, v in lines]
        if request_id is not None and not self._headers(REQUEST_ID_HEADER):
            lines.append((b"X-Request-Id", request_id.encode("ascii")))
        return request_head(request.method, origin_form(request.raw_path), lines)


def _is_message(reading: Reading) -> bool:
    """Return whether it is JSON-RPC, to the most lenient reader."""
    if not isinstance(reading, Message):
        return not isinstance(reading, Noise)
    parts = reading.value if isinstance(reading.value, list) else [reading.value]
    return any(
        isinstance(part, list)
        or (isinstance(part, dict) and any(key.casefold() in _MESSAGE_KEYS for key in part))
        for part in parts
    )
