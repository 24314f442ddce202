# ruff: noqa: S608 — every name and value that goes into a query here is quoted, or a number
"""Pages out of many files: from the newest on, and no further than the page needs.

A sealed file tells between which times its rows are. So after some files, sorted by
the end that comes first, nothing in the others can come before a row that lies beyond
where they begin. Files are taken in groups that grow: a page of what is frequent needs one or two,
a page of what is rare is one query over most.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from indelible.query.compile import Where
from indelible.query.engine import Engine, Rows
from indelible.query.pages import Cursor
from indelible.query.snapshot import Sealed, branches, by_stack
from indelible.store.index.columns import NAMES, ROW
from indelible.store.index.duck import quoted

EVERYTHING = Where("true", [], None, None)

_TIME, _WRITER, _SEQ = (1 + NAMES.index(name) for name in ("time", "writer", "seq"))
"""Places in a hit: the class, and then the row."""
_ORDER = ("time", "writer", "seq", "class")
_FILE_HITS = 50
"""Where more are wanted, so many to a file, the walk begins with more files at once."""
_MAX_TIMES = 1000
"""In one list."""
_MAX_ACTORS = 20


@dataclass(frozen=True, slots=True)
class Place:
    """Which part of the matching rows is wanted."""

    limit: int
    """How many; one more is given where there is one."""
    after: Cursor | None = None
    oldest_first: bool = False


def walk(
    engine: Engine, files: list[Sealed], where: Where, place: Place, *, replaced: bool
) -> Rows:
    """Return the class and the row of each hit, in order, and of one more than asked for.

    Args:
        replaced: Whether rows of the copies may be replaced by late ones.

    Raises:
        GoneError: If a file is not there any more.

        FormatError: If one cannot be read.
    """
    waiting = _sorted(files, where, place)
    keys: Rows = []
    size = 0
    while True:
        # What is in memory comes first: the newest rows are there.
        first = size == 0
        group, waiting = waiting[:size], waiting[size:]
        if group or first:
            keys += _keys(engine, group, where, place, first=first, replaced=replaced)
            keys.sort(key=_order_of, reverse=not place.oldest_first)
            del keys[place.limit + 1 :]
        if not waiting or _is_enough(keys, waiting[0], place):
            break
        size = max(1, place.limit // _FILE_HITS, 3 * size)
    return _fetch(engine, files, where, keys, replaced=replaced)


def place_of(hit: tuple[Any, ...]) -> Cursor:
    """Return where a hit stands."""
    return Cursor(hit[_TIME], hit[_WRITER], hit[_SEQ], hit[0])


def _order_of(key: tuple[Any, ...]) -> tuple[Any, ...]:
    return key[:4]


def _key_of(hit: tuple[Any, ...]) -> tuple[Any, ...]:
    return hit[_TIME], hit[_WRITER], hit[_SEQ], hit[0]


def _sorted(files: list[Sealed], where: Where, place: Place) -> list[Sealed]:
    """Return the files that can have hits, the one that begins first in the order first."""
    low, high = where.from_us, where.to_us
    if place.after is not None:
        at = place.after.time_us
        if place.oldest_first:
            low = at if low is None else max(low, at)
        else:
            high = at if high is None else min(high, at)
    found = [file for file in files if file.meets(low, high)]
    if place.oldest_first:
        return sorted(found, key=lambda file: file.from_us)
    return sorted(found, key=lambda file: file.to_us, reverse=True)


def _is_enough(keys: Rows, next_file: Sealed, place: Place) -> bool:
    """Return whether no file that is left can have a hit before the last one here."""
    if len(keys) <= place.limit:
        return False
    last = keys[-1][0]
    return bool(last < next_file.from_us if place.oldest_first else last > next_file.to_us)


def _keys(
    engine: Engine,
    group: list[Sealed],
    where: Where,
    place: Place,
    *,
    first: bool,
    replaced: bool,
) -> Rows:
    """Return where the hits in a group of files stand, and in which file: few columns are read."""
    relation = branches(by_stack(group), hot=first, late=first, replaced=replaced, source=True)
    turn = "ASC" if place.oldest_first else "DESC"
    order = ", ".join(f"{name} {turn}" for name in _ORDER)
    return engine.rows(
        f"SELECT epoch_us(time), writer, seq, class, source, actor_id FROM ({relation}) "
        f"WHERE {where.sql}{_beyond(place)} ORDER BY {order} LIMIT {place.limit + 1:d}",
        where.parameters,
    )


def _fetch(
    engine: Engine, files: list[Sealed], where: Where, keys: Rows, *, replaced: bool
) -> Rows:
    """Return the whole rows of *keys*, in their order."""
    if not keys:
        return []
    sources = {key[4] for key in keys}
    holding = [file for file in files if str(file.path) in sources]
    relation = branches(
        by_stack(holding), hot="hot" in sources, late="late" in sources, replaced=replaced
    )
    condition, parameters = _among(keys, where)
    # Sorted only so that all is there before the first row leaves: several threads read then.
    rows = engine.rows(
        f"SELECT class, {ROW} FROM (SELECT * FROM ({relation}) WHERE {condition} ORDER BY time)",
        parameters,
    )
    by_key = {_key_of(row): row for row in rows}
    return [by_key[key[:4]] for key in keys]


def _among(keys: Rows, where: Where) -> tuple[str, list[object]]:
    """Return a condition that holds for the rows of *keys*, and for few others.

    It is made of what a file is read by: lists of values, and stretches. Of most rows
    only the columns that stand in it are read then.
    """
    times, actors = {key[0] for key in keys}, {key[5] for key in keys}
    parameters: list[object] = []
    if len(times) <= _MAX_TIMES:
        condition = f"time IN ({', '.join(f'make_timestamp({at:d})' for at in times)})"
    else:
        first, last = min(times), max(times)
        condition = (
            f"time BETWEEN make_timestamp({first:d}) AND make_timestamp({last:d}) AND ({where.sql})"
        )
        parameters = list(where.parameters)
    if len(actors) <= _MAX_ACTORS and None not in actors:
        # Files are sorted by it: most groups of rows are left out.
        condition = f"actor_id IN ({', '.join(map(quoted, sorted(actors)))}) AND {condition}"
    return condition, parameters


def _beyond(place: Place) -> str:
    """Return the condition that a row comes after the place where the page begins."""
    if place.after is None:
        return ""
    after, sign = place.after, ">" if place.oldest_first else "<"
    at = f"make_timestamp({after.time_us:d})"
    rest = f"({quoted(after.writer)}, {after.seq:d}, {quoted(after.name)})"
    # The first condition is the one that leaves out whole groups of rows.
    return f" AND time {sign}= {at} AND (time {sign} {at} OR (writer, seq, class) {sign} {rest})"
