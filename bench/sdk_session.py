"""The official SDK client as the root of a process tree: started by `SdkPeer`.

Arguments: the server's command; or a URL, `legacy` or a revision, and the processes whose
CPU a call takes. Each line on stdin is a number of calls to make; each line on stdout what
one of them took.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time

import anyio
import anyio.to_thread
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from bench import cpu
from bench.texts import prose


async def measure(client: Client, calls: int, pids: list[int]) -> dict[str, float]:
    """Return CPU of ourselves and *pids*, and wall time, for each of *calls*, and its quartile."""
    before = time.process_time() + cpu.cpu_s(pids)
    took = []
    for number in range(calls):
        started = time.perf_counter()
        result = await client.call_tool("echo", {"text": prose(number)})
        took.append(time.perf_counter() - started)
        if result.is_error:
            raise ConnectionError("a call failed")
    used = time.process_time() + cpu.cpu_s(pids) - before
    found = {"cpu": used / calls, "wall": statistics.fmean(took)}
    found["p25"] = statistics.quantiles(took, n=4)[0]
    return {f"{name}_us": one * 1e6 for name, one in found.items()}


async def main(words: list[str]) -> None:
    """Serve stdin until it ends."""
    if words[0].startswith("http"):
        client, pids = Client(words[0], mode=words[1]), list(map(int, words[2:]))
    else:
        server = StdioServerParameters(command=words[0], args=words[1:], env=dict(os.environ))
        client, pids = Client(stdio_client(server)), []
    async with client:
        pids = pids or cpu.tree(os.getpid())[1:]
        while line := await anyio.to_thread.run_sync(sys.stdin.readline):
            print(json.dumps(await measure(client, int(line), pids)), flush=True)


if __name__ == "__main__":
    anyio.run(main, sys.argv[1:])
