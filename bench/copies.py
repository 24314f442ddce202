"""A large query copy out of a small one: rows made by SQL, files made by what seals them.

Ten million calls through Recorders would take hours. So the rows of a really recorded
trail are taken again and again, each time as other calls: other times, ids, sessions and
numbers; what was called, by whom and with which arguments stays. Files are those that
upkeep makes at `generator.CALLS_PER_S`: small ones at first, in the end three a day, and
what is left of the last day in the hot part. A file has no recorded row twice, so nothing
compresses better than it would (in a quick run it has).
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from bench.generator import CALLS_PER_S, LOAD
from bench.recorded import Recorded
from indelible.deliver.spool import ROLL_US
from indelible.store.index import duck, lines, manifest
from indelible.store.index.columns import COLUMNS, ROW
from indelible.store.index.keep import Limits
from indelible.store.index.manifest import Manifest, Part, read_manifest
from indelible.store.state import State, resolve

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
DAY_ROWS = int(CALLS_PER_S * 86_400)
LIMITS = Limits()
FILE_ROWS = LIMITS.hot_rows
END_HOUR = 10
LAST_DAY_ROWS = DAY_ROWS * sum(LOAD[:END_HOUR]) // sum(LOAD)
"""39,410: beside ten million sealed ones all of them are in the hot part."""
NEEDLE = "zanzibar"
"""In the arguments of three calls of one day."""
NEEDLE_DAYS = 1
"""How many midnights that day begins before the last one."""
MEMORY_MB = 2_000


class Copy(NamedTuple):
    """A state whose query copy was made by SQL; its log is that of the recorded trail."""

    state: State
    rows: int
    end_us: int
    """Just after its newest row."""

    @property
    def directory(self) -> Path:
        """Where the query copy is."""
        return self.state.log().index

    @property
    def manifest(self) -> Manifest:
        """What it is made of."""
        found = read_manifest(self.directory)
        assert found is not None
        return found

    @property
    def needle_us(self) -> int:
        """When the day that holds the needle begins."""
        return midnight(self.end_us) - NEEDLE_DAYS * DAY_US


class Stretch(NamedTuple):
    """The rows of one file: some of a day's calls."""

    number: int
    day_us: int
    """The midnight before."""
    first: int
    rows: int
    has_needle: bool


def midnight(at_us: int) -> int:
    """Return the midnight before a time."""
    return at_us - at_us % DAY_US


def end_before(now_us: int) -> int:
    """Return the latest time of day before *now_us* that a copy can end at."""
    return midnight(now_us - END_HOUR * HOUR_US) + END_HOUR * HOUR_US


def grow(source: Recorded, root: Path, rows: int, end_us: int) -> Copy:
    """Return a state at *root* that has so many rows, the newest of them before *end_us*.

    Args:
        end_us: As `end_before` gives it.
    """
    shutil.copytree(source.state.root, root, ignore=shutil.ignore_patterns("index"))
    state = resolve(root, {"HOME": str(root.parent)})
    shutil.copytree(source.state.checkpoints, state.checkpoints)
    found = read_manifest(source.state.log().index)
    assert found is not None
    directory = state.log().index
    with duck.opened(MEMORY_MB) as db:
        total = _take_in(db, source.state.log().index, found)
        *older, newest = _stretches(rows, end_us)
        parts = [_seal(db, directory, stretch, total) for stretch in older]
        hot = _hot(db, directory, newest, total)
    opened = Part(manifest.open_name(len(parts) + 1))
    made = replace(found, next=len(parts) + 2, hot=hot, open=opened, files=tuple(parts))
    manifest.write_manifest(directory, made)
    return Copy(state, rows, end_us)


def _take_in(db: Any, directory: Path, found: Manifest) -> int:
    """Put the recorded calls into the table `base`, with their `place` in it; count them."""
    with ExitStack() as stack:
        sources = []
        if found.hot.rows:
            hot = duck.prefix(directory / found.hot.file, found.hot.bytes)
            sources.append(duck.from_lines(stack.enter_context(hot)))
        if found.files:
            sources.append(duck.from_sealed([directory / part.file for part in found.files]))
        both = " UNION ALL BY NAME ".join(f"({one})" for one in sources)
        db.execute(
            f"CREATE TABLE found AS FROM ({both}) WHERE kind = 'call' AND outcome IS NOT NULL"
        )
    [(count, last)] = db.execute("SELECT count(*), max(seq) FROM found").fetchall()
    # Of a quick run's trail a file needs each row more than once.
    again = -(-FILE_ROWS // count)
    db.execute(
        f"CREATE TABLE base AS SELECT * REPLACE (seq + turn * {last + 2} AS seq), "
        "row_number() OVER (ORDER BY turn, time, writer, seq) - 1 AS place "
        f"FROM found, range({again}) turns(turn)"
    )
    return int(count * again)


def _stretches(rows: int, end_us: int) -> Iterator[Stretch]:
    """Yield what the files hold, the oldest first: whole days, the first and the last one cut."""
    older = rows - LAST_DAY_ROWS
    days = -(-older // DAY_ROWS)
    first = days * DAY_ROWS - older
    number = sealed = 0
    for back in range(days, -1, -1):
        day_us = midnight(end_us) - back * DAY_US
        for count in _files(sealed, (DAY_ROWS if back else LAST_DAY_ROWS) - first):
            yield Stretch(number, day_us, first, count, back == NEEDLE_DAYS and first == 0)
            number, first, sealed = number + 1, first + count, sealed + count
        first = 0


def _files(sealed: int, rows: int) -> list[int]:
    """Return the rows of the files that upkeep makes of a day's, beside so many sealed ones."""
    found: list[int] = []
    while rows:
        fresh = min(LIMITS.full_rows(sealed + sum(found)), rows)
        rows -= fresh
        taken = LIMITS.taken_in(fresh, found) if rows else 0
        found[len(found) - taken :] = [fresh + sum(found[len(found) - taken :])]
    return found


def _rows(stretch: Stretch, total: int) -> str:
    """Return the query for the rows of one file; `n` is the number of a row in it."""
    k = stretch.number
    begin = k * 31_337 % total
    new = {
        "time": "make_timestamp(us)",
        "received_at": f"make_timestamp((us // {ROLL_US} + 1) * {ROLL_US} + 1234567)",
        "call_id": _uuid("printf('%012x', us // 1000)", "7", f"'c{k}-' || place"),
        "request_id": "CASE WHEN request_id IS NOT NULL THEN "
        + _uuid(f"left(md5('q{k}-' || place), 12)", "4", f"'r{k}-' || place")
        + " END",
        "session_id": f"left(md5('s{k}-' || session_id), length(session_id))",
        "seq": f"seq + {k} * (max(seq) OVER () + 2)",
        "leaf": f"{2 * k * FILE_ROWS} + 2 * n",
        "leaf_end": "1",
        "args": _args(stretch),
    }
    listed = ", ".join(
        f"CAST({new[one.name]} AS {one.type}) AS {one.name}" if one.name in new else one.name
        for one in COLUMNS
    )
    return (
        f"SELECT {listed} FROM (SELECT *, {_time(stretch)} AS us FROM "
        f"(SELECT *, (place - {begin} + {total}) % {total} AS n FROM base) "
        f"WHERE n < {stretch.rows})"
    )


def _args(stretch: Stretch) -> str:
    """Return the expression of arguments, three of which have a member more."""
    if not stretch.has_needle:
        return "args"
    some = ", ".join(str(stretch.rows * part // 4) for part in (1, 2, 3))
    return f"""CASE WHEN n IN ({some}) THEN '{{"about":"{NEEDLE}",' || args[2:] ELSE args END"""


def _uuid(head: str, version: str, seed: str) -> str:
    """Return the expression of a UUID that begins with twelve digits."""
    digest = f"md5({seed})"
    return (
        f"({head}[1:8] || '-' || {head}[9:12] || '-{version}' || "
        f"{digest}[1:3] || '-a' || {digest}[4:6] || '-' || {digest}[7:18])"
    )


def _time(stretch: Stretch) -> str:
    """Return the expression of a row's time in microseconds: its place in the day's curve."""
    counts = [DAY_ROWS * share / sum(LOAD) for share in LOAD]
    firsts = itertools.accumulate(counts, initial=0.0)
    at = f"({stretch.first} + n)"
    cases = " ".join(
        f"WHEN {at} < {first + count} THEN {hour * HOUR_US} + ({at} - {first}) * {HOUR_US / count}"
        for hour, (first, count) in enumerate(zip(firsts, counts, strict=False))
    )
    # No two calls come exactly so far apart: noise that keeps them in order.
    within = f"CASE {cases} ELSE {DAY_US - 400_000} END + hash(place) % 200000"
    return f"({stretch.day_us} + CAST(floor({within}) AS BIGINT))"


def _seal(db: Any, directory: Path, stretch: Stretch, total: int) -> Part:
    """Write a sealed file, as upkeep does."""
    db.execute(f"CREATE OR REPLACE TABLE fresh AS {_rows(stretch, total)}")
    received, *span = db.execute(
        "SELECT min(received_at), epoch_us(min(time)), epoch_us(max(time)), "
        "epoch_us(min(received_at)), epoch_us(max(received_at)) FROM fresh"
    ).fetchall()[0]
    file = manifest.sealed_name(f"{received:%Y-%m-%d}", stretch.number)
    return Part(file, stretch.rows, duck.seal(db, "FROM fresh", directory / file), *span)


def _hot(db: Any, directory: Path, stretch: Stretch, total: int) -> Part:
    """Write the newest rows, as upkeep does."""
    held = lines.Lines()
    for row in db.execute(f"SELECT {ROW} FROM ({_rows(stretch, total)}) ORDER BY leaf").fetchall():
        held.add(row)
    return lines.append(directory, Part(manifest.hot_name(stretch.number)), held)
