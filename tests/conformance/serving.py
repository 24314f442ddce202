"""What both servers need: a port of their own, and events that can be had again. Not a test."""

from __future__ import annotations

import socket
import sys
import warnings
from typing import Any

import uvicorn


def note(tool: str) -> None:
    """Add to the file that was named at the start that *tool* is called."""
    with open(sys.argv[1], "a", encoding="utf-8") as calls:
        print(tool, file=calls)


def serve(app: Any) -> None:
    """Serve *app* on loopback until killed, after its port was printed on a line of its own."""
    warnings.simplefilter("ignore")  # the SDK calls deprecated what older revisions have
    # asyncio turns Nagle's algorithm off only where the protocol is named.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        print(listening.getsockname()[1], flush=True)
        uvicorn.Server(uvicorn.Config(app, log_level="critical")).run(sockets=[listening])


class Replay:
    """Keeps the events of every stream in memory, in the order in which they were sent."""

    def __init__(self) -> None:
        self._kept: list[tuple[str, Any]] = []

    async def store_event(self, stream_id: str, message: Any) -> str:
        """Keep an event, and say by what name it can be had again."""
        self._kept.append((stream_id, message))
        return str(len(self._kept))

    async def replay_events_after(self, last_event_id: str, send_callback: Any) -> str | None:
        """Send again what followed *last_event_id* on its stream."""
        if not last_event_id.isdecimal() or not 0 < int(last_event_id) <= len(self._kept):
            return None
        from mcp.server.streamable_http import EventMessage

        last = int(last_event_id)
        stream = self._kept[last - 1][0]
        for number, (kept, message) in enumerate(self._kept[last:], last + 1):
            if kept == stream and message is not None:
                await send_callback(EventMessage(message, str(number)))
        return stream
