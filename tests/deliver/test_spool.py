"""The spool: locked for life, all of a batch or none, never a number twice."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indelible.deliver import spool as module
from indelible.deliver.spool import ROLL_BYTES, ROLL_US, Spool
from indelible.errors import FormatError
from indelible.model.frame import parse_spool_name
from indelible.model.record import Record
from tests.deliver.spools import assert_dense, headers, is_locked, record


class Rig:
    """A spool with a clock that stands still, and a count of its rolls."""

    def __init__(self, directory: Path, **options: int) -> None:
        self.directory = directory
        self.now = 1_795_500_000_000_000
        self.rolls = 0
        self.spool = Spool(directory, clock_us=lambda: self.now, on_roll=self._rolled, **options)

    def _rolled(self) -> None:
        self.rolls += 1

    def append(self, count: int = 1, size: int = 0) -> None:
        first = self.spool.next_seq
        self.spool.append([record(self.spool.writer, first + n, size) for n in range(count)])

    @property
    def files(self) -> list[Path]:
        return sorted(self.directory.iterdir())


@pytest.fixture
def rig(tmp_path):
    made = Rig(tmp_path / "spool" / "default", roll_bytes=1_000, roll_us=60_000_000)
    yield made
    made.spool.close()


def test_nothing_is_made_before_the_first_record(rig) -> None:
    assert not rig.directory.exists()
    rig.append()
    (path,) = rig.files
    assert parse_spool_name(path.name) == (rig.spool.writer, 0)


@pytest.mark.requirement("collect.modes")
def test_the_spool_is_for_its_owner_only(rig) -> None:
    before = os.umask(0)
    try:
        rig.append()
    finally:
        os.umask(before)
    assert stat.S_IMODE(rig.files[0].stat().st_mode) == 0o600
    for directory in (rig.directory, rig.directory.parent):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700


@pytest.mark.requirement("spool.rolls")
def test_it_rolls_before_it_outgrows_its_size(rig) -> None:
    while len(rig.files if rig.directory.exists() else []) < 4:
        rig.append()
    assert rig.rolls == 3
    assert [path.name[-6:] for path in rig.files] == ["000000", "000001", "000002", "000003"]
    assert all(0 < path.stat().st_size <= 1_000 for path in rig.files)
    assert [is_locked(path) for path in rig.files] == [False, False, False, True]
    assert_dense(rig.directory)


@pytest.mark.requirement("spool.rolls")
def test_it_rolls_at_its_age_with_the_next_record(rig) -> None:
    rig.append()
    rig.now += 60_000_000
    rig.append()
    assert (len(rig.files), rig.rolls) == (1, 0)
    rig.now += 1
    rig.append()
    assert (len(rig.files), rig.rolls) == (2, 1)
    rig.now -= 3_600_000_000  # a clock that is set back rolls nothing and loses nothing
    rig.append()
    assert len(rig.files) == 2
    assert_dense(rig.directory)


@pytest.mark.requirement("spool.rolls")
def test_the_defaults_are_8_mib_and_ten_minutes() -> None:
    assert (ROLL_BYTES, ROLL_US) == (8 << 20, 10 * 60 * 1_000_000)


def test_a_record_larger_than_a_part_gets_one_of_its_own(rig) -> None:
    rig.append(size=5_000)
    rig.append(size=5_000)
    assert len(rig.files) == 2
    assert_dense(rig.directory)


def test_the_new_part_is_locked_before_the_old_one_is_let_go(rig, monkeypatch) -> None:
    rig.append(size=900)
    (old,) = rig.files
    seen = []
    rename = os.rename

    def watched(source, target) -> None:
        seen.append((is_locked(Path(source)), is_locked(old)))
        rename(source, target)
        seen.append((is_locked(Path(target)), is_locked(old)))

    monkeypatch.setattr(module.os, "rename", watched)
    rig.append(size=900)
    assert seen == [(True, True), (True, True)], "never visible unlocked, and the old one held"
    assert not is_locked(old)
    assert is_locked(rig.files[1])


def test_a_file_that_was_taken_away_is_not_written_to(rig) -> None:
    rig.append()
    rig.files[0].unlink()
    rig.append()
    assert [header["seq"] for header in headers(rig.directory)] == [1]
    assert rig.files[0].name.endswith(".000001")


@pytest.mark.requirement("spool.rolls")
def test_a_clock_that_is_set_back_delays_neither_a_look_nor_a_roll(rig) -> None:
    rig.append()
    rig.append()  # looks, and is due to look again a little later
    rig.now -= 3_600_000_000
    rig.files[0].unlink()
    rig.append()
    assert [header["seq"] for header in headers(rig.directory)] == [2], "its loss is seen"
    rig.now -= 3_600_000_000
    rig.append()
    rig.now += 60_000_001
    rig.append()
    assert (len(rig.files), rig.rolls) == (2, 2), "its age counts from when the clock was set"


def test_a_directory_that_was_taken_away_is_made_again(rig) -> None:
    rig.append()
    rig.files[0].unlink()
    rig.directory.rmdir()
    rig.append()
    assert [header["seq"] for header in headers(rig.directory)] == [1]


@pytest.mark.parametrize("written", [0, 1, 11, 12, 13, 100])
def test_a_batch_that_is_written_in_part_is_taken_back(rig, monkeypatch, written) -> None:
    rig.append()
    before = rig.files[0].read_bytes()

    def full(fd: int, data: bytes) -> None:
        os.write(fd, data[:written])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_all", full)
        with pytest.raises(OSError, match="No space"):
            rig.append(count=3)
    assert rig.files[0].read_bytes() == before
    assert rig.spool.next_seq == 1
    rig.append(count=3)
    assert_dense(rig.directory)


def test_what_cannot_be_taken_back_is_left_behind_for_a_new_part(rig, monkeypatch) -> None:
    rig.append()

    def full(fd: int, data: bytes) -> None:
        os.write(fd, data[:20])
        raise OSError(errno.EIO, "Input/output error")

    def stuck(fd: int, size: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_all", full)
        patch.setattr(module.os, "ftruncate", stuck)
        with pytest.raises(OSError, match="Input/output"):
            rig.append()
    rig.append()
    first, second = rig.files
    assert first.read_bytes()[-20:-16] == b"IND1", "the half frame is still there"
    assert second.name.endswith(".000001")
    assert rig.spool.next_seq == 2


@pytest.mark.parametrize("step", ["open", "rename"])
def test_a_part_that_cannot_be_opened_leaves_nothing_and_the_next_try_succeeds(
    rig, monkeypatch, step
) -> None:
    rig.append(size=900)

    def full(*arguments, **options) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module.os, step, full)
        with pytest.raises(OSError, match="No space"):
            rig.append(size=900)
    assert [path.name[0] for path in rig.files] != ["."]
    assert len(rig.files) == 1
    assert is_locked(rig.files[0]), "the writer lives"
    rig.append(size=900)
    assert [path.name[-6:] for path in rig.files] == ["000000", "000001"]
    assert_dense(rig.directory)


def test_a_record_beyond_the_format_costs_no_number(rig) -> None:
    rig.append()
    with pytest.raises(FormatError):
        rig.spool.append([Record(b"h" * 5_000, bytes(16), b"{}")])
    rig.append()
    assert_dense(rig.directory)


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 400), st.integers(0, 40_000_000))))
def test_however_it_rolls_the_numbers_are_dense(tmp_path_factory, steps) -> None:
    rig = Rig(tmp_path_factory.mktemp("spool"), roll_bytes=1_500, roll_us=60_000_000)
    for count, size, pause in steps:
        rig.now += pause
        rig.append(count, size)
    rig.spool.close()
    found = assert_dense(rig.directory)
    assert sum(map(len, found.values())) == sum(count for count, _, _ in steps)
    assert not any(is_locked(path) for path in rig.files)


def test_a_closed_spool_is_free(rig) -> None:
    rig.append()
    assert is_locked(rig.files[0])
    rig.spool.close()
    assert not is_locked(rig.files[0])
    rig.spool.close()


@pytest.mark.requirement("collect.modes")
def test_the_state_of_another_user_is_refused(tmp_path, monkeypatch) -> None:
    rig = Rig(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(PermissionError, match="belongs to user"):
        rig.append()
    monkeypatch.undo()
    rig.append()
    assert len(rig.files) == 1
