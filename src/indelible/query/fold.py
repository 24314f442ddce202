"""Upper and lower case are the same in free text; here is what that means. Pure.

A character is folded to its lower case where that is a single character, and stands
for itself otherwise. Nothing is left to an engine's tables: a text becomes a regular
expression of the characters that fold to its own, which any engine takes alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from indelible.query.values import escape

_CASED_END = 0x1_E944
"""No character from here on has another case (Adlam is the last script that has)."""


def folded(text: str) -> str:
    """Return *text* in lower case, character by character."""
    return text.lower() if text.isascii() else text.translate(_lower())


def folded_pattern(text: str) -> str:
    """Return a regular expression (RE2) that finds *text* whatever its case."""
    classes = _classes()
    return "".join(_one_of(classes.get(char, char)) for char in folded(text))


def _one_of(chars: str) -> str:
    escaped = "".join(map(escape, chars))
    return escaped if len(chars) == 1 else f"[{escaped}]"


@cache
def _lower() -> Mapping[int, str]:
    pairs = ((chr(code), chr(code).lower()) for code in range(_CASED_END))
    return {ord(char): lower for char, lower in pairs if len(lower) == 1 and lower != char}


@cache
def _classes() -> Mapping[str, str]:
    """Return, for each folded character that others fold to, all of them and itself."""
    found: dict[str, str] = {}
    for code, lower in _lower().items():
        found[lower] = found.get(lower, lower) + chr(code)
    return found
