"""Pages over millions of rows: where one ends, and how the next one is found. Pure.

A page goes on after a key, not after a number of rows: what comes in meanwhile moves
nothing. Order: `time`, then writer and number, then retention class.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

from indelible.errors import UsageError
from indelible.model.canonical import encode
from indelible.model.flat import Fields

_MAX_TEXT = 4096
_MAX_US = 1 << 62
"""More microseconds than there are in a timestamp of DuckDB."""


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """The place of one entry in the order of all."""

    time_us: int
    writer: str
    seq: int
    name: str
    """The retention class."""

    def __str__(self) -> str:
        content = encode([self.time_us, self.writer, self.seq, self.name])
        return base64.urlsafe_b64encode(content).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Return the cursor that `str` wrote.

        Raises:
            UsageError: If *text* is none.
        """
        try:
            content = json.loads(base64.b64decode(_padded(text), altchars=b"-_", validate=True))
            time_us, writer, seq, name = content
        except (ValueError, TypeError, RecursionError) as error:
            raise _no_cursor(text) from error
        numbers = type(time_us) is int and type(seq) is int
        texts = isinstance(writer, str) and isinstance(name, str)
        if not (numbers and texts) or abs(time_us) > _MAX_US or abs(seq) > _MAX_US:
            raise _no_cursor(text)
        cursor = cls(time_us, writer, seq, name)
        try:
            same = str(cursor) == text
        except UnicodeEncodeError:
            same = False
        if not same:
            raise _no_cursor(text)
        return cursor


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries, and where to go on."""

    entries: list[Fields]
    next: Cursor | None
    """For the entries after these; None if these are the last."""


@dataclass(frozen=True, slots=True)
class Group:
    """Calls that agree in some fields."""

    values: tuple[str | None, ...]
    """Of the fields that were asked for, in that order."""
    calls: int
    errors: int
    last: str
    """When the latest of them was, RFC 3339 in UTC."""


@dataclass(frozen=True, slots=True)
class Table:
    """The answer to a question in SQL."""

    columns: list[str]
    rows: list[tuple[object, ...]]
    truncated: bool
    """Whether there were more rows than were asked for."""


def _padded(text: str) -> bytes:
    if len(text) > _MAX_TEXT:
        raise ValueError("too long")
    return text.encode("ascii") + b"=" * (-len(text) % 4)


def _no_cursor(text: str) -> UsageError:
    shown = text if len(text) < 50 else f"{text[:40]}…"
    return UsageError(
        f"not a place to go on from: {shown!r}",
        hint="Give what the page before named as its next one, unchanged.",
    )
