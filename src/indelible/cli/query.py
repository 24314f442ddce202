"""``indelible query``: what was called, newest first."""

from __future__ import annotations

from pathlib import Path

import click

from indelible.cli.options import SUMMARIES, collect_option, json_option, state_option
from indelible.cli.reading import fresh_place
from indelible.cli.table import print_entries
from indelible.cli.terminal import json_text, visible
from indelible.errors import UsageError
from indelible.query.filter import Filter, format_filter, parse
from indelible.query.search import search

DEFAULT_LIMIT = 50


@click.command(
    short_help=SUMMARIES["query"],
    # No -h of click's: it would be found in the middle of `-method:…`. It comes as a term.
    context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]},
)
@click.argument("terms", nargs=-1, metavar="[TERM]...", type=click.UNPROCESSED)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=DEFAULT_LIMIT,
    show_default=True,
    metavar="N",
    help="Show at most N entries.",
)
@collect_option
@json_option
@state_option
def query(
    terms: tuple[str, ...],
    limit: int,
    no_collect: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
    state: Path | None,
) -> int:
    """List calls, newest first, that meet every TERM.

    A TERM is field:value. A value may hold * for anything, and several values
    stand with commas between them. A leading - turns a term round. In a shell,
    put quotes around a term with a star.

    \b
      indelible query 'tool:delete_*' -outcome:ok
      indelible query server:crm,mail actor:ann
      indelible query is:unfinished

    Fields: actor, effect, errorType, is, kind, method, outcome, server, tool.
    """  # noqa: D301 — click wants the backspace itself
    if "-h" in terms:
        click.echo(click.get_current_context().get_help())
        return 0
    wanted = _parse(terms)
    place = fresh_place(state, sealing=not no_collect)
    with place.reading() as readable:
        found = search(readable, place.user, wanted.matches, limit)
    if as_json:
        click.echo(json_text(found.entries))
    elif found.entries:
        print_entries(found.entries)
    else:
        asked = f" match {visible(format_filter(wanted))}" if wanted.terms else " recorded yet"
        click.echo(f"no entries{asked}")
    if found.more:
        click.echo(f"older entries match too; see them with --limit {limit * 10}", err=True)
    return place.exit_code


def _parse(terms: tuple[str, ...]) -> Filter:
    """Return the filter, refusing what was meant as an option."""
    for term in terms:
        if term.startswith("--"):
            raise click.NoSuchOption(term)
        if term.startswith("-n") and ":" not in term:
            raise UsageError(f"no such option {term!r}", hint=f"--limit {term[2:] or 'N'}")
    return parse(" ".join(terms))
