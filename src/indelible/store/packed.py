"""Lines that nobody adds to any more: compressed, with their random digits kept apart.

The only user of zstandard. Half of what a record takes, compressed, is a hash and a salt:
written as hex they compress to more than their own bytes, and spoil the rest. So they are
taken out of the lines and stand before the frame as they are; every zstd tool passes them
over and shows the lines with gaps. Format: docs/reference/format.md section 4.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

import zstandard

from indelible.errors import FormatError

MAX_BYTES = 64 << 20
"""Of the lines of a file; no file we write comes near this, and more is not read."""

_LEVEL = 12
"""Measured over calls as in `bench/generator.py`: level 6 leaves 9 bytes a call more, 15
takes 31 µs a call longer for 2 less."""
_PIECE_BYTES = 1 << 10
"""Of a compressed file; a block of four bytes may stand for 128 KiB."""
_STRETCH_BYTES = 1 << 20
"""Of lines taken apart at a time: a hostile file has millions."""
_SKIPPABLE = struct.Struct("<II")
_MAGIC = 0x184D2A50


class Gaps(NamedTuple):
    """Where in lines the digits are that are kept apart.

    Neither pattern goes over the end of a line; a line is looked at with the LF before it.
    """

    full: re.Pattern[bytes]
    """What stands before the digits, and the digits: two groups."""
    gap: re.Pattern[bytes]
    """The same place without the digits: one group, what stands before it."""
    width: int
    """Bytes that the digits stand for."""


LEAVES = Gaps(
    re.compile(rb'("bodyHash":")([0-9a-f]{64})(?=")'), re.compile(rb'("bodyHash":")(?=")'), 32
)
BODIES = Gaps(re.compile(rb"(\n[0-9]+ )([0-9a-f]{32})(?= )"), re.compile(rb"(\n[0-9]+ )(?= )"), 16)


def pack(data: bytes, gaps: Gaps) -> bytes:
    """Return lines as one zstd frame with a checksum (RFC 8878), and their digits before it."""
    compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
    apart, lines = [], []
    for stretch in _stretches(data):
        pieces = gaps.full.split(stretch)
        apart.append(bytes.fromhex(b"".join(pieces[2::3]).decode()))
        count = len(pieces) // 3
        del pieces[2::3]
        lines.append(b"".join(pieces))
        if len(gaps.gap.split(lines[-1])) // 2 != count:
            # Somebody wrote a line with such a gap: nobody could tell it from ours.
            return compressor.compress(data)
        lines[-1] = lines[-1][1:]
    digits = b"".join(apart)
    head = _SKIPPABLE.pack(_MAGIC, len(digits)) + digits if digits else b""
    return head + compressor.compress(b"".join(lines))


def unpack(data: bytes, gaps: Gaps, name: str) -> bytes:
    """Return the lines in a file that `pack` made, `MAX_BYTES` of them at most.

    Args:
        name: What to call the file in an error.

    Raises:
        FormatError: If *data* is anything else.
    """
    if len(data) < _SKIPPABLE.size or _SKIPPABLE.unpack_from(data)[0] != _MAGIC:
        return _frame(data, MAX_BYTES, name)
    end = _SKIPPABLE.size + _SKIPPABLE.unpack_from(data)[1]
    digits = data[_SKIPPABLE.size : end].hex().encode()
    text = _frame(data[end:], MAX_BYTES - len(digits), name)
    if len(data) < end or len(digits) % (2 * gaps.width):
        raise FormatError(f"damaged before its zstd frame: {name!r}")
    return _fill(text, digits, gaps, name)


def _fill(text: bytes, digits: bytes, gaps: Gaps, name: str) -> bytes:
    """Put the digits back into their gaps; there must be one for each."""
    width, at = 2 * gaps.width, 0
    out: list[bytes] = []
    for stretch in _stretches(text):
        pieces = gaps.gap.split(stretch)
        end = at + len(pieces) // 2 * width
        if end > len(digits):
            break
        whole = [b""] * (len(pieces) // 2 * 3 + 1)
        whole[0::3] = pieces[0::2]
        whole[1::3] = pieces[1::2]
        whole[2::3] = [digits[one : one + width] for one in range(at, end, width)]
        out.append(b"".join(whole)[1:])
        at = end
    lines = b"".join(out)
    if at != len(digits) or len(lines) != len(text) + len(digits):
        raise FormatError(f"not as many digits as gaps for them: {name!r}")
    return lines


def _stretches(data: bytes) -> Iterator[bytes]:
    """Yield *data* in stretches that each end with a line, and begin with an LF of ours."""
    at = 0
    while at < len(data):
        end = data.find(b"\n", at + _STRETCH_BYTES) + 1 or len(data)
        yield b"\n" + data[at:end]
        at = end


def _frame(data: bytes, limit: int, name: str) -> bytes:
    """Return what the one zstd frame in *data* holds, of at most *limit* bytes."""
    plain: list[bytes] = []
    length = at = 0
    try:
        size = zstandard.get_frame_parameters(data).content_size
        if size > limit:
            raise FormatError(f"no zstd frame of a size that we write: {name!r}")
        reader = zstandard.ZstdDecompressor(max_window_size=MAX_BYTES).decompressobj()
        # In pieces: a frame may hold thousands of times what it declares.
        while at < len(data) and length <= size and not reader.eof:
            plain.append(reader.decompress(data[at : at + _PIECE_BYTES]))
            at += _PIECE_BYTES
            length += len(plain[-1])
    except zstandard.ZstdError as exc:
        raise FormatError(f"damaged zstd frame: {name!r}") from exc
    if not reader.eof or reader.unused_data or at < len(data) or length != size:
        raise FormatError(f"damaged zstd frame: {name!r}")
    return b"".join(plain)
