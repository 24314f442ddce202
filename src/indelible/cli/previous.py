"""The same actor's call of the same tool before this one, and how its arguments differ."""

from __future__ import annotations

from dataclasses import dataclass

import click

from indelible.cli.difference import Change, changes
from indelible.cli.moment import Zone, long, span
from indelible.cli.table import ending
from indelible.cli.terminal import colour_of, line, visible
from indelible.model.flat import Fields, text
from indelible.query.merge import micros
from indelible.query.trail import Trail

MAX_CHANGES = 20
_MAX_VALUE = 70
_COLOURS = {"+": "green", "-": "red", "~": "yellow"}


@dataclass(frozen=True, slots=True)
class Previous:
    """A call and what the next one changed."""

    call: Fields
    ago_us: int
    changes: list[Change]

    def as_json(self) -> Fields:
        """Return it for programs."""
        return {
            "callId": text(self.call, "callId"),
            "timestamp": text(self.call, "timestamp"),
            "outcome": text(self.call, "outcome"),
            "changes": [one.as_json() for one in self.changes],
        }


def previous(trail: Trail, entry: Fields) -> Previous | None:
    """Return the call of the same actor and tool before *entry*, or None where there is none."""
    call = trail.previous(entry)
    if call is None:
        return None
    ago = micros(text(entry, "timestamp"), otherwise=0) - micros(
        text(call, "timestamp"), otherwise=0
    )
    is_gone = bool(entry.get("erased") or call.get("erased"))
    return Previous(call, ago, [] if is_gone else changes(call.get("args"), entry.get("args")))


def print_previous(before: Previous, zone: Zone) -> None:
    """Print when the call before was, and what differs, one member a line."""
    moment = zone.moment(text(before.call, "timestamp"))
    at = long(moment) if moment else "-"
    number = text(before.call, "callId") or "-"
    click.echo(
        f"\nthe call before, {span(before.ago_us)} earlier: {at}  "
        f"{visible(ending(before.call))}  {visible(number)}"
    )
    if before.call.get("erased"):
        click.echo("  its arguments were erased")
    elif not before.changes:
        click.echo("  the same arguments")
    for one in before.changes[:MAX_CHANGES]:
        click.echo(f"  {colour_of(one.sign, _COLOURS[one.sign])} {visible(one.path)}  {_told(one)}")
    if len(before.changes) > MAX_CHANGES:
        click.echo(f"  … and {len(before.changes) - MAX_CHANGES:,} more; --json has them")


def _told(one: Change) -> str:
    before = None if one.before is None else line(one.before, width=_MAX_VALUE)
    now = None if one.now is None else line(one.now, width=_MAX_VALUE)
    if before is None or now is None:
        return before or now or ""
    if before == now:  # they differ behind the cut
        return f"{before} -> (differs further on)"
    return f"{before} -> {now}"
