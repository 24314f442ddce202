"""A trail as emitters leave it: real frames in real spool files, sealed by the real collector."""

from __future__ import annotations

import fcntl
import itertools
import os
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from indelible.collect.once import collect_once
from indelible.model.canonical import format_time, uuid7
from indelible.model.flat import Fields
from indelible.model.frame import encode_frame, spool_name
from indelible.model.record import Record, Stamp, seal_body
from indelible.store.state import State, resolve

START_US = 1_795_493_587_000_000
"""2026-11-24T04:13:07Z."""


@dataclass
class Trail:
    """A state directory, and a clock that moves a second with each record."""

    root: Path
    now_us: int = START_US
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def state(self) -> State:
        return resolve(self.root, {})

    def tick(self, seconds: float = 1) -> int:
        self.now_us += int(seconds * 1_000_000)
        return self.now_us

    def draw(self, size: int) -> bytes:
        return next(self._numbers).to_bytes(size, "big")

    def uuid(self) -> str:
        return uuid7(self.now_us, self.draw(10))

    def collect(self) -> None:
        self.tick()
        user = os.geteuid()
        collect_once(self.state, user=user, clock_us=lambda: self.now_us, random=self.draw)


class Writer:
    """One emitter with its spool, locked until `end`."""

    def __init__(self, trail: Trail, server: str = "crm", name: str = "default") -> None:
        self.trail = trail
        self.server = server
        self.id = trail.uuid()
        self.seq = 0
        self._directory = trail.state.log(name).spool
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        trail.root.chmod(0o700)
        self._part = -1
        self.again()

    def again(self) -> None:
        """Begin the next spool file, after `end` too."""
        self._part += 1
        self.path = self._directory / spool_name(self.id, self._part)
        self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self.end = weakref.finalize(self, os.close, self._fd)
        fcntl.flock(self._fd, fcntl.LOCK_EX)

    def keep(self, header: Fields, body: Fields) -> int:
        seq = self.seq
        stamp = Stamp(self.id, seq, self.trail.draw(16))
        self.write(seal_body(dict(header), body, stamp))
        return seq

    def write(self, record: Record) -> None:
        os.write(self._fd, encode_frame(record))
        self.seq += 1

    def received(self, tool: str | None = "find_contact", **fields: object) -> int:
        args = fields.pop("args", {"id": self.seq})
        actor = fields.pop("actor", {"id": "ann", "provenance": "asserted"})
        header: Fields = {
            "kind": "received", "timestamp": format_time(self.trail.tick()),
            "id": self.trail.uuid(), "server": self.server, "serverVersion": "2.4.0",
            "direction": "client", "method": "tools/call", "effect": "read",
            "effectSource": "annotation", "transport": "stdio", "capturedBy": "wrap",
            "argsBytes": 9, "redactionCount": 0,
        }  # fmt: skip
        if tool is not None:
            header["tool"] = tool
        header.update(fields)  # type: ignore[arg-type]
        request = f"00000000-0000-4000-8000-{self.seq:012d}"
        session: Fields = {"id": self.id, "from": "process"}
        body = {"actor": actor, "args": args, "requestId": request, "session": session}
        return self.keep(header, body)  # type: ignore[arg-type]

    def completed(self, of: int, outcome: str = "ok", **fields: object) -> int:
        self.trail.tick(0.003)
        header: Fields = {
            "kind": "completed", "of": {"writer": self.id, "seq": of}, "outcome": outcome,
            "durationUs": 3000, "resultBytes": 20, "redactionCount": 0,
        }  # fmt: skip
        body: Fields = {"error": fields.pop("error")} if "error" in fields else {}  # type: ignore[dict-item]
        header.update(fields)  # type: ignore[arg-type]
        return self.keep(header, body)

    def call(self, tool: str = "find_contact", outcome: str = "ok", **fields: object) -> int:
        of = self.received(tool, **fields)
        more = {"errorType": "tool_error", "error": "no contact"} if outcome == "error" else {}
        self.completed(of, outcome, **more)
        return of
