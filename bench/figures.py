"""What a part returns: figures, each a median with its spread."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Sample(NamedTuple):
    """One round of one contender, for each call."""

    cpu_us: float
    wall_us: float


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured quantity."""

    part: str
    name: str
    unit: str
    median: float
    low: float
    high: float
    count: int
    note: str = ""


def figure(part: str, name: str, unit: str, values: Sequence[float], note: str = "") -> Figure:
    """Return the median and the spread of *values*."""
    middle = statistics.median(values)
    return Figure(part, name, unit, middle, min(values), max(values), len(values), note)


def ratios(over: Sequence[float], under: Sequence[float]) -> list[float]:
    """Return the ratio of each round."""
    return [one / other for one, other in zip(over, under, strict=True)]


def differences(over: Sequence[float], under: Sequence[float]) -> list[float]:
    """Return the difference of each round."""
    return [one - other for one, other in zip(over, under, strict=True)]


def orders(names: Sequence[str], rounds: int) -> Iterator[Sequence[str]]:
    """Yield *names* once for each round, every other time backwards: drift hits all alike."""
    for number in range(rounds):
        yield names if number % 2 == 0 else names[::-1]
