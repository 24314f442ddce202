"""An emitter put together: scrubber, spool, recorder, and the collections it starts."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from indelible.capture.policy import FailurePolicy
from indelible.capture.process import CLASS, clock_us, own_exit, own_start
from indelible.capture.recorder import Recorder
from indelible.deliver.detach import start_collection
from indelible.deliver.reserve import set_aside
from indelible.deliver.spool import ROLL_BYTES, Spool
from indelible.durable import make_directory
from indelible.model.event import Origin
from indelible.redact.record import Redactor
from indelible.redact.walk import Scrubber, scrubber

if TYPE_CHECKING:
    from indelible.capture.rules import Rules
    from indelible.deliver.sink import Sink

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

    sink: Sink | None = None
    """Where records go besides the spool."""

    def start(self) -> None:
        """Do what needs threads and processes: whoever must not have them yet calls it later."""
        if self.has_leftovers:
            start_collection(self.state)
        if self.sink is not None:
            self.sink.start()
        # The heavy half of redaction loads while the server starts.
        load = threading.Thread(target=self.cleaner.load, name="indelible-load")
        load.start()
        # The child of a fork in the middle of an import could never import that module.
        os.register_at_fork(before=load.join)

    def close(self) -> None:
        """End the record and have it collected."""
        self.recorder.close()
        start_collection(self.state)

    def drain(self) -> None:
        """Let the sink give out what it holds. It waits, so it comes last of all."""
        if self.sink is not None:
            self.sink.close()


def open_emitter(
    state: Path,
    origin: Origin,
    *,
    policy: FailurePolicy,
    warn: Callable[[str], None],
    roll_bytes: int = ROLL_BYTES,
    sink: Sink | None = None,
    rules: Rules | None = None,
) -> Emitter:
    """Return an emitter that keeps its records under *state*.

    Args:
        origin: Captured by ``sdk`` is in the server's own process: its life is on record then.

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
    in_server = origin.captured_by == "sdk"
    recorder = Recorder(
        Redactor(cleaner, replace(origin, server=_header_name(origin.server, cleaner))),
        spool,
        policy=policy,
        reserve=reserve,
        clock_us=clock_us,
        warn=warn,
        sink=sink,
        rules=rules,
        first=own_start if in_server else None,
        last=own_exit if in_server else None,
    )
    has_leftovers = _has_leftovers(state)
    if rules is not None:
        recorder.keep([])  # the configuration itself
    return Emitter(recorder, cleaner, spool.writer, state, has_leftovers, sink)


def _header_name(text: str, cleaner: Scrubber) -> str:
    """Return a server's name as a header can hold it: short, valid Unicode, and no secret."""
    valid = text.encode("utf-8", "replace").decode()
    return str(cleaner.text(valid, limit=MAX_NAME_CHARS).value)


def _has_leftovers(state: Path) -> bool:
    try:
        with os.scandir(state / "spool" / CLASS) as found:
            return any(True for _ in found)
    except OSError:
        return False
