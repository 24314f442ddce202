"""Servers of one framework in memory, all but one of which keep a record: see `part_audit`.

Arguments: `mcp` or `fastmcp`, and a scratch directory. Each line on stdin says which
server (0 is the bare one) and how many calls; each line on stdout what one of them took.
Of `fastmcp` there is a third, whose middleware logs as FastMCP sets logging up.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
import mcp
from mcp.server.mcpserver import MCPServer

from bench.texts import prose
from indelible import audit

if TYPE_CHECKING:
    import fastmcp
    from fastmcp.server.middleware.logging import StructuredLoggingMiddleware


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
    import fastmcp  # noqa: PLC0415 - each framework has its process to itself

    server: fastmcp.FastMCP[Any] = fastmcp.FastMCP("echo", version="1.0.0")
    server.tool(echo)
    return server


def logging_middleware(log: Path | None) -> StructuredLoggingMiddleware:
    """Return FastMCP's middleware with payloads.

    Args:
        log: Where it writes lines with their time, by the standard library alone;
            None leaves logging as FastMCP sets it up.
    """
    from fastmcp.server.middleware.logging import (  # noqa: PLC0415 - as in `fastmcp_server`
        StructuredLoggingMiddleware,
    )

    if log is None:
        return StructuredLoggingMiddleware(include_payloads=True)
    logger = logging.getLogger("bench.structured")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    handler = logging.FileHandler(log)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logger.addHandler(handler)
    return StructuredLoggingMiddleware(logger=logger, include_payloads=True)


async def used_us(client: Any, calls: int) -> float:
    """Return the CPU time of one call out of *calls*."""
    before = time.process_time()
    for number in range(calls):
        await client.call_tool("echo", {"text": prose(number)})
    return (time.process_time() - before) / calls * 1e6


def clients(kind: str, scratch: Path) -> list[Any]:
    """Return a client of a bare server, and one of each server that keeps a record."""
    if kind == "mcp":
        audited = audit(mcp_server(), state=scratch / "state")
        return [mcp.Client(mcp_server()), mcp.Client(audited)]
    os.dup2(os.open(scratch / "stderr.log", os.O_WRONLY | os.O_CREAT), sys.stderr.fileno())
    import fastmcp  # noqa: PLC0415 - each framework has its process to itself

    servers = [fastmcp_server() for _ in range(3)]
    for server, log in zip(servers[1:], (scratch / "structured.log", None), strict=True):
        server.add_middleware(logging_middleware(log))
    return [fastmcp.Client(server) for server in servers]


def kept_bytes(scratch: Path) -> int:
    """Return how much is on record."""
    return sum(one.stat().st_size for one in scratch.rglob("*") if one.name != "reserve")


async def main(kind: str, scratch: Path) -> None:
    """Serve stdin until it ends."""
    async with AsyncExitStack() as stack:
        connected = [await stack.enter_async_context(one) for one in clients(kind, scratch)]
        while line := await anyio.to_thread.run_sync(sys.stdin.readline):
            which, calls = (int(word) for word in line.split())
            before = kept_bytes(scratch)
            cpu_us = await used_us(connected[which], calls)
            if (kept_bytes(scratch) > before + 100 * calls) != bool(which):
                raise AssertionError("kept nothing, or kept what it should not")
            print(json.dumps({"cpu_us": cpu_us}), flush=True)


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], Path(sys.argv[2]))
