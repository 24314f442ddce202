"""A server on the official SDK 2.x. With ``--audit STATE`` it records itself."""

from __future__ import annotations

import sys

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.shared.exceptions import MCPError
from mcp_types import ToolAnnotations

READ = ToolAnnotations(read_only_hint=True)
DESTRUCTIVE = ToolAnnotations(read_only_hint=False, destructive_hint=True)


def peek(name: str = "x") -> str:
    """Look."""
    return f"saw {name}"


def wipe(name: str) -> str:
    """Delete."""
    return f"wiped {name}"


def fail(text: str) -> str:
    """Fail as a tool may."""
    raise ToolError(text)


def crash() -> str:
    """Fail as a tool may not."""
    raise ZeroDivisionError("secret of the inside")


def refuse() -> str:
    """Fail as the protocol does."""
    raise MCPError(-32_050, "refused by the tool")


def build() -> MCPServer:
    server: MCPServer = MCPServer("crm", version="2.4.0", log_level="CRITICAL")
    server.add_tool(peek, annotations=READ)
    server.add_tool(wipe, annotations=DESTRUCTIVE)
    for tool in (fail, crash, refuse):
        server.add_tool(tool)
    return server


if __name__ == "__main__":
    made = build()
    if sys.argv[1:2] == ["--audit"]:
        import indelible

        assert indelible.audit(made, state=sys.argv[2]) is made
    made.run("stdio")
