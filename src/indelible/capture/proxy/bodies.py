"""A JSON text that arrives in pieces: whole up to a bound, its outline beyond. Pure.

Also what a content coding hides, as far as the standard library undoes it: decoded
for the record alone, within the same bound.
"""

from __future__ import annotations

import json
import zlib

from indelible.capture.framing import MAX_LINE_BYTES
from indelible.capture.outline import Outline
from indelible.capture.wire import Outlined, Reading, read_text

MAX_WHOLE_BYTES = MAX_LINE_BYTES
"""A longer text is known by its outline only."""

_WINDOW = {"gzip": 31, "x-gzip": 31, "deflate": 15}


class Body:
    """What has come of one JSON text."""

    __slots__ = ("_parts", "outline", "size")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.size = 0
        self.outline: Outline | None = None
        """Of a text that is too long to be held; None as long as it is not."""

    def feed(self, data: bytes) -> None:
        """Take more of it."""
        self.size += len(data)
        if self.outline is not None:
            self.outline.feed(data)
            return
        self._parts.append(data)
        if self.size > MAX_WHOLE_BYTES:
            self.outline = Outline()
            for part in self._parts:
                self.outline.feed(part)
            self._parts.clear()

    def readings(self) -> list[Reading]:
        """Return what it says, as leniently as the most lenient peer would read it."""
        if self.outline is not None:
            return [Outlined(self.outline, self.size)]
        return read_text(in_utf8(b"".join(self._parts)))


def in_utf8(text: bytes) -> bytes:
    """Return JSON text in UTF-8: Python's own reader takes UTF-16 and UTF-32 as well."""
    if b"\0" not in text[:4] and text[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        return text
    return text.decode(json.detect_encoding(text), "replace").encode("utf-8", "replace")


class Unreadable(Exception):  # noqa: N818 — no fault: the bytes pass, the record says so
    """A content coding that cannot be undone, or not within the bound."""


class Decoder:
    """Undoes a content coding, piece by piece.

    Args:
        coding: As `Content-Encoding` names it; several are undone from the last on.

    Raises:
        Unreadable: If the standard library knows it not.
    """

    def __init__(self, coding: str) -> None:
        names = [name for part in coding.split(",") if (name := part.strip().lower())]
        self._names = [name for name in reversed(names) if name != "identity"]
        if any(name not in _WINDOW for name in self._names):
            raise Unreadable(coding)
        self._inflaters = [zlib.decompressobj(_WINDOW[name]) for name in self._names]
        self._has_begun = False

    def feed(self, data: bytes) -> bytes:
        """Return what *data* adds.

        Raises:
            Unreadable: If it is damaged, or would become too large.
        """
        for at, inflater in enumerate(self._inflaters):
            try:
                data = self._inflated(at, inflater, data)
            except zlib.error as error:
                raise Unreadable(str(error)) from error
        self._has_begun = True
        return data

    def _inflated(self, at: int, inflater: zlib._Decompress, data: bytes) -> bytes:
        try:
            found = inflater.decompress(data, MAX_WHOLE_BYTES)
        except zlib.error:
            if self._has_begun or self._names[at] != "deflate":
                raise
            # Some call raw DEFLATE by that name.
            inflater = self._inflaters[at] = zlib.decompressobj(-15)
            found = inflater.decompress(data, MAX_WHOLE_BYTES)
        if inflater.unconsumed_tail:
            raise Unreadable("it grows too large")
        return found
