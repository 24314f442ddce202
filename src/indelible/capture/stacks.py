"""Which SDK a server is made with, told by its class alone: no SDK is loaded to find out."""

from __future__ import annotations

from typing import Any, NamedTuple

from indelible.errors import UsageError

HINT = (
    "pass a server of mcp (FastMCP, MCPServer or a low-level Server) or of fastmcp, "
    "or use `indelible wrap`"
)
_INSIDE_THE_SPAN = 1
"""Position in the chain: inside the SDK's OpenTelemetry span, outside what unseals
`requestState`, so that a forged state is seen and a sealed one stays sealed."""

_FACES: dict[str, tuple[str | None, int]] = {
    "mcp.server.lowlevel.server.Server": (None, _INSIDE_THE_SPAN),
    "mcp.server.mcpserver.server.MCPServer": ("_lowlevel_server", _INSIDE_THE_SPAN),
    "mcp.server.fastmcp.server.FastMCP": ("_mcp_server", 0),
    "fastmcp.server.server.FastMCP": ("_mcp_server", 0),
}
"""Classes of servers: where each has its low-level server, and our position in its chain."""


class Stack(NamedTuple):
    """How to hook into one server."""

    low: Any
    """The low-level server: what each transport runs."""

    position: int | None
    """Where in its middleware we stand; None where it has none."""

    face: str
    """The class that the server was told by."""


def stack_of(server: Any) -> Stack:
    """Return how to hook into *server*.

    Raises:
        UsageError: If no SDK that we know made it.
    """
    for cls in type(server).__mro__:
        face = f"{cls.__module__}.{cls.__qualname__}"
        if face in _FACES:
            attribute, position = _FACES[face]
            low = server if attribute is None else getattr(server, attribute)
            return Stack(low, position if hasattr(low, "middleware") else None, face)
    raise UsageError(f"cannot audit a {type(server).__qualname__}", hint=HINT)
