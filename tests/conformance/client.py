"""The conformance suite's client on the MCP SDK 2.x. Not a test.

    python -m tests.conformance.client URL

It does everything that the server offers, once. The suite says in the environment which
scenario it plays, which revision is spoken, and what else the client should know.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from typing import Any

import anyio
import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp_types import ElicitResult

from tests.conformance.client_login import login
from tests.conformance.proxied import VIA

SCENARIO = os.environ["MCP_CONFORMANCE_SCENARIO"]
LEGACY = os.environ.get("MCP_CONFORMANCE_PROTOCOL_VERSION", "2025-11-25") < "2026"
CONTEXT: dict[str, Any] = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT", "{}"))
EXAMPLES = {"string": "text", "number": 5, "integer": 5, "boolean": True, "array": []}


class Detour(httpx2.AsyncHTTPTransport):
    """Takes requests for one origin to another and leaves them as they are, `Host` included.

    So the proxy stands where the server is known to be, as behind a public name.
    """

    def __init__(self, meant: str, taken: str) -> None:
        super().__init__()
        self._meant, self._taken = httpx2.URL(meant), httpx2.URL(taken)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send *request* to where it is really to go."""
        if request.url.netloc == self._meant.netloc:
            request.url = request.url.copy_with(host=self._taken.host, port=self._taken.port)
        return await super().handle_async_request(request)


async def accept(_: Any, params: Any) -> ElicitResult:
    """Accept what the server asks for, with its own defaults where it has some."""
    properties = params.requested_schema["properties"]
    given = {name: one.get("default", example(one)) for name, one in properties.items()}
    return ElicitResult(action="accept", content=given)


def example(schema: dict[str, Any]) -> Any:
    """Return a value that fits *schema*."""
    return schema.get("enum", [EXAMPLES.get(schema.get("type", ""))])[0]


def arguments(schema: dict[str, Any], listed: list[Any]) -> dict[str, Any]:
    """Return arguments that fit *schema*; whoever takes a schema is given that of the first."""
    properties = schema.get("properties", {})
    if "schema" in properties:
        return {"schema": listed[0].input_schema}
    required = schema.get("required", properties)
    return {name: example(properties.get(name, {})) for name in required}


async def use_tools(client: Client) -> None:
    """Call every tool, with what the suite says or with what fits."""
    tools = (await client.list_tools()).tools
    told = {one["name"]: one["arguments"] for one in CONTEXT.get("toolCalls", [])}
    for tool in tools:
        given = told.get(tool.name)
        await client.call_tool(
            tool.name, arguments(tool.input_schema, tools) if given is None else given
        )


async def use_resources(client: Client) -> None:
    """Read every resource."""
    for resource in (await client.list_resources()).resources:
        await client.read_resource(resource.uri)


async def use_prompts(client: Client) -> None:
    """Get every prompt."""
    for prompt in (await client.list_prompts()).prompts:
        wanted = {one.name: "text" for one in prompt.arguments or []}
        await client.get_prompt(prompt.name, wanted)


async def main(url: str) -> None:
    """Play the scenario."""
    auth = login(url, CONTEXT) if SCENARIO.startswith("auth/") else None
    road = Detour(url, os.environ[VIA]) if VIA in os.environ else None
    async with httpx2.AsyncClient(auth=auth, transport=road, timeout=30) as http:
        transport = streamable_http_client(url, http_client=http)
        mode = "legacy" if LEGACY else "auto"
        async with Client(transport, mode=mode, elicitation_callback=accept) as client:
            offered = client.server_capabilities
            await use_tools(client)
            if offered.resources is not None:
                await use_resources(client)
            if offered.prompts is not None:
                await use_prompts(client)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    try:
        anyio.run(main, sys.argv[1])
    except* MCPError as refused:
        print(f"refused: {refused.exceptions}", file=sys.stderr)
        sys.exit(1)
