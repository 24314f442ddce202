"""A client of each SDK, which says what it has heard. Not a test.

    python talk.py STACK URL TOOL…

Each TOOL is ``name`` or ``name=JSON``. What is printed is the same whatever lies between.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import warnings
from typing import Any

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
HEARD: list[Any] = []


def plain(value: Any) -> Any:
    """Return a result as JSON has it."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
    return [plain(one) for one in value] if isinstance(value, list) else str(value)


async def call(session: Any, word: str) -> None:
    """Call one tool and keep what came of it."""
    name, _, arguments = word.partition("=")
    try:
        result = await session.call_tool(name, json.loads(arguments or "{}"))
    except Exception as error:  # noqa: BLE001 — it is what is compared
        HEARD.append([name, type(error).__name__, str(error)])
    else:
        HEARD.append([name, plain(getattr(result, "content", result))])


async def roots(*_: Any) -> Any:
    """Say which roots there are: none of each SDK's own kind."""
    types: Any = sys.modules.get("mcp_types") or sys.modules["mcp.types"]
    return types.ListRootsResult(roots=[{"uri": "file:///here"}])


async def old(url: str, words: list[str]) -> None:
    """Talk with the client of SDK 1.x."""
    from mcp import ClientSession  # type: ignore[attr-defined]
    from mcp.client.streamable_http import streamablehttp_client  # type: ignore[attr-defined]

    async with (
        streamablehttp_client(url) as (read, write, _),
        ClientSession(read, write, list_roots_callback=roots) as session,
    ):
        await session.initialize()
        await talk(session, words)


async def new(url: str, words: list[str]) -> None:
    """Talk with the client of SDK 2.x."""
    from mcp.client import Client

    async with Client(url, list_roots_callback=roots) as client:
        await talk(client, words)


async def fast(url: str, words: list[str]) -> None:
    """Talk with FastMCP's client."""
    from fastmcp import Client

    async with Client(url, roots=["file:///here"]) as client:
        await talk(client, words)


async def talk(session: Any, words: list[str]) -> None:
    """List the tools, and call some."""
    listed = await session.list_tools()
    tools = getattr(listed, "tools", listed)
    HEARD.append(sorted(tool.name for tool in tools))
    for word in words:
        await call(session, word)


def main() -> None:
    """Talk, and say what was heard."""
    stack, url, *words = sys.argv[1:]
    speak = {"mcp1": old, "mcp2": new}.get(stack, fast)
    asyncio.run(speak(url, words))
    print(json.dumps(HEARD))


if __name__ == "__main__":
    main()
