"""``indelible collect --once``: seal what the spools hold, and end."""

from __future__ import annotations

import signal
from pathlib import Path

import click

from indelible.cli.options import SUMMARIES, json_option, state_option
from indelible.cli.reading import collect as seal
from indelible.cli.reading import find_state, gone
from indelible.cli.terminal import json_text, visible
from indelible.collect.report import Collected
from indelible.errors import UsageError
from indelible.model.canonical import Json


@click.command(short_help=SUMMARIES["collect"])
@click.option("--once", is_flag=True, help="Seal what is there now, and end.")
@json_option
@state_option
def collect(once: bool, as_json: bool, state: Path | None) -> None:  # noqa: FBT001
    """Seal what servers have recorded.

    Servers start it by themselves, and every command that reads runs it first:
    it is here for cron, and for you. Two at once do no harm.

    \b
      indelible collect --once
      indelible collect --once --json | jq '.[].sealed'
    """  # noqa: D301 — click wants the backspace itself
    if not once:
        raise UsageError("nothing to do", hint="indelible collect --once")
    # `wrap` starts us with its signals blocked; we may be killed at any time.
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    place = find_state(state)
    if lost := gone(place):
        raise lost
    results = seal(place)
    if as_json:
        click.echo(json_text([_as_json(one) for one in results]))
        return
    if not results:
        click.echo("nothing was recorded yet")
    for one in results:
        _say(one)


def _say(one: Collected) -> None:
    if not one.ran:
        click.echo(f"{one.name}: another collection is at it; it will look again")
        return
    extra = [
        f"{count:,} {what}"
        for count, what in (
            (one.closed, "calls closed as unknown"),
            (one.gaps, "gaps"),
            (one.conflicts, "conflicts"),
            (one.damaged, "damaged spools put in quarantine"),
        )
        if count
    ]
    told = f"; {', '.join(extra)}" if extra else ""
    click.echo(f"{one.name}: {one.sealed:,} records sealed, {one.size:,} in the log{told}")
    if not one.outside:
        click.echo(
            "  no copy of the checkpoint outside the state: a rollback goes unseen", err=True
        )
    if one.copy_failed:
        click.echo(
            f"  the query copy is behind, so queries are slower: {visible(one.copy_failed)}\n"
            "  it is brought up the next time, or now: indelible index rebuild",
            err=True,
        )
    for path, why in one.refused:
        click.echo(f"  not read: {visible(str(path))}: {visible(why)}", err=True)


def _as_json(one: Collected) -> dict[str, Json]:
    return {
        "class": one.name,
        "ran": one.ran,
        "sealed": one.sealed,
        "size": one.size,
        "origin": one.origin or None,
        "closed": one.closed,
        "duplicates": one.duplicates,
        "conflicts": one.conflicts,
        "gaps": one.gaps,
        "damaged": one.damaged,
        "outside": one.outside,
        "copyFailed": one.copy_failed or None,
        "refused": [{"path": str(path), "why": why} for path, why in one.refused],
    }
