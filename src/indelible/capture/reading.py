"""Whoever reads the trail leaves a record in it, before they see the last of what they read.

What audits ask for (PCI DSS 10.2.1.3: all access to audit logs). The record takes
the way of all records: the redactor makes it, a spool keeps it, the next collection
seals it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from indelible.capture.process import CLASS, clock_us, os_actor
from indelible.deliver.spool import Spool
from indelible.model.event import ExportFormat, ReadCommand, Reading
from indelible.model.record import SALT_BYTES, Stamp
from indelible.redact.record import reading_record
from indelible.redact.walk import Scrubber, scrubber


def record_reading(
    state: Path,
    command: ReadCommand,
    words: Sequence[str],
    rows: int | None,
    *,
    export_format: ExportFormat | None = None,
    target: str | None = None,
    clock: Callable[[], int] = clock_us,
) -> str:
    """Put on record that our user reads the trail at *state*; return why not, or nothing.

    A trail that cannot be written to can be read all the same, so this raises
    nothing: what it returns is for the reader to see. A state that is not there
    is not made.

    Args:
        words: What was asked for: terms, an id, SQL.

        rows: How many entries the answer has; None where that shows only at its end.

        export_format: What an export writes.

        target: The file it goes to, as it was given.

        clock: Microseconds since 1970.
    """
    try:
        owner = os.stat(state).st_uid
        if owner != os.geteuid():
            return f"this reading is not on record: the state belongs to user {owner}"
        event = Reading(
            at_us=clock(),
            command=command,
            actor=os_actor(),
            words=_valid(" ".join(words)),
            rows=rows,
            format=export_format,
            target=None if target is None else _valid(target),
        )
        _keep(state, event, scrubber(), clock)
    except OSError as error:
        return f"this reading is not on record: {error.strerror or error}"
    return ""


def _keep(state: Path, event: Reading, cleaner: Scrubber, clock: Callable[[], int]) -> None:
    spool = Spool(state / "spool" / CLASS, clock_us=clock, on_roll=lambda: None)
    try:
        stamp = Stamp(spool.writer, spool.next_seq, os.urandom(SALT_BYTES))
        spool.append([reading_record(event, stamp, cleaner)])
    finally:
        spool.close()


def _valid(text: str) -> str:
    """Return a word of a command line, which need not be UTF-8, as text that can be kept."""
    return text.encode("utf-8", "replace").decode()
