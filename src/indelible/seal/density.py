"""Whether the numbers of each writer are whole: no hole and no repeat that nothing explains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from indelible.model.canonical import Json
from indelible.seal.journal import is_seq

MAX_HOLES = 10_000
"""Per writer; more is reported as one."""


@dataclass(slots=True)
class _Numbers:
    next: int = 0
    holes: list[tuple[int, int, int]] = field(default_factory=list)
    """First and last number missing, and the leaf that showed it."""
    declared: list[tuple[int, int]] = field(default_factory=list)
    late: set[int] = field(default_factory=set)


class Density:
    """Takes the headers of a log in order."""

    def __init__(self) -> None:
        self._writers: dict[str, _Numbers] = {}

    def next(self, writer: str) -> int:
        """Return the number after the newest of *writer* that is in the log or given up."""
        known = self._writers.get(writer)
        return known.next if known else 0

    def take(self, header: Mapping[str, Json], index: int, *, own: bool) -> str | None:
        """Take one header; return what is wrong with its number, if anything.

        Args:
            own: Whether it is the collector's: only its `gap` records tell of others.
        """
        writer, seq = header.get("writer"), header.get("seq")
        if not isinstance(writer, str) or not is_seq(seq):
            return "record without a writer or a number"
        numbers = self._writers.get(writer)
        if numbers is None:
            numbers = self._writers[writer] = _Numbers()
        if own and header.get("kind") == "gap":
            self._declare(header)
        if seq == numbers.next:
            numbers.next = seq + 1
        elif seq > numbers.next:
            if len(numbers.holes) < MAX_HOLES:
                numbers.holes.append((numbers.next, seq - 1, index))
            numbers.next = seq + 1
        elif seq in numbers.late or not _is_missing(numbers, seq):
            return f"record {seq} of writer {writer} stands here for the second time"
        else:
            numbers.late.add(seq)
        return None

    def undeclared(self) -> Iterator[tuple[str, int, int, int]]:
        """Yield writer, first and last number, and leaf of each hole that no `gap` explains."""
        for writer, numbers in self._writers.items():
            for first, last, index in numbers.holes:
                rest = last - first + 1
                for low, high in numbers.declared:
                    rest -= max(0, min(last, high) - max(first, low) + 1)
                if rest > 0:
                    yield writer, first, last, index

    def _declare(self, header: Mapping[str, Json]) -> None:
        of, first, last = header.get("ofWriter"), header.get("firstSeq"), header.get("lastSeq")
        if not isinstance(of, str) or not is_seq(first) or not is_seq(last):
            return
        numbers = self._writers.setdefault(of, _Numbers())
        numbers.declared.append((first, last))
        if first == numbers.next:
            numbers.next = max(numbers.next, last + 1)


def _is_missing(numbers: _Numbers, seq: int) -> bool:
    if any(low <= seq <= high for low, high in numbers.declared):
        return True
    return any(low <= seq <= high for low, high, _ in numbers.holes)
