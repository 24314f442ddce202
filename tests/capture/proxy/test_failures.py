"""Where something breaks: either side dies or hangs, the disk is full, too much comes."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

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
from tests.capture.sdks.talking import Trail, message, tool
from tests.hostile.session import until

CALL = json.dumps(tool(7, "wipe", path="/x")).encode()
REPLY = b'{"jsonrpc":"2.0","id":7,"result":{}}'
NOTE = json.dumps(
    message(
        "notifications/subscriptions/acknowledged",
        _meta={"io.modelcontextprotocol/subscriptionId": 1},
    )
).encode()
TOOLS = [{"name": "wipe", "annotations": {"destructiveHint": True}}, {"name": "look"}]


def error_of(answer: bytes) -> tuple[int, Any, str]:
    """Return status, id and message of an answer that is an error for the client."""
    told = json.loads(body(answer))
    return int(answer.split(b" ")[1]), told["id"], told["error"]["message"]


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.mark.requirement("proxy.upstream-gone")
def test_a_server_that_is_not_there_is_an_error_that_says_so(tmp_path: Path) -> None:
    with proxy(tmp_path, unused_port()) as run:
        status, id_, text = error_of(run.ask(post(CALL)))
        assert (status, id_) == (502, 7)
        assert "could not be reached (Connection refused)" in text
        assert outcome(run.trail.one(7)) == ("error", "abandoned")


@pytest.mark.requirement("proxy.upstream-gone")
def test_a_server_that_takes_no_connection_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf:
        port = deaf.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for one in fillers:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        with proxy(tmp_path, port, "--connect-timeout", "1") as run:
            status, id_, text = error_of(run.ask(post(CALL)))
        for one in fillers:
            one.close()
    assert (status, id_) == (504, 7)
    assert "within 1 s" in text
    assert outcome(Trail(tmp_path / "state").one(7)) == ("error", "abandoned")


@pytest.mark.requirement("proxy.upstream-gone")
@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"HTTP/1.1 200",
        b"SSH-2.0-x\r\n",
        ok(REPLY)[:-5],
        events(b"data: {}\n\n").replace(b"text/event-stream", b"application/json"),
    ],
)
def test_an_answer_that_breaks_off_is_an_error_with_the_call_s_id(said: bytes, pair: Pair) -> None:
    def answer(request: bytes, wire: Wire) -> None:
        wire.send(said)
        wire.sock.shutdown(socket.SHUT_WR)

    _, got = pair.ask(post(pair.call), answer)
    status, id_, _ = error_of(got)
    assert (status, id_) == (502, pair.id)
    assert pair.outcome == ("unknown", "abandoned")


@pytest.mark.requirement("proxy.upstream-gone")
def test_a_stream_that_breaks_off_breaks_off_for_the_client(pair: Pair) -> None:
    def answer(request: bytes, wire: Wire) -> None:
        wire.send(events(b": ping\n\n"))
        wire.sock.shutdown(socket.SHUT_WR)

    pair.server.answer = answer
    wire = pair.run.connect()
    wire.send(post(pair.call))
    got = wire.rest()
    assert not got.endswith(END)
    assert pair.outcome == ("unknown", "abandoned")


@pytest.mark.requirement("proxy.disconnect")
@pytest.mark.parametrize("kind", ["before the answer", "in a stream"])
def test_a_client_that_leaves_takes_its_connection_to_the_server_along(
    kind: str, pair: Pair
) -> None:
    asked, left = threading.Event(), threading.Event()

    def answer(request: bytes, wire: Wire) -> None:
        if kind == "in a stream":
            wire.send(events(b": ping\n\n"))
        asked.set()
        assert wire.rest() == b""
        left.set()

    pair.server.answer = answer
    wire = pair.run.connect()
    wire.send(post(pair.call))
    assert asked.wait(30)
    if kind == "in a stream":
        wire.until(b"ping")
    wire.close()
    assert left.wait(30)
    until(lambda: pair.outcome[0])
    assert pair.outcome == ("error", "cancelled")


@pytest.mark.requirement("proxy.disconnect")
@pytest.mark.parametrize("who", ["client", "server"])
def test_a_call_whose_stream_may_be_resumed_stays_open_when_either_leaves(
    who: str, pair: Pair
) -> None:
    session = b"Mcp-Session-Id: s%d" % pair.id
    left = threading.Event()

    def answer(request: bytes, wire: Wire) -> None:
        wire.send(events(b"id: 1\ndata:\n\n"))
        if who == "server":
            wire.sock.shutdown(socket.SHUT_WR)
        wire.rest()
        left.set()

    pair.server.answer = answer
    wire = pair.run.connect()
    wire.send(post(pair.call, session))
    wire.until(b"id: 1")
    if who == "server":
        wire.rest()
    wire.close()
    assert left.wait(30)
    request = b"GET /mcp HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\nLast-Event-ID: 1\r\n"
    replay = events(b"id: 2\ndata: %s\n\n" % pair.reply) + END
    pair.ask(request + session + b"\r\n\r\n", replay)
    assert pair.outcome == ("ok", None)


@pytest.mark.requirement("proxy.kills")
def test_a_killed_proxy_leaves_the_call_on_record_and_the_collection_ends_it(
    tmp_path: Path,
) -> None:
    asked = threading.Event()

    def answer(request: bytes, wire: Wire) -> None:
        asked.set()
        wire.rest()

    with Server(answer) as server, proxy(tmp_path, server.port) as run:
        wire = run.connect()
        wire.send(post(CALL))
        assert asked.wait(30)
        run.stop(signal.SIGKILL)
        assert wire.rest() == b""
    assert outcome(run.trail.one(7)) == (None, None)
    command = [sys.executable, "-m", "indelible", "collect", "--once", "--json"]
    done = subprocess.run(
        [*command, "--state", str(tmp_path / "state")], check=True, capture_output=True
    )
    assert json.loads(done.stdout)[0]["closed"] == 1


@pytest.mark.requirement("proxy.policy")
def test_what_cannot_be_recorded_does_not_run_where_the_profile_says_so(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "spool").write_text("a file")
    listing = b'{"jsonrpc":"2.0","id":1,"result":{"tools":%s}}' % json.dumps(TOOLS).encode()

    def answer(request: bytes, wire: Wire) -> None:
        wire.send(ok(listing if b"tools/list" in request else REPLY))

    with Server(answer) as server, proxy(tmp_path, server.port) as run:
        run.ask(post(json.dumps(message("tools/list", 1)).encode()))
        status, id_, text = error_of(run.ask(post(CALL)))
        assert (status, id_) == (503, 7)
        assert "audit record could not be written" in text
        assert body(run.ask(post(CALL.replace(b"wipe", b"look")))) == REPLY
        assert b"/wipe" not in b"".join(server.requests)
        delete = b"DELETE /mcp HTTP/1.1\r\nHost: h\r\n\r\n"
        assert error_of(run.ask(delete))[:2] == (503, None)
        assert [head(one).split()[0] for one in server.requests] == [b"POST", b"POST"]


@pytest.mark.requirement("proxy.limits")
def test_too_much_is_refused_and_on_record(tmp_path: Path) -> None:
    go = threading.Event()

    def answer(request: bytes, wire: Wire) -> None:
        assert go.wait(30)
        wire.send(ok(REPLY))

    options = ["--max-body", "2048", "--max-header", "1024", "--max-streams", "1"]
    with Server(answer) as server, proxy(tmp_path, server.port, *options) as run:
        long = json.dumps(tool(8, "wipe", x="x" * 3_000)).encode()
        assert error_of(run.ask(post(long)))[0] == 413
        assert error_of(run.ask(post(CALL, b"X: " + b"x" * 2_000)))[0] == 431
        many = [b"X-%d: 1" % n for n in range(200)]
        assert error_of(run.ask(post(CALL, *many)))[0] == 431
        assert error_of(run.ask(b"NOT HTTP\r\n\r\n"))[0] == 400
        wire = run.connect()
        wire.send(post(CALL))
        until(lambda: server.requests)
        assert error_of(run.ask(post(CALL)))[0] == 503
        go.set()
        wire.message()
        statuses = [
            one["end"]["result"]["status"] for one in run.trail.calls() if one["end"].get("result")
        ]
    assert statuses[:5] == [413, 431, 431, 400, 503]


@pytest.mark.requirement("proxy.limits")
def test_websocket_is_refused_clearly(pair: Pair) -> None:
    request = (
        b"GET /mcp HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    status, _, text = error_of(pair.run.ask(request))
    assert status == 501
    assert "WebSocket" in text
    (one,) = pair.entries()
    assert one["end"]["result"] == {"status": 501}


@pytest.mark.requirement("proxy.large")
def test_a_body_too_long_to_be_held_flows_and_is_on_record_by_its_outline(tmp_path: Path) -> None:
    came: list[int] = []
    data = b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"wipe","x":"'
    filler = b"x" * (1 << 20)

    def answer(request: bytes, wire: Wire) -> None:
        came.append(len(body(request)))
        wire.send(ok(REPLY))

    with Server(answer) as server, proxy(tmp_path, server.port) as run:
        wire = run.connect()
        size = len(data) + 40 * len(filler) + 3
        wire.send(b"POST /mcp HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % size + data)
        for n in range(40):
            wire.send(filler)
            if n == 20:
                until(run.trail.calls)  # long before its end
        wire.send(b'"}}')
        assert wire.message() == ok(REPLY).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        (one,) = run.trail.calls()
        assert came == [size]
        assert (one["tool"], one["args"]) == ("wipe", "[UNREDACTABLE]")
        assert outcome(one) == ("ok", None)


@pytest.mark.requirement("proxy.large")
@pytest.mark.parametrize("how", ["client leaves", "too long", "server leaves"])
def test_a_long_body_that_does_not_come_to_its_end_ends_its_call(how: str, tmp_path: Path) -> None:
    class Broken(Server):
        def _serve(self, wire: Wire) -> None:
            wire.until(b"tools/call")
            if how == "server leaves":
                wire.close()
                return
            with suppress(OSError):  # it is closed under us
                wire.rest()

    data = b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"wipe","x":"'
    start = b"POST /mcp HTTP/1.1\r\nHost: h\r\nContent-Length: 90000000\r\n\r\n" + data
    with Broken(says()) as server, proxy(tmp_path, server.port, "--max-body", "20000000") as run:
        wire = run.connect()
        wire.send(start + b"x" * (17 << 20))
        until(run.trail.calls)
        if how == "client leaves":
            wire.close()
        elif how == "too long":
            with suppress(ConnectionError):
                wire.send(b"x" * (9 << 20))
        until(lambda: outcome(run.trail.calls()[0])[0])
        expected = {
            "client leaves": ("error", "cancelled"),
            "too long": ("error", "denied"),
            "server leaves": ("unknown", "abandoned"),
        }
        assert outcome(run.trail.calls()[0]) == expected[how]


@pytest.mark.requirement("proxy.large")
def test_a_long_body_that_turns_out_to_be_another_call_is_recorded_as_that(tmp_path: Path) -> None:
    data = b'{"jsonrpc":"2.0","id":7,"method":"ping","x":"' + b"x" * (17 << 20)
    data += b'","method":"tools/call","params":{"name":"wipe"}}'
    with Server(says(ok(REPLY))) as server, proxy(tmp_path, server.port) as run:
        run.ask(post(data))
        first, second = run.trail.calls()
        assert (first["method"], outcome(first)) == ("ping", ("unknown", "abandoned"))
        assert (second["tool"], outcome(second)) == ("wipe", ("ok", None))


@pytest.mark.requirement("proxy.drain")
def test_a_proxy_that_is_stopped_lets_calls_end_and_then_ends_streams(tmp_path: Path) -> None:
    asked, go = threading.Semaphore(0), threading.Event()

    def answer(request: bytes, wire: Wire) -> None:
        if request.startswith(b"GET") or b"listen" in request:
            wire.send(events(b"data: %s\n\n" % NOTE, b": ping\n\n"))
            asked.release()
            wire.rest()
            return
        asked.release()
        assert go.wait(30)
        wire.send(ok(REPLY))

    with Server(answer) as server, proxy(tmp_path, server.port) as run:
        stream, calling = run.connect(), run.connect()
        stream.send(b"GET /mcp HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n")
        stream.until(b"ping")
        listening = run.connect()
        listening.send(post(json.dumps(message("subscriptions/listen", 1)).encode()))
        listening.until(b"ping")
        calling.send(post(CALL))
        for _ in range(3):
            assert asked.acquire(timeout=30)
        run.process.send_signal(signal.SIGTERM)
        until(lambda: refuses(run.port))
        go.set()
        assert body(calling.message()) == REPLY
        assert run.process.wait(30) == 0
        stream.rest()
    kinds = [(one["kind"], one.get("method"), one.get("outcome")) for one in run.trail.entries()]
    assert ("received", "tools/call", "ok") in kinds
    assert ("received", "http/GET", "ok") in kinds
    assert ("closed", "subscriptions/listen", None) in kinds
    last = run.trail.life()[-1]
    assert (last["kind"], last["signal"]) == ("server.exit", signal.SIGTERM)
    assert last["seq"] == max(one["seq"] for one in run.trail.entries()) + 1
    assert last["cpuUserUs"] > 0


def refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except ConnectionResetError:
        return False  # it was in the queue
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.requirement("proxy.health")
def test_health_is_answered_on_a_listener_of_its_own(tmp_path: Path) -> None:
    with (
        Server(says(ok(b"mine"))) as server,
        proxy(tmp_path, server.port, "--health", "127.0.0.1:0", count=2) as run,
    ):
        health = [Wire(socket.create_connection(("127.0.0.1", run.ports[1]), 30)) for _ in range(3)]

        def ask(wire: Wire, path: bytes) -> int:
            wire.send(b"GET %s HTTP/1.1\r\nHost: h\r\n\r\n" % path)
            return int(wire.message().split(b" ")[1])

        assert [ask(health[0], path) for path in (b"/livez", b"/readyz", b"/x")] == [200, 200, 404]
        mine = run.ask(b"GET /readyz HTTP/1.1\r\nHost: h\r\n\r\n")
        assert body(mine) == b"mine"
        run.trail.directory.parent.rename(tmp_path / "spool")
        for path in (tmp_path / "state").iterdir():
            path.unlink()
        (tmp_path / "state").rmdir()
        (tmp_path / "state").write_text("a file")
        until(lambda: ask(health[1], b"/readyz") == 503)
        assert ask(health[2], b"/livez") == 200
        for wire in health:
            wire.close()


def test_a_proxy_listens_beyond_this_machine_with_tls_alone(tmp_path: Path) -> None:
    from indelible.capture.proxy.options import check_reach, is_loopback
    from indelible.errors import UsageError

    assert [is_loopback(host) for host in ("localhost", "127.0.0.9", "::1", "0.0.0.0", "h")] == [
        *(True, True, True, False, False)
    ]
    with pytest.raises(UsageError, match="clear text"):
        check_reach("0.0.0.0", has_tls=False, allows_plain_http=False)
    check_reach("0.0.0.0", has_tls=True, allows_plain_http=False)
    check_reach("0.0.0.0", has_tls=False, allows_plain_http=True)


def test_a_chunk_that_is_none_is_a_bad_request(pair: Pair) -> None:
    start = b"POST /mcp HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert error_of(pair.run.ask(start + chunk(b"{") + b"xyz\r\n"))[0] == 400
    assert pair.entries()[-1]["end"]["result"] == {"status": 400}
