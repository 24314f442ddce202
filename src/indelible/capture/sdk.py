"""The hook into the MCP Python SDK 2.x, and FastMCP 4 on it: one middleware.

The SDK calls its middleware provisional; what we rely on is pinned by tests:
`middleware` on `Server`, called with each inbound message before it is
validated, and given the result as it goes on the wire. What it does not see
is looked for around it: `sdk_streams`, `sdk_outbound`.
"""

from __future__ import annotations

import atexit
import itertools
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from indelible.capture.apps import Apps
from indelible.capture.assemble import Emitter, open_emitter
from indelible.capture.caller import Caller
from indelible.capture.calls import (
    Open,
    Tools,
    cancelled,
    closed,
    kept_args,
    noticed,
    received,
    replied,
)
from indelible.capture.causes import CAUSES, Causes, note_calls
from indelible.capture.context import CURRENT
from indelible.capture.exchange import http_transport, see
from indelible.capture.observe import unanswerable
from indelible.capture.policy import REFUSAL_CODE, FailurePolicy, refusal
from indelible.capture.process import clock_us, monotonic_us
from indelible.capture.protocol import (
    ACKNOWLEDGED,
    Declared,
    IdKey,
    client_info,
    declared,
    id_key,
    member,
    protocol_version,
    subscription_id,
)
from indelible.capture.sdk_ends import SESSIONLESS, failure, is_cancelled, is_told
from indelible.capture.sdk_outbound import watch
from indelible.capture.sdk_streams import Around
from indelible.capture.setup import Setup, rules_of
from indelible.capture.stacks import Stack, stack_of
from indelible.capture.streams import CONVERSATION, is_looked_at, look_at
from indelible.config.sections import IdentitySection
from indelible.errors import UsageError
from indelible.model.canonical import Json
from indelible.model.event import (
    Completed,
    Connection,
    Instant,
    Origin,
    ToolsListed,
)

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext

    from indelible.deliver.sink import Sink

CallNext = Callable[[Any], Awaitable[Any]]

MAX_GONE = 1_000


def attach(
    server: Any,
    *,
    state: Path,
    name: str | None,
    policy: FailurePolicy,
    warn: Callable[[str], None],
    sink: Sink | None = None,
    setup: Setup | None = None,
) -> None:
    """Have everything that *server* receives and sends recorded.

    Raises:
        UsageError: If no SDK that we know made it, or it is audited already.
    """
    stack = stack_of(server)
    chain: list[Any] = stack.low.middleware if stack.position is not None else []
    if is_looked_at(stack.low) or any(isinstance(entry, Audit) for entry in chain):
        raise UsageError("this server is audited already", hint="call audit(server) once")
    called = name or str(server.name)
    origin = Origin(called, "stdio", "sdk", setup.version if setup else None)
    rules = rules_of(setup, called, warn)
    emitter = open_emitter(state, origin, policy=policy, warn=warn, sink=sink, rules=rules)
    emitter.start()
    version = str(getattr(stack.low, "version", None) or "unknown")
    section = setup.loaded.config.identity if setup and setup.loaded else IdentitySection()
    caller = Caller(emitter.recorder, section, state, warn)
    apps = Apps(emitter.recorder, caller, section, version, warn)
    apps.watch(server)
    if stack.position is None:
        from indelible.capture.sdk_v1 import hook  # noqa: PLC0415 — the other SDK's

        hook(stack.low, emitter, version, caller)
    else:
        audit = Audit(emitter, version, caller)
        apps.is_asking = audit.is_asking
        chain.insert(stack.position, audit)
        look_at(stack.low, audit.converse)
    _tell_causes(server, stack)
    atexit.register(emitter.drain)  # the last registered is called first
    atexit.register(emitter.close)


def _tell_causes(server: Any, stack: Stack) -> None:
    """Have the exceptions behind masked errors put down, where the SDK gives them out."""
    if stack.face.startswith("fastmcp."):
        server.add_middleware(Causes())
    elif stack.face.endswith(".MCPServer"):
        note_calls(server)
    elif stack.face.endswith(".FastMCP"):
        note_calls(server._tool_manager)  # noqa: SLF001 — the server's own is bound already


class _Said(NamedTuple):
    """What decides a call's `Connection`; compared with the call before."""

    declared: Declared | None
    client_params: Any
    token: Any
    request: Any
    protocol_version: str
    process: str


class Audit:
    """The middleware: records each request before it runs, and its end before the reply leaves."""

    def __init__(self, emitter: Emitter, server_version: str, caller: Caller) -> None:
        from mcp.server.auth.middleware.auth_context import (  # noqa: PLC0415 — loaded already
            get_access_token,
        )

        self.recorder = emitter.recorder
        self.tools = Tools()
        self.numbers: Iterator[int] = itertools.count()
        self.asking = 0
        self._caller = caller
        self._server_version = server_version
        self._open: dict[tuple[int, IdKey], list[Open]] = {}
        self._gone: set[tuple[int, IdKey]] = set()
        """Calls that ended as cancelled before the notification came by here."""
        self._listening: set[int] = set()
        """Calls that have ended and left a stream open."""
        self._token = get_access_token
        self._last: tuple[_Said, Connection] | None = None
        """In one piece: a server may run in several threads."""

    def is_asking(self) -> bool:
        """Return whether the server waits for an answer of any client's."""
        return self.asking > 0

    def converse(self, _write_stream: Any) -> Around:
        """Return who looks at a connection for what the middleware does not see."""
        start = Connection(
            self._caller.actor(None, None),
            session=self._caller.session(None, None),
            server_version=self._server_version,
        )
        return Around(self, start)

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> Any:
        """Pass one inbound message on and record what becomes of it."""
        around = self._around()
        if ctx.request is not None:
            if _is_phantom(ctx):
                return await call_next(ctx)
            see(ctx.request)
        if ctx.request_id is None:
            if around is None:  # else it is recorded there
                self._notified(ctx)
            return await call_next(ctx)
        peer = _peer(ctx) if around is None else around.peer
        call = self._begin(ctx)
        if around is None:
            watch(ctx.session, self, peer, call.received.connection, _plain(ctx.params))
        else:
            around.claim(ctx.request_id, call.received.connection)
        if self.recorder.keep([call.received]):
            raise _refused(self.recorder.trouble)
        key = (peer, id_key(ctx.request_id))
        self._open.setdefault(key, []).append(call)
        causes: list[str] = []
        token = CAUSES.set(causes)
        followed = self._caller.follow(call.received)
        try:
            result = await call_next(ctx)
        except BaseException as error:
            end = failure(call, error, ctx, around, causes)
            self._settle(ctx, key, around, is_news=self._end(key, call, end))
            raise
        finally:
            CURRENT.reset(followed)
            CAUSES.reset(token)
        if is_cancelled(ctx):  # it returned all the same: nothing could interrupt it
            end = cancelled(call, None, monotonic_us())
            self._settle(ctx, key, around, is_news=self._end(key, call, end))
        else:
            self._returned(ctx, key, call, _plain(result), causes)
        return result

    def _around(self) -> Around | None:
        """Return who looks at the streams of this connection, if it has any.

        A tool of another server in this process may be the client of ours.
        """
        around: Any = CONVERSATION.get()
        return around if isinstance(around, Around) and around.is_of(self) else None

    def _settle(
        self,
        ctx: ServerRequestContext[Any, Any],
        key: tuple[int, IdKey],
        around: Around | None,
        *,
        is_news: bool,
    ) -> None:
        """Expect no answer to a cancelled call; its notification may come only now."""
        if not is_told(ctx):
            return
        if around is not None:
            around.settled(key[1])
            return
        if not is_news:
            return  # the notification was here, and ended it
        if len(self._gone) >= MAX_GONE:
            self._gone.clear()
        self._gone.add(key)

    def _begin(self, ctx: ServerRequestContext[Any, Any]) -> Open:
        params = _plain(ctx.params)
        request = received(
            next(self.numbers),
            "client",
            {"id": ctx.request_id, "method": ctx.method, "params": params},
            at_us=clock_us(),
            size=None,
            args=kept_args(ctx.method, params),
            tools=self.tools,
            connection=self._connection_of(ctx, params),
        )
        return Open(self._caller.correlated(request, ctx.request, params), monotonic_us())

    def _returned(
        self,
        ctx: ServerRequestContext[Any, Any],
        key: tuple[int, IdKey],
        call: Open,
        reply: Json,
        causes: list[str],
    ) -> None:
        """Record the end of a call that returned."""
        cause = causes[-1] if causes else None
        end = replied(call, {"result": reply}, monotonic_us(), size=None, cause=cause)
        drift = None
        if ctx.method == "tools/list":
            cursor = member(_plain(ctx.params), "cursor")
            drift = self.tools.learn(reply, cursor, call.received.connection.actor)
        self._end(key, call, end)
        if drift is not None:
            self.recorder.keep([ToolsListed(clock_us(), call.received.connection, *drift)])

    def _end(self, key: tuple[int, IdKey], call: Open, event: Completed) -> bool:
        """Record the end of a call, unless it is on record: cancelled, or a stream that opened.

        Return whether it was not.
        """
        calls = self._open.get(key)
        if calls is not None and call in calls:
            calls.remove(call)
            if not calls:
                del self._open[key]
            self.recorder.keep([event])
            return True
        if call.received.number in self._listening:
            self._listening.discard(call.received.number)
            self.recorder.keep([closed(call, clock_us(), monotonic_us())])
        return False

    def opened(self, peer: int, jsonrpc_id: Json) -> None:
        """Record that a request to listen has its stream: its end is that of the stream."""
        for call in self._open.pop((peer, id_key(jsonrpc_id)), []):
            self._listening.add(call.received.number)
            self.recorder.keep([replied(call, {"result": {}}, monotonic_us(), size=None)])

    def cancel(self, peer: int, params: Json) -> bool:
        """Record that the client waits no longer; return whether it waited for anything."""
        key = (peer, id_key(member(params, "requestId")))
        if key in self._gone:
            self._gone.discard(key)
            return True
        calls = self._open.pop(key, [])
        self.recorder.keep([cancelled(call, params, monotonic_us()) for call in calls])
        return bool(calls)

    def sent(self, peer: int, method: str, params: Json, connection: Connection) -> None:
        """Record a notification of the server's; the one that opens a stream ends its call."""
        if method == ACKNOWLEDGED:
            self.opened(peer, subscription_id(params))
        self.recorder.keep([noticed("server", method, params, clock_us(), connection)])

    def _notified(self, ctx: ServerRequestContext[Any, Any]) -> None:
        params = _plain(ctx.params)
        if ctx.method == "notifications/cancelled" and self.cancel(_peer(ctx), params):
            return
        if not ctx.method.startswith("notifications/"):
            call = self._begin(ctx)
            at = Instant(call.received.at_us, call.since_us)
            self.recorder.keep([call.received, unanswerable(call.received, at)])
            return
        connection = self._connection_of(ctx, params)
        self.recorder.keep([noticed("client", ctx.method, params, clock_us(), connection)])

    def _connection_of(self, ctx: ServerRequestContext[Any, Any], params: Json) -> Connection:
        own = declared(ctx.method, params)
        # Where a request says who sends it, the SDK makes its client_params anew from that:
        # comparing two such models costs more than everything else here.
        client = None if own and own.info is not None else ctx.session.client_params
        process = self._caller.process
        said = _Said(own, client, self._token(), ctx.request, ctx.protocol_version, process)
        last = self._last
        if last is None or said != last[0]:
            self._last = last = said, self._learn(said, params)
        return last[1]

    def _learn(self, said: _Said, params: Json) -> Connection:
        client = client_info(said.declared.info) if said.declared else None
        if client is None and said.client_params is not None:
            info = said.client_params.client_info
            client = {"name": info.name, "version": info.version}
        return Connection(
            actor=self._caller.actor(said.request, said.token),
            client=client,
            session=self._caller.session(said.request, params),
            server_version=self._server_version,
            protocol_version=protocol_version(said.protocol_version),
            transport="stdio" if said.request is None else http_transport(said.request),
        )


def _peer(ctx: ServerRequestContext[Any, Any]) -> int:
    """Return what is the same for all messages of one connection: the session object is not."""
    return id(getattr(ctx.session, "_connection", ctx.session))


def _refused(trouble: str) -> Exception:
    from mcp.shared.exceptions import MCPError  # noqa: PLC0415 — loaded already, or no call

    return MCPError(REFUSAL_CODE, refusal(trouble))


def _is_phantom(ctx: ServerRequestContext[Any, Any]) -> bool:
    """Return whether the SDK made this request itself, to learn a schema before a call.

    Over HTTP it lists the tools in the name of a `tools/call`. Only from the
    revision on in which the SDK refuses a client whose header says another method
    than its body does; before it, a client could pass for the SDK.
    """
    if ctx.method != "tools/list" or ctx.protocol_version < SESSIONLESS:
        return False
    headers = getattr(ctx.request, "headers", {})
    return bool(headers.get("mcp-method") == "tools/call")


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
