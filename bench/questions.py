"""What `part_query` asks, in each contender's own words; and how many rows the answer has.

Every contender hands the rows over to Python. A question with a time in it looks, in NDJSON,
only into the files of those days: a person who keeps a file a day would do that too.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from bench import rivals
from bench.copies import DAY_US, HOUR_US, NEEDLE, Copy
from indelible.model.canonical import format_time
from indelible.query.parse import parse
from indelible.query.trail import Trail

Ask: TypeAlias = Callable[[], int]
"""Asks, and returns the number of rows."""

_DELETED = (
    "SELECT timestamp, actor_id, tool, args FROM audit_log WHERE outcome = 'ok' "
    "AND tool IN ('delete_file','drop_table','send_email') "
    "AND timestamp > datetime('now','-1 day') ORDER BY timestamp DESC;"
)
_BUSY = (
    "SELECT actor_id, COUNT(*) AS call_count FROM audit_log "
    "WHERE timestamp > datetime('now','-1 hour') GROUP BY actor_id "
    "HAVING call_count > 500 ORDER BY call_count DESC;"
)
_FAILING = (
    "SELECT tool, SUM(CASE WHEN outcome='error' THEN 1 ELSE 0 END) * 100.0 / COUNT(*) "
    "AS error_pct FROM audit_log WHERE timestamp > datetime('now','-1 day') "
    "GROUP BY tool HAVING error_pct > 5 ORDER BY error_pct DESC;"
)
GUIDE = (_DELETED, _BUSY, _FAILING)
ACTOR = "user0204"
"""One of the middle: a call in 1,700."""
PAGE = 50
EVERYTHING = 100_000

NEWEST, LAST, ACTORS, DAY_TEXT, ALL_TEXT = (
    f"newest {PAGE}",
    "last call before a time",
    "everything one actor did",
    "free text over a day",
    "free text over all",
)
GUIDES = tuple(f"the guide's query {number}" for number in (1, 2, 3))
NAMES = (NEWEST, *GUIDES, LAST, ACTORS, DAY_TEXT, ALL_TEXT)


class Moments(NamedTuple):
    """The times that questions name: microseconds since 1970."""

    now: int
    before: int
    """In the middle of all."""
    low: int
    high: int
    """The first and the last of the day with the needle."""


def moments(copy: Copy) -> Moments:
    """Return the times to ask a copy about."""
    oldest = min(part.from_us for part in copy.manifest.files)
    before = (oldest + copy.end_us) // 2
    return Moments(copy.end_us, before, copy.needle_us, copy.needle_us + DAY_US - 1)


def ours(trail: Trail, copy: Copy) -> dict[str, Ask]:
    """Return the questions to a trail; pages hand over whole entries, not ten fields."""
    at = moments(copy)
    between = f"since:{format_time(at.low)} until:{format_time(at.high)}"
    terms = {
        NEWEST: ("", PAGE),
        LAST: (f"until:{format_time(at.before)}", 1),
        ACTORS: (f"actor.id:{ACTOR}", EVERYTHING),
        DAY_TEXT: (f"{between} {NEEDLE}", PAGE),
        ALL_TEXT: (NEEDLE, PAGE),
    }
    asks: dict[str, Ask] = {
        name: lambda text=text, limit=limit: len(trail.page(parse(text), limit=limit).entries)
        for name, (text, limit) in terms.items()
    }
    for name, sql in zip(GUIDES, GUIDE, strict=True):
        asks[name] = lambda sql=sql: len(trail.sql(sql, max_rows=EVERYTHING, timeout_s=60).rows)
    return {name: asks[name] for name in NAMES}


def sqlite(path: Path, copy: Copy) -> dict[str, Ask]:
    """Return the questions to a SQLite file."""
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    at = moments(copy)
    queries = _queries(_text(at.before), _text(at.low), _text(at.high))
    for name, sql in zip(GUIDES, GUIDE, strict=True):
        queries[name] = sql.replace("'now'", f"'{_text(at.now)}'").rstrip(";")
    return {name: lambda sql=queries[name]: len(db.execute(sql).fetchall()) for name in NAMES}


def lines(directory: Path, copy: Copy, db: Any) -> dict[str, Ask]:
    """Return the questions to NDJSON files."""
    at = moments(copy)
    queries = _queries(_text(at.before), _text(at.low), _text(at.high))
    for name, sql, back in zip(GUIDES, GUIDE, (DAY_US, HOUR_US, DAY_US), strict=True):
        since = f"TIMESTAMP '{_text(at.now - back)}'"
        queries[name] = sql.replace("datetime('now','-1 day')", since).replace(
            "datetime('now','-1 hour')", since
        )
    spans = {
        NEWEST: (at.now - 1, at.now),
        GUIDES[0]: (at.now - DAY_US, at.now),
        GUIDES[1]: (at.now - HOUR_US, at.now),
        GUIDES[2]: (at.now - DAY_US, at.now),
        LAST: (at.before, at.before),
        DAY_TEXT: (at.low, at.high),
    }
    asks: dict[str, Ask] = {}
    for name in NAMES:
        files = rivals.days(directory, copy, *spans.get(name, (0, at.now)))
        view = (
            "(SELECT timestamp, requestId AS request_id, actor.id AS actor_id, "
            "actor.ip AS actor_ip, tool, args, outcome, error, durationMs AS duration_ms, "
            f"serverVersion AS server_version FROM read_json({files}, "
            f"format = 'newline_delimited', columns = {rivals.LINE_COLUMNS}))"
        )
        sql = queries[name].replace("audit_log", view).rstrip(";")
        asks[name] = lambda sql=sql: len(db.execute(sql).fetchall())
    return asks


def _queries(before: str, low: str, high: str) -> dict[str, str]:
    """Return the SQL of what is no query of the guide."""
    text = f"(lower(args) LIKE '%{NEEDLE}%' OR lower(error) LIKE '%{NEEDLE}%')"
    newest = "ORDER BY timestamp DESC LIMIT"
    return {
        NEWEST: f"SELECT * FROM audit_log {newest} {PAGE}",
        LAST: f"SELECT * FROM audit_log WHERE timestamp <= '{before}' {newest} 1",
        ACTORS: f"SELECT * FROM audit_log WHERE actor_id = '{ACTOR}' ORDER BY timestamp DESC",
        DAY_TEXT: "SELECT * FROM audit_log "
        f"WHERE timestamp BETWEEN '{low}' AND '{high}' AND {text} {newest} {PAGE}",
        ALL_TEXT: f"SELECT * FROM audit_log WHERE {text} {newest} {PAGE}",
    }


def _text(at_us: int) -> str:
    """Return a time as the SQLite file has it."""
    return format_time(at_us).replace("T", " ").rstrip("Z")[:23]
