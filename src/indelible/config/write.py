"""A configuration as TOML: `load.parse` of what is written here gives the same values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from indelible.config.decode import ROWS, Path, as_tables, dotted, keys, quoted
from indelible.config.sections import Config

DEFAULT = "default"


def format_toml(config: Config, origins: Mapping[Path, str] | None = None) -> str:
    """Return all of *config* as TOML; what is left out and has no default is a comment.

    Args:
        origins: Where each value is from; if given, it is said behind each.
    """
    lines: list[str] = []
    section: Path | None = None
    tables = as_tables(config)
    for key in keys():
        if key.path[:-1] != section:
            section = key.path[:-1]
            lines += ["", f"[{dotted(section)}]"]
        value = _at(tables, key.path)
        line = f"# {key.path[-1]} =" if value is None else _line(key.path[-1], value)
        lines.append(line + _origin(key.path, origins))
    for name in ROWS:
        for row in tables[name]:
            lines += ["", *_row_lines(name, dict(row), origins)]
    return "\n".join(lines[1:]) + "\n"


def _row_lines(name: str, row: dict[str, Any], origins: Mapping[Path, str] | None) -> list[str]:
    named = row.pop(next(iter(row)))
    under = (name, named)
    return [
        f"[{name}.{quoted(named)}]",
        *(_line(n, value) + _origin((*under, n), origins) for n, value in row.items()),
    ]


def _line(name: str, value: str | list[str] | int) -> str:
    if isinstance(value, str):
        return f"{name} = {quoted(value)}"
    if isinstance(value, bool):
        return f"{name} = {str(value).lower()}"
    if isinstance(value, int):
        return f"{name} = {value}"
    return f"{name} = [{', '.join(quoted(item) for item in value)}]"


def _origin(path: Path, origins: Mapping[Path, str] | None) -> str:
    if origins is None:
        return ""
    said = origins.get(path, DEFAULT)
    return "  # " + "".join(c if c.isprintable() else ascii(c)[1:-1] for c in said)


def _at(tables: dict[str, Any], path: Path) -> Any:
    found: Any = tables
    for part in path:
        found = found.get(part)
    return found
