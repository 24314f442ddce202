"""Canonical JSON (RFC 8785 without number formatting), times and ids as text."""

from __future__ import annotations

import datetime
import json
from typing import TypeAlias, Union

Json: TypeAlias = Union[None, bool, int, float, str, list["Json"], dict[str, "Json"]]

_ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
)
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def encode(value: Json) -> bytes:
    """Return *value* as canonical JSON.

    Byte for byte what RFC 8785 asks for, as long as numbers are integers below
    2^53 and keys are ASCII (headers are). Bodies may hold fractions from the
    wire: still valid JSON, in Python's shortest form.

    Raises:
        ValueError: On NaN or an infinity.

        UnicodeEncodeError: On a lone surrogate.
    """
    return _ENCODER.encode(value).encode("utf-8")


def format_time(at_us: int) -> str:
    """Return microseconds since 1970 as RFC 3339 UTC, ``2026-11-24T04:13:07.000001Z``."""
    return (_EPOCH + datetime.timedelta(microseconds=at_us)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: str) -> int:
    """Return microseconds since 1970 of an RFC 3339 time with ``Z`` or an offset.

    Raises:
        ValueError: If *text* is not such a time.
    """
    moment = datetime.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"time without a zone: {text!r}")
    return (moment - _EPOCH) // datetime.timedelta(microseconds=1)


def uuid7(at_us: int, random: bytes) -> str:
    """Return a UUIDv7 (RFC 9562 section 5.7) from a time and ten random bytes."""
    value = (at_us // 1000 & (1 << 48) - 1) << 80 | int.from_bytes(random[:10], "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def uuid7_time(text: str) -> int:
    """Return the microseconds since 1970 that a UUIDv7 was made at (millisecond steps).

    Raises:
        ValueError: If *text* is not a UUIDv7 in lower-case canonical form.
    """
    if not is_uuid7(text):
        raise ValueError(f"not a UUIDv7: {text!r}")
    return int(text[:8] + text[9:13], 16) * 1000


_HEX = frozenset("0123456789abcdef")


def is_uuid7(text: str) -> bool:
    """Return whether *text* is a UUIDv7 in lower-case canonical form."""
    return (
        len(text) == 36
        and text[8] == text[13] == text[18] == text[23] == "-"
        and text[14] == "7"
        and text[19] in "89ab"
        and _HEX.issuperset(text.replace("-", ""))
        and text.count("-") == 4
    )
