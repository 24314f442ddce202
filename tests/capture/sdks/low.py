"""A low-level server on the MCP SDK 1.x and 2.x: its tools in two pages, and tasks. Not a test.

    python low.py mcp1|mcp2 stdio|http STATE

Over HTTP it prints its port as its first line.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
import warnings
from typing import Any

warnings.simplefilter("ignore")

REGION = {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}
FIRST = ["peek", "fail", "grow"]
SECOND = ["wipe", "later"]
"""The tools on the second page; `grow` adds one."""


def page(types: Any, cursor: str | None, schema: str) -> Any:
    """Return one page of the tools."""
    names, following = (SECOND, None) if cursor == "2" else (FIRST, "2")
    tools = [types.Tool(**{"name": name, schema: REGION}) for name in names]
    return types.ListToolsResult(tools=tools, nextCursor=following)


def called(name: str) -> str:
    """Run one tool."""
    if name == "fail":
        raise ZeroDivisionError("inside")
    if name == "grow":
        SECOND.append("extra")
    return name


def build_v1() -> Any:
    """Return a server of the SDK 1.x."""
    from mcp import types
    from mcp.server.lowlevel import Server

    server: Any = Server("low", version="3.1")
    server.experimental.enable_tasks()

    async def list_tools(request: Any) -> Any:
        asked = getattr(request, "params", None)
        return page(types, getattr(asked, "cursor", None), "inputSchema")

    async def call_tool(name: str, arguments: dict[str, Any]) -> Any:
        if name != "later":
            return [types.TextContent(type="text", text=called(name))]

        async def work(task: Any) -> types.CallToolResult:
            content = [types.TextContent(type="text", text="it failed in the end")]
            return types.CallToolResult(content=content, isError=True)

        return await server.request_context.experimental.run_task(work)

    # The SDK tells by the annotations, as types and not as text, that it may ask for a page.
    list_tools.__annotations__ = {"request": types.ListToolsRequest, "return": None}
    server.list_tools()(list_tools)
    server.call_tool(validate_input=False)(call_tool)
    return server


def build_v2() -> Any:
    """Return a server of the SDK 2.x."""
    import mcp_types as types
    from mcp.server.lowlevel import Server

    async def list_tools(ctx: Any, params: Any) -> Any:
        return page(types, getattr(params, "cursor", None), "inputSchema")

    async def call_tool(ctx: Any, params: Any) -> Any:
        content = [types.TextContent(type="text", text=called(params.name))]
        return types.CallToolResult(content=content)

    return Server("low", version="3.1", on_list_tools=list_tools, on_call_tool=call_tool)


def app_of(server: Any, stack: str, state: str) -> Any:
    """Return an app that serves the server; with the SDK 1.x it is made by hand, and audited."""
    if stack == "mcp2":
        return server.streamable_http_app()
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
    from starlette.applications import Starlette
    from starlette.routing import Mount

    import indelible

    manager = StreamableHTTPSessionManager(server)

    @contextlib.asynccontextmanager
    async def lifespan(app: Any) -> Any:
        async with manager.run():
            yield

    app = Starlette(routes=[Mount("/mcp", manager.handle_request)], lifespan=lifespan)
    return indelible.audit(app, state=state, name="low")


async def serve(server: Any, stack: str, state: str) -> None:
    """Serve over HTTP on a free port of this machine."""
    import uvicorn

    listener = socket.create_server(("127.0.0.1", 0))
    app = app_of(server, stack, state)
    os.write(1, f"{listener.getsockname()[1]}\n".encode())
    config = uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1)
    await uvicorn.Server(config).serve(sockets=[listener])


async def talk(server: Any) -> None:
    """Serve over stdio."""
    from mcp.server.stdio import stdio_server

    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


def main() -> None:
    """Serve until the input ends, or until killed."""
    stack, transport, state = sys.argv[1:]
    logging.disable(logging.CRITICAL)
    import indelible
    from indelible.capture import assemble

    assemble.start_collection = lambda state: True  # the test reads the spool itself
    server = indelible.audit(build_v1() if stack == "mcp1" else build_v2(), state=state)
    asyncio.run(talk(server) if transport == "stdio" else serve(server, stack, state))


if __name__ == "__main__":
    main()
