"""A small server on each SDK, run by the Python of that SDK's environment. Not a test.

    python server.py STACK stdio|http STATE [PROFILE|--bare]

Over HTTP it prints its port as its first line.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import socket
import sys
import time
import warnings
from typing import Any

STACKS = ("mcp1", "mcp2", "fastmcp2", "fastmcp3", "fastmcp4")

warnings.simplefilter("ignore")

INSIDE: dict[str, list[asyncio.Event]] = {}
"""Those who wait for others in `together`."""

Context: Any = None
"""The SDK's own, set by `build`: it is told by the annotations of the tools."""


def build(stack: str) -> Any:
    """Return the server: the same tools, resource and prompt on every SDK."""
    if stack == "mcp1":
        from mcp.server.fastmcp import Context, FastMCP
        from mcp.server.fastmcp.exceptions import ToolError

        server = FastMCP("crm", log_level="CRITICAL")
    elif stack == "mcp2":
        from mcp.server.mcpserver import Context
        from mcp.server.mcpserver import MCPServer as FastMCP
        from mcp.server.mcpserver.exceptions import ToolError

        server = FastMCP("crm", log_level="CRITICAL")
    else:
        from fastmcp import Context, FastMCP
        from fastmcp.exceptions import ToolError

        more = {"mask_error_details": True}
        server = FastMCP("crm", **more)
    globals()["Context"] = Context  # the SDKs read the annotations of the tools below
    globals()["ToolError"] = ToolError
    for tool in TOOLS:
        server.tool()(tool)
    server.resource("crm://one")(one)
    server.prompt()(hello)
    if stack.startswith("fastmcp"):
        mount(server, FastMCP("inner"))
    globals()["SERVER"] = server
    return server


def mount(server: Any, inner: Any) -> None:
    """Mount another server: its tools are called through both."""
    inner.tool()(deep)
    inner.tool()(deep_crash)
    server.mount(inner, "inner")


def echo(text: str, password: str = "") -> str:
    """Say it again."""
    return text


def crash(secret: str = "none") -> str:
    """Fail in a way that is nobody's business."""
    raise ZeroDivisionError(f"inside {secret}")


async def slow() -> str:
    """Take long, and let itself be interrupted."""
    await asyncio.sleep(60)
    return "late"


def blocking(seconds: float = 1.0) -> str:
    """Take long, and let itself not be interrupted."""
    time.sleep(seconds)
    return "late"


async def ask(ctx: Context) -> str:
    """Ask the client for its roots."""
    answer = await ctx.session.list_roots()
    return str(len(answer.roots))


async def sample(ctx: Context) -> str:
    """Ask the client's model."""
    from mcp import types

    question = types.TextContent(type="text", text="who am I?")
    said = types.SamplingMessage(role="user", content=question)
    answer = await ctx.session.create_message(messages=[said], max_tokens=5)
    return str(answer.content.text)


async def elicit(ctx: Context) -> str:
    """Ask the client's user."""
    schema = {"type": "object", "properties": {"name": {"type": "string"}}}
    answer = await ctx.session.elicit_form("who are you?", schema)
    return str(answer.action)


async def outer() -> str:
    """Call a tool that fails, and make something else of it."""
    with contextlib.suppress(Exception):
        await SERVER.call_tool("crash", {})  # noqa: F821 — set by `build`
    raise ToolError("said to the client")  # noqa: F821 — set by `build`


def size(text: str) -> str:
    """Say how much it was."""
    return str(len(text))


def huge(count: int) -> str:
    """Say much."""
    return "y" * count


def odd() -> Any:
    """Return what cannot be written as JSON."""
    return object()


async def nap(seconds: float) -> str:
    """Take a while, as many at once as there are."""
    await asyncio.sleep(seconds)
    return "rested"


async def together(group: str, count: int) -> str:
    """Return when so many calls have come to this point."""
    inside = INSIDE.setdefault(group, [])
    mine = asyncio.Event()
    inside.append(mine)
    if len(inside) == count:
        for one in inside:
            one.set()
    await mine.wait()
    return "all here"


def mark(path: str) -> str:
    """Leave a file: proof that it ran."""
    with open(path, "w"):
        return "marked"


def narrow(size: int) -> str:
    """Have no file grow beyond a size, as on a full disk; 0 makes room again."""
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size or most, most))
    return "done"


async def stubborn() -> str:
    """Be cancelled, and go on to the end all the same."""
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(60)
    return "done all the same"


async def tell(ctx: Context) -> str:
    """Tell the client of progress, and that there are other tools."""
    await ctx.report_progress(1, 2)
    await ctx.session.send_tool_list_changed()
    return "told"


def grow() -> str:
    """Add a tool."""
    SERVER.tool()(extra)  # noqa: F821 — set by `build`
    return "grown"


def extra() -> str:
    """Be new."""
    return "new"


def deep() -> str:
    """Lie in a mounted server."""
    return "deep"


def deep_crash() -> str:
    """Fail in a mounted server."""
    raise ZeroDivisionError("deep inside")


def one() -> str:
    """Return the only contact."""
    return "ann"


def hello(name: str) -> str:
    """Greet."""
    return f"Hello {name}"


TOOLS = (
    *(echo, crash, slow, blocking, ask, tell, grow),
    *(sample, elicit, outer, size, huge, odd, nap, together, mark, narrow, stubborn),
)


def main() -> None:
    """Serve until the input ends, or until killed."""
    stack, transport, state, *rest = sys.argv[1:]
    logging.disable(logging.CRITICAL)
    import indelible
    from indelible.capture import assemble

    if "--no-collection" in rest:
        assemble.start_collection = lambda state: True  # the test reads the spool itself
        rest.remove("--no-collection")
    server = build(stack)
    if rest != ["--bare"]:
        assert indelible.audit(server, state=state, profile=rest[0] if rest else "dev") is server
    if transport == "stdio":
        server.run("stdio", **({"show_banner": False} if stack.startswith("fastmcp") else {}))
    else:
        serve(server, stack)


def serve(server: Any, stack: str) -> None:
    """Serve over HTTP on a free port of this machine."""
    import uvicorn

    app = server.http_app() if stack.startswith("fastmcp") else server.streamable_http_app()
    listener = socket.create_server(("127.0.0.1", 0))
    os.write(1, f"{listener.getsockname()[1]}\n".encode())
    config = uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
