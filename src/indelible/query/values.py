"""What stands after a field's colon: a pattern, a comparison, a range. Pure.

A pattern is text with ``*`` for any run of characters and ``?`` for any one. It is
matched in time linear in the value, whatever the pattern: the stretches between its
stars are of fixed length, so each is looked for once, from the left.
"""

from __future__ import annotations

import decimal
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from indelible.query.times import Moment


class Wild(Enum):
    """Stands for characters that may be anything."""

    MANY = "*"
    ONE = "?"


_WILDS = {Wild.MANY: ".*", Wild.ONE: "."}
Part: TypeAlias = str | Wild
Stretch: TypeAlias = tuple[Part, ...]
"""What stands between two stars: text, and places for one character each."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A value with wildcards. Make it with `pattern`, which gives each its one form."""

    parts: tuple[Part, ...] = ()

    @property
    def literal(self) -> str | None:
        """The text that this matches and nothing else; None where it has wildcards."""
        if not self.parts:
            return ""
        first = self.parts[0]
        return first if len(self.parts) == 1 and isinstance(first, str) else None

    @property
    def is_anything(self) -> bool:
        """Whether it is a star alone: whatever is there."""
        return self.parts == (Wild.MANY,)

    @property
    def stretches(self) -> tuple[Stretch, ...]:
        """The parts between the stars, in order; one more of them than there are stars."""
        found: list[list[Part]] = [[]]
        for part in self.parts:
            if part is Wild.MANY:
                found.append([])
            else:
                found[-1].append(part)
        return tuple(map(tuple, found))

    @property
    def regexp(self) -> str:
        """The same as a regular expression (RE2), for the whole of a text."""
        found = (
            "".join(map(escape, part)) if isinstance(part, str) else _WILDS[part]
            for part in self.parts
        )
        return f"(?s){''.join(found)}"

    def matches(self, value: str) -> bool:
        """Whether *value* is the parts in order, with anything where the wildcards are."""
        if self.literal is not None:
            return value == self.literal
        first, *rest = self.stretches
        if not _fits(first, value, 0):
            return False
        at = _width(first)
        if not rest:
            return at == len(value)
        *middle, last = rest
        end = len(value) - _width(last)
        for stretch in middle:
            found = _find(stretch, value, at, end)
            if found < 0:
                return False
            at = found + _width(stretch)
        return at <= end and _fits(last, value, end)


@dataclass(frozen=True, slots=True)
class Compare:
    """A bound that a number or a time is held against."""

    sign: str
    """One of ``=`` ``>`` ``>=`` ``<`` ``<=``."""
    bound: decimal.Decimal | Moment


@dataclass(frozen=True, slots=True)
class Range:
    """From one number or time to another, both included; None is an open end."""

    low: decimal.Decimal | Moment | None
    high: decimal.Decimal | Moment | None


Value: TypeAlias = Pattern | Compare | Range


def pattern(*parts: Part) -> Pattern:
    """Return the pattern of these parts: neighbouring texts as one, no star beside a star."""
    found: list[Part] = []
    for part in parts:
        last = found[-1] if found else None
        if isinstance(part, str) and isinstance(last, str):
            found[-1] = last + part
        elif part and not (part is Wild.MANY and last is Wild.MANY):
            found.append(part)
    return Pattern(tuple(found))


_NUMBER = re.compile(r"(-?[0-9]{1,25}(?:\.[0-9]{1,10})?)([A-Za-z]*)")
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,4})?")
_MAX_TEXT = 400
_MAX_EXPONENT = 999
_LARGEST = 10**25
_DECIMALS = 10
_BEYOND = 1 << 100
"""Larger than any whole number that is compared, and one that DuckDB can take."""
_PRECISION = 80
"""Digits that are enough for every product of a number and a unit."""

DURATIONS: Mapping[str, int | str] = {
    "us": "0.001",
    "ms": 1,
    "s": 1_000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
}
"""Units of a duration, in milliseconds."""
SIZES: Mapping[str, int | str] = {
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
    "TiB": 1 << 40,
}
"""Units of a size, in bytes; upper and lower case are the same."""


def parse_number(text: str, units: Mapping[str, int | str]) -> decimal.Decimal | None:
    """Return the number that *text* is, in the base unit, or None if it is none of ours."""
    found = _NUMBER.fullmatch(text)
    if found is None:
        return None
    unit = found[2].lower()
    factor = next((units[name] for name in units if name.lower() == unit), None) if unit else 1
    if factor is None:
        return None
    with decimal.localcontext() as context:
        context.prec = _PRECISION
        number = decimal.Decimal(found[1]) * decimal.Decimal(factor)
        fits = abs(number) < _LARGEST and number == round(number, _DECIMALS)
    return number if fits else None


def format_number(number: decimal.Decimal, units: Mapping[str, int | str]) -> str:
    """Return *number* with the largest unit that leaves it whole; `parse_number` undoes it."""
    with decimal.localcontext() as context:
        context.prec = _PRECISION
        sizes = [(decimal.Decimal(size), name) for name, size in units.items()]
        whole = [(size, name) for size, name in sizes if number and number % size == 0]
        if not whole:
            return format(round(number, _DECIMALS).normalize(), "f")
        size, name = max(whole)
        return f"{format(number // size, 'f')}{name}"


def parse_json_number(text: str) -> decimal.Decimal | None:
    """Return the number that *text* is as JSON writes numbers, or None."""
    if len(text) > _MAX_TEXT or not _JSON_NUMBER.fullmatch(text):
        return None
    number = decimal.Decimal(text)
    return number if abs(number.adjusted()) <= _MAX_EXPONENT else None


def holds(sign: str, value: decimal.Decimal | float, bound: decimal.Decimal | float) -> bool:
    """Whether *value* stands to *bound* as *sign* says."""
    if sign == "=":
        return value == bound
    if sign == ">":
        return value > bound
    if sign == ">=":
        return value >= bound
    return value < bound if sign == "<" else value <= bound


def whole_bound(sign: str, bound: decimal.Decimal) -> int | None:
    """Return what a whole number stands to as it stands to *bound*; None if it never does."""
    down, up = math.floor(bound), math.ceil(bound)
    if sign == "=" and down != up:
        return None
    return min(max(up if sign in (">=", "<") else down, -_BEYOND), _BEYOND)


def escape(char: str) -> str:
    """Return a regular expression (RE2) for one character."""
    if char.isalnum() or ord(char) > 0x7F:
        return char
    return f"\\x{{{ord(char):x}}}"


def signs(value: Compare | Range) -> list[tuple[str, decimal.Decimal | Moment]]:
    """Return the comparisons that must all hold."""
    if isinstance(value, Compare):
        return [(value.sign, value.bound)]
    ends = ((">=", value.low), ("<=", value.high))
    return [(sign, bound) for sign, bound in ends if bound is not None]


def _width(stretch: Stretch) -> int:
    return sum(len(part) if isinstance(part, str) else 1 for part in stretch)


def _fits(stretch: Stretch, value: str, at: int) -> bool:
    """Whether *stretch* stands at *at* of *value*."""
    if at < 0 or at + _width(stretch) > len(value):
        return False
    for part in stretch:
        if isinstance(part, str) and not value.startswith(part, at):
            return False
        at += len(part) if isinstance(part, str) else 1
    return True


def _find(stretch: Stretch, value: str, start: int, end: int) -> int:
    """Return where *stretch* stands first between *start* and *end*, or -1.

    The longest of its texts is looked for, and the rest held against what is around.
    """
    texts = [part for part in stretch if isinstance(part, str)]
    if not texts:
        return start if start + len(stretch) <= end else -1
    anchor = max(texts, key=len)
    before = _width(stretch[: stretch.index(anchor)])
    at = start
    while (found := value.find(anchor, at + before, end)) >= 0:
        at = found - before
        if at + _width(stretch) > end:
            return -1
        if _fits(stretch, value, at):
            return at
        at += 1
    return -1
