"""Runs the public conformance suites and reads what they found. Not a test."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.hostile.session import until
from tests.reference.reference_servers import installed, node, server_command

ROOT = Path(__file__).parents[2]
PACKAGES = ROOT / ".cache" / "npm" / "node_modules"
PYTHONS = {"v1": ROOT / ".cache/sdk/mcp1/bin/python", "v2": Path(sys.executable)}
LEG_S = 300

Findings = Counter[tuple[str, str, str, str]]
"""How often each (scenario, check, its name, status) was found."""


@contextlib.contextmanager
def server(sdk: str, calls: Path) -> Iterator[str]:
    """Run our server on an SDK, `v1` or `v2`, which notes in *calls*; yield its origin."""
    calls.touch()
    with subprocess.Popen(
        [installed(PYTHONS[sdk]), "-m", f"tests.conformance.server_{sdk}", str(calls)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as running:
        assert running.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(running.stdout.readline())}"
        finally:
            running.kill()


@contextlib.contextmanager
def reference_server(log: Path) -> Iterator[str]:
    """Run the TypeScript `server-everything`; yield its origin."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (
        log.open("wb") as kept,
        subprocess.Popen(
            server_command("everything", "streamableHttp"),
            stdout=subprocess.DEVNULL,
            stderr=kept,
            env={**os.environ, "PORT": str(port)},
        ) as running,
    ):
        try:
            until(lambda: b"listening" in log.read_bytes())
            yield f"http://127.0.0.1:{port}"
        finally:
            running.kill()


def served(calls: Path) -> Counter[str]:
    """Return how often each tool was called, as the server noted it."""
    return Counter(calls.read_text(encoding="utf-8").split())


def run(version: str, *arguments: str, into: Path, **environment: str) -> Findings:
    """Run the suite of *version* with *arguments*; return what it found."""
    program = installed(PACKAGES / f"conformance-{version}" / "dist" / "index.js")
    done = subprocess.run(
        [node(), program, *arguments, "--output-dir", str(into)],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=LEG_S,
    )
    into.mkdir(parents=True, exist_ok=True)
    (into / "output.txt").write_text(done.stdout + done.stderr, encoding="utf-8")
    return read(into)


def client(version: str, module: str, *chosen: str, scratch: Path) -> Findings:
    """Run the suite against our client: `client` alone, or `proxied`."""
    return run(
        version,
        "client",
        "--command",
        f"{sys.executable} -m tests.conformance.{module}",
        *chosen,
        into=scratch / module.replace(" ", "-"),
        INDELIBLE_STATE_DIR=str(scratch / "state"),
    )


def _same(check: dict[str, str]) -> str:
    """Return the status of *check*; how late a client reconnects, only the machine decides."""
    return "TIMED" if check["id"] == "client-sse-retry-timing" else check["status"]


def read(results: Path) -> Findings:
    """Return what stands in the files of *results*: a folder for each scenario and its time."""
    found: Findings = Counter()
    for path in sorted(results.rglob("checks.json")):
        folder = path.parent.relative_to(results).as_posix()
        scenario = folder[: -len("-2026-01-31T12-00-00-000Z")]
        for check in json.loads(path.read_text(encoding="utf-8")):
            found[scenario, check["id"], check["name"], _same(check)] += 1
    return found


def count(found: Findings, status: str) -> int:
    """Return how many checks ended so."""
    return sum(number for key, number in found.items() if key[3] == status)
