"""Members of arguments and results: a path reaches values, and a value of a filter meets them.

Pure. Everything here is defined so that DuckDB's JSON functions give the same
(`compile_members`): whole numbers of 64 bits are compared exactly, any other number
as a double.
"""

from __future__ import annotations

import decimal
from typing import TypeAlias

from indelible.model.canonical import Json
from indelible.query.values import (
    Pattern,
    Value,
    Wild,
    holds,
    parse_json_number,
    signs,
)

Path: TypeAlias = tuple[str | Wild, ...]
"""Names of members and numbers of elements; a star is any of them, one level down."""

MIN_EXACT = -(1 << 63)
MAX_EXACT = (1 << 64) - 1
_MAX_INDEX_DIGITS = 9


def reach(root: Json, path: Path) -> list[Json]:
    """Return all values that *path* leads to."""
    found = [root]
    for step in path:
        found = [inner for value in found for inner in _step(value, step)]
    return found


def _step(value: Json, step: str | Wild) -> list[Json]:
    if isinstance(value, dict):
        if isinstance(step, Wild):
            return list(value.values())
        return [value[step]] if step in value else []
    if not isinstance(value, list):
        return []
    if isinstance(step, Wild):
        return value
    return [value[int(step)]] if _is_index(step) and int(step) < len(value) else []


def _is_index(step: str) -> bool:
    digits = step.isascii() and step.isdigit() and len(step) <= _MAX_INDEX_DIGITS
    return digits and (step == "0" or step[0] != "0")


def meets(wanted: Value, value: Json) -> bool:
    """Whether a JSON *value* is what is wanted."""
    if not isinstance(wanted, Pattern):
        return _compares(wanted, value)
    if wanted.is_anything:
        return True
    if isinstance(value, str):
        return wanted.matches(value)
    literal = wanted.literal
    if literal is None or isinstance(value, dict | list):
        return False
    if value is None:
        return literal == "null"
    if isinstance(value, bool):
        return literal == str(value).lower()
    number = parse_json_number(literal)
    return number is not None and _stands("=", value, number)


def _compares(wanted: Value, value: Json) -> bool:
    if isinstance(wanted, Pattern) or isinstance(value, bool):
        return False
    if not isinstance(value, int | float):
        return False
    return all(
        isinstance(bound, decimal.Decimal) and _stands(sign, value, bound)
        for sign, bound in signs(wanted)
    )


def _stands(sign: str, value: float, bound: decimal.Decimal) -> bool:
    if isinstance(value, int) and MIN_EXACT <= value <= MAX_EXACT:
        return holds(sign, decimal.Decimal(value), bound)
    return holds(sign, _double(value), float(bound))


def _double(value: float) -> float:
    """Return *value* as the nearest double, beyond the largest an infinity."""
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
