"""The reference page of the configuration, made from its sections; `make docs` writes it."""
# ruff: noqa: E501

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from indelible.config.decode import dotted, quoted
from indelible.config.schema import schema
from indelible.config.sections import Config

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
PAGE = REFERENCE / "config.md"
SCHEMA = REFERENCE / "config.schema.json"
EXAMPLE = REFERENCE / "indelible.example.toml"

HEAD = """\
# Configuration

<!-- Generated from indelible.config.sections: `make docs` writes it again. -->

Every key of `indelible.toml`, its default and its environment variable.
How to use it: [configure](../how-to/configure.md).
A file with every section: [indelible.example.toml](indelible.example.toml).
For editors: [config.schema.json](config.schema.json), which `indelible config schema` prints too.

## Where it is looked for

The first of these that is there is taken alone; files are never merged.

1. `--config FILE`, or `config=` of `audit`
2. the file that `INDELIBLE_CONFIG` names
3. `indelible.toml` in the working directory, or above it as far as the root of the repository (the directory with `.git`; without one, the working directory alone)
4. the table `[tool.indelible]` of the nearest `pyproject.toml` in these directories
5. `$XDG_CONFIG_HOME/indelible/indelible.toml`, by default `~/.config/indelible/indelible.toml`
6. `/etc/indelible/indelible.toml`

A file named by 1 or 2 must be there; `/dev/null` stands for none.
A file is refused unless it is a plain file of at most 256 KiB (a `pyproject.toml`: 1 MiB), belongs to the user who runs this or to root, and can be written by nobody else.
A group that has the owner's name and no other member may write it.
A link is followed; it and what it leads to must belong to the user or to root.

## What is stronger

A flag, or an argument of `audit`; then a variable; then the file; then the default.
Key by key, with one exception: a `profile` silences `read`, `write`, `destructive` and `undeclared` of `[failure]` from anything weaker than itself.

A variable is `INDELIBLE_`, the section, two underscores, the key, in capitals.
Items of a list are parted by commas.
Tables that you name yourself (`[tools.…]`, `[proxy.…]`) have no variables.
An unknown key, variable or word is an error, and nothing is started.
"""

TOOLS = """
Of several patterns that match a tool, each key is taken from the first table that has it, in the order of the file.
A pattern has `*`, `?` and `[abc]`, and is compared, capitals and all, with the tool's name and with `SERVER/TOOL`.
"""

TAIL = """
## Levels

| level | kept of a call |
|---|---|
| `none` | nothing: no record at all |
| `metadata` | who, what tool, when, how it ended, error text, sizes; the record says `level` and its body has no `args` and no `target` of its own |
| `args` | besides: the redacted arguments |
| `result` | besides: what `results` says of the result |

A level holds for every request of its effect, not for tools alone: `read = "none"` leaves out `tools/list` and `ping` too.
What is kept is redacted at every level.
What is no request (notifications, stray replies, lines that are no message) has no level: it is kept, redacted.

## What is on record of it

The SHA-256 of the effective configuration is in the log: a record of kind `config` at the start of each writer that has one, and at each change ([format](format.md)).
It is taken over the values, as JSON with sorted keys and without spaces, ASCII only (`config show --json` has them under `values`, and the hash).
A writer without such a record had no file and no variable: the defaults of its version, and what flags or arguments said.
What is under `[identity]` is part of the hash like everything else.
"""


def page() -> str:
    """Return the page."""
    return HEAD + "".join(_sections(Config, ())) + TAIL


def schema_text() -> str:
    """Return the schema as it is published."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _sections(section: type[Any], under: tuple[str, ...]) -> list[str]:
    parts = []
    for one in dataclasses.fields(section):
        path = (*under, one.name)
        said = one.metadata
        if "section" in said:
            parts.append(_part(f"[{dotted(path)}]", said["says"], said["section"], path))
            parts += _sections(said["section"], path)
        elif "rows" in said:
            parts.append(_rows(one.name, said))
    return parts


def _rows(name: str, said: Any) -> str:
    if name == "tools":
        return _part('[tools."PATTERN"]', said["says"], said["rows"], None) + TOOLS
    return _part(f"[{name}.NAME]", said["says"], said["rows"], ())


def _part(title: str, says: str, section: type[Any], path: tuple[str, ...] | None) -> str:
    rows = [_row(one, path) for one in dataclasses.fields(section) if "kind" in one.metadata]
    head = f"\n## `{title}`\n\n{says}\n\n"
    if path is None:
        return head + "| key | value | |\n|---|---|---|\n" + "\n".join(rows) + "\n"
    return head + "| key | value | default | |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"


def _row(one: dataclasses.Field[Any], path: tuple[str, ...] | None) -> str:
    said = one.metadata
    cells = [f"`{one.name}`", said["kind"].words()]
    if path is not None:
        cells.append(_default(one.default))
    return f"| {' | '.join([*cells, said['says']])} |"


def _default(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return f"`[{', '.join(quoted(item) for item in value)}]`"
    if isinstance(value, int):
        return f"`{str(value).lower()}`"
    return f"`{quoted(value)}`"
