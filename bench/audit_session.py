"""Servers of one framework in memory, all but one of which keep a record: see `part_audit`.

Arguments: `mcp` or `fastmcp`, and a scratch directory. Each line on stdin says which
server (0 is the bare one) and how many calls; each line on stdout what one of them took.
Of `fastmcp` there is a third, whose middleware logs as FastMCP sets logging up.
A third word on a line, `together`, makes the calls all at once: none returns before all run.
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

from bench.cpu import resident_mib
from bench.texts import prose
from indelible import audit

if TYPE_CHECKING:
    import fastmcp
    from fastmcp.server.middleware.logging import StructuredLoggingMiddleware


def echo(text: str) -> str:
    """Return *text*."""
    return text


class Gathering:
    """A tool whose calls wait for one another."""

    def __init__(self) -> None:
        self._expected = 0
        self._all_here = anyio.Event()

    def expect(self, calls: int) -> None:
        """Let the next *calls* calls go once all of them are there."""
        self._expected = calls
        self._all_here = anyio.Event()

    async def gather(self, text: str) -> str:
        """Return *text* when everybody is there."""
        self._expected -= 1
        if not self._expected:
            self._all_here.set()
        await self._all_here.wait()
        return text


def mcp_server(gathering: Gathering) -> MCPServer:
    """Return an echo server of the official SDK."""
    server = MCPServer("echo", version="1.0.0")
    server.add_tool(echo)
    server.add_tool(gathering.gather)
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


async def together_us(client: Any, calls: int, gathering: Gathering) -> float:
    """Return the CPU time of one call out of *calls*, which are all in flight at once."""
    gathering.expect(calls)
    before = time.process_time()
    async with anyio.create_task_group() as group:
        for number in range(calls):
            group.start_soon(client.call_tool, "gather", {"text": prose(number)})
    return (time.process_time() - before) / calls * 1e6


def clients(kind: str, scratch: Path, gathering: Gathering) -> list[Any]:
    """Return a client of a bare server, and one of each server that keeps a record."""
    if kind == "mcp":
        audited = audit(mcp_server(gathering), state=scratch / "state")
        return [mcp.Client(mcp_server(gathering)), mcp.Client(audited)]
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
    gathering = Gathering()
    async with AsyncExitStack() as stack:
        connected = [
            await stack.enter_async_context(one) for one in clients(kind, scratch, gathering)
        ]
        while line := await anyio.to_thread.run_sync(sys.stdin.readline):
            which, calls, *how = line.split()
            client = connected[int(which)]
            if how:
                cpu_us = await together_us(client, int(calls), gathering)
            else:
                cpu_us = await used_us(client, int(calls))
            said = {"cpu_us": cpu_us, "kept": kept_bytes(scratch)}
            print(json.dumps(said | {"resident_mib": resident_mib(os.getpid())}), flush=True)


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], Path(sys.argv[2]))
