"""Several servers of one SDK in one process, each over HTTP in its own way. Not a test.

    python many.py STACK STATE

It prints the port of each kind as one line of JSON. The records of a kind lie in STATE/KIND.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import sys
import warnings
from pathlib import Path
from typing import Any

from server import build

warnings.simplefilter("ignore")

KINDS = ("http", "json", "stateless", "sse", "refusing")


def app_of(server: Any, stack: str, kind: str) -> Any:
    """Return the ASGI app of a server, of the kind that is asked for."""
    flags = {"json_response": kind == "json", "stateless_http": kind == "stateless"}
    if stack.startswith("fastmcp"):
        transport = "sse" if kind == "sse" else "http"
        return server.http_app(transport=transport, **({} if kind == "sse" else flags))
    if kind == "sse":
        return server.sse_app()
    if stack == "mcp2":
        return server.streamable_http_app(**flags)
    for name, value in flags.items():
        setattr(server.settings, name, value)
    return server.streamable_http_app()


async def serve(apps: dict[str, Any]) -> None:
    """Serve each app on a free port of this machine, until killed."""
    import uvicorn

    ports, running = {}, []
    for kind, app in apps.items():
        listener = socket.create_server(("127.0.0.1", 0))
        ports[kind] = listener.getsockname()[1]
        config = uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1)
        running.append(uvicorn.Server(config).serve(sockets=[listener]))
    os.write(1, json.dumps(ports).encode() + b"\n")
    await asyncio.gather(*running)


def main() -> None:
    """Audit every server by itself, and serve them all."""
    stack, state = sys.argv[1], Path(sys.argv[2])
    logging.disable(logging.CRITICAL)
    import indelible
    from indelible.capture import assemble

    assemble.start_collection = lambda state: True  # the test reads the spools itself
    apps = {}
    for kind in KINDS:
        place = state / kind
        if kind == "refusing":
            state.mkdir(parents=True, exist_ok=True)
            place.write_text("no directory: nothing can be kept here\n")
            place = place / "state"
        server = build(stack)
        profile = "compliance" if kind == "refusing" else "dev"
        indelible.audit(server, state=place, profile=profile)
        apps[kind] = app_of(server, stack, kind)
    asyncio.run(serve(apps))


if __name__ == "__main__":
    main()
