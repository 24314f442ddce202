"""Times of a filter: how they are written, what they name, and their round trip."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indelible.model.canonical import format_time, parse_time
from indelible.query.times import MAX_US, MIN_US, format_moment, parse_moment, stretch
from tests.query.filters import MOMENTS, NOW_US


def named(source: str) -> tuple[str, str]:
    moment = parse_moment(source)
    assert moment is not None
    first, last = stretch(moment, NOW_US)
    return format_time(first), format_time(last)


@pytest.mark.parametrize(
    ("source", "first", "last"),
    [
        ("2026-11-20", "2026-11-20T00:00:00.000000Z", "2026-11-20T23:59:59.999999Z"),
        ("2026-11-20T08:30", "2026-11-20T08:30:00.000000Z", "2026-11-20T08:30:59.999999Z"),
        ("2026-11-20 08:30:01", "2026-11-20T08:30:01.000000Z", "2026-11-20T08:30:01.999999Z"),
        ("2026-11-20t08:30:01.5z", "2026-11-20T08:30:01.500000Z", "2026-11-20T08:30:01.500000Z"),
        ("2026-11-20T00:30+01:00", "2026-11-19T23:30:00.000000Z", "2026-11-19T23:30:59.999999Z"),
        ("today", "2026-11-24T00:00:00.000000Z", "2026-11-24T23:59:59.999999Z"),
        ("yesterday", "2026-11-23T00:00:00.000000Z", "2026-11-23T23:59:59.999999Z"),
        ("now", "2026-11-24T04:13:07.000000Z", "2026-11-24T04:13:07.000000Z"),
        ("90m", "2026-11-24T02:43:07.000000Z", "2026-11-24T02:43:07.000000Z"),
        ("2w", "2026-11-10T04:13:07.000000Z", "2026-11-10T04:13:07.000000Z"),
    ],
)
def test_a_time_stands_for_all_that_it_names(source: str, first: str, last: str) -> None:
    assert named(source) == (first, last)


def test_a_time_out_of_reach_is_the_first_that_can_be_written() -> None:
    moment = parse_moment("9999999w")

    assert moment is not None
    assert stretch(moment, NOW_US) == (MIN_US, MIN_US)


@pytest.mark.parametrize(
    "source",
    "24 h 1.5h -24h 24H 2026-13-01 2026-02-30 20261120 2026-W47 2026-11-20T24:61 2026-11-20T08"
    " 2026-11-20T08:30.5 2026-11-20Z 10000-01-01 2026-11-20T08:30:01.1234567 tomorrow"
    " 0001-01-01T00:00+01:00 ९d 12345678h".split(),
)
def test_anything_else_is_no_time(source: str) -> None:
    assert parse_moment(source) is None


@given(MOMENTS)
def test_parse_undoes_format(moment: object) -> None:
    assert parse_moment(format_moment(moment)) == moment  # type: ignore[arg-type]


@given(st.integers(0, MAX_US))
def test_every_time_that_is_kept_can_be_named(at_us: int) -> None:
    moment = parse_moment(format_time(at_us))

    assert moment is not None
    assert stretch(moment, NOW_US) == (at_us, at_us)
    assert parse_time(format_moment(moment)) == at_us
