"""Conditions on members of JSON columns, as SQL: the same as `members`. Pure.

A path without stars is a JSON pointer. At a star the elements and members become a
list, and the condition must hold for one of it. `TRY` makes null of what DuckDB cannot
read as JSON.
"""

from __future__ import annotations

import decimal
from dataclasses import dataclass

from indelible.query.members import MAX_EXACT, MIN_EXACT, Path
from indelible.query.values import Pattern, Value, Wild, parse_json_number, signs, whole_bound

_ITEM = "x"
"""What a value is called inside of a list."""


def member(column: str, path: Path, wanted: Value, parameters: list[object]) -> str:
    """Return the condition that a value at *path* of *column* is what is wanted.

    Args:
        parameters: The values for the ``?`` of the condition are added here, in order.
    """
    first, *rest = _pointers(path)
    if not rest:
        return _Place(column, first, parameters).meets(wanted)
    values = _below(column, first, parameters)
    for pointer in rest[:-1]:
        values = (
            f"flatten(list_transform({values}, lambda {_ITEM}: "
            f"{_below(_ITEM, pointer, parameters)}))"
        )
    condition = _Place(_ITEM, rest[-1], parameters).meets(wanted)
    return f"TRY(len(list_filter({values}, lambda {_ITEM}: {condition})) > 0)"


def _pointers(path: Path) -> list[str]:
    """Return the JSON pointers (RFC 6901) between the stars of *path*."""
    found = [""]
    for step in path:
        if isinstance(step, Wild):
            found.append("")
        else:
            found[-1] += "/" + step.replace("~", "~0").replace("/", "~1")
    return found


def _below(source: str, pointer: str, parameters: list[object]) -> str:
    """Return the list of all elements, or all members, of what is at *pointer*."""
    parts = []
    for star in ("$[*]", "$.*"):
        held = source
        if pointer:
            parameters.append(pointer)
            held = f"json_extract({source}, ?)"
        parts.append(f"json_extract({held}, '{star}')")
    return f"list_concat({', '.join(parts)})"


@dataclass(slots=True)
class _Place:
    """A value at a pointer; each use of it adds the pointer to the parameters."""

    source: str
    pointer: str
    parameters: list[object]

    def text(self) -> str:
        return self._call("json_extract_string")

    def type(self) -> str:
        return self._call("json_type")

    def add(self, value: object) -> str:
        self.parameters.append(value)
        return "?"

    def _call(self, function: str) -> str:
        call = f"{function}({self.source}, {self.add(self.pointer)})"
        return call if self.source == _ITEM else f"TRY({call})"

    def meets(self, wanted: Value) -> str:
        if not isinstance(wanted, Pattern):
            bounds = signs(wanted)
            parts = [self.number(sign, b) for sign, b in bounds if isinstance(b, decimal.Decimal)]
            return f"({' AND '.join(parts)})"
        if wanted.is_anything:
            return f"{self.type()} IS NOT NULL"
        literal = wanted.literal
        if literal is None:
            return (
                f"(regexp_full_match({self.text()}, {self.add(wanted.regexp)})"
                f" AND {self.type()} = 'VARCHAR')"
            )
        parts = [self.equal(literal, "VARCHAR")]
        if literal in ("true", "false"):
            parts.append(self.equal(literal, "BOOLEAN"))
        elif literal == "null":
            parts.append(f"{self.type()} = 'NULL'")
        elif (number := parse_json_number(literal)) is not None:
            parts.append(self.number("=", number))
        return f"({' OR '.join(parts)})"

    def equal(self, literal: str, kind: str) -> str:
        # The type second: it is read again only where the text fits.
        return f"({self.text()} = {self.add(literal)} AND {self.type()} = '{kind}')"

    def number(self, sign: str, bound: decimal.Decimal) -> str:
        """Whole numbers of 64 bits are compared exactly, others as doubles."""
        double = (
            f"TRY_CAST({self.text()} AS DOUBLE) {sign} {self.add(float(bound))}"
            f" AND {self.type()} = 'DOUBLE'"
        )
        near = whole_bound(sign, bound)
        if near is None or (sign == "=" and not MIN_EXACT <= near <= MAX_EXACT):
            return f"({double})"
        whole = (
            f"TRY_CAST({self.text()} AS HUGEINT) {sign} {self.add(near)}"
            f" AND {self.type()} IN ('BIGINT', 'UBIGINT')"
        )
        return f"({double} OR {whole})"
