"""The messages of one HTTP exchange, and what is recorded of them. No bytes are moved here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple
from urllib.parse import urljoin

from indelible.capture.actor import Verified
from indelible.capture.caller import Caller
from indelible.capture.calls import Open, OpenCalls, Tools, cancelled, closed, ended, replied
from indelible.capture.context import Given, Headers, given, session_of
from indelible.capture.exchange import headers_of
from indelible.capture.http_calls import End, Seam
from indelible.capture.observe import Observer
from indelible.capture.outline import Outline
from indelible.capture.policy import refusal
from indelible.capture.process import clock_us, monotonic_us, now
from indelible.capture.protocol import (
    ACKNOWLEDGED,
    LISTEN,
    Declared,
    declared,
    member,
    subscription_id,
)
from indelible.capture.proxy.callers import Callers
from indelible.capture.proxy.sessions import ExchangeCalls, Session, Sessions
from indelible.capture.recorder import Recorder
from indelible.capture.wire import MAX_NOISE_BYTES, Message, Noise, Outlined, Reading
from indelible.model.canonical import Json
from indelible.model.event import (
    Completed,
    Direction,
    ErrorType,
    Event,
    Outcome,
    Received,
    Unparseable,
)

_NAMELESS = Session(is_nameless=True)
GIVEN_UP = "the session ended before a reply was seen"
_UNHEARD = "the exchange ended before the client's reply was seen"


class Recording(NamedTuple):
    """What the exchanges with one upstream server have in common."""

    recorder: Recorder
    caller: Caller
    callers: Callers
    seam: Seam
    tools: Tools
    numbers: Iterator[int]
    sessions: Sessions
    server: ServerSaid

    def give_up(self, calls: list[Open], why: str = GIVEN_UP) -> None:
        """Record that calls will have no reply."""
        at = monotonic_us()
        ends: list[Event] = [
            ended(call, at, Outcome.UNKNOWN, ErrorType.ABANDONED, why) for call in calls
        ]
        if ends:
            self.recorder.keep(ends)


@dataclass(slots=True)
class ServerSaid:
    """What the server has last said of itself."""

    version: str = "unknown"


@dataclass(slots=True)
class Dialogue:
    """What one exchange says, both ways.

    Args:
        recording: Where it is recorded.

        scope: The request, as ASGI describes it.

        target: Its path and query, as sent.

        verified: Whose token it came with, where somebody has checked it.
    """

    recording: Recording
    scope: dict[str, Any]
    target: str
    verified: Verified | None = None
    asks: bool = False
    """Whether the client has made a request in it."""
    is_seen: bool = False
    """Whether any message of it is on record."""
    request_id: str | None = None
    """The correlation id of its first call."""
    session: Session | None = None
    _key: str = ""
    holds_stream: bool = False
    """Whether it is the stream of the older transport, on which all replies come."""
    has_large_end: bool = False
    """Whether a message too long to be held is on record as what it is."""
    _large: Received | None = None
    _large_since_us: int = 0
    _follows: Observer | None = None
    _own: ExchangeCalls = field(init=False)
    _headers: Headers = field(init=False)
    _listening: list[Open] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Find the session that the request belongs to."""
        self._own = ExchangeCalls(self._others)
        self._headers = headers_of(self.scope)
        lines = self._headers("mcp-session-id")
        if len(lines) == 1 and lines[0]:
            self._key = lines[0]
            self._join(self.recording.sessions.find(self._key) or Session())
        elif (found := self.recording.sessions.find(f"endpoint {self.target}")) is not None:
            self._key = f"endpoint {self.target}"
            self._join(found)

    @property
    def is_posted_for_stream(self) -> bool:
        """Whether its replies come on a stream of the older transport."""
        return self._key.startswith("endpoint ")

    @property
    def _observer(self) -> Observer:
        """Follows it; there is none before anything was said."""
        if self._follows is None:
            self._follows = self._begin(given(self._headers, None))
        return self._follows

    def _begin(self, found: Given, said: Declared | None = None) -> Observer:
        """Begin, given the ids that the request brings: who asks, in which session."""
        recording = self.recording
        connection = recording.callers.connection(
            self.scope,
            self.session or _NAMELESS,
            self.verified,
            said,
            trace=found.trace,
            server_version=recording.server.version,
            transport="sse" if self.is_posted_for_stream else "http",
            process=recording.caller.process,
        )
        calls: dict[Direction, OpenCalls] = {
            "client": self._own,
            "server": self.session.asked_by_server if self.session else OpenCalls(),
        }
        return Observer(connection, recording.tools, recording.numbers, calls=calls, said=said)

    def asked(self, readings: list[Reading]) -> list[Received]:
        """Record what the client says; return the calls that must not be passed on."""
        first = next((r.value for r in readings if isinstance(r, Message)), None)
        params, method = member(first, "params"), member(first, "method")
        found = given(self._headers, params)
        said = declared(method, params) if isinstance(method, str) else None
        self._follows = self._begin(found, said)
        events = [
            _correlated(event, found) if isinstance(event, Received) else event
            for event in self._events("client", readings)
        ]
        calls = [event for event in events if isinstance(event, Received)]
        refused = self.recording.recorder.keep(events)
        self.is_seen = self.is_seen or bool(events)
        self.asks = bool(calls)
        if calls and not refused:
            correlation = self.recording.caller.correlation(calls[0])
            self.request_id = correlation.request_id if correlation is not None else None
        return refused

    def large_begun(self, outline: Outline, size: int) -> bool:
        """Record a message that is too long to be held; return whether it may be passed on."""
        self._follows = self._begin(given(self._headers, None))
        self.is_seen = True
        return outline.is_reply or self._keeps_large([], outline, size)

    def large_ends(self, outline: Outline, size: int) -> bool:
        """Record what it turned out to be; return whether its end may be passed on."""
        self.has_large_end = True
        at = now()
        before = self._large
        events: list[Event] = []
        if before is not None and (
            outline.is_reply or not self._observer.is_still(before, outline)
        ):
            events.append(self._observer.superseded(before, at))
            self._large = None
        if outline.is_reply:
            events += self._observer.outlined("client", outline, size, at)
            self.recording.recorder.keep(events)
            return True
        if self._large is None and not self._keeps_large(events, outline, size):
            return False
        assert self._large is not None
        self.recording.recorder.keep(self._observer.arrived(self._large, outline, at))
        return True

    def _keeps_large(self, before: list[Event], outline: Outline, size: int) -> bool:
        found = given(self._headers, None)
        begun = _correlated(self._observer.begun("client", outline, size, now()), found)
        if self.recording.recorder.keep([*before, begun]):
            self.deny([begun], refusal(self.recording.recorder.trouble))
            return False
        self._large, self.asks = begun, True
        self._large_since_us = monotonic_us()
        correlation = self.recording.caller.correlation(begun)
        self.request_id = correlation.request_id if correlation is not None else None
        return True

    def deny(self, calls: list[Received], why: str) -> None:
        """Record that the exchange is not passed on."""
        self.recording.recorder.keep([self._observer.deny(call, why) for call in calls])
        self._own.take_all()

    @property
    def open_ids(self) -> list[Json]:
        """The ids of the client's calls that have no reply yet."""
        return [call.received.jsonrpc_id for call in self._own.all()]

    def accepted(self, session_id: str | None) -> None:
        """Take it that the server has answered with success, perhaps opening a session."""
        if session_id and not self._key:
            self._key = session_id
            self._join(self.recording.sessions.find(session_id) or Session())
            assert self.session is not None
            self._observer.calls["server"] = self.session.asked_by_server
        if self._key and self.session is not None:
            given_up = self.recording.sessions.put(self._key, self.session)
            self.recording.give_up(given_up)

    def told(self, readings: list[Reading], event_id: str | None = None) -> None:
        """Record what the server says; an event that a resumed stream repeats, once."""
        if event_id is not None and self._key:
            is_new = self.recording.sessions.is_new(self._key, event_id)
            if not is_new and self._resumes():
                readings = [reading for reading in readings if _is_reply(reading)]
        events = self._events("server", readings)
        for reading in readings:
            if isinstance(reading, Message) and member(reading.value, "method") == ACKNOWLEDGED:
                events += self._acknowledged(reading.value)
        if events:
            self.is_seen = True
            self.recording.recorder.keep(events)
        self._learn()

    def endpoint(self, text: str) -> None:
        """Take the older transport's event that says where to post for this stream."""
        if self._key:
            return
        target = urljoin(self.target, text.strip())
        path = target.partition("://")[2].partition("/")[2] if "://" in target else target[1:]
        self._key, self.holds_stream = f"endpoint /{path}", True
        self._join(Session())
        assert self.session is not None
        self._observer.calls["server"] = self.session.asked_by_server
        self.recording.give_up(self.recording.sessions.put(self._key, self.session))

    def leave_open(self) -> None:
        """End, with replies that may come on another stream of the session."""
        if self.session is None:
            return
        for call in self._own.take_all():
            given_up = self.session.left.add(call.received, call.since_us)
            if given_up is not None:
                self.recording.give_up([given_up])

    def end(self, why: End) -> None:
        """Record that what has no reply will have none."""
        at = monotonic_us()
        calls = self._own.take_all()
        if self._large is not None and not self.has_large_end:
            calls.append(Open(self._large, self._large_since_us))
            self._large = None
        ends: list[Event] = [_ended(call, at, why) for call in calls]
        if self.session is None:
            asked = self._observer.calls["server"].take_all()
            unheard = (Outcome.UNKNOWN, ErrorType.ABANDONED, _UNHEARD)
            ends += [_ended(call, at, unheard) for call in asked]
        ends += [closed(call, clock_us(), at) for call in self._listening]
        self._listening.clear()
        if ends:
            self.recording.recorder.keep(ends)

    def end_session(self) -> None:
        """Record that what is open in the session will have no reply."""
        if self.session is not None:
            self.recording.give_up(self.session.take_all())
            self.recording.sessions.drop(self._key)

    def leave(self) -> None:
        """Let go of the session."""
        if self.session is not None:
            self.session.leave(self._own)

    def _join(self, session: Session) -> None:
        self.session = session
        session.join(self._own)

    def _others(self) -> list[OpenCalls]:
        return list(self.session.others(self._own)) if self.session is not None else []

    def _resumes(self) -> bool:
        return bool(self._headers("last-event-id"))

    def _events(self, sender: Direction, readings: list[Reading]) -> list[Event]:
        at = now()
        events: list[Event] = []
        for reading in readings:
            if isinstance(reading, Message):
                events += self._observer.message(sender, reading.value, reading.size, at)
            elif isinstance(reading, Outlined):
                events += self._observer.outlined(sender, reading.outline, reading.size, at)
            elif isinstance(reading, Noise):
                data = reading.data
                start = data[:MAX_NOISE_BYTES]
                events.append(Unparseable(at.wall_us, sender, start, 1, len(data)))
        return events

    def _acknowledged(self, message: Json) -> list[Event]:
        """Return the end of a request to listen: its stream is open now."""
        call = self._own.take(subscription_id(member(message, "params")))
        if call is None or call.received.method != LISTEN:
            return []
        self._listening.append(call)
        return [replied(call, {"result": {}}, monotonic_us(), size=None)]

    def _learn(self) -> None:
        """Remember beyond this exchange what the peers say of themselves."""
        known = self._observer.connection
        if known.server_version != "unknown":
            self.recording.server.version = known.server_version
        if self.session is not None:
            self.session.client = known.client or self.session.client
            self.session.protocol_version = known.protocol_version
            if not self._headers("mcp-session-id") and not self.is_posted_for_stream:
                named = {"mcp-session-id": [self._key]}
                mine = session_of(lambda name: named.get(name, []), None, "")
                if known.session != mine:
                    self._observer.connection = replace(known, session=mine)


def _correlated(event: Received, found: Given) -> Received:
    return event._replace(
        trace=event.trace or found.trace,
        request_id=found.request_id,
        has_odd_request_id=found.is_odd,
    )


def _is_reply(reading: Reading) -> bool:
    value = reading.value if isinstance(reading, Message) else None
    return isinstance(value, dict) and "method" not in value


def _ended(call: Open, at_us: int, why: End) -> Completed:
    outcome, kind, text = why
    if kind is ErrorType.CANCELLED:
        return cancelled(call, {"reason": text} if text else None, at_us)
    return ended(call, at_us, outcome, kind, text)
