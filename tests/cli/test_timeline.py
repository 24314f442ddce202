"""A session on a time line: offsets, bars, folded pauses, errors that need no colour."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indelible.cli.layout import width
from indelible.cli.timeline import lines, offset, steps
from indelible.model.canonical import format_time
from indelible.model.flat import Fields

START_US = 1_795_493_587_000_000


def call(at_s: float, ms: int | None = 5, outcome: str | None = "ok", **more: object) -> Fields:
    entry: Fields = {
        "kind": "call", "timestamp": format_time(START_US + int(at_s * 1_000_000)),
        "callId": "01a20bc1-e838-7000-8000-00000000abcd", "recordId": "w/1", "server": "crm",
        "tool": "find", "args": {"id": 7}, "outcome": outcome, "durationMs": ms,
    }  # fmt: skip
    return entry | more  # type: ignore[operator]


def drawn(entries: list[Fields], room: int = 120, *, blocks: bool = True) -> list[str]:
    return list(lines(steps(entries), room, blocks=blocks))


@pytest.mark.parametrize(
    ("us", "shown"),
    [(0, "0:00.000"), (62_417_999, "1:02.417"), (3_780_000_000, "1:03:00.000"), (-5, "0:00.000")],
)
def test_a_place_on_the_clock(us: int, shown: str) -> None:
    assert offset(us) == shown


@pytest.mark.requirement("session.timeline")
def test_pauses_are_folded_and_errors_marked() -> None:
    found = drawn(
        [
            call(0, 100),
            call(1, 50, "error", errorType="timeout"),
            call(721, None, "unknown"),
            call(722, None, None),
        ]
    )
    assert [row[:2] for row in found] == ["  ", "  ", "! ", "  ", "! ", "! "]
    assert found[3].strip() == "… 12 min idle …"
    assert "timeout" in found[2]
    assert "12:01.000" in found[4]
    assert "unfinished" in found[5]


def test_a_bar_is_as_long_as_its_call() -> None:
    found = drawn([call(0, 1000), call(2, 500), call(3, 1), call(4, None)])
    assert [row.count("█") for row in found[1:]] == [10, 5, 0, 0]
    assert "▏" in found[3]
    plain = drawn([call(0, 1000), call(2, 500), call(3, 1)], blocks=False)
    assert [row.count("#") for row in plain[1:]] == [10, 5, 1]


def test_a_call_that_runs_through_a_pause_is_no_pause() -> None:
    assert not any("idle" in row for row in drawn([call(0, 200_000), call(150), call(210)]))


def test_records_beside_the_calls_have_their_line() -> None:
    start: Fields = {"kind": "server.start", "timestamp": format_time(START_US), "recordId": "w/0",
                     "server": "crm", "argv": ["python"]}  # fmt: skip
    found = drawn([start, call(0.5)])
    assert "server.start" in found[1]
    assert 'argv=["python"]' in found[1]


@given(
    st.lists(
        st.tuples(st.floats(-1e6, 1e6), st.none() | st.integers(0, 10**9), st.text(max_size=99)),
        max_size=9,
    ),
    st.sampled_from([60, 80, 120, 200]),
)
def test_any_session_fits(calls: list[tuple[float, int | None, str]], room: int) -> None:
    found = drawn([call(at, ms, tool=name, args={name: name}) for at, ms, name in calls], room)
    assert all(row.isprintable() for row in found)
    assert max((width(row) for row in found), default=0) <= room
