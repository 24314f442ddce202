"""The client of `indelible demo`: the official SDK's own, over stdio, and what it asks for."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError

from indelible.cli.demo_server import OWNER
from indelible.errors import StateError

TIMEOUT_S = 15.0
"""Nothing the demo asks for takes this long; a hang is a failure."""

# Put together here so that no scanner of repositories takes them for real ones.
PASSWORD = "correct-horse-" + "battery-9"
API_KEY = "sk-" + "proj-" + "T3stK3yT3stK3yT3stK3yT3stK3yT3st"
GITHUB_TOKEN = "ghp_" + "016C7R2mPq9sVt4XyZa1Bc3De5Fg7Hi9Jk0L"
EMAIL = "ann.lee" + "@" + "acme.example"
CARD = "4111 1111 1111 " + "1111"
SECRETS = {
    "nested password": PASSWORD,
    "API key in a note": API_KEY,
    "token in JSON in a string": GITHUB_TOKEN,
    "e-mail address": EMAIL,
    "card number": CARD,
    "card number, digits only": CARD.replace(" ", ""),
    "e-mail address in an error": OWNER,
}

_IMPORT = json.dumps({"rows": [{"name": "Cy", "remark": f"uses {GITHUB_TOKEN}"}]})
FIRST_SESSION: list[tuple[str, dict[str, Any]]] = [
    ("find_contact", {"query": EMAIL}),
    (
        "add_contact",
        {
            "profile": {"name": "Bo", "login": {"user": "bo", "password": PASSWORD}},
            "note": f"moved over with {API_KEY}, pays with {CARD}",
        },
    ),
    ("import_contacts", {"source": _IMPORT}),
    ("delete_contact", {"contact_id": 42}),
    ("delete_contact", {"contact_id": 4200}),
]
SECOND_SESSION: list[tuple[str, dict[str, Any]]] = [
    ("delete_contact", {"contact_id": 43}),
    ("find_contact", {"query": "Bo"}),
    ("merge_contacts", {"first": 1, "second": 2}),
]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the client got for one call."""

    tool: str
    what: str
    """``ok``, ``error`` (the tool's own), or ``lost``: the connection ended."""
    said: str


def call(
    command: Sequence[str], calls: Sequence[tuple[str, dict[str, Any]]], *, errors: Path
) -> list[Answer]:
    """Start *command* as an MCP server, make *calls* one after the other, and end it.

    Args:
        errors: Where the server's stderr goes.

    Raises:
        StateError: If the server does not start, ends too early, or hangs.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if name == "PYTHONPATH" or name.startswith(("XDG_", "LANG", "LC_"))
    }
    parameters = StdioServerParameters(command=command[0], args=list(command[1:]), env=environment)
    try:
        with errors.open("a", encoding="utf-8") as stream:
            return asyncio.run(_call(parameters, calls, stream))
    except* (MCPError, OSError) as group:
        reason = group.exceptions[0]
    raise StateError(
        f"demo: the wrapped server cannot be talked to: {reason}",
        hint=f"run it with --keep, then read {errors.name} in the directory that it names",
    )


async def _call(
    parameters: StdioServerParameters, calls: Sequence[tuple[str, dict[str, Any]]], errors: Any
) -> list[Answer]:
    answers: list[Answer] = []
    async with (
        asyncio.timeout(TIMEOUT_S),
        Client(stdio_client(parameters, errlog=errors)) as client,
    ):
        await client.list_tools()
        for tool, arguments in calls:
            try:
                result = await client.call_tool(tool, arguments)
            except MCPError as error:
                answers.append(Answer(tool, "lost", str(error)))
                break
            said = " ".join(getattr(part, "text", "") for part in result.content)
            answers.append(Answer(tool, "error" if result.is_error else "ok", said))
    return answers


def server_command() -> list[str]:
    """Return the command of the demo's server."""
    return [sys.executable, "-m", "indelible.cli.demo_server"]
