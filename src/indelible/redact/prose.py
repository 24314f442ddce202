"""Plain prose: text in which no rule can match, told by its letters alone.

Most arguments are a short sentence or two. In a server all caches are cold and
the gate's tables cost 17 µs there; one look at the letters costs half of that.

Law: what is prose here comes out of the careful walk as it is (tested against it).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from indelible.redact import keys

_LONGEST = 500
_MAX_MEMBERS = 16
_MAX_NUMBER = 10**11
# Short words of letters, one after another: too short for a token or base64; no digit, quote,
# operator, dash, dot inside or capital inside.
_WORDS = re.compile(r"(?:[A-Za-z](?:[a-z]{0,14}+|[A-Z]{0,14}+)[,;.!?]?+(?:[ \n]|\Z))*+")


def is_prose(text: str) -> bool:
    """Return whether *text* is so short and plain that no detector can find anything in it."""
    return (
        len(text) <= _LONGEST
        and _WORDS.fullmatch(text) is not None
        # An authorization scheme and a `.netrc` may be followed by letters alone.
        and not ("asic" in text or "earer" in text or "achine" in text)
        and not ("ASIC" in text or "EARER" in text or "ACHINE" in text)
    )


def is_plain_object(value: Mapping[Any, object]) -> bool:
    """Return whether *value* is flat, its names are plain and its texts are prose."""
    if len(value) > _MAX_MEMBERS:
        return False
    texts: list[str] = []
    for name, member in value.items():
        if type(name) is not str or len(name) > keys.MAX_KEY:
            return False
        known = keys.kind(name)
        if known is not _PLAIN and known is not _WEAK:
            return False
        kind = type(member)
        if kind is str:
            texts.append(member)  # type: ignore[arg-type]
        elif kind is int or kind is float:
            if not -_MAX_NUMBER < member < _MAX_NUMBER:  # type: ignore[operator]
                return False
        elif member is not None and kind is not bool:
            return False
    return not texts or is_prose("\n".join(texts))


_PLAIN = keys.Kind.PLAIN
_WEAK = keys.Kind.WEAK  # prose has no digits, and without them nothing looks drawn at random
