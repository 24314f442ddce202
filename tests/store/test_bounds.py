"""What a hostile file can cost a reader: memory and descriptors are bounded, whatever it says."""

from __future__ import annotations

import contextlib
import hashlib
import resource
import struct
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from indelible import durable
from indelible.collect import batch
from indelible.errors import FormatError, TamperedError
from indelible.seal.merkle import Frontier
from indelible.seal.segment import COLLECTOR, Scanner, encode_batch, leaf_line
from indelible.seal.verify import Verdict
from indelible.store import bodies, files, recovery, segments
from indelible.store.reader import LogReader
from tests.collect.emitters import Clock, Disk, House, KilledError
from tests.store.kept import DAY_US

MIB = 1 << 20
GIB = 1 << 30


@contextlib.contextmanager
def at_most(limit: int) -> Iterator[None]:
    """Fail if Python's own allocations rise by more than *limit* bytes within."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < limit, f"{peak / MIB:.0f} MiB"


@pytest.fixture
def house(tmp_path, monkeypatch):
    monkeypatch.setattr(durable, "os", Disk())
    made = House(tmp_path)
    one = made.emitter()
    for _ in range(4):
        one.call()
    made.collect()
    yield made
    made.close()


def bomb(declared: int, blocks: int) -> bytes:
    """Return a zstd frame that says it holds *declared* bytes: *blocks* times 128 KiB of `A`."""
    block = struct.pack("<I", (128 * 1024) << 3 | 1 << 1)[:3] + b"A"
    last = struct.pack("<I", 1)[:3]
    return struct.pack("<IBBI", 0xFD2FB528, 0b10000000, 0x50, declared) + block * blocks + last


def test_a_frame_that_holds_far_more_than_it_says():
    data = bomb(60 * MIB, 16_384)
    with at_most(130 * MIB), pytest.raises(FormatError, match="damaged"):
        segments.decompress(data, "x")
    with at_most(MIB), pytest.raises(FormatError, match="size"):
        segments.decompress(bomb(65 * MIB, 16_384), "x")


def test_a_frame_that_holds_what_it_says_is_read():
    assert segments.decompress(bomb(MIB, 8), "x") == b"A" * MIB
    for content in (b"", b"x", bytes(range(256)) * 40_000):
        packed = segments.compress(content)
        assert segments.decompress(packed, "x") == content
        for wrong in (packed[:-1], packed + b"x", packed + packed, packed + b"x" * 5000):
            with pytest.raises(FormatError):
                segments.decompress(wrong, "x")


def test_a_gigabyte_without_a_line_among_the_bodies(house):
    (path,) = house.paths.bodies.iterdir()
    with path.open("r+b") as file:
        file.truncate(GIB)
    with at_most(20 * MIB):
        report = house.verify()
    assert report.verdict is Verdict.TAMPERED
    assert any(one.file.startswith("log/default/bodies") for one in report.findings)
    with at_most(20 * MIB):
        log = LogReader(house.paths.directory)
        assert log.body_matches(7)
        assert log.body_matches(0)
        (place,) = bodies.list_places(house.paths.bodies)
        assert list(bodies.BodyFile(place, bodies.Unpacked()).lines())[-1][1:] == (b"", False)


def test_a_line_that_is_too_long_is_passed_over(tmp_path):
    place = bodies.Place(tmp_path, "2026-11-24", 0)
    short = bodies.encode_line(9, bytes(16), b"{}")
    longest = bodies.encode_line(1, bytes(16), b"x" * (bodies.MAX_LINE_BYTES - 35))
    longer = bodies.encode_line(1, bytes(16), b"x" * (bodies.MAX_LINE_BYTES - 34))
    for line, is_read in ((longest, True), (longer, False), (longer * 7, False)):
        place.plain.write_bytes(line + short + b"rest")
        found = list(bodies.BodyFile(place, bodies.Unpacked()).lines())
        count = line.count(b"\n")
        assert [whole for *_, whole in found] == [is_read] * count + [True, False]
        assert found[0][1] == (line[:-1] if is_read else b"")
        assert found[-2] == (len(line), short[:-1], True)
        assert found[-1] == (len(line) + len(short), b"rest", False)


def test_more_than_a_crash_can_leave_is_not_moved_to_quarantine(house, monkeypatch):
    house.emitter().call()
    monkeypatch.setattr(durable, "os", Disk(5))
    with pytest.raises(KilledError):
        house.collect()
    monkeypatch.setattr(durable, "os", Disk())
    assert house.paths.intent.exists()
    (path,) = house.paths.bodies.iterdir()
    with path.open("r+b") as file:
        file.truncate(GIB)
    with at_most(20 * MIB), pytest.raises(TamperedError, match="more than a crash leaves"):
        house.collect()
    with path.open("r+b") as file:
        file.truncate(recovery.MAX_RESIDUE_BYTES // 4)
    house.collect()
    assert house.verify().verdict is Verdict.INTACT


def test_a_gigabyte_in_quarantine(house):
    for number in range(3):
        with (house.paths.quarantine / f"000000000000-torn-spool-{number:064x}").open("wb") as file:
            file.truncate(GIB - 5)
    with at_most(20 * MIB):
        assert house.verify().verdict is Verdict.TAMPERED
    path = house.paths.quarantine / "large"
    with path.open("wb") as file:
        file.truncate(40 * MIB)
    expected = hashlib.sha256(bytes(40 * MIB)).hexdigest()
    with at_most(5 * MIB):
        assert files.digest(path, 50 * MIB) == expected
        assert files.digest(house.paths.quarantine / "none", 1) is None
        for read in (files.digest, files.read):
            with pytest.raises(FormatError, match="larger"):
                read(path, 30 * MIB)


@pytest.mark.parametrize("line", [b"\n", b"a\n", b'{"header":{\n'])
def test_a_segment_of_many_short_lines(line):
    leaf = leaf_line(b'{"n":1}', COLLECTOR, 0) + b"\n"
    data = leaf + line * (40 * MIB // len(line)) + encode_batch([leaf[:-1]], Frontier())
    scanner = Scanner(data, Frontier())
    with at_most(10 * MIB):
        assert list(scanner.batches()) == []
    assert scanner.tail is not None
    assert (scanner.tail.what, scanner.tail.line) == ("not a leaf line", 2)


@contextlib.contextmanager
def descriptors(limit: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_years_of_days_need_no_more_descriptors_than_one(tmp_path, monkeypatch):
    monkeypatch.setattr(durable, "os", Disk())
    monkeypatch.setattr(batch, "MAX_RECORDS", 1)
    house = House(tmp_path)
    one = house.emitter()
    for _ in range(550):
        one.call()
    # Each batch looks at the clock once, and is one day later than the last.
    house.clock._step_us = DAY_US
    house.collect()
    assert len(bodies.list_places(house.paths.bodies)) == 1100
    with descriptors(256):
        report = house.verify()
        assert (report.verdict, report.logs[0].bodies) == (Verdict.INTACT, 1100)
        log = LogReader(house.paths.directory)
        assert all(log.body_matches(index, line) for index, line in log.leaves())
    house.close()


def test_leaves_that_jump_from_day_to_day(tmp_path, monkeypatch):
    """No log of ours is like that, but for a clock that was put back."""
    monkeypatch.setattr(durable, "os", Disk())
    monkeypatch.setattr(batch, "MAX_RECORDS", 1)
    house = House(tmp_path)
    one = house.emitter()
    for number in range(20):
        one.call()
        house.clock.now_us += DAY_US if number % 2 else -DAY_US
        house.collect()
    # A day that was closed is not opened again: another segment has a file of its own for it.
    places = bodies.list_places(house.paths.bodies)
    assert len({place.day for place in places}) == 2
    assert len({place.first for place in places}) == len(
        segments.list_segments(house.paths.segments)
    )
    assert [place.has_compressed for place in places] == [True] * (len(places) - 1) + [False]
    assert len(places) == 20
    assert house.verify().verdict is Verdict.INTACT
    house.close()


def test_leaves_that_jump_from_day_to_day_within_one_collection(tmp_path, monkeypatch):
    monkeypatch.setattr(durable, "os", Disk())
    monkeypatch.setattr(batch, "MAX_RECORDS", 1)
    house = House(tmp_path)
    one = house.emitter()
    for _ in range(10):
        one.call()
    house.clock = Jumping(house.clock)
    house.collect()
    (first, second) = bodies.list_places(house.paths.bodies)
    assert (first.has_compressed, second.has_compressed) == (True, False)
    assert house.verify().verdict is Verdict.INTACT
    lines = second.plain.read_bytes().splitlines(keepends=True)
    second.plain.write_bytes(b"".join([*lines[:3], lines[3][:-3] + b"!}\n", *lines[4:]]))
    report = house.verify()
    assert [one.line for one in report.findings if one.file.endswith(second.plain.name)] == [4]
    assert not [one for one in report.findings if one.file.endswith(first.compressed.name)]
    house.close()


class Jumping:
    """A clock that stands on another day each time it is looked at."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._odd = False

    @property
    def now_us(self) -> int:
        return self._clock.now_us

    def __call__(self) -> int:
        self._odd = not self._odd
        return self._clock() + DAY_US * self._odd


def test_a_large_body_file_closes_its_segment(tmp_path, monkeypatch):
    monkeypatch.setattr(durable, "os", Disk())
    monkeypatch.setattr(batch, "MAX_RECORDS", 2)
    monkeypatch.setattr(bodies, "ROLL_BYTES", 250)
    house = House(tmp_path)
    one = house.emitter()
    for _ in range(8):
        one.call()
    house.collect()
    places = bodies.list_places(house.paths.bodies)
    listing = segments.list_segments(house.paths.segments)
    assert [place.first for place in places] == [one.first for one in listing]
    assert len(places) > 2
    sizes = [len(bodies.read_compressed(place) or b"") for place in places[:-1]]
    assert all(250 <= size < 500 for size in sizes)
    assert house.verify().verdict is Verdict.INTACT
    house.close()


def test_a_compressed_body_file_that_swells_is_refused_by_all(house):
    one = house.emitter()
    one.call()
    house.clock.now_us += DAY_US
    house.collect()
    (place, _) = bodies.list_places(house.paths.bodies)
    assert place.has_compressed
    swollen = (bomb(60 * MIB, 16_384), bodies.compress(bytes(bodies.MAX_BYTES + 1)))
    for data in (*swollen, struct.pack("<II", 0x184D2A50, 0) + swollen[0]):
        place.compressed.write_bytes(data)
        with at_most(140 * MIB):
            report = house.verify()
            with pytest.raises(FormatError):
                LogReader(house.paths.directory).body(0)
            with pytest.raises(TamperedError):
                house.collect()
        assert report.verdict is Verdict.TAMPERED
        assert any(one.file.endswith(place.compressed.name) for one in report.findings)


@pytest.mark.parametrize("said", ["", "../../../../etc/", "2026-11-2x", "2026-11-24"])
def test_a_leaf_names_no_file_but_a_day(said):
    day = bodies.day_of(said)
    place = bodies.Place(Path("/b"), day, 12)
    for path in (place.plain, place.compressed):
        assert bodies.is_body_name(path.name)
        assert path.parent == Path("/b")
