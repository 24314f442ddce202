"""A proxy as it is started, before a server whose every byte the test decides."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.capture.sdks.talking import Trail, tool

ROOT = Path(__file__).parents[3]
SERVE = [sys.executable, "-W", "error", str(Path(__file__).with_name("serve.py"))]
TIMEOUT_S = 30


@dataclass
class Proxy:
    """One running proxy."""

    process: subprocess.Popen[bytes]
    ports: list[int]
    trail: Trail
    stderr: Path
    wires: list[Wire] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.ports[0]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Have it end; return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(TIMEOUT_S)

    def connect(self) -> Wire:
        self.wires.append(Wire(socket.create_connection(("127.0.0.1", self.port), TIMEOUT_S)))
        return self.wires[-1]

    def ask(self, request: bytes) -> bytes:
        """Return the answer to a request, on a connection of its own."""
        wire = self.connect()
        wire.send(request)
        return wire.message()


@contextmanager
def proxy(scratch: Path, upstream: int | str, *words: str, count: int = 1) -> Iterator[Proxy]:
    """Run a proxy; *upstream* is a port, a URL, or words that say all by themselves."""
    scratch.mkdir(exist_ok=True)
    url = f"http://127.0.0.1:{upstream}" if isinstance(upstream, int) else upstream
    first = ["--upstream", url] if url else []
    listen = [] if "--listen" in words or not url else ["--listen", "127.0.0.1:0"]
    state = scratch / "state"
    path = scratch / "stderr"
    with path.open("wb") as stderr:
        process = subprocess.Popen(
            [*SERVE, *first, *listen, "--state", str(state), *words],
            stdout=subprocess.PIPE,
            stderr=stderr,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}"},
        )
    wires: list[Wire] = []
    try:
        yield Proxy(process, _ports(process, path, count), Trail(state), path, wires)
    finally:
        for wire in wires:
            wire.close()
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _ports(process: subprocess.Popen[bytes], stderr: Path, count: int) -> list[int]:
    from tests.hostile.session import until

    def said() -> list[str] | None:
        found = re.findall(r"(?:listening|answered) on \S*?:(\d+)(?:\s|$)", stderr.read_text())
        assert process.poll() is None or len(found) >= count, stderr.read_text()
        return found if len(found) >= count else None

    until(said)
    return [int(port) for port in said() or []]


class Wire:
    """A raw connection: a client's to the proxy, or the proxy's to a server."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.held = b""

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def more(self) -> bytes:
        """Return what comes next; nothing at the end."""
        if self.held:
            held, self.held = self.held, b""
            return held
        return self.sock.recv(1 << 16)

    def until(self, mark: bytes) -> bytes:
        """Return what comes up to and with *mark*."""
        found = b""
        while mark not in found:
            more = self.more()
            assert more, f"the connection ended after {found!r}"
            found += more
        at = found.index(mark) + len(mark)
        self.held = found[at:] + self.held
        return found[:at]

    def exactly(self, size: int) -> bytes:
        found, missing = [], size
        while missing > 0:
            more = self.more()
            assert more, f"the connection ended, {missing} bytes short"
            found.append(more)
            missing -= len(more)
        data = b"".join(found)
        self.held = data[size:] + self.held
        return data[:size]

    def rest(self) -> bytes:
        """Return everything up to the end; nothing more if it was reset."""
        found = b""
        with suppress(ConnectionResetError):
            while more := self.more():
                found += more
        return found

    def message(self) -> bytes:
        """Return one HTTP message as it is on the wire."""
        head = self.until(b"\r\n\r\n")
        if head.startswith((b"HTTP/1.1 204", b"HTTP/1.1 304")):
            return head
        if match := re.search(rb"(?i)\r\ncontent-length: *(\d+)", head):
            return head + self.exactly(int(match[1]))
        if not re.search(rb"(?i)\r\ntransfer-encoding: *chunked", head):
            return head
        body = b""
        while True:
            line = self.until(b"\r\n")
            size = int(line.split(b";")[0], 16)
            body += line + self.exactly(size + 2)
            if not size:
                return head + body

    def close(self) -> None:
        self.sock.close()


@dataclass
class Server:
    """A server that gives to each request, as it came, the bytes that the test says."""

    answer: Callable[[bytes, Wire], None]
    tls: ssl.SSLContext | None = None
    requests: list[bytes] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=2_048)
        self.port = self._listener.getsockname()[1]
        self._wires: list[Wire] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()
        return self

    def __exit__(self, *details: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for wire in self._wires:
            with suppress(OSError):
                wire.sock.shutdown(socket.SHUT_RDWR)
            wire.close()
        for thread in self._threads:
            thread.join(TIMEOUT_S)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                if self.tls is not None:
                    try:
                        sock = self.tls.wrap_socket(sock, server_side=True)
                    except OSError as error:
                        self.errors.append(error)
                        continue
                wire = Wire(sock)
                self._wires.append(wire)
                thread = threading.Thread(target=self._serve, args=[wire], daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, wire: Wire) -> None:
        try:
            while True:
                request = wire.message()
                self.requests.append(request)
                self.answer(request, wire)
        except (AssertionError, OSError) as error:
            self.errors.append(error)  # the other side has closed, as it may


def says(*parts: bytes) -> Callable[[bytes, Wire], None]:
    """Return an answer that is always the same."""

    def answer(request: bytes, wire: Wire) -> None:
        wire.send(b"".join(parts))

    return answer


def head(message: bytes) -> bytes:
    return message.partition(b"\r\n\r\n")[0]


def body(message: bytes) -> bytes:
    return message.partition(b"\r\n\r\n")[2]


def post(data: bytes, *lines: bytes, path: bytes = b"/mcp") -> bytes:
    """Return a request of some odd headers, as a client may send it."""
    more = b"".join(line + b"\r\n" for line in lines)
    return (
        b"POST %s HTTP/1.1\r\nHost: mcp.example:81\r\ncontent-type: application/json\r\n"
        b"%sContent-Length: %d\r\n\r\n%s" % (path, more, len(data), data)
    )


def ok(data: bytes, *lines: bytes, kind: bytes = b"application/json") -> bytes:
    more = b"".join(line + b"\r\n" for line in lines)
    return b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\n%sContent-Length: %d\r\n\r\n%s" % (
        kind,
        more,
        len(data),
        data,
    )


def events(*parts: bytes, lines: tuple[bytes, ...] = ()) -> bytes:
    """Return a stream's head and its first chunks."""
    more = b"".join(line + b"\r\n" for line in lines)
    start = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n%s" % more
    return start + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(map(chunk, parts))


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


END = b"0\r\n\r\n"


def outcome(call: dict[str, Any]) -> tuple[Any, Any]:
    return call.get("outcome"), call.get("errorType")


_IDS = itertools.count(1)


class Pair:
    """One server and one proxy for many tests; each test's call has an id of its own."""

    def __init__(self, server: Server, run: Proxy) -> None:
        self.server = server
        self.run = run
        self.id = next(_IDS)
        self.since = len(run.trail.entries())

    @property
    def call(self) -> bytes:
        return json.dumps(tool(self.id, "wipe", path="/x")).encode()

    @property
    def reply(self) -> bytes:
        return json.dumps({"jsonrpc": "2.0", "id": self.id, "result": {"content": []}}).encode()

    def ask(self, request: bytes, answer: Any) -> tuple[bytes, bytes]:
        """Return what the server got, and what the client got."""
        self.server.answer = answer if callable(answer) else says(answer)
        got = self.run.ask(request)
        return self.server.requests[-1], got

    @property
    def outcome(self) -> tuple[Any, Any]:
        """How the test's own call ended."""
        return outcome(self.run.trail.one(self.id))

    def entries(self) -> list[dict[str, Any]]:
        """What is on record since the test began."""
        return self.run.trail.entries()[self.since :]
