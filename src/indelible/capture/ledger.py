"""What those who look at one server of the MCP SDK 2.x share: numbers, tools and open calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from indelible.capture.calls import Tools
from indelible.capture.recorder import Recorder
from indelible.model.canonical import Json
from indelible.model.event import Connection


class Ledger(Protocol):
    """Knows the calls of one server that have no end yet."""

    recorder: Recorder
    tools: Tools
    numbers: Iterator[int]
    asking: int
    """How many requests of the server's own have no answer yet, where the streams are not seen."""

    def opened(self, peer: int, jsonrpc_id: Json) -> None:
        """Record that a request to listen has its stream: its end is that of the stream."""

    def cancel(self, peer: int, params: Json) -> bool:
        """Record that the client waits no longer; return whether it waited for anything."""

    def sent(self, peer: int, method: str, params: Json, connection: Connection) -> None:
        """Record a notification of the server's; the one that opens a stream ends its call."""
