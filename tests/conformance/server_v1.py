"""The conformance suite's server on the MCP SDK 1.x, run by that SDK's Python. Not a test.

python -m tests.conformance.server_v1 CALLS
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import anyio
from mcp import types
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.lowlevel.server import Server
from mcp.server.streamable_http import EventStore
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from mcp.shared.exceptions import McpError
from mcp.shared.message import ServerMessageMetadata
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.conformance import catalogue
from tests.conformance.serving import Replay, note, serve

REQUESTS: dict[str, tuple[Any, Any]] = {
    "elicitation/create": (types.ElicitRequest, types.ElicitResult),
    "sampling/createMessage": (types.CreateMessageRequest, types.CreateMessageResult),
}
NEWER = ("test_missing_capability", "test_trigger_tool_change", "test_trigger_prompt_change")
"""Tools that only a newer revision makes sense of."""
SERVER: Server[Any, Any] = Server("conformance", version="1.0.0")
TOOLS = [
    tool
    for tool in catalogue.TOOLS
    if tool["name"] not in catalogue.ROUNDS and tool["name"] not in NEWER
]


class Events(Replay, EventStore):
    """What was sent, for who comes back for it."""


def said(*blocks: dict[str, Any], failed: bool = False) -> types.CallToolResult:
    """Return the result of a tool."""
    return types.CallToolResult.model_validate({"content": blocks, "isError": failed})


async def ask(request: dict[str, Any]) -> types.CallToolResult:
    """Ask the client over the connection, and give back what it says."""
    kind, answer = REQUESTS[request["method"]]
    context = SERVER.request_context
    got = await context.session.send_request(
        types.ServerRequest(kind.model_validate(request)),
        answer,
        metadata=ServerMessageMetadata(related_request_id=context.request_id),
    )
    return said(catalogue.text(f"The client said: {got.model_dump_json(by_alias=True)}"))


@SERVER.list_tools()
async def list_tools() -> list[types.Tool]:
    """Answer `tools/list`."""
    return [types.Tool.model_validate(tool) for tool in TOOLS]


@SERVER.call_tool(validate_input=False)
async def call_tool(name: str, arguments: dict[str, Any]) -> types.CallToolResult:
    """Answer `tools/call`."""
    note(name)
    if name in catalogue.ANSWERS:
        return said(*catalogue.ANSWERS[name])
    if name in catalogue.FORMS:
        request = catalogue.FORMS[name]
        if message := arguments.get("message"):
            request = {**request, "params": {**request["params"], "message": message}}
        return await ask(request)
    if name == "test_sampling":
        return await ask(catalogue.sampling(arguments["prompt"]))
    if name in {"test_tool_with_logging", "test_logging_tool"}:
        return await log()
    if name == "test_tool_with_progress":
        return await progress()
    if name == "test_reconnection":
        return await part()
    return said(catalogue.text(catalogue.FAILURE), failed=True)


async def log() -> types.CallToolResult:
    """Say three things while working."""
    context = SERVER.request_context
    for number, data in enumerate(catalogue.LOGGED):
        await anyio.sleep(0.05 if number else 0)
        await context.session.send_log_message("info", data, related_request_id=context.request_id)
    return said(catalogue.text("Logged three times."))


async def progress() -> types.CallToolResult:
    """Report in three steps."""
    context = SERVER.request_context
    token = context.meta.progressToken if context.meta else None
    for done in (0, 50, 100):
        await anyio.sleep(0.05 if done else 0)
        if token is not None:
            related = str(context.request_id)
            await context.session.send_progress_notification(
                token, done, 100, related_request_id=related
            )
    return said(catalogue.text("Three steps."))


async def part() -> types.CallToolResult:
    """Close the stream before there is an answer: the client comes back for it."""
    close = SERVER.request_context.close_sse_stream
    if close is not None:
        await close()
    await anyio.sleep(0.1)
    return said(catalogue.text("You came back."))


@SERVER.list_resources()
async def list_resources() -> list[types.Resource]:
    """Answer `resources/list`."""
    return [types.Resource.model_validate(one) for one in catalogue.RESOURCES]


@SERVER.list_resource_templates()
async def list_templates() -> list[types.ResourceTemplate]:
    """Answer `resources/templates/list`."""
    return [types.ResourceTemplate.model_validate(one) for one in catalogue.TEMPLATES]


@SERVER.read_resource()
async def read_resource(uri: Any) -> list[ReadResourceContents]:
    """Answer `resources/read`."""
    found = catalogue.contents(str(uri))
    if found is None:
        raise McpError(types.ErrorData(code=types.INVALID_PARAMS, message="Resource not found"))
    if "blob" in found:
        import base64

        return [ReadResourceContents(base64.b64decode(found["blob"]), found["mimeType"])]
    return [ReadResourceContents(found["text"], found["mimeType"])]


@SERVER.subscribe_resource()
async def subscribe(uri: Any) -> None:
    """Answer `resources/subscribe`."""


@SERVER.unsubscribe_resource()
async def unsubscribe(uri: Any) -> None:
    """Answer `resources/unsubscribe`."""


@SERVER.set_logging_level()
async def set_level(level: Any) -> None:
    """Answer `logging/setLevel`."""


@SERVER.list_prompts()
async def list_prompts() -> list[types.Prompt]:
    """Answer `prompts/list`."""
    return [
        types.Prompt.model_validate(one)
        for one in catalogue.PROMPTS
        if one["name"] != catalogue.PROMPT_OF_ROUNDS
    ]


@SERVER.get_prompt()
async def get_prompt(name: str, arguments: dict[str, str] | None) -> types.GetPromptResult:
    """Answer `prompts/get`."""
    found = catalogue.messages(name, arguments or {})
    if found is None:
        raise McpError(types.ErrorData(code=types.INVALID_PARAMS, message=f"no prompt {name}"))
    return types.GetPromptResult.model_validate({"messages": found})


@SERVER.completion()
async def complete(ref: Any, argument: Any, context: Any) -> types.Completion:
    """Answer `completion/complete`."""
    return types.Completion(values=["paris", "park", "party"], total=3, hasMore=False)


def app() -> Starlette:
    """Return the server as an app that refuses other hosts and origins than this one."""
    local = ["127.0.0.1:*", "localhost:*"]
    manager = StreamableHTTPSessionManager(
        SERVER,
        event_store=Events(),
        retry_interval=100,
        security_settings=TransportSecuritySettings(
            enable_dns_rebinding_protection=True,
            allowed_hosts=local,
            allowed_origins=[f"http://{host}" for host in local],
        ),
    )

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with manager.run():
            yield

    return Starlette(routes=[Mount("/", app=manager.handle_request)], lifespan=lifespan)


if __name__ == "__main__":
    serve(app())
