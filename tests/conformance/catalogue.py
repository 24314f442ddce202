"""What the conformance suite asks a server for, as it stands on the wire: no SDK, no behaviour.

The names and texts are the suite's; two servers, one for each SDK, give them life.
"""

from __future__ import annotations

from typing import Any

Wire = dict[str, Any]

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJg"
    "gg=="
)
"""One pixel as PNG."""
SILENCE = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA="
"""No sample at all, as WAV."""

NOTHING: Wire = {"type": "object", "properties": {}}


def text(words: str) -> Wire:
    """Return a block of text."""
    return {"type": "text", "text": words}


def image() -> Wire:
    """Return a block with a picture."""
    return {"type": "image", "data": PIXEL, "mimeType": "image/png"}


def embedded(uri: str, words: str, kind: str = "text/plain") -> Wire:
    """Return a block with a resource in it."""
    return {"type": "resource", "resource": {"uri": uri, "mimeType": kind, "text": words}}


ANSWERS: dict[str, list[Wire]] = {
    "test_simple_text": [text("This is a simple text response for testing.")],
    "test_image_content": [image()],
    "test_audio_content": [{"type": "audio", "data": SILENCE, "mimeType": "audio/wav"}],
    "test_embedded_resource": [
        embedded("test://embedded-resource", "This is an embedded resource content.")
    ],
    "test_multiple_content_types": [
        text("Multiple content types test:"),
        image(),
        embedded(
            "test://mixed-content-resource", '{"test":"data","value":123}', "application/json"
        ),
    ],
    "test_x_mcp_header": [text("The header agreed with the argument.")],
    "json_schema_2020_12_tool": [text("The schema was kept.")],
}
"""Tools that always answer the same."""

_PICKY: Wire = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


def _strings(*names: str) -> Wire:
    return {
        "type": "object",
        "properties": {name: {"type": "string"} for name in names},
        "required": list(names),
    }


_HEADER = _strings("region")
_HEADER["properties"]["region"]["x-mcp-header"] = "Region"

SCHEMAS: dict[str, Wire] = {
    "test_sampling": _strings("prompt"),
    "test_elicitation": _strings("message"),
    "test_x_mcp_header": _HEADER,
    "json_schema_2020_12_tool": _PICKY,
}
"""What tools take, where that is not nothing."""


def form(message: str, properties: Wire, required: list[str] | None = None) -> Wire:
    """Return a request for the user's input."""
    schema = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    return {
        "method": "elicitation/create",
        "params": {"mode": "form", "message": message, "requestedSchema": schema},
    }


def sampling(words: str, tokens: int = 100) -> Wire:
    """Return a request for what the client's model says to *words*."""
    message = {"role": "user", "content": text(words)}
    return {
        "method": "sampling/createMessage",
        "params": {"messages": [message], "maxTokens": tokens},
    }


def _titled(**titles: str) -> list[Wire]:
    return [{"const": value, "title": title} for value, title in titles.items()]


_OPTIONS = ["option1", "option2", "option3"]
_FIRST_OF_THREE = {"value1": "First Option", "value2": "Second Option", "value3": "Third Option"}
_CHOICES = {"value1": "First Choice", "value2": "Second Choice", "value3": "Third Choice"}

FORMS: dict[str, Wire] = {
    "test_elicitation": form(
        "",  # its argument
        {
            "username": {"type": "string", "description": "User's response"},
            "email": {"type": "string", "description": "User's email address"},
        },
        ["username", "email"],
    ),
    "test_elicitation_sep1034_defaults": form(
        "Is this you?",
        {
            "name": {"type": "string", "default": "John Doe"},
            "age": {"type": "integer", "default": 30},
            "score": {"type": "number", "default": 95.5},
            "status": {
                "type": "string",
                "enum": ["active", "inactive", "pending"],
                "default": "active",
            },
            "verified": {"type": "boolean", "default": True},
        },
    ),
    "test_elicitation_sep1330_enums": form(
        "Which ones?",
        {
            "untitledSingle": {"type": "string", "enum": _OPTIONS},
            "titledSingle": {"type": "string", "oneOf": _titled(**_FIRST_OF_THREE)},
            "legacyEnum": {
                "type": "string",
                "enum": ["opt1", "opt2", "opt3"],
                "enumNames": ["Option One", "Option Two", "Option Three"],
            },
            "untitledMulti": {"type": "array", "items": {"type": "string", "enum": _OPTIONS}},
            "titledMulti": {"type": "array", "items": {"anyOf": _titled(**_CHOICES)}},
        },
    ),
}
"""Tools that ask the user over the connection (up to 2025-11-25)."""

_NAME = {"user_name": form("What is your name?", {"name": {"type": "string"}}, ["name"])}
_ROOTS = {"client_roots": {"method": "roots/list", "params": {}}}
_CONFIRM = {"confirm": form("Please confirm", {"ok": {"type": "boolean"}}, ["ok"])}
_STEP_1 = form("Step 1: What is your name?", {"name": {"type": "string"}}, ["name"])
_STEP_2 = form("Step 2: What is your favorite color?", {"color": {"type": "string"}}, ["color"])
_CONTEXT = form("What context should the prompt use?", {"context": {"type": "string"}}, ["context"])

ROUNDS: dict[str, list[Wire]] = {
    "test_input_required_result_elicitation": [_NAME],
    "test_input_required_result_sampling": [
        {"capital_question": sampling("What is the capital of France?")}
    ],
    "test_input_required_result_list_roots": [_ROOTS],
    "test_input_required_result_request_state": [_CONFIRM],
    "test_input_required_result_tampered_state": [_CONFIRM],
    "test_input_required_result_multiple_inputs": [
        {**_NAME, "greeting": sampling("Generate a greeting", 50), **_ROOTS}
    ],
    "test_input_required_result_multi_round": [{"step1": _STEP_1}, {"step2": _STEP_2}],
    "test_input_required_result_capabilities": [
        {"greeting": sampling("Generate a greeting", 50), **_CONFIRM}
    ],
    "test_streaming_elicitation": [_NAME],
    "test_input_required_result_prompt": [{"user_context": _CONTEXT}],
}
"""What asks by its result (2026-07-28), round after round; the last is a prompt."""

STATEFUL = {name for name in ROUNDS if name.endswith(("_state", "_inputs", "_round"))}
"""Those of them whose question carries a state that must come back."""

ACTIVE = (
    "test_tool_with_logging",
    "test_logging_tool",
    "test_tool_with_progress",
    "test_error_handling",
    "test_sampling",
    "test_reconnection",
    "test_missing_capability",
    "test_trigger_tool_change",
    "test_trigger_prompt_change",
)
"""Tools that do something; what they do is in the servers."""

PROMPT_OF_ROUNDS = "test_input_required_result_prompt"
TOOLS: list[Wire] = [
    {
        "name": name,
        "description": f"As the conformance suite wants it: {name}",
        "inputSchema": SCHEMAS.get(name, NOTHING),
    }
    for name in [*ANSWERS, *FORMS, *ACTIVE, *ROUNDS]
    if name != PROMPT_OF_ROUNDS
]

LOGGED = ("Tool execution started", "Tool processing data", "Tool execution completed")
FAILURE = "This tool intentionally returns an error for testing"

RESOURCES: list[Wire] = [
    {
        "uri": "test://static-text",
        "name": "static-text",
        "description": "Text that does not change",
        "mimeType": "text/plain",
    },
    {
        "uri": "test://static-binary",
        "name": "static-binary",
        "description": "A picture that does not change",
        "mimeType": "image/png",
    },
    {
        "uri": "test://watched-resource",
        "name": "watched-resource",
        "description": "Something to subscribe to",
        "mimeType": "text/plain",
    },
]
TEMPLATES: list[Wire] = [
    {
        "uriTemplate": "test://template/{id}/data",
        "name": "template",
        "description": "Data for an id",
        "mimeType": "application/json",
    }
]


def contents(uri: str) -> Wire | None:
    """Return the contents of the resource at *uri*, or None where there is none."""
    if uri == "test://static-text":
        words = "This is the content of the static text resource."
        return {"uri": uri, "mimeType": "text/plain", "text": words}
    if uri == "test://watched-resource":
        return {"uri": uri, "mimeType": "text/plain", "text": "Nothing has happened."}
    if uri == "test://static-binary":
        return {"uri": uri, "mimeType": "image/png", "blob": PIXEL}
    before, after = "test://template/", "/data"
    if uri.startswith(before) and uri.endswith(after):
        given = uri[len(before) : -len(after)]
        words = f'{{"id":"{given}","templateTest":true,"data":"Data for ID: {given}"}}'
        return {"uri": uri, "mimeType": "application/json", "text": words}
    return None


def _argument(name: str) -> Wire:
    return {"name": name, "description": f"The {name}", "required": True}


PROMPTS: list[Wire] = [
    {"name": "test_simple_prompt", "description": "One sentence"},
    {
        "name": "test_prompt_with_arguments",
        "description": "A sentence with two gaps",
        "arguments": [_argument("arg1"), _argument("arg2")],
    },
    {
        "name": "test_prompt_with_embedded_resource",
        "description": "A resource and a sentence",
        "arguments": [_argument("resourceUri")],
    },
    {"name": "test_prompt_with_image", "description": "A picture and a sentence"},
    {"name": PROMPT_OF_ROUNDS, "description": "A sentence that has to be asked for"},
]


def messages(name: str, arguments: dict[str, str]) -> list[Wire] | None:
    """Return the messages of the prompt *name*, or None where there is none."""
    blocks = {
        "test_simple_prompt": lambda: [text("This is a simple prompt for testing.")],
        "test_prompt_with_arguments": lambda: [
            text(f"Prompt with arguments: arg1='{arguments['arg1']}', arg2='{arguments['arg2']}'")
        ],
        "test_prompt_with_embedded_resource": lambda: [
            embedded(arguments["resourceUri"], "Embedded resource content for testing."),
            text("Please process the embedded resource above."),
        ],
        "test_prompt_with_image": lambda: [image(), text("Please analyze the image above.")],
    }.get(name)
    if blocks is None:
        return None
    return [{"role": "user", "content": block} for block in blocks()]
