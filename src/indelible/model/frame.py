"""The frame codec: one record as bytes, for the spool and for the wire.

``magic "IND1" | u32 length | u32 Adler-32 | payload``, where the payload is
``u16 header length | header | 16-byte salt | body`` (format.md section 3).
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass, field

from indelible.errors import FormatError
from indelible.model.record import MAX_HEADER_BYTES, SALT_BYTES, Record

MAGIC = b"IND1"
MAX_PAYLOAD_BYTES = 1 << 20
MAX_FALSE_STARTS = 256
"""How many failed candidates one spool may cost us before its rest counts as damage."""

_SPOOL_NAME = re.compile(
    r"([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})\.([0-9]{6})"
)
_PREFIX = struct.Struct(">4sII")
_HEADER_LENGTH = struct.Struct(">H")
_MIN_PAYLOAD_BYTES = _HEADER_LENGTH.size + len(b"{}") + SALT_BYTES + len(b"{}")


def encode_frame(record: Record) -> bytes:
    """Return *record* as one frame.

    Raises:
        FormatError: If the record is larger than the format allows.
    """
    header, salt, body = record
    if len(header) > MAX_HEADER_BYTES:
        raise FormatError(f"header of {len(header)} bytes, more than {MAX_HEADER_BYTES}")
    payload = b"".join((_HEADER_LENGTH.pack(len(header)), header, salt, body))
    length = len(payload)
    if length > MAX_PAYLOAD_BYTES:
        raise FormatError(f"record of {length} bytes, more than {MAX_PAYLOAD_BYTES}")
    return _PREFIX.pack(MAGIC, length, zlib.adler32(payload)) + payload


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes of a spool that are not a frame."""

    start: int
    end: int
    torn: bool
    """Whether it is the last thing in the spool: what a kill or a power cut leaves."""


@dataclass(frozen=True, slots=True)
class Frames:
    """What a spool holds: records in order, and the stretches that are none."""

    records: list[Record] = field(default_factory=list)
    damage: list[Damage] = field(default_factory=list)


def decode_frames(data: bytes) -> Frames:
    """Return every whole frame of *data*, passing over damage to the next one.

    Takes any bytes and raises nothing: a spool is hostile input. Its cost is
    bounded: the search for the next frame looks only where the magic stands,
    and gives up after `MAX_FALSE_STARTS`.
    """
    found = Frames()
    at = 0
    bad_from = -1
    false_starts = 0
    while at < len(data) and false_starts <= MAX_FALSE_STARTS:
        record, end = _frame_at(data, at)
        if record is not None:
            if bad_from >= 0:
                found.damage.append(Damage(bad_from, at, torn=False))
                bad_from = -1
            found.records.append(record)
            at = end
            continue
        if bad_from < 0:
            bad_from = at
        false_starts += 1
        after = data.find(MAGIC, at + 1)
        at = after if after >= 0 else len(data)
    if bad_from >= 0:
        found.damage.append(Damage(bad_from, len(data), torn=True))
    return found


def _frame_at(data: bytes, at: int) -> tuple[Record | None, int]:
    """Return the record whose frame starts at *at*, and where the frame ends."""
    if at + _PREFIX.size > len(data):
        return None, at
    magic, length, checksum = _PREFIX.unpack_from(data, at)
    start = at + _PREFIX.size
    end = start + length
    if magic != MAGIC or not _MIN_PAYLOAD_BYTES <= length <= MAX_PAYLOAD_BYTES or end > len(data):
        return None, at
    payload = data[start:end]
    if zlib.adler32(payload) != checksum:
        return None, at
    (header_length,) = _HEADER_LENGTH.unpack_from(payload)
    body_at = _HEADER_LENGTH.size + header_length + SALT_BYTES
    if header_length > MAX_HEADER_BYTES or body_at > length:
        return None, at
    header = payload[_HEADER_LENGTH.size : _HEADER_LENGTH.size + header_length]
    return Record(header, payload[body_at - SALT_BYTES : body_at], payload[body_at:]), end


def spool_name(writer: str, part: int) -> str:
    """Return the file name of a writer's spool part."""
    return f"{writer}.{part:06d}"


def parse_spool_name(name: str) -> tuple[str, int] | None:
    """Return writer and part of a spool file's name, or None for any other name."""
    match = _SPOOL_NAME.fullmatch(name)
    return (match[1], int(match[2])) if match else None
