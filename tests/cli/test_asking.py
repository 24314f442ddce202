"""Asking: pages, counts, groups, SQL, fields, CSV, sessions, exports, and the copy behind them."""

from __future__ import annotations

import csv
import io
import json
import shlex
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from indelible.cli.commands import run
from indelible.cli.layout import width
from indelible.query.views import LOG, VIEWS
from tests.query.trail import Trail, Writer


def fill(trail: Trail, calls: int = 7) -> Writer:
    writer = Writer(trail)
    for number in range(calls):
        writer.call(f"tool_{number % 3}", "error" if number % 2 else "ok", args={"n": number})
    return writer


# pages


@pytest.mark.requirement("query.pages")
@pytest.mark.parametrize("order", [[], ["--oldest-first"]])
def test_the_pages_that_are_named_hold_every_entry_once(trail: Trail, ran, order) -> None:
    fill(trail, 11)
    words = ["query", "tool:*", "--limit", "4", "--json", *order]
    seen: list[int] = []
    for _ in range(9):
        code, out, err = ran(*words)
        assert code == 0
        seen += [entry["args"]["n"] for entry in json.loads(out)]
        if not err:
            break
        said, command = err.splitlines()
        assert said.startswith("newer" if order else "older")
        name, state, root, *words = shlex.split(command)
        assert (name, state, root) == ("indelible", "--state", str(trail.root))
    assert seen == (list(range(11)) if order else list(range(10, -1, -1)))


def test_a_time_option_is_a_term(trail: Trail, ran) -> None:
    fill(trail)
    assert len(json.loads(ran("query", "--json", "--since", "2026-11-24")[1])) == 7
    assert ran("query", "--json", "--until", "2026-11-23")[1] == "[]\n"
    both = ("tool:tool_0 OR tool:tool_1", "--since", "2026-11-25")
    assert ran("query", "--json", *both)[1] == "[]\n"
    assert len(json.loads(ran("query", "--json", both[0])[1])) == 5


def test_the_local_zone_is_named_and_utc_is_one_option_away(trail: Trail, ran, monkeypatch) -> None:
    fill(trail, 1)
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        assert ran("query")[1].startswith("11-24 IST +05:30")
        assert "\n09:43:08 " in ran("query")[1]
        assert ran("query", "--utc")[1].startswith("11-24 UTC")
        assert '"timestamp": "2026-11-24T04:13:08.000000Z"' in ran("query", "--json")[1]
    finally:
        monkeypatch.undo()
        time.tzset()


# forms


def test_count_groups_and_exit_6(trail: Trail, ran) -> None:
    fill(trail)
    assert ran("query", "--count", "tool:tool_0")[:2] == (0, "3\n")
    assert json.loads(ran("query", "--count", "--json", "is:error")[1]) == {"count": 3}
    groups = json.loads(ran("query", "--group-by", "tool,outcome", "--json")[1])
    assert {(g["tool"], g["outcome"], g["calls"], g["errors"]) for g in groups} == {
        ("tool_0", "ok", 2, 0), ("tool_0", "error", 1, 1), ("tool_1", "error", 1, 1),
        ("tool_1", "ok", 1, 0), ("tool_2", "ok", 1, 0), ("tool_2", "error", 1, 1),
    }  # fmt: skip
    code, out, err = ran("query", "--group-by", "tool", "--limit", "2")
    assert out.splitlines()[0].split() == ["TOOL", "CALLS", "ERRORS", "LAST", "(UTC)"]
    assert (code, len(out.splitlines()), "more groups" in err) == (0, 3, True)


@pytest.mark.requirement("query.fail-on")
def test_fail_on_match_is_exit_6(trail: Trail, ran) -> None:
    fill(trail)
    for words in (["is:error"], ["--count", "is:error"], ["--group-by", "tool"]):
        assert ran("query", "--fail-on", "match", *words)[0] == 6
        assert ran("query", *words)[0] == 0
    assert ran("query", "--fail-on", "match", "tool:none")[0] == 0
    assert ran("query", "--fail-on", "match", "--count", "tool:none")[:2] == (0, "0\n")


def test_fields_are_columns_in_every_form(trail: Trail, ran) -> None:
    fill(trail, 1)
    words = ("query", "--fields", "tool,args.n,actor,args.none.deep")
    head, row = ran(*words)[1].splitlines()
    assert head.split() == ["tool", "args.n", "actor", "args.none.deep"]
    assert row.split() == ["tool_0", "0", "ann", "-"]
    wanted = {"tool": "tool_0", "args.n": 0, "actor": "ann", "args.none.deep": None}
    assert json.loads(ran(*words, "--json")[1]) == [wanted]
    assert json.loads(ran(*words, "--ndjson")[1]) == wanted
    assert ran(*words, "--csv")[1].splitlines()[1] == "tool_0,0,ann,"


@pytest.mark.requirement("query.csv-safe")
def test_csv_of_hostile_calls_runs_nothing(trail: Trail, ran) -> None:
    writer = Writer(trail)
    writer.call("=cmd|' /C calc'!A0", actor={"id": "@SUM(1)", "provenance": "asserted"})
    head, row = csv.reader(io.StringIO(ran("query", "--csv")[1], newline=""))
    found = dict(zip(head, row, strict=True))
    assert found["tool"] == "'=cmd|' /C calc'!A0"
    assert found["actor.id"] == "'@SUM(1)"


@pytest.mark.requirement("query.sql")
def test_sql_answers_as_table_json_and_csv(trail: Trail, ran) -> None:
    fill(trail)
    sql = "SELECT tool, count(*) AS calls FROM audit_log GROUP BY tool ORDER BY tool"
    code, out, _ = ran("query", "--sql", sql)
    assert (code, out.splitlines()[0].split()) == (0, ["tool", "calls"])
    rows = json.loads(ran("query", "--sql", sql, "--json")[1])
    assert rows[0] == {"tool": "tool_0", "calls": 3}
    assert ran("query", "--sql", sql, "--csv")[1].splitlines()[1] == "tool_0,3"
    assert "there are more rows" in ran("query", "--sql", sql, "--max-rows", "2")[2]


@pytest.mark.parametrize("columns", [20, 40, 100])
def test_rows_of_more_columns_than_fit_stand_one_below_the_other(
    trail: Trail, ran, monkeypatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    Writer(trail).call("日本語" * 9, args={"a": "\x1b[31m" * 9})
    out = ran("query", "--sql", "SELECT * FROM audit_log")[1].splitlines()
    assert out[0] == "row 1"
    assert len(out) == 1 + len(VIEWS[LOG])
    assert "  tool " in out[5]
    assert max(map(width, out)) <= max(columns, 20)


def test_what_is_turned_round_is_a_term_and_no_option(trail: Trail, ran) -> None:
    fill(trail)
    for words in (["query"], ["tail", "-n", "9"], ["export", "-o", "-"]):
        form = [] if words[0] == "export" else ["--json"]
        assert "unknown field 'nothing'" in ran(*words, "-outcome:ok", "-nothing:x")[2]
        found = ran(*words, "-outcome:ok", "-tool:tool_1", "kind:call", *form)[1]
        assert found.count('"tool_0"') == 1
        assert found.count('"tool_1"') == 0


# readings


@pytest.mark.requirement("query.readings-hidden")
def test_readings_are_on_record_and_shown_only_when_asked_for(trail: Trail, ran) -> None:
    fill(trail, 1)
    ran("query", "tool:tool_0")
    ran("show", "#0")
    ran("session", "01a20bc1")
    ran("tail", "-n", "1")
    ran("query", "--sql", "SELECT 1")
    ran("export", "-o", "-")
    assert len(json.loads(ran("query", "--json")[1])) == 1
    read = json.loads(ran("query", "kind:read", "--json", "--oldest-first")[1])
    commands = [entry["command"] for entry in read]
    assert commands == ["query", "show", "session", "tail", "sql", "export", "query"]
    assert read[0]["filter"] == "tool:tool_0"


@pytest.mark.requirement("sql.readings")
def test_sql_that_fails_is_on_record_for_its_error_can_quote_rows(trail: Trail, ran) -> None:
    fill(trail, 1)
    sql = "SELECT CAST(tool AS INT) FROM audit_log"
    code, _, err = ran("query", "--sql", sql)
    assert (code, "'tool_0'" in err) == (2, True)
    [read] = json.loads(ran("query", "kind:read", "--json")[1])
    assert (read["command"], read["filter"], "rows" in read) == ("sql", sql, False)


# show, session


@pytest.mark.requirement("show.previous")
def test_show_says_what_changed_since_the_call_before(trail: Trail, ran) -> None:
    writer = Writer(trail)
    writer.call("scale", args={"replicas": 3, "ns": "prod", "dry": True})
    writer.call("other", args={})
    writer.call("scale", actor={"id": "bob", "provenance": "asserted"}, args={"replicas": 9})
    writer.call("scale", args={"replicas": 0, "ns": "prod", "text": "x\x1b" * 90})
    newest = json.loads(ran("query", "--json", "--limit", "1")[1])[0]["callId"]
    _, out, _ = ran("show", newest)
    said = out[out.index("the call before, ") :].splitlines()
    assert said[0].startswith("the call before, 3 s earlier: 2026-11-24 04:13:08.000 UTC  ok  ")
    assert said[1:3] == ["  - dry  true", "  ~ replicas  3 -> 0"]
    assert said[3].startswith('  + text  "x\\u001bx')
    assert said[3].endswith("…")
    found = json.loads(ran("show", newest, "--json")[1])["previous"]
    assert found["changes"][:2] == [
        {"path": "dry", "before": "true", "now": None},
        {"path": "replicas", "before": "3", "now": "0"},
    ]
    first = json.loads(ran("query", "--json", "--oldest-first", "--limit", "1")[1])[0]["callId"]
    assert "the call before" not in ran("show", first)[1]


@pytest.mark.requirement("session.timeline")
def test_session_shows_its_calls_in_order_and_says_how_it_was_told(trail: Trail, ran) -> None:
    writer = fill(trail, 3)
    trail.tick(600)
    writer.received("slow")
    Writer(trail).call("another")
    code, out, err = ran("session", writer.id[:18])
    assert (code, err) == (1, "") or code == 0
    _, out, _ = ran("session", writer.id)
    assert out.startswith(f"session  {writer.id}\ntold by  process: one run of the server\n")
    assert "4 calls, 1 error, 1 unfinished" in out
    calls = [row for row in out.splitlines() if "tool_" in row or "slow" in row or "idle" in row]
    assert ["idle" in row for row in calls] == [False, False, False, True, False]
    assert [row[0] for row in calls] == [" ", "!", " ", " ", "!"]
    assert "another" not in out
    found = json.loads(ran("session", writer.id, "--json")[1])
    assert [one["entry"]["tool"] for one in found["steps"]] == [
        "tool_0",
        "tool_1",
        "tool_2",
        "slow",
    ]
    assert (found["calls"], found["errors"], found["unfinished"]) == (4, 1, 1)
    assert found["steps"][3]["idleMs"] > 599_000


def test_a_session_that_is_not_there_or_not_one_is_an_error(trail: Trail, ran) -> None:
    fill(trail, 1)
    fill(trail, 1)
    code, _, err = ran("session", "zzzz")
    assert (code, err.splitlines()[0]) == (1, "error: no session with the id 'zzzz'")
    code, _, err = ran("session", "01a2")
    assert code == 1
    assert err.startswith("error: several sessions have an id that begins with '01a2'\n")
    assert err.count("-7000-") == 2


# export, index


@pytest.mark.requirement("export.command")
def test_export_writes_what_the_name_of_the_file_says(trail: Trail, ran, tmp_path: Path) -> None:
    fill(trail)
    for name, size in (("a.sqlite", 7), ("a.csv", 8), ("a.ndjson", 7), ("a.parquet", None)):
        code, out, _ = ran("export", "kind:call", "-o", str(tmp_path / name), "--json")
        assert (code, json.loads(out)["entries"]) == (0, 7)
        path = tmp_path / name
        assert path.stat().st_mode & 0o777 == 0o600
        if name == "a.sqlite":
            [[found]] = sqlite3.connect(path).execute("SELECT count(*) FROM audit_log")
            assert found == size
        elif size:
            assert len(path.read_text().splitlines()) == size
    code, _, err = ran("export", "-o", str(tmp_path / "a.csv"))
    assert (code, "fix: --force replaces it" in err) == (2, True)
    assert ran("export", "-o", str(tmp_path / "a.csv"), "--force")[0] == 0


def test_export_leaves_nothing_out(trail: Trail, ran) -> None:
    fill(trail, 2)
    ran("query")
    done = subprocess.run(
        [sys.executable, "-m", "indelible", "--state", str(trail.root), "export", "-o", "-"],
        check=True, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    kinds = [json.loads(row)["kind"] for row in done.stdout.splitlines()]
    assert sorted(kinds) == ["call", "call", "read"]


@pytest.mark.requirement("index.commands")
def test_index_says_how_far_it_is_and_is_made_anew(trail: Trail, ran) -> None:
    fill(trail)
    assert ran("index", "status")[0] == 1
    ran("collect", "--once")
    [before] = json.loads(ran("index", "status", "--json")[1])
    assert (before["rows"], before["behind"]) == (7, 0)
    (trail.state.log().index / "manifest.json").unlink()
    assert "14 records behind" in ran("index", "status")[1]
    assert ran("query", "--count")[1] == "7\n"
    code, out, _ = ran("index", "rebuild")
    assert (code, out.startswith("default: 7 rows in 0 sealed files, ")) == (0, True)
    assert json.loads(ran("index", "status", "--json")[1]) == [before]
    assert run(["index", "--state", str(trail.root), "status"]) == 0
    assert run(["index", "status", "--state", str(trail.root)]) == 0
