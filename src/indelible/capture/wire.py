"""Bytes of one line → JSON-RPC message, as leniently as the most lenient peer would read it.

Law: what some server may understand must not pass as noise. So invalid UTF-8 is
read with replacement (as Node does), a lone CR ends a line too (as Python's text
streams do), control characters may stand in strings, and what is too deep is
read in outline.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from indelible.capture.outline import Outline
from indelible.capture.protocol import LongNumber
from indelible.model.canonical import Json

MAX_DIGITS = 4_300
MAX_BATCH_LEVELS = 4
MAX_VALUES = 16
"""One after the other in what should be one."""

MAX_NOISE_BYTES = 2_048
"""Kept of what is no message."""

_CR = 0x0D
_BLANK = b" \t\r\n\xef\xbb\xbf"
_BRACKETS_AND_STRINGS = re.compile(r'"(?:[^"\\]++|\\.)*+"|[{}\[\]]', re.DOTALL)
_decode = json.JSONDecoder(strict=False).raw_decode


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
    if _CR not in text:
        return _read(text) if text else []
    readings = _read(text)
    # What stands between two CRs is a line of its own to some, a part of a line to others.
    pieces = [r for piece in text.split(b"\r") if piece.strip(_BLANK) for r in _read(piece)]
    if isinstance(readings[0], Noise):
        return pieces
    return [*readings, *filter(_asks, pieces)]


def read_text(data: bytes) -> list[Reading]:
    """Return what stands in *data*, of which no line ends a message: a body, an event's data.

    Some readers are content with the first of several values, so each is read.
    """
    text = data.strip(_BLANK)
    readings: list[Reading] = []
    while text and len(readings) < MAX_VALUES:
        found = _read(text)
        if not isinstance(found[0], Noise):
            return [*readings, *found]
        string = text.decode("utf-8", "replace")
        try:
            value, end = _decode(string)
        except (ValueError, RecursionError):
            break
        if not isinstance(value, (dict, list)):
            break
        size = len(string[:end].encode())
        readings.append(Message(value, size))
        text = string[end:].encode().strip(_BLANK)
    return [*readings, Noise(text)] if text else readings


def _asks(reading: Reading) -> bool:
    """Return whether a piece of a message may be a request to who ends lines at a CR."""
    if not isinstance(reading, Message):
        return isinstance(reading, Outlined)
    if isinstance(reading.value, dict):
        return any(key.casefold() == "method" for key in reading.value)
    return isinstance(reading.value, list) and any(
        isinstance(member, (dict, list)) for member in reading.value
    )


def _read(text: bytes, level: int = 0) -> list[Reading]:
    string = text.decode("utf-8", "replace")
    try:
        value, end = _decode(string)
    except json.JSONDecodeError:
        return [Noise(text)]
    except RecursionError:
        return _read_deep(text, string, level)
    except ValueError:  # a number of more digits than Python reads
        try:
            value, end = _decode_long(string)
        except json.JSONDecodeError:
            return [Noise(text)]
        except RecursionError:
            return _read_deep(text, string, level)
    if end != len(string) or not isinstance(value, (dict, list)):
        return [Noise(text)]
    return [Message(value, len(text))]


def _long(digits: str) -> int | str:
    if len(digits) <= MAX_DIGITS:
        return int(digits)
    return LongNumber(f"[a number of {len(digits.lstrip('-'))} digits]")


_decode_long = json.JSONDecoder(strict=False, parse_int=_long).raw_decode


def _read_deep(text: bytes, string: str, level: int) -> list[Reading]:
    """Read what is nested deeper than Python follows: each member of a batch by itself."""
    is_batch = string.startswith("[") and level < MAX_BATCH_LEVELS
    if is_batch and (members := _members(string)):
        return [r for member in members for r in _read(member.encode(), level + 1)]
    outline = Outline()
    outline.feed(text)
    return [Outlined(outline, len(text))]


def _members(string: str) -> list[str]:
    """Return the containers that a JSON array holds, in its order, as text."""
    members, depth, start = [], 0, 0
    for match in _BRACKETS_AND_STRINGS.finditer(string):
        if match[0] in "{[":
            depth += 1
            start = match.start() if depth == 2 else start  # 1 is the array
        elif match[0] in "}]":
            depth -= 1
            if depth == 1:
                members.append(string[start : match.end()])
    return members
