"""Scores: how many labelled secrets are gone, and how much that is plain has changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from bench.redaction.sample import Sample, as_text, leaks, text_of

SPLIT = ("generated", "public", "shapes")
"""Sets of which only the half that nobody tuned on is reported."""
LEAKY = (*SPLIT, "people", "sentences")
PLAIN = ("benign", "scalars")


@dataclass(slots=True)
class Score:
    """Of how many, how many were good."""

    good: int = 0
    all: int = 0

    def add(self, good: int, of: int = 1) -> None:
        """Count *good* more of *of* more."""
        self.good += good
        self.all += of

    @property
    def percent(self) -> float:
        """Return the share of the good ones."""
        return 100 * self.good / self.all if self.all else 0.0


@dataclass(slots=True)
class Scores:
    """What one tool let through and took too much."""

    leak_free: dict[tuple[str, str], Score] = field(default_factory=dict)
    """By corpus and shape."""
    unaltered: dict[str, Score] = field(default_factory=dict)
    """Strings, by corpus."""
    scalars: Score = field(default_factory=Score)
    """Scalars of JSON values."""


def score(
    pairs: Iterable[tuple[Sample, Any]], seen: Callable[[Sample, str], None] = lambda *_: None
) -> Scores:
    """Return the scores of samples and their redacted forms; show *seen* each failure."""
    out = Scores()
    for sample, redacted in pairs:
        text = as_text(redacted)
        if sample.secret:
            good = not leaks(sample, text)
            key = (sample.corpus, sample.shape)
            out.leak_free.setdefault(key, Score()).add(good)
        elif isinstance(sample.value, str):
            good = text == sample.value
            out.unaltered.setdefault(sample.corpus, Score()).add(good)
        else:
            kept, of = _kept(sample.value, redacted)
            good = kept == of
            out.scalars.add(kept, of)
        if not good:
            seen(sample, text)
    return out


def _scalars(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for one in value.values():
            yield from _scalars(one)
    elif isinstance(value, list):
        for one in value:
            yield from _scalars(one)
    else:
        yield value


def _kept(value: Any, redacted: Any) -> tuple[int, int]:
    """Return how many scalars of *value* are unaltered, and how many there are."""
    before = list(_scalars(value))
    if isinstance(redacted, str):
        try:
            redacted = json.loads(redacted)
        except ValueError:  # broken as JSON: what of it still stands there?
            return sum(text_of(one) in redacted for one in before), len(before)
    after = list(_scalars(redacted))
    if len(after) != len(before):
        left = list(map(text_of, after))
        return sum(text_of(one) in left for one in before), len(before)
    return sum(a == b for a, b in zip(before, after, strict=True)), len(before)


def rows(scores: Scores) -> dict[str, tuple[float, int]]:
    """Return percent, and of how many, for each row of one tool's figures."""
    leak, out = scores.leak_free, {}
    independent = Score()
    shaped, named, personal = Score(), Score(), Score()
    for (corpus, shape), one in sorted(leak.items()):
        if shape == "as found":
            out[f"secrets: {corpus}"] = one.percent, one.all
            if "generated" not in corpus:
                independent.add(one.good, one.all)
        else:
            out[f"{corpus}: {shape}"] = one.percent, one.all
        if corpus == "MCP":
            shaped.add(one.good, one.all)
            if shape in ("key in JSON", "nested JSON", "header"):
                named.add(one.good, one.all)
        if corpus == "personal data":
            personal.add(one.good, one.all)
    if independent.all:
        out["secrets: the public ones pooled"] = independent.percent, independent.all
    out["MCP: all shapes"] = shaped.percent, shaped.all
    out["MCP: sensitive key, nested JSON, header"] = named.percent, named.all
    out["personal data: all"] = personal.percent, personal.all
    plain = Score()
    for corpus, one in sorted(scores.unaltered.items()):
        out[f"altered: {corpus}"] = 100 - one.percent, one.all
        plain.add(one.good, one.all)
    out["altered: all strings"] = 100 - plain.percent, plain.all
    out["altered: JSON scalars"] = 100 - scores.scalars.percent, scores.scalars.all
    return out
