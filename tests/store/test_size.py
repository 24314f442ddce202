"""What a realistic call takes on disk once its files are closed."""

from __future__ import annotations

import itertools
import os

import pytest

from bench.generator import Fleet, Traffic
from indelible import durable
from indelible.collect.once import collect_once
from indelible.seal.verify import Verdict
from indelible.store import bodies, segments
from indelible.store.check import check
from indelible.store.state import State
from tests.collect.emitters import Disk

CALLS = 3_000


@pytest.mark.requirement("store.small")
def test_realistic_calls_take_at_most_250_bytes_each(tmp_path, monkeypatch):
    monkeypatch.setattr(durable, "os", Disk())
    state = State(tmp_path / "state", tmp_path / "checkpoints")
    state.root.mkdir(0o700)
    fleet, traffic = Fleet(state.root), Traffic()
    for _ in range(3):
        assert fleet.record(itertools.islice(traffic, CALLS // 3)) == CALLS // 3
        collect_once(
            state,
            user=os.geteuid(),
            clock_us=lambda: fleet.now_us,
            random=os.urandom,
            roll_bytes=500_000,
        )
    fleet.close()
    paths = state.log()
    closed = segments.list_segments(paths.segments)[:-1]
    places = bodies.list_places(paths.bodies)[:-1]
    assert len(closed) == len(places) == 2
    size = sum(one.stat().st_size for one in (*paths.segments.iterdir(), *paths.bodies.iterdir()))
    size -= sum(one.stat().st_size for one in paths.directory.glob("*/*.ndjson"))
    assert size / (CALLS * 2 / 3) < 250
    report = check(state, user=os.geteuid(), now_us=fleet.now_us)
    assert (report.verdict, report.logs[0].bodies) == (Verdict.INTACT, 2 * CALLS)


def test_the_same_seed_gives_the_same_calls():
    first, second, other = (list(itertools.islice(Traffic(n), 500)) for n in (1, 1, 2))
    assert first == second != other
    assert [one.number for one in first] == list(range(1, 501))
    assert all(one.at_us < two.at_us for one, two in itertools.pairwise(first))
    assert {bool(one.error) for one in first} == {True, False}
