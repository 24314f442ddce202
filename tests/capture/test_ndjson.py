"""NDJSON beside the record: `wrap --ndjson` and `audit(ndjson=)`, end to end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

import indelible
from indelible.capture import assemble, sdk
from indelible.errors import UsageError
from tests.capture.messages import call
from tests.hostile.servers import mcp_server
from tests.hostile.session import RAW, run, session, wrapped


@pytest.fixture
def state(tmp_path) -> Path:
    return tmp_path / "state"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line.startswith(b"{")]


@pytest.mark.requirement("ndjson.flat-entry")
def test_wrap_writes_each_call_as_it_ends_and_the_servers_life_around_it(state, tmp_path) -> None:
    out = tmp_path / "out.ndjson"
    command = wrapped(state, "--ndjson", str(out))
    with session(command, tmp_path / "stderr") as server:
        server.ask(call(1, "echo", text="grüße 漢字 \u2028", password="sekret-1"))
        server.ask(call(2, "fail", text="x" * 9_000))
        assert server.end()[0] == 0

    told = lines(out)
    assert [one.get("tool", one["kind"]) for one in told] == [
        "server.start",
        "echo",
        "fail",
        "server.exit",
    ]
    assert [one["args"].get("password") for one in told[1:3]] == ["[REDACTED]", None]
    assert [one["outcome"] for one in told[1:3]] == ["ok", "error"]
    kept = json.loads(run(state, "query", "--json", "--no-collect").stdout)
    assert {one["recordId"] for one in kept} == {one["recordId"] for one in told}
    assert b"sekret" not in out.read_bytes()


@pytest.mark.requirement("ndjson.flat-entry")
def test_stderr_takes_lines_beside_the_servers_own(state, tmp_path) -> None:
    stderr = tmp_path / "stderr"
    with session(wrapped(state, "--ndjson", "stderr"), stderr) as server:
        server.ask(call(1, "stderr", hex=b"a word of the server's\n".hex()))
        assert server.end()[0] == 0
    assert [one["kind"] for one in lines(stderr)] == ["server.start", "call", "server.exit"]
    assert b"a word of the server's\n" in stderr.read_bytes()


def test_a_descriptor_that_the_shell_opened_takes_lines(state, tmp_path) -> None:
    out = tmp_path / "out"
    words = [*wrapped(state, "--ndjson", "fd:3", command=["true"])]
    done = subprocess.run(
        ["sh", "-c", '"$@" 3>"$0"', str(out), *words], capture_output=True, check=True, timeout=30
    )
    assert (done.stdout, done.stderr) == (b"", b"")
    assert [one["kind"] for one in lines(out)] == ["server.start", "server.exit"]


@pytest.mark.requirement("ndjson.not-stdout")
@pytest.mark.parametrize("target", ["stdout", "fd:1", "fd:3", "/dev/stdout"])
def test_wrap_refuses_to_write_into_the_protocol(target, state) -> None:
    words = wrapped(state, "--ndjson", target, command=["echo", "ran"])
    done = subprocess.run(
        ["sh", "-c", '"$@" 3>&1', "sh", *words], capture_output=True, check=False, timeout=30
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"carries the protocol" in done.stderr
    assert b"fix: give stderr, a file's name, or fd:N" in done.stderr


@pytest.mark.requirement("ndjson.never-delays")
def test_a_reader_that_never_reads_delays_neither_a_call_nor_the_end(state, tmp_path) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    while True:
        try:
            os.write(writer, b"x" * 4_096)
        except BlockingIOError:
            break
    os.set_blocking(writer, True)
    words = wrapped(state, "--ndjson", f"fd:{writer}", command=RAW)
    stderr = tmp_path / "stderr"
    with session(words, stderr, pass_fds=(writer,)) as server:
        for number in range(50):
            server.ask(call(number, "peek"))
        assert server.end()[0] == 0
    os.close(reader)
    os.close(writer)
    assert f"fd:{writer}: 52 NDJSON lines were not written" in stderr.read_text()
    assert len(json.loads(run(state, "query", "--limit", "99", "--json").stdout)) >= 52


def test_a_signal_still_ends_the_server_and_us_with_it(state, tmp_path) -> None:
    out = tmp_path / "out"
    with session(wrapped(state, "--ndjson", str(out)), tmp_path / "stderr") as server:
        server.ask(call(1, "peek"))
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == -signal.SIGTERM
    assert [one["kind"] for one in lines(out)] == ["server.start", "call", "server.exit"]


@pytest.mark.requirement("ndjson.flat-entry")
def test_audit_writes_each_call_as_it_ends(state, tmp_path, monkeypatch) -> None:
    at_exit: list[Any] = []
    monkeypatch.setattr(sdk.atexit, "register", at_exit.append)
    monkeypatch.setattr(assemble, "start_collection", lambda state: True)
    server = mcp_server.build()
    out = tmp_path / "out.ndjson"
    indelible.audit(server, state=state, ndjson=out)

    async def talk() -> None:
        with anyio.fail_after(30):
            async with Client(server) as client:
                await client.call_tool("peek", {"name": "ann"})
                await client.call_tool("wipe", {"name": "bob", "password": "x"})

    anyio.run(talk)
    for function in reversed(at_exit):
        function()
    told = [one for one in lines(out) if one.get("method") == "tools/call"]
    assert [(one["tool"], one["outcome"], one["capturedBy"]) for one in told] == [
        ("peek", "ok", "sdk"),
        ("wipe", "ok", "sdk"),
    ]
    assert told[1]["args"] == {"name": "bob", "password": "[REDACTED]"}


@pytest.mark.requirement("ndjson.not-stdout")
def test_audit_refuses_stdout(state) -> None:
    with pytest.raises(UsageError, match="carries the protocol"):
        indelible.audit(mcp_server.build(), state=state, ndjson="fd:1")
    assert not state.exists()
