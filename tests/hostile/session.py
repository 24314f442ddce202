"""A client of a stdio server, direct or through the real `indelible wrap`, and what it recorded."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

SERVERS = Path(__file__).parent / "servers"
RAW = [sys.executable, "-I", "-S", str(SERVERS / "raw.py")]
INDELIBLE = [sys.executable, "-m", "indelible"]
DEADLINE_S = 30
"""After which a test fails instead of hanging."""


def wrapped(state: Path, *options: str, command: list[str] | None = None) -> list[str]:
    return [*INDELIBLE, "wrap", "--state", str(state), *options, *(command or RAW)]


class Session:
    """One running server and its client's end of the pipes."""

    def __init__(
        self,
        command: list[str],
        stderr: Path,
        *,
        pass_fds: tuple[int, ...] = (),
        **environment: str,
    ) -> None:
        self.stderr = stderr
        with stderr.open("wb") as sink:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=sink,
                bufsize=0,
                start_new_session=True,
                pass_fds=pass_fds,
                env={**os.environ, **environment},
            )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._in = self.process.stdin
        self._out = self.process.stdout
        self._held = b""
        self._pouring: list[threading.Thread] = []

    def send(self, *messages: Any) -> None:
        """Send each message as a line; bytes go as they are."""
        data = b"".join(
            m if isinstance(m, bytes) else json.dumps(m, ensure_ascii=False).encode() + b"\n"
            for m in messages
        )
        rest = memoryview(data)
        while rest:
            rest = rest[self._in.write(rest) :]

    def pour(self, data: bytes, *, end: bool = False) -> None:
        """Send bytes from a thread of their own: more than the pipes hold, while we read."""

        def send() -> None:
            with contextlib.suppress(BrokenPipeError):
                self.send(data)
                if end:
                    self.end_input()

        thread = threading.Thread(target=send)
        thread.start()
        self._pouring.append(thread)

    def _more(self) -> bytes:
        ready, _, _ = select.select([self._out], [], [], DEADLINE_S)
        assert ready, f"nothing came; stderr: {self.stderr.read_bytes()!r}"
        return os.read(self._out.fileno(), 1 << 20)

    def line(self) -> bytes:
        """Return the next line as it came; without an LF if the stream ended."""
        pieces = [self._held]
        while b"\n" not in pieces[-1]:
            chunk = self._more()
            if not chunk:
                self._held = b""
                return b"".join(pieces)
            pieces.append(chunk)
        line, end, self._held = b"".join(pieces).partition(b"\n")
        return line + end

    def hear(self) -> Any:
        """Return the next line as a message."""
        line = self.line()
        assert line, f"the stream ended; stderr: {self.stderr.read_bytes()!r}"
        return json.loads(line)

    def ask(self, message: dict[str, Any]) -> Any:
        self.send(message)
        return self.hear()

    def rest(self) -> bytes:
        """Return everything up to the end of the stream."""
        pieces = [self._held]
        self._held = b""
        while chunk := self._more():
            pieces.append(chunk)
        return b"".join(pieces)

    def end_input(self) -> None:
        self._in.close()

    def end(self) -> tuple[int, bytes]:
        """End the input; return exit code and what still came."""
        self.end_input()
        return self.wait_after(self.rest())

    def wait_after(self, rest: bytes = b"") -> tuple[int, bytes]:
        return self.process.wait(DEADLINE_S), rest

    def kill_group(self, number: int = signal.SIGKILL) -> None:
        os.killpg(self.process.pid, number)

    def close(self) -> None:
        """Leave nothing running and nothing open."""
        if self.process.poll() is None:
            self.kill_group()
        self.process.wait(DEADLINE_S)
        for thread in self._pouring:
            thread.join(DEADLINE_S)
        self._out.close()
        if not self._in.closed:
            self._in.close()


@contextlib.contextmanager
def session(
    command: list[str], stderr: Path, *, pass_fds: tuple[int, ...] = (), **environment: str
) -> Iterator[Session]:
    running = Session(command, stderr, pass_fds=pass_fds, **environment)
    try:
        yield running
    finally:
        running.close()


def run(state: Path, *words: str, check: bool = True) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*INDELIBLE, "--state", str(state), *words],
        capture_output=True,
        check=check,
        timeout=DEADLINE_S,
    )


def query(state: Path, *terms: str) -> list[dict[str, Any]]:
    """Return all entries, oldest first."""
    done = run(state, "query", "--limit", "100000", "--json", *terms)
    entries = json.loads(done.stdout)
    assert isinstance(entries, list)
    return entries[::-1]


def calls(state: Path, *terms: str) -> list[dict[str, Any]]:
    return [entry for entry in query(state, *terms) if entry["kind"] == "call"]


def kinds(state: Path, kind: str) -> list[dict[str, Any]]:
    return [entry for entry in query(state) if entry["kind"] == kind]


def collect(state: Path) -> None:
    """Collect, after whoever is at it already."""

    def collected() -> bool:
        done = json.loads(run(state, "collect", "--once", "--json").stdout)
        return all(one["ran"] for one in done)

    until(collected)


def verify(state: Path) -> int:
    return run(state, "verify", check=False).returncode


def until(condition: Callable[[], Any]) -> None:
    """Wait for what nothing signals; fail when it does not come."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"
