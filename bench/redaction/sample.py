"""A labelled sample, and when a redacted form of it leaks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

RUN = 12
"""Characters of a secret in a row that may not survive; all of a shorter secret."""
SHORTEST = 6


@dataclass(frozen=True, slots=True)
class Sample:
    """A value in which one stretch must not survive; without one, nothing may change."""

    corpus: str
    shape: str
    provider: str
    """Whose format it is, or which file it is from: what a split must not tear apart."""
    value: Any
    """Text, or JSON as `json.loads` gives it."""
    secret: str = ""

    @property
    def is_reported(self) -> bool:
        """Return whether it is in the half that rules are never tuned on."""
        return is_reported(self.provider)


def is_reported(provider: str) -> bool:
    """Return whether samples of *provider* are in the half that is reported."""
    return hashlib.sha256(provider.lower().encode()).digest()[0] % 2 == 1


def leaks(sample: Sample, redacted: str) -> bool:
    """Return whether a run of the sample's secret is left in *redacted*."""
    secret, run = sample.secret, min(RUN, len(sample.secret))
    if not isinstance(sample.value, str):
        secret = text_of(secret)[1:-1]  # as it stands in JSON
    return any(secret[at : at + run] in redacted for at in range(len(secret) - run + 1))


def text_of(value: Any) -> str:
    """Return *value* as JSON text."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def as_text(value: Any) -> str:
    """Return *value* as one line of a log would have it."""
    return value if isinstance(value, str) else text_of(value)


def write(path: Path, samples: Iterable[Sample]) -> None:
    """Keep *samples*, one a line."""
    with path.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(asdict(sample)) + "\n" for sample in samples)


def read(path: Path) -> Iterator[Sample]:
    """Yield the samples kept in *path*."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield Sample(**json.loads(line))
