"""The grammar of filters: ``tool:delete_* -outcome:ok since:24h "quarterly report"``. Pure.

    filter := [any]
    any    := every ("OR" every)*
    every  := one (["AND"] one)*                terms side by side must all hold
    one    := ("-" | "!" | "NOT") one | "(" any ")" | term
    term   := field ["." path] ":" value ("," value)* | text
    value  := pattern | sign bound | [bound] ".." [bound]
    sign   := ">" | ">=" | "<" | "<="

In quotes every character stands for itself; a backslash takes the next one literally.
Law: ``parse(format_filter(f)) == f``. Reference: docs/reference/query.md.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from indelible.query.fields import ALIASES, FIELDS, MEMBERS, Field
from indelible.query.filter import WORDS, And, Filter, Free, Node, Not, Term, all_of, any_of
from indelible.query.members import Path
from indelible.query.reading_values import parse_values, split_outcome
from indelible.query.values import Wild
from indelible.query.words import CLOSES, OPENS, FilterError, Sign, Word, words

MAX_BYTES = 8_192
MAX_TERMS = 200
MAX_DEPTH = 20
MAX_STEPS = 20
"""Bounds of one filter: its text, its terms, what it nests, and a path's length."""


def parse(source: str) -> Filter:
    """Return the filter that *source* says; relative times stay relative.

    Raises:
        UsageError: If it is not in the grammar or too large, with where and a hint.
    """
    try:
        size = len(source.encode())
    except UnicodeEncodeError as exc:
        raise FilterError("not text", at=exc.start, hint="write it in UTF-8") from None
    if size > MAX_BYTES:
        raise FilterError(
            f"a filter of {size:,} bytes", at=0, hint=f"at most {MAX_BYTES:,} are read; ask less"
        )
    parser = _Parser(list(words(source)), len(source))
    if not parser.items:
        return Filter(And())
    root = parser.any(0)
    if (item := parser.next) is not None:
        raise FilterError("')' without '('", at=item.at, hint='take it away, or quote it: ")"')
    return Filter(root)


@dataclass(slots=True)
class _Parser:
    """Reads items from the left; each method takes what it names, or raises."""

    items: list[Word | Sign]
    end: int
    place: int = 0
    terms: int = 0

    @property
    def next(self) -> Word | Sign | None:
        return self.items[self.place] if self.place < len(self.items) else None

    def any(self, depth: int) -> Node:
        parts = [self.every(depth)]
        while self._takes("OR"):
            parts.append(self.every(depth))
        return any_of(parts)

    def every(self, depth: int) -> Node:
        parts = [self.one(depth)]
        while self._takes("AND") or not self._is_over():
            parts.append(self.one(depth))
        return all_of(parts)

    def one(self, depth: int) -> Node:
        item = self._take()
        if depth > MAX_DEPTH:
            raise FilterError(
                "nested too deep", at=item.at, hint=f"at most {MAX_DEPTH} levels; ask in parts"
            )
        if isinstance(item, Word) and _word_of(item) != "NOT":
            self._count(item)
            return _term(item)
        if isinstance(item, Sign) and item.sign == OPENS:
            return self._group(item, depth)
        if isinstance(item, Sign) and self._is_apart(item):
            raise FilterError(
                "nothing after '-'", at=item.at, hint='write -field:value, or "-" for the sign'
            )
        return Not(self.one(depth + 1))

    def _group(self, opened: Sign, depth: int) -> Node:
        found = self.any(depth + 1)
        item = self.next
        if not (isinstance(item, Sign) and item.sign == CLOSES):
            raise FilterError("'(' is not closed", at=opened.at, hint="add ')' after the last term")
        self.place += 1
        return found

    def _take(self) -> Word | Sign:
        """Return the next item, which must begin a term."""
        item = self.next
        wrong = "the end" if item is None else None
        if isinstance(item, Sign) and item.sign == CLOSES:
            wrong = "')'"
        elif isinstance(item, Word) and _word_of(item) in ("AND", "OR"):
            wrong = f"'{item.text}'"
        if item is None or wrong:
            raise FilterError(
                f"a term is missing before {wrong}",
                at=self.end if item is None else item.at,
                hint='write field:value or text; the words AND, OR and NOT as text in quotes: "OR"',
            )
        self.place += 1
        return item

    def _is_apart(self, sign: Sign) -> bool:
        """Whether what a negation belongs to does not follow at once."""
        item = self.next
        closes = isinstance(item, Sign) and item.sign == CLOSES
        return item is None or closes or item.at != sign.at + 1

    def _takes(self, word: str) -> bool:
        item = self.next
        found = isinstance(item, Word) and _word_of(item) == word
        self.place += found
        return found

    def _is_over(self) -> bool:
        item = self.next
        if isinstance(item, Sign):
            return item.sign == CLOSES
        return item is None or _word_of(item) == "OR"

    def _count(self, word: Word) -> None:
        self.terms += 1
        if self.terms > MAX_TERMS:
            raise FilterError(
                f"more than {MAX_TERMS} terms",
                at=word.at,
                hint="several values of one field are one term: field:a,b,c",
            )


def _word_of(word: Word) -> str | None:
    plain = word.plain
    return plain if plain in WORDS else None


def _term(word: Word) -> Node:
    name, *rest = word.cut(":", 1)
    if not rest:
        return _free(word)
    field, path = _field(name)
    values = parse_values(field, path, rest[0])
    return any_of(
        Term(own.name, own_values, path) for own, own_values in split_outcome(field, values)
    )


def _free(word: Word) -> Free:
    wild = word.has("*?")
    if wild is not None:
        raise FilterError(
            "text has no wildcards",
            at=wild,
            hint=f'it is found anywhere as it is; quote it: "{word.text}", or write field:pattern',
        )
    if not word.text:
        raise FilterError("no text in the quotes", at=word.at, hint="take them away")
    return Free(word.text)


def _field(name: Word) -> tuple[Field, Path]:
    """Return the field that *name* is of, and the path to the member of it."""
    text = name.text
    field = FIELDS.get(ALIASES.get(text, text))
    if field is not None:
        if field.name in ("args", "result"):
            raise FilterError(
                f"'{text}:' without a member",
                at=name.at,
                hint=f"write {text}.MEMBER:value, or the text alone to search all of it",
            )
        return field, ()
    root, *steps = name.cut(".")
    if root.text in MEMBERS and steps:
        return FIELDS[root.text], _path(name, steps)
    raise _unknown_field(name)


def _path(name: Word, steps: list[Word]) -> Path:
    if len(steps) > MAX_STEPS:
        raise FilterError(
            "path too long", at=name.at, hint=f"at most {MAX_STEPS} members, one in another"
        )
    return tuple(map(_step, steps))


def _step(step: Word) -> str | Wild:
    if not step.chars:
        raise FilterError("a member without a name", at=step.at, hint='write ."" for an empty name')
    wild = step.has("*?")
    if wild is None:
        return step.text
    if step.plain == "*":
        return Wild.MANY
    raise FilterError(
        "a wildcard inside of a member's name",
        at=wild,
        hint=f'a star alone is any member; quote the name: "{step.text}"',
    )


def _unknown_field(name: Word) -> FilterError:
    text = name.text
    every = [*FIELDS, *ALIASES]
    cased = [one for one in every if one.lower() == text.lower()]
    meant = [_MEANT[text.lower()]] if text.lower() in _MEANT else []
    near = cased or meant or difflib.get_close_matches(text, every, n=1)
    known, colon = f"fields: {', '.join(FIELDS)}", "to search for text with a colon, quote it"
    hint = f"did you mean {near[0]!r}? {known}; {colon}" if near else f"{colon}; {known}"
    if text[:1].isdigit():
        hint = f"a day and its hour are one word, 2026-11-20T08:00; {colon}"
    return FilterError(f"unknown field {text!r}", at=name.at, hint=hint)


_MEANT = {
    "user": "actor", "who": "actor", "account": "actor", "agent": "client", "app": "client",
    "status": "outcome", "name": "tool", "function": "tool", "action": "tool",
    "arg": "args", "arguments": "args", "params": "args", "input": "args", "output": "result",
    "date": "time", "from": "since", "after": "since", "start": "since",
    "to": "until", "before": "until", "end": "until", "type": "kind", "reason": "error",
    "latency": "duration", "took": "duration", "size": "bytes", "address": "ip", "on": "target",
}  # fmt: skip
"""What others call our fields, and no letter tells."""
