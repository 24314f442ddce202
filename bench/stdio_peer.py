"""A raw JSON-RPC client over pipes: the cheapest peer a stdio server can have."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from typing_extensions import Self

TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class StdioPeer:
    """Starts *command*, shakes hands, and calls tools; knows its process tree's CPU."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        )
        self._next_id = 0

    def __enter__(self) -> Self:
        self.request(
            "initialize",
            {
                "protocolVersion": "2025-11-25",
                "capabilities": {},
                "clientInfo": {"name": "bench", "version": "0"},
            },
        )
        self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        self.request("tools/list", {})
        return self

    def __exit__(self, *_: object) -> None:
        stdin = self._process.stdin
        if stdin is not None:
            stdin.close()
        self._process.wait(20)

    def request(self, method: str, params: dict[str, object]) -> dict[str, object]:
        """Send one request and return its reply."""
        self._next_id += 1
        self._send(
            {"jsonrpc": "2.0", "id": self._next_id, "method": method, "params": params}
        )
        stdout = self._process.stdout
        assert stdout is not None
        reply: dict[str, object] = json.loads(stdout.readline())
        return reply

    def _send(self, message: dict[str, object]) -> None:
        stdin = self._process.stdin
        assert stdin is not None
        stdin.write(json.dumps(message).encode() + b"\n")
        stdin.flush()

    def cpu_s(self) -> float:
        """Return the CPU seconds of the process tree so far, detached collections left out."""
        return sum(_cpu_s(pid) for pid in _tree(self._process.pid))


def _tree(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(p for child in children for p in _tree(int(child)))]


def _cpu_s(pid: int) -> float:
    """Return user and system time from schedstat (nanoseconds), summed over the threads."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9
