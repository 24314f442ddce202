"""The words of a filter's text: what is quoted in them is told from what is not. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from indelible.errors import UsageError

NEGATIONS = "-!"
OPENS = "("
CLOSES = ")"


class FilterError(UsageError):
    """A filter that cannot be understood.

    Args:
        message: What is wrong.

        at: Where, counted in characters from 0.

        hint: How it is put right.
    """

    def __init__(self, message: str, *, at: int, hint: str) -> None:
        super().__init__(f"{message}, at character {at + 1}", hint=hint)
        self.at = at


@dataclass(frozen=True, slots=True)
class Char:
    """One character of a word; an empty one stands for an empty pair of quotes."""

    char: str
    at: int
    is_quoted: bool = False


@dataclass(frozen=True, slots=True)
class Word:
    """Characters that stand together, or a part of them."""

    chars: tuple[Char, ...]
    at: int
    """Where it begins, with its quote."""
    end: int
    """Where what follows begins."""

    @property
    def text(self) -> str:
        """What it says, without quotes."""
        return "".join(char.char for char in self.chars)

    @property
    def plain(self) -> str | None:
        """What it says; None where something in it is quoted."""
        return None if any(char.is_quoted for char in self.chars) else self.text

    def has(self, chars: str) -> int | None:
        """Return where one of *chars* stands unquoted, or None."""
        for char in self.chars:
            if char.char in chars and not char.is_quoted:
                return char.at
        return None

    def cut(self, separator: str, limit: int = -1) -> list[Word]:
        """Return what unquoted *separator* divides it into, at *limit* places at most."""
        places = [
            n for n, char in enumerate(self.chars) if char.char == separator and not char.is_quoted
        ][: None if limit < 0 else limit]
        ends = [*places, len(self.chars)]
        starts = [0, *(place + 1 for place in places)]
        return [self._part(start, end) for start, end in zip(starts, ends, strict=True)]

    def from_char(self, number: int) -> Word:
        """Return what follows its first *number* characters."""
        return self._part(number, len(self.chars))

    def _part(self, start: int, end: int) -> Word:
        def place(number: int) -> int:
            return self.chars[number].at if number < len(self.chars) else self.end

        return Word(self.chars[start:end], place(start) if start else self.at, place(end))


@dataclass(frozen=True, slots=True)
class Sign:
    """A parenthesis or a negation."""

    sign: str
    at: int


def words(source: str) -> Iterator[Word | Sign]:
    """Yield the words and signs of *source*.

    Raises:
        FilterError: Where a quote is not closed, or a parenthesis stands in a word.
    """
    at = 0
    while at < len(source):
        char = source[at]
        if char.isspace():
            at += 1
        elif char in NEGATIONS or char in (OPENS, CLOSES):
            yield Sign("-" if char in NEGATIONS else char, at)
            at += 1
        else:
            word = _word(source, at)
            yield word
            at = word.end


def _word(source: str, start: int) -> Word:
    chars: list[Char] = []
    at = start
    while at < len(source) and not source[at].isspace() and source[at] != CLOSES:
        char = source[at]
        if char == '"':
            quoted, at = _quoted(source, at)
            chars += quoted
            continue
        if char == OPENS:
            raise FilterError(
                "'(' inside of a word",
                at=at,
                hint='quote it: "…(…" ; alternatives of one field are field:a,b',
            )
        is_escape = char == "\\" and at + 1 < len(source)
        at += is_escape
        chars.append(Char(source[at], at - is_escape, is_escape))
        at += 1
    return Word(tuple(chars), start, at)


def _quoted(source: str, start: int) -> tuple[list[Char], int]:
    """Return the characters in quotes, one empty one where there are none, and their end."""
    chars: list[Char] = []
    at = start + 1
    while at < len(source):
        char = source[at]
        if char == '"':
            return chars or [Char("", start, is_quoted=True)], at + 1
        if char == "\\" and at + 1 < len(source):
            at += 1
        chars.append(Char(source[at], at, is_quoted=True))
        at += 1
    raise FilterError(
        f"quote not closed in {_short(source[start:])}",
        at=start,
        hint='close it, or write \\" for a quote',
    )


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:59] + "…")
