"""The frame codec, against its description in format.md and against hostile bytes."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indelible.errors import FormatError
from indelible.model import frame
from indelible.model.frame import (
    MAX_FALSE_STARTS,
    MAX_PAYLOAD_BYTES,
    Damage,
    Frames,
    decode_frames,
    encode_frame,
    parse_spool_name,
    spool_name,
)
from indelible.model.record import MAX_HEADER_BYTES, Record
from tests.model.events import WRITER

OBJECTS = st.binary(max_size=60).map(lambda data: b"{" + data + b"}")
RECORDS = st.builds(Record, OBJECTS, st.binary(min_size=16, max_size=16), OBJECTS)
BIG = Record(b"{" + b"h" * (MAX_HEADER_BYTES - 2) + b"}", bytes(16), b"{}")


def as_documented(record: Record) -> bytes:
    """Return the frame of *record*, written from format.md section 3 alone."""
    payload = struct.pack(">H", len(record.header)) + record.header + record.salt + record.body
    return b"IND1" + struct.pack(">II", len(payload), zlib.adler32(payload)) + payload


def assert_tiled(data: bytes, found: Frames) -> None:
    """Every byte of *data* is in a frame that was read or in damage that was told."""
    stretches = {damage.start: damage.end for damage in found.damage}
    records = iter(found.records)
    at = 0
    while at < len(data):
        if at in stretches:
            at = stretches.pop(at)
            continue
        written = as_documented(next(records))
        assert data[at : at + len(written)] == written
        at += len(written)
    assert not stretches
    assert next(records, None) is None


@pytest.mark.requirement("model.frame-round-trip")
@given(st.lists(RECORDS, max_size=8))
def test_what_is_written_is_read_again(records) -> None:
    data = b"".join(encode_frame(record) for record in records)
    assert data == b"".join(as_documented(record) for record in records)
    assert decode_frames(data) == Frames(records, [])


@pytest.mark.requirement("model.frame-round-trip")
@given(
    st.lists(
        RECORDS.map(encode_frame)
        | st.binary(max_size=40)
        | st.sampled_from([b"IND1", b"IND", b"I"])
    ).map(b"".join)
)
def test_any_bytes_are_read_and_no_byte_is_passed_over_in_silence(data) -> None:
    assert_tiled(data, decode_frames(data))


@given(st.lists(RECORDS, min_size=1, max_size=5), st.data())
def test_a_cut_anywhere_leaves_the_whole_frames_and_one_torn_end(records, data) -> None:
    frames = [encode_frame(record) for record in records]
    whole = b"".join(frames)
    cut = data.draw(st.integers(0, len(whole)))
    kept, at = 0, 0
    while kept < len(frames) and at + len(frames[kept]) <= cut:
        at += len(frames[kept])
        kept += 1
    torn = [Damage(at, cut, torn=True)] if cut > at else []
    assert decode_frames(whole[:cut]) == Frames(records[:kept], torn)


@given(st.lists(RECORDS, min_size=3, max_size=5), st.data())
def test_one_wrong_byte_costs_one_record_and_is_told(records, data) -> None:
    frames = [encode_frame(record) for record in records]
    which = data.draw(st.integers(0, len(frames) - 1))
    at = sum(map(len, frames[:which])) + data.draw(st.integers(0, len(frames[which]) - 1))
    damaged = bytearray(b"".join(frames))
    damaged[at] ^= data.draw(st.integers(1, 255))
    found = decode_frames(bytes(damaged))
    assert_tiled(bytes(damaged), found)
    assert records[:which] == found.records[:which]
    assert len(found.damage) >= 1
    if b"IND1" not in frames[which][1:]:
        assert found.records == records[:which] + records[which + 1 :]


@pytest.mark.requirement("model.frame-round-trip")
@pytest.mark.parametrize(
    "candidate",
    [
        b"IND1" + struct.pack(">II", MAX_PAYLOAD_BYTES, 0),
        b"IND1" + struct.pack(">II", 22, 0) + bytes(22),
        b"IND1" + struct.pack(">II", 0xFFFFFFFF, 0),
        b"IND1",
    ],
    ids=["longest length", "wrong checksum", "length beyond all bounds", "magic alone"],
)
def test_false_starts_cost_a_bounded_amount(candidate, monkeypatch) -> None:
    data = candidate * (3 * MAX_PAYLOAD_BYTES // len(candidate))
    summed: list[int] = []

    class Counting:
        @staticmethod
        def adler32(payload: bytes) -> int:
            summed.append(len(payload))
            return zlib.adler32(payload)

    monkeypatch.setattr(frame, "zlib", Counting)
    assert decode_frames(data) == Frames([], [Damage(0, len(data), torn=True)])
    assert len(summed) <= MAX_FALSE_STARTS + 1
    assert max(summed, default=0) <= MAX_PAYLOAD_BYTES


def test_a_frame_after_too_many_false_starts_counts_as_damage() -> None:
    good = encode_frame(Record(b"{}", bytes(16), b"{}"))
    enough = b"IND1" * MAX_FALSE_STARTS
    assert len(decode_frames(enough + good).records) == 1
    assert decode_frames(enough + b"IND1" * 2 + good).records == []


def test_the_largest_record_passes_and_a_larger_one_is_refused() -> None:
    room = MAX_PAYLOAD_BYTES - 2 - MAX_HEADER_BYTES - 16
    largest = Record(BIG.header, BIG.salt, b"b" * room)
    assert decode_frames(encode_frame(largest)).records == [largest]
    with pytest.raises(FormatError, match="record of"):
        encode_frame(Record(BIG.header, BIG.salt, b"b" * (room + 1)))
    with pytest.raises(FormatError, match="header of"):
        encode_frame(Record(BIG.header + b" ", BIG.salt, b"{}"))


@pytest.mark.parametrize(
    ("length", "payload"),
    [
        (40, struct.pack(">H", MAX_HEADER_BYTES + 1) + bytes(MAX_HEADER_BYTES + 60)),
        (40, struct.pack(">H", 60) + bytes(38)),
        (21, struct.pack(">H", 2) + bytes(19)),
    ],
    ids=["header longer than allowed", "header longer than payload", "no room for a body"],
)
def test_a_frame_whose_lengths_lie_is_damage(length, payload) -> None:
    data = b"IND1" + struct.pack(">II", len(payload), zlib.adler32(payload)) + payload
    assert decode_frames(data).records == []
    assert decode_frames(data).damage[0] == Damage(0, len(data), torn=True)


@given(st.integers(0, 999_999))
def test_a_spool_name_comes_back(part) -> None:
    assert parse_spool_name(spool_name(WRITER, part)) == (WRITER, part)


@pytest.mark.parametrize(
    "name",
    [
        f".{WRITER}.000000.tmp",
        f"{WRITER}.00000",
        f"{WRITER}.0000000",
        f"{WRITER}.000000\n",
        f"{WRITER.upper()}.000000",
        f"{WRITER}.٠٠٠٠٠٠",
        "../../etc/passwd",
        "019ab3c4-d5e6-4abc-8def-0123456789ab.000000",
        "",
    ],
)
def test_any_other_name_is_no_spool(name) -> None:
    assert parse_spool_name(name) is None
