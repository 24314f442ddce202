"""The law of the compiler: SQL over rows selects exactly what the filter matches in Python."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indelible.model.canonical import Json, format_time
from indelible.model.flat import Fields, Kept, call_entry
from indelible.query.compile import compile_filter
from indelible.query.filter import Filter
from indelible.query.parse import parse
from indelible.store.index.columns import COLUMNS, NAMES, Row, to_row
from tests.query.filters import NOW_US, SPOTS, asked, entries

TIME = NAMES.index("time")
EPOCH = datetime.datetime(1970, 1, 1)  # noqa: DTZ001 — as in a TIMESTAMP


class Table:
    """Rows of entries in DuckDB, numbered from 0."""

    def __init__(self) -> None:
        self._duck = duckdb.connect(config={"threads": 1})
        columns = ", ".join(f"{column.name} {column.type}" for column in COLUMNS)
        self._duck.execute(f"CREATE TABLE t (n INTEGER, log VARCHAR, {columns})")

    def fill(self, rows: list[tuple[Row, str | None]]) -> None:
        self._duck.execute("DELETE FROM t")
        marks = ", ".join(
            "make_timestamp(?)" if column.type == "TIMESTAMP" else "?" for column in COLUMNS
        )
        for number, (row, log) in enumerate(rows):
            self._duck.execute(f"INSERT INTO t VALUES (?, ?, {marks})", [number, log, *row])

    def select(self, wanted: Filter) -> list[int]:
        where = compile_filter(wanted, NOW_US)
        sql = f"SELECT n FROM t WHERE {where.sql} ORDER BY n"
        return [n for (n,) in self._duck.execute(sql, where.parameters).fetchall()]

    def close(self) -> None:
        self._duck.close()


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    table = Table()
    yield table
    table.close()


RECEIVED = st.none() | st.sampled_from(SPOTS)


@pytest.mark.requirement("query.one-meaning")
@given(st.lists(st.tuples(entries(), RECEIVED), min_size=1, max_size=4), st.data())
@settings(max_examples=100, deadline=None)
def test_sql_selects_exactly_what_matches(
    table: Table, kept: list[tuple[Fields, int | None]], data: st.DataObject
) -> None:
    rows = [to_row(entry, received_us) for entry, received_us in kept]
    table.fill([(row, entry["log"]) for row, (entry, _) in zip(rows, kept, strict=True)])  # type: ignore[misc]

    for _ in range(5):
        wanted = data.draw(asked([entry for entry, _ in kept]))
        times = [row[TIME] for row in rows]
        expected = [
            n
            for n, (entry, _) in enumerate(kept)
            if wanted.matches(entry, NOW_US, times[n])  # type: ignore[arg-type]
        ]
        assert table.select(wanted) == expected
        where = compile_filter(wanted, NOW_US)
        for n in expected:
            assert where.from_us is None or where.from_us <= times[n]  # type: ignore[operator]
            assert where.to_us is None or times[n] <= where.to_us  # type: ignore[operator]


WHOLE = [0, -1, 10, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1]
OTHER = [0.1, 10.0, 10.5, -0.0, 1e16, 9007199254740992.0, 10**40, 10**400, -(10**400), "10", "10.5"]
OTHER += ["x10", "", "null", "true", True, False, None, [10], {"a": 10}, "a~b", "{", "[10]"]
HELD: list[Json] = [*WHOLE, *OTHER]
BOUNDS = ["0", "9.5", "10", "10.0", "1e1", "10.5", "9007199254740993", "9007199254740992"]
BOUNDS += [
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "1e40",
    "-1",
    "1E999",
]


def calls() -> list[Fields]:
    texts = ["delete", "xdelete", "deletex", "xdeletex", "DELETE", "d%", "d_lete", "é", "\n"]
    bodies: list[Fields] = [{"args": {"n": one, "l": [one], "~/": one}} for one in HELD]
    bodies += [{"args": one, "result": [[one]], "requestId": str(one)} for one in HELD]
    bodies += [{"tool": one, "error": one, "target": one, "args": {"p": one}} for one in texts]
    headers: list[Fields] = [
        {"id": "c", "durationUs": ms * 1000, "timestamp": format_time(NOW_US - ms)}
        for ms in (0, 1, 2, 1999, 2000, 2001)
    ]
    found = [call_entry(Kept({"id": "c", "writer": "w", "seq": 1}, body), None) for body in bodies]
    return found + [call_entry(Kept(one, None), Kept(one, {"result": None})) for one in headers]


AT = "2026-11-24T04:13:06.999998Z"
SOURCES = [
    f"args.{path}:{bound}" for path in ("n", "l.*", '"~/"', "l.0", "*", "*.0") for bound in BOUNDS
]
SOURCES += [f"args.n:{sign}{bound}" for sign in (">", ">=", "<", "<=") for bound in BOUNDS]
SOURCES += [
    f"args.n:{one}" for one in ("10..11", "..10", "10..", "*", "null", "true", "?10", '"{"')
]
SOURCES += [
    f"tool:{one}" for one in ("delete*", "*delete", "*delete*", "d%", "d_lete", "d?lete", "?")
]
SOURCES += [
    "delete",
    "DELETE",
    "É",
    '"\n"',
    "%",
    "d_l",
    "target:d* has:target",
    "target:d%,é",
    'target:"\n"',
    "error:*x",
    "args.p:d*",
]
SOURCES += ["request:c,10 id:c", "request:*", "result.*.*:10", "result.0.*:>9", 'args.l:"[10]"']
SOURCES += [f"duration:{sign}2s" for sign in ("", ">", ">=", "<", "<=")] + ["duration:1.5ms..2s"]
SOURCES += [f"time:{sign}{AT}" for sign in ("", ">", ">=", "<", "<=")] + [
    f"since:{AT}",
    f"until:{AT}",
]


def test_sql_and_python_agree_at_every_edge(table: Table) -> None:
    kept = calls()
    rows = [to_row(entry, NOW_US) for entry in kept]
    table.fill([(row, None) for row in rows])
    met = 0

    for source in [*SOURCES, *(f"-({one})" for one in SOURCES)]:
        wanted = parse(source)
        expected = [
            n for n, entry in enumerate(kept) if wanted.matches(entry, NOW_US, rows[n][TIME])
        ]  # type: ignore[arg-type]
        assert table.select(wanted) == expected, source
        met += 0 < len(expected) < len(kept)

    assert met > len(SOURCES)


def test_what_cannot_be_read_as_json_meets_nothing(table: Table) -> None:
    torn = call_entry(Kept({}, {"args": {"a": "\ud800", "b": "x"}}), None)
    table.fill([(to_row(torn, None), None)])

    for source in ("args.b:x", "args.*:x", "-args.b:x", "b", "redactions:0"):
        wanted = parse(source)
        assert table.select(wanted) == ([0] if wanted.matches(torn, NOW_US) else []), source


@pytest.mark.parametrize(
    ("source", "low", "high"),
    [
        ("tool:a", None, None),
        ("since:1h", -3_600_000_000, None),
        ("since:1h until:now tool:a", -3_600_000_000, 0),
        ("since:1h OR until:2h", None, None),
        ("time:2h..1h OR time:4h..3h", -14_400_000_000, -3_600_000_000),
        ("time:2h..1h,4h..3h", -14_400_000_000, -3_600_000_000),
        ("since:1h OR tool:a", None, None),
        ("since:2h -since:1h", -7_200_000_000, None),
        ("time:<now", None, -1),
    ],
)
def test_the_times_that_can_match_are_told(source: str, low: int | None, high: int | None) -> None:
    where = compile_filter(parse(source), NOW_US)

    assert where.from_us == (None if low is None else NOW_US + low)
    assert where.to_us == (None if high is None else NOW_US + high)


def test_times_that_exclude_each_other_leave_none() -> None:
    where = compile_filter(parse("since:1h until:2h"), NOW_US)

    assert where.from_us is not None
    assert where.to_us is not None
    assert where.from_us > where.to_us


def test_nothing_that_a_user_writes_is_in_the_text(table: Table) -> None:
    hostile = "'; DROP TABLE t; --"
    quoted = f'"{hostile}"'
    source = f"tool:{quoted} {quoted} args.{quoted}:{quoted} actor:{quoted}* id:{quoted}"

    where = compile_filter(parse(source), NOW_US)

    assert "DROP" not in where.sql
    assert table.select(parse(source)) == []


@pytest.mark.parametrize(
    "source", ["é" * 4000, "k" * 8000, f"tool:{'a*' * 2000}b?", "tool:a" + ",a" * 3000]
)
def test_the_longest_filters_are_taken(table: Table, source: str) -> None:
    table.fill([(to_row(call_entry(Kept({"tool": "a" * 5000}, {}), None), None), None)])

    assert table.select(parse(source)) == []
