"""The ASGI seam: what is refused, opened or dropped before any hook sees a message.

Laws: no byte is changed, held back or added; at most the first
bytes of a body are remembered; what a message hook has recorded is not recorded here again. One
exception to the first: a stream or a session's end that may not go unrecorded is
answered with 503.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from indelible.capture.exchange import KEY, Exchange
from indelible.capture.http_calls import HttpCall, Scope, Seam
from indelible.capture.policy import error_reply, refusal

Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]


class AuditASGI:
    """Follows the HTTP exchanges of an ASGI app; one middleware, outside all others.

    Args:
        app: The application.

        seam: Where to record what.
    """

    def __init__(self, app: App, seam: Seam) -> None:
        self._app = app
        self._seam = seam

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one connection on, and record what nobody else will."""
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        if scope["type"] != "http" or KEY in scope:
            await self._app(scope, receive, send)
            return
        call = HttpCall(self._seam, scope)
        if call.opens() and not call.begin():
            await _refuse(send, self._seam.recorder.trouble)
            return
        watched = _Watched(call, receive, send)
        try:
            await self._app({**scope, KEY: watched.exchange}, watched.receive, watched.send)
        except BaseException as error:
            watched.end(error)
            raise
        watched.end(None)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the app's life on; a server program may end by a signal right after it."""
        try:
            await self._app(scope, receive, send)
        finally:
            self._seam.recorder.sign_off()


class _Watched:
    """One exchange, as it passes."""

    def __init__(self, call: HttpCall, receive: Receive, send: Send) -> None:
        self.exchange = Exchange()
        self._call = call
        self._receive = receive
        self._send = send

    async def receive(self) -> MutableMapping[str, Any]:
        """Pass on what the client sends, a reference to its first bytes kept."""
        message = await self._receive()
        body = message.get("body")
        if body and message["type"] == "http.request":
            self._call.came(body)
        if message["type"] == "http.disconnect":
            self.exchange.has_left = True
        elif not message.get("more_body"):
            self._call.came_whole()
        return message

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Pass on what the app answers."""
        if message["type"] == "http.response.start":
            self._call.status = message["status"]
            if self.exchange.is_seen:
                self._call.forget_body()
        elif message["type"] == "http.response.body":
            self._call.sent_bytes += len(message.get("body") or b"")
            if not message.get("more_body"):
                self.end(None)  # before the client has the end of the answer
        await self._send(message)

    def end(self, error: BaseException | None) -> None:
        """Record how it ended."""
        self._call.end(error, is_seen=self.exchange.is_seen)


async def _refuse(send: Send, trouble: str) -> None:
    """Answer 503: it may not be done unrecorded."""
    body = error_reply(None, refusal(trouble))
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})
