"""The records of a log, newest first, with their bodies read in stretches and not one by one."""

from __future__ import annotations

from collections.abc import Iterator

from indelible.model.flat import Kept
from indelible.seal.segment import Leaf, parse_leaf
from indelible.store.reader import LogReader
from indelible.store.records import kept, read_bodies

_FIRST_STRETCH = 64
_MAX_STRETCH = 4096
"""Leaves read at a time; grows from the first, because most searches end soon."""

_Stretch = list[tuple[int, Leaf]]


def newest_first(reader: LogReader, origin: str) -> Iterator[Kept]:
    """Yield the records of a log.

    Args:
        reader: The log, as it was opened.

        origin: What the log is called.
    """
    for stretch in _stretches(reader):
        stored = read_bodies(stretch, reader)
        for index, leaf in stretch:
            yield kept(index, leaf, stored.get(index), origin)


def _stretches(reader: LogReader) -> Iterator[_Stretch]:
    """Yield the leaves in stretches, newest first; what is no leaf is passed over."""
    size = _FIRST_STRETCH
    stretch: _Stretch = []
    for index, line in reader.newest_first():
        leaf = parse_leaf(line)
        if leaf is not None:
            stretch.append((index, leaf))
        if len(stretch) >= size:
            yield stretch
            stretch = []
            size = min(2 * size, _MAX_STRETCH)
    if stretch:
        yield stretch
