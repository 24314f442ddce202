"""The floor for an HTTP proxy in Python: aiohttp on uvloop, which copies bytes and reads none.

    python byte_proxy.py UPSTREAM

It says on stderr where it listens.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys

import aiohttp
import uvloop
from aiohttp import web
from yarl import URL

OURS = {"connection", "content-length", "keep-alive", "te", "transfer-encoding", "upgrade"}
"""Headers of one connection: aiohttp writes those of the other itself."""


class ByteProxy:
    """Hands every request to *upstream*, and what comes back to who asked."""

    def __init__(self, upstream: str, session: aiohttp.ClientSession) -> None:
        self._upstream = upstream
        self._session = session

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, chunk by chunk."""
        async with self._session.request(
            request.method,
            URL(self._upstream + request.raw_path, encoded=True),
            headers=[one for one in request.headers.items() if one[0].lower() not in OURS],
            data=await request.read() or None,
            allow_redirects=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        ) as answer:
            response = web.StreamResponse(status=answer.status, reason=answer.reason)
            for name, value in answer.headers.items():
                if name.lower() not in OURS:
                    response.headers.add(name, value)
            response.content_length = answer.content_length
            # A client that has its reply may leave before the end of the stream.
            with contextlib.suppress(ConnectionResetError):
                await response.prepare(request)
                async for chunk in answer.content.iter_any():
                    await response.write(chunk)
                await response.write_eof()
            return response


async def main(upstream: str) -> None:
    """Serve until killed."""
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        runner = web.ServerRunner(
            web.Server(ByteProxy(upstream, session), handler_cancellation=True, access_log=None)
        )
        await runner.setup()
        await web.SockSite(runner, listening).start()
        port = listening.getsockname()[1]
        print(f"listening on http://127.0.0.1:{port}", file=sys.stderr, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
