"""What happens to a call whose record cannot be kept: one named policy for each effect."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from indelible.model.event import Effect


class OnFailure(Enum):
    """What becomes of a call whose `received` record could not be written."""

    REFUSE = "refuse"
    """It does not run; the caller gets an error."""

    SPOOL = "spool"
    """It may use the disk reserve; when that is gone too, it is refused."""

    PROCEED = "proceed"
    """It runs; the loss is counted, said, and put on record when that is possible again."""


@dataclass(frozen=True, slots=True)
class FailurePolicy:
    """The policy in force, by what a call may do."""

    read: OnFailure
    write: OnFailure

    def of(self, effect: Effect) -> OnFailure:
        """Return the policy for a call of *effect*; an undeclared effect counts as a read."""
        return self.write if effect in ("write", "destructive") else self.read


DEV = FailurePolicy(read=OnFailure.PROCEED, write=OnFailure.SPOOL)
"""The default: the work goes on as long as that is honest."""

COMPLIANCE = FailurePolicy(read=OnFailure.SPOOL, write=OnFailure.REFUSE)
"""Nothing that changes anything runs unrecorded."""

PROFILES = {"dev": DEV, "compliance": COMPLIANCE}

REFUSAL_CODE = -32_000
"""JSON-RPC 2.0 section 5.1: an implementation-defined server error."""


def refusal(trouble: str) -> str:
    """Return what the caller of a refused call is told; *trouble* says what went wrong."""
    return f"indelible: not run, because its audit record could not be written: {trouble}"
