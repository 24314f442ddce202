"""Times for people: in the reader's own zone or in UTC, and the zone is always named.

JSON, CSV and exports never pass here: their times are RFC 3339 in UTC.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass

from indelible.model.canonical import parse_time

_MINUTE_US = 60_000_000
_UNITS = (("d", 1440 * _MINUTE_US), ("h", 60 * _MINUTE_US), ("min", _MINUTE_US))


@dataclass(frozen=True, slots=True)
class Zone:
    """The zone in which times are shown."""

    utc: bool = False
    """Whether that is UTC; else it is the zone of the machine (``TZ``)."""

    def moment(self, text: str | None) -> datetime.datetime | None:
        """Return an RFC 3339 time in this zone; None for what is no time."""
        try:
            at_us = parse_time(text) if text else None
        except (ValueError, OverflowError):
            return None
        return None if at_us is None else self.at(at_us)

    def at(self, at_us: int) -> datetime.datetime | None:
        """Return microseconds since 1970 in this zone; None for what no calendar has."""
        try:
            moment = datetime.datetime.fromtimestamp(at_us // 1_000_000, datetime.UTC)
            moment = moment.replace(microsecond=at_us % 1_000_000)
            return moment if self.utc else moment.astimezone()
        except (ValueError, OverflowError, OSError):
            return None


@dataclass(frozen=True, slots=True)
class Times:
    """How the times of one table are written: short, but never so that two zones mix unseen."""

    zone: Zone
    head: str
    """What stands above them: the zone, and what all of them share."""
    has_date: bool
    has_offset: bool
    """The clocks were changed between them, so each says its own offset."""

    @classmethod
    def of(cls, zone: Zone, texts: Iterable[str | None], *, narrow: bool, year: int) -> Times:
        """Return how to write *texts*.

        Args:
            narrow: Whether there is no room for the offset of the zone beside its name.

            year: The present one; it need not be said. A date that all share stands
                in the head.
        """
        moments = [one for one in map(zone.moment, texts) if one is not None]
        offsets = {one.utcoffset() for one in moments}
        changes = len(offsets) > 1
        name = "local" if changes else (_zone_name(moments[0], narrow=narrow) if moments else "UTC")
        dates = {one.date() for one in moments}
        if len(dates) != 1:
            return cls(zone, f"TIME ({name})", has_date=True, has_offset=changes)
        date = dates.pop()
        shown = f"{date:%m-%d}" if date.year == year else f"{date:%Y-%m-%d}"
        return cls(zone, f"{shown} {name}", has_date=False, has_offset=changes)

    @classmethod
    def dated(cls, zone: Zone, texts: Iterable[str | None]) -> Times:
        """Return how to write *texts*, each with its date."""
        moments = [one for one in map(zone.moment, texts) if one is not None]
        changes = len({one.utcoffset() for one in moments}) > 1
        name = "local" if changes else _zone_name(moments[0], narrow=True) if moments else "UTC"
        return cls(zone, f"TIME ({name})", has_date=True, has_offset=changes)

    def text(self, text: str | None, *, with_year: bool) -> str:
        """Return one time to the second; what is no time as a dash."""
        moment = self.zone.moment(text)
        if moment is None:
            return "-"
        clock = f"{moment:%H:%M:%S}"
        if self.has_date:
            clock = f"{moment:%Y-%m-%d} {clock}" if with_year else f"{moment:%m-%d} {clock}"
        return clock + (offset(moment) if self.has_offset else "")


def long(moment: datetime.datetime) -> str:
    """Return a time to the millisecond with its date and the name of its zone."""
    zone = _zone_name(moment, narrow=False)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03} {zone}"


def day(moment: datetime.datetime) -> str:
    """Return the day of a time, and the zone whose day it is."""
    return f"{moment:%Y-%m-%d} {_zone_name(moment, narrow=False)}"


def offset(moment: datetime.datetime) -> str:
    """Return how far a time's zone is from UTC, as ``+01`` or ``+05:30``."""
    shift = f"{moment:%z}"
    return shift[:3] + ("" if shift[3:5] in ("", "00") else f":{shift[3:5]}")


def span(us: int) -> str:
    """Return a long stretch of time in the unit that a person would use."""
    for unit, size in _UNITS:
        if us >= 2 * size:
            return f"{us / size:.0f} {unit}"
    return f"{us / 1_000_000:.0f} s"


def _zone_name(moment: datetime.datetime, *, narrow: bool) -> str:
    """Return the name of a zone, with its offset where there is room: names are ambiguous."""
    if not moment.utcoffset():
        return "UTC"
    name = moment.tzname() or ""
    shift = offset(moment)
    if not name or name[0] in "+-":
        return shift
    return name if narrow else f"{name} {shift}"
