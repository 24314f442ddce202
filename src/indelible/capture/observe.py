"""JSON-RPC messages in, events out. Sans-I/O: no clock, no lock, no bytes read or written.

Law: one `Received` for each request and one `Completed` for each `Received`,
whatever the peers send. Each direction has its own ids (a client's 1 is not
the server's 1), so replies meet their requests by direction and id.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count

from indelible.capture.calls import (
    MAX_OPEN,
    Open,
    OpenCalls,
    Tools,
    cancelled,
    closed,
    ended,
    kept_args,
    noticed,
    received,
    replied,
    text_of,
)
from indelible.capture.definitions import Drift
from indelible.capture.outline import Outline
from indelible.capture.protocol import (
    ACKNOWLEDGED,
    LISTEN,
    Declared,
    IdKey,
    alike,
    client_info,
    declared,
    id_key,
    member,
    protocol_version,
    reads_one_way,
    server_info,
    subscription_id,
)
from indelible.model.canonical import Json
from indelible.model.event import (
    Actor,
    Completed,
    Connection,
    Direction,
    ErrorType,
    Event,
    Instant,
    Notice,
    Outcome,
    Received,
    ToolsListed,
    Transport,
    Unparseable,
    Unreadable,
)

MAX_NESTED_BATCHES = 8
MAX_STRAY_CHARS = 2_048
MAX_STREAMS = 10_000
SUPERSEDED = "superseded: more of the message came, and it turned out to be another"
GIVEN_UP = f"no reply came while {MAX_OPEN:,} later calls were open"
NO_REPLY = "sent without an id: no reply can come, so what it did is not known"


@dataclass(slots=True)
class Observer:
    """Follows one connection and says what happened on it."""

    connection: Connection
    tools: Tools = field(default_factory=Tools)
    numbers: Iterator[int] = field(default_factory=count)
    """Where the numbers of requests come from: what records several connections shares one."""
    calls: dict[Direction, OpenCalls] = field(
        default_factory=lambda: {"client": OpenCalls(), "server": OpenCalls()}
    )
    """Who waits for a reply; what belongs together shares them."""
    streams: dict[IdKey, Open] | None = None
    """Requests to listen whose stream is open; None where they are followed elsewhere."""
    said: Declared | None = None
    """What the client has said of itself; `connection` has it."""
    _server_info: Json = None

    def message(
        self,
        sender: Direction,
        message: Json,
        size: int | None,
        at: Instant,
        *,
        cause: str | None = None,
    ) -> list[Event]:
        """Return the events of one JSON-RPC message (or batch) from *sender*.

        Args:
            size: Bytes of the message as sent; None where the wire is not seen.

            cause: What went wrong, where it is known better than a reply says.
        """
        if isinstance(message, list) and message:
            parts = _members(message, MAX_NESTED_BATCHES)
            share = None if size is None else size // max(1, len(parts))
            return [e for part in parts for e in self._single(sender, part, share, at)]
        return self._single(sender, message, size, at, cause)

    def outlined(
        self, sender: Direction, outline: Outline, size: int | None, at: Instant
    ) -> list[Event]:
        """Return the events of a message of which only the outline is known."""
        if outline.is_reply:
            return self._outlined_reply(sender, outline.found, size, at)
        request = self.begun(sender, outline, size, at)
        return [request, *self.arrived(request, outline, at)]

    def begun(self, sender: Direction, outline: Outline, size: int | None, at: Instant) -> Received:
        """Return the event of a request that is still arriving, from its outline so far."""
        method, name = self._outlined_call(outline)
        message: dict[str, Json] = {"method": method, "params": {"name": name}}
        return self._received(sender, message, size, at, args=Unreadable.TOO_LARGE)

    def is_still(self, request: Received, outline: Outline) -> bool:
        """Return whether *outline*, read further, is still that of *request*."""
        method, name = self._outlined_call(outline)
        return request.method == method and (method != "tools/call" or request.tool == name)

    def superseded(self, request: Received, at: Instant) -> Completed:
        """Return the end of a request that turned out to be another."""
        self.calls[request.direction].drop(request)
        return _given_up(Open(request, at.monotonic_us), at, SUPERSEDED)

    def _outlined_call(self, outline: Outline) -> tuple[str, str | None]:
        """Return method and tool of what an outline shows, at its worst."""
        names = [known.get("params.name") for known in (outline.found, outline.alike)]
        methods = [known.get("method") for known in (outline.found, outline.alike)]
        name = self.tools.worst([name for name in names if name is not None])
        text = name if isinstance(name, str) or name is None else text_of(name)
        return _worst_method(methods) or "", text

    def arrived(self, request: Received, outline: Outline, at: Instant) -> list[Event]:
        """Learn the id of a request that has arrived whole; its reply will find it."""
        jsonrpc_id = outline.jsonrpc_id
        if jsonrpc_id is None:
            return [unanswerable(request, at)]
        request = request._replace(jsonrpc_id=jsonrpc_id)
        given_up = self.calls[request.direction].add(request, at.monotonic_us)
        return [] if given_up is None else [_given_up(given_up, at)]

    def close(self, error: str, at: Instant) -> list[Event]:
        """Return a `Completed` for every call still open: the other side is gone."""
        events: list[Event] = [
            _given_up(call, at, error)
            for open_calls in self.calls.values()
            for call in open_calls.take_all()
        ]
        return events + [e for key in list(self.streams or ()) for e in self._end_stream(key, at)]

    def open_calls(self, sender: Direction) -> list[Received]:
        """Return the requests of *sender* that have no reply yet, oldest first."""
        return [call.received for call in self.calls[sender].all()]

    def deny(self, request: Received, error: str) -> Completed:
        """Return the end of a request that was never passed on."""
        self.calls[request.direction].drop(request)
        return Completed(request.number, Outcome.ERROR, ErrorType.DENIED, error)

    def _single(
        self,
        sender: Direction,
        message: Json,
        size: int | None,
        at: Instant,
        cause: str | None = None,
    ) -> list[Event]:
        if not isinstance(message, dict):
            return [_stray(sender, message, size, at)]
        if not reads_one_way(message):
            return self._ambiguous(sender, message, size, at)
        method = message.get("method")
        if isinstance(method, str):
            if message.get("id") is None and method.startswith("notifications/"):
                return self._notification(sender, method, message.get("params"), at)
            args = kept_args(method, message.get("params"))
            return self._request(sender, method, message, size, at, args=args)
        if "result" in message or "error" in message:
            return self._reply(sender, message, size, at, cause=cause)
        return [_stray(sender, message, size, at)]

    def _ambiguous(
        self, sender: Direction, message: dict[str, Json], size: int | None, at: Instant
    ) -> list[Event]:
        """Return the events of a message with keys like ``Method``, read at its worst.

        If it is a tool call to any reader it is one, of that tool which may do
        most. All of it is kept as the arguments.
        """
        ids = alike(message, "id")
        read: dict[str, Json] = {"id": ids[0]} if ids else {}
        method = _worst_method(alike(message, "method"))
        if method is None:
            for name in ("error", "result"):
                if found := alike(message, name):
                    read[name] = found[0]
                    return self._reply(sender, read, size, at)
            return [_stray(sender, message, size, at)]
        if method.startswith("notifications/") and read.get("id") is None:
            return self._notification(sender, method, message.get("params"), at)
        params = alike(message, "params")
        names = [name for param in params for name in alike(param, "name")]
        exact = {"name": self.tools.worst(names), "_meta": member(message, "params", "_meta")}
        read |= {"method": method, "params": exact}
        return self._request(sender, method, read, size, at, args=message)

    def _request(
        self,
        sender: Direction,
        method: str,
        message: dict[str, Json],
        size: int | None,
        at: Instant,
        *,
        args: Json,
    ) -> list[Event]:
        if sender == "client":
            said = declared(method, message.get("params"))
            if said is not None and said != self.said:
                self._learn_client(said)
        request = self._received(sender, message, size, at, args=args)
        if request.jsonrpc_id is None:
            return [request, unanswerable(request, at)]
        given_up = self.calls[sender].add(request, at.monotonic_us)
        return [request] if given_up is None else [request, _given_up(given_up, at)]

    def _received(
        self,
        sender: Direction,
        message: dict[str, Json],
        size: int | None,
        at: Instant,
        *,
        args: Json | Unreadable,
    ) -> Received:
        return received(
            next(self.numbers),
            sender,
            message,
            at_us=at.wall_us,
            size=size,
            args=args,
            tools=self.tools,
            connection=self.connection,
        )

    def _outlined_reply(
        self, sender: Direction, found: dict[str, Json], size: int | None, at: Instant
    ) -> list[Event]:
        reply: dict[str, Json] = {"id": found.get("id")}
        if "error.code" in found or "error.message" in found:
            reply["error"] = {"message": found.get("error.message")}
        else:
            reply["result"] = {"isError": found.get("result.isError")}
        return self._reply(sender, reply, size, at, readable=False)

    def _reply(
        self,
        sender: Direction,
        reply: dict[str, Json],
        size: int | None,
        at: Instant,
        *,
        readable: bool = True,
        cause: str | None = None,
    ) -> list[Event]:
        asker: Direction = "server" if sender == "client" else "client"
        call = self.calls[asker].take(reply.get("id"))
        if call is None:
            return self._unasked(sender, reply, at)
        end = replied(call, reply, at.monotonic_us, size=size, readable=readable, cause=cause)
        drift = self._learn_server(call, reply.get("result")) if sender == "server" else None
        if drift is None:
            return [end]
        return [end, ToolsListed(at.wall_us, self.connection, *drift)]

    def _unasked(self, sender: Direction, reply: dict[str, Json], at: Instant) -> list[Event]:
        """Return the event of a reply that nobody waits for; a server's may be merely late."""
        if sender == "server":
            return self._end_stream(id_key(reply.get("id")), at)
        content: Json = {key: reply[key] for key in ("result", "error") if key in reply}
        return [
            Notice(at.wall_us, "stray", sender, None, content, self.connection, reply.get("id"))
        ]

    def _notification(
        self, sender: Direction, method: str, params: Json, at: Instant
    ) -> list[Event]:
        notice = noticed(sender, method, params, at.wall_us, self.connection)
        if method == "notifications/cancelled":
            jsonrpc_id = member(params, "requestId")
            if queue := self.calls[sender].take_same(jsonrpc_id):
                return [cancelled(call, params, at.monotonic_us) for call in queue]
            if sender == "client":
                return [notice, *self._end_stream(id_key(jsonrpc_id), at)]
        elif method == ACKNOWLEDGED and sender == "server":
            return [*self._begin_stream(subscription_id(params), at), notice]
        return [notice]

    def _begin_stream(self, jsonrpc_id: Json, at: Instant) -> list[Event]:
        """Return the end of a request to listen: it has its stream, whose end is another matter."""
        waiting = self.calls["client"]
        if self.streams is None or (call := waiting.take_of(jsonrpc_id, LISTEN)) is None:
            return []
        if len(self.streams) < MAX_STREAMS:
            self.streams[id_key(jsonrpc_id)] = call
        return [replied(call, {"result": {}}, at.monotonic_us, size=None)]

    def _end_stream(self, key: IdKey, at: Instant) -> list[Event]:
        call = self.streams.pop(key, None) if self.streams else None
        return [] if call is None else [closed(call, at.wall_us, at.monotonic_us)]

    def came_from(
        self, actor: Actor, transport: Transport, session: tuple[str, str] | None
    ) -> None:
        """Set who sends what comes from now on, over what, and in which session."""
        known = self.connection
        self.connection = replace(known, actor=actor, transport=transport, session=session)

    def _learn_client(self, said: Declared) -> None:
        """Remember what the client says of itself and which revision it speaks."""
        self.said = said
        known = self.connection
        self.connection = replace(
            known,
            client=client_info(said.info) or known.client,
            protocol_version=protocol_version(said.version) or known.protocol_version,
        )

    def _learn_server(self, call: Open, result: Json) -> Drift | None:
        """Remember what the server declares: its version, the protocol, its tools.

        Return how its list of tools differs from the last.
        """
        method = call.received.method
        info = server_info(result)
        if info is not None and info != self._server_info:
            self._server_info = info
            version = member(info, "version")
            if isinstance(version, str):
                self.connection = replace(self.connection, server_version=version)
        if method == "initialize":
            agreed = protocol_version(member(result, "protocolVersion"))
            self.connection = replace(self.connection, protocol_version=agreed)
        if method != "tools/list":
            return None
        args = call.received.args
        cursor = args.get("cursor") if isinstance(args, dict) else None
        return self.tools.learn(result, cursor, call.received.connection.actor)


def unanswerable(request: Received, at: Instant) -> Completed:
    """Return the end of a request without an id: JSON-RPC allows it no reply."""
    return _given_up(Open(request, at.monotonic_us), at, NO_REPLY)


def _given_up(call: Open, at: Instant, error: str = GIVEN_UP) -> Completed:
    """Return the end of a call that is no longer followed."""
    return ended(call, at.monotonic_us, Outcome.UNKNOWN, ErrorType.ABANDONED, error)


def _members(batch: list[Json], levels: int) -> list[Json]:
    """Return the messages of a batch, and of batches in it."""
    parts: list[Json] = []
    for part in batch:
        if isinstance(part, list) and part and levels > 1:
            parts += _members(part, levels - 1)
        else:
            parts.append(part)
    return parts


def _worst_method(methods: list[Json]) -> str | None:
    """Return what a request asks for: a tool call if any reader finds one."""
    texts = [method for method in methods if isinstance(method, str)]
    return "tools/call" if "tools/call" in texts else next(iter(texts), None)


def _stray(sender: Direction, value: Json, size: int | None, at: Instant) -> Unparseable:
    """Return the event of JSON that is no JSON-RPC message."""
    text = text_of(value)[:MAX_STRAY_CHARS].encode("utf-8", "replace")
    return Unparseable(at.wall_us, sender, text, 1, len(text) if size is None else size)
