"""The server of `indelible demo`: a small CRM on the official SDK, nothing of ours in it."""

from __future__ import annotations

import os
import signal

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations

READ = ToolAnnotations(read_only_hint=True)
WRITE = ToolAnnotations(read_only_hint=False, destructive_hint=False)
DESTRUCTIVE = ToolAnnotations(read_only_hint=False, destructive_hint=True)

OWNER = "crm.owner@acme.example"
"""Planted: it is in an error's text."""


def find_contact(query: str) -> str:
    """Find a contact by name or e-mail address."""
    return f"1 contact matches: #42 Ann Lee, asked as {query}"


def add_contact(profile: dict[str, object], note: str) -> str:
    """Add a contact."""
    return f"added with {len(profile)} fields, note of {len(note)} characters"


def import_contacts(source: str) -> str:
    """Import contacts from a JSON document."""
    return f"imported {len(source)} characters"


def delete_contact(contact_id: int) -> str:
    """Delete a contact for good."""
    if contact_id > 1000:
        raise ToolError(f"no contact {contact_id}: ask {OWNER}")
    return f"deleted #{contact_id}"


def merge_contacts(first: int, second: int) -> str:
    """Merge two contacts; its bug is that the server dies while it does."""
    os.kill(os.getpid(), signal.SIGKILL)
    return f"merged {first} and {second}"


def build() -> MCPServer:
    """Return the server with its tools, each with the hints a client would be shown."""
    server: MCPServer = MCPServer("crm", version="2.4.0", log_level="ERROR")
    server.add_tool(find_contact, annotations=READ)
    server.add_tool(add_contact, annotations=WRITE)
    server.add_tool(import_contacts, annotations=WRITE)
    server.add_tool(delete_contact, annotations=DESTRUCTIVE)
    server.add_tool(merge_contacts, annotations=DESTRUCTIVE)
    return server


if __name__ == "__main__":
    build().run("stdio")
