"""`audit(server)` where servers, tools and middlewares do what nobody expects of them."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import anyio
import mcp_types as types
import pytest
from mcp import Client, MCPError
from mcp.server.mcpserver import Context, MCPServer
from mcp_types import InputRequiredResult

import indelible
from indelible.capture import assemble, sdk
from indelible.capture.calls import Open, cancelled, received
from indelible.capture.causes import cause_of
from indelible.capture.protocol import id_key
from indelible.errors import UsageError
from indelible.model.digest import sha256_hex
from indelible.model.event import Connection
from tests.capture.sdks.talking import Trail

OK: tuple[str, None] = ("ok", None)


class SilentError(Exception):
    """Fails at telling its text."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.fixture
def audited(tmp_path, monkeypatch):
    """Audit servers, each in a trail of its own; what `atexit` would do is done with the test."""
    at_exit: list[Any] = []
    monkeypatch.setattr(sdk.atexit, "register", at_exit.append)
    monkeypatch.setattr(assemble, "start_collection", lambda state: True)

    def audit(server: Any) -> Trail:
        state: Path = tmp_path / f"state-{server.name}"
        indelible.audit(server, state=state)
        return Trail(state)

    yield audit
    for function in at_exit:
        function()


def server_of(name: str, *tools: Any) -> MCPServer:
    server: MCPServer = MCPServer(name, log_level="CRITICAL")
    for tool in tools:
        server.add_tool(tool)
    return server


def talk(server: Any, *calls: str, mode: str = "legacy") -> list[Any]:
    """Call tools with the real client; return the results, or the errors."""

    async def run() -> list[Any]:
        got: list[Any] = []
        with anyio.fail_after(30):
            async with Client(server, mode=mode) as client:
                for name in calls:
                    try:
                        got.append(await client.call_tool(name))
                    except MCPError as error:
                        got.append(error)
        return got

    return anyio.run(run)


def ends(trail: Trail) -> list[tuple[str | None, str | None, str | None]]:
    return [
        (one["tool"], one.get("outcome"), one.get("errorType"))
        for one in trail.calls()
        if one["method"] == "tools/call"
    ]


@pytest.mark.requirement("audit.every-sdk")
@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_a_tool_may_be_the_client_of_another_server(mode: str, audited: Any) -> None:
    inner = server_of("inner", named("look"))

    async def ask() -> str:
        """Ask another server in this process."""
        async with Client(inner, mode=mode) as client:
            result = await client.call_tool("look")
            return str(result.content[0].text)

    outer = server_of("outer", ask)
    trails = audited(outer), audited(inner)
    (result,) = talk(outer, "ask")
    assert not result.is_error
    assert ends(trails[0]) == [("ask", *OK)]
    assert ends(trails[1]) == [("look", *OK)]
    assert len(trails[1].of("notification")) == (mode == "legacy")
    assert [one["method"] for one in trails[0].of("notification")] == ["notifications/initialized"]


def named(name: str) -> Any:
    def tool() -> str:
        """Answer."""
        return name

    tool.__name__ = name
    return tool


@pytest.mark.requirement("audit.every-sdk")
def test_what_a_middleware_does_to_a_call_is_its_outcome(audited: Any) -> None:
    class BrokenError(Exception):
        pass

    async def odd(ctx: Any, call_next: Any) -> Any:
        name = (ctx.params or {}).get("name")
        if name == "break":
            raise BrokenError("by the middleware")
        if name == "twice":
            await call_next(ctx)
        if name == "short":
            return {"content": [], "isError": True, "odd": object()}
        if ctx.method == "tools/list":
            return {"tools": [{"name": "odd", "inputSchema": {"of": object()}}]}
        return await call_next(ctx)

    server = server_of("crm", named("twice"), named("break"))
    trail = audited(server)
    server.middleware.append(odd)

    async def run() -> None:
        async with Client(server, mode="auto") as client:
            for name in ("break", "twice", "short"):
                with contextlib.suppress(MCPError, ValueError):
                    await client.call_tool(name)
            with contextlib.suppress(MCPError, ValueError):
                await client.list_tools()

    anyio.run(run)
    assert ends(trail) == [
        ("break", "error", "exception"),
        ("twice", *OK),
        ("short", "error", "tool_error"),
    ]
    assert trail.calls()[-1]["method"] == "tools/list"
    assert trail.calls()[-1]["outcome"] == "ok"


@pytest.mark.requirement("audit.every-sdk")
def test_an_exception_that_cannot_tell_its_text_is_on_record(audited: Any) -> None:
    def crash() -> str:
        """Fail, and fail at saying how."""
        raise SilentError

    server = server_of("crm", crash)
    trail = audited(server)
    talk(server, "crash")
    assert ends(trail) == [("crash", "error", "tool_error")]
    (call,) = [one for one in trail.calls() if one["method"] == "tools/call"]
    assert call["error"].startswith("SilentError: ")


def test_an_exception_may_be_its_own_cause() -> None:
    class ToolError(Exception):
        pass

    error = ToolError("round and round")
    error.__cause__ = error
    assert cause_of(error) == "ToolError: round and round"


def test_a_server_is_audited_once_by_whichever_object_it_is_given(audited: Any) -> None:
    server = server_of("crm")
    audited(server)
    with pytest.raises(UsageError, match="audited already"):
        audited(server._lowlevel_server)


@pytest.mark.requirement("audit.rounds")
def test_the_rounds_of_one_call_are_joined_by_the_digest_of_their_state(audited: Any) -> None:
    async def book(ctx: Context) -> str | InputRequiredResult:
        """Book, once the user has said who."""
        if ctx.request_state is not None:
            return "booked"
        schema = {"type": "object", "properties": {"name": {"type": "string"}}}
        asked = types.ElicitRequestFormParams(message="who?", requested_schema=schema)
        return InputRequiredResult(
            input_requests={"who": types.ElicitRequest(params=asked)},
            request_state="the server's own: step two",
        )

    server = server_of("crm", book)
    trail = audited(server)
    states: list[str] = []

    async def note(ctx: Any, call_next: Any) -> Any:
        result = await call_next(ctx)
        if "requestState" in result:
            states.append(result["requestState"])
        return result

    server.middleware.insert(0, note)

    async def answer(context: Any, params: Any) -> Any:
        return types.ElicitResult(action="accept", content={"name": "ann"})

    async def run() -> Any:
        async with Client(server, mode="auto", elicitation_callback=answer) as client:
            return await client.call_tool("book")

    result = anyio.run(run)
    assert result.content[0].text == "booked"
    first, second = (one for one in trail.calls() if one["method"] == "tools/call")
    (state,) = states
    assert first["end"]["stateDigest"] == second["stateDigest"] == sha256_hex(state.encode())
    assert "stateDigest" not in second["end"]
    assert first["end"]["result"] == {"inputRequired": True}
    assert "inputRequired" not in second["end"]["result"]
    text = str(trail.entries())
    assert state not in text
    assert "step two" not in text


@pytest.mark.parametrize(("is_opened", "closed"), [(False, 0), (True, 1)])
def test_only_a_stream_that_was_open_is_closed(audited, is_opened, closed) -> None:
    server = server_of("streams")
    trail = audited(server)
    audit = next(one for one in server._lowlevel_server.middleware if isinstance(one, sdk.Audit))
    message = {"id": 1, "method": "subscriptions/listen", "params": {}}
    asked = received(
        0, "client", message, at_us=1, size=None, args={}, tools=audit.tools,
        connection=Connection(),
    )  # fmt: skip
    call = Open(asked, 0)
    audit.recorder.keep([asked])
    key = (7, id_key(1))
    audit._open[key] = [call]
    if is_opened:
        audit.opened(7, 1)
    audit.cancel(7, {"requestId": 1})
    audit._end(key, call, cancelled(call, None, 2))
    (found,) = trail.calls()
    assert found["outcome"] == ("ok" if is_opened else "error")
    assert len(trail.of("closed")) == closed
