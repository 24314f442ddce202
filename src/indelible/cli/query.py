"""``indelible query``: what was called, newest first; counted, grouped, or asked in SQL."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from indelible.cli.asking import (
    Asked,
    TermsCommand,
    asked,
    spelt_out,
    terms_argument,
    time_options,
)
from indelible.cli.bounds import bounded
from indelible.cli.chosen import Field, chosen
from indelible.cli.explaining import explain_nothing
from indelible.cli.failure import failure_of, say
from indelible.cli.layout import print_table
from indelible.cli.moment import Times, Zone
from indelible.cli.options import (
    COUNT,
    SUMMARIES,
    collect_option,
    json_option,
    state_option,
    utc_option,
)
from indelible.cli.printing import Form, form_of, print_rows
from indelible.cli.reading import Place, fresh_place
from indelible.cli.table import print_entries
from indelible.cli.terminal import json_text, line, visible
from indelible.errors import IndelibleError, UsageError
from indelible.model.flat import Fields
from indelible.query.guard import too_slow
from indelible.query.pages import Cursor, Group, Page
from indelible.query.trail import Trail

DEFAULT_LIMIT = 50
MATCHED = 6
"""Exit code of ``--fail-on match`` where something matches."""
_MAX_TIMEOUT_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Wish:
    """How the answer is to look; what is asked is another matter."""

    form: Form
    limit: int
    after: Cursor | None
    oldest_first: bool
    count: bool
    group_by: tuple[str, ...]
    fields: tuple[Field, ...]
    sql: str | None
    max_rows: int
    timeout_s: float
    zone: Zone


@click.command(
    cls=TermsCommand,
    short_help=SUMMARIES["query"],
    # No -h of click's: it would be found in the middle of `-word`. It comes as a term.
    context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]},
)
@terms_argument
@time_options
@click.option(
    "--limit", type=COUNT, default=DEFAULT_LIMIT, show_default=True,
    metavar="N", help="Show at most N entries, or groups.",
)  # fmt: skip
@click.option("--after", metavar="CURSOR", help="Go on after this place; each page names the next.")
@click.option("--oldest-first", is_flag=True, help="Begin with the oldest.")
@click.option("--count", is_flag=True, help="Print only how many match.")
@click.option(
    "--group-by", metavar="FIELD[,FIELD]", help="Calls, errors and the last time by these fields."
)
@click.option("--fields", metavar="A,B,…", help="Show these: tool, actor.id, args.path, …")
@click.option("--sql", metavar="SELECT", help="Answer one SELECT over audit_log and audit_events.")
@click.option(
    "--max-rows", type=COUNT, default=1000, show_default=True, metavar="N",
    help="Rows of --sql at most.",
)  # fmt: skip
@click.option(
    "--timeout", type=click.FloatRange(0, _MAX_TIMEOUT_S, min_open=True), default=30.0,
    show_default=True, metavar="SECONDS", help="End --sql after this time.",
)  # fmt: skip
@click.option("--fail-on", type=click.Choice(["match"]), help="End with 6 if anything matches.")
@json_option
@click.option("--ndjson", is_flag=True, help="Print JSON, one entry a line.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV that is safe in a spreadsheet.")
@utc_option
@collect_option
@state_option
def query(terms: tuple[str, ...], no_collect: bool, state: Path | None, **options: Any) -> int:  # noqa: FBT001
    """List calls, newest first, that meet every TERM.

    A TERM is field:value, or a word that is looked for in arguments, results and
    errors. A leading - turns it round; OR and parentheses work. In a shell, put
    quotes around a term with a star or a blank.

    \b
      indelible query 'tool:delete_*' -outcome:ok --since 24h
      indelible query is:destructive --group-by actor,tool
      indelible query --sql "SELECT tool, count(*) FROM audit_log GROUP BY tool"

    Every field and operator: docs/reference/query.md; the SQL: docs/reference/sql.md.
    """  # noqa: D301 — click wants the backspace itself
    wish = _wish(options)
    question = asked(terms, options["since"], options["until"])
    if wish.sql is not None and question.shown:
        raise UsageError(
            "terms and --sql exclude each other", hint="say it in the WHERE of the SQL"
        )
    place = fresh_place(state, sealing=not no_collect)
    with place.trail() as trail:
        if wish.sql is not None:
            found = _answer_sql(place, trail, wish)
        elif wish.count:
            found = _answer_count(place, trail, question, wish)
        elif wish.group_by:
            found = _answer_groups(place, trail, question, wish)
        else:
            found = _answer_page(place, trail, question, wish)
    if place.exit_code:
        return place.exit_code
    return MATCHED if found and options["fail_on"] else 0


def _wish(options: dict[str, Any]) -> Wish:
    """Return how the answer is to look.

    Raises:
        UsageError: If options contradict each other, or one cannot be understood.
    """
    kinds = {
        "--sql": options["sql"] is not None,
        "--count": options["count"],
        "--group-by": options["group_by"] is not None,
    }
    given = [name for name, is_given in kinds.items() if is_given]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} exclude each other", hint="ask twice")
    if given and (options["after"] or options["fields"]):
        raise UsageError(
            f"{given[0]} has no pages and no --fields", hint="leave --after and --fields out"
        )
    if math.isnan(options["timeout"]):
        raise UsageError("--timeout is not a number", hint="give seconds")
    return Wish(
        form=form_of(
            as_json=options["as_json"], ndjson=options["ndjson"], as_csv=options["as_csv"]
        ),
        limit=options["limit"],
        after=Cursor.parse(options["after"]) if options["after"] else None,
        oldest_first=options["oldest_first"],
        count=options["count"],
        group_by=() if options["group_by"] is None else _names(options["group_by"]),
        fields=tuple(chosen(options["fields"])) if options["fields"] is not None else (),
        sql=options["sql"],
        max_rows=options["max_rows"],
        timeout_s=options["timeout"],
        zone=Zone(utc=options["utc"]),
    )


def _names(value: str) -> tuple[str, ...]:
    found = tuple(one.strip() for one in value.split(",") if one.strip())
    if not found:
        raise UsageError("no fields in --group-by", hint="--group-by actor,tool")
    return found


def _answer_page(place: Place, trail: Trail, question: Asked, wish: Wish) -> int:
    page = trail.page(
        question.wanted, limit=wish.limit, after=wish.after, oldest_first=wish.oldest_first
    )
    place.put_on_record("query", question.words, len(page.entries))
    if page.entries or wish.form != "table":
        _print_page(page.entries, wish)
    else:
        _explain(trail, question, wish)
    if page.next is not None:
        _say_next(page, wish)
    return len(page.entries)


def _print_page(entries: list[Fields], wish: Wish) -> None:
    if wish.fields or wish.form == "csv":
        fields = wish.fields or tuple(chosen(CSV_FIELDS))
        rows = [[one.of(entry) for one in fields] for entry in entries]
        print_rows(wish.form, [one.name for one in fields], rows)
    elif wish.form == "json":
        click.echo(json_text(entries))
    elif wish.form == "ndjson":
        for entry in entries:
            click.echo(json_text(entry))
    else:
        print_entries(entries, wish.zone)


CSV_FIELDS = (
    "timestamp,requestId,actor.id,actor.ip,server,tool,args,outcome,error,errorType,durationMs,"
    "serverVersion,method,target,effect,session.id,client.name,callId,kind"
)
"""Columns of ``--csv`` where none were chosen."""


def _explain(trail: Trail, question: Asked, wish: Wish) -> None:
    if wish.after is not None:
        click.echo("no more entries")
    else:
        explain_nothing(trail, question)


def _say_next(page: Page, wish: Wish) -> None:
    """Print the command line of the next page, ready to be run."""
    what = "newer" if wish.oldest_first else "older"
    words = click.get_current_context().find_root().obj or ["query"]
    kept = without_option(words, "--after")
    click.echo(
        f"{what} entries match too; the next page:\n"
        f"  {visible(spelt_out(['indelible', *kept, '--after', str(page.next)]))}",
        err=True,
    )


def without_option(words: Sequence[str], name: str) -> list[str]:
    """Return a command line without an option that takes a value."""
    kept: list[str] = []
    skip = False
    for word in words:
        if not skip and word != name and not word.startswith(f"{name}="):
            kept.append(word)
        skip = not skip and word == name
    return kept


def _answer_count(place: Place, trail: Trail, question: Asked, wish: Wish) -> int:
    count = trail.count(question.wanted)
    place.put_on_record("query", question.words, count)
    if wish.form == "table":
        click.echo(f"{count}")
    else:
        print_rows("ndjson" if wish.form == "json" else wish.form, ["count"], [[count]])
    return count


def _answer_groups(place: Place, trail: Trail, question: Asked, wish: Wish) -> int:
    groups = trail.groups(question.wanted, wish.group_by, wish.limit + 1)
    shown = groups[: wish.limit]
    place.put_on_record("query", question.words, len(shown))
    if wish.form != "table":
        names = [*wish.group_by, "calls", "errors", "last"]
        print_rows(wish.form, names, [[*g.values, g.calls, g.errors, g.last] for g in shown])
    elif shown:
        _print_groups(shown, wish)
    else:
        _explain(trail, question, wish)
    if len(groups) > wish.limit:
        click.echo(f"there are more groups; see them with --limit {wish.limit * 10}", err=True)
    return len(shown)


def _print_groups(groups: Sequence[Group], wish: Wish) -> None:
    lasts = [one.last for one in groups]
    times = Times.dated(wish.zone, lasts)
    rows = [
        [
            *("-" if value is None else line(value) for value in one.values),
            f"{one.calls:,}",
            f"{one.errors:,}",
            times.text(one.last, with_year=True),
        ]
        for one in groups
    ]
    names = [one.upper() for one in wish.group_by]
    numbers = frozenset({len(names), len(names) + 1})
    head = [*names, "CALLS", "ERRORS", times.head.replace("TIME", "LAST")]
    print_table(head, rows, numbers=numbers)


def _answer_sql(place: Place, trail: Trail, wish: Wish) -> int:
    source, as_json = wish.sql or "", wish.form == "json"

    def put_on_record(rows: int | None) -> None:
        place.put_on_record("sql", [source], rows)

    def give_up() -> int:
        put_on_record(None)
        failure = failure_of(too_slow(wish.timeout_s))
        say(failure, as_json=as_json)
        return failure.exit_code

    try:
        with bounded(wish.timeout_s, give_up):
            table = trail.sql(source, max_rows=wish.max_rows, timeout_s=wish.timeout_s)
    except IndelibleError:
        # What DuckDB says of a failure can quote what it read.
        put_on_record(None)
        raise
    put_on_record(len(table.rows))
    print_rows(wish.form, table.columns, table.rows)
    sys.stdout.flush()
    if table.truncated:
        more = f"--max-rows {wish.max_rows * 10}"
        click.echo(f"there are more rows; see them with {more}, or a LIMIT", err=True)
    return len(table.rows)
