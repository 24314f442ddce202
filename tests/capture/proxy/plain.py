"""The small server of each SDK, over HTTP and without any audit of its own. Not a test.

    python plain.py STACK session|json|stateless

It prints its port as its first line.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "sdks"))


def app_of(stack: str, mode: str) -> Any:
    """Return the app of a server."""
    from server import build  # type: ignore[import-not-found]

    server: Any = build(stack)
    asked: dict[str, bool] = {}
    if mode != "session":
        asked = {"json_response": True, "stateless_http": mode == "stateless"}
    if stack == "mcp1":
        for name, value in asked.items():
            setattr(server.settings, name, value)
        return server.streamable_http_app()
    make = server.http_app if stack.startswith("fastmcp") else server.streamable_http_app
    return make(**asked)


def main() -> None:
    """Serve until killed."""
    import uvicorn

    logging.disable(logging.CRITICAL)
    listener = socket.create_server(("127.0.0.1", 0), backlog=2_048)
    app = app_of(*sys.argv[1:])
    os.write(1, f"{listener.getsockname()[1]}\n".encode())
    config = uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
