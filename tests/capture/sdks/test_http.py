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
    tool,
)
from tests.hostile.session import session, until

MANY = Path(__file__).with_name("many.py")
SECRET = "AKIAIOSFODNN7EXAMPLE"
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
    client.ask(tool(3, "echo", text=f"{SECRET} Grüße, 日本 \u2028 \U0001f680", password="hunter2-x"))
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
    assert "Grüße, 日本 \u2028 \U0001f680" in text
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
