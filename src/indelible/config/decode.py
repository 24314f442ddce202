"""Tables and variables → values by key → `Config`; and back, as tables. No file is read here.

A key is its path: ``("failure", "profile")``, ``("tools", "delete_*", "effect")``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from indelible.config.kinds import Kind, Refused, nearest, shown
from indelible.config.sections import MAX_ROWS, Config

Path: TypeAlias = tuple[str, ...]
Values: TypeAlias = dict[Path, Any]

PREFIX = "INDELIBLE_"
ROWS = {one.name: one.metadata for one in dataclasses.fields(Config) if "rows" in one.metadata}
"""The tables whose own names are the operator's: patterns of tools, proxies."""


class Wrong(Exception):  # noqa: N818 — it is turned into a ConfigError with its file and line
    """Something under *path* cannot be understood."""

    def __init__(self, path: Path, why: str, hint: str = "") -> None:
        super().__init__(why)
        self.path = path
        self.hint = hint


class Key(NamedTuple):
    """One key of the configuration."""

    path: Path
    kind: Kind
    default: Any
    says: str
    variable: str
    """A further environment variable, or empty."""


def keys(section: type[Any] = Config, under: Path = ()) -> Iterator[Key]:
    """Return every key that has a fixed place, in the order of the reference."""
    for one in dataclasses.fields(section):
        path = (*under, one.name)
        if "section" in one.metadata:
            yield from keys(one.metadata["section"], path)
        elif "kind" in one.metadata:
            said = one.metadata
            yield Key(path, said["kind"], one.default, said["says"], said["variable"])


def dotted(path: Path) -> str:
    """Return a path as TOML writes it."""
    return ".".join(part if _is_bare(part) else quoted(part) for part in path)


def quoted(text: str) -> str:
    """Return *text* as a basic string of TOML, with all that cannot be seen spelt out."""
    return '"' + "".join(_character(c) for c in text) + '"'


def variable_of(path: Path) -> str:
    """Return the environment variable of a key."""
    return PREFIX + "__".join(part.upper() for part in path)


def from_table(table: object) -> Values:
    """Return the values of a parsed file.

    Raises:
        Wrong: At the first thing that is not allowed.
    """
    if not isinstance(table, dict):
        raise Wrong((), f"{shown(table)} where a table belongs")
    values: Values = {}
    _read_section(Config, table, (), values)
    return values


def from_environment(environment: Mapping[str, str]) -> tuple[Values, dict[Path, str]]:
    """Return the values of environment variables, and the variable of each.

    Raises:
        Wrong: At the first that is not known or not allowed.
    """
    values: Values = {}
    names: dict[Path, str] = {}
    known = {variable_of(key.path): key for key in keys()}
    for key in known.values():
        if text := environment.get(key.variable) if key.variable else None:
            values[key.path], names[key.path] = text, key.variable
    for name in sorted(environment):
        if not name.startswith(PREFIX) or "__" not in name:
            continue
        if name not in known:
            near = nearest(name, tuple(known))
            hint = f"did you mean {near}?" if near else f"variables are like {next(iter(known))}"
            if rows := next((r for r in ROWS if name.startswith(f"{PREFIX}{r.upper()}__")), None):
                hint = f"tables of [{rows}] stand in a file only"
            raise Wrong((), f"unknown variable {name}", hint)
        key = known[name]
        try:
            values[key.path], names[key.path] = key.kind.read_text(environment[name]), name
        except Refused as error:
            raise _refused((), f"{name}: {error}", error) from error
    return values, names


def build(values: Values) -> Config:
    """Return the configuration of *values*; what they leave out has its default."""
    config: Config = _build(Config, values, ())
    rows: dict[str, Any] = {}
    for name, said in ROWS.items():
        named = dict.fromkeys(path[1] for path in values if path[0] == name)
        rows[name] = tuple(said["rows"](one, **_under((name, one), values)) for one in named)
    return dataclasses.replace(config, **rows)


def as_tables(config: Config) -> dict[str, Any]:
    """Return a configuration as nested tables, defaults and all but what is left out (None).

    What the operator names is a list of tables: their order counts.
    """
    tables: dict[str, Any] = _as_table(config)
    for name in ROWS:
        tables[name] = [_as_table(row) for row in getattr(config, name)]
    return tables


def name_of(row: Any) -> str:
    """Return what the operator calls a row: it stands first in it."""
    name: str = getattr(row, dataclasses.fields(row)[0].name)
    return name


def value_of(config: Config, path: Path) -> Any:
    """Return what *config* has at *path*."""
    if path[0] in ROWS:
        rows = getattr(config, path[0])
        return getattr(next(row for row in rows if name_of(row) == path[1]), path[2])
    found: Any = config
    for part in path:
        found = getattr(found, part)
    return found


def _read_section(section: type[Any], table: dict[str, Any], under: Path, out: Values) -> None:
    fields = {one.name: one for one in dataclasses.fields(section) if one.metadata}
    for name, value in table.items():
        path = (*under, name)
        if name not in fields:
            near = nearest(name, tuple(fields))
            known = ", ".join(fields)
            hint = f"did you mean {dotted((*under, near))}?" if near else f"known here: {known}"
            raise Wrong(path, "unknown key", hint)
        said = fields[name].metadata
        if "kind" in said:
            out[path] = _value(said["kind"], value, path)
        elif not isinstance(value, dict):
            raise Wrong(path, f"{shown(value)} where a table belongs", f"write [{dotted(path)}]")
        elif "section" in said:
            _read_section(said["section"], value, path, out)
        else:
            _read_rows(said, value, path, out)


def _read_rows(said: Mapping[str, Any], table: dict[str, Any], under: Path, out: Values) -> None:
    if len(table) > MAX_ROWS:
        raise Wrong(under, f"more than {MAX_ROWS:,} tables")
    for name, row in table.items():
        path = (*under, name)
        _value(said["named"], name, path)
        if not isinstance(row, dict):
            hint = f"write [{dotted(under)}.{quoted(name)}]"
            raise Wrong(path, f"{shown(row)} where a table belongs", hint)
        _read_section(said["rows"], row, path, out)


def _value(kind: Kind, value: object, path: Path) -> Any:
    try:
        return kind.read(value)
    except Refused as error:
        raise _refused(path, str(error), error) from error


def _refused(path: Path, why: str, error: Refused) -> Wrong:
    return Wrong(path, why, f"did you mean {quoted(error.nearest)}?" if error.nearest else "")


def _build(section: type[Any], values: Values, under: Path) -> Any:
    given = _under(under, values)
    for one in dataclasses.fields(section):
        if "section" in one.metadata:
            given[one.name] = _build(one.metadata["section"], values, (*under, one.name))
    return section(**given)


def _under(path: Path, values: Values) -> dict[str, Any]:
    """Return the values that stand right under *path*."""
    depth = len(path)
    return {
        at[-1]: value for at, value in values.items() if at[:depth] == path and len(at) == depth + 1
    }


def _as_table(section: Any) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for one in dataclasses.fields(section):
        value = getattr(section, one.name)
        if "section" in one.metadata:
            table[one.name] = _as_table(value)
        elif "rows" not in one.metadata and value is not None:
            table[one.name] = list(value) if isinstance(value, tuple) else value
    return table


def _is_bare(text: str) -> bool:
    return bool(text) and text.isascii() and text.replace("_", "").replace("-", "").isalnum()


def _character(c: str) -> str:
    if c in '"\\':
        return f"\\{c}"
    if c.isprintable():
        return c
    return f"\\u{ord(c):04X}" if ord(c) <= 0xFFFF else f"\\U{ord(c):08X}"
