"""What the hooks rely on in each SDK, asked of the SDK itself: a change fails here, loudly."""

from __future__ import annotations

import subprocess

import pytest

from tests.capture.sdks.server import STACKS
from tests.capture.sdks.talking import python_of

VERSIONS = {
    "mcp1": ("mcp", "1.30."),
    "mcp2": ("mcp", "2.3."),
    "fastmcp2": ("fastmcp", "2.14."),
    "fastmcp3": ("fastmcp", "3.4."),
    "fastmcp4": ("fastmcp", "4.1."),
}

ALL = """
import importlib.metadata, inspect, warnings
warnings.simplefilter("ignore")
assert importlib.metadata.version({package!r}).startswith({version!r})
from mcp.server.lowlevel import Server
names = list(inspect.signature(Server.run).parameters)
assert names[:4] == ["self", "read_stream", "write_stream", "initialization_options"], names
assert Server.__module__ == "mcp.server.lowlevel.server"
from mcp.shared.message import ServerMessageMetadata, SessionMessage
assert "request_context" in inspect.signature(ServerMessageMetadata).parameters
assert list(inspect.signature(SessionMessage).parameters)[:2] == ["message", "metadata"]
"""

V1 = """
assert not hasattr(Server("x"), "middleware")
from mcp.types import ErrorData, JSONRPCError, JSONRPCMessage
JSONRPCMessage(JSONRPCError(jsonrpc="2.0", id=1, error=ErrorData(code=1, message="m"))).root.error
"""

V2 = """
assert isinstance(Server("x").middleware, list)
from mcp.server.session import ServerSession
source = inspect.getsource(ServerSession.__init__)
assert "self._request_outbound =" in source and "self._connection =" in source, source
from mcp.server.connection import Connection
assert isinstance(Connection.has_standalone_channel, property)
from mcp.shared.dispatcher import DispatchContext
assert {"cancel_requested", "notify", "progress", "send_raw_request"} <= set(dir(DispatchContext))
from mcp.shared import jsonrpc_dispatcher
assert '"last_context"' in inspect.getsource(jsonrpc_dispatcher)
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.shared.exceptions import MCPError
from mcp.server import _streamable_http_modern as modern
assert "http.disconnect" in inspect.getsource(modern)
assert "headers=request.headers" in inspect.getsource(modern._tool_input_schema)
"""

FACES = {
    "mcp1": """
from mcp.server.fastmcp import FastMCP
assert FastMCP.__module__ == "mcp.server.fastmcp.server"
server = FastMCP("x")
assert isinstance(server._mcp_server, Server)
assert "self._tool_manager.call_tool(" in inspect.getsource(FastMCP.call_tool)
assert callable(server.streamable_http_app) and callable(server.sse_app)
""",
    "mcp2": """
from mcp.server.mcpserver import MCPServer
assert MCPServer.__module__ == "mcp.server.mcpserver.server"
server = MCPServer("x")
assert server.middleware is server._lowlevel_server.middleware
assert [type(one).__name__ for one in server.middleware] == [
    "OpenTelemetryMiddleware", "RequestStateBoundary"]
assert "self.call_tool(" in inspect.getsource(MCPServer._handle_call_tool)
assert callable(server.streamable_http_app) and callable(server.sse_app)
assert callable(Server("x").streamable_http_app)
""",
}
FAST = """
from fastmcp import FastMCP
assert FastMCP.__module__ == "fastmcp.server.server"
server = FastMCP("x")
assert isinstance(server._mcp_server, Server)
assert callable(server.add_middleware) and callable(server.http_app)
"""


@pytest.mark.requirement("audit.sdk-pins")
@pytest.mark.parametrize("stack", STACKS)
def test_what_the_hooks_rely_on_is_still_there(stack: str) -> None:
    package, version = VERSIONS[stack]
    code = ALL.format(package=package, version=version)
    code += V2 if stack in ("mcp2", "fastmcp4") else V1
    code += FACES.get(stack, FAST)
    done = subprocess.run(
        [python_of(stack), "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
