"""Why nothing matches: each term with what it meets, and what was meant perhaps."""

from __future__ import annotations

import decimal
import difflib
import re
from collections.abc import Iterator

import click

from indelible.cli.asking import Asked
from indelible.cli.layout import print_table
from indelible.cli.terminal import visible
from indelible.query.fields import ALIASES, FIELDS, Kind
from indelible.query.filter import Filter, Free, Term, both, explain_terms, format_filter
from indelible.query.times import stretch
from indelible.query.trail import Trail
from indelible.query.values import Pattern, Range, Value, pattern

_MAX_EXPLAINED = 12
"""With more terms than these, an empty answer is not explained term by term."""
_MAX_VALUES = 500
"""Among so many values of a field, the most frequent ones, one that was meant is looked for."""
_EQUATION = re.compile(r"([A-Za-z][\w.-]*)==?(.+)", re.DOTALL)


def explain_nothing(trail: Trail, question: Asked) -> None:
    """Say that nothing matches, and which term is why."""
    if not question.shown:
        click.echo("no entries recorded yet")
        return
    click.echo(f"no entries match {visible(question.shown)}")
    terms = explain_terms(question.said)
    if len(terms) > _MAX_EXPLAINED:
        return

    def count(part: Filter) -> int:
        return trail.count(both(part, question.hidden))

    met = [(term, alone, count(alone), count(rest)) for term, alone, rest in terms]
    if len(met) > 1:
        rows = [[visible(term), f"{one:,}", f"{rest:,}"] for term, _, one, rest in met]
        print_table(["TERM", "ALONE", "WITHOUT IT"], rows, numbers=frozenset({1, 2}))
    for term, alone, found, _ in met:
        for meant in () if found else _meant(trail, alone):
            click.echo(f"instead of {visible(term)}, did you mean {visible(meant)}?")


def _meant(trail: Trail, alone: Filter) -> Iterator[str]:
    """Yield what may have been meant by a term that meets nothing."""
    term = alone.root
    if isinstance(term, Free) and (equation := _EQUATION.fullmatch(term.text)):
        name, value = equation.groups()
        own = FIELDS.get(ALIASES.get(name, name))
        if own is None:
            yield format_filter(Filter(Term("args", (pattern(value),), tuple(name.split(".")))))
        elif own.kind is Kind.TEXT:
            yield format_filter(Filter(Term(own.name, (pattern(value),))))
    elif isinstance(term, Term):
        turned = tuple(_turned(one, trail.now_us) for one in term.values)
        if turned != term.values:
            yield format_filter(Filter(Term(term.field, turned, term.path)))
        elif FIELDS[term.field].kind is Kind.TEXT and not term.path:
            yield from _near(trail, term)


def _turned(value: Value, now_us: int) -> Value:
    """Return a range that goes from more to less the other way round."""
    if not isinstance(value, Range) or value.low is None or value.high is None:
        return value
    low, high = (
        (one, one) if isinstance(one, decimal.Decimal) else stretch(one, now_us)
        for one in (value.low, value.high)
    )
    return Range(value.high, value.low) if low[0] > high[1] else value


def _near(trail: Trail, term: Term) -> Iterator[str]:
    """Yield the term with a value that is on record and much like the one it has."""
    said = [one.literal for one in term.values if isinstance(one, Pattern)]
    known = [one.values[0] for one in trail.groups(Filter(), [term.field], _MAX_VALUES)]
    by_case = {one.lower(): one for one in reversed(known) if one}
    for wanted in said:
        for near in difflib.get_close_matches((wanted or "").lower(), by_case, n=1):
            yield format_filter(Filter(Term(term.field, (pattern(by_case[near]),))))
