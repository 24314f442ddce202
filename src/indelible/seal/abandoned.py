"""The outcome of a call whose recorder ended first: the one record of traffic not redacted.

It needs no redactor because it is built from constants, numbers and generated ids only.
"""

from __future__ import annotations

from indelible.model.event import ErrorType, Outcome
from indelible.model.record import Record, Stamp, seal_body

ABANDONED = "the recorder ended before the outcome was known"


def abandoned(writer: str, seq: int, stamp: Stamp) -> Record:
    """Return the `completed` record that closes record *seq* of *writer*."""
    return seal_body(
        {
            "kind": "completed",
            "of": {"seq": seq, "writer": writer},
            "outcome": Outcome.UNKNOWN.value,
            "errorType": ErrorType.ABANDONED.value,
            "redactionCount": 0,
        },
        {"error": ABANDONED},
        stamp,
    )
