"""A trail of the published generator, really recorded: by Recorders, sealed by the collector.

Made once a run, and used by every part that asks, exports or weighs. The clock is the
traffic's; a collection comes after each ten minutes of it, as spools that roll ask for.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from bench.generator import START_US, Fleet, Seen, Traffic
from bench.setting import Setting
from indelible.collect.once import collect_once
from indelible.deliver.spool import ROLL_US
from indelible.store.state import State, resolve

CALLS = 100_000


class Recorded(NamedTuple):
    """What there is, and what making it took."""

    state: State
    calls: int
    end_us: int
    """When its last call ended."""
    record_cpu_s: float
    """Drawing the calls and recording them."""
    collect_cpu_s: float
    """Sealing them, and bringing the query copy up."""
    each_bytes: list[float]
    """What a call takes on disk, everything counted: after each of the later collections."""


def recorded(setting: Setting) -> Recorded:
    """Return the trail of this run."""
    if "recorded" not in setting.made:
        calls = setting.scale(CALLS, CALLS // 5)
        setting.made["recorded"] = make(setting.scratch / "recorded", calls)
    found = setting.made["recorded"]
    assert isinstance(found, Recorded)
    return found


def make(root: Path, calls: int) -> Recorded:
    """Record and collect so many calls."""
    state = resolve(root, {"HOME": str(root.parent)})
    fleet, user = Fleet(root), os.geteuid()
    record_s = collect_s = 0.0
    recorded_calls, each_bytes = 0, []
    for some in _stretches(Traffic(), calls):
        before = time.process_time()
        fleet.record(some)
        between = time.process_time()
        collect_once(state, user=user, clock_us=lambda: fleet.now_us, random=os.urandom)
        record_s, collect_s = record_s + between - before, collect_s + time.process_time() - between
        recorded_calls += len(some)
        if recorded_calls >= calls / 2:
            each_bytes.append(_size(state) / recorded_calls)
    fleet.close()
    collect_once(state, user=user, clock_us=lambda: fleet.now_us, random=os.urandom)
    return Recorded(state, calls, fleet.now_us, record_s, collect_s, each_bytes)


def _size(state: State) -> int:
    """Return the bytes of all files of a state: what still waits in spools too."""
    roots = state.root, state.checkpoints
    return sum(one.stat().st_size for root in roots for one in root.rglob("*") if one.is_file())


def _stretches(traffic: Traffic, calls: int) -> Iterator[list[Seen]]:
    """Yield the calls of ten minutes at a time."""
    held: list[Seen] = []
    until_us = START_US + ROLL_US
    for seen in islice(traffic, calls):
        if seen.at_us >= until_us:
            yield held
            held, until_us = [], until_us + ROLL_US
        held.append(seen)
    yield held
