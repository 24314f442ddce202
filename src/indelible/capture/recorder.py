"""Events in, kept records out. The failure policy is applied here and nowhere else."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from indelible.capture.policy import FailurePolicy, OnFailure
from indelible.deliver.reserve import release, set_aside
from indelible.deliver.spool import Spool
from indelible.model.canonical import UUID7_RANDOM_BYTES, format_time, uuid7
from indelible.model.event import Completed, Configured, Effect, Event, Received
from indelible.model.record import SALT_BYTES, ControlKind, Reason, Record, Stamp, control
from indelible.redact.record import Redactor

if TYPE_CHECKING:
    from indelible.capture.rules import Rules
    from indelible.deliver.sink import Sink

_RANDOM_BYTES = SALT_BYTES + UUID7_RANDOM_BYTES
"""For one record: a salt, and an id for a call that begins."""

_RECORDS_A_PAGE = 150


@dataclass(slots=True)
class _Losses:
    """Calls whose records could not be kept, until a `gap` record says so."""

    proceeded: int = 0
    refused: int = 0
    first_us: int = 0
    last_us: int = 0

    def add(self, at_us: int, *, refused: bool) -> None:
        if refused:
            self.refused += 1
        else:
            self.proceeded += 1
        self.first_us = self.first_us or at_us
        self.last_us = at_us


def _randomness() -> Iterator[bytes]:
    """Give the system's random bytes, a page drawn at a time; never shared with a fork's child."""
    while True:
        page = os.urandom(_RECORDS_A_PAGE * _RANDOM_BYTES)
        for at in range(0, len(page), _RANDOM_BYTES):
            yield page[at : at + _RANDOM_BYTES]


class Recorder:
    """Redacts events and keeps them in the spool. Safe for threads and forks.

    Args:
        redactor: Makes the records.

        spool: Keeps them.

        policy: What happens when it cannot.

        reserve: The disk reserve's file.

        clock_us: Microseconds since 1970.

        warn: Told once when records begin to be lost, and once when they no longer are.

        sink: Gets what is kept; what becomes of it there hinders nothing here.

        rules: What is configured; it takes the place of *policy*.

        first: Kept before the first event of each writer, where there is one.

        last: Kept when the record is closed or signs off, if anything was kept.
    """

    def __init__(
        self,
        redactor: Redactor,
        spool: Spool,
        *,
        policy: FailurePolicy,
        reserve: Path,
        clock_us: Callable[[], int],
        warn: Callable[[str], None],
        sink: Sink | None = None,
        rules: Rules | None = None,
        first: Callable[[], Event] | None = None,
        last: Callable[[], Event] | None = None,
    ) -> None:
        self._redactor = redactor
        self._spool = spool
        self._policy = policy
        self._reserve = reserve
        self._clock_us = clock_us
        self._warn = warn
        self._sink = sink
        self._rules = rules
        self._first = first
        self._last = last
        self._has_begun = False
        self._lock = threading.Lock()
        self._refs: dict[int, tuple[str, int, Effect, str]] = {}
        self._losses = _Losses()
        self._random = _randomness()
        self.trouble = ""
        """What went wrong last, in the system's words."""
        _redraw_after_fork(self)

    def redraw(self) -> None:
        """Become a new writer: we are the child of a fork."""
        self._lock = threading.Lock()
        self._has_begun = False
        self._refs = {}  # our parent's calls are our parent's to end
        self._spool.redraw()
        if self._sink is not None:
            self._sink.redraw()
        if self._rules is not None:
            self._rules.redraw()
        self._losses = _Losses()
        self._random = _randomness()

    def keep(self, events: list[Event]) -> list[Received]:
        """Keep records of *events*; return the calls that must not run.

        Call it with a `Received` before the call runs and with its `Completed`
        before the reply leaves. Raises nothing: what cannot be kept is dealt
        with by the policy.
        """
        with self._lock:
            try:
                if self._rules is not None:
                    events = self._rules.apply(events, self._clock_us())
                if not self._has_begun:
                    self._begin()
                if self._losses.first_us:
                    self._keep_gap()
                self._write(events)
                if self._rules is not None:
                    self._rules.said()
            except Exception as error:  # noqa: BLE001 — a fault of ours must not stop the traffic
                return self._keep_singly(events, error)
        return []

    @property
    def process(self) -> str:
        """Names this process run: the id of its first writer."""
        return self._spool.writer

    def is_clean(self, text: str) -> bool:
        """Return whether a record holds *text* as it is."""
        return self._redactor.is_clean(text)

    def call_id(self, number: int) -> str | None:
        """Return the id of a call that has begun; None where it has ended or is not on record."""
        ref = self._refs.get(number)
        return ref[3] if ref is not None else None

    def sign_off(self) -> None:
        """Say what was lost, if that is possible now, and what a writer says last.

        The end may come without another word; if anything more is kept, it begins anew.
        """
        with self._lock:
            try:
                if self._losses.first_us:
                    self._keep_gap()
                if self._has_begun and self._last is not None:
                    self._write([self._last()])
                    self._has_begun = False
            except Exception as error:  # noqa: BLE001 — the traffic is over; say it and end
                self._warn(f"unrecorded calls at exit: {_lost(self._losses)} ({_said(error)})")

    def close(self) -> None:
        """Sign off, and let the spool go."""
        self.sign_off()
        with self._lock:
            self._spool.close()

    def _begin(self) -> None:
        """Say what a writer says first; it is said with the next event if it cannot be kept now."""
        if self._first is not None:
            self._write([self._first()])
        self._has_begun = True

    def _write(self, events: list[Event]) -> None:
        """Keep the records of *events*, all or none of them."""
        spool, refs = self._spool, self._refs
        records: list[Record] = []
        try:
            for event in events:
                if isinstance(event, Completed) and event.number not in refs:
                    continue  # its call ran, or was refused, unrecorded: counted as a loss
                records.append(self._record(event, spool.writer, spool.next_seq + len(records)))
            if records:
                spool.append(records)
                if self._sink is not None:
                    self._pass_on(self._sink, records)
        except Exception:
            for event in events:
                if isinstance(event, Received):
                    refs.pop(event.number, None)
            raise
        for event in events:
            if isinstance(event, Completed):
                refs.pop(event.number, None)

    def _pass_on(self, sink: Sink, records: list[Record]) -> None:
        """Give what is kept to the sink; a fault of the sink's is no fault of the record."""
        try:
            sink.kept(records)
        except Exception as error:  # noqa: BLE001 — else kept records would be kept once more
            self._sink = None
            self._warn(f"nothing more is passed on as NDJSON ({type(error).__name__})")

    def _record(self, event: Event, writer: str, seq: int) -> Record:
        random = next(self._random)
        stamp = Stamp(writer, seq, random[:SALT_BYTES])
        if isinstance(event, Received):
            call_id = uuid7(event.at_us, random[SALT_BYTES:])
            record = self._redactor.received(event, stamp, call_id)
            self._refs[event.number] = (writer, seq, event.effect, call_id)
            return record
        if isinstance(event, Completed):
            return self._redactor.completed(event, stamp, self._refs[event.number][:2])
        return self._redactor.other(event, stamp)

    def _keep_singly(self, events: list[Event], error: Exception) -> list[Received]:
        """Keep what can be kept of a batch that failed as a whole; return the refused calls."""
        refused = []
        self.trouble = _said(error)
        for event in events:
            policy = self._on_failure(event)
            if self._tried(event, use_reserve=policy is OnFailure.SPOOL):
                continue
            if isinstance(event, Configured):
                continue  # it comes again with the next call
            refuse = isinstance(event, Received) and policy is not OnFailure.PROCEED
            if not self._losses.first_us:
                self._warn(f"records cannot be kept: {self.trouble}")
            self._losses.add(self._clock_us(), refused=refuse)
            if refuse and isinstance(event, Received):
                refused.append(event)
                if self._rules is not None:
                    self._rules.forget(event.number)
        return refused

    def _on_failure(self, event: Event) -> OnFailure:
        effect = self._effect(event)
        if self._rules is not None:
            return self._rules.on_failure(event, effect)
        return self._policy.of(effect)

    def _effect(self, event: Event) -> Effect:
        if isinstance(event, Received):
            return event.effect
        if isinstance(event, Completed) and event.number in self._refs:
            return self._refs[event.number][2]
        return "undeclared"

    def _tried(self, event: Event, *, use_reserve: bool) -> bool:
        """Try to keep one event, with the reserve's space if that is allowed."""
        try:
            self._write([event])
        except Exception:  # noqa: BLE001 — said by the caller, once
            if not (use_reserve and release(self._reserve)):
                return False
        else:
            return True
        return self._tried(event, use_reserve=False)

    def _keep_gap(self) -> None:
        """Put the losses on record; they are over if that succeeds."""
        lost = self._losses
        stamp = Stamp(self._spool.writer, self._spool.next_seq, next(self._random)[:SALT_BYTES])
        record = control(
            ControlKind.GAP,
            Reason.WRITE_FAILED,
            stamp,
            at_us=self._clock_us(),
            proceeded=lost.proceeded,
            refused=lost.refused,
            firstAt=format_time(lost.first_us),
            lastAt=format_time(lost.last_us),
        )
        self._spool.append([record])
        if self._sink is not None:
            self._pass_on(self._sink, [record])
        self._losses = _Losses()
        set_aside(self._reserve)
        self._warn(f"records are kept again; a gap is on record: {_lost(lost)}")


def _said(error: Exception) -> str:
    """Return what went wrong, without a path: a client is told it too."""
    if isinstance(error, OSError):
        return error.strerror or f"error {error.errno}"
    return type(error).__name__


def _lost(losses: _Losses) -> str:
    return f"{losses.proceeded} messages went on unrecorded, {losses.refused} calls were refused"


def _redraw_after_fork(recorder: Recorder) -> None:
    """Have *recorder* become a new writer in every child that is forked while it lives."""
    alive = weakref.ref(recorder)

    def redraw() -> None:
        if (mine := alive()) is not None:
            mine.redraw()

    os.register_at_fork(after_in_child=redraw)
