"""Times for people: the zone is named, and two zones never mix unseen."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indelible.cli.moment import Times, Zone, day, long, offset, span
from indelible.model.canonical import format_time

UTC = Zone(utc=True)
BEFORE, AFTER = "2026-10-24T23:30:00.000000Z", "2026-10-25T01:30:00.000000Z"
"""On both sides of the hour that Berlin has twice."""


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Zone]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield Zone()
    monkeypatch.undo()
    time.tzset()


def times(zone: Zone, *texts: str, narrow: bool = False, year: int = 2026) -> tuple[str, list[str]]:
    how = Times.of(zone, texts, narrow=narrow, year=year)
    return how.head, [how.text(one, with_year=not narrow) for one in texts]


def test_the_zone_is_named_in_the_head(berlin: Zone) -> None:
    assert times(UTC, BEFORE) == ("10-24 UTC", ["23:30:00"])
    assert times(berlin, "2026-11-24T04:13:07.000000Z") == ("11-24 CET +01", ["05:13:07"])
    assert times(berlin, "2026-11-24T04:13:07.000000Z", narrow=True)[0] == "11-24 CET"
    assert times(berlin, "2026-07-24T04:13:07.000000Z", narrow=True)[0] == "07-24 CEST"


def test_another_year_is_said() -> None:
    assert times(UTC, BEFORE, year=2027)[0] == "2026-10-24 UTC"


def test_days_that_differ_stand_in_the_rows() -> None:
    assert times(UTC, BEFORE, AFTER) == (
        "TIME (UTC)",
        ["2026-10-24 23:30:00", "2026-10-25 01:30:00"],
    )
    assert times(UTC, BEFORE, AFTER, narrow=True)[1] == ["10-24 23:30:00", "10-25 01:30:00"]


def test_the_hour_that_comes_twice_says_which_it_is(berlin: Zone) -> None:
    head, rows = times(berlin, "2026-10-25T00:30:00.000000Z", AFTER)
    assert head == "10-25 local"
    assert rows == ["02:30:00+02", "02:30:00+01"]


def test_an_offset_has_minutes_only_where_it_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, shown in (("Asia/Kolkata", "+05:30"), ("America/New_York", "-05"), ("UTC", "+00")):
        monkeypatch.setenv("TZ", name)
        time.tzset()
        moment = Zone().at(1_795_493_587_000_000)
        assert moment is not None
        assert offset(moment) == shown
    monkeypatch.undo()
    time.tzset()


def test_times_of_a_group_always_have_their_date(berlin: Zone) -> None:
    for texts, head, rows in (
        ([AFTER], "TIME (CET)", ["2026-10-25 02:30:00"]),
        ([BEFORE, AFTER], "TIME (local)", ["2026-10-25 01:30:00+02", "2026-10-25 02:30:00+01"]),
        ([], "TIME (UTC)", []),
    ):
        how = Times.dated(berlin, texts)
        assert (how.head, [how.text(one, with_year=True) for one in texts]) == (head, rows)


def test_what_is_no_time_is_a_dash() -> None:
    how = Times.of(UTC, [None, "x", "9999-99-99T00:00:00Z"], narrow=True, year=2026)
    assert how.head == "TIME (UTC)"
    assert [how.text(one, with_year=True) for one in (None, "x")] == ["-", "-"]


def test_a_long_time_has_its_milliseconds_and_a_day_its_zone() -> None:
    moment = UTC.moment("2026-11-24T04:13:07.001999Z")
    assert moment is not None
    assert long(moment) == "2026-11-24 04:13:07.001 UTC"
    assert day(moment) == "2026-11-24 UTC"


@pytest.mark.parametrize(
    ("us", "shown"),
    [
        (0, "0 s"),
        (61_000_000, "61 s"),
        (125_000_000, "2 min"),
        (7_200_000_000, "2 h"),
        (200_000_000_000, "2 d"),
    ],
)
def test_a_span_is_in_the_unit_that_a_person_would_use(us: int, shown: str) -> None:
    assert span(us) == shown


@given(st.integers(-(10**18), 10**18))
def test_any_number_is_a_time_or_none(us: int) -> None:
    moment = UTC.at(us)
    if moment is not None and 0 <= us < 4_000_000_000_000_000:
        assert format_time(us).startswith(f"{moment:%Y-%m-%dT%H:%M:%S}")
