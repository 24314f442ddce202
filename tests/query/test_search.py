"""Searching real states: live and dead writers, sealed and not, and a collector in between."""

from __future__ import annotations

import json
import os
from pathlib import Path

import jsonschema
import pytest

from indelible.errors import IndelibleError, UsageError
from indelible.model.canonical import encode
from indelible.model.flat import Fields
from indelible.model.record import Record
from indelible.query.parse import parse
from indelible.query.search import find, proofs, search
from indelible.seal.merkle import verify_inclusion
from indelible.store import reader
from indelible.store.records import fields
from tests.query.trail import Trail, Writer

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
FLAT = jsonschema.Draft202012Validator(json.loads((REFERENCE / "flat.schema.json").read_text()))


@pytest.fixture
def trail(tmp_path: Path) -> Trail:
    return Trail(tmp_path / "state")


def entries(trail: Trail, source: str = "", limit: int = 99) -> list[Fields]:
    wanted, now_us = parse(source), trail.now_us
    found = search(
        trail.state, os.geteuid(), lambda entry: wanted.matches(entry, now_us), limit
    ).entries
    for entry in found:
        FLAT.validate(entry)
    return found


def tools(found: list[Fields]) -> list[object]:
    return [entry.get("tool") for entry in found]


def test_calls_are_found_before_and_after_they_are_sealed(trail: Trail) -> None:
    writer = Writer(trail)
    writer.call("a")
    assert [(e["tool"], e["outcome"], e["leaves"]) for e in entries(trail)] == [("a", "ok", None)]
    trail.collect()
    writer.received("b")
    found = entries(trail)
    assert [(e["tool"], e["outcome"]) for e in found] == [("b", None), ("a", "ok")]
    assert [e["leaves"] for e in found] == [None, {"received": 0, "completed": 1}]
    assert str(found[1]["log"]).startswith("indelible.")


def test_a_call_that_began_sealed_ends_in_the_spool(trail: Trail) -> None:
    writer = Writer(trail)
    of = writer.received("slow")
    trail.collect()
    writer.completed(of)
    [entry] = entries(trail)
    assert (entry["outcome"], entry["leaves"]) == ("ok", {"received": 0, "completed": None})


def test_a_call_whose_writer_died_is_closed_by_the_collector(trail: Trail) -> None:
    writer = Writer(trail)
    writer.received("fatal")
    writer.end()
    trail.collect()
    [entry] = entries(trail, "is:unfinished")
    assert (entry["tool"], entry["outcome"]) == ("fatal", "unknown")


def test_several_writers_come_newest_first_whenever_they_were_collected(trail: Trail) -> None:
    first, second = Writer(trail, "crm"), Writer(trail, "mail")
    first.call("t1")
    second.call("t2")
    first.call("t3")
    first.end()
    trail.collect()
    second.call("t4")
    trail.collect()
    second.call("t5")
    assert tools(entries(trail)) == ["t5", "t4", "t3", "t2", "t1"]
    assert tools(entries(trail, limit=2)) == ["t5", "t4"]
    assert tools(entries(trail, "server:crm", limit=1)) == ["t3"]


def test_more_says_whether_older_ones_match(trail: Trail) -> None:
    writer = Writer(trail)
    for _ in range(3):
        writer.call()
    trail.collect()
    user = os.geteuid()
    assert search(trail.state, user, lambda _: True, 2).more
    assert not search(trail.state, user, lambda _: True, 3).more


def test_what_is_sealed_while_we_read_is_found_once(
    trail: Trail, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Writer(trail)
    writer.call("a")
    of = writer.received("b")
    real = reader.LogReader

    def late(directory: Path) -> reader.LogReader:
        if writer.seq == 3:
            writer.completed(of)
            writer.end()
            trail.collect()
        return real(directory)

    monkeypatch.setattr(reader, "LogReader", late)
    found = entries(trail)
    assert [(e["tool"], e["outcome"]) for e in found] == [("b", "ok"), ("a", "ok")]


def test_a_spool_cannot_speak_for_another_writer(trail: Trail) -> None:
    victim, forger = Writer(trail), Writer(trail)
    victim.call("real")
    forger.keep({"kind": "received", "tool": "forged"}, {})
    real_id, forger.id = forger.id, victim.id
    forger.keep({"kind": "received", "tool": "forged-too"}, {})
    forger.id = real_id
    assert tools(entries(trail, "tool:*too")) == []
    assert set(tools(entries(trail))) == {"real", "forged"}


def test_a_body_that_its_header_does_not_name_is_not_shown(trail: Trail) -> None:
    writer = Writer(trail)
    writer.call("real")
    header = encode(
        {"v": 1, "kind": "received", "writer": writer.id, "seq": 2, "bodyHash": "00" * 32}
    )
    writer.write(Record(header, bytes(16), b'{"tool":"forged"}'))
    assert tools(entries(trail)) == ["real"]


def test_hostile_records_are_entries_too(trail: Trail) -> None:
    writer = Writer(trail)
    deep: object = "x"
    for _ in range(50):
        deep = [deep]
    writer.keep({"kind": "server.start", "server": "\x1b[2J", "timestamp": "never"}, {"argv": 1})
    writer.received("\u202egpj", args=deep)
    assert len(entries(trail)) == 2
    trail.collect()
    assert "\u202egpj" in tools(entries(trail))


def test_erased_bodies_are_said(trail: Trail) -> None:
    writer = Writer(trail)
    writer.call("a")
    trail.collect()
    for path in trail.state.log().bodies.iterdir():
        path.write_bytes(b"")
    writer.end()
    [entry] = entries(trail)
    assert (entry["erased"], entry["args"], entry["tool"]) == (True, None, "a")


def test_find_by_every_kind_of_id(trail: Trail) -> None:
    writer = Writer(trail)
    writer.call("a")
    writer.call("b")
    trail.collect()
    b, a = entries(trail)
    user = os.geteuid()
    for wanted in (a["callId"], a["recordId"], a["requestId"], str(a["callId"])[:-1], "0", "#1"):
        assert tools(find(trail.state, user, str(wanted))) == ["a"], wanted
    with pytest.raises(IndelibleError, match="2 entries have an id that begins with") as caught:
        find(trail.state, user, str(a["callId"])[:8])
    assert str(b["callId"]) in caught.value.hint
    with pytest.raises(UsageError, match="too short"):
        find(trail.state, user, "0192f0c")
    with pytest.raises(IndelibleError, match="nothing with the id"):
        find(trail.state, user, "ffffffff-0000")


def test_the_calls_of_one_request_are_found_together(trail: Trail) -> None:
    one, two = Writer(trail), Writer(trail)
    one.call("a")
    two.call("b")  # both wrote their first call under the same requestId
    shared = str(entries(trail)[0]["requestId"])
    assert tools(find(trail.state, os.geteuid(), shared)) == ["b", "a"]


def test_proofs_of_a_sealed_entry_hold(trail: Trail) -> None:
    writer = Writer(trail)
    for _ in range(5):
        writer.call()
    trail.collect()
    for entry in entries(trail):
        found = proofs(trail.state, entry)
        assert set(found) == {"received", "completed"}
    writer.call("fresh")
    assert proofs(trail.state, entries(trail)[0]) == {}
    assert all(
        not verify_inclusion(
            one.proof.leaf_hash,
            one.proof.index,
            size=one.proof.size,
            proof=one.proof.hashes,
            expected=bytes(32),
        )
        for one in found.values()
    )


def test_an_empty_state_has_no_entries(tmp_path: Path) -> None:
    assert search(Trail(tmp_path).state, os.geteuid(), lambda _: True, 5).entries == []


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a":1.5,"b":NaN,"c":-Infinity,"d":1e999}', {"a": 1.5, "b": None, "c": None, "d": None}),
        (b"[1]", None),
        (b"\xff", None),
        (b'{"a":' + b"9" * 5000 + b"}", None),
        (b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}", None),
        (b'{"a":' + b"[" * 300 + b"]" * 300 + b"}", None),
        (b'{"a":[' + b"[]," * 300 + b"[]]}", {"a": [[]] * 301}),
    ],
)
def test_bytes_that_may_be_anything_become_fields_that_can_be_written(
    data: bytes, value: object
) -> None:
    assert fields(data) == value
