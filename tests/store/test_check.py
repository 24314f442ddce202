"""Verifying beside a collection that goes on, and what a report says besides the verdict."""

from __future__ import annotations

import contextlib
import os
import random

import pytest

from indelible import durable
from indelible.collect import batch
from indelible.errors import FormatError, StateError
from indelible.seal.note import SigningKey
from indelible.seal.verify import Verdict
from indelible.store import check as checking
from indelible.store import recovery
from indelible.store.check import check
from tests.collect.emitters import Disk, House, KilledError, snapshot
from tests.store.kept import DAY_US


@pytest.fixture
def house(tmp_path, monkeypatch):
    monkeypatch.setattr(durable, "os", Disk())
    monkeypatch.setattr(batch, "MAX_RECORDS", 5)
    monkeypatch.setattr(checking, "_STEP", 1)
    made = House(tmp_path, roll_bytes=3000)
    one = made.emitter()
    for _ in range(12):
        one.call()
    made.collect()
    yield made
    made.close()


def grow(house: House) -> None:
    house.clock.now_us += DAY_US  # so that a body file is closed
    one = house.emitter()
    for _ in range(4):
        one.call()
    one.received()
    one.raw(b"IND1 torn")
    one.end()
    house.collect()


@pytest.mark.parametrize("when", range(0, 24, 3))
def test_a_collection_in_the_midst_of_a_verification(house, when):
    def progress(done: int, total: int) -> None:
        assert done <= total
        if done == when + 1:
            grow(house)

    report = house.verify(progress=progress)
    assert report.verdict is Verdict.INTACT, report.findings
    assert any("meanwhile" in one for one in report.logs[0].notes)
    assert house.verify().verdict is Verdict.INTACT


@pytest.mark.parametrize("step", range(1, 50))
def test_a_collection_that_stands_at_any_step_while_we_read(house, monkeypatch, step):
    """It goes on to that step after the notes were read, and further before the end."""

    def killed(at: int) -> None:
        house.clock.now_us += DAY_US
        monkeypatch.setattr(durable, "os", Disk(at))
        one = house.emitter()
        one.call()
        one.end()
        with contextlib.suppress(KilledError):
            house.collect()

    def progress(done: int, total: int) -> None:
        if done == 2:
            killed(step)
        if done == 20:
            killed(51 - step)

    report = house.verify(progress=progress)
    assert report.verdict is Verdict.INTACT, report.findings


def test_a_collection_between_the_notes(house, monkeypatch):
    real = recovery.read_notes
    calls: list[int] = []

    def read_notes(paths):
        found = real(paths)
        calls.append(1)
        if len(calls) % 2 and len(calls) < 60:
            grow(house)
        return found

    monkeypatch.setattr(checking.recovery, "read_notes", read_notes)
    assert house.verify().verdict is Verdict.INTACT


def test_tampering_is_found_though_the_log_grows(house):
    segment = next(iter(sorted(house.paths.segments.iterdir())))
    data = segment.read_bytes()
    segment.write_bytes(data[:60] + bytes([data[60] ^ 1]) + data[61:])

    def progress(done: int, total: int) -> None:
        house.emitter().call()

    assert house.verify(progress=progress).verdict is Verdict.TAMPERED


def test_what_a_report_says(house):
    report = house.verify()
    log = report.logs[0]
    assert (log.name, log.leaves, log.bodies) == ("default", 24, 24)
    assert log.segments == len(list(house.paths.segments.iterdir()))
    assert log.origin.startswith("indelible.")
    assert log.checkpoint == house.paths.checkpoint.read_bytes()
    assert report.level == "L0"
    assert any("--key" in one for one in log.notes)


def test_wide_permissions_and_unfinished_files_are_remarked(house):
    (house.paths.segments / ".x.0123456789abcdef.tmp").write_bytes(b"")
    house.paths.checkpoint.chmod(0o644)
    report = house.verify()
    assert report.verdict is Verdict.INTACT
    assert any("not finished" in one for one in report.logs[0].notes)
    assert any("rights to it" in one for one in report.logs[0].notes)
    grow(house)
    assert not list(house.paths.segments.glob(".*"))


def test_a_pinned_key_or_a_checkpoint_of_a_log_that_is_not_here(house):
    key = SigningKey("indelible.00000000/other", bytes(32)).verifier
    assert house.verify(key=key).verdict is Verdict.TAMPERED
    with pytest.raises(FormatError):
        house.verify(checkpoint=b"x")


def test_what_cannot_be_read_is_no_verdict(house):
    if os.geteuid() == 0:
        pytest.skip("privilege: root reads everything")
    house.paths.checkpoint.chmod(0)
    with pytest.raises(StateError, match="cannot read"):
        house.verify()


def test_hostile_files_end_in_a_verdict(house):
    dice = random.Random(3)
    kept = snapshot(house.state.root)
    for _ in range(150):
        name = dice.choice(sorted(kept))
        path = house.state.root / name
        cut = dice.randrange(len(kept[name]) + 1)
        path.write_bytes(kept[name][:cut] + dice.randbytes(dice.choice([0, 3, 5000])))
        report = check(house.state, user=os.geteuid(), now_us=0)
        assert report.verdict in Verdict
        path.write_bytes(kept[name])


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59, "59 s"), (61, "1 min"), (7200, "2 h"), (200_000, "2 d")]
)
def test_ages(seconds, text):
    assert checking._duration(seconds) == text
