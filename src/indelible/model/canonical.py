"""Canonical JSON (RFC 8785 without number formatting), times and ids as text."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TypeAlias, Union

Json: TypeAlias = Union[bool, int, float, str, list["Json"], dict[str, "Json"], None]  # noqa: UP007 — refers to itself

_ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
)
_ESCAPE = json.encoder.encode_basestring


def _encoder() -> Callable[[Json, int], Iterable[str]]:
    """Return what `JSONEncoder.encode` makes anew with each call, made once."""
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return lambda value, _: _ENCODER.iterencode(value)
    # In the order of its parameters: markers, default, escape, indent, separators,
    # sort keys, skip keys, allow NaN.
    sort, skip, allow_nan = True, False, False
    made: Callable[[Json, int], Iterable[str]] = make(
        None, _ENCODER.default, _ESCAPE, None, ":", ",", sort, skip, allow_nan
    )
    return made


_ENCODE = _encoder()
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def encode(value: Json) -> bytes:
    """Return *value* as canonical JSON.

    Byte for byte what RFC 8785 asks for, as long as numbers are integers below
    2^53 and keys are ASCII (headers are). Bodies may hold fractions from the
    wire: still valid JSON, in Python's shortest form.

    Raises:
        ValueError: On NaN or an infinity.

        UnicodeEncodeError: On a lone surrogate.
    """
    return encode_text(value).encode("utf-8")


def encode_text(value: Json) -> str:
    """Return *value* as the text of canonical JSON (see `encode`)."""
    if type(value) is str:
        return _ESCAPE(value)
    if type(value) is int:
        return str(value)
    return "".join(_ENCODE(value, 0))


def format_time(at_us: int) -> str:
    """Return microseconds since 1970 as RFC 3339 UTC, ``2026-11-24T04:13:07.000001Z``."""
    second, us = divmod(at_us, 1_000_000)
    return f"{_second_text(second)}.{us:06d}Z"


@lru_cache(maxsize=16)
def _second_text(second: int) -> str:
    return (_EPOCH + datetime.timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S")


def parse_time(text: str) -> int:
    """Return microseconds since 1970 of an RFC 3339 time with ``Z`` or an offset.

    Raises:
        ValueError: If *text* is not such a time.
    """
    moment = datetime.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"time without a zone: {text!r}")
    return (moment - _EPOCH) // datetime.timedelta(microseconds=1)


UUID7_RANDOM_BYTES = 10
"""How many random bytes `uuid7` takes; the version and the variant overwrite six bits."""


_UUID7 = 7 << 76 | 2 << 62
"""Version and variant, in their places."""

_UUID7_RANDOM = ~(15 << 76 | 3 << 62)


def uuid7(at_us: int, random: bytes) -> str:
    """Return a UUIDv7 (RFC 9562 section 5.7) from a time and random bytes."""
    number = at_us // 1000 << 80 | int.from_bytes(random[:10], "big") & _UUID7_RANDOM | _UUID7
    text = f"{number:032x}"[-32:]
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
