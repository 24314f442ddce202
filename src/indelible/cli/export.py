"""``indelible export``: entries into a file or a pipe, for other programs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import get_args

import click

from indelible.cli.asking import TermsCommand, asked, terms_argument, time_options
from indelible.cli.options import SUMMARIES, collect_option, json_option, state_option
from indelible.cli.reading import fresh_place
from indelible.cli.terminal import json_text, visible
from indelible.errors import UsageError
from indelible.model.event import ExportFormat
from indelible.model.flat import Fields
from indelible.query.export import STREAMED, check_target, export_file, export_stream

_FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)


@click.command(
    cls=TermsCommand,
    short_help=SUMMARIES["export"],
    context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]},
)
@terms_argument
@click.option(
    "--format", "given", type=click.Choice(_FORMATS),
    help="[default: what the file's name ends with, else ndjson]",
)  # fmt: skip
@click.option(
    "-o", "--output", "output", type=click.Path(path_type=Path, allow_dash=True), required=True,
    metavar="FILE|-", help="The file; - is stdout (ndjson and csv only).",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@time_options
@json_option
@collect_option
@state_option
def export(
    *,
    terms: tuple[str, ...],
    given: ExportFormat | None,
    output: Path,
    force: bool,
    since: str | None,
    until: str | None,
    as_json: bool,
    no_collect: bool,
    state: Path | None,
) -> int:
    """Write all entries that meet every TERM, oldest first.

    The TERMs are those of query; without any, everything is written, the records
    of reading too. ndjson is exact. csv, sqlite and parquet have the columns of
    the SQL views; in csv, what a spreadsheet would take for a formula gets an
    apostrophe. The file appears when it is complete, readable by you only.

    \b
      indelible export --since 2026-11-01 -o november.sqlite
      indelible export is:destructive --format csv -o - | head
    """  # noqa: D301 — click wants the backspace itself
    export_format = given or _format_of(output)
    is_stream = str(output) == "-"
    _check(output, export_format, is_stream=is_stream, as_json=as_json, force=force)
    question = asked(terms, since, until, readings=True)
    place = fresh_place(state, sealing=not no_collect)

    def leave_record(rows: int | None) -> None:
        place.put_on_record(
            "export", question.words, rows, export_format=export_format, target=str(output)
        )

    with place.trail() as trail:
        stretches = trail.scan(question.wanted)
        if is_stream:
            leave_record(None)
            rows = export_stream(stretches, sys.stdout.buffer, export_format)
        else:
            rows = export_file(
                stretches, output, export_format, overwrite=force, before_named=leave_record
            )
    if not is_stream:
        _say(output, export_format, rows, as_json=as_json)
    return place.exit_code


def _format_of(output: Path) -> ExportFormat:
    """Return the format that a file's name asks for."""
    endings: dict[str, ExportFormat] = {f".{one}": one for one in _FORMATS}
    endings |= {".db": "sqlite", ".jsonl": "ndjson"}
    return endings.get(output.suffix.lower(), "ndjson")


def _check(
    output: Path, export_format: ExportFormat, *, is_stream: bool, as_json: bool, force: bool
) -> None:
    """Refuse what cannot be, before anything is collected or read.

    Raises:
        UsageError: If that is so.
    """
    if not is_stream:
        check_target(output, overwrite=force)
    elif export_format not in STREAMED:
        raise UsageError(f"{export_format} needs a file", hint=f"-o NAME.{export_format}")
    elif as_json:
        raise UsageError("--json and -o - both want stdout", hint="leave one of them out")


def _say(output: Path, export_format: ExportFormat, rows: int, *, as_json: bool) -> None:
    size = output.stat().st_size
    if as_json:
        done: Fields = {
            "file": str(output),
            "format": export_format,
            "entries": rows,
            "bytes": size,
        }
        click.echo(json_text(done))
        return
    what = "entry" if rows == 1 else "entries"
    click.echo(f"{visible(str(output))}: {rows:,} {what}, {size:,} bytes, {export_format}")
