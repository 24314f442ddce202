"""Entry, row, line: exact both ways, whoever wrote the record."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indelible.errors import FormatError
from indelible.model.canonical import format_time
from indelible.model.flat import Fields
from indelible.store.index.columns import (
    LINE_TYPES,
    NAMES,
    Row,
    from_line,
    to_entry,
    to_line,
    to_row,
)
from tests.store.index.entries import AT_US, CALL_ID, ENTRIES, ORIGIN, an_entry


def exact(entry: Fields) -> str:
    """Return *entry* as text that tells 1 from 1.0 and from true."""
    return json.dumps(entry, sort_keys=True)


def named(row: Row) -> dict[str, object]:
    return {name: value for name, value in zip(NAMES, row, strict=True) if value is not None}


@pytest.mark.requirement("index.rows-are-exact")
@given(ENTRIES, st.none() | st.integers(0, 4_102_444_800_000_000))
def test_an_entry_comes_back_from_its_row_as_it_was(entry: Fields, received_at: int | None) -> None:
    row = to_row(entry, received_at)
    assert exact(to_entry(row, ORIGIN)) == exact(entry)
    assert from_line(to_line(row)) == row


@given(ENTRIES)
def test_a_row_holds_no_text_that_a_database_refuses(entry: Fields) -> None:
    line = to_line(to_row(entry, AT_US))
    assert line.count(b"\n") == 1
    assert "\0" not in "".join(str(value) for value in to_row(entry, AT_US))


def test_what_another_column_says_is_not_said_twice() -> None:
    row = named(to_row(an_entry(), AT_US + 5))
    assert "request_id" not in row
    assert "target" not in row
    assert "redactions" not in row
    assert "skew_us" not in row
    assert "extra" not in row
    assert (row["target_from"], row["leaf"], row["leaf_end"]) == ("id", 11, 2)


def test_a_clock_that_ran_ahead_counts_no_more_than_the_collector() -> None:
    entry = an_entry(timestamp=format_time(AT_US + 1_000_000))
    row = to_row(entry, AT_US)
    assert (named(row)["time"], named(row)["skew_us"]) == (AT_US, 1_000_000)
    assert to_entry(row, ORIGIN) == entry


@pytest.mark.parametrize(
    "timestamp", ["yesterday", None, "2026-11-24T06:13:07+02:00", "0001-01-01T00:00:00Z"]
)
def test_a_time_that_is_none_or_is_written_otherwise_comes_back_too(timestamp: str | None) -> None:
    entry = an_entry(timestamp=timestamp)
    assert to_entry(to_row(entry, AT_US), ORIGIN) == entry


def test_a_call_whose_body_was_erased_keeps_its_id() -> None:
    entry = an_entry(requestId=None, args=None, erased=True)
    row = to_row(entry, AT_US)
    assert named(row)["call_id"] == CALL_ID
    assert to_entry(row, ORIGIN) == entry


@pytest.mark.parametrize("leaves", [None, {"received": 7}, {"received": 7, "completed": None},
                                    {"received": None, "completed": 7},
                                    {"received": 7, "completed": 3}])  # fmt: skip
def test_a_row_tells_which_of_its_records_are_sealed(leaves: dict[str, int | None] | None) -> None:
    log = ORIGIN if leaves and leaves["received"] is not None else None
    entry = an_entry(leaves=leaves, log=log)
    assert to_entry(to_row(entry, None), ORIGIN) == entry


def test_a_record_that_calls_itself_a_call_stays_what_it_is() -> None:
    for entry in (
        {"kind": "call", "timestamp": None, "recordId": "w/1", "log": ORIGIN,
         "leaves": {"call": 3}, "redactions": [], "erased": False, "tool": "x"},
        {**an_entry(), "leaves": {"call": 3}},
    ):  # fmt: skip
        row = to_row(entry, AT_US)
        assert to_entry(row, ORIGIN) == entry
        assert named(row)["leaf"] == 3


@given(st.binary(max_size=60) | ENTRIES.map(lambda entry: json.dumps(entry).encode()))
def test_any_other_line_is_refused(line: bytes) -> None:
    try:
        row = from_line(line)
    except FormatError:
        return
    assert set(json.loads(line)) <= set(LINE_TYPES)
    assert len(row) == len(NAMES)


@pytest.mark.parametrize("change", [{"extra": "{"}, {"args": "["}, {"extra": "7"}])
def test_a_row_that_cannot_be_read_is_refused(change: dict[str, str]) -> None:
    held = dict(zip(NAMES, to_row(an_entry(), AT_US), strict=True)) | change
    with pytest.raises(FormatError):
        to_entry(tuple(held.values()), ORIGIN)
    with pytest.raises(FormatError):
        to_entry((), ORIGIN)
