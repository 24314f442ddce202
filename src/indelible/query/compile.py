"""A filter as an expression of SQL over the columns of the query copy. Pure.

Law: over rows of entries (`store.index.columns`) it selects exactly the entries that
the filter `matches`, given each row's `time`. What a user wrote is a parameter,
never a part of the text. Conditions on plain columns are of forms that DuckDB holds
against the statistics of row groups.
"""

from __future__ import annotations

import datetime
import decimal
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from indelible.query.compile_members import member
from indelible.query.fields import FIELDS, RECORD_ID, ROOTS, TARGET, Field, Kind
from indelible.query.filter import And, Filter, Free, Node, Not, Or, Term, escaped_text
from indelible.query.flags import FLAGS
from indelible.query.fold import folded, folded_pattern
from indelible.query.times import MAX_US, MIN_US
from indelible.query.values import Pattern, Value, Wild, signs, whole_bound

Bounds: TypeAlias = tuple[float, float]

_EPOCH = datetime.datetime(1970, 1, 1)  # noqa: DTZ001 — a TIMESTAMP has no zone; ours are UTC
_EVER: Bounds = (float("-inf"), float("inf"))
_SEARCHED = ("tool", "target", "error_type", "error")
_SEARCHED_JSON = ("args", "result")
"""A target that is an argument is found in the arguments."""


@dataclass(frozen=True, slots=True)
class Where:
    """An expression for WHERE, with ``?`` for each of its parameters in order."""

    sql: str
    parameters: list[object]
    from_us: int | None
    """No row that matches has a `time` before this; microseconds since 1970."""
    to_us: int | None
    """No row that matches has a `time` after this."""


def compile_filter(wanted: Filter, now_us: int) -> Where:
    """Return *wanted* as SQL over the columns of the query copy and a column ``log``.

    Args:
        now_us: What relative times count from, in microseconds since 1970.
    """
    compiler = _Compiler(now_us, [])
    sql = compiler.node(wanted.root)
    low, high = _bounds(wanted.root, now_us)
    return Where(
        sql,
        compiler.parameters,
        None if low == -math.inf else int(low) if low != math.inf else MAX_US + 1,
        None if high == math.inf else int(high) if high != -math.inf else MIN_US - 1,
    )


def _bounds(node: Node, now_us: int) -> Bounds:
    """Return between which times all lies that *node* can match."""
    if isinstance(node, And):
        each = [_bounds(part, now_us) for part in node.parts] or [_EVER]
        return max(low for low, _ in each), min(high for _, high in each)
    if isinstance(node, Or):
        return _around(_bounds(part, now_us) for part in node.parts)
    if isinstance(node, Term) and FIELDS[node.field].kind is Kind.TIME:
        return _around(node.intervals(now_us))
    return _EVER


def _around(each: Iterable[Bounds]) -> Bounds:
    """Return what holds all stretches that are not empty."""
    real = [(low, high) for low, high in each if low <= high]
    if not real:
        return math.inf, -math.inf
    return min(low for low, _ in real), max(high for _, high in real)


@dataclass(slots=True)
class _Compiler:
    now_us: int
    parameters: list[object]

    def node(self, node: Node) -> str:
        if isinstance(node, Term):
            return self.term(node)
        if isinstance(node, Free):
            return self.free(node.text)
        if isinstance(node, Not):
            # Null is not true: what an entry does not have is turned round as well.
            return f"({self.node(node.part)}) IS NOT TRUE"
        if not node.parts:
            return "TRUE"
        return _join(" AND " if isinstance(node, And) else " OR ", map(self.node, node.parts))

    def term(self, term: Term) -> str:
        field = FIELDS[term.field]
        if term.path or field.kind is Kind.JSON:
            column = ROOTS[term.field][1]
            return _any(member(column, term.path, one, self.parameters) for one in term.values)
        if field.kind is Kind.FLAG:
            return _any(FLAGS[term.field][word].sql for word in term.words())
        if field.kind is Kind.TIME:
            return _any(self.time(low, high) for low, high in term.intervals(self.now_us))
        if field.kind is Kind.TEXT:
            return _any(self.text(column, term.values) for column in field.columns)
        return _any(self.number(field, one) for one in term.values)

    def time(self, low: float, high: float) -> str:
        parts = []
        if low > high or low > MAX_US or high < MIN_US:
            return "FALSE"
        if low > -math.inf:
            parts.append(f"time >= {self.add(_moment(low))}")
        if high < math.inf:
            parts.append(f"time <= {self.add(_moment(high))}")
        return _join(" AND ", parts) if parts else "time IS NOT NULL"

    def text(self, column: str, values: tuple[Value, ...]) -> str:
        patterns = [one for one in values if isinstance(one, Pattern)]
        exact = [one.literal for one in patterns if one.literal is not None]
        parts = []
        if exact and column == RECORD_ID:
            parts += [self.record_id(one) for one in exact]
        elif exact and column == TARGET:
            parts += [self.target(one) for one in exact]
        elif exact:
            marks = ", ".join(map(self.add, exact))
            parts.append(f"{column} = {marks}" if len(exact) == 1 else f"{column} IN ({marks})")
        parts += [self.pattern(column, one) for one in patterns if one.literal is None]
        return _any(parts)

    def record_id(self, value: str) -> str:
        writer, slash, number = value.rpartition("/")
        is_number = number.isascii() and number.isdigit() and len(number) < 19
        if not slash or not is_number or str(int(number)) != number:
            return "FALSE"
        return f"(writer = {self.add(writer)} AND seq = {self.add(int(number))})"

    def target(self, value: str) -> str:
        """Return the condition that this is the target: arguments without it are not read."""
        own = f"target_from IS NULL AND target = {self.add(value)}"
        held = f"contains(args, {self.add(escaped_text(value))}) AND {TARGET} = {self.add(value)}"
        return f"(({own}) OR (target_from IS NOT NULL AND {held}))"

    def pattern(self, column: str, wanted: Pattern) -> str:
        if wanted.is_anything:
            return f"{column} IS NOT NULL"
        texts = [part for part in wanted.parts if isinstance(part, str)]
        shape = tuple(part if isinstance(part, Wild) else "" for part in wanted.parts)
        simple = {
            ("", Wild.MANY): "starts_with",
            (Wild.MANY, ""): "ends_with",
            (Wild.MANY, "", Wild.MANY): "contains",
        }.get(shape)
        if simple:
            return f"{simple}({column}, {self.add(texts[0])})"
        return f"regexp_full_match({column}, {self.add(wanted.regexp)})"

    def number(self, field: Field, wanted: Value) -> str:
        [column] = field.columns
        if isinstance(wanted, Pattern):
            return f"{column} IS NOT NULL"
        parts = []
        for sign, bound in signs(wanted):
            if isinstance(bound, decimal.Decimal):
                parts.append(self.compare(column, sign, bound))
        return _join(" AND ", parts)

    def compare(self, column: str, sign: str, bound: decimal.Decimal) -> str:
        near = whole_bound(sign, bound)
        return "FALSE" if near is None else f"{column} {sign} {self.add(near)}"

    def free(self, text: str) -> str:
        cased = folded(text) == text == text.upper()
        parts = []
        for columns, wanted in ((_SEARCHED, text), (_SEARCHED_JSON, escaped_text(text))):
            found = wanted if cased and wanted == text else folded_pattern(wanted)
            name = "contains" if cased and wanted == text else "regexp_matches"
            parts += [f"{name}({column}, {self.add(found)})" for column in columns]
        return _any(parts)

    def add(self, value: object) -> str:
        self.parameters.append(value)
        return "?"


def _any(parts: Iterable[str]) -> str:
    return _join(" OR ", parts)


def _join(word: str, parts: Iterable[str]) -> str:
    found = list(parts)
    return found[0] if len(found) == 1 else f"({word.join(found)})"


def _moment(at_us: float) -> datetime.datetime:
    return _EPOCH + datetime.timedelta(microseconds=int(min(max(at_us, MIN_US), MAX_US)))
