"""An upstream server that costs next to nothing: one result, whatever is asked, at once."""

from __future__ import annotations

import asyncio
import re
import socket
import sys
from typing import Any

import uvloop

ID = re.compile(rb'"id": ?(\d+)')
LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
RESULT = (
    b'{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":"done"}],'
    b'"isError":false,"resultType":"complete","tools":[{"name":"echo","inputSchema":{}}]}}'
)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"


class Canned(asyncio.Protocol):
    """Answers the requests of one connection, one after the other."""

    def __init__(self) -> None:
        self._held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        """Answer once a request has come whole."""
        self._held += data
        head, _, body = self._held.partition(b"\r\n\r\n")
        length, number = LENGTH.search(head), ID.search(body)
        if length and number and len(body) == int(length[1]):
            self._held = b""
            answer = RESULT % number[1]
            self._transport.write(HEAD % (len(answer), answer))


async def main() -> None:
    """Serve until killed."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        await asyncio.get_running_loop().create_server(Canned, sock=listening)
        print(f"listening on http://127.0.0.1:{port}", file=sys.stderr, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())
