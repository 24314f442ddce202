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
        )
    fleet.close()
    paths = state.log()
    *closed, newest = segments.list_segments(paths.segments)
    places = bodies.list_places(paths.bodies)[:-1]
    assert len(closed) == len(places) == 5
    size = sum(one.stat().st_size for one in (*paths.segments.iterdir(), *paths.bodies.iterdir()))
    size -= sum(one.stat().st_size for one in paths.directory.glob("*/*.ndjson"))
    assert size / (newest.first / 2) < 250
    report = check(state, user=os.geteuid(), now_us=fleet.now_us)
    assert (report.verdict, report.logs[0].bodies) == (Verdict.INTACT, 2 * CALLS)


@pytest.mark.requirement("store.newest-is-a-share")
def test_the_smaller_a_log_is_the_sooner_its_newest_segment_is_closed(tmp_path, monkeypatch):
    sizes = [segments.roll_bytes(leaves) for leaves in (0, 32_768, 200_000, 1_048_576, 20_000_000)]
    assert sizes == [256 << 10, 256 << 10, 1_600_000, 8 << 20, 8 << 20]
    monkeypatch.setattr(durable, "os", Disk())
    state = State(tmp_path / "state", tmp_path / "checkpoints")
    state.root.mkdir(0o700)
    fleet, traffic = Fleet(state.root), Traffic()
    for _ in range(8):
        fleet.record(itertools.islice(traffic, 100))
        collect_once(state, user=os.geteuid(), clock_us=lambda: fleet.now_us, random=os.urandom)
    fleet.close()
    *closed, newest = segments.list_segments(state.log().segments)
    assert len(closed) == 2
    assert all(one.has_compressed and not one.has_plain for one in closed)
    assert newest.has_plain


def test_the_same_seed_gives_the_same_calls():
    first, second, other = (list(itertools.islice(Traffic(n), 500)) for n in (1, 1, 2))
    assert first == second != other
    assert [one.number for one in first] == list(range(1, 501))
    assert all(one.at_us < two.at_us for one, two in itertools.pairwise(first))
    assert {bool(one.error) for one in first} == {True, False}
