"""A filter: conditions on flat entries, joined by and, or and not. Pure.

`parse` makes one of text, `format_filter` makes text of one, and ``compile_filter`` an
expression of SQL that selects the same entries. A condition on something that an entry
does not have is false, and its negation therefore true.
"""

from __future__ import annotations

import decimal
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from indelible.model.canonical import Json, encode_text
from indelible.model.flat import Fields
from indelible.query.fields import (
    FIELDS,
    ROOTS,
    UNITS,
    Kind,
)
from indelible.query.flags import FLAGS, SKEWED
from indelible.query.fold import folded
from indelible.query.members import Path, meets, reach
from indelible.query.readers import is_utf8
from indelible.query.times import Ago, Moment, entry_time, format_moment, stretch
from indelible.query.values import (
    Compare,
    Part,
    Pattern,
    Value,
    Wild,
    format_number,
    holds,
    signs,
)

SPECIAL = frozenset('",*?\\()')
"""What means something else than itself wherever it stands unquoted in a value."""
WORDS = ("AND", "OR", "NOT")
_NEGATIONS = ("-", "!")
_SEARCHED = ("tool", "target", "error")
_SEARCHED_JSON = ("args", "result")


@dataclass(frozen=True, slots=True)
class Term:
    """One condition: the field, or the member of it at *path*, has one of the values."""

    field: str
    values: tuple[Value, ...]
    path: Path = ()

    def matches(self, entry: Fields, now_us: int, at_us: int | None = None) -> bool:
        """Whether the condition holds; arguments as for `Filter.matches`."""
        field = FIELDS[self.field]
        if self.path or field.kind is Kind.JSON:
            root = entry.get(ROOTS[self.field][0])
            found = [] if root is None or not _is_readable(root) else reach(root, self.path)
            return any(meets(wanted, value) for wanted in self.values for value in found)
        if field.kind is Kind.FLAG:
            return any(self._is(name, entry, at_us) for name in self.words())
        if field.kind is Kind.TIME:
            at = entry_time(entry) if at_us is None else at_us
            return at is not None and any(low <= at <= high for low, high in self.intervals(now_us))
        values = [value for value in field.read(entry) if value is not None]
        return any(_meets_plain(wanted, value) for wanted in self.values for value in values)

    def words(self) -> list[str]:
        """Return the values that are plain words."""
        found = [value.literal for value in self.values if isinstance(value, Pattern)]
        return [word for word in found if word is not None]

    def intervals(self, now_us: int) -> list[tuple[float, float]]:
        """Return the stretches of time that the values mean, in µs, both ends included."""
        return [interval(self.field, value, now_us) for value in self.values]

    def _is(self, name: str, entry: Fields, at_us: int | None) -> bool:
        if self.field == "is" and name == SKEWED:
            said = entry_time(entry)
            return at_us is not None and said is not None and said != at_us
        return FLAGS[self.field][name].holds(entry)


@dataclass(frozen=True, slots=True)
class Free:
    """Text that stands anywhere in what was asked or answered, whatever its case."""

    text: str

    def matches(self, entry: Fields, now_us: int, at_us: int | None = None) -> bool:
        """Whether the text is found; arguments as for `Filter.matches`."""
        del now_us, at_us
        wanted = folded(self.text)
        for name in _SEARCHED:
            for value in FIELDS[name].read(entry):
                if isinstance(value, str) and wanted in folded(value):
                    return True
        escaped = folded(escaped_text(self.text))
        held = (entry.get(name) for name in _SEARCHED_JSON)
        return any(value is not None and escaped in folded(_json_text(value)) for value in held)


@dataclass(frozen=True, slots=True)
class Not:
    """Holds where its part does not."""

    part: Node

    def matches(self, entry: Fields, now_us: int, at_us: int | None = None) -> bool:
        """Whether the part does not hold; arguments as for `Filter.matches`."""
        return not self.part.matches(entry, now_us, at_us)


@dataclass(frozen=True, slots=True)
class And:
    """Holds where all parts do; without any, everywhere. Make it with `all_of`."""

    parts: tuple[Node, ...] = ()

    def matches(self, entry: Fields, now_us: int, at_us: int | None = None) -> bool:
        """Whether all parts hold; arguments as for `Filter.matches`."""
        return all(part.matches(entry, now_us, at_us) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Or:
    """Holds where one of its parts does. Make it with `any_of`."""

    parts: tuple[Node, ...]

    def matches(self, entry: Fields, now_us: int, at_us: int | None = None) -> bool:
        """Whether a part holds; arguments as for `Filter.matches`."""
        return any(part.matches(entry, now_us, at_us) for part in self.parts)


Node: TypeAlias = Term | Free | Not | And | Or


@dataclass(frozen=True, slots=True)
class Filter:
    """What is wanted; without any condition, everything."""

    root: Node = And()

    @property
    def is_empty(self) -> bool:
        """Whether everything is wanted."""
        return self.root == And()

    @property
    def terms(self) -> tuple[Node, ...]:
        """The conditions that must all hold."""
        return self.root.parts if isinstance(self.root, And) else (self.root,)

    @property
    def fields(self) -> frozenset[str]:
        """The canonical names of all fields that are asked for."""
        return frozenset(node.field for node in _nodes(self.root) if isinstance(node, Term))

    def matches(self, entry: Fields, now_us: int, at_us: int | None = None) -> bool:
        """Whether a flat entry is wanted.

        Args:
            now_us: What relative times count from, in microseconds since 1970.

            at_us: The entry's time: the earlier of its `timestamp` and of when it came
                in, as the query copy has it; None where only the `timestamp` is known.
        """
        return self.root.matches(entry, now_us, at_us)


def all_of(parts: Iterable[Node]) -> Node:
    """Return the one form of all these together."""
    flat = [inner for part in parts for inner in (part.parts if isinstance(part, And) else [part])]
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def any_of(parts: Iterable[Node]) -> Node:
    """Return the one form of any of these; there must be one at least."""
    flat = [inner for part in parts for inner in (part.parts if isinstance(part, Or) else [part])]
    return flat[0] if len(flat) == 1 else Or(tuple(flat))


def both(first: Filter, second: Filter) -> Filter:
    """Return the filter of what both want."""
    return Filter(all_of((first.root, second.root)))


def explain_terms(wanted: Filter) -> list[tuple[str, Filter, Filter]]:
    """Return each condition as text, alone, and the filter that is left without it."""
    terms = wanted.terms
    inside = And if len(terms) > 1 else None
    return [
        (
            _format(term, inside=inside),
            Filter(term),
            Filter(all_of((*terms[:n], *terms[n + 1 :]))),
        )
        for n, term in enumerate(terms)
    ]


def interval(field: str, value: Value, now_us: int) -> tuple[float, float]:
    """Return the times that *value* of a field of times means, in µs, both ends included."""
    low, high = float("-inf"), float("inf")
    if isinstance(value, Pattern):
        return low, high
    for sign, bound in signs(value):
        if isinstance(bound, decimal.Decimal):
            continue
        meant = {"since": ">=", "until": "<="}.get(field, sign)
        first, last = stretch(bound, now_us)
        if meant == "=" and isinstance(bound, Ago):
            meant = ">="  # so long ago: since then
        if meant in (">", ">=", "="):
            low = max(low, last + 1 if meant == ">" else first)
        if meant in ("<", "<=", "="):
            high = min(high, first - 1 if meant == "<" else last)
    return low, high


def escaped_text(text: str) -> str:
    """Return *text* as it stands inside of a JSON string."""
    return encode_text(text)[1:-1]


def format_filter(wanted: Filter) -> str:
    """Return *wanted* as text, in its one canonical form."""
    return _format(wanted.root, inside=None)


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    inner = [node.part] if isinstance(node, Not) else getattr(node, "parts", ())
    for part in inner:
        yield from _nodes(part)


def _meets_plain(wanted: Value, value: str | int) -> bool:
    if isinstance(wanted, Pattern):
        return wanted.is_anything or (isinstance(value, str) and wanted.matches(value))
    if isinstance(value, str):
        return False
    number = decimal.Decimal(value)
    return all(
        isinstance(bound, decimal.Decimal) and holds(sign, number, bound)
        for sign, bound in signs(wanted)
    )


def _json_text(value: Json) -> str:
    """Return *value* as the query copy holds it."""
    found = encode_text(value)
    return found if is_utf8(found) else json.dumps(value, separators=(",", ":"))


def _is_readable(value: Json) -> bool:
    """Whether DuckDB can read *value*: a half of a surrogate pair makes it unreadable."""
    if isinstance(value, int | float):
        return True
    return is_utf8(encode_text(value))


def _format(node: Node, *, inside: Callable[..., Node] | None) -> str:
    """Return *node* as text; in parentheses where it would not hold together *inside*."""
    if isinstance(node, Term):
        return _format_term(node)
    if isinstance(node, Free):
        return _format_free(node.text)
    if isinstance(node, Not):
        negated = f"-{_format(node.part, inside=Not)}"
        return f"({negated})" if inside is Not else negated
    joined = (" OR " if isinstance(node, Or) else " ").join(
        _format(part, inside=type(node)) for part in node.parts
    )
    loose = inside is None or (inside is Or and isinstance(node, And))
    return joined if loose else f"({joined})"


def _format_term(term: Term) -> str:
    name = ".".join((term.field, *map(_format_step, term.path)))
    kind = Kind.JSON if term.path else FIELDS[term.field].kind
    return f"{name}:{','.join(_format_value(value, kind) for value in term.values)}"


def _format_step(step: str | Wild) -> str:
    if isinstance(step, Wild):
        return step.value
    return step if step and not _needs_quotes(step, ".:") else quoted(step)


def _format_value(value: Value, kind: Kind) -> str:
    if isinstance(value, Pattern):
        return "".join(map(_format_part, value.parts)) or '""'
    if isinstance(value, Compare):
        sign = "" if value.sign == "=" else value.sign
        return f"{sign}{_format_bound(value.bound, kind)}"
    low, high = ("" if end is None else _format_bound(end, kind) for end in (value.low, value.high))
    return f"{low}..{high}"


def _format_bound(bound: decimal.Decimal | Moment, kind: Kind) -> str:
    if not isinstance(bound, decimal.Decimal):
        return format_moment(bound)
    return format_number(bound, UNITS[kind]) if kind in UNITS else str(bound)


def _format_part(part: Part) -> str:
    """Return a part of a pattern as text, in quotes where it would mean something else."""
    if isinstance(part, Wild):
        return part.value
    odd = part[0] in "<>" or ".." in part
    return quoted(part) if odd or _needs_quotes(part, "") else part


def _format_free(text: str) -> str:
    odd = text in WORDS or text.startswith(_NEGATIONS)
    return quoted(text) if odd or _needs_quotes(text, ":") else text


def _needs_quotes(text: str, more: str) -> bool:
    return any(char in SPECIAL or char in more or char.isspace() for char in text)


def quoted(text: str) -> str:
    """Return *text* in quotes, where every character stands for itself."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
