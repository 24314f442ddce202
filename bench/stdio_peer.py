"""Two clients for a stdio server: the official SDK's, and the cheapest there can be."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

from bench import cpu
from bench.figures import Sample
from bench.texts import prose

END_S = 20
SESSION = Path(__file__).with_name("sdk_session.py")


class Child:
    """A process at the other end of two pipes, and the lines to and from it."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        """Of the process that was started: the wrapper, if there is one."""
        return self._process.pid

    def _send(self, line: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + b"\n")
        self._process.stdin.flush()

    def ask(self, line: str) -> dict[str, object]:
        """Send a line and return the answer, which is JSON on one line."""
        self._send(line.encode())
        return self._answer()

    def _answer(self) -> dict[str, object]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise ConnectionError(f"{self._process.args!r} ended")
        answer: dict[str, object] = json.loads(line)
        return answer


class StdioPeer(Child):
    """A raw JSON-RPC client in this process: starts *command*, shakes hands, calls."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        super().__init__(command, environment)
        self._next_id = 0
        self._pids: list[int] = []

    def __enter__(self) -> Self:
        who = {"name": "bench", "version": "0"}
        params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": who}
        self.request("initialize", params)
        self._send(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
        self.request("tools/list", {})
        self._pids = cpu.tree(self.pid)
        return self

    def request(self, method: str, params: dict[str, object]) -> dict[str, object]:
        """Send one request and return its reply."""
        self._next_id += 1
        message = {"jsonrpc": "2.0", "id": self._next_id, "method": method, "params": params}
        return self.ask(json.dumps(message))

    def cpu_s(self) -> float:
        """Return the CPU seconds of wrapper and server so far; no collection is among them."""
        return cpu.cpu_s(self._pids)

    def call(self, calls: int) -> None:
        """Call the tool so many times."""
        for number in range(calls):
            arguments = {"name": "echo", "arguments": {"text": prose(number)}}
            if "result" not in self.request("tools/call", arguments):
                raise ConnectionError("a call failed")

    def measure(self, calls: int) -> Sample:
        """Return CPU (client, wrapper and server) and wall time of one call out of so many."""
        before, started = time.process_time() + self.cpu_s(), time.perf_counter()
        self.call(calls)
        wall = time.perf_counter() - started
        used = time.process_time() + self.cpu_s() - before
        return Sample(used / calls * 1e6, wall / calls * 1e6)


class SdkPeer(Child):
    """The official SDK's client in a process of its own, below which it starts *command*."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        super().__init__([sys.executable, "-P", str(SESSION), *command], environment)

    def measure(self, calls: int) -> Sample:
        """Return CPU (client, wrapper and server) and wall time of one call out of so many."""
        answer = self.ask(str(calls))
        return Sample(float(str(answer["cpu_us"])), float(str(answer["wall_us"])))
