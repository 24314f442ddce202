"""Text as a detector sees it: compatibility forms folded, invisible characters gone.

A `View` keeps, for each of its characters, where it came from, so that what is
found in the view is replaced in the source. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

# Default-ignorable characters outside category Cf (Unicode DerivedCoreProperties).
_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0]")
_PERCENT = re.compile(r"%([2-7][0-9A-Fa-f])")
_COLOUR = re.compile(r"\x1b\[[0-9;]{0,16}[A-Za-z]")
_ESCAPE = re.compile(r"(?<!\\)\\{1,8}(?:u([0-9A-Fa-f]{4})|x([2-7][0-9A-Fa-f]))")


@dataclass(frozen=True, slots=True)
class View:
    """A text derived from a source, and where each part of it came from."""

    text: str
    starts: list[int]
    """Offsets into *text* where a part begins; the first is 0."""
    sources: list[int]
    """For each part, where it begins in the source; one more for the end."""
    whole: list[bool]
    """For each part, whether it stands for its source as a whole (an escape)."""

    def to_source(self, start: int, end: int) -> tuple[int, int]:
        """Return the stretch of the source that *start* to *end* of the text stand for."""
        first = bisect_right(self.starts, start) - 1
        last = bisect_right(self.starts, end - 1) - 1
        begin = self.sources[first]
        if not self.whole[first]:
            begin += start - self.starts[first]
        if self.whole[last]:
            return begin, self.sources[last + 1]
        return begin, self.sources[last] + end - self.starts[last]


@lru_cache(maxsize=8192)
def _fold_char(char: str) -> str:
    """Return one character as it is matched: NFKC, plain digits, dashes and spaces."""
    if char < "\x80":
        return char
    category = unicodedata.category(char)
    if category == "Cf" or _INVISIBLE.match(char) or "\U000e0000" <= char <= "\U000e0fff":
        return ""
    if category == "Nd":
        return str(unicodedata.decimal(char))
    if category in ("Pd", "Zs"):
        return "-" if category == "Pd" else " "
    return unicodedata.normalize("NFKC", char)


def fold(text: str) -> str:
    """Return *text* as it is matched; the same object if it is ASCII."""
    return text if text.isascii() else "".join(map(_fold_char, text))


def fold_view(text: str) -> View:
    """Return `fold(text)` with its way back."""
    parts = [_fold_char(char) for char in text]
    kept = [at for at, part in enumerate(parts) if part]
    lengths = [len(parts[at]) for at in kept]
    return View(
        "".join(parts),
        [0, *accumulate(lengths)][:-1] or [0],
        [*kept, len(text)] if kept else [0, len(text)],
        [True] * max(len(kept), 1),
    )


def percent_view(text: str) -> View:
    """Return *text* with `%40` and the like decoded once (RFC 3986 section 2.1)."""
    return _decoded(text, _PERCENT)


def escape_view(text: str) -> View:
    r"""Return *text* with `\u0040` and `\x40` decoded once."""
    return _decoded(text, _ESCAPE)


def colour_view(text: str) -> View:
    """Return *text* without a terminal's control sequences (ECMA-48 section 5.4)."""
    return _decoded(text, _COLOUR)


def _decoded(text: str, pattern: re.Pattern[str]) -> View:
    """Return *text* with each match of *pattern* replaced by the character it encodes, if any."""
    out: list[str] = []
    sources: list[int] = []
    whole: list[bool] = []
    at = 0
    for match in pattern.finditer(text):
        if match.start() > at:
            out.append(text[at : match.start()])
            sources.append(at)
            whole.append(False)
        char = chr(int(match[match.lastindex], 16)) if match.lastindex else ""
        out.append("\ufffd" if "\ud800" <= char <= "\udfff" else char)
        sources.append(match.start())
        whole.append(True)
        at = match.end()
    if at < len(text) or not out:
        out.append(text[at:])
        sources.append(at)
        whole.append(False)
    starts = [0, *accumulate(map(len, out))][:-1]
    return View("".join(out), starts, [*sources, len(text)], whole)
