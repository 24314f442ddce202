"""Exports: exact as NDJSON, safe as CSV, and the guide's SQL on SQLite, to the microsecond."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indelible.errors import IndelibleError, UsageError
from indelible.model.canonical import format_time
from indelible.model.flat import Fields, Kept, call_entry, record_entry
from indelible.query.export import export_file, export_stream
from indelible.query.formats.csv_text import csv_line, safe_cell
from indelible.query.formats.sqlite_file import sqlite_time
from indelible.query.formats.table import COLUMNS, row_of
from indelible.query.views import VIEWS
from indelible.store.index import duck
from tests.model.events import COUNTS, EVENTS, STAMPS, WRITER, record_of
from tests.query.guide import DESTRUCTIVE, FAILING, FREQUENT

DAY_US = 86_400_000_000
GUIDE_COLUMNS = (
    "timestamp request_id actor_id actor_ip tool args outcome error duration_ms server_version"
)

"""The guide's, as they stand there."""


def a_call(at_us: int, seq: int = 0, *, sealed: bool = False, **more: object) -> Fields:
    """Return the entry of a tool call that was received at a time."""
    header: Fields = {
        "kind": "received", "timestamp": format_time(at_us), "writer": WRITER, "seq": seq,
        "id": f"019ab3c4-d5e6-7abc-9def-{seq:012d}", "method": "tools/call", "tool": "find",
        "server": "crm", "serverVersion": "2.4.0", "direction": "client", "effect": "read",
        "transport": "stdio", "capturedBy": "wrap",
    }  # fmt: skip
    body: Fields = {
        "actor": {"id": "ann", "provenance": "asserted"},
        "args": {"path": "/a"},
        "requestId": header["id"],
        "session": {"id": "s-1", "from": "process"},
    }
    end: Fields = {"kind": "completed", "outcome": "ok", "durationUs": 1_500}
    leaves = (seq, seq + 1) if sealed else (None, None)
    log = "indelible.5f3a9c1e/default" if sealed else None
    entry = call_entry(Kept(header, body, log, leaves[0]), Kept(end, {}, log, leaves[1]))
    entry.update(more)  # type: ignore[arg-type]
    return entry


def entry_of(event: object, stamp: object, leaf: int | None) -> Fields:
    record = record_of(event, stamp)  # type: ignore[arg-type]
    try:
        header, body = json.loads(record.header), json.loads(record.body)
    except ValueError:  # a number too long for Python
        header, body = json.loads(record.header), {}
    kept = Kept(header, body, None if leaf is None else "indelible.5f3a9c1e/default", leaf)
    return call_entry(kept, None) if kept.kind == "received" else record_entry(kept)


ENTRIES = st.builds(entry_of, EVENTS, STAMPS, st.none() | COUNTS)


def streamed(entries: list[Fields], export_format: str) -> bytes:
    out = io.BytesIO()
    stretches = [entries[:1], [], entries[1:]]
    assert export_stream(stretches, out, export_format) == len(entries)  # type: ignore[arg-type]
    return out.getvalue()


def table(path: Path, query: str = "SELECT * FROM audit_events") -> list[dict[str, object]]:
    database = sqlite3.connect(path)
    database.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in database.execute(query)]
    finally:
        database.close()


def parquet(path: Path) -> list[dict[str, object]]:
    connection = duck.connect(threads=1, memory_mb=256)
    try:
        result = connection.execute(
            "SELECT * REPLACE (epoch_us(timestamp) AS timestamp) FROM read_parquet(?)", [str(path)]
        )
        names = [one[0] for one in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
    finally:
        connection.close()


# NDJSON


@pytest.mark.requirement("export.ndjson-exact")
@given(st.lists(ENTRIES, max_size=5))
def test_ndjson_parses_back_to_the_same_entries(entries) -> None:
    told = streamed(entries, "ndjson")
    assert [json.loads(line) for line in told.split(b"\n")[:-1]] == entries
    assert told.count(b"\n") == len(entries)


# CSV


def apostrophes_off(cell: str) -> str:
    return cell[1:] if re.match("'(?:[\t\r\n]|\\s*[=+@\uff1d\uff0b\uff0d\uff20-])", cell) else cell


@pytest.mark.requirement("export.csv-safe")
@pytest.mark.parametrize(
    "text",
    [
        "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "  -1", "\u00a0=1",
        "＝1+1", "－1", "=cmd|' /C calc'!A0", '=HYPERLINK("http://x","y")',
    ],
)  # fmt: skip
def test_a_cell_that_a_spreadsheet_would_run_is_disarmed(text) -> None:
    (told,) = next(csv.reader(io.StringIO(csv_line([text]), newline="")))
    assert told == f"'{text}"


@pytest.mark.requirement("export.csv-safe")
@given(st.lists(ENTRIES, max_size=4))
def test_no_cell_of_a_csv_starts_a_formula_and_none_is_lost(entries) -> None:
    told = streamed(entries, "csv").decode()
    header, *rows = csv.reader(io.StringIO(told, newline=""))
    assert header == list(COLUMNS)
    assert len(rows) == len(entries)
    for entry, cells in zip(entries, rows, strict=True):
        row = row_of(entry)
        for name, cell in zip(header, cells, strict=True):
            value = row.get(name)
            if isinstance(value, str):
                assert not re.match(r"\s*[=+@-]", cell)
                assert apostrophes_off(cell) == value
            else:
                assert cell == str(safe_cell(value))


def test_the_guides_columns_come_first() -> None:
    assert list(COLUMNS)[:10] == GUIDE_COLUMNS.split()


def test_the_columns_are_those_of_the_views() -> None:
    assert list(COLUMNS) == [name for name in VIEWS["audit_events"] if name in COLUMNS]
    assert VIEWS["audit_log"][:10] == tuple(GUIDE_COLUMNS.split())


def test_nested_members_are_json_in_a_cell_and_a_line_feed_is_quoted() -> None:
    entry = a_call(0, args={"a": [1, {"b": "x\ny"}]}, error="one\ntwo")
    told = streamed([entry], "csv").decode()
    row = next(csv.DictReader(io.StringIO(told, newline="")))
    assert json.loads(row["args"]) == entry["args"]
    assert row["error"] == "one\ntwo"
    assert (row["duration_ms"], row["erased"], row["result"]) == ("2", "false", "")


# SQLite


@pytest.mark.requirement("export.sqlite")
@given(entries=st.lists(ENTRIES, max_size=5))
def test_sqlite_holds_every_entry_with_every_member(entries, tmp_path_factory) -> None:
    path = tmp_path_factory.mktemp("export") / "audit.db"
    assert export_file([entries], path, "sqlite") == len(entries)
    calls = [one for one in entries if one["kind"] == "call" and one["method"] == "tools/call"]
    assert len(table(path, "SELECT * FROM audit_log")) == len(calls)
    found = sorted(table(path), key=lambda row: json.dumps(row, default=str))
    expected = []
    for entry in entries:
        row = dict.fromkeys(COLUMNS) | row_of(entry)
        said = entry["timestamp"]
        row["timestamp"] = said and str(said)[:-1].replace("T", " ").removesuffix(".000000")
        row["erased"] = int(bool(row["erased"]))
        expected.append(row)
    assert found == sorted(expected, key=lambda row: json.dumps(row, default=str))


def test_sqlite_has_indexes_where_questions_start(tmp_path) -> None:
    path = tmp_path / "audit.db"
    export_file([[a_call(n, n) for n in range(1_000)]], path, "sqlite")
    indexes = table(path, "SELECT name FROM sqlite_schema WHERE type = 'index'")
    assert {"audit_log_timestamp", "audit_log_actor_id", "audit_log_tool"} <= {
        row["name"] for row in indexes
    }
    plan = table(
        path, "EXPLAIN QUERY PLAN SELECT * FROM audit_log WHERE timestamp > datetime('now')"
    )
    assert "audit_log_timestamp" in str(plan)


@given(st.lists(st.integers(0, 4_102_444_800_000_000), min_size=2, max_size=2))
def test_times_as_text_are_in_the_order_of_the_times(pair) -> None:
    first, second = pair
    assert (first < second) == (sqlite_time(first) < sqlite_time(second))


def in_python(path: Path, query: str, modifier: str) -> tuple[str, list[tuple[object, ...]], str]:
    """Return the rows of *query*, and what the border was before it and after it."""
    database = sqlite3.connect(path)
    try:
        border = f"SELECT datetime('now', '{modifier}')"
        (before,) = database.execute(border).fetchone()
        rows = [tuple(map(str, row)) for row in database.execute(query)]
        (after,) = database.execute(border).fetchone()
    finally:
        database.close()
    return before, rows, after


def in_the_shell(
    path: Path, query: str, modifier: str
) -> tuple[str, list[tuple[object, ...]], str]:
    """As `in_python`, in the sqlite3 command."""
    shell = shutil.which("sqlite3")
    if shell is None:
        pytest.skip("platform: no sqlite3 command here")
    border = f"SELECT datetime('now', '{modifier}');"
    done = subprocess.run(
        [shell, "-readonly", "-ascii", str(path)],
        input=f"{border}\n{query}\n{border}\n".encode(),
        capture_output=True,
        check=True,
        timeout=30,
    )
    assert done.stderr == b""
    (before,), *rows, (after,) = [
        tuple(row.split("\x1f")) for row in done.stdout.decode().split("\x1e")[:-1]
    ]
    return before, list(rows), after


ASK = pytest.mark.parametrize("ask", [in_python, in_the_shell])
BORDER_SECONDS = 60
"""How long a test may take from making its file to asking."""


def steady(ask, path: Path, query: str, modifier: str) -> tuple[str, list[tuple[object, ...]]]:
    """Ask until the second did not change meanwhile; return the border and the rows."""
    while True:
        before, rows, after = ask(path, query, modifier)
        if before == after:
            return before, rows


def at_borders(before_us: int) -> list[int]:
    """Return times 1 µs before, at and 1 µs after each of the seconds that may be the border."""
    start = int(time.time()) * 1_000_000 - before_us
    return [
        start + second * 1_000_000 + off for second in range(BORDER_SECONDS) for off in (-1, 0, 1)
    ]


@pytest.mark.requirement("export.guide-sql")
@ASK
def test_the_guides_first_query_is_exact_at_the_border_of_the_day(ask, tmp_path) -> None:
    times = at_borders(DAY_US)
    entries = [a_call(at, n, tool="drop_table") for n, at in enumerate(times)]
    others = [
        a_call(int(time.time()) * 1_000_000, 900, tool="drop_table", outcome="error"),
        a_call(int(time.time()) * 1_000_000, 901, tool="find"),
        a_call(int(time.time()) * 1_000_000, 902, tool="drop_table", method="prompts/get"),
    ]
    path = tmp_path / "audit.db"
    export_file([entries, others], path, "sqlite")
    border, rows = steady(ask, path, DESTRUCTIVE, "-1 day")
    inside = [sqlite_time(at) for at in reversed(times) if sqlite_time(at) > border]
    assert [row[0] for row in rows] == inside
    assert f"{border}.000001" in inside, "1 µs inside"
    assert border not in inside, "neither the border itself"
    assert 0 < len(inside) < len(times)
    assert {row[1:] for row in rows} == {("ann", "drop_table", '{"path":"/a"}')}


@pytest.mark.requirement("export.guide-sql")
@ASK
def test_the_guides_second_query_counts_what_is_within_the_hour(ask, tmp_path) -> None:
    times = at_borders(DAY_US // 24)
    now = int(time.time()) * 1_000_000
    often: Fields = {"id": "bob", "provenance": "asserted"}
    entries = [a_call(at, n, actor=often) for n, at in enumerate(times)]
    entries += [a_call(now, n, actor=often) for n in range(1_000, 1_500)]
    entries += [a_call(now, n) for n in range(2_000, 2_500)]
    path = tmp_path / "audit.db"
    export_file([entries], path, "sqlite")
    border, rows = steady(ask, path, FREQUENT, "-1 hour")
    inside = sum(sqlite_time(at) > border for at in times)
    assert rows == [("bob", str(500 + inside))], "ann called 500 times, which is not more"


@pytest.mark.requirement("export.guide-sql")
@ASK
def test_the_guides_third_query_gives_the_rate_of_the_day(ask, tmp_path) -> None:
    times = at_borders(DAY_US)
    now = int(time.time()) * 1_000_000
    entries = [a_call(at, n, tool="pay", outcome="error") for n, at in enumerate(times)]
    entries += [a_call(now, n, tool="pay") for n in range(1_000, 1_100)]
    entries += [
        a_call(now, n, tool="find", outcome="error" if n == 2_000 else "ok")
        for n in range(2_000, 2_020)
    ]
    path = tmp_path / "audit.db"
    export_file([entries], path, "sqlite")
    border, rows = steady(ask, path, FAILING, "-1 day")
    inside = sum(sqlite_time(at) > border for at in times)
    ((tool, rate),) = rows
    assert tool == "pay", "find fails in 5 % of its calls, which is not more"
    assert float(str(rate)) == pytest.approx(inside * 100 / (inside + 100))


# Parquet


@pytest.mark.requirement("export.parquet")
def test_parquet_holds_every_entry_with_its_types(tmp_path) -> None:
    entries = [
        a_call(1_795_500_000_000_001, sealed=True),
        a_call(0, error='it\'s "so"\n\u2028 漢', tool=None),
        record_entry(Kept({"kind": "gap", "timestamp": "x", "writer": "w", "seq": 1, "n": 1}, {})),
    ]
    path = tmp_path / "it's.parquet"
    assert export_file([entries], path, "parquet") == 3
    expected = []
    for entry in entries:
        row = dict.fromkeys(COLUMNS) | row_of(entry)
        row["timestamp"] = {0: 1_795_500_000_000_001, 1: 0, 2: None}[len(expected)]
        expected.append(row)
    assert parquet(path) == expected
    assert os.listdir(tmp_path) == [path.name]
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.requirement("export.parquet")
def test_parquet_holds_what_a_hostile_wire_sent(tmp_path) -> None:
    entries: list[Fields] = []

    @given(st.lists(ENTRIES, max_size=3))
    def gather(some) -> None:
        entries.extend(some)

    gather()
    path = tmp_path / "audit.parquet"
    assert export_file([entries], path, "parquet") == len(entries)
    found = parquet(path)
    for entry, row in zip(entries, found, strict=True):
        wanted = dict.fromkeys(COLUMNS) | row_of(entry)
        assert {**row, "timestamp": None} == {**wanted, "timestamp": None}


# Files


FORMATS = pytest.mark.parametrize("export_format", ["ndjson", "csv", "sqlite", "parquet"])


@pytest.mark.requirement("export.atomic")
@FORMATS
def test_a_file_is_its_owners_and_nothing_is_left_beside_it(export_format, tmp_path) -> None:
    path = tmp_path / "out"
    assert export_file([[a_call(0)], [], [a_call(1, 1)]], path, export_format) == 2
    assert os.listdir(tmp_path) == ["out"]
    assert path.stat().st_mode & 0o777 == 0o600


@FORMATS
def test_no_entries_make_a_file_all_the_same(export_format, tmp_path) -> None:
    assert export_file([], tmp_path / "out", export_format) == 0
    assert (tmp_path / "out").is_file()


@pytest.mark.requirement("export.atomic")
@FORMATS
def test_a_file_that_is_there_is_replaced_only_when_told_so(export_format, tmp_path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"old")
    with pytest.raises(UsageError, match="is there already") as caught:
        export_file([[a_call(0)]], path, export_format)
    assert "--force" in caught.value.hint
    assert path.read_bytes() == b"old"
    export_file([[a_call(0)]], path, export_format, overwrite=True)
    assert path.read_bytes() != b"old"
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.requirement("export.atomic")
@FORMATS
def test_a_log_that_cannot_be_read_to_its_end_leaves_no_file(export_format, tmp_path) -> None:
    def entries():
        yield [a_call(0)]
        raise IndelibleError("the log cannot be read")

    (tmp_path / "old").write_bytes(b"old")
    for name, overwrite in (("new", False), ("old", True)):
        with pytest.raises(IndelibleError, match="the log cannot be read"):
            export_file(entries(), tmp_path / name, export_format, overwrite=overwrite)
    assert os.listdir(tmp_path) == ["old"]
    assert (tmp_path / "old").read_bytes() == b"old"


@pytest.mark.requirement("reading.recorded")
def test_whoever_exports_is_told_the_number_before_the_file_has_its_name(tmp_path) -> None:
    told: list[object] = []
    path = tmp_path / "out"
    export_file(
        [[a_call(0)]], path, "csv", before_named=lambda rows: told.extend([rows, path.exists()])
    )
    assert told == [1, False]


def test_a_file_that_came_meanwhile_is_not_replaced(tmp_path) -> None:
    path = tmp_path / "out"
    with pytest.raises(UsageError, match="is there already"):
        export_file([[]], path, "csv", before_named=lambda _rows: path.write_bytes(b"theirs"))
    assert path.read_bytes() == b"theirs"
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize("target", ["/dev/null", "."])
def test_what_is_no_file_is_never_replaced(target, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="no regular file"):
        export_file([], Path(target), "csv", overwrite=True)
    assert os.path.exists("/dev/null")


def test_a_directory_that_is_not_there_is_said(tmp_path) -> None:
    with pytest.raises(UsageError, match="no directory"):
        export_file([], tmp_path / "none" / "out", "csv")


@pytest.mark.parametrize("export_format", ["sqlite", "parquet"])
def test_what_needs_a_file_does_not_go_into_a_pipe(export_format) -> None:
    with pytest.raises(UsageError, match="needs a file") as caught:
        export_stream([], io.BytesIO(), export_format)
    assert f"-o NAME.{export_format}" in caught.value.hint
