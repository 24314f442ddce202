"""What happens to a call whose record cannot be kept: one named policy for each effect."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from indelible.capture.protocol import LongNumber
from indelible.model.canonical import Json
from indelible.model.event import Effect

if TYPE_CHECKING:
    from indelible.config.sections import FailureSection


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
    destructive: OnFailure | None = None
    """As `write`, where nothing else is said."""
    undeclared: OnFailure | None = None
    """As `read`, where nothing else is said."""

    def of(self, effect: Effect) -> OnFailure:
        """Return the policy for a call of *effect*; an undeclared effect counts as a read."""
        if effect == "destructive":
            return self.destructive or self.write
        if effect == "undeclared":
            return self.undeclared or self.read
        return self.write if effect == "write" else self.read


DEV = FailurePolicy(read=OnFailure.PROCEED, write=OnFailure.SPOOL)
"""The default: the work goes on as long as that is honest."""

COMPLIANCE = FailurePolicy(read=OnFailure.SPOOL, write=OnFailure.REFUSE)
"""Nothing that changes anything runs unrecorded."""

PROFILES = {"dev": DEV, "compliance": COMPLIANCE}


def failure_policy(section: FailureSection) -> FailurePolicy:
    """Return the policy that a configuration asks for: its profile, changed by its classes."""
    profile = PROFILES[section.profile]

    def said(action: str | None, otherwise: OnFailure) -> OnFailure:
        return OnFailure(action) if action is not None else otherwise

    return FailurePolicy(
        read=said(section.read, profile.read),
        write=said(section.write, profile.write),
        destructive=said(section.destructive, profile.of("destructive")),
        undeclared=said(section.undeclared, profile.of("undeclared")),
    )


REFUSAL_CODE = -32_000
"""JSON-RPC 2.0 section 5.1: an implementation-defined server error."""


def refusal(trouble: str) -> str:
    """Return what the caller of a refused call is told; *trouble* says what went wrong."""
    return f"indelible: not run, because its audit record could not be written: {trouble}"


def error_reply(jsonrpc_id: Json, why: str) -> bytes:
    """Return the JSON-RPC error that tells the caller under *jsonrpc_id* why there is no reply."""
    error: Json = {"code": REFUSAL_CODE, "message": why}
    if isinstance(jsonrpc_id, (list, dict, LongNumber)):
        jsonrpc_id = None  # no id at all and perhaps too deep to be written, or not in our hands
    if isinstance(jsonrpc_id, float) and not math.isfinite(jsonrpc_id):
        jsonrpc_id = None  # JSON has no such number
    return json.dumps({"jsonrpc": "2.0", "id": jsonrpc_id, "error": error}).encode()
