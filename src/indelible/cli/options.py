"""What many commands share: options, and the one line that says what each does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

SUMMARIES = {
    "demo": "Record a real MCP server, tamper with the trail, get caught.",
    "wrap": "Run an MCP server and record its traffic.",
    "collect": "Seal what servers have recorded.",
    "query": "List calls, newest first.",
    "show": "Show one call in full, and prove that it is sealed.",
    "verify": "Check every sealed byte against the signed checkpoints.",
    "status": "Show on one screen how the trail is doing.",
}
"""Here, so that `indelible --help` loads no command."""

_Command = TypeVar("_Command", bound=Callable[..., Any])


def state_option(command: _Command) -> _Command:
    """Give a command ``--state DIR``; before the command's name it means the same."""
    return click.option(
        "--state",
        "state",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="DIR",
        default=None,
        callback=_or_the_groups,
        help="State directory. [default: $INDELIBLE_STATE_DIR, else the XDG state directory]",
    )(command)


def json_option(command: _Command) -> _Command:
    """Give a command ``--json``."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print JSON and nothing else to stdout."
    )(command)


def _or_the_groups(
    context: click.Context, _option: click.Parameter, value: Path | None
) -> Path | None:
    """Return the option's value, or what was given before the command's name."""
    if value is None and context.parent is not None:
        outer = context.parent.params.get("state")
        return outer if isinstance(outer, Path) else None
    return value
