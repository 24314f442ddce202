"""A collection killed at each of its steps: the next one goes on, and nothing is amiss."""

from __future__ import annotations

import contextlib
import json
import random
from collections import Counter

import pytest

from indelible import durable
from indelible.collect import batch
from indelible.errors import StateError, TamperedError
from indelible.seal.segment import parse_leaf
from indelible.seal.verify import Verdict
from indelible.store import bodies
from indelible.store.reader import LogReader
from tests.collect.emitters import Disk, House, KilledError

MAX_STEPS = 200
DAY_US = 86_400_000_000


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(batch, "MAX_RECORDS", 4)


def leaves(house: House) -> list[dict]:
    log = LogReader(house.paths.directory)
    found = []
    for index, line in log.leaves():
        leaf = parse_leaf(line)
        assert leaf is not None
        assert log.body(index, line) is not None
        found.append({"raw": leaf.header, "peer": leaf.peer, **json.loads(leaf.header)})
    return found


def check_complete(house: House) -> None:
    """Every record that was emitted is in the log once, and every dead call is closed once."""
    found = leaves(house)
    counted = Counter(one["raw"] for one in found)
    emitted = [header for one in house.emitters for header in one.headers]
    assert Counter(emitted) == {header: counted[header] for header in emitted}
    closed = Counter(
        (one["of"]["writer"], one["of"]["seq"])
        for one in found
        if one["kind"] == "completed" and one.get("errorType") == "abandoned"
    )
    dead = [(one.writer, seq) for one in house.emitters if one.ended for seq in one.open]
    assert closed == Counter(dead)
    told = Counter(
        (one["kind"], one.get("ofWriter"), one.get("firstSeq"), one.get("sha256"))
        for one in found
        if one["kind"] in ("gap", "conflict", "recovered")
    )
    assert set(told.values()) <= {1}
    own = Counter(one["kind"] for one in found if b"collector" in one["peer"])
    assert len(found) == len(emitted) + sum(own.values())


def check_no_alarm(house: House, *allowed: Verdict) -> None:
    report = house.verify()
    assert report.verdict in allowed, report.findings


def fill(house: House) -> None:
    """A state with some history, and everything a spool can hold."""
    first = house.emitter()
    for _ in range(4):
        first.call()
    first.received()
    house.collect()
    first.completed()
    first.call()
    first.roll()
    first.call()
    torn = house.emitter()
    for _ in range(3):
        torn.received()
    torn.completed()
    torn.raw(b"IND1\x00\x00\x01\x00half a frame")
    torn.end()
    lossy = house.emitter()
    lossy.call()
    lossy.skip(3)
    lossy.raw(b"garbage between frames")
    lossy.call()
    lossy.received()


def killed_at(monkeypatch, house: House, step: int, dice: random.Random | None = None) -> bool:
    """Collect with a kill at *step*; return whether it came to that."""
    disk = Disk(step, dice=dice)
    with monkeypatch.context() as patch:
        patch.setattr(durable, "os", disk)
        try:
            house.collect()
        except KilledError:
            return True
    return False


def collect(monkeypatch, house: House) -> None:
    assert not killed_at(monkeypatch, house, 0)


def make(tmp_path, name: str, roll_bytes: int = 1500) -> House:
    directory = tmp_path / name
    directory.mkdir()
    return House(directory, roll_bytes=roll_bytes)


@pytest.mark.requirement("collect.killed")
def test_a_kill_at_any_step_loses_nothing_and_raises_no_alarm(tmp_path, monkeypatch):
    for step in range(1, MAX_STEPS):
        house = make(tmp_path, str(step))
        with monkeypatch.context() as patch:
            patch.setattr(durable, "os", Disk())
            fill(house)
        came = killed_at(monkeypatch, house, step)
        check_no_alarm(house, Verdict.INTACT, Verdict.INCOMPLETE)
        collect(monkeypatch, house)
        check_complete(house)
        check_no_alarm(house, Verdict.INCOMPLETE)
        house.close()
        if not came:
            break
    assert 30 < step < MAX_STEPS - 1


def test_a_kill_at_any_step_of_the_first_collection_of_all(tmp_path, monkeypatch):
    for step in range(1, MAX_STEPS):
        house = make(tmp_path, str(step))
        one = house.emitter()
        one.call()
        one.received()
        one.end()
        came = killed_at(monkeypatch, house, step)
        check_no_alarm(house, Verdict.INTACT)
        collect(monkeypatch, house)
        check_complete(house)
        check_no_alarm(house, Verdict.INTACT)
        if not came:
            break
    assert 15 < step < MAX_STEPS - 1


def over_days(house: House) -> None:
    """What is to be collected of two days, after others of which one had the later date."""
    for days in (0, 1, -1):
        one = house.emitter()
        one.call()
        house.clock.now_us += days * DAY_US
        house.collect()
    house.emitter().call()
    house.clock.now_us += 2 * DAY_US


@pytest.mark.requirement("store.bodies-closed")
@pytest.mark.parametrize("roll_bytes", [900, 8 << 20])
def test_a_kill_at_any_step_of_closing_body_files(tmp_path, monkeypatch, roll_bytes):
    seen: set[tuple[bool, bool]] = set()
    for step in range(1, MAX_STEPS):
        house = make(tmp_path, str(step), roll_bytes)
        with monkeypatch.context() as patch:
            patch.setattr(durable, "os", Disk())
            over_days(house)
        before = len(bodies.list_places(house.paths.bodies))
        came = killed_at(monkeypatch, house, step)
        places = bodies.list_places(house.paths.bodies)
        assert len(places) >= before
        seen |= {(one.has_plain, one.has_compressed) for one in places}
        check_no_alarm(house, Verdict.INTACT)
        killed_at(monkeypatch, house, step)
        check_no_alarm(house, Verdict.INTACT)
        house.emitter().call()
        collect(monkeypatch, house)
        check_complete(house)
        check_no_alarm(house, Verdict.INTACT)
        *closed, last = bodies.list_places(house.paths.bodies)
        assert {(one.has_plain, one.has_compressed) for one in closed} == {(False, True)}
        assert (last.has_plain, last.has_compressed) == (True, False)
        house.close()
        if not came:
            break
    assert 25 < step < MAX_STEPS - 1
    assert seen == {(True, False), (True, True), (False, True)}


def test_body_lines_beyond_the_log_are_a_crash_s_only_in_a_file_that_was_not_closed(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(durable, "os", Disk())
    house = make(tmp_path, "a", 8 << 20)
    over_days(house)
    assert killed_at(monkeypatch, house, 7)  # the bodies are durable, their leaves are not
    check_no_alarm(house, Verdict.INTACT)
    place = bodies.list_places(house.paths.bodies)[-1]
    data = place.plain.read_bytes()
    log = LogReader(house.paths.directory)
    assert data.startswith(b"%d " % log.size)
    for lines in (data, b""):
        place.compressed.write_bytes(bodies.compress(lines))
        for is_alone in (False, True):
            if is_alone:
                place.plain.unlink()
            with pytest.raises(TamperedError):
                house.collect()
            assert house.verify().verdict is Verdict.TAMPERED
        place.plain.write_bytes(data)
    place.compressed.unlink()
    collect(monkeypatch, house)
    check_complete(house)
    check_no_alarm(house, Verdict.INTACT)
    house.close()


def test_kills_during_recoveries_too(tmp_path, monkeypatch):
    dice = random.Random(7)
    for number in range(120):
        house = make(tmp_path, str(number))
        with monkeypatch.context() as patch:
            patch.setattr(durable, "os", Disk())
            fill(house)
        for _ in range(dice.randint(2, 5)):
            killed_at(monkeypatch, house, dice.randint(1, 60), dice)
            check_no_alarm(house, Verdict.INTACT, Verdict.INCOMPLETE)
        collect(monkeypatch, house)
        check_complete(house)
        check_no_alarm(house, Verdict.INCOMPLETE)
        house.close()


@pytest.mark.parametrize("number", [28, 5])  # ENOSPC, EIO
def test_an_error_of_the_disk_at_any_step_is_told_and_loses_nothing(tmp_path, monkeypatch, number):
    for step in range(1, MAX_STEPS):
        house = make(tmp_path, str(step))
        with monkeypatch.context() as patch:
            patch.setattr(durable, "os", Disk())
            fill(house)
            patch.setattr(durable, "os", Disk(step, OSError(number, "injected")))
            failed = False
            with contextlib.suppress(StateError):
                failed = True
                house.collect()
                failed = False
        check_no_alarm(house, Verdict.INTACT, Verdict.INCOMPLETE)
        collect(monkeypatch, house)
        check_complete(house)
        check_no_alarm(house, Verdict.INCOMPLETE)
        house.close()
        if not failed and step > 60:
            break
    assert step < MAX_STEPS - 1


class Recording(Disk):
    """Notes what is written once more."""

    def __init__(self) -> None:
        super().__init__()
        self.again: list[bytes] = []

    def _call(self, name, real, *given, **named):
        if name == "pwrite":
            self.again.append(bytes(given[1]))
        return super()._call(name, real, *given, **named)


def test_what_an_fsync_failed_on_is_written_again_before_it_is_signed(tmp_path, monkeypatch):
    """The page cache may show bytes that are not on the disk, and a new fsync not help."""
    house = make(tmp_path, "a")
    monkeypatch.setattr(durable, "os", Disk())
    house.emitter().call()
    house.collect()
    one = house.emitter()
    one.received()
    real = durable.append
    failed: list[bytes] = []

    def append(path, data):
        real(path, data)
        failed.append(data)
        if path.parent == house.paths.segments:
            raise OSError(5, "fsync failed")

    with monkeypatch.context() as patch:
        patch.setattr(durable, "append", append)
        with pytest.raises(StateError, match="fsync failed"):
            house.collect()
    disk = Recording()
    monkeypatch.setattr(durable, "os", disk)
    house.collect()
    assert disk.again == failed[1:]
    check_complete(house)
    house.close()


def test_a_batch_that_does_not_read_back_is_not_signed(tmp_path, monkeypatch):
    house = make(tmp_path, "a")
    monkeypatch.setattr(durable, "os", Disk())
    house.emitter().call()
    house.collect()
    before = house.paths.checkpoint.read_bytes()
    house.emitter().call()
    real = durable.append

    def append(path, data):
        real(path, data.replace(b"files", b"flles") if path.parent.name == "segments" else data)

    with monkeypatch.context() as patch:
        patch.setattr(durable, "append", append)
        with pytest.raises(TamperedError, match="read back"):
            house.collect()
    assert house.paths.checkpoint.read_bytes() == before
    house.collect()
    check_complete(house)
    check_no_alarm(house, Verdict.INTACT)
    house.close()


def test_every_write_is_durable_before_the_next_begins(tmp_path, monkeypatch):
    house = make(tmp_path, "a")
    monkeypatch.setattr(durable, "os", Disk())
    house.emitter().call()
    house.collect()
    one = house.emitter()
    one.call()
    one.end()
    house.clock.now_us += DAY_US
    disk = Disk()
    monkeypatch.setattr(durable, "os", disk)
    house.collect()
    replaced = ["write", "fsync", "replace", "fsync"]
    expected = [
        *replaced,  # intent
        *("write", "fsync", "fsync"),  # bodies, in a new file
        *("write", "fsync"),  # leaf lines and commit line
        *replaced,  # the checkpoint outside
        *replaced,  # the checkpoint inside
        *replaced,  # the bodies of the day before, compressed
        *("unlink", "fsync"),  # their plain file
        *replaced,  # writers
        *("unlink", "fsync"),  # the spool of the writer that ended
        *("unlink", "fsync"),  # intent
    ]
    # What comes after that is the query copy, which can be thrown away.
    assert disk.names[: len(expected)] == expected
    house.close()
