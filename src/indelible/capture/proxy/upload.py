"""A request's body that is too long to be held: on record by its outline, then it flows.

Its last part waits until what the whole of it is is on record: what its beginning
looked like may turn out to be another call.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from aiohttp import ClientError
from aiohttp.http import StreamWriter

from indelible.capture.outline import Outline
from indelible.capture.proxy.bodies import Body
from indelible.capture.proxy.dialogue import Dialogue
from indelible.capture.proxy.upstream import Answer, Failed, Interim, Upstream


class Stopped(Exception):  # noqa: N818 — it is answered
    """What comes turned out to be a call that must not run unrecorded."""


class Upload:
    """Passes on one body as it comes.

    Args:
        dialogue: Whose body it is.

        body: As far as it has come.

        rest: The parts that are to come.

        is_chunked: Whether it is framed in chunks.
    """

    def __init__(
        self, dialogue: Dialogue, body: Body, rest: AsyncIterator[bytes], *, is_chunked: bool
    ) -> None:
        assert body.outline is not None
        self._dialogue = dialogue
        self._body = body
        self._outline: Outline = body.outline
        self._rest = rest
        self._is_chunked = is_chunked

    def may_begin(self) -> bool:
        """Put on record what has begun; return whether it may be passed on."""
        return self._dialogue.large_begun(self._outline, self._body.size)

    async def send(self, upstream: Upstream, head: bytes, held: bytes, interim: Interim) -> Answer:
        """Send it, and return the answer, which may come before its end.

        Raises:
            Failed: If there is none.

            Stopped: If it must not run.
        """
        connection, protocol, writer = await upstream.connect(is_head=False)
        sending = asyncio.ensure_future(self._send(writer, head, held))
        answering = asyncio.ensure_future(upstream.answer(connection, protocol, interim))
        try:
            await asyncio.wait([sending, answering], return_when=asyncio.FIRST_COMPLETED)
            if sending.done() and not answering.done():
                _check(sending)
            answer = await answering
        except BaseException:
            connection.close()
            raise
        finally:
            for task in (sending, answering):
                task.cancel()
            await asyncio.wait([sending, answering])
            if not sending.cancelled():
                sending.exception()  # the answer has come all the same
        if not self._dialogue.has_large_end:
            self._dialogue.large_ends(self._outline, self._body.size)
        return answer

    async def _send(self, writer: StreamWriter, head: bytes, held: bytes) -> None:
        waiting = held
        await writer.write(head)
        async for part in self._rest:
            self._body.feed(part)
            await writer.write(self._framed(waiting))
            waiting = part
        if not self._dialogue.large_ends(self._outline, self._body.size):
            raise Stopped
        await writer.write(self._framed(waiting) + (b"0\r\n\r\n" if self._is_chunked else b""))

    def _framed(self, part: bytes) -> bytes:
        return b"%x\r\n%s\r\n" % (len(part), part) if self._is_chunked and part else part


def _check(sending: asyncio.Future[None]) -> None:
    """Raise what kept a body from being sent; the server may have an answer all the same."""
    error = sending.exception()
    if isinstance(error, Stopped):
        raise error
    if error is not None and not isinstance(error, (ClientError, OSError)):
        raise error
    if isinstance(error, TimeoutError):
        raise Failed("the client's body did not come", 408) from error
