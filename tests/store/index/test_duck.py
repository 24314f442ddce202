"""Through DuckDB and Parquet and back: every row as it was."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indelible.errors import StateError
from indelible.model.flat import Fields
from indelible.store.index import duck, sealing
from indelible.store.index.columns import COLUMNS, NAMES, ROW, Row, to_entry, to_line, to_row
from indelible.store.index.keep import Limits
from indelible.store.index.lines import Lines, leaf_of
from indelible.store.index.manifest import Part
from tests.store.index.entries import AT_US, ENTRIES, ORIGIN, an_entry

TIMES = st.none() | st.integers(0, 4_102_444_800_000_000)


def text(entries: list[Fields]) -> list[str]:
    return sorted(json.dumps(entry, sort_keys=True) for entry in entries)


@pytest.mark.requirement("index.rows-are-exact")
@given(st.lists(st.tuples(ENTRIES, TIMES), min_size=1, max_size=20))
@settings(max_examples=60)
def test_an_entry_is_the_same_after_lines_and_parquet(
    made: list[tuple[Fields, int | None]],
) -> None:
    entries = [entry for entry, _ in made]
    rows = [to_row(entry, at) for entry, at in made]
    with (
        duck.opened(256) as db,
        duck.held(b"".join(to_line(row) for row in rows)) as name,
        tempfile.TemporaryDirectory() as directory,
    ):
        read = [
            tuple(row)
            for row in db.execute(f"SELECT {ROW} FROM ({duck.from_lines(name)})").fetchall()
        ]
        assert read == rows
        path = Path(directory) / "00000001.parquet"
        assert duck.seal(db, duck.from_lines(name), path) == path.stat().st_size
        sealed = db.execute(f"SELECT {ROW} FROM ({duck.from_sealed([path])})").fetchall()
        assert sorted(map(repr, sealed)) == sorted(map(repr, rows))
        assert text([to_entry(tuple(row), ORIGIN) for row in sealed]) == text(entries)


def test_the_columns_of_lines_and_of_parquet_have_the_types_they_are_said_to(
    tmp_path: Path,
) -> None:
    path = tmp_path / "00000001.parquet"
    with duck.opened(256) as db, duck.held(to_line(to_row(an_entry(), AT_US))) as name:
        duck.seal(db, duck.from_lines(name), path)
        for rows in (duck.from_lines(name), duck.from_sealed([path])):
            told = db.execute(f"DESCRIBE {rows}").fetchall()
            assert [(name, kind) for name, kind, *_ in told] == [(c.name, c.type) for c in COLUMNS]


def test_rows_of_a_sealed_file_lie_by_actor_and_then_by_time(tmp_path: Path) -> None:
    rows = [
        to_row(an_entry(actor={**an_entry()["actor"], "id": who}), AT_US + at)  # type: ignore[dict-item]
        for who, at in [("bob", 3), ("ann", 2), ("bob", 1), ("ann", 1)]
    ]
    path = tmp_path / "1.parquet"
    with duck.opened(256) as db, duck.held(b"".join(map(to_line, rows))) as name:
        duck.seal(db, duck.from_lines(name), path)
        found = db.execute(f"SELECT actor_id FROM ({duck.from_sealed([path])})").fetchall()
    assert [who for (who,) in found] == ["ann", "ann", "bob", "bob"]


def test_only_so_much_of_a_growing_file_is_read(tmp_path: Path) -> None:
    line = to_line(to_row(an_entry(), AT_US))
    path = tmp_path / "hot-00000001.ndjson"
    path.write_bytes(line * 3 + line[:20])
    with duck.opened(256) as db, duck.prefix(path, 2 * len(line)) as name:
        assert db.execute(f"SELECT count(*) FROM ({duck.from_lines(name)})").fetchall() == [(2,)]
    with pytest.raises(FileNotFoundError), duck.prefix(path, 9 * len(line)):
        pass


def test_a_path_with_a_quote_is_a_path(tmp_path: Path) -> None:
    directory = tmp_path / "it's"
    directory.mkdir()
    path = directory / "1.parquet"
    with duck.opened(256) as db, duck.held(to_line(to_row(an_entry(), AT_US))) as name:
        duck.seal(db, duck.from_lines(name), path)
        assert len(db.execute(duck.from_sealed([path])).fetchall()) == 1


def test_what_duckdb_says_is_told_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="query copy") as told, duck.opened(256) as db:
        db.execute(duck.from_sealed([tmp_path / "none.parquet"]))
    assert "rebuild" in told.value.hint


def test_no_extension_is_loaded_by_itself() -> None:
    with duck.opened(256) as db:
        for name in ("autoload_known_extensions", "autoinstall_known_extensions"):
            assert db.execute(f"SELECT current_setting('{name}')").fetchall() == [(False,)]
        assert db.execute("SELECT current_setting('TimeZone')").fetchall() == [("UTC",)]


def sealed(directory: Path) -> tuple[Part, list[Row]]:
    rows = [to_row(an_entry(leaves={"received": 2 * n, "completed": 2 * n + 1}), AT_US + n)
            for n in range(5)]  # fmt: skip
    lines = Lines()
    for row in rows:
        lines.add(row)
    (directory / "hot-00000001.ndjson").write_bytes(lines.data())
    (part,) = seal(directory, lines.part("hot-00000001.ndjson"))
    return part, rows


def seal(directory: Path, part: Part) -> tuple[Part, ...]:
    numbers = iter(range(9))
    return sealing.seal(directory, part, (), lambda: next(numbers), Limits().taken_in)


def read(directory: Path, part: Part) -> list[Row]:
    with duck.opened(256) as db:
        found = db.execute(f"SELECT {ROW} FROM ({duck.from_sealed([directory / part.file])})")
        return sorted((tuple(row) for row in found.fetchall()), key=leaf_of)


def test_a_sealed_file_is_written_again_with_other_rows(tmp_path: Path) -> None:
    part, rows = sealed(tmp_path)
    before = (tmp_path / part.file).read_bytes()
    other = list(rows[2])
    other[NAMES.index("error")] = "it's gone"
    made = sealing.rewrite(tmp_path, part, 7, {0: None, 4: tuple(other), 99: None})
    assert made is not None
    assert made.file == "day=2026-11-24/00000007.parquet"
    assert read(tmp_path, made) == [rows[1], tuple(other), rows[3], rows[4]]
    assert (made.rows, made.from_us, made.to_us) == (4, part.from_us, part.to_us)
    assert (tmp_path / part.file).read_bytes() == before
    assert sealing.rewrite(tmp_path, part, 8, {leaf_of(row): None for row in rows}) is None


def test_rows_that_are_missing_are_not_sealed(tmp_path: Path) -> None:
    part, _ = sealed(tmp_path)
    hot = tmp_path / "hot-00000001.ndjson"
    told = Part(hot.name, rows=part.rows + 1, bytes=hot.stat().st_size)
    with pytest.raises(StateError, match="missing"):
        seal(tmp_path, told)
