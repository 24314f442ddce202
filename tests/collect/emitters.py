"""Emitters, a clock, dice and a failing disk for the tests of the receiving side."""

from __future__ import annotations

import fcntl
import hashlib
import os
import random
from pathlib import Path

from indelible.collect.once import collect_once
from indelible.model.canonical import format_time, uuid7
from indelible.model.frame import encode_frame, spool_name
from indelible.model.record import Record, Stamp, seal_body
from indelible.store.check import Report, check
from indelible.store.state import LogPaths, State

START_US = 1_795_500_000_000_000  # 2026-11-24


class Clock:
    """A clock that moves only when it is looked at."""

    def __init__(self, step_us: int = 1000) -> None:
        self.now_us = START_US
        self._step_us = step_us

    def __call__(self) -> int:
        self.now_us += self._step_us
        return self.now_us


class Dice:
    """Random bytes that are the same in every run."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)

    def __call__(self, count: int) -> bytes:
        return self._random.randbytes(count)


class Emitter:
    """Writes a spool as `deliver.spool` does: locked for life, in parts."""

    def __init__(self, paths: LogPaths, clock: Clock, dice: Dice) -> None:
        self.writer = uuid7(clock(), dice(10))
        self.next = 0
        self.open: list[int] = []
        self.headers: list[bytes] = []
        self._paths = paths
        self._clock = clock
        self._dice = dice
        self._part = -1
        self._fd = -1
        paths.spool.mkdir(parents=True, exist_ok=True)
        self.roll()

    @property
    def path(self) -> Path:
        return self._paths.spool / spool_name(self.writer, self._part)

    @property
    def ended(self) -> bool:
        return self._fd < 0

    def received(self, **extra: object) -> Record:
        header = {
            "kind": "received",
            "id": uuid7(self._clock(), self._dice(10)),
            "timestamp": format_time(self._clock()),
            "server": "files",
            **extra,
        }
        self.open.append(self.next)
        return self._emit(header, {"actor": {"id": "anonymous"}, "args": {"n": self.next}})

    def completed(self) -> Record:
        of = self.open.pop(0)
        header = {
            "kind": "completed",
            "of": {"seq": of, "writer": self.writer},
            "outcome": "ok",
        }
        return self._emit(header, {"result": {"n": of}})

    def call(self) -> None:
        self.received()
        self.completed()

    def skip(self, count: int) -> None:
        """Lose some numbers."""
        self.next += count

    def raw(self, data: bytes) -> None:
        os.write(self._fd, data)

    def roll(self) -> None:
        old = self._fd
        self._part += 1
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        unseen = self._paths.spool / f".{self.path.name}.tmp"
        self._fd = os.open(unseen, flags, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        unseen.rename(self.path)
        if old >= 0:
            os.close(old)

    def end(self) -> None:
        os.close(self._fd)
        self._fd = -1

    def _emit(self, header: dict, body: dict) -> Record:
        record = seal_body(header, body, Stamp(self.writer, self.next, self._dice(16)))
        self.next += 1
        self.raw(encode_frame(record))
        self.headers.append(record.header)
        return record


class House:
    """A state with all that a test needs to fill, collect and verify it."""

    def __init__(self, directory: Path, seed: int = 1, roll_bytes: int = 8 << 20) -> None:
        os.chmod(directory, 0o700)
        self.state = State(directory / "state", directory / "state.checkpoints")
        os.mkdir(self.state.root, 0o700)
        os.mkdir(self.state.spools, 0o700)
        self.paths = self.state.log("default")
        os.mkdir(self.paths.spool, 0o700)
        self.clock = Clock()
        self.dice = Dice(seed)
        self.roll_bytes = roll_bytes
        self.emitters: list[Emitter] = []

    def emitter(self) -> Emitter:
        made = Emitter(self.paths, self.clock, self.dice)
        self.emitters.append(made)
        return made

    def collect(self):
        (result,) = collect_once(
            self.state,
            user=os.geteuid(),
            clock_us=self.clock,
            random=self.dice,
            roll_bytes=self.roll_bytes,
        )
        return result

    def verify(self, **extra) -> Report:
        return check(self.state, user=os.geteuid(), now_us=self.clock.now_us, **extra)

    def close(self) -> None:
        for one in self.emitters:
            if not one.ended:
                one.end()


class KilledError(BaseException):
    """The process is gone: nothing of it runs any more."""


class Disk:
    """Stands for `os` in `indelible.durable`: counts what changes the disk, and kills at one.

    `fsync` does nothing, which makes thousands of histories cheap; a kill of the
    process keeps what was written.
    """

    CHANGES = frozenset("write pwrite replace link unlink ftruncate mkdir fsync".split())

    def __init__(
        self,
        kill_at: int | None = None,
        error: OSError | None = None,
        dice: random.Random | None = None,
    ) -> None:
        self.steps = 0
        self.names: list[str] = []
        self._dice = dice
        self.kill_at = kill_at
        self._error = error
        self._dead = False

    def __getattr__(self, name: str):
        real = getattr(os, name)
        if name not in self.CHANGES and name != "open":
            return real
        return lambda *given, **named: self._call(name, real, *given, **named)

    def _call(self, name, real, *given, **named):
        if self._dead:
            raise KilledError
        if name == "open":
            return real(*given, **named)
        self.steps += 1
        self.names.append(name)
        if self.steps == self.kill_at:
            return self._fail(name, real, *given)
        if name == "fsync":
            return None
        return real(*given, **named)

    def _torn(self, data: bytes) -> bytes:
        return data[: len(data) // 2] if self._dice is None else _lose(data, self._dice)

    def _fail(self, name, real, *given):
        if name == "write":
            real(given[0], self._torn(bytes(given[1])))
        # An interrupted `pwrite` changes nothing: it writes again what is there.
        if self._error is not None:
            raise self._error
        self._dead = True
        raise KilledError


def _lose(data: bytes, dice: random.Random) -> bytes:
    """What a power cut leaves of a write: any length of it, any of its sectors as zeros."""
    out = bytearray(data[: dice.randint(0, len(data))])
    for at in range(0, len(out), 64):
        if dice.random() < 0.3:
            out[at : at + 64] = bytes(len(out[at : at + 64]))
    return bytes(out)


def snapshot(directory: Path) -> dict[str, bytes]:
    """Return every file under a directory, by its relative path."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
