"""A server that verifies tokens and says which call it runs, for tests of who asked. Not a test.

    python asked.py mcp1|mcp2 STATE

It prints its port as its first line. Token `NAME.N` is NAME's, and N stands in the claims.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
import time
import warnings
from typing import Any

warnings.simplefilter("ignore")


class Verifier:
    """Accepts any token with a dot in it."""

    async def verify_token(self, token: str) -> Any:
        """Return what the token says."""
        from mcp.server.auth.provider import AccessToken

        who, dot, number = token.partition(".")
        if not dot:
            return None
        return AccessToken(
            token=token,
            client_id="cli",
            scopes=["use"],
            expires_at=int(time.time()) + 3_600,
            subject=who,
            claims={"iss": "https://idp.example", "sub": who, "name": f"{who} {number}"},
        )


def which() -> str:
    """Say which call runs."""
    from indelible import correlation

    call = correlation.current()
    return json.dumps(call._asdict() if call else None)


async def which_async() -> str:
    """Say which call runs."""
    return which()


def main() -> None:
    """Serve until killed."""
    import uvicorn
    from mcp.server.auth.settings import AuthSettings

    import indelible
    from indelible.capture import assemble

    stack, state = sys.argv[1:]
    logging.disable(logging.CRITICAL)
    assemble.start_collection = lambda state: True  # the test reads the spool itself
    address: Any = "http://127.0.0.1:9"
    settings = AuthSettings(
        issuer_url=address, resource_server_url=address, required_scopes=["use"]
    )
    if stack == "mcp1":
        from mcp.server.fastmcp import FastMCP as Server
    else:
        from mcp.server.mcpserver import MCPServer as Server
    server: Any = Server("crm", token_verifier=Verifier(), auth=settings, log_level="CRITICAL")
    server.tool()(which)
    server.tool()(which_async)
    indelible.audit(server, state=state)
    app = server.streamable_http_app()
    listener = socket.create_server(("127.0.0.1", 0))
    os.write(1, f"{listener.getsockname()[1]}\n".encode())
    config = uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
