"""`audit(server)`, with the real SDK on both sides."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import anyio
import mcp_types as types
import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp.server.lowlevel import Server
from mcp.server.mcpserver import MCPServer

import indelible
from indelible.capture import assemble, sdk
from indelible.errors import UsageError
from tests.deliver.spools import assert_dense, records
from tests.hostile.servers import mcp_server
from tests.hostile.session import calls, collect, kinds, until, verify

SCRIPT = mcp_server.__file__
MODES = ["legacy", "auto"]


class Trail:
    """The records of one state, joined to calls as they lie in the spool."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.directory = state / "spool" / "default"

    @property
    def calls(self) -> list[dict[str, Any]]:
        import json

        read = [(json.loads(r.header), json.loads(r.body)) for r in records(self.directory)]
        assert_dense(self.directory)
        ends: dict[int, list[tuple[dict[str, Any], dict[str, Any]]]] = {}
        for header, body in read:
            if header["kind"] == "completed":
                ends.setdefault(header["of"]["seq"], []).append((header, body))
        joined = []
        for header, body in read:
            if header["kind"] == "received":
                (end,) = ends.pop(header["seq"], [({}, {})])
                joined.append({**header, **body, **end[0], **end[1]})
        assert not ends
        return joined

    def tools(self) -> list[dict[str, Any]]:
        return [one for one in self.calls if one["method"] == "tools/call"]


@pytest.fixture
def trail(tmp_path, monkeypatch):
    """Audit without a collection at the end; what `atexit` would do is done with the test."""
    at_exit: list[Any] = []
    monkeypatch.setattr(sdk.atexit, "register", at_exit.append)
    monkeypatch.setattr(assemble, "start_collection", lambda state: True)
    yield Trail(tmp_path / "state")
    for function in at_exit:
        function()


def ask(server: Any, talk: Any, mode: str = "auto") -> Any:
    """Connect the real client in memory and have *talk* use it."""

    async def run() -> Any:
        with anyio.fail_after(30):
            async with Client(server, mode=mode) as client:
                return await talk(client)

    return anyio.run(run)


def low_level() -> Server[Any]:
    async def list_tools(ctx: Any, params: Any) -> types.ListToolsResult:
        hints = types.ToolAnnotations(read_only_hint=True)
        tool = types.Tool(name="peek", input_schema={"type": "object"}, annotations=hints)
        return types.ListToolsResult(tools=[tool])

    async def call_tool(ctx: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        if params.name == "boom":
            raise ZeroDivisionError("inside")
        if params.name == "refuse":
            raise MCPError(-32_050, "refused by the tool")
        content = [types.TextContent(type="text", text=params.name)]
        return types.CallToolResult(content=content, is_error=params.name == "fail")

    return Server("low", version="3.1", on_list_tools=list_tools, on_call_tool=call_tool)


@pytest.mark.requirement("audit.mcp-server")
@pytest.mark.parametrize("mode", MODES)
def test_the_calls_of_an_mcp_server_are_recorded(mode, trail) -> None:
    server = mcp_server.build()
    assert indelible.audit(server, state=trail.state) is server

    async def talk(client: Client) -> None:
        await client.list_tools()
        assert not (await client.call_tool("peek", {"name": "ann"})).is_error
        assert (await client.call_tool("fail", {"text": "no such contact"})).is_error
        assert (await client.call_tool("crash")).is_error
        with pytest.raises(MCPError, match="refused by the tool"):
            await client.call_tool("refuse")
        await client.call_tool("wipe", {"name": "bob", "password": "x"})

    ask(server, talk, mode)
    seen = [(c["tool"], c["outcome"], c.get("errorType"), c["effect"]) for c in trail.tools()]
    assert seen == [
        ("peek", "ok", None, "read"),
        ("fail", "error", "tool_error", "undeclared"),
        ("crash", "error", "tool_error", "undeclared"),
        ("refuse", "error", "rpc_error", "undeclared"),
        ("wipe", "ok", None, "destructive"),
    ]
    peek, fail, _, refuse, wipe = trail.tools()
    assert (peek["args"], peek["server"], peek["serverVersion"]) == (
        {"name": "ann"},
        "crm",
        "2.4.0",
    )
    assert (peek["capturedBy"], peek["direction"]) == ("sdk", "client")
    assert "argsBytes" not in peek  # the wire is not seen
    assert "resultBytes" not in peek
    assert peek["durationUs"] >= 0
    assert "no such contact" in fail["error"]
    assert refuse["error"] == "refused by the tool"
    assert wipe["args"] == {"name": "bob", "password": "[REDACTED]"}
    assert "wiped bob" in str(wipe["result"])


@pytest.mark.requirement("audit.mcp-server")
@pytest.mark.parametrize("mode", MODES)
def test_what_the_sdk_turns_away_is_recorded_too(mode, trail) -> None:
    server = indelible.audit(mcp_server.build(), state=trail.state)
    raised: list[str] = []

    async def talk(client: Client) -> None:
        for name, arguments in (("absent", {}), ("peek", {"name": [1]})):
            try:
                raised.append(f"result {(await client.call_tool(name, arguments)).is_error}")
            except MCPError as error:
                raised.append(f"error {error.error.code}")
        with pytest.raises(MCPError):
            await client.read_resource("crm://absent")

    ask(server, talk, mode)
    absent, invalid = trail.tools()
    assert [absent["outcome"], invalid["outcome"]] == ["error", "error"]
    for record, said in zip((absent, invalid), raised, strict=True):
        assert record["errorType"] == ("rpc_error" if said.startswith("error") else "tool_error")
    (read,) = [c for c in trail.calls if c["method"] == "resources/read"]
    assert (read["outcome"], read["errorType"]) == ("error", "rpc_error")
    assert read["args"] == {"uri": "crm://absent"}


@pytest.mark.requirement("audit.low-level")
@pytest.mark.parametrize("mode", MODES)
def test_the_calls_of_a_low_level_server_are_recorded_once(mode, trail) -> None:
    server = low_level()
    assert indelible.audit(server, state=trail.state) is server

    async def talk(client: Client) -> None:
        await client.list_tools()
        await client.call_tool("peek", {"a": 1})
        assert (await client.call_tool("fail")).is_error
        for name in ("boom", "refuse"):
            with pytest.raises(MCPError):
                await client.call_tool(name)

    ask(server, talk, mode)
    seen = [(c["tool"], c["outcome"], c.get("errorType")) for c in trail.tools()]
    assert seen == [
        ("peek", "ok", None),
        ("fail", "error", "tool_error"),
        ("boom", "error", "exception"),
        ("refuse", "error", "rpc_error"),
    ]
    assert trail.tools()[0]["serverVersion"] == "3.1"
    assert len([c for c in trail.calls if c["method"] == "tools/list"]) == 1


@pytest.mark.requirement("wrap.cancelled")
def test_a_cancelled_call_is_recorded_as_cancelled_and_never_as_ok(trail) -> None:
    server: MCPServer = MCPServer("crm", log_level="CRITICAL")
    release, entered, left = threading.Event(), threading.Event(), threading.Event()

    def slow() -> str:
        """Cannot be interrupted."""
        entered.set()
        release.wait(30)
        left.set()
        return "done after all"

    async def gentle() -> str:
        """Can be interrupted."""
        entered.set()
        await anyio.sleep_forever()
        return "never"

    server.add_tool(slow)
    server.add_tool(gentle)
    indelible.audit(server, state=trail.state)

    async def talk(client: Client) -> None:
        for tool in ("slow", "gentle"):
            entered.clear()
            async with anyio.create_task_group() as group:
                group.start_soon(client.call_tool, tool)
                await anyio.to_thread.run_sync(entered.wait, 30)
                group.cancel_scope.cancel()
            await client.call_tool("absent")  # the cancellation has arrived before this
        release.set()
        await anyio.to_thread.run_sync(left.wait, 30)
        await client.call_tool("absent")

    ask(server, talk, "legacy")
    ended = [(c["tool"], c["outcome"], c.get("errorType")) for c in trail.tools()]
    assert ("slow", "error", "cancelled") in ended
    assert ("gentle", "error", "cancelled") in ended
    assert len(ended) == 5


def test_two_calls_under_one_id_end_each_with_its_own_end(trail) -> None:
    server: MCPServer = MCPServer("crm", log_level="CRITICAL")
    audit = indelible.audit(server, state=trail.state).middleware[1]
    release: list[anyio.Event] = []

    async def run() -> None:
        def context() -> Any:
            session = SimpleNamespace(client_params=None, _connection=server)
            params = {"name": "peek", "arguments": {}}
            return SimpleNamespace(
                request_id=7,
                method="tools/call",
                params=params,
                session=session,
                request=None,
                protocol_version="2026-07-28",
            )

        async def reply(ctx: Any) -> dict[str, Any]:
            release.append(anyio.Event())
            await release[-1].wait()
            return {"content": []}

        async with anyio.create_task_group() as group:
            for _ in range(2):
                group.start_soon(audit, context(), reply)
            while len(release) < 2:
                await anyio.lowlevel.checkpoint()
            for event in release:
                event.set()

    anyio.run(run)
    assert [call["outcome"] for call in trail.tools()] == ["ok", "ok"]


@pytest.mark.requirement("wrap.full-disk")
@pytest.mark.parametrize("profile", ["dev", "compliance"])
def test_a_call_whose_record_cannot_be_kept_is_refused(profile, trail, tmp_path) -> None:
    (tmp_path / "file").write_bytes(b"")
    ran: list[str] = []
    server = mcp_server.build()
    server.remove_tool("wipe")

    def wipe(name: str) -> str:
        """Delete."""
        ran.append(name)
        return name

    server.add_tool(wipe, annotations=mcp_server.DESTRUCTIVE)
    indelible.audit(server, state=tmp_path / "file" / "state", profile=profile)

    async def talk(client: Client) -> None:
        with pytest.raises(MCPError, match="not run, because its audit record") as refused:
            await client.call_tool("wipe", {"name": "bob"})
        assert refused.value.error.code == -32_000
        assert (await client.call_tool("peek", {})).content[0].text == "saw x"

    async def list_first(client: Client) -> None:
        await client.list_tools()
        await talk(client)

    if profile == "dev":
        ask(server, list_first)
    else:
        refusal = pytest.RaisesExc(MCPError, match="not run, because its audit record")
        with pytest.RaisesGroup(refusal, allow_unwrapped=True, flatten_subgroups=True):
            ask(server, list_first)
    assert ran == []


def test_a_server_is_audited_once(trail) -> None:
    server = indelible.audit(mcp_server.build(), state=trail.state)
    with pytest.raises(UsageError, match="audited already") as refused:
        indelible.audit(server, state=trail.state)
    assert refused.value.hint

    async def talk(client: Client) -> None:
        await client.call_tool("peek", {})

    ask(server, talk)
    assert len(trail.tools()) == 1


@pytest.mark.parametrize("thing", [None, object(), "server", mcp_server.peek])
def test_what_is_no_server_is_refused(thing, trail) -> None:
    with pytest.raises(UsageError, match="cannot audit") as refused:
        indelible.audit(thing, state=trail.state)
    assert "indelible wrap" in refused.value.hint
    assert not trail.state.exists()


def test_an_unknown_profile_is_refused(trail) -> None:
    with pytest.raises(UsageError, match="unknown profile 'strict'"):
        indelible.audit(mcp_server.build(), state=trail.state, profile="strict")


def test_the_hook_stands_inside_the_span_and_outside_the_request_state(trail) -> None:
    server = indelible.audit(mcp_server.build(), state=trail.state)
    names = [type(entry).__name__ for entry in server.middleware]
    assert names[:3] == ["OpenTelemetryMiddleware", "Audit", names[2]]
    assert "RequestState" in names[2]


@pytest.mark.requirement("audit.mcp-server")
def test_over_stdio_a_server_records_itself_and_is_collected(tmp_path) -> None:
    state = tmp_path / "state"
    here = str(Path(__file__).parents[2])
    target = StdioServerParameters(
        command=sys.executable, args=[SCRIPT, "--audit", str(state)], env={"PYTHONPATH": here}
    )
    assert talked(target) == ["saw ann", "wiped bob"]
    until((state / "log" / "default" / "checkpoint").exists)
    collect(state)
    assert [
        (c["tool"], c["outcome"], c["transport"]) for c in calls(state, "method:tools/call")
    ] == [
        ("peek", "ok", "stdio"),
        ("wipe", "ok", "stdio"),
    ]
    assert verify(state) == 0


@pytest.mark.parametrize("mode", MODES)
def test_an_sdk_server_under_wrap_is_recorded_as_it_records_itself(mode, tmp_path) -> None:
    state = tmp_path / "state"
    words = ["-m", "indelible", "wrap", "--state", str(state), "--server", "crm"]
    target = StdioServerParameters(command=sys.executable, args=[*words, sys.executable, SCRIPT])
    assert talked(target, mode) == ["saw ann", "wiped bob"]
    until(lambda: kinds(state, "server.exit"))
    peek, wipe = calls(state, "method:tools/call")
    assert (peek["tool"], peek["args"], peek["outcome"]) == ("peek", {"name": "ann"}, "ok")
    assert (wipe["effect"], wipe["serverVersion"]) == ("destructive", "2.4.0")
    assert peek["client"]["name"]
    assert peek["protocolVersion"]


def talked(target: StdioServerParameters, mode: str = "auto") -> list[str]:
    async def talk(client: Client) -> list[str]:
        await client.list_tools()
        first = await client.call_tool("peek", {"name": "ann"})
        second = await client.call_tool("wipe", {"name": "bob"})
        return [first.content[0].text, second.content[0].text]

    return ask(target, talk, mode)


def test_a_server_of_another_library_is_refused_though_it_has_middleware(tmp_path) -> None:
    class FastMCP:
        middleware: ClassVar[list[Any]] = []

    with pytest.raises(UsageError, match=r"cannot audit a .*FastMCP"):
        indelible.audit(FastMCP(), state=tmp_path)
    assert FastMCP.middleware == []
