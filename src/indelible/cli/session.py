"""``indelible session``: what happened in one session, call by call, on a time line."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from indelible.cli.layout import cell, room
from indelible.cli.moment import Zone, long, span
from indelible.cli.options import (
    COUNT,
    SUMMARIES,
    collect_option,
    json_option,
    state_option,
    utc_option,
)
from indelible.cli.reading import fresh_place
from indelible.cli.table import actor_of, took
from indelible.cli.terminal import json_text, line, visible
from indelible.cli.timeline import Step, lines, steps
from indelible.errors import IndelibleError, UsageError
from indelible.model.flat import Fields, text
from indelible.query.filter import quoted
from indelible.query.parse import parse
from indelible.query.trail import Trail

MIN_PREFIX = 4
MAX_NAMED = 5
"""How many sessions an error names."""
DEFAULT_LIMIT = 1_000
_DERIVED = {"process": "one run of the server"}
"""How a session was told from others: protocols of 2026 and later have none of their own."""


@click.command(short_help=SUMMARIES["session"])
@click.argument("wanted", metavar="ID")
@click.option(
    "--limit", type=COUNT, default=DEFAULT_LIMIT, show_default=True,
    metavar="N", help="Show at most N entries, the first ones.",
)  # fmt: skip
@json_option
@utc_option
@collect_option
@state_option
def session(
    *,
    wanted: str,
    limit: int,
    as_json: bool,
    utc: bool,
    no_collect: bool,
    state: Path | None,
) -> int:
    """Show the session that ID names, call by call.

    ID is a session's id, or its first four or more characters; `show` has it as
    session.id. Errors and calls without an end are marked with !; stretches of a
    minute or more in which nothing ran are folded.

    \b
      indelible session 01a20bee-43b1
      indelible session 01a20bee-43b1 --json | jq '.steps[].entry.tool'
    """  # noqa: D301 — click wants the backspace itself
    place = fresh_place(state, sealing=not no_collect)
    with place.trail() as trail:
        name = _named(trail, wanted)
        own = quoted(name)
        # The server's start and end are records of the writer that a process session is named by.
        page = trail.page(parse(f"session:{own} OR id:{own}/*"), limit=limit, oldest_first=True)
        found = steps(page.entries)
        place.put_on_record("session", [wanted], len(found))
        if as_json:
            click.echo(json_text(_as_json(name, found)))
        else:
            _print(name, found, Zone(utc=utc))
        if page.next is not None:
            click.echo(f"later entries are left out; see them with --limit {limit * 10}", err=True)
    return place.exit_code


def _named(trail: Trail, wanted: str) -> str:
    """Return the id of the one session that *wanted* names.

    Raises:
        UsageError: If it is too short.

        IndelibleError: If it names none, or several.
    """
    if len(wanted) < MIN_PREFIX:
        raise UsageError(
            f"id too short: {wanted!r}", hint=f"give at least {MIN_PREFIX} characters of it"
        )
    groups = trail.groups(parse(f"session:{quoted(wanted)}*"), ["session"], MAX_NAMED + 1)
    names = [name for one in groups if (name := one.values[0]) is not None]
    if wanted in names or len(names) == 1:
        return wanted if wanted in names else names[0]
    if trail.count(parse(f"session:{quoted(wanted)}")):
        return wanted
    if not names:
        raise IndelibleError(
            f"no session with the id {wanted!r}",
            hint="indelible query --group-by session  lists them",
        )
    more = ", …" if len(names) > MAX_NAMED else ""
    raise IndelibleError(
        f"several sessions have an id that begins with {wanted!r}",
        hint=f"give more of it; one of: {', '.join(names[:MAX_NAMED])}{more}",
    )


def _print(name: str, found: list[Step], zone: Zone) -> None:
    print(f"session  {visible(name)}")
    calls = [one.entry for one in found if one.is_call]
    for label, told in (("told by", _derived(calls)), ("who", _who(calls)), ("when", "")):
        shown = _when(found, zone) if label == "when" else told
        if shown:
            print(f"{label:<8} {cell(shown, max(20, room() - 9)).rstrip()}")
    print()
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    for one in lines(found, room(), blocks=encoding.startswith("utf")):
        print(one)


def _derived(calls: list[Fields]) -> str:
    found = {text(_part(one, "session"), "from") for one in calls}
    return ", ".join(f"{line(one)}: {_DERIVED.get(one, 'as it was said')}" for one in found if one)


def _who(calls: list[Fields]) -> str:
    """Return who called whom, through which client: what is the same in most calls."""
    told = list(dict.fromkeys(actor_of(one) for one in calls))
    clients = dict.fromkeys(
        f"{text(client, 'name')} {text(client, 'version') or ''}".strip()
        for one in calls
        if (client := _part(one, "client"))
    )
    versions = [(text(one, "server"), _version(one)) for one in calls]
    told_of = {name for name, version in versions if version}
    # Before a server has said its version there is none to show.
    servers = dict.fromkeys(
        f"{name} {version}".strip() for name, version in versions if version or name not in told_of
    )
    parts = [*told, *(f"client {one}" for one in clients), *servers]
    return " · ".join(line(one, width=60) for one in parts[:6])


def _version(call: Fields) -> str:
    version = text(call, "serverVersion")
    return "" if version in (None, "unknown") else version


def _when(found: list[Step], zone: Zone) -> str:
    if not found:
        return ""
    start = zone.moment(text(found[0].entry, "timestamp"))
    length = max(one.offset_us + (one.duration_us or 0) for one in found)
    lasted = span(length) if length >= 120_000_000 else took(length // 1000)
    calls = [one for one in found if one.is_call]
    counts = [
        _count(len(calls), "call", "calls"),
        _count(sum(one.is_error for one in calls), "error", "errors"),
        _count(sum(one.is_unfinished for one in calls), "unfinished", "unfinished"),
    ]
    since = long(start) if start else "-"
    return f"{since}, for {lasted}: {', '.join(one for one in counts if one) or 'no calls'}"


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}" if number else ""


def _part(entry: Fields, key: str) -> Fields:
    value = entry.get(key)
    return value if isinstance(value, dict) else {}


def _as_json(name: str, found: list[Step]) -> Fields:
    calls = [one for one in found if one.is_call]
    sources = [text(_part(one.entry, "session"), "from") for one in calls]
    return {
        "session": name,
        "from": next((one for one in sources if one), None),
        "start": text(found[0].entry, "timestamp") if found else None,
        "lengthMs": max((one.offset_us + (one.duration_us or 0) for one in found), default=0)
        // 1000,
        "calls": len(calls),
        "errors": sum(one.is_error for one in calls),
        "unfinished": sum(one.is_unfinished for one in calls),
        "steps": [
            {
                "offsetMs": one.offset_us // 1000,
                "idleMs": one.idle_us // 1000,
                "entry": one.entry,
            }
            for one in found
        ],
    }
