"""Streamable HTTP in each of its kinds, and what a hostile or unlucky client does with it.

The servers of one SDK run in one process, each with a trail of its own.
"""

from __future__ import annotations

import http.client
import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.capture.sdks.server import STACKS
from tests.capture.sdks.talking import (
    HELLO,
    Posts,
    Seen,
    Trail,
    environment,
    message,
    python_of,
    reply_to,
    tool,
)
from tests.hostile.session import session, until

MANY = Path(__file__).with_name("many.py")
SECRET = "AKIAIOSFODNN7EXAMPLE"
FOREIGN = "Grüße, 日本 \u2028 \U0001f680"
AT_ONCE = 20
ODD_IDS = (1.5, True, [7], {"a": 1}, None)
OK: tuple[str, None] = ("ok", None)
LOST = ("unknown", "abandoned")
CANCELLED = ("error", "cancelled")
DENIED = ("error", "denied")


class Many:
    """The servers of one SDK, by the way each is served."""

    def __init__(self, ports: dict[str, int], state: Path) -> None:
        self.ports = ports
        self.state = state

    def trail(self, kind: str) -> Trail:
        return Trail(self.state / kind)

    def client(self, kind: str) -> Posts:
        return Posts(self.ports[kind])


@pytest.fixture(
    scope="module",
    params=[pytest.param(one, marks=pytest.mark.xdist_group(f"many {one}")) for one in STACKS],
)
def many(request: Any, tmp_path_factory: Any) -> Iterator[Many]:
    place: Path = tmp_path_factory.mktemp(request.param)
    words = [python_of(request.param), str(MANY), request.param, str(place / "state")]
    with session(words, place / "stderr", **environment()) as running:
        yield Many(json.loads(running.line()), place / "state")


def begun(client: Posts) -> Counter[Seen]:
    client.ask(message("initialize", 1, **HELLO))
    client.tell(message("notifications/initialized"))
    client.ask(message("tools/list", 2))
    return Counter(
        [
            ("received", "initialize", None, *OK),
            ("notification", "notifications/initialized", None, None, None),
            ("received", "tools/list", None, *OK),
            ("tools.listed", "", None, None, None),
        ]
    )


def of_tool(name: str, *end: str | None) -> Seen:
    outcome, kind = end
    return ("received", "tools/call", name, outcome, kind)


def hostile(client: Posts) -> Counter[Seen]:
    """Send what is large, odd or secret; return what is to be on record of it."""
    client.ask(tool(3, "echo", text=f"{SECRET} {FOREIGN}", password="hunter2-x"))
    for id_, size in (4, 100_000), (5, 1_000_000):
        assert str(size) in str(client.ask(tool(id_, "size", text="y" * size)))
    assert client.post(b" " * 32_000_000)[0] == 413
    assert "yyyy" in str(client.ask(tool(6, "huge", count=2_000_000)))
    client.ask(tool(7, "odd"))
    client.ask(tool(8, "crash", secret=SECRET))
    assert client.post([tool(9, "echo", text=SECRET)])[0] == 400
    assert client.post(f'{{"broken": "{SECRET}"'.encode())[0] == 400
    for odd in ODD_IDS:
        client.post({"jsonrpc": "2.0", "id": odd, "method": "ping"})
    without = tool(None, "echo", text=SECRET)
    client.tell(without, {"jsonrpc": "2.0", "id": 10, "result": {"key": SECRET}})
    client.ask(message(f"odd/{SECRET}", 11))
    client.ask(message("ping", 1 << 70))
    return Counter(
        [
            of_tool("echo", *OK),
            *[of_tool("size", *OK)] * 2,
            of_tool("huge", *OK),
            of_tool("odd", *OK),
            of_tool("crash", "error", "tool_error"),
            *[("received", "http/POST", None, *DENIED)] * 3,
            *[("received", "ping", None, *LOST)] * len(ODD_IDS),
            of_tool("echo", *LOST),
            ("stray", "", None, None, None),
            ("received", "other", None, "error", "rpc_error"),
            ("received", "ping", None, *OK),
        ]
    )


def at_once(client: Posts, kind: str) -> Counter[Seen]:
    """Have calls wait for each other: one by one they would never end."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        calls = [tool(n, "together", group=kind, count=AT_ONCE) for n in range(100, 100 + AT_ONCE)]
        assert all("all here" in str(reply) for reply in threads.map(client.ask, calls))
    return Counter({of_tool("together", *OK): AT_ONCE})


def is_on_record(trail: Trail, id_: int) -> bool:
    return any(one.get("jsonrpcId") == id_ for one in trail.entries())


@pytest.mark.requirement("audit.sdk-hostile")
@pytest.mark.parametrize("kind", ["http", "json", "stateless"])
def test_over_http_what_a_hostile_client_sends_is_on_record_once(many: Many, kind: str) -> None:
    client, trail = many.client(kind), many.trail(kind)
    wanted = begun(client) + hostile(client) + at_once(client, kind)
    client.ask(message("ping", 12))
    wanted["received", "ping", None, *OK] += 1
    if kind != "stateless":  # a session's end closes what its SDK never answers
        assert ended(client) == 200
        wanted["received", "http/DELETE", None, *OK] += 1
    until(lambda: all("outcome" in one for one in trail.calls()))
    # The SDK 1.x tells the client's log of a reply that it did not wait for.
    found = trail.seen(lambda one: one.get("method") != "notifications/message")
    assert difference(found, wanted) == {}
    text = json.dumps(trail.entries(), ensure_ascii=False)
    assert SECRET not in text
    assert "hunter2-x" not in text
    assert FOREIGN in text
    assert "0" * 32 not in text


def ended(client: Posts) -> int:
    """End the session; return the status."""
    connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=30)
    connection.request("DELETE", "/mcp", headers=client.headers)
    status = connection.getresponse().status
    connection.close()
    return status


def difference(found: Counter[Seen], wanted: Counter[Seen]) -> dict[Seen, int]:
    left = Counter(found)
    left.subtract(wanted)
    return {one: times for one, times in left.items() if times}


def started(client: Posts, trail: Trail, one: dict[str, Any], threads: ThreadPoolExecutor) -> Any:
    """Post a call from a thread of its own; return when it is on record."""
    waiting = threads.submit(client.post, one)
    until(lambda: is_on_record(trail, one["id"]))
    return waiting


def leave(client: Posts, trail: Trail, one: dict[str, Any]) -> None:
    """Post a call and hang up once it is on record."""
    connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=30)
    connection.request("POST", "/mcp", json.dumps(one), client.headers)
    until(lambda: is_on_record(trail, one["id"]))
    connection.close()


def outcome(trail: Trail, id_: int) -> tuple[str | None, str | None]:
    until(lambda: trail.one(id_).get("outcome"))
    one = trail.one(id_)
    return one["outcome"], one.get("errorType")


@pytest.mark.requirement("audit.every-sdk")
def test_a_call_that_is_cancelled_left_or_cut_off_has_the_end_that_it_had(many: Many) -> None:
    client, trail = many.client("http"), many.trail("http")
    begun(client)
    with ThreadPoolExecutor() as threads:
        waiting = started(client, trail, tool(201, "slow"), threads)
        client.tell(message("notifications/cancelled", requestId=201, reason="enough"))
        assert outcome(trail, 201) == CANCELLED
        waiting.result()
        leave(client, trail, tool(202, "nap", seconds=0.1))
        assert outcome(trail, 202) == OK  # the server goes on, whoever listens
        waiting = started(client, trail, tool(203, "slow"), threads)
        assert ended(client) == 200
        assert outcome(trail, 203) == LOST
        waiting.result()
        stubborn = many.client("http")
        stubborn.ask(message("initialize", 1, **HELLO))
        stubborn.tell(message("notifications/initialized"))
        waiting = started(stubborn, trail, tool(204, "stubborn"), threads)
        stubborn.tell(message("notifications/cancelled", requestId=204))
        assert outcome(trail, 204) == CANCELLED
        waiting.exception()


@pytest.mark.requirement("audit.every-sdk")
def test_two_clients_may_use_the_same_ids_at_once(many: Many) -> None:
    trail = many.trail("stateless")
    before = trail.seen()
    with ThreadPoolExecutor() as threads:
        clients = [many.client("stateless") for _ in range(2)]
        replies = threads.map(
            lambda one: one.ask(tool(7, "together", group="same", count=2)), clients
        )
        assert ["all here" in str(reply) for reply in replies] == [True, True]
    assert trail.seen() - before == Counter({of_tool("together", *OK): 2})


@pytest.mark.requirement("audit.refused")
def test_over_http_nothing_runs_that_cannot_be_recorded(many: Many, tmp_path: Path) -> None:
    client = many.client("refusing")
    asked = [message("initialize", 1, **HELLO), tool(2, "mark", path=str(tmp_path / "ran"))]
    for one in (*asked, message("tools/list", 3)):
        reply = client.ask(one)
        assert reply["id"] == one["id"]
        assert reply["error"]["code"] == -32_000
        assert "could not be written" in reply["error"]["message"]
    client.tell(message("notifications/initialized"))
    assert ended(client) == 503
    assert not list(tmp_path.iterdir())


class Events:
    """A client of the transport of 2024-11-05: it posts, and hears on a stream of its own."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._stream = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._stream.request("GET", "/sse", headers={"Accept": "text/event-stream"})
        self._events = self._stream.getresponse()
        self._place = self._data()

    def _data(self) -> str:
        for line in self._events:
            if line.startswith(b"data:"):
                return line[5:].decode().strip()
        raise AssertionError("the stream ended")

    def tell(self, one: dict[str, Any], **headers: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        more = {"Content-Type": "application/json", **named}
        connection.request("POST", self._place, json.dumps(one), more)
        assert connection.getresponse().status == 202
        connection.close()

    def ask(self, one: dict[str, Any], **headers: str) -> dict[str, Any]:
        self.tell(one, **headers)
        while True:
            heard: dict[str, Any] = json.loads(self._data())
            if "method" not in heard and heard.get("id") == one["id"]:
                return heard
            if "method" in heard and "id" in heard:
                self.tell(reply_to(heard))

    def close(self) -> None:
        self._events.close()
        self._stream.close()


@pytest.mark.requirement("audit.every-sdk")
def test_over_the_older_transport_each_step_is_on_record_once(many: Many) -> None:
    client, trail = Events(many.ports["sse"]), many.trail("sse")
    modern = {"MCP_Protocol_Version": "2026-07-28"}
    client.ask(message("initialize", 1, **HELLO))
    client.tell(message("notifications/initialized"))
    client.ask(message("tools/list", 2))
    client.ask(tool(3, "echo", text="hi"))
    client.ask(tool(4, "echo", text="hi"), **modern)  # no reason to take it for dropped
    client.ask(tool(5, "crash", secret=SECRET))
    client.ask(tool(6, "ask"))
    client.tell(tool(7, "slow"))
    until(lambda: is_on_record(trail, 7))
    client.tell(message("notifications/cancelled", requestId=7))
    assert outcome(trail, 7) == CANCELLED
    client.tell({"jsonrpc": "2.0", "id": 4_711, "result": {}})
    client.ask(message("ping", 8))
    client.tell(tool(9, "nap", seconds=0.5))
    until(lambda: is_on_record(trail, 9))
    client.close()
    assert outcome(trail, 9) == LOST
    until(lambda: all("outcome" in one for one in trail.calls()))
    wanted: Counter[Seen] = Counter(
        [
            ("received", "http/GET", None, *OK),
            ("received", "initialize", None, *OK),
            ("notification", "notifications/initialized", None, None, None),
            ("received", "tools/list", None, *OK),
            ("tools.listed", "", None, None, None),
            *[of_tool("echo", *OK)] * 2,
            of_tool("crash", "error", "tool_error"),
            of_tool("ask", *OK),
            ("server received", "roots/list", None, *OK),
            of_tool("slow", *CANCELLED),
            ("stray", "", None, None, None),
            ("received", "ping", None, *OK),
            of_tool("nap", *LOST),
        ]
    )
    found = trail.seen(lambda one: one.get("method") != "notifications/message")
    assert difference(found, wanted) == {}
    assert {one["transport"] for one in trail.calls() if one["method"] == "tools/call"} == {"sse"}
