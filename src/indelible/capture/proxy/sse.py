"""Server-sent events out of a byte stream (WHATWG HTML section 9.2.6), in bounded memory. Pure.

An event counts as come at the earliest moment a reader may act on it: at the line end
that makes the blank line, be it a CR whose LF has not come yet.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from indelible.capture.proxy.bodies import Body

MAX_FIELD_BYTES = 64 * 1024
"""Of a line that is no data; what follows is ignored."""

_END = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"


class Event(NamedTuple):
    """One event, as far as it is of interest."""

    name: str
    """``message`` where the stream names none."""
    id: str | None
    """None where the event has no id of its own."""
    body: Body | None
    """Its data; None where it has none."""


class Events:
    """Reads the events of one stream."""

    def __init__(self) -> None:
        self._line: list[bytes] = []
        self._size = 0
        self._streams = False
        """Whether the line is data of which the first part is in the body already."""
        self._after_cr = False
        self._is_first = True
        self._body: Body | None = None
        self._name = "message"
        self._id: str | None = None

    def feed(self, chunk: bytes) -> list[Event]:
        """Return the events that *chunk* completes."""
        found: list[Event] = []
        at = 0
        if self._after_cr and chunk:
            at = 1 if chunk[:1] == b"\n" else 0
            self._after_cr = False
        while match := _END.search(chunk, at):
            if event := self._ended(chunk[at : match.start()]):
                found.append(event)
            at = match.end()
            self._after_cr = at == len(chunk) and match[0] == b"\r"
        if at < len(chunk):
            self._more(chunk[at:])
        return found

    def end(self) -> list[Event]:
        """Return the event that the stream broke off in: a lenient reader may take it."""
        events = [self._ended(b"")] if self._size or self._streams else []
        return [event for event in [*events, self._dispatched()] if event is not None]

    def _more(self, piece: bytes) -> None:
        """Take a part of a line that goes on."""
        if self._streams:
            assert self._body is not None
            self._body.feed(piece)
            return
        if self._size > MAX_FIELD_BYTES:
            return  # no data, and long enough
        self._line.append(piece)
        self._size += len(piece)
        if self._size > MAX_FIELD_BYTES:
            line = self._take_line()
            if line.startswith(b"data:"):
                self._put(line[5:])
                self._streams = True
            else:
                self._line, self._size = [line], len(line)

    def _take_line(self) -> bytes:
        line = self._line[0] if len(self._line) == 1 else b"".join(self._line)
        self._line, self._size = [], 0
        if self._is_first:
            self._is_first = False
            line = line.removeprefix(_BOM)
        return line

    def _ended(self, rest: bytes) -> Event | None:
        """Take the end of a line; return the event, if the line is a blank one."""
        if self._streams:
            assert self._body is not None
            self._body.feed(rest)
            self._streams = False
            return None
        self._line.append(rest)
        line = self._take_line()
        if not line:
            return self._dispatched()
        name, _, value = line.partition(b":")
        if name == b"data":
            self._put(value)
            return None
        text = value.removeprefix(b" ").decode("utf-8", "replace")
        if name == b"event":
            self._name = text or "message"
        elif name == b"id" and "\0" not in text:
            self._id = text
        return None

    def _put(self, value: bytes) -> None:
        if self._body is None:
            self._body = Body()
        else:
            self._body.feed(b"\n")
        self._body.feed(value.removeprefix(b" "))

    def _dispatched(self) -> Event | None:
        name, identity, body = self._name, self._id, self._body
        self._name, self._id, self._body = "message", None, None
        if body is not None and not body.size:
            body = None  # a priming event: it carries an id and nothing else
        return Event(name, identity, body) if body is not None or identity is not None else None
