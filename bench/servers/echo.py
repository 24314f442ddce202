"""The smallest server of the MCP SDK 2.x: one tool that gives back its argument."""

from __future__ import annotations

from mcp.server.mcpserver import MCPServer

server = MCPServer("echo", version="1.0.0")


@server.tool()
def echo(text: str) -> str:
    """Return *text*."""
    return text


if __name__ == "__main__":
    server.run("stdio")
