"""Whoever reads the trail is on record: who, when, what they asked for, how much they got."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indelible.capture import reading
from indelible.capture.process import os_actor
from indelible.capture.reading import record_reading
from indelible.collect.once import collect_once
from indelible.model.flat import Fields
from indelible.query.search import search
from indelible.store.state import State, resolve
from tests.deliver.spools import bodies, headers
from tests.model.events import ANY_TEXT

NOW_US = 1_795_500_000_000_000
DOCS = Path(__file__).parents[2] / "docs/reference"


@pytest.fixture
def state(tmp_path) -> Path:
    root = tmp_path / "state"
    root.mkdir(0o700)
    return root


def entries(state: State) -> list[Fields]:
    return search(state, os.geteuid(), lambda _entry: True, 100).entries


@pytest.mark.requirement("reading.recorded")
def test_a_reading_is_on_record_with_who_and_what(state) -> None:
    words = ["tool:delete_*", "-outcome:ok"]
    assert record_reading(state, "query", words, 12, clock=lambda: NOW_US) == ""

    (entry,) = entries(resolve(state, {}))
    actor = {"id": os_actor().id, "provenance": "inherited"}
    assert {key: entry[key] for key in ("kind", "command", "rows", "filter", "actor")} == {
        "kind": "read",
        "command": "query",
        "rows": 12,
        "filter": "tool:delete_* -outcome:ok",
        "actor": actor,
    }
    assert str(entry["timestamp"]).startswith("2026-11-24T06:00:00.")
    schema = json.loads((DOCS / "record.schema.json").read_text(encoding="utf-8"))
    (header,), (body,) = (f(state / "spool/default") for f in (headers, bodies))
    jsonschema.validate({"header": header, "body": body}, schema)
    jsonschema.validate(entry, json.loads((DOCS / "flat.schema.json").read_text(encoding="utf-8")))


@pytest.mark.requirement("reading.recorded")
def test_it_is_sealed_like_every_record(state) -> None:
    record_reading(state, "export", [], None, export_format="sqlite", target="out.db")
    place = resolve(state, {})
    collect_once(place, user=os.geteuid(), clock_us=reading.clock_us, random=os.urandom)
    (entry,) = entries(place)
    assert entry["leaves"] == {"read": 0}
    assert (entry["format"], entry["target"], "rows" in entry) == ("sqlite", "out.db", False)
    assert not any((state / "spool/default").iterdir()), "a finished writer leaves nothing"


@pytest.mark.requirement("reading.redacted")
def test_what_was_asked_for_is_redacted(state) -> None:
    words = ["args.password:hunter2-secret", "actor:ann@example.com"]
    record_reading(state, "query", words, 0)
    record_reading(state, "export", [], 0, target="/tmp/AKIAIOSFODNN7EXAMPLE.csv")
    kept = b"".join(path.read_bytes() for path in (state / "spool/default").iterdir())
    for secret in (b"hunter2", b"ann@example", b"AKIAIOSFODNN7"):
        assert secret not in kept
    assert {header["redactionCount"] for header in headers(state / "spool/default")} == {1, 2}


def test_a_long_filter_is_cut_and_kept(state) -> None:
    record_reading(state, "sql", ["SELECT " + "x, " * 4_000], 0)
    (body,) = bodies(state / "spool/default")
    assert 4_000 < len(body["filter"]) <= 4_096


@given(st.lists(ANY_TEXT), ANY_TEXT)
def test_any_word_of_a_command_line_can_be_kept(tmp_path_factory, words, target) -> None:
    state = tmp_path_factory.mktemp("state")
    assert record_reading(state, "show", words, 1, target=target) == ""
    assert len(headers(state / "spool/default")) == 1


@pytest.mark.requirement("reading.never-in-the-way")
def test_a_state_that_cannot_be_written_to_is_no_reason_not_to_read(tmp_path, state) -> None:
    assert "No such file" in record_reading(tmp_path / "none", "query", [], 0)
    assert not (tmp_path / "none").exists()
    (state / "spool").write_bytes(b"in the way")
    assert "is not on record" in record_reading(state, "query", [], 0)


@pytest.mark.requirement("reading.never-in-the-way")
def test_nothing_is_left_in_another_users_state(state, monkeypatch) -> None:
    owner = os.geteuid()
    monkeypatch.setattr(reading.os, "geteuid", lambda: owner + 1)
    said = record_reading(state, "query", [], 0)
    assert said == f"this reading is not on record: the state belongs to user {owner}"
    assert not (state / "spool").exists()


def test_it_loads_nothing_heavy() -> None:
    code = (
        "import sys; from indelible.capture import reading; "
        "print(*sorted({'re2', 'duckdb', 'subprocess', 'cryptography'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
