"""Byte for byte: what the server gets and what the client gets, as if nothing stood between."""

from __future__ import annotations

import gzip
import json
import re
import socket
import threading
from pathlib import Path

import pytest

from tests.capture.proxy.rig import (
    END,
    Pair,
    Server,
    Wire,
    body,
    chunk,
    events,
    head,
    ok,
    outcome,
    post,
    proxy,
    says,
)
from tests.capture.sdks.talking import tool

ADDED = re.compile(rb"\r\nX-Request-Id: [0-9a-f-]{36}(?=\r\n)")


def asked(request: bytes) -> bytes:
    """Return a request as the server got it, less the one line that is added."""
    assert len(ADDED.findall(request)) == 1
    return ADDED.sub(b"", request)


@pytest.mark.requirement("proxy.bytes")
@pytest.mark.parametrize(
    "lines",
    [
        [b"Accept: a", b"aCCept: b", b"ACCEPT: a"],
        [b"X-Odd: \xe9\xff\xc3\xa4", b"x-empty: ", b"Mcp-Param-Region: =?base64?ZQ==?="],
        [b'Cookie: a=1; b="2"', b"Cookie: c", b"User-Agent: ", b"Accept-Encoding: zstd"],
        [b"Authorization: Bearer abc", b"Origin: null", b"Last-Event-ID: 9", b"Mcp-New: 1"],
        [b"X-Forwarded-For: 1.2.3.4", b"Via: 1.1 a", b"Trailer: x", b"Proxy-Authorization: b"],
    ],
)
def test_the_server_gets_the_client_s_headers_in_their_order_and_case(
    lines: list[bytes], pair: Pair
) -> None:
    request = post(pair.call, *lines)
    got, _ = pair.ask(request, ok(pair.reply))
    assert asked(got) == request


@pytest.mark.requirement("proxy.bytes")
@pytest.mark.parametrize(
    "path",
    [b"/mcp?", b"/a%2Fb//c/../d;x?q=%20+&q=%zz", b"/", b"/%E4?=&&", b"//h/p", b"/a?b?c"],
)
def test_a_path_and_a_query_pass_as_they_are(path: bytes, pair: Pair) -> None:
    request = post(pair.call, path=path)
    got, _ = pair.ask(request, ok(pair.reply))
    assert asked(got) == request


@pytest.mark.requirement("proxy.bytes")
@pytest.mark.parametrize(
    "answer",
    [
        ok(b"REPLY", b"Server: x/1", b"DATE: now", b"Set-Cookie: a", b"set-cookie: b", b"X: \xe9"),
        ok(b"", b"Mcp-Session-Id: 1"),
        b"HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n",
        b"HTTP/1.1 304 \r\nETag: 1\r\nContent-Length: 9\r\n\r\n",
        b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 401 Who?\r\nWWW-A: a\r\nWWW-Authenticate: b\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 307 T\r\nLocation: /else\r\nContent-Length: 0\r\n\r\n",
        ok(gzip.compress(b"REPLY", mtime=0), b"Content-Encoding: gzip"),
        ok(b"\x00\xff" * 70_000, kind=b"application/octet-stream"),
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
        + chunk(b"REPLY")
        + END,
        events(b": ping\r\n\r\nretry: 5\n\nid: 1\ndata:\n\n", b"data: REPLY\n\n") + END,
        b"HTTP/1.1 599 Odd\r\nContent-Length: 3\r\n\r\n\x00\xff\n",
    ],
)
def test_the_client_gets_the_server_s_answer_as_it_is(answer: bytes, pair: Pair) -> None:
    for _ in range(2):
        _, got = pair.ask(post(pair.call), answer)
        assert joined(got) == joined(answer)


def joined(message: bytes) -> bytes:
    """Return a message with its chunks put together: where they were cut says nothing."""
    if b"chunked" not in head(message).lower():
        return message
    data, rest = b"", body(message)
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        data += rest[: int(size, 16)]
        rest = rest[int(size, 16) + 2 :]
    return head(message) + b"\r\n\r\n" + data


@pytest.mark.requirement("proxy.bytes")
def test_an_answer_to_head_has_the_length_and_no_body(pair: Pair) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"
    request = b"HEAD /mcp HTTP/1.1\r\nHost: h\r\n\r\n"
    pair.server.answer = says(answer)
    wire = pair.run.connect()
    for _ in range(2):
        wire.send(request)
        assert wire.until(b"\r\n\r\n") == answer
        assert pair.server.requests[-1] == request


@pytest.mark.requirement("proxy.bytes")
def test_an_answer_without_a_length_ends_with_the_connection(pair: Pair) -> None:
    def answer(request: bytes, wire: Wire) -> None:
        wire.send(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + pair.reply)
        wire.sock.shutdown(socket.SHUT_WR)

    pair.server.answer = answer
    wire = pair.run.connect()
    wire.send(post(pair.call))
    start = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
    assert wire.rest() == start + pair.reply
    assert outcome(pair.run.trail.one(pair.id)) == ("ok", None)


@pytest.mark.requirement("proxy.bytes")
def test_a_chunked_request_is_chunked_again(pair: Pair) -> None:
    start = b"POST /mcp HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    request = start + chunk(pair.call[:10]) + chunk(pair.call[10:]) + END
    got, _ = pair.ask(request, ok(pair.reply))
    assert joined(asked(got)) == start + pair.call
    assert pair.run.trail.one(pair.id)["argsBytes"] == len(pair.call)


@pytest.mark.requirement("proxy.bytes")
def test_what_is_one_connection_s_business_stays_on_it(pair: Pair) -> None:
    hop = [b"Connection: TE, x-mine", b"TE: trailers", b"X-Mine: 1", b"Upgrade: h2c"]
    answered = [b"Connection: X-Hop, keep-alive", b"X-Hop: 1", b"Keep-Alive: timeout=5"]
    got, answer = pair.ask(post(pair.call, *hop), ok(pair.reply, *answered))
    assert asked(got) == post(pair.call)
    assert answer == ok(pair.reply)


@pytest.mark.requirement("proxy.request-id")
@pytest.mark.parametrize("given", [b"req-42", b"odd id; no", b""])
def test_a_request_id_of_the_client_s_passes_as_it_is(given: bytes, pair: Pair) -> None:
    request = post(pair.call, b"x-request-id: " + given)
    got, _ = pair.ask(request, ok(pair.reply))
    assert got == request
    kept = pair.run.trail.one(pair.id).get("requestId")
    assert kept == ("req-42" if given == b"req-42" else None)


@pytest.mark.requirement("proxy.request-id")
@pytest.mark.parametrize("trace", [b"", b"0af7651916cd43dd8448eb211c80319c"])
def test_the_request_id_that_is_added_is_the_record_s(trace: bytes, pair: Pair) -> None:
    lines = [b"traceparent: 00-%s-b7ad6b7169203331-01" % trace] if trace else []
    got, _ = pair.ask(post(pair.call, *lines), ok(pair.reply))
    record = pair.run.trail.one(pair.id)
    assert re.findall(rb"X-Request-Id: (\S+)", got) == [trace or record["id"].encode()]
    assert record.get("requestId") == (trace.decode() or None)


@pytest.mark.requirement("proxy.bytes")
def test_a_client_that_waits_to_be_asked_for_its_body_is_asked(pair: Pair) -> None:
    def answer(request: bytes, wire: Wire) -> None:
        wire.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n")
        wire.send(ok(pair.reply))

    pair.server.answer = answer
    wire = pair.run.connect()
    request = post(pair.call, b"Expect: 100-continue")
    wire.send(request[: -len(pair.call)])
    assert wire.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    wire.send(pair.call)
    assert wire.until(b"\r\n\r\n") == b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"
    assert wire.message() == ok(pair.reply)
    assert asked(pair.server.requests[-1]) == request


def test_pipelined_requests_are_answered_in_their_order(pair: Pair) -> None:
    def answer(request: bytes, wire: Wire) -> None:
        wire.send(ok(json.dumps({"id": json.loads(body(request))["id"], "result": {}}).encode()))

    pair.server.answer = answer
    ids = [f"p{n}" for n in range(50)]
    wire = pair.run.connect()
    wire.send(b"".join(post(json.dumps(tool(n, "wipe")).encode()) for n in ids))
    assert [json.loads(body(wire.message()))["id"] for _ in ids] == ids
    calls = [one.get("jsonrpcId") for one in pair.run.trail.calls()]
    assert [one for one in calls if one in ids] == ids


def test_an_http_1_0_client_gets_what_it_understands(pair: Pair) -> None:
    pair.server.answer = says(events(b"data: %s\n\n" % pair.reply) + END)
    wire = pair.run.connect()
    wire.send(post(pair.call).replace(b"HTTP/1.1", b"HTTP/1.0"))
    answer = wire.rest()
    assert body(answer) == b"data: %s\n\n" % pair.reply
    assert b"chunked" not in answer


@pytest.mark.requirement("proxy.stream")
def test_each_part_of_a_stream_passes_when_it_comes(pair: Pair) -> None:
    reply = pair.reply
    parts = [b": ping\n\n", b'data: {"jsonrpc":"2.0",', b'"method":"notifications/x"}\n', b"\n"]
    parts += [b"id: 7\r", b"\ndata: " + reply[:9], reply[9:] + b"\r\n\r\n"]
    go = threading.Semaphore(0)

    def answer(request: bytes, wire: Wire) -> None:
        wire.send(events())
        for part in parts:
            assert go.acquire(timeout=30)
            wire.send(chunk(part))
        wire.send(END)

    pair.server.answer = answer
    wire = pair.run.connect()
    wire.send(post(pair.call))
    wire.until(b"\r\n\r\n")  # the head comes before any event
    for part in parts:
        go.release()
        assert wire.until(chunk(part)) == chunk(part)
    assert wire.until(END) == END
    assert outcome(pair.run.trail.one(pair.id)) == ("ok", None)


@pytest.mark.parametrize(("option", "host"), [("client", b"mcp.example:81"), ("upstream", None)])
def test_whose_host_the_server_gets_is_the_operator_s_choice(
    option: str, host: bytes | None, tmp_path: Path
) -> None:
    with Server(says(ok(b"{}"))) as server, proxy(tmp_path, server.port, "--host", option) as run:
        run.ask(post(b"{}"))
        expected = host or b"127.0.0.1:%d" % server.port
        assert b"\r\nHost: " + expected + b"\r\n" in server.requests[0]
