"""The manifest: read as it was written, and refused as anything else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indelible.store.index.manifest import (
    MAX_BYTES,
    NAME,
    Manifest,
    Part,
    empty,
    format_manifest,
    hot_name,
    open_name,
    parse_manifest,
    read_manifest,
    sealed_name,
    write_manifest,
)

COUNTS = st.integers(0, 1 << 60)
TIMES = st.integers(-(1 << 60), 1 << 60)
NUMBERS = st.integers(0, 99_999_999)
DAYS = st.dates().map(lambda day: day.isoformat())


def parts(names: st.SearchStrategy[str]) -> st.SearchStrategy[Part]:
    return st.builds(Part, names, COUNTS, COUNTS, TIMES, TIMES, TIMES, TIMES)


MANIFESTS = st.builds(
    Manifest,
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    COUNTS,
    st.just("") | st.just("0f" * 32),
    COUNTS,
    parts(NUMBERS.map(hot_name)),
    parts(NUMBERS.map(open_name)),
    st.lists(parts(st.builds(sealed_name, DAYS, NUMBERS)), max_size=4).map(tuple),
)
ONE = empty("indelible.5f3a9c1e/default")


@given(MANIFESTS)
def test_a_manifest_is_read_as_it_was_written(manifest: Manifest) -> None:
    assert parse_manifest(format_manifest(manifest)) == manifest


@given(MANIFESTS, st.data())
def test_a_manifest_that_lost_a_member_is_none(manifest: Manifest, data: st.DataObject) -> None:
    held = json.loads(format_manifest(manifest))
    del held[data.draw(st.sampled_from(sorted(held)))]
    assert parse_manifest(json.dumps(held).encode()) is None


@given(st.binary(max_size=80))
def test_any_other_bytes_are_none(data: bytes) -> None:
    assert parse_manifest(data) is None


@pytest.mark.parametrize("change", [
    {"v": 2}, {"v": True}, {"schema": 0}, {"schema": 2}, {"leaves": -1}, {"leaves": "1"},
    {"leaves": True}, {"log": 1}, {"last": "x"}, {"next": 1.5}, {"files": {}}, {"files": [1]},
    {"hot": None}, {"open": {"file": "open-00000000.ndjson"}},
])  # fmt: skip
def test_a_manifest_of_another_version_or_kind_is_none(change: dict[str, object]) -> None:
    held = json.loads(format_manifest(ONE)) | change
    assert parse_manifest(json.dumps(held).encode()) is None


@pytest.mark.parametrize("name", [
    "../hot-00000001.ndjson", "/etc/passwd", "hot-1.ndjson", "day=2026-11-24/../00000001.parquet",
    "hot-00000001.ndjson\n", "day=2026-11-24/00000001.parquet'", "",
])  # fmt: skip
def test_a_manifest_names_nothing_but_files_of_the_copy(name: str) -> None:
    held = json.loads(format_manifest(ONE))
    held["hot"]["file"] = name
    assert parse_manifest(json.dumps(held).encode()) is None


def test_without_a_manifest_that_can_be_read_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / NAME
    assert read_manifest(tmp_path) is None
    assert read_manifest(tmp_path / "nowhere") is None
    write_manifest(tmp_path, ONE)
    assert read_manifest(tmp_path) == ONE
    path.write_bytes(b"{")
    assert read_manifest(tmp_path) is None
    path.unlink()
    path.symlink_to("/etc/passwd")
    assert read_manifest(tmp_path) is None
    path.unlink()
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    assert read_manifest(tmp_path) is None
