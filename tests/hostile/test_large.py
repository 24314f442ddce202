"""Messages of 100 KB, 1 MB and 32 MB: whole at the other end, bounded in the wrapper."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from tests.capture.messages import call, request
from tests.hostile.session import calls, verify

MIB = 1 << 20
BOUND_KIB = 160 * 1024
"""An interpreter, the redactor, and a few times the 16 MiB that one line may hold."""


def typescript_order(id_: object, tool: str, text: str) -> bytes:
    """Write a call as the TypeScript SDK does: the id comes last."""
    params = {"name": tool, "arguments": {"text": text, "password": "sekret-large"}}
    message = {"method": "tools/call", "params": params, "jsonrpc": "2.0", "id": id_}
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def peak_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found[1])


@pytest.mark.requirement("wrap.long-lines")
@pytest.mark.parametrize("size", [100_000, MIB, 32 * MIB], ids=["100 KB", "1 MB", "32 MB"])
def test_large_arguments_arrive_whole_and_are_recorded(size, wrap, state) -> None:
    line = typescript_order("big", "digest", "é" * (size // 2))
    server = wrap()
    server.send(request(0, "tools/list"))
    server.hear()
    server.pour(line)
    reply = server.hear()
    assert reply["id"] == "big"
    assert reply["result"]["content"][0]["text"] == hashlib.sha256(line).hexdigest()
    assert server.ask(call(2, "peek"))["id"] == 2
    assert peak_kib(server.process.pid) < BOUND_KIB
    assert server.end() == (0, b"")
    assert server.stderr.read_bytes() == b""
    (entry,) = calls(state, "tool:digest")
    assert (entry["method"], entry["outcome"]) == ("tools/call", "ok")
    if size > 16 * MIB:
        assert entry["args"] == "[UNREDACTABLE]"
        assert 16 * MIB <= entry["argsBytes"] <= len(line)
    else:
        assert entry["jsonrpcId"] == "big"
        assert entry["args"]["text"].startswith("é" * 100)
        assert len(entry["args"]["text"]) <= 500
        assert entry["args"]["password"] == "[REDACTED]"
        assert entry["argsBytes"] == len(line) - 1
    assert verify(state) == 0


@pytest.mark.requirement("wrap.long-lines")
def test_a_large_reply_arrives_whole_and_meets_its_call(wrap, state) -> None:
    server = wrap()
    server.send(call("b", "big", mib=32))
    line = server.line()
    assert len(line) > 32 * MIB
    assert json.loads(line)["result"]["content"][0]["text"] == "x" * 32 * MIB
    assert server.ask(call(2, "peek"))["id"] == 2
    assert peak_kib(server.process.pid) < BOUND_KIB
    assert server.end() == (0, b"")
    (entry,) = calls(state, "tool:big")
    assert (entry["outcome"], entry["resultBytes"]) == ("ok", len(line))


@pytest.mark.requirement("wrap.long-lines")
def test_a_line_without_an_end_is_passed_on_and_recorded(wrap, state, tmp_path) -> None:
    taken = tmp_path / "taken"
    line = typescript_order(1, "peek", "x" * (17 * MIB))[:-1]
    server = wrap(command=["sh", "-c", f"cat > {taken}"])
    server.pour(line, end=True)
    server.rest()
    assert server.process.wait(30) == 0
    assert hashlib.sha256(taken.read_bytes()).digest() == hashlib.sha256(line).digest()
    (entry,) = calls(state)
    assert (entry["tool"], entry["outcome"]) == ("peek", "unknown")
