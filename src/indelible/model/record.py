"""What is kept: a header that becomes the Merkle leaf, and a body that can be erased.

Only the redactor makes a record of traffic. A control record is built from
enums and numbers alone (`control`). Format: docs/reference/format.md section 2.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from indelible.model.canonical import Json, encode, format_time
from indelible.model.digest import sha256_hex

VERSION = 1
MAX_HEADER_BYTES = 4096
SALT_BYTES = 16


class ControlKind(Enum):
    """Kinds of records that are made by Indelible itself, not by traffic."""

    RECOVERED = "recovered"
    GAP = "gap"
    CONFLICT = "conflict"


class Reason(Enum):
    """Why a control record was written (format.md section 8)."""

    TORN_SEGMENT = "torn-segment"
    TORN_BODIES = "torn-bodies"
    TORN_SPOOL = "torn-spool"
    DAMAGED_SPOOL = "damaged-spool"
    WRITE_FAILED = "write-failed"
    MISSING_SEQ = "missing-seq"
    DIFFERENT_HASH = "different-hash"


class Stamp(NamedTuple):
    """What a record gets from its writer, not from what was seen."""

    writer: str
    seq: int
    salt: bytes


class Record(NamedTuple):
    """One kept record: redacted, immutable, as the exact bytes that are hashed."""

    header: bytes
    salt: bytes
    body: bytes


def seal_body(header: dict[str, Json], body: dict[str, Json], stamp: Stamp) -> Record:
    """Return the record of *header* and *body* under *stamp*.

    Fills in ``v``, ``writer``, ``seq`` and ``bodyHash``.
    """
    body_bytes = encode(body)
    header["v"] = VERSION
    header["writer"] = stamp.writer
    header["seq"] = stamp.seq
    header["bodyHash"] = body_hash(stamp.salt, body_bytes)
    return Record(encode(header), stamp.salt, body_bytes)


def body_hash(salt: bytes, body: bytes) -> str:
    """Return SHA-256(salt ‖ body) in hex: the header's commitment to its body."""
    return sha256_hex(salt + body)


def control(
    kind: ControlKind, reason: Reason, stamp: Stamp, *, at_us: int, **fields: int | str
) -> Record:
    """Return a control record: enums, numbers, hashes and generated ids only.

    Args:
        at_us: Microseconds since 1970.

        fields: Further header keys of format.md section 8.
    """
    header: dict[str, Json] = {
        "kind": kind.value,
        "reason": reason.value,
        "timestamp": format_time(at_us),
        **fields,
    }
    return seal_body(header, {}, stamp)
