"""`audit()` over Streamable HTTP, the application called in process, as a hostile client would."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx2
import mcp_types as types
import pytest
from mcp.server.lowlevel import Server

import indelible
from indelible.capture import assemble, sdk
from tests.deliver.spools import records
from tests.hostile.servers import mcp_server

META = "io.modelcontextprotocol/"


@pytest.fixture
def audited(tmp_path, monkeypatch, request):
    at_exit: list[Any] = []
    monkeypatch.setattr(sdk.atexit, "register", at_exit.append)
    monkeypatch.setattr(assemble, "start_collection", lambda state: True)
    server = indelible.audit(request.param(), state=tmp_path / "state")
    yield server, tmp_path / "state" / "spool" / "default"
    for function in at_exit:
        function()


def low_level() -> Server[Any]:
    """A server for which the SDK looks its tools up before each call."""

    async def list_tools(ctx: Any, params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(
            tools=[types.Tool(name="wipe", input_schema={"type": "object"})]
        )

    async def call_tool(ctx: Any, params: Any) -> types.CallToolResult:
        text = f"wiped {params.arguments['name']}"
        return types.CallToolResult(content=[types.TextContent(type="text", text=text)])

    return Server("low", version="1", on_list_tools=list_tools, on_call_tool=call_tool)


@asynccontextmanager
async def http(server: Any):
    app = server.streamable_http_app(json_response=True)
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as one:
            one.headers["Accept"] = "application/json, text/event-stream"
            yield one


def message(number: int, method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


def wiped(spool) -> list[bytes]:
    return [r.body for r in records(spool) if b'"target":"' in r.body or b'"name":"' in r.body]


@pytest.mark.requirement("audit.mcp-server")
@pytest.mark.parametrize("audited", [mcp_server.build], indirect=True)
def test_a_header_that_names_another_method_hides_no_call(audited) -> None:
    server, spool = audited

    async def talk() -> str:
        async with http(server) as client:
            hello = message(
                0,
                "initialize",
                protocolVersion="2025-06-18",
                capabilities={},
                clientInfo={"name": "c", "version": "1"},
            )
            session = (await client.post("/mcp", json=hello)).headers["mcp-session-id"]
            call = message(1, "tools/call", name="wipe", arguments={"name": "HIDDEN"})
            headers = {"Mcp-Session-Id": session, "Mcp-Method": "tools/list"}
            return (await client.post("/mcp", json=call, headers=headers)).text

    assert "wiped HIDDEN" in anyio.run(talk)
    assert any(b"HIDDEN" in body for body in wiped(spool))


@pytest.mark.requirement("audit.low-level")
@pytest.mark.parametrize("audited", [mcp_server.build, low_level], indirect=True)
def test_what_the_sdk_lists_for_itself_is_no_call_of_the_clients(audited) -> None:
    server, spool = audited
    meta = {
        f"{META}protocolVersion": "2026-07-28",
        f"{META}clientInfo": {"name": "c", "version": "1"},
        f"{META}clientCapabilities": {},
    }

    async def talk() -> str:
        async with http(server) as client:
            call = message(3, "tools/call", name="wipe", arguments={"name": "ONCE"}, _meta=meta)
            headers = {
                "MCP-Protocol-Version": "2026-07-28",
                "Mcp-Method": "tools/call",
                "Mcp-Name": "wipe",
            }
            return (await client.post("/mcp", json=call, headers=headers)).text

    assert "wiped ONCE" in anyio.run(talk)
    kinds = [r.header for r in records(spool) if b'"kind":"received"' in r.header]
    assert [b'"method":"tools/call"' in header for header in kinds] == [True]
    assert [b'"transport":"http"' in header for header in kinds] == [True]
