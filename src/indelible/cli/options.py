"""What many commands share: options, and the one line that says what each does."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from indelible.config.find import is_configured, working_directory

SUMMARIES = {
    "demo": "Record a real MCP server, tamper with the trail, get caught.",
    "wrap": "Run an MCP server and record its traffic.",
    "proxy": "Record the traffic of an HTTP server.",
    "collect": "Seal what servers have recorded.",
    "query": "List calls, newest first; count, group, page, SQL.",
    "tail": "Show the newest calls, and follow what comes.",
    "show": "Show one call in full, and prove that it is sealed.",
    "session": "Show one session call by call, on a time line.",
    "export": "Write entries to a file: NDJSON, CSV, SQLite, Parquet.",
    "verify": "Check every sealed byte against the signed checkpoints.",
    "status": "Show on one screen how the trail is doing.",
    "config": "Show and check what is configured, and where it is from.",
    "index": "Look after the copy that queries are answered from.",
    "completion": "Print the script that completes commands and terms.",
}
"""Here, so that `indelible --help` loads no command."""

HELP_NAMES = {"help_option_names": ["-h", "--help"]}


class _StatePath(click.Path):
    """A directory that need not be there; an empty word is none."""

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:
        if value == "":
            self.fail("it is empty: give a directory, or leave the option out", param, ctx)
        return super().convert(value, param, ctx)


COUNT = click.IntRange(1, 1_000_000_000)
"""How many rows may be asked for."""

_Command = TypeVar("_Command", bound=Callable[..., Any])


def state_option(command: _Command) -> _Command:
    """Give a command ``--state DIR``; before the command's name it means the same."""
    return click.option(
        "--state",
        "state",
        # Whether it can be read is for the command to say, with what to do about it.
        type=_StatePath(path_type=Path, file_okay=False, readable=False),
        metavar="DIR",
        default=None,
        callback=_or_the_groups,
        help="State directory. [default: as configured, else the XDG state directory]",
    )(command)


def json_option(command: _Command) -> _Command:
    """Give a command ``--json``."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print JSON and nothing else to stdout."
    )(command)


def collect_option(command: _Command) -> _Command:
    """Give a command that reads ``--no-collect``."""
    return click.option(
        "--no-collect",
        "no_collect",
        is_flag=True,
        help="Only read what is there: seal nothing first, write nothing.",
    )(command)


def utc_option(command: _Command) -> _Command:
    """Give a command that shows times ``--utc``."""
    return click.option("--utc", is_flag=True, help="Show times in UTC, not in the local zone.")(
        command
    )


def _or_the_groups(
    context: click.Context, _option: click.Parameter, value: Path | None
) -> Path | None:
    """Return the option's value, or what was given before the command's name, or configured."""
    if value is None and context.parent is not None:
        outer = context.parent.params.get("state")
        return outer if isinstance(outer, Path) else _configured()
    return value


def _configured() -> Path | None:
    """Return the state directory that is configured, if one is."""
    here = working_directory()
    if not is_configured(None, os.environ, here):
        return None
    from indelible.config.load import load  # noqa: PLC0415 — only where something is configured

    found = load(environment=os.environ, directory=here).config.state.directory
    return Path(found) if found is not None else None
