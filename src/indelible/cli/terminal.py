"""Text for people. Everything a record holds was chosen by a model or an attacker.

Law: no string of a record reaches a terminal but through `visible` (CWE-150).
JSON has escapes of its own for such characters, and stays exact.
"""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from collections.abc import Sequence
from typing import IO

from indelible.model.canonical import Json
from indelible.model.flat import Fields

_UNSEEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Controls, formats (bidi, zero width, tags), surrogates, unassigned, line separators."""
_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters and marks that draw nothing."""
_VARIATION_SELECTORS = ((0x180B, 0x180F), (0xFE00, 0xFE0F), (0xE0100, 0xE01EF))
_COLOURS = {"red": "31", "green": "32", "yellow": "33", "bold": "1"}


def visible(value: str) -> str:
    r"""Return *value* with all that is unseen or active as ``\x1b``, ``\u202e``, … instead."""
    if value.isascii() and value.isprintable():
        return value
    return "".join(_escape(char) if _is_unseen(char) else char for char in value)


def line(value: Json, *, width: int = 0) -> str:
    """Return any JSON value as one visible line, cut to *width* characters if that is not 0."""
    shown = visible(value if isinstance(value, str) else _compact(value))
    return shown if not width or len(shown) <= width else shown[: width - 1] + "…"


def _compact(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def json_text(value: Json | Sequence[Fields]) -> str:
    r"""Return *value* as JSON for programs: exact, what is unseen or active as ``\u202e``, …."""
    shown = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if shown.isascii() and shown.isprintable():
        return shown
    return "".join(_json_escape(char) if _is_unseen(char) else char for char in shown)


def _json_escape(char: str) -> str:
    return json.dumps(char)[1:-1] if not char.isascii() else f"\\u{ord(char):04x}"


def colour(value: str, name: str, stream: IO[str]) -> str:
    """Return *value* in a colour where *stream* is a terminal that wants it."""
    return f"\x1b[{_COLOURS[name]}m{value}\x1b[0m" if wants_colour(stream) else value


def colour_of(value: str, name: str) -> str:
    """Return *value* in a colour where stdout is a terminal that wants it."""
    return colour(value, name, sys.stdout)


def wants_colour(stream: IO[str]) -> bool:
    """Whether colours belong on *stream*: a terminal, and NO_COLOR is not set."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _is_unseen(char: str) -> bool:
    code = ord(char)
    return (
        unicodedata.category(char) in _UNSEEN_CATEGORIES
        or char in _UNSEEN
        or (char.isspace() and char != " ")
        or any(first <= code <= last for first, last in _VARIATION_SELECTORS)
    )


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
