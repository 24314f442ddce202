"""``indelible config``: what is configured, where each value is from, and what is wrong with it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import click

from indelible.cli.options import HELP_NAMES, SUMMARIES, json_option
from indelible.cli.terminal import colour, json_text, visible
from indelible.config.decode import as_tables, dotted, keys
from indelible.config.find import places, working_directory
from indelible.config.lint import lint
from indelible.config.load import Loaded, check, load, sha256
from indelible.config.schema import schema
from indelible.config.write import DEFAULT, format_toml
from indelible.model.canonical import Json


def _file_option(command: Any) -> Any:
    return click.option(
        "--config",
        "file",
        metavar="FILE",
        help="Take this file. [default: the first of those that `config path` lists]",
    )(command)


@click.group(short_help=SUMMARIES["config"], context_settings=HELP_NAMES)
def config() -> None:
    """Show, check and describe the configuration (indelible.toml)."""


@config.command("show", short_help="Print the effective configuration.")
@_file_option
@click.option("--origin", is_flag=True, help="Say behind each value where it is from.")
@json_option
def show(file: str | None, origin: bool, as_json: bool) -> int:  # noqa: FBT001
    """Print the effective configuration as TOML that can be read back.

    A flag is stronger than an environment variable, that than the file, that than
    the default. No file is merged with another.
    """
    loaded = _load(file)
    if as_json:
        click.echo(json_text(_as_json(loaded)))
        return 0
    click.echo(f"# file: {visible(loaded.source.file or 'none')}")
    click.echo(f"# sha256: {sha256(loaded.config)}\n")
    click.echo(format_toml(loaded.config, loaded.origins if origin else None), nl=False)
    return 0


@config.command("check", short_help="Say what is wrong with a configuration.")
@click.argument("file", required=False, metavar="[FILE]")
@json_option
def check_file(file: str | None, as_json: bool) -> int:  # noqa: FBT001
    """Check FILE alone, or what is in force here: file, variables and all.

    Exit codes: 0 if it can be used, whatever is remarked on; 2 if not.
    """
    loaded = check(file) if file else _load(None)
    remarks = lint(loaded.config)
    where = loaded.source.file
    if as_json:
        click.echo(json_text({"file": where, "ok": True, "remarks": list(remarks)}))
        return 0
    for remark in remarks:
        click.echo(f"{colour('remark:', 'yellow', sys.stdout)} {visible(remark)}")
    click.echo(f"ok: {visible(where or 'no file; defaults and variables')}")
    return 0


@config.command("schema", short_help="Print the JSON Schema of the file.")
def print_schema() -> int:
    """Print the JSON Schema of indelible.toml, for editors."""
    click.echo(json.dumps(schema(), indent=2, ensure_ascii=False))
    return 0


@config.command("path", short_help="Say where the configuration is looked for.")
@json_option
def path(as_json: bool) -> int:  # noqa: FBT001
    """List the places in the order in which they are looked at, and which one is taken."""
    found = _load(None).source.file
    listed = list(places(None, os.environ, working_directory()))
    if as_json:
        told: list[Json] = [
            {"path": one.path, "why": one.why, "taken": one.path == found} for one in listed
        ]
        click.echo(json_text({"file": found, "places": told}))
        return 0
    for one in listed:
        mark = "taken" if one.path == found else "there" if Path(one.path).exists() else "-"
        click.echo(f"{mark:<6} {visible(one.path)}  ({one.why})")
    return 0


def _load(file: str | None) -> Loaded:
    return load(file, environment=os.environ, directory=working_directory())


def _as_json(loaded: Loaded) -> dict[str, Any]:
    paths = [key.path for key in keys()]
    paths += [path for path in loaded.origins if path not in paths]
    return {
        "file": loaded.source.file,
        "sha256": sha256(loaded.config),
        "values": as_tables(loaded.config),
        "origins": {dotted(path): loaded.origins.get(path, DEFAULT) for path in paths},
    }
