"""What a server of the MCP SDK 2.x sends on its own account: the two channels of a session.

Only where the streams are not seen: over HTTP, and between a client and a server in one process.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from indelible.capture.calls import Open, ended, kept_args, received, replied
from indelible.capture.ledger import Ledger
from indelible.capture.process import clock_us, monotonic_us
from indelible.capture.protocol import member
from indelible.model.canonical import Json
from indelible.model.event import Connection, ErrorType, Outcome


class Outbound:
    """A channel as it is, but that what a server sends over it is recorded.

    Args:
        params: Of the request that it is a channel of: they say which progress is whose.
    """

    __slots__ = ("_audit", "_inner", "_params", "_peer", "connection")

    def __init__(
        self, inner: Any, audit: Ledger, peer: int, connection: Connection, params: Json = None
    ) -> None:
        self._inner = inner
        self._audit = audit
        self._peer = peer
        self.connection = connection
        """Whom it leads to, as far as known by now."""
        self._params = params

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def send_raw_request(self, method: str, params: Any, *args: Any, **more: Any) -> Any:
        """Send a request and record it, and its end."""
        call = self._asked(method, params)
        self._audit.recorder.keep([call.received])
        self._audit.asking += 1
        try:
            result = await self._inner.send_raw_request(method, params, *args, **more)
        except BaseException as error:
            text = f"{type(error).__name__}: {error}"
            kind = ErrorType.RPC_ERROR if isinstance(error, Exception) else ErrorType.CANCELLED
            end = ended(call, monotonic_us(), Outcome.ERROR, kind, text)
            self._audit.recorder.keep([end])
            raise
        finally:
            self._audit.asking -= 1
        reply: dict[str, Json] = {"result": result}
        self._audit.recorder.keep([replied(call, reply, monotonic_us(), size=None)])
        return result

    async def notify(self, method: str, params: Any, *args: Any, **more: Any) -> None:
        """Send a notification and record it."""
        self._audit.sent(self._peer, method, _plain(params), self.connection)
        await self._inner.notify(method, params, *args, **more)

    async def progress(self, progress: float, *args: Any, **more: Any) -> None:
        """Tell of progress and record it; where nobody asked to be told, nothing is sent."""
        token = member(self._params, "_meta", "progressToken")
        if token is not None:
            told: dict[str, Json] = {"progressToken": token, "progress": progress}
            told |= dict(zip(("total", "message"), args, strict=False)) | more
            told = {key: value for key, value in told.items() if value is not None}
            self._audit.sent(self._peer, "notifications/progress", told, self.connection)
        await self._inner.progress(progress, *args, **more)

    def _asked(self, method: str, params: Any) -> Open:
        plain = _plain(params)
        request = received(
            next(self._audit.numbers),
            "server",
            {"method": method, "params": plain},
            at_us=clock_us(),
            size=None,
            args=kept_args(method, plain),
            tools=self._audit.tools,
            connection=self.connection,
        )
        return Open(request, monotonic_us())


def watch(session: Any, audit: Ledger, peer: int, connection: Connection, params: Json) -> None:
    """Have what a server sends over *session* recorded, while it works on a request."""
    scoped = getattr(session, "_request_outbound", None)
    if scoped is not None and not isinstance(scoped, Outbound):
        outbound = Outbound(scoped, audit, peer, connection, params)
        session._request_outbound = outbound  # noqa: SLF001 — there is no public way
    known: Any = getattr(session, "_connection", None)
    if not getattr(known, "has_standalone_channel", False):
        return
    if isinstance(known.outbound, Outbound):
        known.outbound.connection = connection  # the first message has no session's id yet
    else:
        known.outbound = Outbound(known.outbound, audit, peer, connection)


def _plain(params: Any) -> Json:
    return dict(params) if isinstance(params, Mapping) else None
