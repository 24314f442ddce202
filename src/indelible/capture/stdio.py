"""The stdio proxy: bytes passed on untouched between two pairs of raw descriptors.

A client's line is held whole until its record is written, since sent bytes
cannot be refused. A server's reply flows, and only its last LF waits for the
record. This module moves bytes; what they mean is the observer's business.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from indelible.capture.framing import READ_BYTES, End, Line, Part, Piece, Splitter, Start
from indelible.capture.observe import Instant, Observer
from indelible.capture.outline import Outline
from indelible.capture.policy import REFUSAL_CODE, refusal
from indelible.capture.recorder import Recorder
from indelible.capture.wire import Message, Outlined, read_line
from indelible.durable import write_all
from indelible.model.canonical import Json
from indelible.model.event import Direction, Event, Received, Unparseable

MAX_NOISE_BYTES = 2_048


@dataclass(frozen=True, slots=True)
class Descriptors:
    """The four ends the proxy reads and writes."""

    from_client: int
    to_client: int
    from_server: int
    to_server: int


@dataclass(slots=True)
class _Oversize:
    """A client's line that is longer than we hold."""

    received: Received | None
    outline: Outline
    refused: bool


class Relay:
    """Passes bytes both ways and has each message recorded on the way.

    `client_to_server` and `server_to_client` each run in a thread of their own.
    """

    def __init__(
        self,
        descriptors: Descriptors,
        observer: Observer,
        recorder: Recorder,
        now: Callable[[], Instant],
    ) -> None:
        self._fds = descriptors
        self._observer = observer
        self._recorder = recorder
        self._now = now
        self._lock = threading.Lock()  # observer and recorder see events in one order
        self._out_lock = threading.Lock()  # whole lines to the client
        self._mid_line = False
        self._waiting: list[bytes] = []
        self._client_gone = False
        self._oversize: _Oversize | None = None
        self._reply_outline: Outline | None = None

    def client_to_server(self) -> None:
        """Pass on what the client sends until it ends, then end the server's input."""
        splitter = Splitter()
        try:
            while chunk := os.read(self._fds.from_client, READ_BYTES):
                if splitter.is_line(chunk):
                    self._pass_lines([chunk])
                else:
                    self._client_parts(splitter.feed(chunk))
            self._client_parts(splitter.end())
        except BrokenPipeError:
            # The server reads no more. Let the client see that as it would without us.
            null = os.open(os.devnull, os.O_RDONLY)
            os.dup2(null, self._fds.from_client)
            os.close(null)
        finally:
            os.close(self._fds.to_server)

    def server_to_client(self) -> None:
        """Pass on what the server sends until it ends."""
        splitter = Splitter()
        while chunk := os.read(self._fds.from_server, READ_BYTES):
            if splitter.is_line(chunk):
                self._record_lines([chunk])
            else:
                self._record_replies(splitter.feed(chunk))
            self._to_client(chunk)
        self._record_replies(splitter.end())

    def abandon(self, error: str) -> None:
        """Close every open call, and answer the client's: the server is gone."""
        with self._lock:
            calls = self._observer.open_calls("client")
            events = self._observer.close(error, self._now())
            self._recorder.keep(events)
        with self._out_lock:
            self._waiting += [_error_line(c.jsonrpc_id, f"indelible: {error}") for c in calls]
            if self._waiting and self._mid_line:
                self._waiting.insert(0, b"\n")  # end the line the server broke off
            self._mid_line = False
            self._flush_waiting()

    def _client_parts(self, parts: Iterable[Part]) -> None:
        lines: list[bytes] = []
        for part in parts:
            if isinstance(part, Line):
                lines.append(part.data)
                continue
            self._pass_lines(lines)
            lines = []
            self._pass_oversize(part)
        self._pass_lines(lines)

    def _pass_lines(self, lines: list[bytes]) -> None:
        """Record whole lines of the client's, then pass on those that are not refused."""
        if not lines:
            return
        with self._lock:
            at = self._now()
            seen = [self._events("client", [line], at) for line in lines]
            refused = self._recorder.keep([event for events in seen for event in events])
            if refused:
                lines = self._passed(lines, seen, {received.number for received in refused})
        write_all(self._fds.to_server, b"".join(lines))

    def _passed(
        self, lines: list[bytes], seen: list[list[Event]], refused: set[int]
    ) -> list[bytes]:
        """Return the lines without a refused call, and answer the calls on the others."""
        passed = []
        for line, events in zip(lines, seen, strict=True):
            calls = [event for event in events if isinstance(event, Received)]
            if refused.isdisjoint(call.number for call in calls):
                passed.append(line)
            else:
                self._refuse(calls)
        return passed

    def _refuse(self, calls: list[Received]) -> None:
        """Answer calls that are not passed on."""
        why = refusal(self._recorder.trouble)
        self._recorder.keep([self._observer.deny(call, why) for call in calls])
        self._answer([c.jsonrpc_id for c in calls if c.jsonrpc_id is not None], why)

    def _pass_oversize(self, part: Start | Piece | End) -> None:
        with self._lock:
            if isinstance(part, Start):
                self._oversize = self._begin_oversize(part)
            over = self._oversize
            if isinstance(part, End) and over is not None:
                self._end_oversize(over, part)
                self._oversize = None
        if over is None or not over.refused:
            write_all(self._fds.to_server, part.data)

    def _begin_oversize(self, part: Start) -> _Oversize:
        if part.outline.is_reply:
            return _Oversize(None, part.outline, refused=False)
        received = self._observer.begun("client", part.outline, len(part.data), self._now())
        refused = bool(self._recorder.keep([received]))
        return _Oversize(received, part.outline, refused)

    def _end_oversize(self, over: _Oversize, part: End) -> None:
        at = self._now()
        if over.received is None:
            self._recorder.keep(self._observer.outlined("client", over.outline, part.size, at))
        elif over.refused:
            jsonrpc_id = over.outline.found.get("id")
            why = refusal(self._recorder.trouble)
            self._answer([] if jsonrpc_id is None else [jsonrpc_id], why)
        else:
            self._recorder.keep(self._observer.arrived(over.received, over.outline, at))

    def _record_lines(self, lines: list[bytes]) -> None:
        """Record whole lines of the server's."""
        with self._lock:
            events = self._events("server", lines, self._now())
            if events:
                self._recorder.keep(events)

    def _record_replies(self, parts: Iterable[Part]) -> None:
        lines: list[bytes] = []
        for part in parts:
            if isinstance(part, Line):
                lines.append(part.data)
            elif isinstance(part, Start):
                self._reply_outline = part.outline
            elif isinstance(part, End) and self._reply_outline is not None:
                outline, self._reply_outline = self._reply_outline, None
                with self._lock:
                    events = self._observer.outlined("server", outline, part.size, self._now())
                    self._recorder.keep(events)
        if lines:
            self._record_lines(lines)

    def _events(self, sender: Direction, lines: list[bytes], at: Instant) -> list[Event]:
        """Return the events of whole lines; noise in a row makes one event."""
        events: list[Event] = []
        noise: list[bytes] = []
        for line in lines:
            for reading in read_line(line):
                if isinstance(reading, Message):
                    events += self._observer.message(sender, reading.value, reading.size, at)
                elif isinstance(reading, Outlined):
                    events += self._observer.outlined(sender, reading.outline, reading.size, at)
                else:
                    noise.append(reading.data)
        if noise:
            text = b"\n".join(noise)
            start = text[:MAX_NOISE_BYTES]
            events.append(Unparseable(at.wall_us, sender, start, len(noise), len(text)))
        return events

    def _answer(self, ids: list[Json], error: str) -> None:
        """Send an error line for each id, as soon as the server is between two lines."""
        with self._out_lock:
            self._waiting += [_error_line(jsonrpc_id, error) for jsonrpc_id in ids]
            if not self._mid_line:
                self._flush_waiting()

    def _to_client(self, chunk: bytes) -> None:
        with self._out_lock:
            newline = chunk.find(b"\n") + 1
            if self._waiting and self._mid_line and newline:
                self._write_client(chunk[:newline])
                chunk = chunk[newline:]
                self._flush_waiting()
            self._write_client(chunk)
            if chunk:
                self._mid_line = not chunk.endswith(b"\n")
            else:
                self._mid_line = False

    def _flush_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._write_client(b"".join(waiting))

    def _write_client(self, data: bytes) -> None:
        if self._client_gone or not data:
            return
        try:
            write_all(self._fds.to_client, data)
        except BrokenPipeError:
            # Nobody listens. Go on reading: the outcome of what runs is still recorded.
            self._client_gone = True


def _error_line(jsonrpc_id: Json, message: str) -> bytes:
    error: Json = {"code": REFUSAL_CODE, "message": message}
    if isinstance(jsonrpc_id, (list, dict)):
        jsonrpc_id = None  # no id at all, and perhaps too deep to be written
    return json.dumps({"jsonrpc": "2.0", "id": jsonrpc_id, "error": error}).encode() + b"\n"
