"""Sealed files: rows sorted into Parquet, found again, and changed in another file."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from indelible.errors import StateError
from indelible.store.index import duck
from indelible.store.index.columns import ROW, Row
from indelible.store.index.lines import Key, Lines
from indelible.store.index.manifest import Part, day_of, sealed_name

MEMORY_MB = 1024

_AT = "coalesce(received_at, time)"
_SPAN = (
    "count(*), epoch_us(min(time)), epoch_us(max(time)), "
    f"epoch_us(min({_AT})), epoch_us(max({_AT}))"
)
_DAY = f"strftime(greatest({_AT}, TIMESTAMP '1970-01-01'), '%Y-%m-%d')"


def seal(
    directory: Path,
    part: Part,
    files: Sequence[Part],
    number: Callable[[], int],
    taken_in: Callable[[int, Sequence[int]], int],
) -> tuple[Part, ...]:
    """Sort the rows of a file of lines into sealed files, one for each day of collection.

    Args:
        files: The sealed files there are.

        number: Returns the number of the next file.

        taken_in: Returns how many of the last files of a day are sealed again with so many
            rows of that day.

    Returns:
        The sealed files there are then.

    Raises:
        StateError: If DuckDB cannot read or write them.

        OSError: If the disk cannot take them.
    """
    with duck.opened(MEMORY_MB) as db, duck.prefix(directory / part.file, part.bytes) as name:
        db.execute(
            f"CREATE TEMP TABLE fresh AS SELECT *, {_DAY} AS day FROM ({duck.from_lines(name)})"
        )
        days = db.execute("SELECT day, count(*) FROM fresh GROUP BY day ORDER BY day").fetchall()
        if sum(rows for _, rows in days) != part.rows:
            raise StateError(
                f"rows are missing in {str(directory / part.file)!r}",
                hint="`indelible index rebuild` makes the copy anew.",
            )
        found = list(files)
        for day, count in days:
            rows = f"SELECT * EXCLUDE (day) FROM fresh WHERE day = '{day}'"
            kept = len(found) - taken_in(count, _rows_of_day(found, day))
            if found[kept:]:
                older = duck.from_sealed([directory / one.file for one in found[kept:]])
                rows = f"{rows} UNION ALL BY NAME {older}"
            found[kept:] = [_write(db, rows, directory, sealed_name(day, number()))]
    return tuple(found)


def _rows_of_day(files: Sequence[Part], day: str) -> list[int]:
    """Return the rows of each of the last files that are all of one day."""
    last = itertools.takewhile(lambda one: day_of(one) == day, reversed(files))
    return [one.rows for one in last][::-1]


def find(
    directory: Path, parts: Iterable[Part], calls: Iterable[Key]
) -> Iterator[tuple[Part, Row]]:
    """Yield the rows of these calls, and those of endings of them that have no beginning.

    Raises:
        StateError: If DuckDB cannot read them.
    """
    by_path = {str(directory / part.file): part for part in parts}
    if not by_path:
        return
    with duck.opened(MEMORY_MB) as db:
        db.execute("CREATE TEMP TABLE wanted (writer VARCHAR, seq BIGINT)")
        db.executemany("INSERT INTO wanted VALUES (?, ?)", [list(call) for call in calls])
        rows = duck.from_sealed([Path(path) for path in by_path], filename=True)
        found = db.execute(
            f"SELECT {ROW}, filename FROM ({rows}) "
            "WHERE (kind = 'call' AND (writer, seq) IN (FROM wanted)) "
            # One record that DuckDB cannot read as JSON must not hinder all others.
            "OR (kind = 'completed' AND (TRY(extra->>'$.of.writer'), "
            "TRY(CAST(extra->>'$.of.seq' AS BIGINT))) IN (FROM wanted))"
        )
        for *row, path in found.fetchall():
            yield by_path[path], tuple(row)


def rewrite(
    directory: Path, part: Part, number: int, changes: Mapping[int, Row | None]
) -> Part | None:
    """Write the rows of *part* to another file, with the changes; return what that is.

    Args:
        number: Of the new file.

        changes: The new row of each leaf, or None where the row is to go.

    Returns:
        None if no row is left.

    Raises:
        StateError: If DuckDB cannot read or write them.

        OSError: If the disk cannot take them.
    """
    changed = Lines()
    for row in changes.values():
        if row is not None:
            changed.add(row)
    with duck.opened(MEMORY_MB) as db, duck.held(changed.data()) as name:
        db.execute("CREATE TEMP TABLE gone (leaf BIGINT)")
        db.executemany("INSERT INTO gone VALUES (?)", [[leaf] for leaf in changes])
        db.execute(
            "CREATE TEMP TABLE changed AS SELECT * "
            f"FROM ({duck.from_sealed([directory / part.file])}) "
            "WHERE leaf NOT IN (FROM gone) "
            f"UNION ALL {duck.from_lines(name)}"
        )
        if not db.execute("SELECT count(*) FROM changed").fetchall()[0][0]:
            return None
        return _write(db, "FROM changed", directory, sealed_name(day_of(part), number))


def _write(db: duck.Connection, rows: str, directory: Path, file: str) -> Part:
    size = duck.seal(db, rows, directory / file)
    count, *span = db.execute(f"SELECT {_SPAN} FROM ({rows})").fetchall()[0]
    return Part(file, count, size, *span)
