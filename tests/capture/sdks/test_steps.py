"""Every situation of a connection, on every SDK: each step on record once, with the right end."""

from __future__ import annotations

import http.client
import json
import signal
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.capture.sdks.server import STACKS
from tests.capture.sdks.talking import (
    ANSWERS,
    HELLO,
    MODERN,
    Lines,
    Posts,
    Seen,
    Trail,
    message,
    started,
    tool,
)
from tests.hostile.session import until

MIDDLEWARE = ("mcp2", "fastmcp4")


def everything(client: Lines, stack: str) -> None:
    """Do what a client of the handshake revisions can do, well and badly."""
    client.ask(message("tools/list", 1))
    client.tell(b"{not json\n")
    client.tell([message("ping", 90), message("ping", 91)])
    well_and_badly(client)
    client.tell(tool(19, "slow"))
    client.tell(message("notifications/cancelled", requestId=19, reason="enough"))
    client.tell(message("notifications/cancelled", requestId=4_713))
    going_on(client, stack)
    client.tell(tool(24, "echo", text="a"), tool(24, "echo", text="b"))
    client.answer(24)
    client.answer(24)
    if stack in MIDDLEWARE:
        client.ask(message("ping", 25, _meta=MODERN))
    client.tell(tool(27, "slow"))
    client.ask(message("ping", 28))


def well_and_badly(client: Lines | Posts) -> None:
    """Ask for everything there is, and for what there is not."""
    client.ask(message("initialize", 2, **HELLO))
    client.tell(message("notifications/initialized"))
    client.listen()
    client.tell(message("notifications/strange", which="one"))
    client.tell({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progress": []}})
    client.ask(message("ping", 3))
    client.ask(message("tools/list", 4))
    client.ask(tool(5, "echo", text="hi"))
    client.ask(tool("six", "echo", text="again"))
    client.ask(tool(7, "absent"))
    client.ask(tool(8, "echo", wrong=1))
    client.ask(message("tools/call", 9, name=5))
    client.ask({"jsonrpc": "2.0", "id": 10, "method": "tools/call"})
    client.ask(tool(11, "crash", secret="AKIAIOSFODNN7EXAMPLE"))
    client.ask(message("resources/list", 12))
    client.ask(message("resources/read", 13, uri="crm://one"))
    client.ask(message("resources/read", 14, uri="crm://absent"))
    client.ask(message("prompts/list", 15))
    client.ask(message("prompts/get", 16, name="hello", arguments={"name": "ann"}))
    client.ask(message("nothing/known", 17))
    client.ask(message("completion/complete", 18, ref={"type": "ref/prompt", "name": "hello"}))
    client.tell({"jsonrpc": "2.0", "id": 4_711, "result": {}})
    client.tell({"jsonrpc": "2.0", "id": 4_712, "error": {"code": 1, "message": "no"}})


def going_on(client: Lines | Posts, stack: str) -> None:
    """Have the server ask and tell, and its tools change."""
    for id_, name in (20, "ask"), (32, "sample"), (33, "elicit"), (34, "outer"):
        client.ask(tool(id_, name))
    asked = tool(21, "tell")
    asked["params"]["_meta"] = {"progressToken": "p"}
    client.ask(asked)
    client.ask(tool(22, "grow"))
    client.ask(message("tools/list", 23))
    client.ask(message("ping", 26))
    if stack.startswith("fastmcp"):
        client.ask(tool(29, "inner_deep"))
        client.ask(tool(30, "inner_deep_crash"))


OK: tuple[str, None] = ("ok", None)
TOOL_ERROR = ("error", "tool_error")
RPC_ERROR = ("error", "rpc_error")
ENDS = {
    1: ("tools/list", None, *RPC_ERROR),
    2: ("initialize", None, *OK),
    3: ("ping", None, *OK),
    4: ("tools/list", None, *OK),
    5: ("tools/call", "echo", *OK),
    "six": ("tools/call", "echo", *OK),
    7: ("tools/call", "absent", *TOOL_ERROR),
    8: ("tools/call", "echo", *TOOL_ERROR),
    9: ("tools/call", "5", *RPC_ERROR),
    10: ("tools/call", None, *RPC_ERROR),
    11: ("tools/call", "crash", *TOOL_ERROR),
    12: ("resources/list", None, *OK),
    13: ("resources/read", None, *OK),
    14: ("resources/read", None, *RPC_ERROR),
    15: ("prompts/list", None, *OK),
    16: ("prompts/get", None, *OK),
    17: ("other", None, *RPC_ERROR),
    18: ("completion/complete", None, *RPC_ERROR),
    19: ("tools/call", "slow", "error", "cancelled"),
    20: ("tools/call", "ask", *OK),
    21: ("tools/call", "tell", *OK),
    22: ("tools/call", "grow", *OK),
    23: ("tools/list", None, *OK),
    24: ("tools/call", "echo", *OK),
    25: ("ping", None, *RPC_ERROR),
    26: ("ping", None, *OK),
    27: ("tools/call", "slow", "unknown", "abandoned"),
    28: ("ping", None, *OK),
    29: ("tools/call", "inner_deep", *OK),
    30: ("tools/call", "inner_deep_crash", *TOOL_ERROR),
    32: ("tools/call", "sample", *OK),
    33: ("tools/call", "elicit", *OK),
    34: ("tools/call", "outer", *TOOL_ERROR),
}
"""By the id on the wire: method, tool, outcome and type of the error of each request."""

TOLD = {
    ("notification", "notifications/initialized"): 1,
    ("notification", "other"): 1,
    ("notification", "notifications/progress"): 1,
    ("notification", "notifications/cancelled"): 1,
    ("tools.listed", ""): 1,
    ("tools.changed", ""): 1,
}
"""What is no request, over stdio and over HTTP."""


def of_calls(ids: Iterable[int | str]) -> Counter[Seen]:
    found: Counter[Seen] = Counter()
    for one in ids:
        found["received", *ENDS[one]] += 2 if one == 24 else 1
    return found


def of_notices(notices: dict[tuple[str, str], int]) -> Counter[Seen]:
    return Counter({(*notice, None, None, None): times for notice, times in notices.items()})


def mounted(stack: str) -> set[int | str]:
    return {29, 30} if stack.startswith("fastmcp") else set()


ASKED: Counter[Seen] = Counter(("server received", one, None, *OK) for one in ANSWERS)
"""What the server asks, and has answered."""


def wanted_over_stdio(stack: str, told: list[str]) -> Counter[Seen]:
    own: dict[tuple[str, str], int] = {**TOLD, ("unparseable", ""): 2, ("stray", ""): 2}
    own |= {("server notification", one): n for one, n in Counter(told).items()}
    left_out = {29, 30} if stack in MIDDLEWARE else {25, 29, 30}
    return of_calls((ENDS.keys() - left_out) | mounted(stack)) + of_notices(own) + ASKED


@pytest.mark.requirement("audit.every-sdk")
@pytest.mark.parametrize("stack", STACKS)
def test_over_stdio_each_step_is_on_record_once(stack: str, tmp_path: Path) -> None:
    trail = Trail(tmp_path / "state")
    with started(stack, "stdio", tmp_path) as running:
        client = Lines(running)
        everything(client, stack)
        running.end_input()
        # A server on the SDK 1.x may go on until its tools have ended, and is killed here.
        until(lambda: all("outcome" in one for one in trail.calls()))
    assert difference(trail.seen(), wanted_over_stdio(stack, client.told)) == {}
    assert {"notifications/progress", "notifications/tools/list_changed"} <= set(client.told)
    crash, unread, changed = trail.one(11), trail.of("unparseable"), trail.of("tools.changed")
    assert "[TOKEN]" in crash["error"]
    assert "AKIA" not in str(trail.entries())
    assert crash["error"].startswith("ZeroDivisionError: inside")
    assert "said to the client" in trail.one(34)["error"]
    assert "ZeroDivisionError" not in trail.one(34)["error"]
    assert [one["text"][:5] for one in unread] == ["{not ", '[{"js']
    assert [one["added"] for one in changed] == [["extra"]]
    assert {one["transport"] for one in trail.entries()} == {"stdio"}


def difference(found: Counter[Seen], wanted: Counter[Seen]) -> dict[Seen, int]:
    """Return what is on record too often (more than 0) or too seldom (less)."""
    left = Counter(found)
    left.subtract(wanted)
    return {one: times for one, times in left.items() if times}


HTTP_SKIPPED = {1, 24, 25}
"""Turned away by the transport."""


@pytest.mark.requirement("audit.every-sdk")
@pytest.mark.parametrize("stack", STACKS)
def test_over_http_each_step_that_reaches_the_sdk_is_on_record_once(
    stack: str, tmp_path: Path
) -> None:
    trail = Trail(tmp_path / "state")
    with started(stack, "http", tmp_path) as running:
        client = Posts(int(running.line()))
        well_and_badly(client)
        with ThreadPoolExecutor() as threads:
            waiting = threads.submit(client.post, tool(19, "slow"))
            until(lambda: any(one.get("jsonrpcId") == 19 for one in trail.entries()))
            client.tell(message("notifications/cancelled", requestId=19, reason="enough"))
            until(lambda: trail.one(19).get("outcome"))
            client.tell(message("notifications/cancelled", requestId=4_713))
            going_on(client, stack)
            client.ask(message("ping", 28))
            left = threads.submit(client.post, tool(27, "slow"))
            until(lambda: any(one.get("jsonrpcId") == 27 for one in trail.entries()))
            running.kill_group(signal.SIGTERM)
            running.process.wait(30)
            for one in (waiting, left):
                one.exception()  # whatever the client hears of it
            client.close()
    own: dict[tuple[str, str], int] = {**TOLD, ("stray", ""): 2}
    own |= {("server notification", one): n for one, n in Counter(client.told).items()}
    calls = of_calls((ENDS.keys() - HTTP_SKIPPED - {29, 30}) | mounted(stack))
    opened = Counter({("received", "http/GET", None, *OK): 1})
    assert difference(trail.seen(), calls + of_notices(own) + ASKED + opened) == {}
    assert {one["transport"] for one in trail.entries()} == {"http"}
    assert {one["actor"]["id"] for one in trail.entries()} == {"anonymous"}
    assert {one["actor"]["ip"] for one in trail.entries()} == {"127.0.0.1"}


@pytest.mark.requirement("audit.every-sdk")
@pytest.mark.parametrize("stack", MIDDLEWARE)
def test_without_a_handshake_over_stdio_each_step_is_on_record_once(
    stack: str, tmp_path: Path
) -> None:
    trail = Trail(tmp_path / "state")
    with started(stack, "stdio", tmp_path) as running:
        client = Lines(running)
        client.ask(message("server/discover", 1, _meta=MODERN))
        client.ask(message("tools/list", 4, _meta=MODERN))
        client.ask(modern(5, "echo", text="hi"))
        client.ask(modern(7, "absent"))
        client.ask(modern(11, "crash"))
        client.ask(message("initialize", 12, **HELLO))
        client.tell(b"{not json\n")
        client.tell(modern(19, "slow"))
        client.tell(message("notifications/cancelled", requestId=19))
        client.tell(modern(20, "blocking"))
        until(lambda: any(one.get("jsonrpcId") == 20 for one in trail.entries()))
        client.tell(message("notifications/cancelled", requestId=20))
        client.ask(modern(21, "tell"))
        client.tell(listen(31))
        if stack == "mcp2":  # FastMCP 4 knows no subscriptions
            until(lambda: trail.seen()["received", "subscriptions/listen", None, *OK])
            client.tell(message("notifications/cancelled", requestId=31))
            until(lambda: trail.of("closed"))
        client.tell(modern(27, "slow"))
        client.ask(message("tools/list", 28, _meta=MODERN))
        running.end_input()
        until(lambda: all("outcome" in one for one in trail.calls()))
    cancelled = ("error", "cancelled")
    wanted: Counter[Seen] = Counter(
        [
            ("received", "server/discover", None, *OK),
            *[("received", "tools/list", None, *OK)] * 2,
            ("received", "tools/call", "echo", *OK),
            ("received", "tools/call", "absent", *absent(stack)),
            ("received", "tools/call", "crash", *TOOL_ERROR),
            ("received", "initialize", None, *RPC_ERROR),
            ("received", "tools/call", "slow", *cancelled),
            ("received", "tools/call", "blocking", *cancelled),
            ("received", "tools/call", "tell", *OK),
            ("received", "tools/call", "slow", "unknown", "abandoned"),
            *listened(stack),
            ("unparseable", "", None, None, None),
            ("tools.listed", "", None, None, None),
        ]
    )
    found = trail.seen(lambda one: "notification" not in one["kind"])
    assert difference(found, wanted) == {}


def absent(stack: str) -> tuple[str, str]:
    return TOOL_ERROR if stack else RPC_ERROR


def modern(id_: int, name: str, **arguments: object) -> dict[str, object]:
    return message("tools/call", id_, name=name, arguments=arguments, _meta=MODERN)


@pytest.mark.requirement("audit.every-sdk")
@pytest.mark.parametrize("stack", MIDDLEWARE)
def test_without_a_handshake_over_http_each_step_is_on_record_once(
    stack: str, tmp_path: Path
) -> None:
    trail = Trail(tmp_path / "state")

    def post(one: dict[str, Any]) -> dict[str, Any] | None:
        named = one["params"].get("name")
        extra = {"Mcp_Name": named} if named else {}
        versions = {"MCP_Protocol_Version": "2026-07-28", "Mcp_Method": one["method"]}
        return client.post(one, **versions, **extra)[1]

    with started(stack, "http", tmp_path) as running:
        client = Posts(int(running.line()))
        post(message("tools/list", 4, _meta=MODERN))
        for id_, name, arguments in (
            (5, "echo", {"text": "hi"}),
            (7, "absent", {}),
            (11, "crash", {}),
        ):
            post(modern(id_, name, **arguments))
        post(modern(21, "tell"))
        leave(client, modern(19, "slow"), "tools/call", trail, "slow")
        leave(client, modern(20, "blocking", seconds=0.5), "tools/call", trail, "blocking")
        leave(client, modern(22, "stubborn"), "tools/call", trail, "stubborn")
        leave(client, listen(31), "subscriptions/listen", trail, None)
        if stack == "mcp2":  # FastMCP 4 knows no subscriptions
            until(lambda: trail.of("closed"))
        until(lambda: all("outcome" in one for one in trail.calls()))
    gone = [("received", "tools/call", one, "error", "cancelled") for one in LEFT]
    wanted: Counter[Seen] = Counter(
        [
            *gone,
            ("received", "tools/list", None, *OK),
            ("received", "tools/call", "echo", *OK),
            ("received", "tools/call", "absent", *absent(stack)),
            ("received", "tools/call", "crash", *TOOL_ERROR),
            ("received", "tools/call", "tell", *OK),
            *listened(stack),
            ("tools.listed", "", None, None, None),
        ]
    )
    found = trail.seen(lambda one: "notification" not in one["kind"])
    assert difference(found, wanted) == {}


LEFT = ("slow", "blocking", "stubborn")
"""Tools whose client hangs up, which cancels them: whatever they make of it."""


def listened(stack: str) -> list[Seen]:
    """Return what is on record of a subscription that was ended."""
    if stack != "mcp2":
        return [("received", "subscriptions/listen", None, *RPC_ERROR)]
    closed = ("closed", "subscriptions/listen", None, None, None)
    return [("received", "subscriptions/listen", None, *OK), closed]


def listen(id_: int) -> dict[str, Any]:
    return message(
        "subscriptions/listen", id_, notifications={"toolsListChanged": True}, _meta=MODERN
    )


def leave(client: Posts, one: dict[str, Any], method: str, trail: Trail, name: str | None) -> None:
    """Post a message and hang up once it is on record."""
    connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=30)
    headers = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method}
    if name:
        headers["Mcp-Name"] = name
    connection.request("POST", "/mcp", json.dumps(one), {**client.headers, **headers})
    if name is None:
        connection.getresponse().readline()
    until(lambda: any(each.get("jsonrpcId") == one["id"] for each in trail.entries()))
    connection.close()
