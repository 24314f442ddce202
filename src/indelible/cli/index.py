"""``indelible index``: the copy that questions are answered from. It can be thrown away."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import click

from indelible.cli.options import HELP_NAMES, SUMMARIES, json_option, state_option
from indelible.cli.reading import find_state
from indelible.cli.terminal import json_text, visible
from indelible.collect.index import Lag, lag
from indelible.collect.index import rebuild as make_anew
from indelible.errors import StateError
from indelible.model.flat import Fields
from indelible.store.state import State


@click.group(short_help=SUMMARIES["index"], context_settings=HELP_NAMES, no_args_is_help=False)
@state_option
def index(state: Path | None) -> None:
    """Look after the copy that queries are answered from.

    The log is what counts; the copy is made from it and can be thrown away. Each
    collection brings it up to date.

    \b
      indelible index status
      indelible index rebuild
    """  # noqa: D301 — click wants the backspace itself


@index.command(short_help="Show how far the copy is behind the log.")
@json_option
@state_option
def status(as_json: bool, state: Path | None) -> None:  # noqa: FBT001
    """Show how far the copy is behind the log.

    What it does not hold yet is read from the log, which is slower; nothing is
    missing from an answer.

    \b
      indelible index status
      indelible index status --json | jq '.[].behind'
    """  # noqa: D301 — click wants the backspace itself
    found = [(name, lag(place, name)) for place, name in _logs(state)]
    if as_json:
        click.echo(json_text([_as_json(name, one) for name, one in found]))
        return
    for name, one in found:
        behind = f"{one.behind:,} records behind" if one.behind else "up to date"
        click.echo(
            f"{visible(name)}: {one.rows:,} rows in {_files(one.files)}, {one.bytes:,} bytes; "
            f"{behind}"
        )


@index.command(short_help="Throw the copy away and make it anew from the log.")
@json_option
@state_option
def rebuild(as_json: bool, state: Path | None) -> None:  # noqa: FBT001
    """Throw the copy away and make it anew from the log.

    For when it is damaged, or was made by another version. Questions are answered
    meanwhile; a collection at work makes it end with 1.

    \b
      indelible index rebuild
      indelible index rebuild --state /srv/audit --json
    """  # noqa: D301 — click wants the backspace itself
    made: list[Fields] = []
    for place, name in _logs(state):
        started = time.monotonic()
        manifest = make_anew(
            place, name, user=os.geteuid(), clock_us=lambda: time.time_ns() // 1000
        )
        one = lag(place, name)
        made.append(_as_json(name, one))
        if not as_json:
            seconds = time.monotonic() - started
            click.echo(
                f"{visible(name)}: {manifest.rows:,} rows in {_files(one.files)}, "
                f"{one.bytes:,} bytes, made of {manifest.leaves:,} records in {seconds:.1f} s"
            )
    if as_json:
        click.echo(json_text(made))


def _logs(argument: Path | None) -> Iterator[tuple[State, str]]:
    """Yield each log of the state.

    Raises:
        StateError: If there is none.
    """
    context = click.get_current_context()
    place = find_state(argument or _of_the_groups(context))
    names = [name for name in place.classes() if place.log(name).directory.is_dir()]
    if not names:
        raise StateError("no log here", hint="nothing was sealed yet: indelible collect --once")
    for name in names:
        yield place, name


def _of_the_groups(context: click.Context) -> Path | None:
    """Return the ``--state`` that stood before the command's name."""
    outer = context.parent
    while outer is not None:
        state = outer.params.get("state")
        if isinstance(state, Path):
            return state
        outer = outer.parent
    return None


def _files(number: int) -> str:
    return f"{number:,} sealed {'file' if number == 1 else 'files'}"


def _as_json(name: str, one: Lag) -> Fields:
    return {
        "class": name,
        "sealed": one.sealed,
        "covered": one.covered,
        "behind": one.behind,
        "rows": one.rows,
        "files": one.files,
        "bytes": one.bytes,
    }
