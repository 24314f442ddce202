"""The copy follows its log: whatever the order of the records and the cuts between the runs."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indelible import durable
from indelible.store.index.keep import Limits
from indelible.store.index.manifest import NAME, read_manifest, write_manifest
from tests.collect.emitters import Disk, snapshot
from tests.store.index.copies import (
    DAY_US,
    HUGE,
    SMALL,
    WRITERS,
    Kept,
    completed,
    entries,
    noticed,
    received,
    rows,
)

A, B, C = WRITERS


@pytest.fixture(autouse=True)
def _cheap_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable, "os", Disk())


@pytest.fixture
def log(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


def check(log: Kept) -> None:
    assert entries(log.paths.index, log.origin) == log.entries()


def call(log: Kept, writer: str, seq: int) -> None:
    log.append(received(writer, seq, log.now_us), completed(writer, seq + 1, seq))


STEPS = st.tuples(
    st.sampled_from(["begin", "end", "end", "close", "notice", "stray", "again", "catch", "day"]),
    st.sampled_from([A, B]),
    st.integers(0, 2),
)


@pytest.mark.requirement("index.same-whatever-the-cuts")
@given(st.lists(STEPS, max_size=40), st.sampled_from([SMALL, HUGE]))
@settings(max_examples=50)
def test_the_rows_are_those_of_the_log_whatever_the_cuts(
    steps: list[tuple[str, str, int]], limits: Limits
) -> None:
    """Endings come late, twice, before their call or without one; a forger writes numbers twice."""
    with tempfile.TemporaryDirectory() as directory:
        log = Kept(Path(directory))
        numbers = dict.fromkeys(WRITERS, 10)
        for what, writer, seq in steps:
            number = numbers[writer] = numbers[writer] + 1
            if what == "begin":
                log.append(received(writer, seq, log.now_us))
            elif what == "again":
                log.append(received(writer, seq, log.now_us), received(writer, seq, log.now_us))
            elif what == "end":
                log.append(completed(writer, number, seq), noticed(writer, number + 100, 5))
            elif what == "close":
                log.close(writer, seq)
            elif what == "notice":
                log.append(noticed(writer, number, log.now_us))
            elif what == "stray":
                log.append(completed(writer, number, seq, whose=A))
            elif what == "day":
                log.now_us += DAY_US
            else:
                log.catch_up(limits=limits)
        log.catch_up(limits=limits)
        check(log)
        other = Path(directory) / "other"
        log.catch_up(other, limits)
        assert entries(other, log.origin) == entries(log.paths.index, log.origin)


def test_a_call_is_one_row_with_the_leaves_of_both_its_records(log: Kept) -> None:
    log.append(received(A, 0, log.now_us))
    log.catch_up()
    assert (log.catch_up().open.rows, log.catch_up().hot.rows) == (1, 0)
    log.append(completed(A, 1, 0))
    made = log.catch_up()
    assert (made.open.rows, made.hot.rows, made.leaves) == (0, 1, 2)
    check(log)


def test_without_anything_new_nothing_is_written(log: Kept) -> None:
    call(log, A, 0)
    log.catch_up()
    before = snapshot(log.paths.index)
    log.catch_up()
    assert snapshot(log.paths.index) == before


def test_an_empty_log_has_an_empty_copy(log: Kept) -> None:
    made = log.catch_up()
    assert (made.rows, made.leaves, made.parts) == (0, 0, ())
    assert rows(log.paths.index) == []


@pytest.mark.parametrize("sealed", [True, False])
def test_a_writers_own_word_replaces_what_the_reconciler_said(log: Kept, sealed: bool) -> None:
    limits = SMALL if sealed else HUGE
    for seq in range(0, 12, 2):
        log.append(received(A, seq, log.now_us))
        log.close(A, seq)
    before = log.catch_up(limits=limits)
    log.append(completed(A, 1, 0), completed(A, 5, 4))
    made = log.catch_up(limits=limits)
    assert made.rows == before.rows
    assert bool(made.files) == sealed
    check(log)
    log.append(completed(A, 7, 0))
    assert log.catch_up(limits=limits).files == made.files
    check(log)


def test_an_ending_without_its_call_is_a_row_once(log: Kept) -> None:
    for limits in (HUGE, SMALL):
        log.append(completed(A, 1, 0))
        log.catch_up(limits=limits)
        log.append(completed(A, 3, 0))
        log.catch_up(limits=limits)
        check(log)
        for seq in range(0, 20, 2):
            call(log, B, seq)
        log.catch_up(limits=SMALL)
    assert len([row for row in rows(log.paths.index) if row[0] == "completed"]) == 1


def test_rows_are_sealed_by_the_day_they_were_collected(log: Kept) -> None:
    for _ in range(3):
        call(log, A, 0)
        log.now_us += DAY_US
    made = log.catch_up(limits=replace(HUGE, day_rows=3))
    days = [part.file.partition("/")[0] for part in made.files]
    assert days == ["day=2026-11-24", "day=2026-11-25", "day=2026-11-26"]
    assert made.hot.rows == 0
    check(log)


@pytest.mark.parametrize(("days", "sealed"), [(0, False), (1, False), (6, False), (7, True)])
def test_a_few_rows_wait_until_they_are_a_week_old(log: Kept, days: int, sealed: bool) -> None:
    call(log, A, 0)
    log.catch_up()
    log.now_us += days * DAY_US
    assert bool(log.catch_up().files) == sealed
    check(log)


def test_a_sealed_file_says_what_is_in_it(log: Kept) -> None:
    began = log.now_us
    for seq in range(0, 10, 2):
        call(log, A, seq)
    (part,) = log.catch_up(limits=replace(HUGE, hot_rows=5)).files
    assert part.rows == 5
    assert part.bytes == (log.paths.index / part.file).stat().st_size
    assert (part.from_us, part.to_us) == (began, began + 4000)
    assert (part.received_from_us, part.received_to_us) == (began + 1000, began + 5000)


def test_files_are_for_their_owner_only(log: Kept) -> None:
    for seq in range(0, 12, 2):
        call(log, A, seq)
    log.catch_up(limits=SMALL)
    for path in [log.paths.index, *log.paths.index.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path


def damage(log: Kept) -> Iterator[tuple[str, Path]]:
    found = read_manifest(log.paths.index)
    assert found is not None
    yield "cut", log.paths.index / found.hot.file
    yield "cut", log.paths.index / found.open.file
    yield "cut", log.paths.index / found.files[0].file
    yield "remove", log.paths.index / found.hot.file
    yield "remove", log.paths.index / found.open.file
    yield "remove", log.paths.index / found.files[0].file
    yield "fill", log.paths.index / found.open.file
    yield "remove", log.paths.index / NAME
    yield "fill", log.paths.index / NAME
    yield "cut", log.paths.index / NAME


def damaged_log(log: Kept) -> None:
    for seq in range(0, 12, 2):
        call(log, A, seq)
    log.append(received(B, 0, log.now_us))
    log.catch_up(limits=replace(HUGE, hot_rows=5))
    call(log, A, 20)
    log.catch_up()


@pytest.mark.parametrize("number", range(10))
def test_a_copy_that_is_not_whole_is_made_anew(log: Kept, number: int) -> None:
    damaged_log(log)
    for seq in range(30, 40, 2):
        call(log, A, seq)
    log.catch_up(limits=replace(HUGE, hot_rows=4))
    call(log, C, 0)
    log.catch_up()
    what, path = list(damage(log))[number]
    if what == "remove":
        path.unlink()
    else:
        size = path.stat().st_size
        path.write_bytes(path.read_bytes()[: size // 2] if what == "cut" else b"x" * size)
    log.catch_up()
    check(log)


@pytest.mark.parametrize("kind", ["hot", "sealed", "day", "file for a day"])
def test_a_link_or_a_directory_where_a_file_should_be_is_no_copy(log: Kept, kind: str) -> None:
    damaged_log(log)
    index, found = log.paths.index, read_manifest(log.paths.index)
    assert found is not None
    sealed = index / found.files[0].file
    if kind == "hot":
        (index / found.hot.file).unlink()
        (index / found.hot.file).mkdir()
    elif kind == "file for a day":
        shutil.rmtree(sealed.parent)
        sealed.parent.touch()
    else:
        moved = sealed if kind == "sealed" else sealed.parent
        moved.rename(index / "elsewhere")
        moved.symlink_to(index / "elsewhere")
    log.catch_up(limits=SMALL)
    check(log)
    made = read_manifest(index)
    assert made is not None
    assert not any((index / part.file).is_symlink() for part in made.parts)


@pytest.mark.requirement("index.newest-is-a-share")
def test_the_more_rows_are_sealed_the_more_wait(log: Kept) -> None:
    most = [HUGE.full_rows(sealed) for sealed in (0, 32_768, 100_000, 2_097_152, 10_000_000)]
    assert most == [1_024, 1_024, 3_125, 65_536, 65_536]
    for seq in range(0, 24, 2):
        call(log, A, seq)
        made = log.catch_up(limits=replace(HUGE, least_hot_rows=2, hot_share=3))
        assert made.hot.rows < max(2, (made.rows - made.hot.rows) // 3)
        check(log)


@pytest.mark.requirement("index.few-files")
def test_small_files_of_a_day_are_sealed_again_together(log: Kept) -> None:
    seen = []
    for seq in range(0, 32, 2):
        call(log, A, seq)
        made = log.catch_up(limits=replace(HUGE, hot_rows=1, file_rows=8))
        seen.append([part.rows for part in made.files])
        check(log)
    assert seen[:8] == [[1], [2], [2, 1], [4], [4, 1], [4, 2], [4, 2, 1], [8]]
    assert seen[-1] == [8, 8]
    log.now_us += DAY_US
    call(log, A, 40)
    made = log.catch_up(limits=replace(HUGE, hot_rows=1, file_rows=100))
    assert [part.rows for part in made.files] == [8, 8, 1]
    check(log)


def test_a_copy_of_another_log_is_made_anew(log: Kept, tmp_path: Path) -> None:
    call(log, A, 0)
    log.catch_up()
    found = read_manifest(log.paths.index)
    assert found is not None
    for other in (
        replace(found, log="indelible.00000000/default"),
        replace(found, leaves=found.leaves + 1),
        replace(found, leaves=1),
        replace(found, last="00" * 32),
    ):
        write_manifest(log.paths.index, other)
        log.catch_up()
        check(log)


def test_what_no_manifest_names_is_removed_and_other_files_are_not(log: Kept) -> None:
    damaged_log(log)
    index = log.paths.index
    (index / "hot-00000099.ndjson").write_bytes(b"x")
    (index / "day=2026-11-24" / "00000099.parquet").write_bytes(b"x")
    (index / "day=2026-11-24" / ".x.tmp").write_bytes(b"x")
    (index / "mine.txt").write_bytes(b"x")
    log.catch_up()
    names = {path.name for path in index.rglob("*")}
    assert "mine.txt" in names
    assert not names & {"hot-00000099.ndjson", "00000099.parquet", ".x.tmp"}
    check(log)


def test_a_copy_made_anew_takes_no_name_of_the_old_one(log: Kept) -> None:
    damaged_log(log)
    old = read_manifest(log.paths.index)
    new = log.catch_up(anew=True)
    assert old is not None
    assert not {part.file for part in old.parts} & {part.file for part in new.parts}
    check(log)


def test_lines_beyond_the_end_are_residue(log: Kept) -> None:
    call(log, A, 0)
    made = log.catch_up()
    path = log.paths.index / made.hot.file
    path.write_bytes(path.read_bytes() + b'{"kind":"half a li')
    assert len(rows(log.paths.index)) == 1
    call(log, A, 2)
    log.catch_up()
    check(log)
