"""An emitter put together: scrubber, spool, recorder, and the collections it starts."""

from __future__ import annotations

import os
import pwd
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from indelible.capture.policy import FailurePolicy
from indelible.capture.recorder import Recorder
from indelible.deliver.detach import start_collection
from indelible.deliver.reserve import set_aside
from indelible.deliver.spool import ROLL_BYTES, Spool
from indelible.durable import make_directory
from indelible.model.event import Actor, Origin
from indelible.redact.record import Redactor
from indelible.redact.walk import Scrubber, scrubber

CLASS = "default"
MAX_NAME_CHARS = 128


@dataclass(frozen=True, slots=True)
class Emitter:
    """What records one server's traffic."""

    recorder: Recorder
    cleaner: Scrubber
    session: str
    """Names this process run: the id of its first writer."""

    state: Path
    has_leftovers: bool
    """Whether there were records to collect when this emitter was opened."""

    def collect_leftovers(self) -> None:
        """Have collected what earlier emitters left."""
        if self.has_leftovers:
            start_collection(self.state)

    def close(self) -> None:
        """End the record and have it collected."""
        self.recorder.close()
        start_collection(self.state)


def clock_us() -> int:
    """Return microseconds since 1970."""
    return time.time_ns() // 1000


def monotonic_us() -> int:
    """Return microseconds on a clock that never steps."""
    return time.monotonic_ns() // 1000


def os_actor() -> Actor:
    """Return who runs us: on stdio that is as much as can be known of who asks."""
    uid = os.geteuid()
    try:
        return Actor(id=pwd.getpwuid(uid).pw_name, provenance="inherited")
    except KeyError:
        return Actor(id=f"uid:{uid}", provenance="inherited")


def open_emitter(
    state: Path,
    origin: Origin,
    *,
    policy: FailurePolicy,
    warn: Callable[[str], None],
    roll_bytes: int = ROLL_BYTES,
) -> Emitter:
    """Return an emitter that keeps its records under *state*.

    Raises nothing: where *state* cannot be written the policy decides call by
    call, and *warn* is told.
    """
    try:
        make_directory(state)
    except OSError as error:
        warn(f"cannot make the state directory {state}: {error.strerror}")
    reserve = state / "reserve"
    set_aside(reserve)
    cleaner = scrubber()
    spool = Spool(
        state / "spool" / CLASS,
        clock_us=clock_us,
        on_roll=lambda: start_collection(state),
        roll_bytes=roll_bytes,
    )
    recorder = Recorder(
        Redactor(cleaner, replace(origin, server=_header_name(origin.server, cleaner))),
        spool,
        policy=policy,
        reserve=reserve,
        clock_us=clock_us,
        warn=warn,
    )
    return Emitter(recorder, cleaner, spool.writer, state, _has_leftovers(state))


def _header_name(text: str, cleaner: Scrubber) -> str:
    """Return a server's name as a header can hold it: short, valid Unicode, and no secret."""
    valid = text.encode("utf-8", "replace").decode()
    return str(cleaner.text(valid, limit=MAX_NAME_CHARS).value)


def _has_leftovers(state: Path) -> bool:
    try:
        return any(True for _ in os.scandir(state / "spool" / CLASS))
    except OSError:
        return False
