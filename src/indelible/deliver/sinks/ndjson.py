"""Flat entries as NDJSON, one line a call when it has ended, written by a thread of its own.

Built from records alone, so nothing unredacted can get here. The one who records a
call joins it to its end and hands it over: about 30 µs. Everything that may
wait, the reader of a pipe above all, happens in the thread. What is handed over and
not written yet is bounded; beyond that lines are dropped, counted, and it is said.
"""

from __future__ import annotations

import contextlib
import json
import select
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeAlias

from indelible.deliver.sinks.outlet import Outlet
from indelible.model.flat import Fields, Kept, call_entry, integer, record_entry, text
from indelible.model.line import entry_line
from indelible.model.record import Record

MAX_WAITING_BYTES = 4 << 20
"""Of records that are handed over and not written; a line is about as long as its records."""

MAX_OPEN = 4_096
"""Calls that are remembered until they end; the oldest beyond it is written without its end."""

CLOSE_S = 1.0
"""How long `close` waits for a reader."""

_Key: TypeAlias = tuple[str, int]
_Part: TypeAlias = tuple[Fields, bytes]
"""The header of a record, and its body as it is kept."""

_STDERR = 2


class NdjsonSink:
    """Writes what is kept to an outlet, as flat entries.

    Args:
        outlet: Where lines go.

        warn: Told once when lines are lost, and at the end how many.

        close_s: How long `close` waits, in seconds.
    """

    def __init__(
        self, outlet: Outlet, warn: Callable[[str], None], *, close_s: float = CLOSE_S
    ) -> None:
        self._outlet = outlet
        self._warn = warn
        self._close_s = close_s
        self._is_started = False
        self._draw()

    def _draw(self) -> None:
        self._open: dict[_Key, _Part] = {}
        self._waiting: deque[list[_Part]] = deque()
        self._waiting_bytes = 0
        self._is_writing = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_over = False
        self._lost = 0
        self._is_said = False

    def start(self) -> None:
        """Begin to write (see `Sink`)."""
        self._is_started = True
        if self._waiting:
            self._need_thread()

    def redraw(self) -> None:
        """Begin anew: we are the child of a fork (see `Sink`)."""
        self._draw()

    def kept(self, records: Sequence[Record]) -> None:
        """Take records that are in the spool by now (see `Sink`)."""
        for record in records:
            header = _fields(record.header)
            part = header, record.body
            kind = text(header, "kind")
            if kind == "received":
                self._remember(part)
            elif kind == "completed":
                of = header.get("of")
                received = self._open.pop(_key(of), None) if isinstance(of, dict) else None
                self._hand_over([received, part] if received else [part])
            else:
                self._hand_over([part])

    def close(self) -> None:
        """Give out what is held, calls without an end too; wait for a bounded time."""
        calls, self._open = list(self._open.values()), {}
        for call in calls:
            self._hand_over([call])
        self.start()
        with self._changed:
            self._is_over = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(self._close_s)
        with self._changed:
            self._lost += len(self._waiting) + self._is_writing
            self._waiting.clear()
        if self._lost:
            self._say(f"{self._outlet.name}: {self._lost} NDJSON lines were not written")

    def _remember(self, received: _Part) -> None:
        self._open[_key(received[0])] = received
        if len(self._open) > MAX_OPEN:
            self._hand_over([self._open.pop(next(iter(self._open)))])

    def _hand_over(self, parts: list[_Part]) -> None:
        size = _size(parts)
        with self._changed:
            has_room = self._waiting_bytes + size <= MAX_WAITING_BYTES
            if has_room:
                self._waiting.append(parts)
                self._waiting_bytes += size
                self._changed.notify()
        if not has_room:
            self._lose("its reader is too slow")
        elif self._is_started:
            self._need_thread()

    def _need_thread(self) -> None:
        if self._thread is not None:
            return
        thread = threading.Thread(target=self._write_all, name="indelible-ndjson", daemon=True)
        # The interpreter is ending, or there are no more threads to be had: `close` counts.
        with contextlib.suppress(RuntimeError):
            thread.start()
            self._thread = thread

    def _write_all(self) -> None:
        while parts := self._next():
            try:
                self._outlet.write(entry_line(_entry(parts)))
            except OSError as error:
                self._lose(error.strerror or str(error))
        self._outlet.close()

    def _next(self) -> list[_Part] | None:
        with self._changed:
            self._is_writing = False
            while not self._waiting:
                if self._is_over:
                    return None
                self._changed.wait()
            parts = self._waiting.popleft()
            self._waiting_bytes -= _size(parts)
            self._is_writing = True
            return parts

    def _lose(self, why: str) -> None:
        """Count a line that is lost, and say so the first time."""
        with self._changed:
            self._lost += 1
        if not self._is_said:
            lost = f"{self._outlet.name}: NDJSON lines are lost: {why}"
            self._is_said = self._say(f"{lost}; the records themselves are kept")

    def _say(self, message: str) -> bool:
        """Tell the operator, unless that would wait: stderr may be what nobody reads."""
        poll = select.poll()
        poll.register(_STDERR, select.POLLOUT)
        if [event for _, event in poll.poll(0)] != [select.POLLOUT]:
            return False
        with contextlib.suppress(OSError):
            self._warn(message)
        return True


def _entry(parts: list[_Part]) -> Fields:
    """Return the flat entry of what belongs together; it is not sealed yet."""
    first, *rest = (Kept(header, _fields(body)) for header, body in parts)
    if first.kind == "received":
        return call_entry(first, rest[0] if rest else None)
    return record_entry(first)


def _fields(data: bytes) -> Fields:
    """Return the JSON object that *data* is, as those who read it later see it."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _key(fields: Fields) -> _Key:
    return text(fields, "writer") or "", integer(fields, "seq") or 0


def _size(parts: list[_Part]) -> int:
    return sum(512 + len(body) for _, body in parts)
