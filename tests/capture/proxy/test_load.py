"""Much at a time, and much at once: streams, long events, long bodies, in constant memory."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.capture.proxy.rig import END, Proxy, Server, Wire, chunk, events, outcome, post, proxy
from tests.capture.sdks.talking import tool

MIB = 1 << 20
SIZE = int(os.environ.get("STREAM_MIB", "100"))
STREAMS = 1_000
ROOM_MIB = 48
"""More than a proxy that holds on to nothing needs for what is on its way."""


def memory_mib(pid: int, what: str) -> float:
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    (line,) = [line for line in text.splitlines() if line.startswith(f"{what}:")]
    return int(line.split()[1]) / 1_024


def grown(run: Proxy, passes: Callable[[], None]) -> float:
    """Return by how much the proxy's memory has grown at most, in MiB."""
    before = memory_mib(run.process.pid, "VmRSS")
    passes()
    return memory_mib(run.process.pid, "VmHWM") - before


def drained(wire: Wire, size: int) -> None:
    """Read *size* bytes and keep none."""
    while size > 0:
        got = len(wire.more())
        assert got, f"the stream ended {size} bytes short"
        size -= got


CALL = b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"x"}}'


@pytest.mark.requirement("proxy.load")
@pytest.mark.parametrize("shape", ["many events", "one event", "json", "bytes"])
def test_an_answer_of_any_length_passes_in_constant_memory(shape: str, tmp_path: Path) -> None:
    filler = b"x" * MIB
    note = b'data: {"jsonrpc":"2.0","method":"notifications/x","params":{"x":"%s"}}\n\n' % filler
    start, end = b'{"jsonrpc":"2.0","id":7,"result":{"x":"', b'"}}'
    parts: dict[str, tuple[bytes, bytes, bytes]] = {
        "many events": (b"", note, b"data: " + start + end + b"\n\n"),
        "one event": (b"data: " + start, filler, end + b"\n\n"),
        "json": (start, filler, end),
        "bytes": (b"", filler, b""),
    }
    first, middle, last = (chunk(part) if part else b"" for part in parts[shape])
    kinds = {"json": b"application/json", "bytes": b"application/octet-stream"}
    begin = events().replace(b"text/event-stream", kinds.get(shape, b"text/event-stream"))

    def answer(request: bytes, wire: Wire) -> None:
        wire.send(begin + first)
        for _ in range(SIZE):
            wire.send(middle)
        wire.send(last + END)

    with Server(answer) as server, proxy(tmp_path, server.port) as run:

        def passes() -> None:
            wire = run.connect()
            wire.send(post(CALL))
            wire.until(b"\r\n\r\n")
            last = b""
            while not last.endswith(END):
                more = wire.more()
                assert more, "the stream broke off"
                last = last[-4:] + more

        assert grown(run, passes) < ROOM_MIB + (16 if shape in ("one event", "json") else 0)
        expected = ("unknown", "abandoned") if shape == "bytes" else ("ok", None)
        assert outcome(run.trail.one(7)) == expected


@pytest.mark.requirement("proxy.load")
def test_a_request_of_any_length_passes_in_constant_memory(tmp_path: Path) -> None:
    def answer(request: bytes, wire: Wire) -> None:
        raise AssertionError("it is read below")

    class Sink(Server):
        def _serve(self, wire: Wire) -> None:
            head = wire.until(b"\r\n\r\n")
            drained(wire, int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]))
            wire.send(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")

    start = b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"x","x":"'
    size = len(start) + SIZE * MIB + 3
    with Sink(answer) as server, proxy(tmp_path, server.port, "--max-body", f"{2 * size}") as run:

        def passes() -> None:
            wire = run.connect()
            head = b"POST /mcp HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % size
            wire.send(head + start)
            for _ in range(SIZE):
                wire.send(b"x" * MIB)
            wire.send(b'"}}')
            wire.message()

        assert grown(run, passes) < ROOM_MIB + 32
        (one,) = run.trail.calls()
        assert one["args"] == "[UNREDACTABLE]"


@pytest.mark.requirement("proxy.load")
def test_a_thousand_streams_at_a_time_are_each_answered_and_on_record(tmp_path: Path) -> None:
    """Each is open, its first event read, before the first of them ends."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=2 * STREAMS)
    with listener, proxy(tmp_path, listener.getsockname()[1]) as run:
        told = asyncio.run(_all_at_once(listener, run.port))
        assert told == [b'"id": %d,' % n for n in range(STREAMS)]
        calls = run.trail.calls()
        assert Counter(map(outcome, calls)) == {("ok", None): STREAMS}
        assert sorted(one["jsonrpcId"] for one in calls) == list(range(STREAMS))


async def _all_at_once(listener: socket.socket, port: int) -> list[bytes]:
    """Return the id in each stream's reply."""
    all_open = asyncio.Barrier(STREAMS)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
        id_ = json.loads(await reader.readexactly(size))["id"]
        writer.write(events(b": open\n\n"))
        await all_open.wait()
        reply = json.dumps({"jsonrpc": "2.0", "id": id_, "result": {}}).encode()
        writer.write(chunk(b"data: %s\n\n" % reply) + END)
        await writer.drain()
        writer.close()

    async def ask(number: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(post(json.dumps(tool(number, "x")).encode()))
        told = await reader.readuntil(END)
        writer.close()
        return b'"id": ' + told.partition(b'"id": ')[2].partition(b",")[0] + b","

    async with await asyncio.start_server(serve, sock=listener), asyncio.timeout(120):
        return await asyncio.gather(*map(ask, range(STREAMS)))
