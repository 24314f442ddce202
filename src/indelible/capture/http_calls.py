"""What is on record of an HTTP exchange itself: the `http/*` records.

They stand for what no message came of (refused, dropped, unanswered), and for what
opens a stream or ends a session. Who sees the exchange is another's business: an ASGI
app's middleware, or the proxy.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, MutableMapping
from http import HTTPStatus
from typing import Any, NamedTuple, TypeAlias

from indelible.capture.actor import Asked, Identity, Verified
from indelible.capture.calls import Open, ended
from indelible.capture.context import given, session_of
from indelible.capture.exchange import headers_of, is_of_older_transport, peer_of
from indelible.capture.process import clock_us, monotonic_us
from indelible.capture.protocol import member, protocol_version
from indelible.capture.recorder import Recorder
from indelible.capture.wire import Message, read_line
from indelible.model.canonical import Json
from indelible.model.event import (
    Completed,
    Connection,
    Effect,
    ErrorType,
    Notice,
    Outcome,
    Received,
)

Scope: TypeAlias = MutableMapping[str, Any]
"""A request as ASGI describes it."""

MAX_KEPT_BYTES = 64 * 1024
"""Of a request's body; a longer one is not looked into."""

_NO_NOTIFICATIONS = "2026-07-28"
"""The protocol revision from which a client's notification over HTTP is dropped."""

_METHODS = frozenset(["GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS"])
_READING = frozenset(["GET", "HEAD", "OPTIONS"])
_DROPPED = "HTTP 202: accepted and dropped; this protocol revision has no notifications over HTTP"
_GONE = "no answer was sent: the client went away or the server stopped"

End: TypeAlias = tuple[Outcome, ErrorType | None, str | None]


class Seam(NamedTuple):
    """What the exchanges of one server have in common."""

    recorder: Recorder
    identity: Identity
    server_version: str
    numbers: Iterator[int]
    """Below zero: the messages of the same recorder count from zero up."""
    is_asking: Callable[[], bool] | None
    """Says whether the server waits for any answer; None where stray replies are seen elsewhere."""


def seam(
    recorder: Recorder,
    identity: Identity,
    server_version: str,
    is_asking: Callable[[], bool] | None = None,
) -> Seam:
    """Return what the exchanges of one server have in common."""
    return Seam(recorder, identity, server_version, itertools.count(-1, -1), is_asking)


class HttpCall:
    """One exchange: what has come, what has gone, and what is recorded of it.

    Args:
        seam: Where to record it.

        scope: The request.

        verified: Whose token it came with, where somebody has checked it.
    """

    __slots__ = (
        "_at_us",
        "_call",
        "_is_awaited",
        "_is_over",
        "_parts",
        "_scope",
        "_seam",
        "_since_us",
        "_size",
        "_verified",
        "sent_bytes",
        "status",
    )

    def __init__(self, seam: Seam, scope: Scope, verified: Verified | None = None) -> None:
        self._seam = seam
        self._scope = scope
        self._verified = verified
        self._at_us = clock_us()
        self._since_us = monotonic_us()
        self._parts: list[bytes] = []
        self._size = 0
        self._call: Open | None = None
        self._is_awaited = True
        self._is_over = False
        self.status: int | None = None
        """Of the answer; None while there is none."""
        self.sent_bytes = 0

    def came(self, body: bytes) -> None:
        """Remember a part of the request's body, if it is not too long."""
        self._size += len(body)
        if self._size <= MAX_KEPT_BYTES:
            self._parts.append(body)
        else:
            self._parts.clear()

    def came_whole(self) -> None:
        """Look, now that all of the body has come, whether the server waits for any answer."""
        if self._seam.is_asking is not None:
            self._is_awaited = self._seam.is_asking()

    def forget_body(self) -> None:
        """Let go of the body: an answer may be a stream of hours."""
        self._parts.clear()

    def opens(self) -> bool:
        """Return whether this opens a stream or ends a session: recorded before it is done."""
        method = self._scope["method"]
        if method == "GET":
            return any("text/event-stream" in line for line in self._headers("accept"))
        return bool(method == "DELETE")

    def begin(self) -> bool:
        """Record that the exchange has begun; return whether it may go on."""
        self._call = Open(self._received(), self._since_us)
        return not self._seam.recorder.keep([self._call.received])

    @property
    def begun(self) -> Received | None:
        """What is recorded of it so far."""
        return self._call.received if self._call is not None else None

    def end(self, why: BaseException | End | None, *, is_seen: bool) -> None:
        """Record how it ended: of what has begun, and of what nobody else has recorded.

        Args:
            why: What ended it, if not its answer.

            is_seen: Whether a message of it is recorded, or need not be.
        """
        if self._is_over:
            return
        self._is_over = True
        if self._call is not None:
            self._seam.recorder.keep([self._completed(self._call, why)])
        elif is_seen:
            return
        elif self._is_of_note(why):
            call = Open(self._received(), self._since_us)
            self._seam.recorder.keep([call.received, self._completed(call, why)])
        elif not self._is_awaited and self._is_accepted():
            self._note_stray()

    def _is_of_note(self, why: BaseException | End | None) -> bool:
        if why is not None or self.status is None or self.status >= 400:
            return True
        return self._is_dropped()

    def _note_stray(self) -> None:
        """Record a reply that came while the server waited for none."""
        body = self._body()
        if not isinstance(body, dict) or "method" in body:
            return
        content: Json = {key: body[key] for key in ("result", "error") if key in body}
        if content:
            connection, at_us = self._connection(None), self._at_us
            stray = Notice(at_us, "stray", "client", None, content, connection, body.get("id"))
            self._seam.recorder.keep([stray])

    def _is_accepted(self) -> bool:
        """Return whether a message was taken that gets no reply in this exchange.

        Not where the reply goes another way, as with the transport of 2024-11-05: the
        message reaches whoever records messages when this exchange is over.
        """
        if self.status != 202 or self._scope["method"] != "POST":
            return False
        return not is_of_older_transport(self._scope)

    def _is_dropped(self) -> bool:
        if not self._is_accepted():
            return False
        said = self._headers("mcp-protocol-version")
        version = protocol_version(said[0]) if said else None
        return version is not None and version >= _NO_NOTIFICATIONS

    def _completed(self, call: Open, why: BaseException | End | None) -> Completed:
        outcome, kind, text = why if isinstance(why, tuple) else self._outcome(why)
        completed = ended(
            call,
            monotonic_us(),
            outcome,
            kind,
            text,
            result=None if self.status is None else {"status": self.status},
            size=self.sent_bytes,
        )
        return completed._replace(keep_result=True)

    def _outcome(self, error: BaseException | None) -> End:
        if isinstance(error, Exception):
            return Outcome.ERROR, ErrorType.EXCEPTION, f"{type(error).__name__}: {error}"
        if self.status is None:
            return Outcome.ERROR, ErrorType.CANCELLED, _GONE
        if self._is_dropped():
            return Outcome.ERROR, ErrorType.DENIED, _DROPPED
        if self.status < 400:
            return Outcome.OK, None, None
        return rejected(self.status)

    def _received(self) -> Received:
        scope, headers = self._scope, self._headers
        http = scope["method"] if scope["method"] in _METHODS else "other"
        effect: Effect = "read" if http in _READING else "write"
        body = self._body()
        method, name = _asked_for(headers, body)
        found = given(headers, member(body, "params"))
        return Received(
            number=next(self._seam.numbers),
            at_us=self._at_us,
            direction="client",
            method=f"http/{http}",
            jsonrpc_id=member(body, "id"),
            tool=name if method == "tools/call" else None,
            args=_args(scope, method, name),
            args_bytes=self._size,
            effect=effect,
            effect_source="method",
            connection=self._connection(found.trace),
            trace=found.trace,
            request_id=found.request_id,
            has_odd_request_id=found.is_odd,
        )

    def _connection(self, trace: str | None) -> Connection:
        said = self._headers("mcp-protocol-version")
        raw = self._scope.get("headers") or []
        asked = Asked(raw, peer_of(dict(self._scope)), self._verified)
        return Connection(
            actor=self._seam.identity.of_request(asked),
            session=session_of(self._headers, trace, self._seam.recorder.process),
            server_version=self._seam.server_version,
            protocol_version=protocol_version(said[0]) if said else None,
            transport="http",
        )

    def _body(self) -> Json:
        readings = read_line(b"".join(self._parts)) if self._parts else []
        first = readings[0] if readings else None
        return first.value if isinstance(first, Message) else None

    def _headers(self, name: str) -> list[str]:
        return headers_of(dict(self._scope))(name)


def rejected(status: int) -> End:
    """Return how what was answered with *status*, 400 or more, has ended."""
    kind = ErrorType.DENIED if status < 500 else ErrorType.EXCEPTION
    return Outcome.ERROR, kind, f"HTTP {status} {_phrase(status)}".rstrip()


def _asked_for(headers: Callable[[str], list[str]], body: Json) -> tuple[str | None, str | None]:
    """Return the MCP method and what it names, of the body, else of headers nobody has checked."""
    method, name = member(body, "method"), member(body, "params", "name")
    if method is None:
        lines, names = headers("mcp-method"), headers("mcp-name")
        method = lines[0] if len(lines) == 1 else None
        name = names[0] if len(names) == 1 else None
    asked = method if isinstance(method, str) else None
    return asked, name if isinstance(name, str) else None


def _args(scope: Scope, method: str | None, name: str | None) -> dict[str, Json]:
    args: dict[str, Json] = {"path": str(scope.get("path", ""))}
    query = scope.get("query_string")
    if query:
        args["query"] = query.decode("latin-1")
    if method is not None:
        args["mcpMethod"] = method
    if name is not None:
        args["mcpName"] = name
    return args


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
