"""A catch-up of the query copy killed at each of its steps: the next one has the same rows."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from indelible import durable
from indelible.collect.index import lag
from indelible.errors import StateError
from indelible.store.index.manifest import read_manifest
from tests.collect.emitters import Disk, House, KilledError
from tests.store.index.copies import (
    SMALL,
    WRITERS,
    Kept,
    completed,
    entries,
    received,
)

A, B, _ = WRITERS
MAX_STEPS = 200


def fill(log: Kept) -> None:
    """A log whose copy has files of all kinds, and news that change each of them."""
    for seq in range(0, 8, 2):
        log.append(received(A, seq, log.now_us))
        log.close(A, seq)
    log.append(received(B, 0, log.now_us), received(B, 2, log.now_us))
    log.catch_up(limits=SMALL)
    log.append(received(A, 20, log.now_us), completed(A, 21, 20))
    log.close(A, 99)
    log.catch_up()
    log.append(completed(A, 1, 0), completed(B, 1, 0), completed(A, 99, 99))
    for seq in range(30, 38, 2):
        log.append(received(A, seq, log.now_us), completed(A, seq + 1, seq))


def killed_at(
    monkeypatch: pytest.MonkeyPatch,
    work: Callable[[], object],
    step: int,
    dice: random.Random | None = None,
) -> bool:
    """Work with a kill at *step*; return whether it came to that."""
    with monkeypatch.context() as patch:
        patch.setattr(durable, "os", Disk(step, dice=dice))
        try:
            work()
        except KilledError:
            return True
    return False


def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> Kept:
    with monkeypatch.context() as patch:
        patch.setattr(durable, "os", Disk())
        log = Kept(tmp_path / name)
        fill(log)
    return log


def check(log: Kept) -> None:
    assert entries(log.paths.index, log.origin) == log.entries()


@pytest.mark.requirement("index.killed")
def test_a_kill_at_any_step_loses_no_row_and_doubles_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in range(1, MAX_STEPS):
        log = make(tmp_path, monkeypatch, str(step))
        came = killed_at(monkeypatch, lambda log=log: log.catch_up(limits=SMALL), step)
        # Whoever reads meanwhile finds every file that the manifest names.
        found = read_manifest(log.paths.index)
        assert found is not None
        entries(log.paths.index, log.origin)
        assert not killed_at(monkeypatch, lambda log=log: log.catch_up(limits=SMALL), 0)
        check(log)
        named = {log.paths.index / part.file for part in read_manifest(log.paths.index).parts}  # type: ignore[union-attr]
        there = {path for path in log.paths.index.rglob("*.*") if path.is_file()}
        assert {path for path in there if path.name != "manifest.json"} == named
        if not came:
            break
    assert 20 < step < MAX_STEPS - 1


def test_kills_during_recoveries_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(7)
    for number in range(15):
        log = make(tmp_path, monkeypatch, str(number))
        for _ in range(dice.randint(2, 5)):
            killed_at(
                monkeypatch, lambda log=log: log.catch_up(limits=SMALL), dice.randint(1, 40), dice
            )
        assert not killed_at(monkeypatch, lambda log=log: log.catch_up(limits=SMALL), 0)
        check(log)


@pytest.mark.requirement("index.hinders-nothing")
def test_an_error_of_the_disk_fails_no_collection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each step of a collection that fails in the copy is told, and made good by the next."""
    told = set()
    for step in range(1, MAX_STEPS):
        directory = tmp_path / str(step)
        directory.mkdir()
        house = House(directory)
        one = house.emitter()
        one.call()
        one.received()
        failed = False
        with monkeypatch.context() as patch:
            disk = Disk(step, OSError(28, "injected"))
            patch.setattr(durable, "os", disk)
            try:
                result = house.collect()
            except StateError:
                failed = True
        if not failed:
            told.add(result.copy_failed)
            if result.copy_failed:
                assert result.sealed == 3
        with monkeypatch.context() as patch:
            patch.setattr(durable, "os", Disk())
            assert house.collect().copy_failed == ""
        there = lag(house.state, "default")
        # One call of two records is one row; a recovery adds a record of its own.
        assert (there.behind, there.rows) == (0, there.sealed - 1)
        house.close()
        if disk.steps < step:
            break
    assert step < MAX_STEPS - 1
    assert {one.partition("]")[0] for one in told} == {"", "[Errno 28"}
