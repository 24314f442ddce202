"""Programs that listen on loopback, and the cheapest client there can be for them."""

from __future__ import annotations

import json
import re
import socket
import statistics
import subprocess
import sys
import time
from typing import Self

from bench import cpu
from bench.figures import Sample
from bench.stdio_peer import SESSION, Child
from bench.texts import prose

END_S = 20
JSON_AND_SSE = "application/json, text/event-stream"
NOW, BEFORE = "2026-07-28", "2025-11-25"
WHO = {"name": "bench", "version": "0"}
META = {
    "io.modelcontextprotocol/protocolVersion": NOW,
    "io.modelcontextprotocol/clientInfo": WHO,
    "io.modelcontextprotocol/clientCapabilities": {},
}


class Listening:
    """A process that says on stderr where it listens."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, env=environment
        )
        assert self._process.stderr is not None
        said = self._process.stderr.readline()
        found = re.search(r"listening on (http://127\.0\.0\.1:(\d+))", said)
        if found is None:
            self._process.kill()
            raise ConnectionError(f"{command!r} does not listen: {said}")
        self.origin, self.port = found[1], int(found[2])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.communicate(timeout=END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid


class SdkHttpPeer(Child):
    """The official SDK's client in a process of its own."""

    def __init__(
        self, port: int, pids: list[int], environment: dict[str, str], *, is_legacy: bool
    ) -> None:
        mode = "legacy" if is_legacy else NOW
        where = [f"http://127.0.0.1:{port}/mcp", mode, *map(str, pids)]
        super().__init__([sys.executable, "-P", str(SESSION), *where], environment)

    def measure(self, calls: int) -> Sample:
        """Return CPU (client, proxy and server) of a call, and wall time: of a quick one, p25."""
        answer = self.ask(str(calls))
        return Sample(float(str(answer["cpu_us"])), float(str(answer["p25_us"])))


class HttpPeer:
    """One keep-alive connection, written and read by hand.

    Args:
        port: Where the server, or what is before it, listens.

        pids: Processes whose CPU a call takes.

        is_legacy: Whether to speak the revision with sessions, answered by a stream.
    """

    def __init__(self, port: int, pids: list[int], *, is_legacy: bool = False) -> None:
        self._connection = socket.create_connection(("127.0.0.1", port))
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._pids = pids
        self._is_legacy = is_legacy
        self._meta: dict[str, object] = {} if is_legacy else {"_meta": META}
        self._next_id = 0
        self._headers = {
            "Host": f"127.0.0.1:{port}",
            "Content-Type": "application/json",
            "Accept": JSON_AND_SSE,
            "MCP-Protocol-Version": BEFORE if is_legacy else NOW,
        }

    def __enter__(self) -> Self:
        if self._is_legacy:
            params = {"protocolVersion": BEFORE, "capabilities": {}, "clientInfo": WHO}
            head, _ = self._ask("initialize", params)
            found = re.search(rb"mcp-session-id: (\S+)", head, re.IGNORECASE)
            if found is None:
                raise ConnectionError("the server gave no session")
            self._headers["Mcp-Session-Id"] = found[1].decode()
            self._post({"jsonrpc": "2.0", "method": "notifications/initialized"})
        self._ask("tools/list", self._meta)
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def _ask(self, method: str, params: dict[str, object]) -> tuple[bytes, bytes]:
        self._next_id += 1
        if not self._is_legacy:
            self._headers |= {"Mcp-Method": method, "Mcp-Name": str(params.get("name", ""))}
        return self._post(
            {"jsonrpc": "2.0", "id": self._next_id, "method": method, "params": params}
        )

    def _post(self, message: dict[str, object]) -> tuple[bytes, bytes]:
        """Send one message; return head and body of what comes back."""
        body = json.dumps(message).encode()
        lines = "".join(f"{name}: {value}\r\n" for name, value in self._headers.items())
        head = f"POST /mcp HTTP/1.1\r\n{lines}Content-Length: {len(body)}\r\n\r\n"
        self._connection.sendall(head.encode() + body)
        return self._answer()

    def _answer(self) -> tuple[bytes, bytes]:
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._more()
        head, _, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        if length is not None:
            while len(body) < int(length[1]):
                body += self._more()
        else:
            while not body.endswith(b"0\r\n\r\n"):
                body += self._more()
        return head, body

    def _more(self) -> bytes:
        data = self._connection.recv(65_536)
        if not data:
            raise ConnectionError("the connection was closed")
        return data

    def call(self, calls: int) -> list[float]:
        """Call the tool so many times; return how long each call took, in seconds."""
        took = []
        for number in range(calls):
            params = {"name": "echo", "arguments": {"text": prose(number)}, **self._meta}
            started = time.perf_counter()
            _, body = self._ask("tools/call", params)
            took.append(time.perf_counter() - started)
            if b'"result"' not in body:
                raise ConnectionError(f"a call failed: {body!r}")
        return took

    def measure(self, calls: int) -> Sample:
        """Return CPU (client, proxy and server) of a call, and wall time: of a quick one, p25."""
        before = time.process_time() + cpu.cpu_s(self._pids)
        took = self.call(calls)
        used = time.process_time() + cpu.cpu_s(self._pids) - before
        return Sample(used / calls * 1e6, statistics.quantiles(took, n=4)[0] * 1e6)
