"""Four servers in memory, called by turns: started by `part_audit`.

Arguments: scratch directory, rounds, calls in a round. Prints CPU µs a call, round by round.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anyio
import fastmcp
import mcp
from fastmcp.server.middleware.logging import StructuredLoggingMiddleware
from mcp.server.mcpserver import MCPServer

from bench.figures import orders
from bench.texts import prose
from indelible import audit

WARM_UP = 300


def echo(text: str) -> str:
    """Return *text*."""
    return text


def mcp_server() -> MCPServer:
    """Return an echo server of the official SDK."""
    server = MCPServer("echo", version="1.0.0")
    server.add_tool(echo)
    return server


def fastmcp_server() -> fastmcp.FastMCP[Any]:
    """Return an echo server of FastMCP."""
    server: fastmcp.FastMCP[Any] = fastmcp.FastMCP("echo", version="1.0.0")
    server.tool(echo)
    return server


def logging_middleware(log: Path) -> StructuredLoggingMiddleware:
    """Return FastMCP's middleware, writing whole messages to *log*."""
    logger = logging.getLogger("bench.structured")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(logging.FileHandler(log))
    return StructuredLoggingMiddleware(logger=logger, include_payloads=True)


async def used_us(client: Any, calls: int) -> float:
    """Return the CPU time of one call out of *calls*."""
    before = time.process_time()
    for number in range(calls):
        await client.call_tool("echo", {"text": prose(number)})
    return (time.process_time() - before) / calls * 1e6


async def main(scratch: Path, rounds: int, calls: int) -> None:
    """Measure, then print."""
    logged = fastmcp_server()
    logged.add_middleware(logging_middleware(scratch / "structured.log"))
    audited = audit(mcp_server(), state=scratch / "state")
    clients = {
        "MCPServer": mcp.Client(mcp_server()),
        "MCPServer with audit()": mcp.Client(audited),
        "FastMCP": fastmcp.Client(fastmcp_server()),
        "FastMCP with its middleware": fastmcp.Client(logged),
    }
    taken: dict[str, list[float]] = {name: [] for name in clients}
    async with AsyncExitStack() as stack:
        for client in clients.values():
            await stack.enter_async_context(client)
            await used_us(client, WARM_UP)
        for order in orders(list(clients), rounds):
            for name in order:
                taken[name].append(await used_us(clients[name], calls))
    lines = len((scratch / "structured.log").read_bytes().splitlines())
    if lines < rounds * calls or not any((scratch / "state/spool/default").iterdir()):
        raise AssertionError("somebody kept no record")
    print(json.dumps(taken))


if __name__ == "__main__":
    anyio.run(main, Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
