"""The effective configuration: flag before environment before file before default."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from indelible.config.decode import (
    ROWS,
    Path,
    Values,
    Wrong,
    as_tables,
    build,
    dotted,
    from_environment,
    from_table,
    keys,
    name_of,
    value_of,
)
from indelible.config.find import SYSTEM, Found, Place, Stamp, find, named_place, read
from indelible.config.sections import Config
from indelible.errors import ConfigError
from indelible.model.digest import sha256_hex

MAX_DOTS = 200
"""In one line: what a key of many parts costs the parser grows with their square."""

_BY_CLASS = [("failure", name) for name in ("read", "write", "destructive", "undeclared")]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a configuration was read from, so that it can be read again."""

    file: str | None = None
    """The file that was found first; None where there was none."""

    table: tuple[str, ...] = ()
    by_place: bool = False
    """Whether the file was found because we were started in or below its directory."""

    stamp: Stamp | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    flags: Mapping[Path, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration, and where each value is from."""

    config: Config
    origins: Mapping[Path, str]
    """Of each key that does not have its default: the flag, the variable, or file and line."""

    source: Source = field(default_factory=Source)


def load(
    given: str | os.PathLike[str] | None = None,
    *,
    environment: Mapping[str, str],
    directory: str | None = None,
    flags: Mapping[Path, tuple[str, str]] = MappingProxyType({}),
    system: str = SYSTEM,
) -> Loaded:
    """Return the effective configuration.

    Args:
        given: A file named by the operator; it must be there.

        directory: The working directory: where files are looked for.

        flags: Value and flag of each key that was given on the command line.

        system: The machine's own file.

    Raises:
        ConfigError: If a file, a variable or a flag cannot be understood, or the
            file could have been written by another user.
    """
    path = os.fspath(given) if given is not None else None
    found = find(path, environment, directory, system=system)
    return _loaded(found, environment, flags)


def load_again(source: Source) -> Loaded:
    """Return the configuration of the same file as it is now, under the same variables and flags.

    Raises:
        ConfigError: As `load`; also if the file is gone.
    """
    found = None
    if source.file is not None:
        found = read(Place(source.file, "this process", source.table, must=True))
        found = found._replace(by_place=source.by_place) if found else None
    return _loaded(found, source.environment, source.flags)


def check(path: str | os.PathLike[str]) -> Loaded:
    """Return the configuration of one file alone: no variable, no flag. Raises as `load`."""
    return _loaded(read(named_place(os.fspath(path), "the command")), {}, {})


def loaded_from(config: Config, flags: Mapping[Path, tuple[str, str]]) -> Loaded:
    """Return *config* with *flags* over it: no file, no variable."""
    values = {key.path: value_of(config, key.path) for key in keys()}
    values |= {
        (name, name_of(row), one.name): getattr(row, one.name)
        for name in ROWS
        for row in getattr(config, name)
        for one in dataclasses.fields(row)
        if one.metadata
    }
    origins = dict.fromkeys(values, "argument config")
    _put_flags(values, origins, flags)
    return Loaded(build(values), origins, Source(flags=flags))


def sha256(config: Config) -> str:
    """Return SHA-256, in hex, of the values of *config* as JSON: sorted keys, ASCII, no space."""
    text = json.dumps(as_tables(config), sort_keys=True, separators=(",", ":"))
    return sha256_hex(text.encode())


def parse(data: bytes, file: str, table: tuple[str, ...] = ()) -> tuple[Values, str]:
    """Return the values of a file's bytes, and the bytes as text.

    Args:
        file: Its name, for errors.

        table: Where in it the configuration is.

    Raises:
        ConfigError: If they are no configuration: with file, line, key and what to do.
    """
    import tomllib  # noqa: PLC0415 — only where there is a file

    if any(line.count(b".") > MAX_DOTS for line in data.split(b"\n")):
        raise ConfigError(f"{file}: a line with over {MAX_DOTS} dots", hint="write a shorter line")
    try:
        text = data.decode().replace("\r\n", "\n")
        found: object = tomllib.loads(text)
        for part in table:
            found = found.get(part, {}) if isinstance(found, dict) else {}
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{file}: not UTF-8 at byte {error.start}", hint="save as UTF-8"
        ) from error
    except (ValueError, RecursionError) as error:
        why = str(error) if isinstance(error, ValueError) else "nested too deeply"
        raise ConfigError(f"{file}: no TOML: {_plain(why)}", hint="see https://toml.io") from error
    try:
        return from_table(found), text
    except Wrong as error:
        where = f"{file}{_line(text, (*table, *error.path))}"
        what = f"{dotted(error.path)}: {error}" if error.path else str(error)
        raise ConfigError(f"{where}: {what}", hint=error.hint or _HINT) from error


_HINT = "indelible config schema says what is allowed"


def _loaded(
    found: Found | None, environment: Mapping[str, str], flags: Mapping[Path, tuple[str, str]]
) -> Loaded:
    values: Values = {}
    origins: dict[Path, str] = {}
    source = Source(environment=environment, flags=flags)
    if found is not None:
        values, _ = parse(found.data, found.path, found.table)
        origins = dict.fromkeys(values, found.path)
        source = Source(found.path, found.table, found.by_place, found.stamp, environment, flags)
    try:
        more, names = from_environment(environment)
    except Wrong as error:
        raise ConfigError(str(error), hint=error.hint or _HINT) from error
    _put(values, origins, more, {path: f"env {name}" for path, name in names.items()})
    _put_flags(values, origins, flags)
    return Loaded(build(values), origins, source)


def _put_flags(
    values: Values, origins: dict[Path, str], flags: Mapping[Path, tuple[str, str]]
) -> None:
    given = {path: value for path, (value, _) in flags.items()}
    _put(values, origins, given, {path: f"flag {name}" for path, (_, name) in flags.items()})


def _put(values: Values, origins: dict[Path, str], more: Values, names: dict[Path, str]) -> None:
    """Put stronger values over weaker ones; a profile silences the classes of weaker sources."""
    for path in _BY_CLASS if ("failure", "profile") in more else ():
        values.pop(path, None)
        origins.pop(path, None)
    values |= more
    origins |= names


def _line(text: str, path: Path) -> str:
    from indelible.config.lines import line_of  # noqa: PLC0415 — only for an error

    line = line_of(text, path)
    return f":{line}" if line else ""


def _plain(why: str) -> str:
    """Return the parser's words in our style: lower case, no full stop, nothing invisible."""
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in why)
    return text[:1].lower() + text[1:200].rstrip(".")
