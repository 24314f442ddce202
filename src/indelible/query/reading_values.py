"""What stands after a field's colon, as text: patterns, comparisons, ranges. Pure."""

from __future__ import annotations

import decimal
import difflib

from indelible.query.fields import ERROR_TYPES, FIELDS, UNITS, Field, Kind
from indelible.query.flags import FLAGS
from indelible.query.members import Path
from indelible.query.times import FORMS, Moment, parse_moment
from indelible.query.values import (
    Compare,
    Part,
    Pattern,
    Range,
    Value,
    Wild,
    parse_json_number,
    parse_number,
    pattern,
)
from indelible.query.words import FilterError, Word

MAX_SINGLE_WILDS = 32
"""How many ``?`` one value may have: each costs a step wherever the pattern might fit."""

_SIGNS = (">=", "<=", ">", "<")
_RANGE = ".."


def parse_values(field: Field, path: Path, word: Word) -> tuple[Value, ...]:
    """Return the values that *word* says for *field*.

    Raises:
        FilterError: Where one is none that the field can have.
    """
    if not word.chars:
        raise FilterError(
            f"no value after '{field.name}:'",
            at=word.at,
            hint=f'write {field.name}:VALUE, or {field.name}:""',
        )
    kind = Kind.JSON if path else field.kind
    found = []
    for part in word.cut(","):
        if not part.chars:
            raise FilterError(
                "an empty value beside a comma", at=part.at, hint='take the comma away, or write ""'
            )
        found.append(_value(field, kind, part))
    return tuple(found)


def split_outcome(field: Field, values: tuple[Value, ...]) -> list[tuple[Field, tuple[Value, ...]]]:
    """Return each field with its values: an outcome that is an error's type is asked as one."""
    if field.name != "outcome":
        return [(field, values)]
    types = tuple(one for one in values if isinstance(one, Pattern) and one.literal in ERROR_TYPES)
    outcomes = tuple(one for one in values if one not in types)
    found = [(field, outcomes), (FIELDS["errorType"], types)]
    return [(own, own_values) for own, own_values in found if own_values]


def _value(field: Field, kind: Kind, word: Word) -> Value:
    if kind is Kind.TEXT:
        return _known(field, word, _text(field, word))
    if kind is Kind.JSON:
        return _json(field, word)
    found = _pattern(word)
    if kind is Kind.FLAG:
        return _flag(field, word, found)
    if found.is_anything and field.name not in ("since", "until"):
        return found
    wild = word.has("*?")
    if wild is not None:
        raise FilterError(f"'{field.name}:' has no wildcards", at=wild, hint=_how(field, kind))
    return _bounds(field, kind, word)


def _text(field: Field, word: Word) -> Pattern:
    first = word.chars[0]
    if first.char in ("<", ">") and not first.is_quoted:
        raise FilterError(
            f"'{field.name}:' is text and cannot be compared",
            at=word.at,
            hint=f'quote what begins with {first.char}: {field.name}:"{word.text}"',
        )
    return _pattern(word)


def _pattern(word: Word) -> Pattern:
    parts: list[Part] = []
    for char in word.chars:
        is_wild = char.char in ("*", "?") and not char.is_quoted
        parts.append(Wild(char.char) if is_wild else char.char)
    if parts.count(Wild.ONE) > MAX_SINGLE_WILDS:
        raise FilterError(
            f"more than {MAX_SINGLE_WILDS} '?' in a value", at=word.at, hint="write * for a run"
        )
    return pattern(*parts)


def _json(field: Field, word: Word) -> Value:
    """A number is compared only where it is marked; a bare one is a pattern as any text."""
    sign, rest = _sign(word)
    if sign:
        bound = None if rest.plain is None else parse_json_number(rest.text)
        if bound is None:
            raise FilterError(
                f"{rest.text!r} is not a number",
                at=rest.at,
                hint=f"members of {field.name} are compared with plain numbers; quote text: "
                f'"{word.text}"',
            )
        return Compare(sign, bound)
    low, marked, high = word.text.partition(_RANGE)
    if marked and word.plain is not None and (low or high):
        ends = [parse_json_number(end) if end else None for end in (low, high)]
        if all((end is None) == (not said) for end, said in zip(ends, (low, high), strict=True)):
            return Range(*ends)
    return _pattern(word)


def _sign(word: Word) -> tuple[str, Word]:
    """Return the comparison that *word* begins with, or "", and the rest."""
    lead = "".join(char.char for char in word.chars[:2] if not char.is_quoted)
    sign = next((sign for sign in _SIGNS if lead.startswith(sign)), "")
    if word.chars[0].is_quoted:
        sign = ""
    return sign, word.from_char(len(sign))


def _bounds(field: Field, kind: Kind, word: Word) -> Compare | Range:
    sign, rest = _sign(word)
    alone = field.name in ("since", "until")
    if alone and (sign or _RANGE in word.text):
        raise FilterError(
            f"'{field.name}:' takes one time", at=word.at, hint="write time:>=… or time:a..b"
        )
    low, marked, high = word.text.partition(_RANGE)
    if sign or not marked:
        return Compare(sign or "=", _bound(field, kind, rest.text, rest.at))
    if not low and not high:
        raise FilterError("a range without ends", at=word.at, hint=_how(field, kind))
    ends = (
        _bound(field, kind, low, word.at) if low else None,
        _bound(field, kind, high, word.at + len(low) + len(_RANGE)) if high else None,
    )
    return Range(*ends)


def _bound(field: Field, kind: Kind, text: str, at: int) -> decimal.Decimal | Moment:
    found = parse_moment(text) if kind is Kind.TIME else parse_number(text, UNITS[kind])
    if found is None:
        what = "time" if kind is Kind.TIME else kind.value
        raise FilterError(f"{text!r} is not a {what}", at=at, hint=_how(field, kind))
    return found


def _how(field: Field, kind: Kind) -> str:
    """Return how a value of *kind* is written."""
    name = field.name
    if kind is Kind.TIME:
        return f"write {name}:TIME with a time such as {FORMS}"
    if kind is Kind.DURATION:
        return f"write {name}:>2s, {name}:500ms..2m, {name}:<=1h; units: us ms s m h d"
    if kind is Kind.SIZE:
        return f"write {name}:>=1MB, {name}:512..4KiB; units: B kB MB GB TB KiB MiB GiB TiB"
    return f"write {name}:>0, {name}:3, {name}:1..9"


def _flag(field: Field, word: Word, found: Pattern) -> Pattern:
    known = FLAGS[field.name]
    if found.literal in known:
        return found
    near = difflib.get_close_matches(word.text, known, n=1)
    hint = f"did you mean {field.name}:{near[0]}? " if near else ""
    raise FilterError(
        f"unknown value {word.text!r} for '{field.name}:'",
        at=word.at,
        hint=f"{hint}known: {', '.join(f'{field.name}:{name}' for name in known)}",
    )


def _known(field: Field, word: Word, found: Pattern) -> Pattern:
    """Return *found* if *field* can have such a value; say what was meant if that is clear."""
    value = found.literal
    if not field.known or (field.name == "outcome" and value in ERROR_TYPES):
        return found
    if value is None:
        # A record of someone else's making can be of any kind.
        if field.name == "kind" or any(map(found.matches, field.known)):
            return found
        value = word.text
    elif value in field.known:
        return found
    raise FilterError(f"unknown {field.name} {value!r}", at=word.at, hint=_meant(field, value))


def _meant(field: Field, value: str) -> str:
    hint = f"{field.name}s: {', '.join(field.known)}"
    if field.name == "kind" and value in ("received", "tools/call"):
        return f"calls are kind:call; {hint}"
    other = next((name for name, one in FIELDS.items() if value in one.known), None)
    if other is not None:
        article = "an" if other[0] in "aeiou" else "a"
        return f"it is {article} {other}: write {other}:{value}; {hint}"
    if value in FLAGS["is"]:
        return f"write is:{value}; {hint}"
    near = difflib.get_close_matches(value, field.known, n=1)
    return f"did you mean {near[0]!r}? {hint}" if near else hint
