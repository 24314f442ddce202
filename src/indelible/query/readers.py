"""How the fields of a filter are read from a flat entry. Pure.

What a column of the query copy cannot hold is not seen here either: text with a NUL,
halves of surrogate pairs, numbers of more than 64 bits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from indelible.model.canonical import Json
from indelible.model.flat import Fields, text

Read: TypeAlias = Callable[[Fields], tuple[str | int | None, ...]]

_MAX = (1 << 63) - 1


def plain(value: str | None) -> str | None:
    """Return *value* where a column can hold it: without NUL and halves of surrogate pairs."""
    return None if value is None or "\0" in value or not is_utf8(value) else value


def is_utf8(value: str) -> bool:
    """Return whether *value* can be written in UTF-8: whether no surrogate is in it."""
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def whole(value: Json) -> int | None:
    """Return *value* where it is a whole number that a column can hold."""
    return value if type(value) is int and -_MAX <= value <= _MAX else None


def read_text(name: str) -> Read:
    """Return a reader of the text at *name*."""
    return lambda entry: (plain(text(entry, name)),)


def read_number(name: str) -> Read:
    """Return a reader of the whole number at *name*."""
    return lambda entry: (whole(entry.get(name)),)


def read_part(part: str, *names: str) -> Read:
    """Return a reader of texts in a member that is an object."""

    def read(entry: Fields) -> tuple[str | None, ...]:
        held = entry.get(part)
        return tuple(plain(text(held, name)) for name in names) if isinstance(held, dict) else ()

    return read


def read_kind(entry: Fields) -> tuple[str]:
    """Return what the entry is."""
    return (plain(text(entry, "kind")) or "unknown",)


def read_client(entry: Fields) -> tuple[str | None, ...]:
    """Return the name that the client declares."""
    held = entry.get("client")
    return (text(held, "name"),) if isinstance(held, dict) else ()


def read_request(entry: Fields) -> tuple[str | None]:
    """Return the correlation id; where that was erased, the call's own id."""
    found = plain(text(entry, "requestId"))
    return (plain(text(entry, "callId")) if found is None else found,)


def read_ids(entry: Fields) -> tuple[str | None, ...]:
    """Return every id of the entry."""
    return plain(text(entry, "callId")), *read_request(entry), _record_id(entry)


def _record_id(entry: Fields) -> str | None:
    """Return `recordId` where a row holds it: a writer and a number of at most 18 digits."""
    found = text(entry, "recordId") or ""
    writer, _, number = found.rpartition("/")
    is_number = number.isascii() and number.isdigit() and len(number) < 19
    canonical = is_number and str(int(number)) == number and plain(writer) is not None
    return f"{writer}/{number}" if canonical else None


def read_bytes(entry: Fields) -> tuple[int | None]:
    """Return the size of arguments and result, as far as known."""
    sizes = [whole(entry.get("argsBytes")), whole(entry.get("resultBytes"))]
    known = [size for size in sizes if size is not None]
    return (sum(known) if known else None,)


def read_redactions(entry: Fields) -> tuple[int]:
    """Return how many stretches were redacted."""
    notes = entry.get("redactions")
    return (len(notes) if isinstance(notes, list) else 0,)


def read_nothing(entry: Fields) -> tuple[()]:
    """Return no values: of a field that is not read in this way."""
    del entry
    return ()
