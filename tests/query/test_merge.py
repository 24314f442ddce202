"""Order, joins and the early stop, against the plain way: read all, join, sort, cut."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indelible.model.canonical import format_time
from indelible.model.flat import Fields, Kept
from indelible.query.merge import Merge

COLLECTOR = "0192f0c1-7c00-7000-8000-0000000000cc"


def everything(entry: Fields) -> bool:
    return True


def received(writer: str, seq: int, at: int, **changes: object) -> Kept:
    header: Fields = {"kind": "received", "writer": writer, "seq": seq}
    header |= {"timestamp": format_time(at), "id": f"{writer}-{seq}"}
    return Kept(header, {}, **changes)  # type: ignore[arg-type]


def completed(writer: str, seq: int, of: int, **changes: object) -> Kept:
    header: Fields = {"kind": "completed", "writer": writer, "seq": seq, "outcome": "ok"}
    return Kept(header | {"of": {"writer": writer, "seq": of}}, {}, **changes)  # type: ignore[arg-type]


def closed(seq: int, writer: str, of: int, via: str = "collector") -> Kept:
    record = completed(writer, 0, of, via=via)
    header = record.header | {"writer": COLLECTOR, "seq": seq, "outcome": "unknown"}
    return replace(record, header=header)


def seal(records: list[Kept], first: int, at: int) -> list[Kept]:
    return [
        replace(record, log="log", leaf=first + n, received_at=format_time(at))
        for n, record in enumerate(records)
    ]


def run(unsealed: list[Kept], log: list[Kept], limit: int = 99) -> tuple[list[Fields], int]:
    """Return the entries and how many leaves were read for them."""
    merge = Merge(unsealed, everything, limit)
    read = 0
    for record in reversed(log):
        read += 1
        if not merge.add(record):
            break
    return merge.finish(), read


def ids(entries: list[Fields]) -> list[object]:
    return [entry.get("callId") or entry["recordId"] for entry in entries]


def test_writers_collected_late_come_in_the_order_of_their_calls() -> None:
    early_but_late = [received("b", 0, 10), received("b", 1, 30)]
    log = seal([received("a", 0, 20)], 0, 25) + seal(early_but_late, 1, 90)
    assert ids(run([received("c", 0, 5)], log)[0]) == ["b-1", "a-0", "b-0", "c-0"]


def test_reading_stops_where_nothing_younger_can_lie() -> None:
    log = [leaf for n in range(50) for leaf in seal([received("a", n, 100 * n)], n, 100 * n + 9)]
    entries, read = run([], log, limit=3)
    assert ids(entries) == ["a-49", "a-48", "a-47"]
    assert read == 4


def test_one_call_is_joined_across_spool_and_log() -> None:
    entries, _ = run([completed("a", 1, 0)], seal([received("a", 0, 1)], 7, 2))
    assert [(entry["outcome"], entry["leaves"]) for entry in entries] == [
        ("ok", {"received": 7, "completed": None})
    ]


def test_a_record_sealed_in_between_is_one_entry_with_its_outcome() -> None:
    spool = [received("a", 0, 10)]
    log = seal([received("a", 0, 10), completed("a", 1, 0)], 3, 20)
    entries, _ = run(spool, log)
    assert [(entry["outcome"], entry["leaves"]) for entry in entries] == [
        ("ok", {"received": 3, "completed": 4})
    ]


@pytest.mark.parametrize("real_first", [True, False])
def test_the_writers_own_word_stands_over_the_reconcilers(real_first: bool) -> None:
    endings = [completed("a", 1, 0), closed(0, "a", 0)]
    log = seal([received("a", 0, 1), *(endings if real_first else endings[::-1])], 0, 2)
    assert [entry["outcome"] for entry in run([], log)[0]] == ["ok"]
    assert [entry["outcome"] for entry in run([endings[0]], log[:1])[0]] == ["ok"]


def test_nobody_else_closes_a_call() -> None:
    forged = closed(0, "a", 0, via="spool")
    entries, _ = run([], seal([received("a", 0, 1), forged], 0, 2))
    assert [entry.get("outcome") for entry in entries] == ["unknown", None]
    assert [entry["kind"] for entry in entries] == ["completed", "call"]


def test_an_outcome_without_its_call_is_listed_last() -> None:
    entries, _ = run([], seal([completed("a", 1, 0), received("a", 2, 1)], 0, 2))
    assert [entry["kind"] for entry in entries] == ["call", "completed"]


def test_a_clock_that_ran_ahead_does_not_hide_younger_calls() -> None:
    log = seal([received("a", 0, 10**15)], 0, 10) + seal([received("b", 0, 20)], 1, 30)
    assert ids(run([], log)[0]) == ["b-0", "a-0"]
    assert ids(run([], log, limit=1)[0]) == ["b-0"]


def test_times_that_are_none_break_nothing() -> None:
    odd = Kept({"kind": "received", "writer": "a", "seq": 0, "timestamp": "yesterday"}, {})
    huge = Kept({"kind": "x", "writer": "a", "seq": 1, "timestamp": "9999-13-01T00:00:00Z"}, {})
    assert len(run([odd, huge], [])[0]) == 2
    assert len(run([], seal([odd, huge], 0, 5))[0]) == 2


def test_no_limit_at_all_is_no_entries() -> None:
    assert run([received("a", 0, 1)], seal([received("b", 0, 1)], 0, 2), limit=0)[0] == []


@st.composite
def trails(draw: st.DrawFn) -> tuple[list[Kept], list[Kept], list[tuple[int, str, object]]]:
    """A spool and a log as collections leave them, and what the answer must be."""
    clock = 0
    spools: dict[str, list[Kept]] = {"a": [], "b": [], "c": []}
    seqs = dict.fromkeys(spools, 0)
    running: dict[str, list[tuple[int, int]]] = {writer: [] for writer in spools}
    log: list[Kept] = []
    snapshot: list[Kept] | None = None
    expected: dict[tuple[str, int], tuple[int, str, object]] = {}
    for _ in range(draw(st.integers(0, 40))):
        clock += draw(st.integers(1, 3))
        writer = draw(st.sampled_from("abc"))
        step = draw(st.sampled_from(["call", "end", "collect", "look"]))
        if step == "call" and snapshot is None:
            spools[writer].append(received(writer, seqs[writer], clock))
            running[writer].append((seqs[writer], clock))
            expected[writer, seqs[writer]] = (clock, f"{writer}-{seqs[writer]}", None)
            seqs[writer] += 1
        elif step == "end" and running[writer]:
            of, at = running[writer].pop(draw(st.integers(0, len(running[writer]) - 1)))
            spools[writer].append(completed(writer, seqs[writer], of))
            if snapshot is None:
                expected[writer, of] = (at, f"{writer}-{of}", "ok")
            seqs[writer] += 1
        elif step == "collect" and snapshot is None:
            log += seal(spools[writer], len(log), clock)
            spools[writer] = []
        elif step == "look" and snapshot is None and draw(st.booleans()):
            snapshot = [record for records in spools.values() for record in records]
            for name, records in spools.items():
                if draw(st.booleans()):
                    log += seal(records, len(log), clock)
                spools[name] = []
            running = {name: [] for name in spools}
    unsealed = snapshot or [record for records in spools.values() for record in records]
    return unsealed, log, sorted(expected.values(), key=lambda row: (row[0], row[1]), reverse=True)


@given(trails(), st.integers(1, 6))
def test_agrees_with_reading_all(
    trail: tuple[list[Kept], list[Kept], list[tuple[int, str, object]]], limit: int
) -> None:
    unsealed, log, expected = trail
    entries, _ = run(unsealed, log, limit)
    found = [(entry["timestamp"], entry["callId"], entry["outcome"]) for entry in entries]
    assert found == [(format_time(at), name, outcome) for at, name, outcome in expected[:limit]]
