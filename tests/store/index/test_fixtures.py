"""Files of a query copy as schema 1 writes them: today's reader must read them.

`WRITE_FIXTURES=1 pytest tests/store/index/test_fixtures.py` makes those of the present
schema anew; those of older schemas are never touched again.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from indelible import durable
from indelible.store.index.columns import SCHEMA
from indelible.store.index.manifest import NAME, read_manifest
from tests.collect.emitters import Disk
from tests.store.index.copies import (
    HUGE,
    WRITERS,
    Kept,
    completed,
    entries,
    noticed,
    received,
)

FIXTURES = Path(__file__).parent.parent / "fixtures"
EXPECTED = "entries.ndjson"
A, B, C = WRITERS


def write(directory: Path, scratch: Path) -> None:
    """Write a small copy with sealed, new and open rows, and the entries that they are of."""
    log = Kept(scratch)
    log.append(noticed(A, 0, log.now_us))
    for seq in range(1, 9, 2):
        log.append(received(A, seq, log.now_us), completed(A, seq + 1, seq))
    log.append(received(B, 0, log.now_us + 10**9, id="not a uuid", tool="naïve \u2028 tool"))
    log.close(B, 0)
    log.append(completed(B, 7, 5), noticed(B, 8, 0))
    log.catch_up(limits=replace(HUGE, hot_rows=8))
    log.append(received(C, 0, log.now_us), received(C, 1, log.now_us), completed(C, 2, 0))
    log.catch_up()
    shutil.rmtree(directory, ignore_errors=True)
    shutil.copytree(log.paths.index, directory)
    told = entries(directory, log.origin)
    assert told == log.entries()
    (directory / EXPECTED).write_text("".join(f"{one}\n" for one in told), encoding="utf-8")


@pytest.mark.requirement("index.reads-old-files")
@pytest.mark.parametrize("directory", sorted(FIXTURES.glob("index-v*")), ids=lambda path: path.name)
def test_files_of_every_schema_are_read_as_they_were_written(directory: Path) -> None:
    found = read_manifest(directory)
    assert found is not None
    assert all(part.rows for part in (found.hot, found.open, *found.files))
    expected = (directory / EXPECTED).read_text(encoding="utf-8").splitlines()
    assert entries(directory, found.log) == expected


def test_the_present_schema_writes_what_its_fixtures_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change of the columns without a new schema would not be seen otherwise."""
    monkeypatch.setattr(durable, "os", Disk())
    old = FIXTURES / f"index-v{SCHEMA}"
    if os.environ.get("WRITE_FIXTURES") == "1":
        write(old, tmp_path / "fixtures")
    write(tmp_path / "copy", tmp_path / "log")
    found = read_manifest(old)
    assert found is not None
    for name in (EXPECTED, NAME, found.hot.file, found.open.file):
        assert (tmp_path / "copy" / name).read_text() == (old / name).read_text()
