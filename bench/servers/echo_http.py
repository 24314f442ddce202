"""The echo server over Streamable HTTP, on what `pip install mcp` brings. It says where it is."""

from __future__ import annotations

import socket
import sys

import uvicorn

from bench.servers.echo import server

if __name__ == "__main__":
    app = server.streamable_http_app()
    # asyncio turns Nagle's algorithm off only where the protocol is named.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        print(f"listening on http://127.0.0.1:{port}", file=sys.stderr, flush=True)
        # Not the loop that happens to be installed here: `mcp` itself asks for neither.
        config = uvicorn.Config(
            app, log_level="critical", loop="asyncio", http="h11", timeout_keep_alive=600
        )
        uvicorn.Server(config).run(sockets=[listening])
