"""JSON-RPC messages in, events out. Sans-I/O: no clock, no lock, no bytes read or written.

Law: one `Received` for each request and one `Completed` for each `Received`,
whatever the peers send. Each direction has its own ids (a client's 1 is not
the server's 1), so replies meet their requests by direction and id.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from indelible.capture.calls import (
    MAX_ERROR_CHARS,
    Open,
    Tools,
    ended,
    kept_args,
    received,
    replied,
)
from indelible.capture.outline import Outline
from indelible.capture.protocol import (
    Declared,
    IdKey,
    client_info,
    declared,
    id_key,
    member,
    protocol_version,
    server_info,
)
from indelible.model.canonical import Json
from indelible.model.event import (
    Completed,
    Connection,
    Direction,
    ErrorType,
    Event,
    Outcome,
    Received,
    Unreadable,
)

NO_REPLY = "sent without an id: no reply can come, so what it did is not known"


class Instant(NamedTuple):
    """One moment on two clocks: microseconds since 1970, and monotonic microseconds."""

    wall_us: int
    monotonic_us: int


@dataclass(slots=True)
class Observer:
    """Follows one connection and says what happened on it."""

    connection: Connection
    tools: Tools = field(default_factory=Tools)
    _count: int = 0
    _open: dict[tuple[Direction, IdKey], list[Open]] = field(default_factory=dict)
    _said: Declared | None = None
    _server_info: Json = None

    def message(self, sender: Direction, message: Json, size: int, at: Instant) -> list[Event]:
        """Return the events of one JSON-RPC message (or batch) from *sender*.

        Args:
            size: Bytes of the message as sent.
        """
        if isinstance(message, list):
            share = size // max(1, len(message))
            return [e for part in message for e in self._single(sender, part, share, at)]
        return self._single(sender, message, size, at)

    def outlined(self, sender: Direction, outline: Outline, size: int, at: Instant) -> list[Event]:
        """Return the events of a message of which only the outline is known."""
        if outline.is_reply:
            return self._outlined_reply(sender, outline.found, size, at)
        request = self.begun(sender, outline, size, at)
        return [request, *self.arrived(request, outline, at)]

    def begun(self, sender: Direction, outline: Outline, size: int, at: Instant) -> Received:
        """Return the event of a request that is still arriving, from its outline so far."""
        message: dict[str, Json] = {
            "method": outline.found.get("method", ""),
            "params": {"name": outline.found.get("params.name")},
        }
        return self._received(sender, message, size, at, args=Unreadable.TOO_LARGE)

    def arrived(self, request: Received, outline: Outline, at: Instant) -> list[Event]:
        """Learn the id of a request that has arrived whole; its reply will find it."""
        jsonrpc_id = outline.found.get("id")
        if jsonrpc_id is None:
            return [_unanswerable(request, at)]
        self._expect(request._replace(jsonrpc_id=jsonrpc_id), at)
        return []

    def close(self, error: str, at: Instant) -> list[Event]:
        """Return a `Completed` for every call still open: the other side is gone."""
        events: list[Event] = [
            ended(call, at.monotonic_us, Outcome.UNKNOWN, ErrorType.ABANDONED, error)
            for calls in self._open.values()
            for call in calls
        ]
        self._open.clear()
        return events

    def open_calls(self, sender: Direction) -> list[Received]:
        """Return the requests of *sender* that have no reply yet, oldest first."""
        calls = [c for (who, _), queue in self._open.items() if who == sender for c in queue]
        return sorted((call.received for call in calls), key=lambda request: request.number)

    def deny(self, request: Received, error: str) -> Completed:
        """Return the end of a request that was never passed on."""
        key = (request.direction, id_key(request.jsonrpc_id))
        queue = self._open.pop(key, None)
        left = [c for c in queue or () if c.received.number != request.number]
        if left:
            self._open[key] = left
        return Completed(request.number, Outcome.ERROR, ErrorType.DENIED, error)

    def _single(self, sender: Direction, message: Json, size: int, at: Instant) -> list[Event]:
        if not isinstance(message, dict):
            return []
        method = message.get("method")
        if isinstance(method, str):
            if method.startswith("notifications/") and message.get("id") is None:
                return self._notification(sender, method, message.get("params"), at)
            return self._request(sender, method, message, size, at)
        if "result" in message or "error" in message:
            return self._reply(sender, message, size, at)
        return []

    def _request(
        self, sender: Direction, method: str, message: dict[str, Json], size: int, at: Instant
    ) -> list[Event]:
        params = message.get("params")
        said = declared(method, params)
        if said is not None and said != self._said:
            self._learn_client(said)
        args = kept_args(method, params)
        request = self._received(sender, message, size, at, args=args)
        if request.jsonrpc_id is None:
            return [request, _unanswerable(request, at)]
        self._expect(request, at)
        return [request]

    def _received(
        self,
        sender: Direction,
        message: dict[str, Json],
        size: int,
        at: Instant,
        *,
        args: Json | Unreadable,
    ) -> Received:
        number, self._count = self._count, self._count + 1
        return received(
            number,
            sender,
            message,
            at_us=at.wall_us,
            size=size,
            args=args,
            tools=self.tools,
            connection=self.connection,
        )

    def _expect(self, request: Received, at: Instant) -> None:
        key = (request.direction, id_key(request.jsonrpc_id))
        self._open.setdefault(key, []).append(Open(request, at.monotonic_us))

    def _outlined_reply(
        self, sender: Direction, found: dict[str, Json], size: int, at: Instant
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
        size: int,
        at: Instant,
        *,
        readable: bool = True,
    ) -> list[Event]:
        asker: Direction = "server" if sender == "client" else "client"
        key = (asker, id_key(reply.get("id")))
        queue = self._open.get(key)
        if not queue:
            return []
        call = queue.pop(0)
        if not queue:
            del self._open[key]
        if sender == "server":
            self._learn_server(call.received.method, reply.get("result"))
        return [replied(call, reply, at.monotonic_us, size=size, readable=readable)]

    def _notification(
        self, sender: Direction, method: str, params: Json, at: Instant
    ) -> list[Event]:
        if method != "notifications/cancelled":
            return []
        queue = self._open.pop((sender, id_key(member(params, "requestId"))), ())
        reason = member(params, "reason")
        text = f"cancelled: {reason[:MAX_ERROR_CHARS]}" if isinstance(reason, str) else "cancelled"
        cancelled = ErrorType.CANCELLED
        return [ended(c, at.monotonic_us, Outcome.ERROR, cancelled, text) for c in queue]

    def _learn_client(self, said: Declared) -> None:
        """Remember what the client says of itself and which revision it speaks."""
        self._said = said
        known = self.connection
        self.connection = replace(
            known,
            client=client_info(said.info) or known.client,
            protocol_version=protocol_version(said.version) or known.protocol_version,
        )

    def _learn_server(self, method: str, result: Json) -> None:
        """Remember what the server declares: its version, the protocol, its tools."""
        if method == "tools/list":
            self.tools.learn(result)
        info = server_info(result)
        if info is not None and info != self._server_info:
            self._server_info = info
            version = member(info, "version")
            if isinstance(version, str):
                self.connection = replace(self.connection, server_version=version)
        if method == "initialize":
            agreed = protocol_version(member(result, "protocolVersion"))
            self.connection = replace(self.connection, protocol_version=agreed)


def _unanswerable(request: Received, at: Instant) -> Completed:
    """Return the end of a request without an id: JSON-RPC allows it no reply."""
    call = Open(request, at.monotonic_us)
    return ended(call, at.monotonic_us, Outcome.UNKNOWN, ErrorType.ABANDONED, NO_REPLY)
