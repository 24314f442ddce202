"""Times of a filter: ``2026-11-20``, ``2026-11-20T08:00``, ``24h``, ``today``. Pure.

A time stands for all that it names: a date for its whole day, a time without seconds
for its minute, one without a fraction for its second. So ``until:2026-11-20`` includes
that day, and a time copied from a table finds its entry. A relative time is a moment:
so long before now. All days and times without a zone are UTC.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from typing import TypeAlias

from indelible.model.canonical import parse_time
from indelible.model.flat import Fields, text

_SECOND = 1_000_000
_MINUTE = 60 * _SECOND
_DAY = 86_400 * _SECOND
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_STEP = datetime.timedelta(microseconds=1)
MIN_US = (datetime.datetime.min.replace(tzinfo=datetime.UTC) - _EPOCH) // _STEP
MAX_US = (datetime.datetime.max.replace(tzinfo=datetime.UTC) - _EPOCH) // _STEP
"""The first and the last time that can be written: years 1 to 9999."""

FORMS = "2026-11-20, 2026-11-20T08:00:00Z, 24h, 7d, today, yesterday or now"
"""How a time is written, for messages."""

_ABSOLUTE = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ]([0-9]{2}:[0-9]{2})(:[0-9]{2})?(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})?)?"
)
_AGO = re.compile(r"([0-9]{1,7})([smhdw])")


@dataclass(frozen=True, slots=True)
class At:
    """A stretch of time with a fixed place: microseconds since 1970, and how many."""

    start_us: int
    width_us: int


@dataclass(frozen=True, slots=True)
class Ago:
    """So long before now; as it was written, and without a number: now itself."""

    count: int = 0
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Day:
    """The day of now in UTC, or one that many days before."""

    back: int = 0


Moment: TypeAlias = At | Ago | Day


def parse_moment(source: str) -> Moment | None:
    """Return the time that *source* is, or None if it is none."""
    if source == "now":
        return Ago()
    if source in ("today", "yesterday"):
        return Day(int(source == "yesterday"))
    if ago := _AGO.fullmatch(source):
        return Ago(int(ago[1]), ago[2])
    found = _ABSOLUTE.fullmatch(source)
    if found is None or (found[4] and not found[3]):
        return None
    day, minute, second, fraction, zone = found.groups()
    width = _width(minute, second, fraction)
    digits = (fraction or ".").ljust(7, "0")
    zone = "Z" if zone in (None, "z") else zone
    try:
        start = parse_time(f"{day}T{minute or '00:00'}{second or ':00'}{digits}{zone}")
    except (ValueError, OverflowError):
        return None
    return At(start, width) if MIN_US <= start <= MAX_US else None


def _width(minute: str | None, second: str | None, fraction: str | None) -> int:
    """Return how much time is named by what is given of it."""
    if minute is None:
        return _DAY
    if second is None:
        return _MINUTE
    return 1 if fraction else _SECOND


def format_moment(moment: Moment) -> str:
    """Return *moment* as text, in its one canonical form; `parse_moment` undoes it."""
    if isinstance(moment, Day):
        return "yesterday" if moment.back else "today"
    if isinstance(moment, Ago):
        return f"{moment.count}{moment.unit}" if moment.unit else "now"
    start = (_EPOCH + datetime.timedelta(microseconds=moment.start_us)).replace(tzinfo=None)
    if moment.width_us == _DAY:
        return start.date().isoformat()
    spec = {_MINUTE: "minutes", _SECOND: "seconds"}.get(moment.width_us, "microseconds")
    return f"{start.isoformat(timespec=spec)}Z"


def stretch(moment: Moment, now_us: int) -> tuple[int, int]:
    """Return the first and the last microsecond that *moment* names.

    Args:
        now_us: What relative times count from, in microseconds since 1970.
    """
    if isinstance(moment, At):
        return moment.start_us, min(moment.start_us + moment.width_us - 1, MAX_US)
    if isinstance(moment, Day):
        start = now_us - now_us % _DAY - moment.back * _DAY
        return start, start + _DAY - 1
    at = now_us - moment.count * _UNITS.get(moment.unit, 0) * _SECOND
    at = min(max(at, MIN_US), MAX_US)
    return at, at


def entry_time(entry: Fields) -> int | None:
    """Return the `timestamp` of an entry in microseconds since 1970, or None."""
    said = text(entry, "timestamp")
    try:
        return None if said is None else parse_time(said)
    except (ValueError, OverflowError):
        return None
