"""The official SDK client as the root of a process tree: started by `SdkPeer`.

Arguments: the server's command. Each line on stdin is a number of calls to make;
each line on stdout what one of them took.
"""

from __future__ import annotations

import json
import os
import sys
import time

import anyio
import anyio.to_thread
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from bench import cpu
from bench.texts import prose


async def measure(client: Client, calls: int) -> dict[str, float]:
    """Return CPU of ourselves and all below, and wall time, for each of *calls*."""
    below = cpu.tree(os.getpid())[1:]
    before, started = time.process_time() + cpu.cpu_s(below), time.perf_counter()
    for number in range(calls):
        result = await client.call_tool("echo", {"text": prose(number)})
        if result.is_error:
            raise ConnectionError("a call failed")
    wall = time.perf_counter() - started
    used = time.process_time() + cpu.cpu_s(below) - before
    return {"cpu_us": used / calls * 1e6, "wall_us": wall / calls * 1e6}


async def main(command: list[str]) -> None:
    """Serve stdin until it ends."""
    server = StdioServerParameters(command=command[0], args=command[1:], env=dict(os.environ))
    async with Client(stdio_client(server)) as client:
        while line := await anyio.to_thread.run_sync(sys.stdin.readline):
            print(json.dumps(await measure(client, int(line))), flush=True)


if __name__ == "__main__":
    anyio.run(main, sys.argv[1:])
