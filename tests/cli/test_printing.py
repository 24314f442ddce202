"""Rows for people, programs and spreadsheets."""

from __future__ import annotations

import csv
import datetime
import decimal
import io
import json
import uuid

import pytest

from indelible.cli.layout import width
from indelible.cli.printing import form_of, plain, print_rows
from indelible.errors import UsageError


def test_values_of_a_database_become_json() -> None:
    at = datetime.datetime(2026, 11, 24, 4, 13, 7, 1)  # noqa: DTZ001 — as DuckDB gives them
    one = uuid.UUID("01a20bc1-e838-7000-8000-00000000abcd")
    values = [at, decimal.Decimal("1.50"), decimal.Decimal(3), float("nan"), b"\x01", one, {1: at}]
    assert [plain(value) for value in values] == [
        "2026-11-24T04:13:07.000001Z", 1.5, 3, None, "01", str(one),
        {"1": "2026-11-24T04:13:07.000001Z"},
    ]  # fmt: skip


@pytest.mark.requirement("query.csv-safe")
@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "  =", "\n="])
def test_no_cell_of_csv_begins_a_formula(start: str, capsys: pytest.CaptureFixture[str]) -> None:
    hostile = f'{start}HYPERLINK("x")'
    print_rows("csv", ["name", hostile], [["a", hostile], ["b, c", -1]])
    out = capsys.readouterr().out
    [head, first, second] = csv.reader(io.StringIO(out, newline=""))
    assert head == ["name", f"'{hostile}"]
    assert first == ["a", f"'{hostile}"]
    assert second == ["b, c", "-1"]


@pytest.mark.requirement("query.csv-safe")
def test_csv_on_a_terminal_acts_on_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = "\x1b[31m\u202e\x9b"
    print_rows("csv", ["a"], [[hostile]])
    assert list(csv.reader(io.StringIO(capsys.readouterr().out)))[1] == [hostile], "exact in a file"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    print_rows("csv", [hostile], [[hostile]])
    shown = r"\x1b[31m\u202e\x9b"
    assert capsys.readouterr().out == f"{shown}\r\n{shown}\r\n"


def test_json_keeps_columns_of_one_name_apart(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows("json", ["a", "a", "b"], [[1, 2, None]])
    assert json.loads(capsys.readouterr().out) == [{"a": 1, "a_2": 2, "b": None}]
    print_rows("ndjson", ["a"], [[1], ["x\n"]])
    assert [json.loads(row) for row in capsys.readouterr().out.splitlines()] == [
        {"a": 1},
        {"a": "x\n"},
    ]


@pytest.mark.parametrize("columns", ["20", "60", "200"])
def test_a_table_fits_and_acts_on_nothing(
    columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    print_rows("table", ["tool\x1b", "n"], [["東京" * 40 + "\x1b[2J", 7], ["x", 1234567]])
    lines = capsys.readouterr().out.splitlines()
    assert all(line.isprintable() for line in lines)
    assert max(map(width, lines)) <= int(columns)
    assert lines[1].endswith(" 7")


def test_two_forms_exclude_each_other() -> None:
    assert form_of(as_json=False, ndjson=False, as_csv=False) == "table"
    assert form_of(as_json=False, ndjson=True, as_csv=False) == "ndjson"
    with pytest.raises(UsageError, match="--json and --csv exclude each other"):
        form_of(as_json=True, ndjson=False, as_csv=True)
