"""The ASGI seam: what is refused, opened or dropped before any hook sees a message.

Laws: no byte is changed, held back or added; at most `MAX_KEPT_BYTES` of a body are
remembered; what a message hook has recorded is not recorded here again. One
exception to the first: a stream or a session's end that may not go unrecorded is
answered with 503.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, NamedTuple, TypeAlias

from indelible.capture.actor import Asked, Identity
from indelible.capture.calls import Open, ended
from indelible.capture.context import given, session_of
from indelible.capture.exchange import KEY, Exchange, headers_of, peer_of
from indelible.capture.policy import REFUSAL_CODE, refusal
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
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]

MAX_KEPT_BYTES = 64 * 1024
"""Of a request's body; a longer one is not looked into."""

_NO_NOTIFICATIONS = "2026-07-28"
"""The protocol revision from which a client's notification over HTTP is dropped."""

_METHODS = frozenset(["GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS"])
_READING = frozenset(["GET", "HEAD", "OPTIONS"])
_DROPPED = "HTTP 202: accepted and dropped; this protocol revision has no notifications over HTTP"
_GONE = "no answer was sent: the client went away or the server stopped"


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
        if scope["type"] != "http" or KEY in scope:
            await self._app(scope, receive, send)
            return
        watched = _Watched(self._seam, scope, receive, send)
        if watched.opens() and not watched.begin():
            await _refuse(send, self._seam.recorder.trouble)
            return
        try:
            await self._app({**scope, KEY: watched.exchange}, watched.receive, watched.send)
        except BaseException as error:
            watched.end(error)
            raise
        watched.end(None)


@dataclass(slots=True)
class _Watched:
    """One exchange: what has come, what has gone."""

    seam: Seam
    scope: Scope
    receive_on: Receive
    send_on: Send
    exchange: Exchange = field(default_factory=Exchange)
    at_us: int = field(default_factory=clock_us)
    since_us: int = field(default_factory=monotonic_us)
    status: int | None = None
    sent_bytes: int = 0
    _parts: list[bytes] = field(default_factory=list)
    _size: int = 0
    _call: Open | None = None
    _is_awaited: bool = True
    """Whether the server waited for any answer when all of the body had come."""
    _is_over: bool = False

    async def receive(self) -> MutableMapping[str, Any]:
        """Pass on what the client sends, a reference to its first bytes kept."""
        message = await self.receive_on()
        body = message.get("body")
        if body and message["type"] == "http.request":
            self._size += len(body)
            if self._size <= MAX_KEPT_BYTES:
                self._parts.append(body)
            else:
                self._parts.clear()
        if message["type"] == "http.disconnect":
            self.exchange.has_left = True
        elif not message.get("more_body") and self.seam.is_asking is not None:
            self._is_awaited = self.seam.is_asking()
        return message

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Pass on what the app answers."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if self.exchange.is_seen:
                self._parts.clear()  # an answer may be a stream of hours
        elif message["type"] == "http.response.body":
            self.sent_bytes += len(message.get("body") or b"")
            if not message.get("more_body"):
                self.end(None)  # before the client has the end of the answer
        await self.send_on(message)

    def opens(self) -> bool:
        """Return whether this opens a stream or ends a session: recorded before it is done."""
        method = self.scope["method"]
        if method == "GET":
            return any("text/event-stream" in line for line in self._headers("accept"))
        return bool(method == "DELETE")

    def begin(self) -> bool:
        """Record that the exchange has begun; return whether it may go on."""
        self._call = Open(self._received(), self.since_us)
        return not self.seam.recorder.keep([self._call.received])

    def end(self, error: BaseException | None) -> None:
        """Record how it ended: of what has begun, and of what nobody else has recorded."""
        if self._is_over:
            return
        self._is_over = True
        if self._call is not None:
            self.seam.recorder.keep([self._completed(self._call, error)])
        elif self.exchange.is_seen:
            return
        elif self._is_of_note(error):
            call = Open(self._received(), self.since_us)
            self.seam.recorder.keep([call.received, self._completed(call, error)])
        elif not self._is_awaited and self._is_accepted():
            self._note_stray()

    def _is_of_note(self, error: BaseException | None) -> bool:
        if error is not None or self.status is None or self.status >= 400:
            return True
        return self._is_dropped()

    def _note_stray(self) -> None:
        """Record a reply that came while the server waited for none."""
        body = self._body()
        if not isinstance(body, dict) or "method" in body:
            return
        content: Json = {key: body[key] for key in ("result", "error") if key in body}
        if content:
            connection = self._connection(None)
            stray = Notice(self.at_us, "stray", "client", None, content, connection, body.get("id"))
            self.seam.recorder.keep([stray])

    def _is_accepted(self) -> bool:
        """Return whether a message was taken that gets no reply in this exchange.

        Not where the reply goes another way, as with the transport of 2024-11-05: the
        message reaches whoever records messages when this exchange is over.
        """
        if self.status != 202 or self.scope["method"] != "POST":
            return False
        return b"session_id=" not in (self.scope.get("query_string") or b"")

    def _is_dropped(self) -> bool:
        if not self._is_accepted():
            return False
        said = self._headers("mcp-protocol-version")
        version = protocol_version(said[0]) if said else None
        return version is not None and version >= _NO_NOTIFICATIONS

    def _completed(self, call: Open, error: BaseException | None) -> Completed:
        outcome, kind, text = self._outcome(error)
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

    def _outcome(self, error: BaseException | None) -> tuple[Outcome, ErrorType | None, str | None]:
        if isinstance(error, Exception):
            return Outcome.ERROR, ErrorType.EXCEPTION, f"{type(error).__name__}: {error}"
        if self.status is None:
            return Outcome.ERROR, ErrorType.CANCELLED, _GONE
        if self._is_dropped():
            return Outcome.ERROR, ErrorType.DENIED, _DROPPED
        if self.status < 400:
            return Outcome.OK, None, None
        kind = ErrorType.DENIED if self.status < 500 else ErrorType.EXCEPTION
        return Outcome.ERROR, kind, f"HTTP {self.status} {_phrase(self.status)}".rstrip()

    def _received(self) -> Received:
        scope, headers = self.scope, self._headers
        http = scope["method"] if scope["method"] in _METHODS else "other"
        effect: Effect = "read" if http in _READING else "write"
        body = self._body()
        method, name = _asked_for(headers, body)
        found = given(headers, member(body, "params"))
        return Received(
            number=next(self.seam.numbers),
            at_us=self.at_us,
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
        raw = self.scope.get("headers") or []
        return Connection(
            actor=self.seam.identity.of_request(Asked(raw, peer_of(dict(self.scope)))),
            session=session_of(self._headers, trace, self.seam.recorder.process),
            server_version=self.seam.server_version,
            protocol_version=protocol_version(said[0]) if said else None,
            transport="http",
        )

    def _body(self) -> Json:
        readings = read_line(b"".join(self._parts)) if self._parts else []
        first = readings[0] if readings else None
        return first.value if isinstance(first, Message) else None

    def _headers(self, name: str) -> list[str]:
        return headers_of(dict(self.scope))(name)


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


async def _refuse(send: Send, trouble: str) -> None:
    """Answer 503: it may not be done unrecorded."""
    error = {"code": REFUSAL_CODE, "message": refusal(trouble)}
    body = json.dumps({"jsonrpc": "2.0", "id": None, "error": error}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})
