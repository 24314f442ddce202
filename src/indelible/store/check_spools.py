"""What the spools hold that the log does not; nothing in them is trusted."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from indelible.model.canonical import parse_time, uuid7_time
from indelible.seal.density import Density
from indelible.seal.journal import is_seq
from indelible.store.spools import SpoolView


@dataclass(slots=True)
class Unsealed:
    """What is not in the log yet."""

    unsealed: int = 0
    oldest_us: int | None = None
    damage: list[tuple[Path, str]] = field(default_factory=list)
    """Which file, and what is wrong in it."""


def count(views: list[SpoolView], density: Density) -> Unsealed:
    """Count the records of *views* that *density* has not seen."""
    found = Unsealed()
    seen: set[tuple[str, int]] = set()
    for view in views:
        for record in view.records:
            seq, at_us = _number(record.header, view.writer)
            if seq is None:
                found.damage.append((view.path, "a damaged record"))
            elif seq >= density.next(view.writer) and (view.writer, seq) not in seen:
                seen.add((view.writer, seq))
                found.oldest_us = at_us if found.oldest_us is None else min(found.oldest_us, at_us)
        damaged = sum(one.end - one.start for one in view.damage if not one.torn)
        if damaged:
            found.damage.append((view.path, f"{damaged} damaged bytes"))
    found.unsealed = len(seen)
    return found


def _number(header: bytes, writer: str) -> tuple[int | None, int]:
    """Return number and time of a record in a spool; no number if it is not *writer*'s."""
    made_us = uuid7_time(writer)
    try:
        found = json.loads(header)
        seq = found["seq"]
        if found["writer"] != writer or not is_seq(seq):
            return None, made_us
        at = found.get("timestamp")
        return seq, parse_time(at) if isinstance(at, str) else made_us
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        return None, made_us
