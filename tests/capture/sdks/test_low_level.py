"""Low-level servers, which `FastMCP` and `MCPServer` stand on: over stdio and HTTP."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.capture.sdks.talking import (
    HELLO,
    MODERN,
    Lines,
    Posts,
    Seen,
    Trail,
    environment,
    message,
    python_of,
    tool,
)
from tests.hostile.session import Session, session, until

LOW = Path(__file__).with_name("low.py")
OK: tuple[str, None] = ("ok", None)


@contextmanager
def running(stack: str, transport: str, tmp_path: Path) -> Iterator[tuple[Lines | Posts, Session]]:
    words = [python_of(stack), str(LOW), stack, transport, str(tmp_path / "state")]
    with session(words, tmp_path / "stderr", **environment()) as one:
        if transport == "stdio":
            yield Lines(one), one
        else:
            yield Posts(int(one.line()), "/mcp/" if stack == "mcp1" else "/mcp"), one
            one.kill_group()


def list_tools(client: Lines | Posts, id_: int) -> None:
    first = client.ask(message("tools/list", id_))
    client.ask(message("tools/list", id_ + 1, cursor=first["result"]["nextCursor"]))


@pytest.mark.requirement("audit.low-level")
@pytest.mark.parametrize("transport", ["stdio", "http"])
@pytest.mark.parametrize("stack", ["mcp1", "mcp2"])
def test_each_step_of_a_low_level_server_is_on_record_once(
    stack: str, transport: str, tmp_path: Path
) -> None:
    trail = Trail(tmp_path / "state")
    with running(stack, transport, tmp_path) as (client, server):
        client.ask(message("initialize", 1, **HELLO))
        client.tell(message("notifications/initialized"))
        list_tools(client, 2)
        client.ask(tool(4, "peek", region="eu"))
        client.ask(tool(5, "fail"))
        client.ask(tool(6, "grow"))
        client.ask(message("tools/list", 7, cursor="2"))  # whose first page nobody saw
        list_tools(client, 8)
        list_tools(client, 10)
        client.ask(message("ping", 12))
        if isinstance(client, Posts):
            assert client.post(b"{not json")[0] == 400
        else:
            client.tell(b"{not json\n")
            server.end_input()
        until(lambda: len(trail.entries()) >= 16)
    odd = ("unparseable", "", None, None, None)
    refused = ("received", "http/POST", None, "error", "denied")
    wanted: Counter[Seen] = Counter(
        [
            ("received", "initialize", None, *OK),
            ("notification", "notifications/initialized", None, None, None),
            *[("received", "tools/list", None, *OK)] * 7,
            ("received", "tools/call", "peek", *OK),
            ("received", "tools/call", "grow", *OK),
            ("received", "tools/call", "fail", "error", failure_type(stack)),
            ("received", "ping", None, *OK),
            ("tools.listed", "", None, None, None),
            ("tools.changed", "", None, None, None),
            odd if transport == "stdio" else refused,
        ]
    )
    found = trail.seen(lambda one: one.get("method") != "notifications/message")
    assert found == wanted
    (listed,), (changed,) = trail.of("tools.listed"), trail.of("tools.changed")
    assert listed["added"] == ["fail", "grow", "later", "peek", "wipe"]
    assert (changed["added"], changed["removed"]) == (["extra"], [])
    assert "inside" in trail.one(5)["error"]
    assert {one["server"] for one in trail.entries()} == {"low"}
    assert {one["transport"] for one in trail.entries()} == {transport}


def failure_type(stack: str) -> str:
    """Return what an exception is to the client of each SDK."""
    return "tool_error" if stack == "mcp1" else "exception"


@pytest.mark.requirement("audit.tasks")
def test_a_task_is_joined_to_its_call_and_its_failure_is_one(tmp_path: Path) -> None:
    trail = Trail(tmp_path / "state")
    with running("mcp1", "stdio", tmp_path) as (client, _):
        client.ask(message("initialize", 1, **HELLO))
        client.tell(message("notifications/initialized"))
        begun = client.ask(message("tools/call", 2, name="later", arguments={}, task={}))
        task = begun["result"]["task"]["taskId"]
        client.ask(message("tasks/result", 3, taskId=task))
        client.ask(message("tasks/get", 4, taskId=task))
        client.ask(message("tasks/cancel", 5, taskId=task))
        client.ask(message("tasks/list", 6))
    assert trail.one(2)["outcome"] == "ok"
    assert trail.one(2)["end"]["result"]["task"]["taskId"] == task
    end = trail.one(3)
    assert (end["outcome"], end["errorType"], end["args"]) == (
        "error",
        "tool_error",
        {"taskId": task},
    )
    assert end["error"] == "it failed in the end"
    assert [trail.one(id_)["outcome"] for id_ in (4, 5, 6)] == ["ok", "error", "ok"]
    (told,) = [one for one in trail.of("notification") if one["direction"] == "server"]
    assert told["method"] == "notifications/tasks/status"
    assert task in json.dumps(told)


@pytest.mark.requirement("asgi.rejections")
def test_a_call_refused_after_the_sdk_looked_its_tool_up_is_on_record(tmp_path: Path) -> None:
    trail = Trail(tmp_path / "state")
    named = {
        "MCP_Protocol_Version": "2026-07-28",
        "Mcp_Method": "tools/call",
        "Mcp_Name": "peek",
        "Mcp_Param_Region": "us",
    }
    with running("mcp2", "http", tmp_path) as (client, _):
        assert isinstance(client, Posts)
        call = message("tools/call", 1, name="peek", arguments={"region": "eu"}, _meta=MODERN)
        assert client.post(call, **named)[0] == 400
    (refused,) = trail.entries()
    assert (refused["method"], refused["errorType"], refused["tool"]) == (
        "http/POST",
        "denied",
        "peek",
    )
