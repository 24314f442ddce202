"""A recorder with the real redactor and spool, whose disk can be full."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

from indelible.capture.policy import DEV, FailurePolicy
from indelible.capture.recorder import Recorder
from indelible.deliver.reserve import set_aside
from indelible.deliver.sink import Sink
from indelible.deliver.spool import Spool
from indelible.model.event import Completed, Effect, ErrorType, Origin, Outcome, Received
from indelible.model.record import Record
from indelible.redact.record import Redactor
from tests.deliver.spools import headers
from tests.model.events import _SCRUBBER

START_US = 1_795_500_000_000_000


class SmallDisk(Spool):
    """The real spool on a disk with so much room, and more once the reserve is given back."""

    room: int | None = None
    reserve: Path

    def append(self, records: list[Record]) -> None:
        """Append, or fail as a full disk does: before anything is written."""
        if self.room is not None:
            room = self.room + (0 if self.reserve.exists() else self.reserved)
            if len(records) > room:
                raise OSError(errno.ENOSPC, "No space left on device")
            self.room -= len(records)
        super().append(records)

    reserved = 0


class Rig:
    """One recorder; `room` counts the records that still fit on its disk."""

    def __init__(
        self,
        state: Path,
        policy: FailurePolicy = DEV,
        *,
        reserved: int = 0,
        sink: Sink | None = None,
    ) -> None:
        self.directory = state / "spool" / "default"
        self.now = START_US
        self.said: list[str] = []
        self.rolls: list[int] = []
        self.spool = SmallDisk(
            self.directory,
            clock_us=lambda: self.now,
            on_roll=lambda: self.rolls.append(self.now),
        )
        state.mkdir(exist_ok=True)
        self.spool.reserve = state / "reserve"
        self.spool.reserved = reserved
        if reserved:
            assert set_aside(self.spool.reserve, 4_096)
        self.recorder = Recorder(
            Redactor(_SCRUBBER, Origin("crm", "stdio", "wrap")),
            self.spool,
            policy=policy,
            reserve=self.spool.reserve,
            clock_us=lambda: self.now,
            warn=self.said.append,
            sink=sink,
        )
        self._count = 0

    def call(self, effect: Effect = "read") -> Received:
        self.now += 1_000
        self._count += 1
        return Received(
            number=self._count,
            at_us=self.now,
            direction="client",
            method="tools/call",
            tool=f"{effect}-tool",
            args={"n": self._count},
            effect=effect,
        )

    def runs(self, event: Received) -> bool:
        """Keep a call and its end as the relay does; return whether it may run."""
        if self.recorder.keep([event]):
            self.recorder.keep([Completed(event.number, Outcome.ERROR, ErrorType.DENIED, "no")])
            return False
        self.recorder.keep([Completed(event.number, Outcome.OK)])
        return True

    @property
    def headers(self) -> list[dict[str, Any]]:
        return headers(self.directory)

    @property
    def kinds(self) -> list[str]:
        return [header["kind"] for header in self.headers]

    @property
    def gaps(self) -> list[tuple[int, int]]:
        """Return what the gap records say: how many went on, and how many were refused."""
        return [(h["proceeded"], h["refused"]) for h in self.headers if h["kind"] == "gap"]
