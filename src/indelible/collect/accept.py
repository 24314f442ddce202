"""Whether a record out of a spool may enter the log. Takes any bytes, raises nothing."""

from __future__ import annotations

import json
from typing import NoReturn

from indelible.model.canonical import Json, encode
from indelible.model.record import Record, body_hash
from indelible.seal.journal import is_seq

MAX_DEPTH = 4
"""Of a header, itself counted; ours have two."""


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"not JSON: {constant}")


_DECODER = json.JSONDecoder(parse_constant=_refuse)


def accept(record: Record, writer: str) -> dict[str, Json] | None:
    """Return the header of a record that is what format.md section 2 asks for, else None.

    Unknown kinds, keys and versions are accepted; what must hold is what the log
    stands on: one line of canonical JSON, the writer whose file it is in, a number,
    and the body that the header commits to.
    """
    if b"\n" in record.header or b"\n" in record.body:
        return None
    header, body = _parse(record.header), _parse(record.body)
    if header is None or body is None:
        return None
    if header.get("writer") != writer or not is_seq(header.get("seq")):
        return None
    if type(header.get("v")) is not int or not isinstance(header.get("kind"), str):
        return None
    if header.get("bodyHash") != body_hash(record.salt, record.body):
        return None
    if not _is_shallow(header, MAX_DEPTH):
        return None
    return header if _is_canonical(header, record.header) else None


def _is_shallow(value: Json, depth: int) -> bool:
    """Return whether objects and lists in *value* are nested at most *depth* deep."""
    if not isinstance(value, dict | list):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return depth > 0 and all(_is_shallow(one, depth - 1) for one in inner)


def _parse(data: bytes) -> dict[str, Json] | None:
    if not (data.startswith(b"{") and data.endswith(b"}")):
        return None
    try:
        text = data.decode("utf-8")
        found, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and end == len(text) else None


def _is_canonical(header: dict[str, Json], stored: bytes) -> bool:
    try:
        return encode(header) == stored
    except (ValueError, RecursionError):
        return False
