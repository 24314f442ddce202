"""Where the configuration is: the first file of a fixed list, read once and only if it is safe.

Nothing here parses anything: most servers have no file, and pay for a few look-ups only.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeAlias

from indelible.errors import ConfigError

FILE = "indelible.toml"
PYPROJECT = "pyproject.toml"
SYSTEM = "/etc/indelible/indelible.toml"
MAX_BYTES = 256 * 1024
MAX_PYPROJECT_BYTES = 1024 * 1024

_TABLE = ("tool", "indelible")
_OURS = (
    rb"(?m)^[ \t]*(?:\[[ \t]*)?(?:[\"']?tool[\"']?[ \t]*\.[ \t]*)?[\"']?indelible[\"']?[ \t]*"
    rb"(?:[.\]]|=[ \t]*\{)"
)
"""What a pyproject.toml has that may say something to us; most have not, and are not parsed."""

Stamp: TypeAlias = tuple[int, int, int, int, int]
"""What tells one version of a file from the next, without reading it."""


class Found(NamedTuple):
    """A configuration file as it was read."""

    path: str
    data: bytes
    stamp: Stamp
    table: tuple[str, ...] = ()
    """Where in it the configuration is: ``("tool", "indelible")`` of a pyproject.toml."""

    by_place: bool = False
    """Whether it was found because we were started in or below its directory."""


class Place(NamedTuple):
    """A place where the configuration may be."""

    path: str
    why: str
    table: tuple[str, ...] = ()
    must: bool = False
    by_place: bool = False


def places(
    given: str | None,
    environment: Mapping[str, str],
    directory: str | None,
    *,
    system: str = SYSTEM,
) -> Iterator[Place]:
    """Return the places in the order in which they are looked at.

    Args:
        given: What ``--config`` says.

        directory: The working directory, if there is one.

        system: The machine's own file.
    """
    if given:
        yield named_place(given, "--config")
        return
    if named := environment.get("INDELIBLE_CONFIG"):
        yield named_place(named, "$INDELIBLE_CONFIG")
        return
    above = _up_to_the_root(directory) if directory else []
    for one in above:
        yield Place(os.path.join(one, FILE), "the working directory and above", by_place=True)
    nearest = next((d for d in above if os.path.lexists(os.path.join(d, PYPROJECT))), None)
    if nearest is not None:
        path = os.path.join(nearest, PYPROJECT)
        yield Place(path, "the nearest pyproject.toml", _TABLE, by_place=True)
    own = environment.get("XDG_CONFIG_HOME", "")
    home = environment.get("HOME", "")
    if not own.startswith("/") and home.startswith("/"):
        own = os.path.join(home, ".config")
    if own.startswith("/"):
        yield Place(os.path.join(own, "indelible", FILE), "the user's configuration")
    yield Place(system, "the machine's configuration")


def named_place(path: str, why: str) -> Place:
    """Return the place of a file that somebody named: it must be there."""
    is_project = os.path.basename(path) == PYPROJECT
    return Place(os.path.abspath(path), why, _TABLE if is_project else (), must=True)


def find(
    given: str | None,
    environment: Mapping[str, str],
    directory: str | None,
    *,
    system: str = SYSTEM,
) -> Found | None:
    """Return the first configuration file there is, or None; arguments as of `places`.

    Raises:
        ConfigError: If it cannot be read, is no plain file, is too large, or could
            have been written by another user than root and us.
    """
    for place in places(given, environment, directory, system=system):
        found = None if place.path == os.devnull else read(place)
        if found is not None or place.must:
            return found
    return None


def working_directory() -> str | None:
    """Return the working directory, or None if there is none any more."""
    try:
        return os.getcwd()
    except OSError:
        return None


def is_configured(given: str | None, environment: Mapping[str, str], directory: str | None) -> bool:
    """Return whether anything is configured: by a file, or by a variable; else defaults hold.

    Whoever starts with every server asks this first: it loads nothing. Raises as `find`.
    """
    return any(name.startswith("INDELIBLE_") and "__" in name for name in environment) or bool(
        find(given, environment, directory)
    )


def read(place: Place) -> Found | None:
    """Return what is at *place*, or None where there is nothing for us; raises as `find`."""
    path = place.path
    try:
        link = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError, PermissionError, ValueError) as error:
        if not place.must:
            return None
        why = error.strerror if isinstance(error, OSError) else "no name of a file"
        hint = f"{place.why} names it: give a file that is there"
        raise ConfigError(f"{path}: {str(why).lower()}", hint=hint) from error
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        state = os.fstat(fd)
        limit = MAX_PYPROJECT_BYTES if place.table else MAX_BYTES
        _check_plain(path, state, limit)
        with open(fd, "rb", closefd=False) as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise _unreadable(path, error) from error
    finally:
        os.close(fd)
    if len(data) > limit:
        raise _too_large(path, limit)
    if place.table and not re.search(_OURS, data):
        if place.must:
            raise ConfigError(f"{path}: no table tool.indelible", hint="write [tool.indelible]")
        return None
    _check_owner(path, link.st_uid, "it")
    _check_owner(path, state.st_uid, "what it leads to")
    _check_mode(path, state)
    return Found(path, data, stamp_of(state), place.table, place.by_place)


def stamp_of(state: os.stat_result) -> Stamp:
    """Return what tells this version of a file from the next."""
    return (state.st_mtime_ns, state.st_ctime_ns, state.st_size, state.st_ino, state.st_dev)


def _up_to_the_root(directory: str) -> list[str]:
    """Return *directory* and those above it up to the repository's root; alone if there is none."""
    above = [directory]
    while True:
        last = above[-1]
        if os.path.lexists(os.path.join(last, ".git")):
            return above
        if (parent := os.path.dirname(last)) == last:
            return above[:1]
        above.append(parent)


def _check_plain(path: str, state: os.stat_result, limit: int) -> None:
    if not stat.S_ISREG(state.st_mode):
        raise ConfigError(f"{path}: not a plain file", hint="put a plain file there, or none")
    if state.st_size > limit:
        raise _too_large(path, limit)


def _too_large(path: str, limit: int) -> ConfigError:
    return ConfigError(f"{path}: over {limit:,} bytes", hint="keep comments and rules shorter")


def _check_owner(path: str, owner: int, what: str) -> None:
    if owner not in (0, os.geteuid()):
        raise ConfigError(
            f"{path}: {what} belongs to user {owner}, who could turn recording off",
            hint="have it owned by root or by the user who runs this, or name another by --config",
        )


def _check_mode(path: str, state: os.stat_result) -> None:
    who = ""
    if state.st_mode & stat.S_IWOTH:
        who = "every user"
    elif state.st_mode & stat.S_IWGRP and not _is_own_group(state):
        who = f"group {state.st_gid}"
    if who:
        raise ConfigError(f"{path}: {who} can write it", hint=f"chmod go-w {path}")


def _is_own_group(state: os.stat_result) -> bool:
    """Return whether the file's group is its owner's alone: many systems give each user one."""
    import grp  # noqa: PLC0415 — rarely asked
    import pwd  # noqa: PLC0415

    try:
        user = pwd.getpwuid(state.st_uid)
        group = grp.getgrgid(state.st_gid)
    except KeyError:
        return False
    alone = set(group.gr_mem) <= {user.pw_name}
    return alone and user.pw_gid == group.gr_gid and user.pw_name == group.gr_name


def _unreadable(path: str, error: OSError) -> ConfigError:
    why = (error.strerror or "cannot be read").lower()
    return ConfigError(f"{path}: {why}", hint="make it readable, or take it away")
