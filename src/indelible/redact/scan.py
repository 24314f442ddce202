"""One text in, its redacted form out: gate, exact rules, disguises, merging, and the cut.

Law: the cut comes last, so that no half of a secret is left, and every step
is bounded by the window, not by the text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from indelible.redact import fold, gate, validators
from indelible.redact.detectors import MARKER, REDACTED, SUFFIX, TOKEN, compiled

LOOK_AHEAD = 1848
"""Characters read beyond those that are kept."""
MAX_MATCHES = 64
MAX_CANDIDATES = 1024
"""Places that one rule looks at in one text."""
_CANDIDATE_WORK = 2
_MAX_RUNS = 32
_MAX_DECODED = 1 << 16
_RUN = re.compile(r"[A-Za-z0-9+/_-]{24,}+={0,2}")
_RUN_PARTS = re.compile(r"[A-Za-z0-9+=]{24,}|[A-Za-z0-9+/=]{24,}|[A-Za-z0-9_=]{24,}")
_SHORTEST_ECHO, _LONGEST_ECHO, _MAX_ECHOES = 8, 512, 8
_PERSONAL = frozenset(
    index for index, one in enumerate(gate.DETECTORS) if one.label not in (REDACTED, TOKEN)
)
_VIEWS = (
    (gate.PERCENT, fold.percent_view),
    (gate.ESCAPE, fold.escape_view),
    (gate.COLOUR, fold.colour_view),
)
_BREAKS_BUDGET = (-1, -1, -1)

_LETTERS_AND_SPACE = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ "

Hit = tuple[int, int, int]
"""Start, end, and the index of the detector."""


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text without what was found in it, and which rules found it."""

    text: str
    rules: tuple[str, ...] = ()


@dataclass(slots=True)
class Work:
    """What the careful search of one value may still cost, about a microsecond a unit.

    It counts characters that are neither letters nor spaces, the places that a rule looks
    at, and what is found: the same with either gate.
    """

    left: int

    def search(self, text: str) -> bool:
        """Pay for a search of *text*; return whether that was affordable."""
        data = text.encode("utf-8", "replace")
        self.left -= 3 + len(data.translate(None, _LETTERS_AND_SPACE))
        self.left -= 3 * (data.count(b"=") + data.count(b":")) + 2 * data.count(b" -")
        return self.left >= 0


def redact(
    text: str, rules: gate.Gate, *, limit: int, keep: int, work: Work | None = None
) -> Redacted | None:
    """Return *text* redacted, and cut to *keep* characters and a suffix if over *limit*.

    Returns None if it holds more than `MAX_MATCHES` matches or costs more than
    *work*: then nothing of it may be kept.
    """
    long = len(text) > limit
    window = text[: keep + LOOK_AHEAD] if long else text
    hits = find(window, rules, 0, work)
    if hits is None:
        return None
    if not hits:
        return Redacted(cut(text, keep) if long else text)
    kept, keep = keep, keep if long else len(text)
    out: list[str] = []
    names: list[str] = []
    at = 0
    for start, end, index in hits:
        if start >= keep:
            break
        detector = gate.DETECTORS[index]
        out += (window[at:start], detector.label)
        names.append(detector.name)
        at = end
    out.append(window[at:keep])
    clean = "".join(out)
    return Redacted(cut(clean, kept) if long else clean, tuple(names))


def cut(text: str, keep: int) -> str:
    """Return the first *keep* characters of *text* and the suffix; no marker is cut in half."""
    for marker in MARKER.finditer(text, max(0, keep - 16), keep + 16):
        if marker.start() < keep < marker.end():
            keep = marker.start()
    return text[:keep] + SUFFIX


def find(text: str, rules: gate.Gate, depth: int = 0, work: Work | None = None) -> list[Hit] | None:
    """Return what must be replaced in *text*, in order and without overlap; None if too much."""
    if work is not None and not work.search(text):
        return None
    folded = fold.fold(text)
    fired = rules.fired(folded)
    if not fired:
        return []
    hits = _exact(folded, fired, work)
    if hits and hits[0] is not _BREAKS_BUDGET:
        hits += _echoes(folded, hits)
    if folded is not text and hits:
        hits = _mapped(fold.fold_view(text), hits)
    if fired[-1] >= gate.PERCENT and depth < 2:
        hits += _disguised(text, fired, rules, depth, work)
    if work is not None:
        work.left -= len(hits)
    if _BREAKS_BUDGET in hits or len(hits) > MAX_MATCHES:
        return None
    return _merged(hits)


def _exact(text: str, fired: Sequence[int], work: Work | None) -> list[Hit]:
    """Return what the detectors that fired find in *text*."""
    hits: list[Hit] = []
    for index in fired:
        if index >= gate.PERCENT:
            continue
        detector = gate.DETECTORS[index]
        search = compiled(detector.pattern).search
        match = search(text)
        seen = 0
        while match:
            span = detector.find(match)
            if span is not None and span[0] < span[1]:
                hits.append((*span, index))
            seen += 1
            if len(hits) > MAX_MATCHES or seen > MAX_CANDIDATES:
                return [_BREAKS_BUDGET]
            # What lies within the last hit is replaced already.
            match = search(text, max(match.end(), match.start() + 1, span[1] if span else 0))
        if work is not None:
            work.left -= _CANDIDATE_WORK * seen
    return hits


def _echoes(text: str, hits: list[Hit]) -> list[Hit]:
    """Return where else in *text* the secrets stand that their surroundings gave away once.

    Only what cannot be an ordinary word: at least 8 characters, digits and letters.
    """
    found: list[Hit] = []
    known = {start for start, _, _ in hits}
    told: dict[str, int] = {}
    for start, end, index in hits:
        if _SHORTEST_ECHO <= end - start <= _LONGEST_ECHO and index not in _PERSONAL:
            told.setdefault(text[start:end], index)
    for secret, index in islice(told.items(), _MAX_ECHOES):
        if text.count(secret) < 2 or secret.isalpha() or not validators.has_digit(secret):
            continue
        at = text.find(secret)
        while at >= 0 and len(found) <= MAX_MATCHES:
            if at not in known:
                found.append((at, at + len(secret), index))
            at = text.find(secret, at + len(secret))
    return found


def _mapped(view: fold.View, hits: list[Hit]) -> list[Hit]:
    """Return *hits* in a view as stretches of its source."""
    return [
        hit if hit is _BREAKS_BUDGET else (*view.to_source(hit[0], hit[1]), hit[2]) for hit in hits
    ]


def _disguised(
    text: str, fired: Sequence[int], rules: gate.Gate, depth: int, work: Work | None
) -> list[Hit]:
    """Return what is found in *text* once its escapes and its base64 are decoded."""
    hits: list[Hit] = []
    for flag, decode in _VIEWS:
        if flag in fired:
            view = decode(text)
            if view.text != text:
                inner = find(view.text, rules, depth + 1, work)
                hits += [_BREAKS_BUDGET] if inner is None else _mapped(view, inner)
    if gate.RUN in fired:
        if work is not None:
            work.left -= 8 + len(text) // 16
        hits += _encoded(text, rules, depth, work)
    return hits


def _encoded(text: str, rules: gate.Gate, depth: int, work: Work | None) -> list[Hit]:
    """Return the base64 runs of *text* that hide something."""
    hits: list[Hit] = []
    for seen, (start, end, plain) in enumerate(plain_runs(text)):
        if seen >= _MAX_RUNS:
            return [_BREAKS_BUDGET]
        inner = find(plain, rules, depth + 1, work)
        if inner is None or inner:
            hits.append((start, end, inner[0][2] if inner else 0))
    return hits


def plain_runs(text: str) -> list[tuple[int, int, str]]:
    """Return the base64 runs of *text* that stand for readable text, and that text."""
    found: list[tuple[int, int, str]] = []
    for run in _RUN.finditer(text):
        plain = _plain(run[0])
        if plain is not None:
            found.append((*run.span(), plain))
            continue
        # A path, a prefix or a separator may be glued to it.
        for part in _RUN_PARTS.finditer(text, *run.span()):
            if part[0] != run[0] and (plain := _plain(part[0])) is not None:
                found.append((*part.span(), plain))
    return found


def _plain(run: str) -> str | None:
    """Return the text that base64 *run* stands for, or None if that is no text."""
    data = validators.decode_base64(run[:_MAX_DECODED])
    if not data:
        return None
    if 0 in data:
        data = data.replace(b"\x00", b"")  # UTF-16, as PowerShell encodes commands
    # A run cut short by the window may end inside a character.
    plain = data.decode("utf-8", "replace") if data.isascii() else _utf8(data)
    readable = plain is not None and sum(map(str.isprintable, plain)) * 10 >= len(plain) * 9
    return plain if readable else None


def _utf8(data: bytes) -> str | None:
    """Return *data* decoded, up to three bytes short at the end, or None."""
    for short in range(4):
        try:
            return data[: len(data) - short].decode("utf-8")
        except UnicodeDecodeError as exc:
            if exc.start < len(data) - 4:
                return None
    return None


def _merged(hits: list[Hit]) -> list[Hit]:
    """Return *hits* in order, those that overlap as one under the earliest detector."""
    merged: list[Hit] = []
    for start, end, index in sorted(hits):
        if merged and start < merged[-1][1]:
            first, last, other = merged[-1]
            merged[-1] = (first, max(last, end), min(other, index))
        else:
            merged.append((start, end, index))
    return merged
