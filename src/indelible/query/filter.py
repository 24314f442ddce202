"""The filter grammar: ``tool:delete_* -outcome:ok actor:ann,bob``. Pure: text in, a predicate out.

    filter := term*                      all must hold
    term   := ["-"] field ":" value      "-" turns it round
    value  := v ("," v)*                 one of them is enough
    v      := characters, "quoted ones", and * for any run of characters

In quotes every character stands for itself; a backslash takes the next one
literally. Law: ``parse(format_filter(f)) == f``.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

from indelible.errors import UsageError
from indelible.model.event import Effect, ErrorType, Outcome
from indelible.model.flat import CALL, Fields, text
from indelible.model.record import ControlKind

_OUTCOMES = tuple(sorted(outcome.value for outcome in Outcome))
_ERROR_TYPES = tuple(sorted(error_type.value for error_type in ErrorType))
_KINDS = (
    *(CALL, "server.start", "server.exit", "unparseable", "completed"),
    *(kind.value for kind in ControlKind),
)
"""Of an entry; ``completed`` is the end of a call whose start is nowhere."""
_KNOWN = {
    "kind": _KINDS,
    "effect": get_args(Effect),
    "errorType": _ERROR_TYPES,
    "outcome": _OUTCOMES,
}
"""Fields of few values: what is none of them is a slip, and would read as all clear."""
_UNFINISHED = "unfinished"
_SPECIAL = frozenset('",*\\')


@dataclass(frozen=True, slots=True)
class Pattern:
    """A value with wildcards: the literal pieces between its stars, in order."""

    pieces: tuple[str, ...]

    def matches(self, value: str) -> bool:
        """Whether *value* is the pieces in order, with anything where the stars are."""
        if len(self.pieces) == 1:
            return value == self.pieces[0]
        first, *middle, last = self.pieces
        if len(value) < len(first) + len(last) or not value.startswith(first):
            return False
        at, end = len(first), len(value) - len(last)
        for piece in middle:
            found = value.find(piece, at, end)
            if found < 0:
                return False
            at = found + len(piece)
        return value.endswith(last)


@dataclass(frozen=True, slots=True)
class Term:
    """One condition: the field has one of the values, or has none of them."""

    field: str
    values: tuple[Pattern, ...]
    negated: bool = False

    def matches(self, entry: Fields) -> bool:
        """Whether the condition holds for a flat entry."""
        found = [value for value in _FIELDS[self.field](entry) if value is not None]
        hit = any(pattern.matches(value) for pattern in self.values for value in found)
        return hit != self.negated


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions that must all hold; without any, everything matches."""

    terms: tuple[Term, ...] = ()

    def matches(self, entry: Fields) -> bool:
        """Whether all conditions hold for a flat entry."""
        return all(term.matches(entry) for term in self.terms)


def parse(source: str) -> Filter:
    """Return the filter that *source* says.

    Raises:
        UsageError: If it is not in the grammar, with a hint that says what is.
    """
    terms = []
    at = _skip_space(source, 0)
    while at < len(source):
        term, at = _term(source, at)
        terms.append(term)
        at = _skip_space(source, at)
    return Filter(tuple(terms))


def format_filter(wanted: Filter) -> str:
    """Return *wanted* as text, in its one canonical form."""
    return " ".join(_format_term(term) for term in wanted.terms)


def _term(source: str, start: int) -> tuple[Term, int]:
    """Return the term at *start* and where it ends."""
    negated = source[start] == "-"
    colon = source.find(":", start)
    end = next((i for i in range(start, len(source)) if source[i].isspace()), len(source))
    if colon < 0 or colon > end:
        word = source[start:end]
        raise UsageError(f"no field in {word!r}", hint=f"write field:value; fields: {_names()}")
    field = source[start + negated : colon]
    _check_field(field)
    values, at = _values(source, colon + 1)
    if not values:
        raise UsageError(f"no value after '{field}:'", hint=f'write {field}:VALUE, or {field}:""')
    term = Term(field, values, negated)
    _check_values(term)
    return term, at


def _values(source: str, start: int) -> tuple[tuple[Pattern, ...], int]:
    """Return the values at *start* and where they end; none when there is no value at all."""
    values: list[Pattern] = []
    pieces = [""]
    at = start
    while at < len(source) and not source[at].isspace():
        char = source[at]
        at += 1
        if char == '"':
            literal, at = _quoted(source, at)
            pieces[-1] += literal
        elif char == "*":
            pieces.append("")
        elif char == ",":
            values.append(Pattern(tuple(pieces)))
            pieces = [""]
        elif char == "\\" and at < len(source):
            pieces[-1] += source[at]
            at += 1
        else:
            pieces[-1] += char
    return ((*values, Pattern(tuple(pieces))) if at > start else ()), at


def _quoted(source: str, start: int) -> tuple[str, int]:
    """Return the text up to the closing quote, and where that ends."""
    literal = ""
    at = start
    while at < len(source):
        char = source[at]
        at += 1
        if char == '"':
            return literal, at
        if char == "\\" and at < len(source):
            char = source[at]
            at += 1
        literal += char
    raise UsageError(
        f"quote not closed in {source[start - 1 :]!r}", hint='close it, or write \\" for a quote'
    )


def _check_field(field: str) -> None:
    """Raise unless *field* is one we know, with the nearest one as a hint."""
    if field in _FIELDS:
        return
    near = difflib.get_close_matches(field, _FIELDS, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise UsageError(f"unknown field {field!r}", hint=f"{hint}fields: {_names()}")


def _check_values(term: Term) -> None:
    """Raise where a field has few possible values and this is none of them."""
    exact = [pattern.pieces[0] for pattern in term.values if len(pattern.pieces) == 1]
    if term.field == "is":
        wrong = [v for v in exact if v != _UNFINISHED] or len(exact) < len(term.values)
        if wrong:
            raise UsageError("unknown value for 'is:'", hint="the only one is is:unfinished")
    if term.field in _KNOWN:
        for value in exact:
            _check_known(term.field, value)


def _check_known(field: str, value: str) -> None:
    """Raise unless *value* is one that *field* can have; say what was meant if that is clear."""
    known = _KNOWN[field]
    if value in known:
        return
    hint = f"{field}s: {', '.join(known)}"
    other = next((name for name, values in _KNOWN.items() if value in values), None)
    near = difflib.get_close_matches(value, known, n=1)
    if field == "outcome" and value == _UNFINISHED:
        hint = f"write is:{_UNFINISHED}; {hint}"
    elif field == "kind" and value == "received":
        hint = f"calls are kind:{CALL}; {hint}"
    elif other is not None:
        article = "a" if other == "kind" else "an"
        hint = f"it is {article} {other}: write {other}:{value}; {hint}"
    elif near:
        hint = f"did you mean {near[0]!r}? {hint}"
    raise UsageError(f"unknown {field} {value!r}", hint=hint)


def _format_term(term: Term) -> str:
    """Return one term as text."""
    values = ",".join(_format_pattern(pattern) for pattern in term.values)
    return f"{'-' if term.negated else ''}{term.field}:{values}"


def _format_pattern(pattern: Pattern) -> str:
    """Return one value as text, quoted only where it must be."""
    if pattern.pieces == ("",):
        return '""'
    return "*".join(_format_piece(piece) for piece in pattern.pieces)


def _format_piece(piece: str) -> str:
    """Return literal text, in quotes where a character would mean something else."""
    if not any(char in _SPECIAL or char.isspace() for char in piece):
        return piece
    return '"' + piece.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _skip_space(source: str, at: int) -> int:
    """Return the first place at or after *at* that is not white space."""
    while at < len(source) and source[at].isspace():
        at += 1
    return at


def _names() -> str:
    return ", ".join(_FIELDS)


def _actor(entry: Fields) -> list[str | None]:
    actor = entry.get("actor")
    return [text(actor, "id"), text(actor, "name")] if isinstance(actor, dict) else []


def _state(entry: Fields) -> list[str | None]:
    """Unfinished: the call has no outcome yet, or its process died first."""
    open_call = "callId" in entry and entry.get("outcome") in (None, Outcome.UNKNOWN.value)
    return [_UNFINISHED if open_call else None]


def _field(name: str) -> Callable[[Fields], list[str | None]]:
    """Return a reader of one top-level field."""
    return lambda entry: [text(entry, name)]


_FIELDS: dict[str, Callable[[Fields], list[str | None]]] = {
    "actor": _actor,
    "effect": _field("effect"),
    "errorType": _field("errorType"),
    "is": _state,
    "kind": _field("kind"),
    "method": _field("method"),
    "outcome": _field("outcome"),
    "server": _field("server"),
    "tool": _field("tool"),
}
