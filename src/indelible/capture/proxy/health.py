"""`/livez` and `/readyz`, on a listener of their own: any path of the other may be the server's."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from aiohttp import web
from aiohttp.web_request import BaseRequest

from indelible import durable
from indelible.capture.proxy.client import Reply
from indelible.durable import make_directory

KEPT_S = 1.0
"""How long an answer about the disk holds: whoever asks more often makes no more writes."""


class Health:
    """Answers whether the proxy lives, and whether it can record.

    Args:
        state: Where records are kept.

        is_stopping: Says whether the proxy is being stopped.
    """

    def __init__(self, state: Path, is_stopping: Callable[[], bool]) -> None:
        self._state = state
        self._is_stopping = is_stopping
        self._trouble = ""
        self._until_s = 0.0
        self._lock = asyncio.Lock()

    async def __call__(self, request: BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        reply = Reply(request)
        path = request.raw_path.partition("?")[0]
        if path == "/livez":
            await reply.say(200, b'{"status":"ok"}')
        elif path != "/readyz":
            await reply.say(404, b'{"status":"no such path"}')
        elif self._is_stopping():
            await reply.say(503, b'{"status":"stopping"}')
        elif await self._can_record():
            await reply.say(200, b'{"status":"ok"}')
        else:
            await reply.say(503, b'{"status":"records cannot be written"}')
        return reply.response

    async def _can_record(self) -> bool:
        async with self._lock:
            now_s = asyncio.get_running_loop().time()
            if now_s >= self._until_s:
                self._trouble = await asyncio.to_thread(trouble_of, self._state)
                self._until_s = now_s + KEPT_S
        return not self._trouble


def trouble_of(state: Path) -> str:
    """Return why nothing can be made durable in *state*; empty if something can."""
    path = state / f".ready.{os.urandom(8).hex()}.tmp"
    try:
        make_directory(state)
        durable.append(path, b"ready\n")
        durable.discard([path])
    except OSError as error:
        return error.strerror or type(error).__name__
    return ""
