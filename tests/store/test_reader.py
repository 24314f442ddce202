"""Reading a log beside its writer: leaves, bodies, proofs, spools."""

from __future__ import annotations

import json
import os
import struct

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from indelible import durable
from indelible.collect import batch
from indelible.errors import FormatError, StateError, UsageError
from indelible.seal import merkle
from indelible.seal.note import Checkpoint, split_text
from indelible.store import bodies, packed, segments
from indelible.store.reader import LogReader, snapshot
from tests.collect.emitters import Disk, House


@pytest.fixture
def house(tmp_path, monkeypatch):
    monkeypatch.setattr(durable, "os", Disk())
    monkeypatch.setattr(batch, "MAX_RECORDS", 7)
    made = House(tmp_path, roll_bytes=4000)
    one = made.emitter()
    for number in range(60):
        one.call()
        if number % 13 == 0:
            made.clock.now_us += 86_400_000_000
            made.collect()
    made.collect()
    yield made
    made.close()


def test_leaves_forwards_from_anywhere_and_backwards(house):
    log = LogReader(house.paths.directory)
    assert log.size == 120
    every = list(log.leaves())
    assert [index for index, _ in every] == list(range(120))
    for start in (0, 1, 59, 119, 120):
        assert list(log.leaves(start)) == every[start:]
    assert list(log.newest_first()) == every[::-1]
    assert [log.leaf(index) for index, _ in every] == [line for _, line in every]
    with pytest.raises(UsageError, match="no leaf"):
        log.leaf(120)
    assert any(one.has_compressed for one in segments.list_segments(house.paths.segments))


def test_whether_a_body_is_the_one_that_its_header_commits_to(house):
    (place, *_) = bodies.list_places(house.paths.bodies)
    assert (place.has_plain, place.path) == (False, place.compressed)
    lines = (bodies.read_compressed(place) or b"").splitlines(keepends=True)
    lines[0] = lines[0].replace(b"{", b'{"x":1,', 1)
    place.compressed.write_bytes(bodies.compress(b"".join(lines)))
    log = LogReader(house.paths.directory)
    assert log.body_matches(0) is False
    assert log.body_matches(1) is True
    assert log.body_matches(0, log.leaf(1)) is False
    assert log.body_matches(1, b"no leaf") is None
    place.compressed.unlink()
    log = LogReader(house.paths.directory)
    assert log.body_matches(0) is None


def test_bodies_in_any_order(house):
    log = LogReader(house.paths.directory)
    for order in (range(120), range(119, -1, -1), [5, 100, 6, 5, 4, 99, 0, 119]):
        for index in order:
            found = log.body(index)
            assert found is not None
            assert found[1].startswith(b"{")
            assert log.body(index, log.leaf(index)) == found
    (place, *_) = bodies.list_places(house.paths.bodies)
    place.path.unlink()
    log = LogReader(house.paths.directory)
    assert log.body(0) is None
    assert log.body(119) is not None


def test_proofs(house):
    log = LogReader(house.paths.directory)
    for index in (0, 1, 77, 119):
        proof = log.proof(index)
        checkpoint = Checkpoint.parse(split_text(proof.checkpoint))
        assert proof.size == checkpoint.size == 120
        assert proof.leaf_hash == merkle.leaf_hash(log.leaf(index))
        assert merkle.verify_inclusion(
            proof.leaf_hash, index, size=120, proof=proof.hashes, expected=checkpoint.root
        )
    for index in (-1, 120):
        with pytest.raises(UsageError, match="not under a checkpoint"):
            log.proof(index)
    house.emitter().call()
    house.collect()
    assert log.proof(3).size == 122
    assert log.size == 120
    house.paths.checkpoint.unlink()
    with pytest.raises(UsageError):
        LogReader(house.paths.directory).proof(0)


def test_a_torn_tail_is_not_seen(house):
    newest = segments.list_segments(house.paths.segments)[-1].plain
    data = newest.read_bytes()
    newest.write_bytes(data + data[: data.index(b"\n") + 1] + b'{"commit":{"from":1')
    log = LogReader(house.paths.directory)
    assert log.size == 120
    assert len(list(log.leaves())) == len(list(log.newest_first())) == 120


def test_a_log_that_is_not_there(tmp_path):
    log = LogReader(tmp_path / "none")
    assert log.size == 0
    assert list(log.leaves()) == list(log.newest_first()) == []


def test_a_segment_that_is_compressed_after_the_reader_opened(house):
    log = LogReader(house.paths.directory)
    last = segments.list_segments(house.paths.segments)[-1]
    last.compressed.write_bytes(segments.compress(last.plain.read_bytes()))
    last.plain.unlink()
    assert len(list(log.leaves())) == 120
    last.compressed.unlink()
    with pytest.raises(FormatError, match="gone"):
        list(log.leaves())


def test_a_snapshot_misses_nothing(house):
    live, dead = house.emitter(), house.emitter()
    live.call()
    dead.received()
    dead.end()
    log, views = snapshot(house.state, "default", os.geteuid())
    assert log.size == 120
    found = {view.writer: view for view in views}
    assert found[live.writer].live
    assert not found[dead.writer].live
    assert [len(found[one.writer].records) for one in (live, dead)] == [2, 1]
    assert found[live.writer].path == live.path
    with pytest.raises(StateError, match="no log"):
        snapshot(house.state, "other", os.geteuid())


@pytest.mark.parametrize(
    "data",
    [b"", b"\x28\xb5\x2f\xfd", b"no zstd", segments.compress(b"x") + b"more"],
)
def test_what_is_no_compressed_segment(data):
    with pytest.raises(FormatError):
        segments.decompress(data, "name")


def test_a_frame_that_swells_is_not_unpacked():
    swollen = segments.compress(bytes(segments.MAX_BYTES + 1))
    assert len(swollen) < 100_000
    with pytest.raises(FormatError, match="size"):
        segments.decompress(swollen, "name")


lines = st.binary(max_size=30).map(lambda data: data.replace(b"\n", b""))


@given(st.integers(0, 10**15), st.binary(min_size=16, max_size=16), lines)
def test_body_lines_read_as_they_were_written(index, salt, body):
    line = bodies.encode_line(index, salt, body)
    assert bodies.parse_line(line[:-1]) == bodies.BodyLine(index, salt, body)


@given(
    st.sets(st.integers(0, 500), max_size=40),
    st.integers(1, 6000),
    st.tuples(st.binary(max_size=50), st.booleans()),
    st.integers(0, 520),
)
def test_body_lines_are_found_by_bisection(tmp_path_factory, indexes, width, end, wanted):
    tail, is_packed = end
    place = bodies.Place(tmp_path_factory.mktemp("bodies"), "2026-01-01", 0)
    made = [bodies.encode_line(index, bytes(16), b"x" * width) for index in sorted(indexes)]
    data = b"".join(made) + tail.replace(b"1", b"x")
    if is_packed:
        place.compressed.write_bytes(bodies.compress(data))
    else:
        place.plain.write_bytes(data)
    opened = bodies.BodyFile(place, bodies.Unpacked())
    found = opened.find(wanted)
    assert (found is not None) == (wanted in indexes)
    below = sum(
        len(line) for line, index in zip(made, sorted(indexes), strict=True) if index < wanted
    )
    assert opened.seek(wanted) == below
    every = list(opened.lines())
    assert list(opened.last_lines()) == every[::-1]


def test_a_body_file_that_is_a_link_is_refused(tmp_path):
    (tmp_path / "real").write_bytes(b"")
    place = bodies.Place(tmp_path, "2026-01-01", 7)
    for path in (place.plain, place.compressed):
        path.symlink_to(tmp_path / "real")
        with pytest.raises(FormatError):
            bodies.BodyFile(place, bodies.Unpacked())
        path.unlink()


def test_a_body_file_that_is_compressed_while_it_is_read(house):
    log = LogReader(house.paths.directory)
    place = bodies.list_places(house.paths.bodies)[-1]
    data = place.plain.read_bytes()
    opened = bodies.BodyFile(place, bodies.Unpacked())
    lines = opened.lines()
    first = next(lines)
    index = int(data[: data.index(b" ")])
    assert log.body(index) is not None
    place.compressed.write_bytes(bodies.compress(data))
    place.plain.unlink()
    assert b"".join(line + b"\n" for _, line, _ in [first, *lines]) == data
    assert opened.find(index) is not None
    assert log.body(119) is not None


def test_of_compressed_body_files_two_are_held(house, monkeypatch):
    places = [one for one in bodies.list_places(house.paths.bodies) if one.has_compressed]
    assert len(places) > 3
    read: list[int] = []
    real = bodies.read_compressed
    monkeypatch.setattr(
        bodies, "read_compressed", lambda place: read.append(places.index(place)) or real(place)
    )
    unpacked = bodies.Unpacked()
    for at in (0, 1, 0, 1, 2, 1, 0):
        assert unpacked.lines(places[at]) == real(places[at])
    assert read == [0, 1, 2, 0]


@given(
    st.lists(
        st.one_of(
            st.builds(
                bodies.encode_line,
                st.integers(0, 99),
                st.binary(min_size=16, max_size=16),
                st.binary(max_size=9),
            ),
            st.sampled_from([b"\n", b"7  gap\n", b"7 " + b"a" * 32 + b" x\n", b"7 " + b"a" * 32]),
            st.sampled_from(
                [
                    b'{"bodyHash":"',
                    b"a" * 64,
                    b'"',
                    b'{"bodyHash":"' + b"f" * 64 + b'"',
                    b'{"bodyHash":""}',
                    b"b" * 64 + b"\n",
                    b"\xff",
                ]
            ),
            st.binary(max_size=20),
        ),
        max_size=12,
    ).map(b"".join),
    st.sampled_from([packed.LEAVES, packed.BODIES]),
    st.integers(1, 60),
)
def test_any_bytes_are_unpacked_as_they_were_packed(data, gaps, stretch):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packed, "_STRETCH_BYTES", stretch)
        assert packed.unpack(packed.pack(data, gaps), gaps, "x") == data


def test_salts_and_hashes_are_kept_as_bytes_before_lines_that_any_tool_can_read(house):
    log = LogReader(house.paths.directory)
    for directory, gaps in (
        (house.paths.segments, packed.LEAVES),
        (house.paths.bodies, packed.BODIES),
    ):
        path = min(directory.glob("*.zst"))
        data = path.read_bytes()
        magic, length = struct.unpack_from("<II", data)
        lines = zstandard.ZstdDecompressor().decompress(data[8 + length :]).splitlines()
        if gaps is packed.BODIES:
            assert [line.split(b" ")[:2] for line in lines] == [
                [b"%d" % n, b""] for n in range(len(lines))
            ]
            digits = [body[0] for n in range(len(lines)) if (body := log.body(n))]
        else:
            leaves = [json.loads(line)["header"] for line in lines if b'"header"' in line]
            assert {leaf["bodyHash"] for leaf in leaves} == {""}
            digits = [
                bytes.fromhex(json.loads(log.leaf(n))["header"]["bodyHash"])
                for n in range(len(leaves))
            ]
        assert (magic, data[8 : 8 + length]) == (0x184D2A50, b"".join(digits))


def test_digits_that_do_not_fill_the_gaps_are_refused():
    data = b"".join(bodies.encode_line(n, bytes([n] * 16), b"{}") for n in range(3))
    whole = bodies.compress(data)
    frame = whole[8 + 48 :]
    for count in (0, 1, 15, 16, 32, 47, 49, 64, 1 << 20, (1 << 32) - 1):
        head = struct.pack("<II", 0x184D2A50, count) + bytes(min(count, 1 << 20))
        with pytest.raises(FormatError):
            bodies.decompress(head + frame, "x")
    for cut in range(len(whole)):
        with pytest.raises(FormatError):
            bodies.decompress(whole[:cut], "x")
    assert bodies.decompress(frame, "x") == b"0  {}\n1  {}\n2  {}\n"
