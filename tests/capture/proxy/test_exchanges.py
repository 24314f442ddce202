"""What is on record of exchanges: sessions, streams, resumption, rejections, odd bodies."""

from __future__ import annotations

import gzip
import json
import threading
import zlib
from typing import Any

import pytest

from tests.capture.proxy.rig import (
    END,
    Pair,
    Wire,
    body,
    chunk,
    events,
    head,
    ok,
    outcome,
    post,
)
from tests.capture.sdks.talking import HELLO, message, tool
from tests.hostile.session import until

PARSE = b'{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}'


def line(value: Any) -> bytes:
    return json.dumps(value).encode()


def reply(id_: Any, **result: Any) -> bytes:
    return line({"jsonrpc": "2.0", "id": id_, "result": result})


def get(*lines: bytes, path: bytes = b"/mcp") -> bytes:
    more = b"".join(one + b"\r\n" for one in lines)
    return b"GET %s HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n%s\r\n" % (path, more)


def event(data: bytes, id_: bytes | None = None) -> bytes:
    return (b"id: %s\n" % id_ if id_ is not None else b"") + b"data: %s\n\n" % data


@pytest.mark.requirement("proxy.records")
def test_a_call_is_on_record_before_the_server_has_it_and_its_end_before_the_client(
    pair: Pair,
) -> None:
    seen: list[tuple[Any, Any]] = []

    def answer(request: bytes, wire: Wire) -> None:
        seen.append(pair.outcome)
        wire.send(ok(pair.reply))

    _, got = pair.ask(post(pair.call), answer)
    assert seen == [(None, None)]
    assert body(got) == pair.reply
    assert pair.outcome == ("ok", None)
    record = pair.run.trail.one(pair.id)
    assert (record["method"], record["tool"]) == ("tools/call", "wipe")
    assert (record["transport"], record["capturedBy"]) == ("http", "proxy")
    assert record["args"] == {"path": "/x"}
    assert record["actor"]["ip"] == "127.0.0.1"


@pytest.mark.requirement("proxy.rejections")
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 401 U\r\nWWW-Authenticate: B\r\nContent-Length: 0\r\n\r\n", "denied"),
        (b"HTTP/1.1 404 N\r\nContent-Length: 2\r\n\r\nno", "denied"),
        (b"HTTP/1.1 500 E\r\nContent-Length: 2\r\n\r\nno", "exception"),
        (ok(PARSE).replace(b"200 OK", b"400 Bad"), "denied"),
        (ok(b"hello", kind=b"text/plain"), "abandoned"),
        (b"HTTP/1.1 204 N\r\n\r\n", "abandoned"),
    ],
)
def test_an_answer_without_a_reply_ends_the_call_as_what_it_is(
    answer: bytes, expected: str, pair: Pair
) -> None:
    pair.ask(post(pair.call), answer)
    assert pair.outcome[1] == expected
    assert [one["method"] for one in pair.entries() if "method" in one] == ["tools/call"]


@pytest.mark.requirement("proxy.rejections")
def test_an_error_of_the_server_s_under_a_failing_status_is_the_call_s(pair: Pair) -> None:
    error = line({"jsonrpc": "2.0", "id": pair.id, "error": {"code": -32020, "message": "no"}})
    pair.ask(post(pair.call), ok(error).replace(b"200 OK", b"400 Bad"))
    assert pair.outcome == ("error", "rpc_error")
    assert pair.run.trail.one(pair.id)["error"] == "no"


@pytest.mark.requirement("proxy.odd")
def test_a_body_that_is_no_json_passes_and_is_on_record(pair: Pair) -> None:
    got, _ = pair.ask(
        post(b"{not json sk-ant-api03-" + b"a" * 95), ok(PARSE).replace(b"200", b"400")
    )
    assert body(got).startswith(b"{not json")
    unparseable, exchange = pair.entries()
    assert unparseable["kind"] == "unparseable"
    assert "sk-ant" not in unparseable["text"]
    assert (exchange["method"], exchange["errorType"]) == ("http/POST", "denied")


@pytest.mark.requirement("proxy.odd")
@pytest.mark.parametrize("coding", ["utf-16", "utf-32", "utf-8-sig"])
def test_what_a_lenient_server_reads_is_read(coding: str, pair: Pair) -> None:
    pair.ask(post(pair.call.decode().encode(coding)), ok(pair.reply))
    assert pair.outcome == ("ok", None)


@pytest.mark.requirement("proxy.odd")
def test_every_value_of_a_body_with_several_is_read(pair: Pair) -> None:
    pair.ask(post(pair.call + b"\r\n" + line(tool(f"{pair.id}b", "read"))), ok(pair.reply))
    assert pair.outcome == ("ok", None)
    assert outcome(pair.run.trail.one(f"{pair.id}b")) == ("unknown", "abandoned")


@pytest.mark.requirement("proxy.odd")
def test_a_batch_is_each_of_its_calls(pair: Pair) -> None:
    other = f"{pair.id}b"
    batch = b"[%s,%s]" % (pair.call, line(tool(other, "read")))
    pair.ask(post(batch), ok(b"[%s,%s]" % (reply(other), pair.reply)))
    assert pair.outcome == outcome(pair.run.trail.one(other)) == ("ok", None)


@pytest.mark.requirement("proxy.odd")
@pytest.mark.parametrize(
    ("coding", "pack"),
    [
        ("gzip", lambda data: gzip.compress(data, mtime=0)),
        ("deflate", zlib.compress),
        ("deflate", lambda data: zlib.compress(data)[2:-4]),
        ("gzip, deflate", lambda data: zlib.compress(gzip.compress(data, mtime=0))),
    ],
)
def test_what_a_content_coding_hides_is_read_for_the_record(
    coding: str, pack: Any, pair: Pair
) -> None:
    coded = f"Content-Encoding: {coding}".encode()
    got, answer = pair.ask(post(pack(pair.call), coded), ok(pack(pair.reply), coded))
    assert (body(got), body(answer)) == (pack(pair.call), pack(pair.reply))
    assert pair.outcome == ("ok", None)
    assert pair.run.trail.one(pair.id)["args"] == {"path": "/x"}


@pytest.mark.requirement("proxy.odd")
@pytest.mark.parametrize("data", [b"\x0b\x02\x80[]\x03", gzip.compress(b" " * (17 << 20), mtime=0)])
def test_a_request_that_cannot_be_read_is_on_record_before_it_passes(
    data: bytes, pair: Pair
) -> None:
    seen: list[int] = []

    def answer(request: bytes, wire: Wire) -> None:
        seen.append(len(pair.entries()))
        wire.send(ok(b"{}"))

    coding = b"br" if len(data) < 100 else b"gzip"
    pair.ask(post(data, b"Content-Encoding: " + coding, b"Mcp-Method: tools/call"), answer)
    assert seen == [1]
    (one,) = pair.entries()
    assert (one["method"], one["outcome"]) == ("http/POST", "ok")
    assert one["args"] == {"path": "/mcp", "mcpMethod": "tools/call"}


@pytest.mark.requirement("proxy.odd")
def test_a_reply_that_cannot_be_read_leaves_the_outcome_unknown(pair: Pair) -> None:
    _, got = pair.ask(post(pair.call), ok(b"\x0b\x02\x80[]\x03", b"Content-Encoding: br"))
    assert body(got) == b"\x0b\x02\x80[]\x03"
    assert pair.outcome == ("unknown", "abandoned")


def test_what_is_no_mcp_passes_and_leaves_nothing_of_its_body(pair: Pair) -> None:
    secret = b'{"client_secret":"hunter2","redirect_uris":[]}'
    pair.ask(post(secret, path=b"/register"), ok(secret))
    form = post(b"grant_type=x&code=hunter2", path=b"/token").replace(
        b"application/json", b"application/x-www-form-urlencoded"
    )
    pair.ask(form, ok(secret).replace(b"200 OK", b"400 Bad"))
    (one,) = pair.entries()
    assert (one["method"], one["args"]) == ("http/POST", {"path": "/token"})
    assert "hunter2" not in json.dumps(one)


@pytest.mark.requirement("proxy.sessions")
def test_a_session_s_calls_know_its_client_and_its_revision(pair: Pair) -> None:
    hello = line(message("initialize", pair.id, **HELLO))
    session = b"Mcp-Session-Id: s%d" % pair.id
    info = {"name": "crm", "version": "4.2"}
    pair.ask(
        post(hello), ok(reply(pair.id, protocolVersion="2025-06-18", serverInfo=info), session)
    )
    pair.ask(post(line(tool("a", "x")), session), ok(reply("a")))
    _, call = pair.entries()
    assert call["client"] == {"name": "raw", "version": "1"}
    assert (call["protocolVersion"], call["serverVersion"]) == ("2025-06-18", "4.2")
    assert call["session"]["from"] == "header"
    assert f"s{pair.id}" not in json.dumps(call)


@pytest.mark.requirement("proxy.sessions")
def test_unrelated_clients_may_use_the_same_ids_at_the_same_time(pair: Pair) -> None:
    arrived = threading.Barrier(20, timeout=30)

    def answer(request: bytes, wire: Wire) -> None:
        arrived.wait()
        name = json.loads(body(request))["params"]["name"]
        error = {"isError": True, "content": [{"type": "text", "text": name}]}
        wire.send(ok(reply(pair.id, **error)))

    pair.server.answer = answer
    wires = [pair.run.connect() for _ in range(20)]
    for number, wire in enumerate(wires):
        wire.send(post(line(tool(pair.id, f"t{number}"))))
    for wire in wires:
        wire.message()
    calls = pair.entries()
    assert {(one["tool"], one["error"]) for one in calls} == {(f"t{n}", f"t{n}") for n in range(20)}


@pytest.mark.requirement("proxy.sessions")
@pytest.mark.parametrize("where", ["POST", "GET"])
def test_what_the_server_asks_meets_the_answer_that_is_posted(where: str, pair: Pair) -> None:
    session = b"Mcp-Session-Id: s%d" % pair.id
    asks = line(message("sampling/createMessage", 0, messages=[]))
    answered = threading.Event()

    def answer(request: bytes, wire: Wire) -> None:
        if request.startswith(b"GET"):
            wire.send(events(event(asks)) if where == "GET" else events())
            assert answered.wait(30)
            wire.send(END)
        elif b"tools/call" in request:
            wire.send(events(event(asks)) if where == "POST" else events())
            assert answered.wait(30)
            wire.send(chunk(event(pair.reply)) + END)
        else:
            answered.set()
            wire.send(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")

    pair.server.answer = answer
    listening, calling = pair.run.connect(), pair.run.connect()
    listening.send(get(session))
    listening.until(b"\r\n\r\n")
    calling.send(post(pair.call, session))
    (calling if where == "POST" else listening).until(asks)
    pair.run.ask(post(reply(0, model="m"), session))
    calling.until(END)
    listening.until(END)
    (asked,) = [one for one in pair.entries() if one.get("method") == "sampling/createMessage"]
    assert (asked["direction"], asked["outcome"]) == ("server", "ok")
    assert pair.outcome == ("ok", None)


@pytest.mark.requirement("proxy.resumption")
def test_a_reply_on_a_resumed_stream_ends_the_call_and_a_repeat_is_not_recorded(
    pair: Pair,
) -> None:
    session = b"Mcp-Session-Id: s%d" % pair.id
    note = line(message("notifications/message", data="x"))
    first = events(event(b"", b"1"), event(note, b"2"), lines=(session,)) + END
    pair.ask(post(pair.call, session), first)
    assert pair.outcome == (None, None)
    replay = events(event(note, b"2"), event(note, b"3"), event(pair.reply, b"4")) + END
    pair.ask(get(session, b"Last-Event-ID: 1"), replay)
    pair.ask(get(session, b"Last-Event-ID: 3"), events(event(pair.reply, b"4")) + END)
    assert pair.outcome == ("ok", None)
    kinds = [one["kind"] for one in pair.entries()]
    assert kinds.count("notification") == 2


@pytest.mark.requirement("proxy.sessions")
def test_the_end_of_a_session_ends_what_is_open_in_it(pair: Pair) -> None:
    session = b"Mcp-Session-Id: s%d" % pair.id
    pair.ask(post(pair.call, session), events(event(b"", b"1")) + END)
    delete = b"DELETE /mcp HTTP/1.1\r\nHost: h\r\n%s\r\n\r\n" % session
    pair.ask(delete, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert pair.outcome == ("unknown", "abandoned")
    (one,) = [one for one in pair.entries() if one.get("method") == "http/DELETE"]
    assert one["outcome"] == "ok"


@pytest.mark.requirement("proxy.sessions")
def test_a_cancellation_ends_the_call_of_another_post_of_the_session(pair: Pair) -> None:
    session = b"Mcp-Session-Id: s%d" % pair.id
    cancelled = threading.Event()

    def answer(request: bytes, wire: Wire) -> None:
        if b"notifications/cancelled" in request:
            cancelled.set()
            wire.send(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
            return
        wire.send(events())
        assert cancelled.wait(30)
        wire.send(END)

    pair.server.answer = answer
    calling = pair.run.connect()
    calling.send(post(pair.call, session))
    calling.until(b"\r\n\r\n")
    note = message("notifications/cancelled", requestId=pair.id, reason="enough")
    pair.run.ask(post(line(note), session))
    calling.until(END)
    assert pair.outcome == ("error", "cancelled")
    assert pair.run.trail.one(pair.id)["error"] == "cancelled: enough"


@pytest.mark.requirement("proxy.records")
def test_a_request_to_listen_is_an_opening_and_a_closing(pair: Pair) -> None:
    known = {"io.modelcontextprotocol/subscriptionId": pair.id}
    note = line(message("notifications/subscriptions/acknowledged", _meta=known))
    go = threading.Event()

    def answer(request: bytes, wire: Wire) -> None:
        wire.send(events(event(note)))
        assert go.wait(30)
        wire.send(END)

    pair.server.answer = answer
    wire = pair.run.connect()
    wire.send(post(line(message("subscriptions/listen", pair.id))))
    wire.until(note)
    assert pair.outcome == ("ok", None)
    go.set()
    wire.until(END)
    (closed,) = [one for one in pair.entries() if one["kind"] == "closed"]
    assert closed["jsonrpcId"] == pair.id


@pytest.mark.requirement("proxy.older-transport")
def test_the_older_transport_is_followed_from_its_stream_to_its_posts(pair: Pair) -> None:
    ready, posted = threading.Event(), threading.Event()

    def answer(request: bytes, wire: Wire) -> None:
        if request.startswith(b"GET"):
            wire.send(events(b"event: endpoint\r\ndata: /messages?s=%d\r\n\r\n" % pair.id))
            assert posted.wait(30)
            wire.send(chunk(event(pair.reply)))
            assert ready.wait(30)
            wire.send(END)
        else:
            wire.send(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")

    pair.server.answer = answer
    stream = pair.run.connect()
    stream.send(get(path=b"/sse"))
    stream.until(b"\r\n\r\n")
    stream.until(b"endpoint")
    pair.run.ask(post(pair.call, path=b"/messages?s=%d" % pair.id))
    lost = f"{pair.id}b"
    pair.run.ask(post(line(tool(lost, "x")), path=b"/messages?s=%d" % pair.id))
    posted.set()
    stream.until(pair.reply)
    assert pair.outcome == ("ok", None)
    assert pair.run.trail.one(pair.id)["transport"] == "sse"
    ready.set()
    stream.until(END)
    until(lambda: outcome(pair.run.trail.one(lost))[0])
    assert outcome(pair.run.trail.one(lost)) == ("unknown", "abandoned")


@pytest.mark.requirement("proxy.rejections")
def test_a_stream_that_is_refused_is_on_record(pair: Pair) -> None:
    answer = b"HTTP/1.1 405 Method Not Allowed\r\nAllow: POST\r\nContent-Length: 0\r\n\r\n"
    _, got = pair.ask(get(), answer)
    assert head(got) == head(answer)
    (one,) = pair.entries()
    assert (one["method"], one["errorType"]) == ("http/GET", "denied")


def test_rounds_of_one_call_are_joined_by_the_digest_of_their_state(pair: Pair) -> None:
    asks = {"resultType": "input_required", "requestState": "opaque", "inputRequests": {}}
    pair.ask(post(pair.call), ok(reply(pair.id, **asks)))
    again = tool(f"{pair.id}b", "wipe", path="/x")
    again["params"]["requestState"] = "opaque"
    pair.ask(post(line(again)), ok(reply(f"{pair.id}b")))
    first, second = pair.entries()
    assert first["end"]["stateDigest"] == second["stateDigest"]
