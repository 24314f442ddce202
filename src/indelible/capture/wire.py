"""Bytes of one line → JSON-RPC message, as leniently as the most lenient peer would read it.

Law: what some server may understand must not pass as noise. So invalid UTF-8 is
read with replacement (as Node does), a lone CR ends a line too (as Python's text
streams do), and what is too deep or has too long a number is read in outline.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from indelible.capture.outline import Outline
from indelible.model.canonical import Json

_BLANK = b" \t\r\n\xef\xbb\xbf"
_decode = json.JSONDecoder().raw_decode


class Message(NamedTuple):
    """A JSON-RPC message (or batch), and the bytes it took."""

    value: Json
    size: int


class Outlined(NamedTuple):
    """A message that could not be read whole."""

    outline: Outline
    size: int


class Noise(NamedTuple):
    """Bytes that are no JSON-RPC message."""

    data: bytes


Reading = Message | Outlined | Noise


def read_line(line: bytes) -> list[Reading]:
    """Return what stands on *line*; nothing for a blank one."""
    text = line.strip(_BLANK)
    if not text:
        return []
    reading = _read(text)
    if isinstance(reading, Message) or b"\r" not in text:
        return [reading]
    pieces = [_read(piece) for piece in text.split(b"\r") if piece.strip(_BLANK)]
    if isinstance(reading, Outlined):
        return [reading, *(piece for piece in pieces if isinstance(piece, Message))]
    return pieces


def _read(text: bytes) -> Reading:
    string = text.decode("utf-8", "replace")
    try:
        value, end = _decode(string)
    except json.JSONDecodeError:
        return Noise(text)
    except (ValueError, RecursionError):
        # Valid JSON that Python will not read: a number of over 4,300 digits, or
        # deeper nesting than the interpreter's limit.
        outline = Outline()
        outline.feed(text)
        return Outlined(outline, len(text))
    if end != len(string) or not isinstance(value, (dict, list)):
        return Noise(text)
    return Message(value, len(text))
