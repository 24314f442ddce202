"""The stdio proxy: bytes passed on untouched between two pairs of raw descriptors.

A client's line is held whole until its record is written, since sent bytes
cannot be refused. A server's reply flows, and only its last LF waits for the
record. This module moves bytes; what they mean is the observer's business.
"""

from __future__ import annotations

import os
import select
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from indelible.capture.framing import READ_BYTES, End, Line, Part, Piece, Segment, Splitter, Start
from indelible.capture.observe import Observer
from indelible.capture.outline import Outline
from indelible.capture.policy import error_reply, refusal
from indelible.capture.recorder import Recorder
from indelible.capture.wire import MAX_NOISE_BYTES, Message, Outlined, read_line
from indelible.durable import wait_for, write_all
from indelible.model.canonical import Json
from indelible.model.event import Direction, Event, Instant, Received, Unparseable


@dataclass(frozen=True, slots=True)
class Descriptors:
    """The four ends the proxy reads and writes."""

    from_client: int
    to_client: int
    from_server: int
    to_server: int


@dataclass(slots=True)
class _Oversize:
    """A client's message that is longer than we hold."""

    outline: Outline
    size: int = 0
    """How much of it has come."""

    received: Received | None = None
    """What it was recorded as; None while it looks like a reply."""

    is_expected: bool = False
    """Whether its reply will find it."""


def _read(fd: int) -> bytes:
    """Return what has come, or nothing at the end."""
    while True:
        try:
            return os.read(fd, READ_BYTES)
        except BlockingIOError:
            wait_for(fd, select.POLLIN)


class _Refused(Exception):  # noqa: N818 — no error, but the end of the client's stream
    """A message is refused of which the server has a part."""


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
        self._waiting: deque[bytes] = deque()
        self._client_gone = False
        self._is_over = False
        self._oversize: list[_Oversize] = []  # the line that is passing, and a segment of it
        self._has_passed = False
        self._is_refused = False
        self._reply_outline: Outline | None = None

    def client_to_server(self) -> None:
        """Pass on what the client sends until it ends, then end the server's input."""
        splitter = Splitter()
        try:
            while chunk := _read(self._fds.from_client):
                if splitter.is_line(chunk):
                    self._pass_lines([chunk])
                else:
                    self._client_parts(splitter.feed(chunk))
            self._client_parts(splitter.end())
        except ConnectionResetError:
            pass  # a client on a socket left without reading all that we sent: its end too
        except (BrokenPipeError, _Refused):
            # The server reads no more. Let the client see that as it would without us.
            null = os.open(os.devnull, os.O_RDONLY)
            os.dup2(null, self._fds.from_client)
            os.close(null)
        finally:
            os.close(self._fds.to_server)

    def server_to_client(self) -> None:
        """Pass on what the server sends until it ends."""
        splitter = Splitter(cr_ends=False)
        while chunk := os.read(self._fds.from_server, READ_BYTES):
            if splitter.is_line(chunk):
                self._record_lines([chunk])
            else:
                self._record_replies(splitter.feed(chunk))
            self._to_client(chunk)
        self._record_replies(splitter.end())

    def abandon(self, error: str) -> None:
        """Close every open call: the server is gone. Nothing is recorded after that.

        It waits for no reader: what the client is told, `last_words` says.
        """
        with self._lock:
            self._is_over = True
            for one in self._oversize:
                self._expect_reply(one, self._now())
            calls = self._observer.open_calls("client")
            self._recorder.keep(self._observer.close(error, self._now()))
        self._waiting += [error_reply(c.jsonrpc_id, f"indelible: {error}") + b"\n" for c in calls]

    def last_words(self) -> None:
        """Answer the calls that were abandoned. It blocks while the client does not read."""
        with self._out_lock:
            if self._waiting and self._mid_line:
                self._write_client(b"\n")  # end the line the server broke off
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
            if self._is_over:
                return
            at = self._now()
            seen = [self._events("client", [line], at) for line in lines]
            every = seen[0] if len(seen) == 1 else [event for events in seen for event in events]
            refused = self._recorder.keep(every)
            if refused:
                lines = self._passed(lines, seen, {received.number for received in refused})
        if refused:
            self._give_answers()
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

    def _pass_oversize(self, part: Start | Piece | Segment | End) -> None:
        """Pass a part of an oversize line, after what whoever has read so far may act on is kept.

        Raises:
            _Refused: If it must not pass, and a part of the line has.
        """
        with self._lock:
            if self._is_over:
                return
            if not self._is_refused:
                self._is_refused = not self._may_pass(part, self._now())
            refused, has_passed = self._is_refused, self._has_passed
            if refused and (has_passed or isinstance(part, End)):
                self._refuse_oversize()
            self._has_passed = not refused
            if isinstance(part, End):
                self._oversize.clear()
                self._has_passed = self._is_refused = False
        if refused:
            self._give_answers()
            if has_passed:
                raise _Refused
            return
        write_all(self._fds.to_server, part.data)

    def _may_pass(self, part: Start | Piece | Segment | End, at: Instant) -> bool:
        over = self._oversize
        if isinstance(part, (Start, Segment)):
            for segment in over[1:]:
                self._end_oversize(segment, at)
            del over[1:]
        if isinstance(part, Start):
            over.append(_Oversize(part.outline))
        for one in over:
            one.size += len(part.data)
        if isinstance(part, Segment) and not self._may_pass_segment(part.data, at):
            return False
        due = [one for one in over if one.outline.is_whole or isinstance(part, End)]
        if isinstance(part, Start) and over[-1] not in due:
            due.append(over[-1])
        may_pass = all(self._settle(one, at) for one in due)
        if may_pass and isinstance(part, End):
            for one in over:
                self._end_oversize(one, at)
        return may_pass

    def _may_pass_segment(self, data: bytes, at: Instant) -> bool:
        """Record what stands between two CRs; in a line that is read otherwise, calls only."""
        events = self._events("client", [data], at)
        if not self._oversize[0].outline.is_over:
            events = [event for event in events if not isinstance(event, Unparseable)]
        refused = bool(events and self._recorder.keep(events))
        if refused:
            self._refuse([event for event in events if isinstance(event, Received)])
        return not refused

    def _settle(self, over: _Oversize, at: Instant) -> bool:
        """Put on record what a message is, as far as it has come; return whether it may pass."""
        outline, known = over.outline, over.received
        if outline.is_reply:
            return True
        if known is None or not self._observer.is_still(known, outline):
            events: list[Event] = [self._observer.superseded(known, at)] if known else []
            over.received = self._observer.begun("client", outline, over.size, at)
            over.is_expected = False
            if self._recorder.keep([*events, over.received]):
                return False
        if outline.is_whole:
            self._expect_reply(over, at)
        return True

    def _expect_reply(self, over: _Oversize, at: Instant) -> None:
        if over.received is not None and not over.is_expected:
            over.is_expected = True
            self._recorder.keep(self._observer.arrived(over.received, over.outline, at))

    def _end_oversize(self, over: _Oversize, at: Instant) -> None:
        if not over.outline.is_reply:
            self._expect_reply(over, at)
            return
        events: list[Event] = (
            [self._observer.superseded(over.received, at)] if over.received else []
        )
        answered = self._observer.outlined("client", over.outline, over.size, at)
        self._recorder.keep([*events, *answered])

    def _refuse_oversize(self) -> None:
        """Answer what is refused of the line that is passing."""
        why = refusal(self._recorder.trouble)
        for over in self._oversize:
            if over.received is not None and not over.is_expected:
                jsonrpc_id = over.outline.jsonrpc_id
                self._answer([] if jsonrpc_id is None else [jsonrpc_id], why)
                self._recorder.keep([self._observer.deny(over.received, why)])

    def _record_lines(self, lines: list[bytes]) -> None:
        """Record whole lines of the server's."""
        with self._lock:
            if self._is_over:
                return
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
                self._record_oversize(outline, part.size)
        if lines:
            self._record_lines(lines)

    def _record_oversize(self, outline: Outline, size: int) -> None:
        with self._lock:
            if not self._is_over:
                events = self._observer.outlined("server", outline, size, self._now())
                self._recorder.keep(events)

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
        """Have an error line sent for each id: by `_give_answers`, or when the server's line ends.

        Whoever holds `_lock` must not wait for a client that does not read.
        """
        self._waiting += [error_reply(jsonrpc_id, error) + b"\n" for jsonrpc_id in ids]

    def _give_answers(self) -> None:
        with self._out_lock:
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
            self._mid_line = bool(chunk) and not chunk.endswith(b"\n")

    def _flush_waiting(self) -> None:
        waiting = [self._waiting.popleft() for _ in range(len(self._waiting))]
        self._write_client(b"".join(waiting))

    def _write_client(self, data: bytes) -> None:
        if self._client_gone or not data:
            return
        try:
            write_all(self._fds.to_client, data)
        except (BrokenPipeError, ConnectionResetError):
            # Nobody listens. Go on reading: the outcome of what runs is still recorded.
            self._client_gone = True
