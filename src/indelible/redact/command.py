"""Command lines: what a flag's name, an assignment or a program's habit says is a secret."""

from __future__ import annotations

import re
from pathlib import PurePath

from indelible.model.canonical import Json
from indelible.redact import keys
from indelible.redact.careful import CarefulWalk
from indelible.redact.detectors import REDACTED
from indelible.redact.places import GLUED, GLUED_ONLY, LOGIN_ONLY, SHORT_FLAGS

_ASSIGNED = re.compile(r"(?P<key>-{0,2}[A-Za-z_][\w.-]{0,95})=(?P<value>[\s\S]+)")
_USER = re.compile(r"[^:]{1,64}:[\s\S]+")

_LAUNCHERS = frozenset("env sudo doas nohup time nice exec npx uvx bunx".split())
_MAX_LAUNCHERS = 16
_LONGEST_PATH = 4096
_MAX_ITEMS = 512
_USER_FLAGS = frozenset(
    "-u --user -U --proxy-user --auth --basic-auth --credentials --http-user".split()
)


def scrub_argv(argv: list[str], walk: CarefulWalk) -> Json:
    """Return the items of a command line redacted, at most 512 of them."""
    out: list[Json] = []
    program, first = _program(argv)
    if program in LOGIN_ONLY and "login" not in argv[first : first + 4]:
        program = ""
    previous = ""
    for at, item in enumerate(argv[:_MAX_ITEMS]):
        out.append(_item(item, previous, program, walk, f"/{at}"))
        previous = item
    if len(argv) > _MAX_ITEMS:
        walk.note("", "nodes")
        out.append(f"... [TRUNCATED {len(argv) - _MAX_ITEMS} more]")
    return out


def _program(argv: list[str]) -> tuple[str, int]:
    """Return the program that a command line runs, launchers aside, and where it stands."""
    for at, item in enumerate(argv[:_MAX_LAUNCHERS]):
        name = PurePath(item).name if len(item) < _LONGEST_PATH else ""
        launched = item[:1] == "-" or _ASSIGNED.fullmatch(item)
        if name in SHORT_FLAGS or (name not in _LAUNCHERS and not launched):
            return name, at
    return "", 0


def _item(item: str, previous: str, program: str, walk: CarefulWalk, path: str) -> Json:
    """Return one *item* redacted, given the one before it."""
    short = SHORT_FLAGS.get(program, "")
    if previous[:1] == "-" and not item.startswith("--"):
        expects = keys.is_secret_flag(previous[:66]) and keys.is_value(item)
        if expects or (previous == short and program not in GLUED_ONLY):
            return walk.replaced(item, path, "flag")
        if previous in _USER_FLAGS and _USER.fullmatch(item) and "://" not in item:
            walk.note(path, "flag")
            return walk.string(item.partition(":")[0], path, 0) + ":" + REDACTED
    if program in GLUED and item[:2] == short and len(item) > 2:
        walk.note(path, "flag")
        return short + REDACTED
    assigned = _ASSIGNED.fullmatch(item)
    named = assigned is not None and (
        keys.is_secret(assigned["key"]) or keys.is_secret_flag(_unprefixed(assigned["key"]))
    )
    if assigned and named and assigned["value"] != REDACTED:
        walk.note(path, "assignment")
        return f"{assigned['key']}={REDACTED}"
    return walk.string(item, path, 0)


def _unprefixed(flag: str) -> str:
    """Return `-key` for `-Dkey`, a property of Java's; else *flag* as it is."""
    return "-" + flag[2:] if flag.startswith("-D") else flag
