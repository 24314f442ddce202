"""``indelible status``: one screen that says how the trail is doing, and what to do about it."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import click

from indelible.cli.options import SUMMARIES, collect_option, json_option, state_option
from indelible.cli.reading import Place, fresh_place
from indelible.cli.terminal import colour, json_text, visible
from indelible.collect.index import Lag, lag
from indelible.errors import FormatError
from indelible.model.canonical import Json, format_time, parse_time
from indelible.seal.journal import Writers
from indelible.seal.note import Checkpoint, split_text
from indelible.store import files, spools
from indelible.store.keys import read_public
from indelible.store.spools import SpoolView
from indelible.store.state import LogPaths, State

MAX_UNSEALED_S = 900
"""Servers have their spools sealed every ten minutes; after fifteen something is wrong."""

MAX_BEHIND = 10_000
"""Each collection brings the query copy up to date; so far behind, something hinders it."""

Problem: TypeAlias = tuple[str, str]
"""What is wrong, and what to do about it."""


@dataclass(slots=True)
class Log:
    """What is said of one log."""

    name: str
    origin: str | None = None
    key: str | None = None
    sealed: int = 0
    collected_at: str | None = None
    outside: Path | None = None
    """The copied checkpoint, if there is one."""
    live_writers: int = 0
    unsealed: int = 0
    oldest_unsealed: str | None = None
    copied: Lag | None = None
    """How far the query copy is behind."""
    problems: list[Problem] = field(default_factory=list)


@click.command(short_help=SUMMARIES["status"])
@collect_option
@json_option
@state_option
def status(no_collect: bool, as_json: bool, state: Path | None) -> int:  # noqa: FBT001
    """Show on one screen how the trail is doing.

    Exit codes: 0, whatever else is wrong (--json lists it under "problems"), and
    3 if tampering was met. It does not check the log: `indelible verify` does.

    \b
      indelible status
      indelible status --json --no-collect | jq .problems
    """  # noqa: D301 — click wants the backspace itself
    place = fresh_place(state, sealing=not no_collect)
    logs = [_look(place, name) for name in place.state.classes()]
    problems = [problem for log in logs for problem in log.problems]
    if place.tampered:
        problems.insert(0, (f"TAMPERED: {place.tampered}", "indelible verify"))
    if place.hindered:
        problems.insert(0, (place.hindered, "put that right, then: indelible collect --once"))
    disk = _disk_use(place.state.root)
    if as_json:
        click.echo(json_text(_as_json(place.state, logs, problems, disk)))
    else:
        _print(place.state, logs, problems, disk)
    return place.exit_code


def _look(place: Place, name: str) -> Log:
    """Return what there is to say of one log; what cannot be read is a problem, not an end."""
    paths = place.state.log(name)
    log = Log(name)
    views = list(spools.unsealed(place.state, name, place.user))
    try:
        key = read_public(paths.vkey)
        log.key = key.format() if key else None
        log.origin = key.name if key else None
        checkpoint = _checkpoint(paths.checkpoint)
        log.sealed = checkpoint.size if checkpoint else 0
        writers = _writers(paths)
        log.collected_at = format_time(writers.collected_at_us) if writers else None
        outside = _checkpoint(paths.outside)
    except (FormatError, OSError) as error:
        log.problems.append((f"{name}: {error}", "indelible verify"))
        return log
    log.outside = paths.outside if outside else None
    log.copied = lag(place.state, name)
    if log.copied.behind > MAX_BEHIND:
        log.problems.append(
            (
                f"the query copy is {log.copied.behind:,} records behind: queries are slow",
                "indelible collect --once says why; indelible index rebuild makes it anew",
            )
        )
    read = {writer: one.next for writer, one in writers.states.items()} if writers else {}
    _count(log, views, read)
    if log.sealed and not log.outside:
        log.problems.append(
            (
                f"no copy of the checkpoint at {paths.outside}: a rollback goes unseen",
                "make that directory writable, or set INDELIBLE_CHECKPOINT_DIR",
            )
        )
    for path, why in spools.refused(paths, place.user):
        log.problems.append((f"spool not read: {path}: {why}", "look at it, then move it away"))
    if log.unsealed and _age_s(log.oldest_unsealed) > MAX_UNSEALED_S:
        log.problems.append(
            (f"records unsealed for {_age(log.oldest_unsealed)}", "indelible collect --once")
        )
    return log


def _checkpoint(path: Path) -> Checkpoint | None:
    note = files.read(path)
    return Checkpoint.parse(split_text(note)) if note is not None else None


def _writers(paths: LogPaths) -> Writers | None:
    note = files.read(paths.writers)
    return Writers.parse(split_text(note)) if note is not None else None


def _count(log: Log, views: list[SpoolView], read: dict[str, int]) -> None:
    """Count the live writers, and the records that the log does not hold yet."""
    log.live_writers = len({view.writer for view in views if view.live})
    times: list[str] = []
    for view in views:
        for record in view.records:
            try:
                header = json.loads(record.header)
                is_new = header["seq"] >= read.get(view.writer, 0)
            except (ValueError, KeyError, TypeError, RecursionError):
                continue
            if is_new:
                log.unsealed += 1
                if isinstance(at := header.get("timestamp"), str):
                    times.append(at)
    log.oldest_unsealed = min(times, default=None)


def _age_s(since: str | None) -> float:
    try:
        return max(0.0, time.time() - parse_time(since) / 1e6) if since else 0.0
    except (ValueError, OverflowError):
        return 0.0


def _age(since: str | None) -> str:
    """Return how long ago, in the unit that a person would use."""
    seconds = _age_s(since)
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _disk_use(root: Path) -> int:
    """Return the bytes of all files in *root*; what goes away meanwhile counts as nothing."""
    total = 0
    for path in root.rglob("*"):
        try:
            total += path.lstat().st_size if path.is_file() else 0
        except OSError:
            continue
    return total


def _print(state: State, logs: list[Log], problems: list[Problem], disk: int) -> None:
    click.echo(f"state       {visible(str(state.root))}  {disk:,} bytes")
    if not logs:
        click.echo("records     none yet")
    for log in logs:
        click.echo(f"log         {visible(log.origin or f'{log.name} (no key yet)')}")
        click.echo(f"public key  {visible(log.key or '-')}")
        click.echo(f"sealed      {log.sealed:,} records")
        since = f", the oldest for {_age(log.oldest_unsealed)}" if log.oldest_unsealed else ""
        click.echo(f"unsealed    {log.unsealed:,} records{since}")
        click.echo(f"writers     {log.live_writers} live")
        ago = f"{visible(log.collected_at)}" if log.collected_at else "never"
        click.echo(f"collected   {ago}")
        if log.copied is not None:
            behind = f", {log.copied.behind:,} records behind" if log.copied.behind else ""
            click.echo(f"query copy  {log.copied.rows:,} rows{behind}")
        click.echo(f"outside     {visible(str(log.outside)) if log.outside else 'no checkpoint'}")
    for what, fix in problems:
        click.echo(f"{colour('wrong', 'red', sys.stdout)}       {visible(what)}")
        click.echo(f"  fix: {visible(fix)}")
    if not problems:
        click.echo("nothing is wrong as far as a look can tell; `indelible verify` checks it all")


def _as_json(state: State, logs: list[Log], problems: list[Problem], disk: int) -> dict[str, Json]:
    oldest = min((log.oldest_unsealed for log in logs if log.oldest_unsealed), default=None)
    return {
        "state": str(state.root),
        "diskBytes": disk,
        "logs": [
            {
                "class": log.name,
                "origin": log.origin,
                "publicKey": log.key,
                "sealed": log.sealed,
                "unsealed": log.unsealed,
                "collectedAt": log.collected_at,
                "copy": _copy_json(log.copied),
                "outsideCheckpoint": str(log.outside) if log.outside else None,
            }
            for log in logs
        ],
        "unsealed": {"records": sum(log.unsealed for log in logs), "oldest": oldest},
        "writers": {"live": sum(log.live_writers for log in logs)},
        "problems": [{"message": what, "fix": fix} for what, fix in problems],
    }


def _copy_json(copied: Lag | None) -> dict[str, Json] | None:
    return None if copied is None else {"rows": copied.rows, "behind": copied.behind}
