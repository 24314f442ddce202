"""The conformance suite's server on the MCP SDK 2.x. Not a test.

python -m tests.conformance.server_v2 CALLS
"""

from __future__ import annotations

import json
from typing import Any

import anyio
import mcp_types as types
from mcp.server.caching import CacheHint
from mcp.server.lowlevel.server import Server
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.server.streamable_http import EventStore
from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    ListenHandler,
    PromptsListChanged,
    ToolsListChanged,
)
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata

from tests.conformance import catalogue
from tests.conformance.serving import Replay, note, serve

Context = Any
Answer = types.CallToolResult | types.InputRequiredResult
CHANGES = InMemorySubscriptionBus()
REQUESTS: dict[str, tuple[Any, Any]] = {
    "elicitation/create": (types.ElicitRequest, types.ElicitResult),
    "sampling/createMessage": (types.CreateMessageRequest, types.CreateMessageResult),
}


class Events(Replay, EventStore):
    """What was sent, for who comes back for it."""


def said(*blocks: dict[str, Any], failed: bool = False) -> types.CallToolResult:
    """Return the result of a tool."""
    return types.CallToolResult.model_validate({"content": blocks, "isError": failed})


async def call_tool(ctx: Context, params: types.CallToolRequestParams) -> Answer:
    """Answer `tools/call`."""
    note(params.name)
    name = params.name
    if name in catalogue.ANSWERS:
        return said(*catalogue.ANSWERS[name])
    if name in catalogue.FORMS:
        request = catalogue.FORMS[name]
        if message := (params.arguments or {}).get("message"):
            request = {**request, "params": {**request["params"], "message": message}}
        return await ask(ctx, request)
    if name in catalogue.ROUNDS:
        asked = question(ctx, name, params)
        return asked or said(catalogue.text(f"state-ok: {answers(params)}"))
    if name in catalogue.ACTIVE:
        return await DO[name](ctx, params.arguments or {})
    raise MCPError(types.INVALID_PARAMS, f"no tool {name}")


async def ask(ctx: Context, request: dict[str, Any]) -> types.CallToolResult:
    """Ask the client over the connection, and give back what it says."""
    kind, answer = REQUESTS[request["method"]]
    related = ServerMessageMetadata(related_request_id=ctx.request_id)
    got = await ctx.session.send_request(kind.model_validate(request), answer, metadata=related)
    return said(catalogue.text(f"The client said: {got.model_dump_json(by_alias=True)}"))


def question(ctx: Context, name: str, params: Any) -> types.InputRequiredResult | None:
    """Return what is to be asked now, or None once everything was answered."""
    rounds = catalogue.ROUNDS[name]
    number = int(params.request_state or 0)
    given = params.input_responses or {}
    if all(key in given for key in rounds[number]):
        number += 1
    if number == len(rounds):
        return None
    wanted: dict[str, Any] = {"inputRequests": allowed(ctx, name, rounds[number])}
    if name in catalogue.STATEFUL:
        wanted["requestState"] = str(number)
    return types.InputRequiredResult.model_validate(wanted)


def allowed(ctx: Context, name: str, requests: dict[str, Any]) -> dict[str, Any]:
    """Return those of *requests* that the client is able to answer, where that is the point."""
    if name != "test_input_required_result_capabilities":
        return requests
    able = ctx.session.client_capabilities.model_dump(by_alias=True, exclude_none=True)
    return {key: one for key, one in requests.items() if one["method"].split("/")[0] in able}


def answers(params: Any) -> str:
    """Return what the client answered, as text."""
    given = params.input_responses or {}
    return json.dumps({key: one.model_dump(mode="json") for key, one in given.items()})


async def log(ctx: Context, _: dict[str, Any]) -> Answer:
    """Say three things while working."""
    for number, data in enumerate(catalogue.LOGGED):
        await anyio.sleep(0.05 if number else 0)
        await ctx.session.send_log_message("info", data, related_request_id=ctx.request_id)
    return said(catalogue.text("Logged three times."))


async def progress(ctx: Context, _: dict[str, Any]) -> Answer:
    """Report in three steps."""
    for done in (0, 50, 100):
        await anyio.sleep(0.05 if done else 0)
        await ctx.session.report_progress(done, 100)
    return said(catalogue.text("Three steps."))


async def fail(ctx: Context, _: dict[str, Any]) -> Answer:
    """Fail as a tool does."""
    return said(catalogue.text(catalogue.FAILURE), failed=True)


async def sample(ctx: Context, arguments: dict[str, Any]) -> Answer:
    """Ask the client's model."""
    return await ask(ctx, catalogue.sampling(arguments["prompt"]))


async def part(ctx: Context, _: dict[str, Any]) -> Answer:
    """Close the stream before there is an answer: the client comes back for it."""
    if ctx.close_sse_stream is not None:
        await ctx.close_sse_stream()
    await anyio.sleep(0.1)
    return said(catalogue.text("You came back."))


async def need(ctx: Context, _: dict[str, Any]) -> Answer:
    """Refuse a client that cannot sample."""
    able = ctx.session.client_capabilities
    if able is None or able.sampling is None:
        lacking = {"requiredCapabilities": {"sampling": {}}}
        raise MCPError(types.MISSING_REQUIRED_CLIENT_CAPABILITY, "sampling is needed", lacking)
    return said(catalogue.text("You can sample."))


async def change_tools(ctx: Context, _: dict[str, Any]) -> Answer:
    """Say that there are other tools now."""
    await CHANGES.publish(ToolsListChanged())
    return said(catalogue.text("Changed."))


async def change_prompts(ctx: Context, _: dict[str, Any]) -> Answer:
    """Say that there are other prompts now."""
    await CHANGES.publish(PromptsListChanged())
    return said(catalogue.text("Changed."))


DO = {
    "test_tool_with_logging": log,
    "test_logging_tool": log,
    "test_tool_with_progress": progress,
    "test_error_handling": fail,
    "test_sampling": sample,
    "test_reconnection": part,
    "test_missing_capability": need,
    "test_trigger_tool_change": change_tools,
    "test_trigger_prompt_change": change_prompts,
}


async def list_tools(ctx: Context, params: Any) -> types.ListToolsResult:
    """Answer `tools/list`."""
    return types.ListToolsResult.model_validate({"tools": catalogue.TOOLS})


async def list_resources(ctx: Context, params: Any) -> types.ListResourcesResult:
    """Answer `resources/list`."""
    return types.ListResourcesResult.model_validate({"resources": catalogue.RESOURCES})


async def list_templates(ctx: Context, params: Any) -> types.ListResourceTemplatesResult:
    """Answer `resources/templates/list`."""
    found = {"resourceTemplates": catalogue.TEMPLATES}
    return types.ListResourceTemplatesResult.model_validate(found)


async def read_resource(ctx: Context, params: Any) -> types.ReadResourceResult:
    """Answer `resources/read`."""
    uri = str(params.uri)
    found = catalogue.contents(uri)
    if found is None:
        raise MCPError(types.INVALID_PARAMS, "Resource not found", {"uri": uri})
    return types.ReadResourceResult.model_validate({"contents": [found]})


async def accept(ctx: Context, params: Any) -> types.EmptyResult:
    """Answer what needs no answer."""
    return types.EmptyResult()


async def list_prompts(ctx: Context, params: Any) -> types.ListPromptsResult:
    """Answer `prompts/list`."""
    return types.ListPromptsResult.model_validate({"prompts": catalogue.PROMPTS})


async def get_prompt(
    ctx: Context, params: types.GetPromptRequestParams
) -> types.GetPromptResult | types.InputRequiredResult:
    """Answer `prompts/get`."""
    if params.name == catalogue.PROMPT_OF_ROUNDS:
        if asked := question(ctx, params.name, params):
            return asked
        found = [{"role": "user", "content": catalogue.text(answers(params))}]
    else:
        found = catalogue.messages(params.name, params.arguments or {})
    if found is None:
        raise MCPError(types.INVALID_PARAMS, f"no prompt {params.name}")
    return types.GetPromptResult.model_validate({"messages": found})


async def complete(ctx: Context, params: Any) -> types.CompleteResult:
    """Answer `completion/complete`."""
    known = {"values": ["paris", "park", "party"], "total": 3, "hasMore": False}
    return types.CompleteResult.model_validate({"completion": known})


def build() -> Server[Any]:
    """Return the server."""
    schemas = {tool["name"]: tool["inputSchema"] for tool in catalogue.TOOLS}
    listed = ("tools/list", "prompts/list", "resources/list", "resources/templates/list")
    server: Server[Any] = Server(
        "conformance",
        version="1.0.0",
        cache_hints={method: CacheHint(ttl_ms=0) for method in (*listed, "resources/read")},
        get_tool_input_schema=schemas.get,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=list_resources,
        on_list_resource_templates=list_templates,
        on_read_resource=read_resource,
        on_subscribe_resource=accept,
        on_unsubscribe_resource=accept,
        on_subscriptions_listen=ListenHandler(CHANGES),
        on_list_prompts=list_prompts,
        on_get_prompt=get_prompt,
        on_completion=complete,
        on_set_logging_level=accept,
    )
    security = RequestStateSecurity.ephemeral()
    server.middleware.append(RequestStateBoundary(security, default_audience=server.name))
    return server


if __name__ == "__main__":
    serve(build().streamable_http_app(event_store=Events(), retry_interval=100))
