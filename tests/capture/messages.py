"""JSON-RPC messages, short to write."""

from __future__ import annotations

from typing import Any

from indelible.capture.observe import Observer
from indelible.model.event import Completed, Connection, Event, Instant, Received

TOOLS = [
    {"name": "peek", "annotations": {"readOnlyHint": True}},
    {"name": "write", "annotations": {"readOnlyHint": False, "destructiveHint": False}},
    {"name": "wipe", "annotations": {"destructiveHint": True}},
    {"name": "plain"},
]


def request(id_: Any, method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id_, "method": method, "params": params}


def call(id_: Any, tool: str, **arguments: Any) -> dict[str, Any]:
    return request(id_, "tools/call", name=tool, arguments=arguments)


def reply(id_: Any, **result: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id_, "result": result}


def failure(id_: Any, message: str, code: int = -32_603) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id_, "error": {"code": code, "message": message}}


def cancelled(id_: Any, **more: Any) -> dict[str, Any]:
    return notification("notifications/cancelled", requestId=id_, **more)


def notification(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": method, "params": params}


class Wire:
    """An observer with a clock: messages in, events out, and all events so far."""

    def __init__(self) -> None:
        self.observer = Observer(Connection(), streams={})
        self.events: list[Event] = []
        self.now = 1_000_000

    @property
    def at(self) -> Instant:
        return Instant(1_795_500_000_000_000 + self.now, self.now)

    def client(self, message: Any, size: int = 10) -> list[Event]:
        return self._see("client", message, size)

    def server(self, message: Any, size: int = 10) -> list[Event]:
        return self._see("server", message, size)

    def _see(self, sender: Any, message: Any, size: int) -> list[Event]:
        self.now += 1_000
        events = self.observer.message(sender, message, size, self.at)
        self.events += events
        return events

    def close(self, error: str = "gone") -> list[Event]:
        self.now += 1_000
        events = self.observer.close(error, self.at)
        self.events += events
        return events

    @property
    def received(self) -> list[Received]:
        return [event for event in self.events if isinstance(event, Received)]

    @property
    def completed(self) -> list[Completed]:
        return [event for event in self.events if isinstance(event, Completed)]
