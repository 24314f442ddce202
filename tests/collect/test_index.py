"""The query copy beside a collection: brought up with it, and never in its way."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from indelible.collect.index import lag, rebuild
from indelible.collect.once import collect_once
from indelible.errors import StateError
from indelible.query.search import search
from indelible.seal.verify import Verdict
from indelible.store.index.manifest import NAME, read_manifest
from tests.collect.emitters import House, snapshot
from tests.store.index.copies import entries


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = House(tmp_path)
    one = made.emitter()
    for _ in range(3):
        one.call()
    one.received()
    one.end()
    return made


def anew(house: House):
    return rebuild(house.state, "default", user=os.geteuid(), clock_us=house.clock)


def check(house: House, origin: str) -> None:
    found = search(house.state, os.geteuid(), lambda _entry: True, 1000).entries
    there = sorted(json.dumps(entry, sort_keys=True) for entry in found)
    assert entries(house.paths.index, origin) == there


def test_a_collection_brings_the_copy_up_to_the_log(house: House) -> None:
    result = house.collect()
    assert result.copy_failed == ""
    check(house, result.origin)
    house.emitter().call()
    house.collect()
    check(house, result.origin)
    house.close()


@pytest.mark.requirement("index.hinders-nothing")
def test_what_fails_in_the_copy_is_said_and_fails_no_collection(house: House) -> None:
    (house.state.root / "index").write_bytes(b"in the way")
    result = house.collect()
    assert result.sealed == 8
    assert "index" in result.copy_failed
    (house.state.root / "index").unlink()
    assert house.collect().copy_failed == ""
    check(house, result.origin)


def test_verify_says_nothing_of_the_copy(house: House) -> None:
    house.collect()
    report = house.verify()
    assert report.verdict is Verdict.INTACT
    assert not [one for one in report.findings if "index" in str(one)]
    (house.paths.index / NAME).write_bytes(b"x")
    assert house.verify().verdict is Verdict.INTACT


def test_a_rebuild_makes_the_copy_from_the_log_alone(house: House) -> None:
    origin = house.collect().origin
    found = read_manifest(house.paths.index)
    assert found is not None
    (house.paths.index / found.hot.file).write_bytes(b"{}\n" * 1000)
    log = snapshot(house.paths.directory)
    assert anew(house).rows == 4
    check(house, origin)
    assert snapshot(house.paths.directory) == log


def test_a_rebuild_waits_for_no_lock(house: House) -> None:
    house.collect()
    with house.paths.lock.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(StateError, match="being collected"):
            anew(house)


def test_a_rebuild_of_what_was_never_collected_says_so(house: House) -> None:
    with pytest.raises(StateError, match="no log"):
        anew(house)


def test_the_lag_is_what_the_copy_does_not_cover(house: House) -> None:
    assert lag(house.state, "default").covered == 0
    house.collect()
    told = lag(house.state, "default")
    assert (told.sealed, told.covered, told.behind, told.rows) == (8, 8, 0, 4)
    (house.paths.index / NAME).unlink()
    assert lag(house.state, "default").behind == 8


LOADED = """
import os, sys
from pathlib import Path
from indelible.collect.once import collect_once
from indelible.store.state import State
root = Path(sys.argv[1])
state = State(root / "state", root / "state.checkpoints")
(done,) = collect_once(state, user=os.geteuid(), clock_us=lambda: {now}, random=os.urandom)
print(done.sealed, done.copy_failed, "duckdb" in sys.modules)
"""


def test_a_collector_that_seals_no_rows_does_not_load_duckdb(house: House, tmp_path: Path) -> None:
    code = LOADED.format(now=house.clock.now_us)
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.split() == ["8", "False"]


def test_the_copy_of_a_class_goes_by_its_own_name(house: House) -> None:
    collect_once(house.state, user=os.geteuid(), clock_us=house.clock, random=house.dice)
    assert house.paths.index == house.state.root / "index" / "default"
    assert house.paths.index.is_dir()
