"""The hook into the MCP Python SDK 1.x, and FastMCP 2 and 3 on it: the streams of `Server.run`.

There is no middleware: a request that the SDK refuses by itself reaches no handler. All
messages of all transports pass the two streams that `run` is given, and no other place.
"""

from __future__ import annotations

import importlib
import itertools
from typing import Any

from indelible.capture.assemble import Emitter
from indelible.capture.caller import Caller
from indelible.capture.calls import Tools
from indelible.capture.context import Correlation
from indelible.capture.exchange import http_transport, request_token, see
from indelible.capture.observe import Observer
from indelible.capture.policy import REFUSAL_CODE, refusal
from indelible.capture.process import clock_us, now
from indelible.capture.protocol import IdKey, id_key
from indelible.capture.streams import look_at, parsed, request_of, unread
from indelible.model.canonical import Json
from indelible.model.event import Connection, Event, Received

MAX_CAUSES = 1_000
"""Of calls whose reply has not come."""

MAX_FOLLOWED = 100_000

CLOSED = "the connection ended before a reply was sent"


def hook(low: Any, emitter: Emitter, version: str, caller: Caller) -> None:
    """Have every connection of a low-level *low* recorded.

    Args:
        version: What the server calls its version, until it tells a client.

        caller: Says who asks.
    """
    numbers = itertools.count()
    tools = Tools()

    def converse(write_stream: Any) -> _Recorded:
        start = Connection(
            actor=caller.actor(None, None),
            session=caller.session(None, None),
            server_version=version,
        )
        observer = Observer(start, tools, numbers)
        return _Recorded(emitter, observer, write_stream, caller)

    look_at(low, converse)


class _Recorded:
    """Records one connection."""

    def __init__(
        self, emitter: Emitter, observer: Observer, write_stream: Any, caller: Caller
    ) -> None:
        self._recorder = emitter.recorder
        self._observer = observer
        self._write = write_stream
        self._caller = caller
        self._followed: dict[IdKey, Correlation] = {}
        self._causes: dict[str, str] = {}

    async def came(self, item: Any) -> bool:
        """Record what the client sent, before the server has it."""
        if isinstance(item, Exception):
            self._recorder.keep([unread(item, clock_us())])
            return True
        request, message = request_of(item), parsed(item)
        params = message.get("params")
        self._learn(request, params)
        events: list[Event] = [
            self._caller.correlated(event, request, params)
            if isinstance(event, Received)
            else event
            for event in self._observer.message("client", message, None, now())
        ]
        refused = self._recorder.keep(events)
        if not refused:
            self._follow(events)
            return True
        await self._refuse(refused)
        return False

    def leaves(self, item: Any) -> None:
        """Record what the server is about to send."""
        message = parsed(item)
        if "method" not in message:
            self._followed.pop(id_key(message.get("id")), None)
        cause = self._causes.pop(str(message.get("id")), None) if self._causes else None
        self._recorder.keep(self._observer.message("server", message, None, now(), cause=cause))

    def ended(self) -> None:
        """Record that the calls without a reply will have none: with the input ends the output.

        Some servers live on until the last tool has ended, and could be killed first.
        """
        self.close()

    def close(self) -> None:
        """Record that the calls without a reply will have none."""
        self._recorder.keep(self._observer.close(CLOSED, now()))

    def blame(self, request_id: str, cause: str | None) -> None:
        """Remember what went wrong in a call until its reply comes; the last word counts."""
        if cause is None:
            self._causes.pop(request_id, None)
        elif len(self._causes) < MAX_CAUSES:
            self._causes[request_id] = cause

    def following(self, jsonrpc_id: Json) -> Correlation | None:
        """Return the call that is running under an id of the client's."""
        return self._followed.get(id_key(jsonrpc_id))

    def _follow(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Received) and event.direction == "client":
                found = self._caller.correlation(event)
                if found is not None and len(self._followed) < MAX_FOLLOWED:
                    self._followed[id_key(event.jsonrpc_id)] = found

    def _learn(self, request: Any, params: Json) -> None:
        """Set who asks, by the HTTP request that a message came with."""
        known = self._observer.connection
        transport = known.transport
        if request is not None:
            see(request)
            transport = http_transport(request)
        actor = self._caller.actor(request, request_token(request))
        session = self._caller.session(request, params)
        if (actor, session, transport) != (known.actor, known.session, known.transport):
            self._observer.came_from(actor, transport, session)

    async def _refuse(self, refused: list[Received]) -> None:
        """Answer calls that must not run as the server would: with an error."""
        from mcp.shared.message import SessionMessage  # noqa: PLC0415 — loaded by whoever serves

        # By name: what is checked here is checked with the other SDK.
        types: Any = importlib.import_module("mcp.types")
        text = refusal(self._recorder.trouble)
        ends: list[Event] = [self._observer.deny(request, text) for request in refused]
        self._recorder.keep(ends)
        for request in refused:
            if request.jsonrpc_id is None:
                continue
            failed = types.ErrorData(code=REFUSAL_CODE, message=text)
            reply = types.JSONRPCError(jsonrpc="2.0", id=request.jsonrpc_id, error=failed)
            await self._write.send(SessionMessage(message=types.JSONRPCMessage(reply)))
