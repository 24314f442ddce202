"""The guide's queries run verbatim and are exact; whatever else SQL could do is refused."""

from __future__ import annotations

import datetime
import os
import sqlite3
import weakref
from pathlib import Path

import pytest

from indelible.errors import IndelibleError, UsageError
from indelible.model.canonical import encode, format_time
from indelible.model.record import Record, body_hash
from indelible.query.trail import Trail
from indelible.query.views import COLUMNS, EVENTS, LOG, VIEWS
from tests.query import trail as made
from tests.query.guide import DESTRUCTIVE, FAILING, FREQUENT
from tests.query.trail import Writer

DAY, HOUR = 86_400_000_000, 3_600_000_000


@pytest.fixture
def trail(tmp_path: Path) -> made.Trail:
    return made.Trail(tmp_path / "state")


def opened(trail: made.Trail, now_us: int | None = None) -> Trail:
    now = trail.now_us if now_us is None else now_us
    found = Trail.open(trail.state, os.geteuid(), clock_us=lambda: now)
    weakref.finalize(trail, found.close)
    return found


def rows(trail: Trail, source: str) -> list[tuple[object, ...]]:
    return trail.sql(source, max_rows=10_000, timeout_s=60).rows


def call_at(writer: Writer, at_us: int, tool: str, outcome: str = "ok", **fields: object) -> None:
    writer.call(tool, outcome, timestamp=format_time(at_us), **fields)


@pytest.mark.requirement("sql.guide")
@pytest.mark.parametrize("sealed", [True, False])
def test_destructive_calls_of_a_day_are_exact_to_the_microsecond(
    trail: made.Trail, sealed: bool
) -> None:
    now = made.START_US + 3 * DAY
    trail.now_us = now - DAY - 1
    writer = Writer(trail)
    for offset in (-1, 0, 1):
        call_at(writer, now - DAY + offset, "delete_file")
    call_at(writer, now - 5, "send_email", "error")
    call_at(writer, now - 4, "read_file")
    call_at(writer, now - 3, "send_email", args={"to": "[EMAIL]"})
    trail.now_us = now
    if sealed:
        trail.collect()
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=now)  # noqa: DTZ001
    assert rows(opened(trail, now), DESTRUCTIVE) == [
        (moment - datetime.timedelta(microseconds=3), "ann", "send_email", '{"to":"[EMAIL]"}'),
        (moment - datetime.timedelta(days=1, microseconds=-1), "ann", "delete_file", '{"id":4}'),
    ]


@pytest.mark.requirement("sql.guide")
def test_frequent_callers_of_an_hour_are_those_above_500(trail: made.Trail) -> None:
    now = made.START_US + 3 * DAY
    writer = Writer(trail)
    for name, calls, at in (("bob", 501, 1), ("cy", 500, 1), ("dan", 500, 1), ("dan", 1, -1)):
        for _ in range(calls):
            actor = {"id": name, "provenance": "asserted"}
            call_at(writer, now - HOUR + at, "find_contact", actor=actor)
    assert rows(opened(trail, now), FREQUENT) == [("bob", 501)]
    trail.now_us = now
    trail.collect()
    assert rows(opened(trail, now), FREQUENT) == [("bob", 501)]


@pytest.mark.requirement("sql.guide")
def test_the_error_rate_by_tool_counts_what_is_in_the_day(trail: made.Trail) -> None:
    now = made.START_US + 3 * DAY
    writer = Writer(trail)
    call_at(writer, now - DAY - 1, "steady", "error")
    for at in range(20):
        call_at(writer, now - DAY + 1 + at, "steady", "error" if at == 0 else "ok")
        call_at(writer, now - DAY + 1 + at, "shaky", "error" if at < 2 else "ok")
    assert rows(opened(trail, now), FAILING) == [("shaky", 10.0)]


def test_only_tool_calls_are_in_the_log_and_everything_is_in_the_events(trail: made.Trail) -> None:
    writer = Writer(trail)
    writer.call("a")
    writer.received(None, method="prompts/get")
    writer.keep({"kind": "server.start", "timestamp": format_time(trail.tick())}, {})
    found = opened(trail)
    assert rows(found, "SELECT tool FROM audit_log") == [("a",)]
    assert rows(found, "SELECT kind FROM audit_events ORDER BY timestamp") == [
        ("call",), ("call",), ("server.start",),
    ]  # fmt: skip


def test_arguments_are_reached_by_path(trail: made.Trail) -> None:
    Writer(trail).call("a", args={"path": "/etc", "n": 3})
    source = "SELECT args->>'$.path', (args->>'$.n')::INT FROM audit_log"
    assert rows(opened(trail), source) == [("/etc", 3)]


def test_a_record_whose_json_cannot_be_read_spoils_no_question(trail: made.Trail) -> None:
    writer = Writer(trail)
    writer.call("a", args={"path": "/etc"})
    salt, body = b"0" * 16, b'{"args":{"path":"\\ud800"},"requestId":"r"}'
    header = {
        "kind": "received", "writer": writer.id, "seq": writer.seq, "method": "tools/call",
        "timestamp": format_time(trail.tick()), "bodyHash": body_hash(salt, body), "v": 1,
    }  # fmt: skip
    writer.write(Record(encode(header), salt, body))
    odd = header | {"kind": "odd", "seq": writer.seq, "bodyHash": body_hash(salt, body)}
    writer.write(Record(encode(odd), salt, body))
    for collect in (lambda: None, trail.collect):
        collect()
        found = opened(trail)
        assert rows(found, "SELECT args->>'$.path' FROM audit_log ORDER BY timestamp") == [
            ("/etc",), (None,),
        ]  # fmt: skip
        assert rows(found, "SELECT args->>'$' FROM audit_log WHERE tool IS NULL") == [
            ('{"path":"\\ud800"}',)
        ]
        assert rows(found, "SELECT details->>'$.x' FROM audit_events WHERE kind = 'odd'") == [
            (None,)
        ]
        assert found.find("00000000-0000-4000")[0]["tool"] == "a"


def test_the_columns_are_those_of_the_reference(trail: made.Trail) -> None:
    Writer(trail).call("a")
    found = opened(trail)
    for view in (LOG, EVENTS):
        table = found.sql(f"SELECT * FROM {view}", max_rows=1, timeout_s=60)
        assert tuple(table.columns) == VIEWS[view]


def test_the_reference_says_what_the_views_have() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "sql.md").read_text("utf-8")
    table = [
        f"| `{column.name}` | {column.meaning}"
        f"{' (only in `audit_events`)' if column.events_only else ''} |"
        for column in COLUMNS
    ]
    assert "\n".join(table) in page


def test_names_that_the_statement_makes_are_tables_where_they_stand_for_something(
    trail: made.Trail,
) -> None:
    Writer(trail).call("a")
    found = opened(trail)
    for source in (
        "WITH x AS (FROM audit_log), y AS (FROM x) SELECT tool FROM Y",
        "WITH RECURSIVE r AS (SELECT 'a' AS t UNION SELECT t FROM r) SELECT t FROM r",
        "WITH x AS (FROM audit_log) SELECT tool FROM (WITH y AS (FROM x) FROM y)",
        "WITH audit_log AS (FROM audit_log) SELECT tool FROM audit_log",
        "SELECT (WITH z AS (SELECT tool) FROM z) FROM audit_log",
    ):
        assert rows(found, source) == [("a",)], source


def test_more_rows_than_asked_for_are_said(trail: made.Trail) -> None:
    Writer(trail).call("a")
    found = opened(trail)
    table = found.sql("SELECT * FROM range(10)", max_rows=3, timeout_s=60)
    assert (table.rows, table.truncated) == ([(0,), (1,), (2,)], True)
    table = found.sql("SELECT * FROM range(3)", max_rows=3, timeout_s=60)
    assert not table.truncated


def test_times_with_a_zone_are_answered_too(trail: made.Trail) -> None:
    found = opened(trail)
    assert rows(found, "SELECT TIMESTAMPTZ '2026-11-24 01:00:00+02' AS at, 1;") == [
        ("2026-11-23 23:00:00+00", 1)
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        "'now'", "'now','-1 day'", "'now','-90 minutes'", "'now','+1.5 hours'", "'NOW','-7 days'",
        "'now','start of day'", "'now','start of month','-1 day'", "'now','start of year'",
        "'now','+3 months'", "'2026-01-31','+1 month'", "'2024-02-29 10:11:12','+1 year'",
        "'2026-03-31','-1 month'", "'now','weekday 0'", "'now','weekday 2'", "'now','10 seconds'",
        "'now','start of day','+1 day','-1 second'", "'2026-11-20'", "'2026-11-20 10:11'",
        "'2026-11-20T10:11:12'", "'2026-11-20T10:11:12Z'", "'2026-11-20T10:11:12+02:00'",
    ],
)  # fmt: skip
def test_datetime_means_what_it_means_in_sqlite(trail: made.Trail, arguments: str) -> None:
    now = made.START_US + 123_456
    trail.root.mkdir()
    found = opened(trail, now)
    [(ours,)] = rows(found, f"SELECT datetime({arguments})")
    pinned = f"'{datetime.datetime.fromtimestamp(now // 10**6, datetime.UTC):%Y-%m-%d %H:%M:%S}'"
    theirs = arguments.replace("'now'", pinned).replace("'NOW'", pinned)
    [(expected,)] = sqlite3.connect(":memory:").execute(f"SELECT datetime({theirs})").fetchall()
    assert str(ours) == expected


def test_a_modifier_we_do_not_have_is_an_error_and_no_empty_answer(trail: made.Trail) -> None:
    trail.root.mkdir()
    with pytest.raises(UsageError, match="no modifier '-1 dya'"):
        rows(opened(trail), "SELECT * FROM audit_log WHERE timestamp > datetime('now','-1 dya')")


HOSTILE = """
SELECT * FROM read_text('/etc/passwd')
SELECT * FROM read_blob('/etc/passwd')
SELECT * FROM read_csv('/etc/passwd')
SELECT * FROM read_json('https://example.com/')
SELECT * FROM read_parquet('{index}/*.parquet')
SELECT * FROM read_blob('{index}/manifest.json')
SELECT * FROM '/etc/passwd'
SELECT * FROM '{index}/manifest.json'
SELECT * FROM '{index}/../../keys/default.key'
SELECT * FROM glob('/*')
SELECT * FROM sniff_csv('/etc/passwd')
SELECT * FROM parquet_metadata('/etc/passwd')
SELECT * FROM query('SELECT 1')
SELECT * FROM query_table('hot')
SELECT * FROM duckdb_secrets()
SELECT * FROM duckdb_settings()
SELECT * FROM duckdb_functions()
SELECT * FROM information_schema.tables
SELECT * FROM sqlite_master
SELECT * FROM checkpoint()
SELECT * FROM pragma_version()
SELECT * FROM sqlite_scan('/tmp/x', 't')
SELECT * FROM json_execute_serialized_sql('{{}}')
SELECT * FROM hot
SELECT * FROM late
SELECT (SELECT max(leaf) FROM main.hot)
SELECT 1 WHERE EXISTS (FROM hot)
WITH audit AS (SELECT * FROM hot) SELECT * FROM audit
WITH hot AS (SELECT * FROM hot) SELECT * FROM hot
WITH audit AS (SELECT * FROM hot), hot AS (SELECT 1) SELECT * FROM audit
SELECT * FROM hot, (WITH hot AS (SELECT 1) SELECT * FROM hot) AS other
WITH x AS (DELETE FROM hot RETURNING *) SELECT * FROM x
WITH x AS (INSERT INTO hot BY NAME SELECT 'x' AS class RETURNING *) SELECT * FROM x
WITH x AS (UPDATE hot SET tool = 'x' RETURNING *) SELECT * FROM x
SELECT getenv('HOME')
SELECT current_setting('secret_directory')
SELECT write_log('x')
SELECT repeat('x', 1000000000)
SELECT lpad('x', 1000000000, 'y')
SELECT list_reduce(range(100000000), lambda x, y: x + y)
SELECT main.repeat('x', 1000000000)
COPY (SELECT 1) TO '{index}/x.csv'
COPY audit_log TO '/tmp/x.csv'
ATTACH '{index}/x.db'
INSTALL httpfs
LOAD httpfs
PRAGMA version
SET threads = 1
RESET lock_configuration
CALL pragma_version()
SHOW TABLES
SHOW ALL TABLES
EXPLAIN ANALYZE SELECT 1
CREATE TABLE x(y INT)
DROP TABLE hot
DELETE FROM hot
BEGIN
USE memory
EXPORT DATABASE '/tmp/x'
PREPARE x AS SELECT 1
SELECT 1; SELECT 2
SELECT ?
SELECT $1
"""


@pytest.mark.requirement("sql.guarded")
@pytest.mark.parametrize("source", HOSTILE.strip().splitlines())
def test_what_is_no_question_about_the_trail_is_refused(trail: made.Trail, source: str) -> None:
    Writer(trail).call("a")
    trail.collect()
    found = opened(trail)
    before = {path: path.read_bytes() for path in trail.root.rglob("*") if path.is_file()}
    with pytest.raises(UsageError) as caught:
        rows(found, source.format(index=trail.state.log().index))
    assert caught.value.hint
    assert before == {p: p.read_bytes() for p in trail.root.rglob("*") if p.is_file()}
    assert rows(found, "SELECT count(*) FROM audit_log") == [(1,)]


@pytest.mark.requirement("sql.guarded")
@pytest.mark.parametrize(
    "source",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM '{index}/../../keys/default.key'",
        "SELECT * FROM read_text('{index}/../../keys/default.key')",
        "SELECT * FROM glob('{index}/../../keys/*')",
        "SELECT * FROM read_blob('{link}')",
        "SELECT * FROM read_text('https://example.com/')",
        "COPY (SELECT 1) TO '/tmp/indelible-x.csv'",
        "COPY (SELECT 1) TO '{index}/../x.csv'",
        "ATTACH '/tmp/indelible-x.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET threads = 1",
        "SET enable_external_access = true",
        "SET allowed_directories = ['/']",
        "RESET lock_configuration",
    ],
)
def test_the_engine_itself_can_reach_no_other_file(trail: made.Trail, source: str) -> None:
    """What the check of the statement might let through one day."""
    Writer(trail).call("a")
    trail.collect()
    index = trail.state.log().index
    link = index / "link"
    link.symlink_to(trail.state.log().vkey)
    found = opened(trail)
    with pytest.raises(found._engine.failure):
        found._engine.connection.execute(source.format(index=index, link=link)).fetchall()


@pytest.mark.requirement("sql.guarded")
@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            "SELECT count(*) FROM range(1000000000000) a, range(1000000000) b",
            "no answer within|memory",
        ),
        ("SELECT count(*) FROM range(1000000000000)  WHERE range % 7 = 3", "no answer within"),
        (
            "WITH RECURSIVE r AS (SELECT 1 i UNION ALL SELECT i + 1 FROM r) SELECT count(*) FROM r",
            "no answer within",
        ),
        ("SELECT list(a) FROM range(100000000000) t(a)", "no answer within|memory"),
        ("SELECT * FROM range(1000000000000) t(a) ORDER BY hash(a)", "no answer within|memory"),
    ],
)
def test_a_question_without_end_is_ended(trail: made.Trail, source: str, said: str) -> None:
    trail.root.mkdir()
    found = opened(trail)
    with pytest.raises(IndelibleError, match=said):
        found.sql(source, max_rows=10, timeout_s=0.5)
    assert rows(found, "SELECT 1") == [(1,)]


def test_an_answer_is_not_made_further_than_it_is_read(trail: made.Trail) -> None:
    trail.root.mkdir()
    table = opened(trail).sql("SELECT * FROM range(100000000000)", max_rows=2, timeout_s=60)
    assert (table.rows, table.truncated) == ([(0,), (1,)], True)


@pytest.mark.parametrize(
    ("source", "message", "hint"),
    [
        ("SELECT too1 FROM audit_log", "no column 'too1'", "Did you mean tool"),
        ("SELECT a.actor FROM audit_log a", "no column 'actor'", "actor_id"),
        ("SELECT * FROM auditlog", "no such table: 'auditlog'; did you mean audit_log", "SELECT"),
        ("SELECT * FORM audit_log", "not SQL", "SELECT"),
        ("tool:delete_file", "not SQL", "leave --sql away"),
        ("", "no statement", "SELECT"),
        ("SELECT 1; SELECT 2", "2 statements", "SELECT"),
        ("SELECT '" + "x" * 70_000 + "'", "SQL of 70009 characters", "65536"),
        ("SELECT " + "(" * 3000 + "1" + ")" * 3000, "not SQL", "SELECT"),
        ("FROM (" * 3000 + "audit_log" + ")" * 3000, "nested too deep", "fewer"),
        ("SELECT no_such_function(1)", "cannot be answered", "DESCRIBE audit_log"),
        ("SELECT CAST(tool AS INT) FROM audit_log", "Could not convert", "DESCRIBE audit_log"),
    ],
)
def test_errors_say_what_is_allowed(
    trail: made.Trail, source: str, message: str, hint: str
) -> None:
    Writer(trail).call("a")
    with pytest.raises(UsageError, match=message) as caught:
        rows(opened(trail), source)
    assert hint in caught.value.hint
