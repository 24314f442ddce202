"""The hook into the MCP Python SDK 2.x: one middleware, and nothing else imports `mcp`.

The SDK calls its middleware provisional; what we rely on is pinned by tests:
`middleware` on `Server` and `MCPServer`, called with each inbound message
before it is validated, and given the result as it goes on the wire.
"""

from __future__ import annotations

import asyncio
import atexit
import itertools
import threading
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from indelible.capture.assemble import Emitter, clock_us, monotonic_us, open_emitter, os_actor
from indelible.capture.calls import Open, Tools, ended, kept_args, received, replied
from indelible.capture.policy import REFUSAL_CODE, FailurePolicy, refusal
from indelible.capture.protocol import (
    Declared,
    IdKey,
    client_info,
    declared,
    id_key,
    member,
    protocol_version,
)
from indelible.errors import UsageError
from indelible.model.canonical import Json
from indelible.model.event import Actor, Completed, Connection, ErrorType, Origin, Outcome

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext

CallNext = Callable[[Any], Awaitable[Any]]

_HEADERS_ARE_CHECKED = "2026-07-28"
"""The protocol revision from which a request's `Mcp-Method` header must fit its body."""

_INSIDE_THE_SPAN = 1
"""Position in the chain: inside the SDK's OpenTelemetry span, outside what unseals
`requestState`, so that a forged state is seen and a sealed one stays sealed."""


def attach(
    server: Any,
    *,
    state: Path,
    name: str | None,
    policy: FailurePolicy,
    warn: Callable[[str], None],
) -> None:
    """Have every call that *server* receives recorded.

    Raises:
        UsageError: If it is not a server of the MCP SDK 2.x, or is audited already.
    """
    chain = _middleware_of(server)
    if any(isinstance(entry, Audit) for entry in chain):
        raise UsageError("this server is audited already", hint="call audit(server) once")
    origin = Origin(name or str(server.name), "stdio", "sdk")
    emitter = open_emitter(state, origin, policy=policy, warn=warn)
    emitter.collect_leftovers()
    threading.Thread(target=emitter.cleaner.load, name="indelible-load").start()
    chain.insert(_INSIDE_THE_SPAN, Audit(emitter, str(server.version or "unknown")))
    atexit.register(emitter.close)


def _middleware_of(server: Any) -> list[Any]:
    hint = "pass an MCPServer or a low-level Server of mcp 2.x, or use `indelible wrap`"
    try:
        from mcp.server.lowlevel import Server  # noqa: PLC0415 — whoever has one has loaded it
        from mcp.server.mcpserver import MCPServer  # noqa: PLC0415
    except ImportError as error:
        raise UsageError(f"no MCP SDK 2.x to audit with: {error}", hint=hint) from error
    if not isinstance(server, (MCPServer, Server)):
        raise UsageError(f"cannot audit a {type(server).__qualname__}", hint=hint)
    chain: list[Any] = server.middleware
    return chain


class _Said(NamedTuple):
    """What decides a call's `Connection`; compared with the call before."""

    declared: Declared | None
    client_params: Any
    token: Any
    request: Any
    protocol_version: str


class Audit:
    """The middleware: records each request before it runs, and its end before the reply leaves."""

    def __init__(self, emitter: Emitter, server_version: str) -> None:
        from mcp.server.auth.middleware.auth_context import (  # noqa: PLC0415 — loaded already
            get_access_token,
        )

        self._recorder = emitter.recorder
        self._session = (emitter.session, "process")
        self._server_version = server_version
        self._tools = Tools()
        self._numbers = itertools.count()
        self._open: dict[tuple[int, IdKey], list[Open]] = {}
        self._token = get_access_token
        self._said: _Said | None = None
        self._connection = Connection()
        self._os_actor = os_actor()

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> Any:
        """Pass one inbound message on and record what becomes of it."""
        if ctx.request_id is None:
            self._note_cancelled(ctx)
            return await call_next(ctx)
        if ctx.request is not None and _is_phantom(ctx):
            return await call_next(ctx)
        key = (_peer(ctx), id_key(ctx.request_id))
        call = self._begin(ctx)
        if self._recorder.keep([call.received]):
            raise _refused(self._recorder.trouble)
        self._open.setdefault(key, []).append(call)
        try:
            result = await call_next(ctx)
        except BaseException as error:
            self._end(key, call, _failure(call, error))
            raise
        reply = _plain(result)
        if ctx.method == "tools/list":
            self._tools.learn(reply)
        self._end(key, call, replied(call, {"result": reply}, monotonic_us(), size=None))
        return result

    def _begin(self, ctx: ServerRequestContext[Any, Any]) -> Open:
        params = _plain(ctx.params)
        request = received(
            next(self._numbers),
            "client",
            {"id": ctx.request_id, "method": ctx.method, "params": params},
            at_us=clock_us(),
            size=None,
            args=kept_args(ctx.method, params),
            tools=self._tools,
            connection=self._connection_of(ctx, params),
        )
        return Open(request, monotonic_us())

    def _end(self, key: tuple[int, IdKey], call: Open, event: Completed) -> None:
        """Record the end of a call, unless the client has cancelled it before."""
        calls = self._open.get(key)
        if calls is None or not any(other is call for other in calls):
            return
        if len(calls) == 1:
            del self._open[key]
        else:
            self._open[key] = [other for other in calls if other is not call]
        self._recorder.keep([event])

    def _note_cancelled(self, ctx: ServerRequestContext[Any, Any]) -> None:
        """Record a cancellation when it arrives: a synchronous tool will end as if it had not."""
        if ctx.method != "notifications/cancelled":
            return
        cancelled = member(_plain(ctx.params), "requestId")
        calls = self._open.pop((_peer(ctx), id_key(cancelled)), [])
        self._recorder.keep([_cancelled(call) for call in calls])

    def _connection_of(self, ctx: ServerRequestContext[Any, Any], params: Json) -> Connection:
        said = _Said(
            declared(ctx.method, params),
            ctx.session.client_params,
            self._token(),
            ctx.request,
            ctx.protocol_version,
        )
        if said != self._said:
            self._connection = self._learn(said)
            self._said = said
        return self._connection

    def _learn(self, said: _Said) -> Connection:
        client = client_info(said.declared.info) if said.declared else None
        if client is None and said.client_params is not None:
            info = said.client_params.client_info
            client = {"name": info.name, "version": info.version}
        http = said.request is not None
        actor = _token_actor(said.token)
        if actor is None:
            actor = _unknown_actor(said.request) if http else self._os_actor
        return Connection(
            actor=actor,
            client=client,
            session=self._session,
            server_version=self._server_version,
            protocol_version=protocol_version(said.protocol_version),
            transport="http" if http else "stdio",
        )


def _failure(call: Open, error: BaseException) -> Completed:
    """Return the end of a call that raised."""
    if isinstance(error, asyncio.CancelledError) or type(error).__name__ == "Cancelled":
        return _cancelled(call)
    from mcp.shared.exceptions import MCPError  # noqa: PLC0415 — loaded already, or no call

    # Params that break their schema: pydantic's error, which we do not import for its name.
    malformed = isinstance(error, ValueError) and type(error).__name__ == "ValidationError"
    known = malformed or isinstance(error, MCPError)
    kind = ErrorType.RPC_ERROR if known else ErrorType.EXCEPTION
    text = error.message if isinstance(error, MCPError) else f"{type(error).__name__}: {error}"
    return ended(call, monotonic_us(), Outcome.ERROR, kind, text)


def _peer(ctx: ServerRequestContext[Any, Any]) -> int:
    """Return what is the same for all messages of one connection: the session object is not."""
    return id(getattr(ctx.session, "_connection", ctx.session))


def _cancelled(call: Open) -> Completed:
    return ended(call, monotonic_us(), Outcome.ERROR, ErrorType.CANCELLED, "cancelled")


def _refused(trouble: str) -> Exception:
    from mcp.shared.exceptions import MCPError  # noqa: PLC0415 — loaded already, or no call

    return MCPError(REFUSAL_CODE, refusal(trouble))


def _is_phantom(ctx: ServerRequestContext[Any, Any]) -> bool:
    """Return whether the SDK made this request itself, to learn a schema before a call.

    Over HTTP it lists the tools in the name of a `tools/call`. Only from the
    revision on in which the SDK refuses a client whose header says another method
    than its body does; before it, a client could pass for the SDK.
    """
    if ctx.method != "tools/list" or ctx.protocol_version < _HEADERS_ARE_CHECKED:
        return False
    headers = getattr(ctx.request, "headers", {})
    return bool(headers.get("mcp-method") == "tools/call")


def _token_actor(token: Any) -> Actor | None:
    """Return who the verified access token of a request names, or None without one."""
    if token is None:
        return None
    issuer = (token.claims or {}).get("iss")
    return Actor(
        id=token.subject or token.client_id,
        provenance="verified",
        issuer=issuer if isinstance(issuer, str) else None,
        client_id=token.client_id,
    )


def _unknown_actor(request: Any) -> Actor:
    peer = getattr(request, "client", None)
    return Actor(ip=getattr(peer, "host", None))


def _plain(value: Any) -> Json:
    """Return a message's part as JSON values; what is a model is asked for its wire form."""
    if type(value) is dict:
        return value
    if isinstance(value, Mapping):
        return dict(value)
    dump = getattr(value, "model_dump", None)
    if dump is not None:
        plain: Json = dump(mode="json", by_alias=True, exclude_none=True)
        return plain
    return value if isinstance(value, (str, int, float, bool, list)) else None
