"""An audited server as it is deployed: `app` for a server program, or calls in process. Not a test.

python served.py fork|threads
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
import warnings
from typing import Any

from mcp.client import Client
from mcp.server.mcpserver import MCPServer
from mcp_types import ToolAnnotations

import indelible
from indelible.capture import assemble

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
assemble.start_collection = lambda state: True  # the tests read the spool itself
CHILDREN = 3
CALLS = 5


def read(n: int) -> int:
    """Return it."""
    return n


def nap(n: int) -> int:
    """Return it later."""
    time.sleep(1)
    return n


def wipe(n: int) -> int:
    """Destroy it."""
    return n


server: Any = MCPServer("crm", version="1", log_level="CRITICAL")
server.tool(annotations=ToolAnnotations(read_only_hint=True))(read)
server.tool(annotations=ToolAnnotations(read_only_hint=True))(nap)
server.tool(annotations=ToolAnnotations(destructive_hint=True))(wipe)
indelible.audit(server)
app = server.streamable_http_app(stateless_http=True, json_response=True)


def calls(first: int) -> None:
    """Make some calls, numbered from *first*."""

    async def some() -> None:
        async with Client(server) as client:
            for n in range(first, first + CALLS):
                await client.call_tool("read", {"n": n})

    asyncio.run(some())


def fork() -> None:
    """Fork in the middle of it: each child goes on by itself."""
    calls(0)
    children = []
    for number in range(1, CHILDREN + 1):
        child = os.fork()
        if child == 0:
            calls(number * 100)
            os._exit(0)
        children.append(child)
    for child in children:
        assert os.waitpid(child, 0)[1] == 0
    calls(50)


def threads() -> None:
    """Call from several threads at once."""
    made = [threading.Thread(target=calls, args=[n * 100]) for n in range(8)]
    for thread in made:
        thread.start()
    for thread in made:
        thread.join()


if __name__ == "__main__":
    {"fork": fork, "threads": threads}[sys.argv[1]]()
