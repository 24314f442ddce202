"""What the middleware of the MCP SDK 2.x does not see, on connections that are streams.

The middleware records each request. Here are recorded: lines that are no messages, what
the SDK turns away before its middleware, notifications, and what a server sends of itself.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from indelible.capture.ledger import Ledger
from indelible.capture.observe import Observer
from indelible.capture.process import clock_us, now
from indelible.capture.protocol import (
    ACKNOWLEDGED,
    IdKey,
    id_key,
    subscription_id,
)
from indelible.capture.streams import parsed, unread
from indelible.model.canonical import Json
from indelible.model.event import Connection, Instant

MAX_WAITING = 10_000
CLOSED = "the connection ended before a reply was sent"


class Around:
    """Looks at one connection for what the middleware does not see."""

    def __init__(self, audit: Ledger, start: Connection) -> None:
        self._audit = audit
        self._recorder = audit.recorder
        self._observer = Observer(start, audit.tools, audit.numbers)
        self._waiting: dict[IdKey, list[tuple[dict[str, Json], Instant]]] = {}
        self._claimed: Counter[IdKey] = Counter()
        """How many requests under an id the middleware has, that are not answered yet."""

    @property
    def peer(self) -> int:
        """Names the connection, as long as it lives."""
        return id(self)

    def is_of(self, audit: Ledger) -> bool:
        """Return whether this is a connection of the server that *audit* records."""
        return self._audit is audit

    async def came(self, item: Any) -> bool:
        """Look at what the client sent; all of it goes on."""
        if isinstance(item, Exception):
            self._recorder.keep([unread(item, clock_us())])
            return True
        message = parsed(item)
        if "method" not in message:
            self._recorder.keep(self._observer.message("client", message, None, now()))
        elif message.get("id") is not None:
            self._wait(message)
        elif not self._cancels(message):
            self._recorder.keep(self._observer.message("client", message, None, now()))
        return True

    def leaves(self, item: Any) -> None:
        """Look at what the server sends."""
        message = parsed(item)
        if "method" not in message:
            self._turned_away(message)
            return
        if message["method"] == ACKNOWLEDGED:
            self._audit.opened(self.peer, subscription_id(message.get("params")))
        self._recorder.keep(self._observer.message("server", message, None, now()))

    def ended(self) -> None:
        """Leave what is open to the middleware: its calls are cancelled now."""

    def close(self) -> None:
        """Record that what is open will have no end."""
        for message, at in [one for queue in self._waiting.values() for one in queue]:
            self._recorder.keep(self._observer.message("client", message, None, at))
        self._waiting.clear()
        self._recorder.keep(self._observer.close(CLOSED, now()))

    def claim(self, jsonrpc_id: Json, connection: Connection) -> None:
        """Leave the oldest request under an id to the middleware, which has it now."""
        self._observer.connection = connection
        key = id_key(jsonrpc_id)
        if self._taken(key) is not None:
            self._claimed[key] += 1

    def settled(self, key: IdKey) -> None:
        """Expect no answer to a request that the middleware has: it was cancelled."""
        self._answered(key)

    def _taken(self, key: IdKey) -> tuple[dict[str, Json], Instant] | None:
        queue = self._waiting.get(key)
        if not queue:
            return None
        oldest = queue.pop(0)
        if not queue:
            del self._waiting[key]
        return oldest

    def _answered(self, key: IdKey) -> bool:
        """Return whether an answer is to a request that the middleware has."""
        if key not in self._claimed:
            return False
        self._claimed[key] -= 1
        if not self._claimed[key]:
            del self._claimed[key]
        return True

    def _wait(self, message: dict[str, Json]) -> None:
        if len(self._waiting) >= MAX_WAITING:
            self._waiting.clear()
        self._waiting.setdefault(id_key(message["id"]), []).append((message, now()))

    def _turned_away(self, reply: dict[str, Json]) -> None:
        """Record a request that is answered though the middleware never had it."""
        key = id_key(reply.get("id"))
        turned = None if self._answered(key) else self._taken(key)
        if turned is None:
            return
        message, at = turned
        events = self._observer.message("client", message, None, at)
        self._recorder.keep([*events, *self._observer.message("server", reply, None, now())])

    def _cancels(self, message: dict[str, Json]) -> bool:
        """Record a cancellation when it comes: a synchronous tool ends as if there were none."""
        if message["method"] != "notifications/cancelled":
            return False
        return self._audit.cancel(self.peer, message.get("params"))
