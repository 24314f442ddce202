"""Command lines: what a flag's name, an assignment or a program's habit says is a secret."""

from __future__ import annotations

import re
from pathlib import PurePath

from indelible.model.canonical import Json
from indelible.redact import keys
from indelible.redact.careful import CarefulWalk
from indelible.redact.detectors import REDACTED

_ASSIGNED = re.compile(r"(?P<key>-{0,2}[A-Za-z_][\w.-]{0,95})=(?P<value>[\s\S]+)")
_USER = re.compile(r"[^:]{1,64}:[\s\S]+")

# Short flags whose value is a password, by program: as the programs' manuals say.
_SHORT_FLAGS = {
    "sshpass": "-p",
    "redis-cli": "-a",
    "mongo": "-p",
    "mongosh": "-p",
    "mongodump": "-p",
    "mysql": "-p",
    "mysqldump": "-p",
    "mariadb": "-p",
    "sqlcmd": "-P",
    "ldapsearch": "-w",
    "docker": "-p",
    "podman": "-p",
}
# Those that take it glued on (`-phunter2`), and there only.
_GLUED = frozenset(["sshpass", "mysql", "mysqldump", "mariadb"])
_GLUED_ONLY = frozenset(["mysql", "mysqldump", "mariadb"])
_LOGIN_ONLY = frozenset(["docker", "podman"])
_MAX_ITEMS = 512
_USER_FLAGS = frozenset(["-u", "--user", "-U", "--proxy-user"])


def scrub_argv(argv: list[str], walk: CarefulWalk) -> Json:
    """Return the items of a command line redacted, at most 512 of them."""
    out: list[Json] = []
    program = PurePath(argv[0]).name if argv and len(argv[0]) < 4096 else ""
    if program in _LOGIN_ONLY and "login" not in argv[:4]:
        program = ""
    previous = ""
    for at, item in enumerate(argv[:_MAX_ITEMS]):
        out.append(_item(item, previous, program, walk, f"/{at}"))
        previous = item
    if len(argv) > _MAX_ITEMS:
        walk.note("", "nodes")
        out.append(f"... [TRUNCATED {len(argv) - _MAX_ITEMS} more]")
    return out


def _item(item: str, previous: str, program: str, walk: CarefulWalk, path: str) -> Json:
    """Return one *item* redacted, given the one before it."""
    short = _SHORT_FLAGS.get(program, "")
    if previous[:1] == "-" and not item.startswith("--"):
        expects = keys.is_secret_flag(previous[:66]) and not item.startswith("-")
        if expects or (previous == short and program not in _GLUED_ONLY):
            return walk.replaced(item, path, "flag")
        if previous in _USER_FLAGS and _USER.fullmatch(item) and "://" not in item:
            walk.note(path, "flag")
            return walk.string(item.partition(":")[0], path, 0) + ":" + REDACTED
    if program in _GLUED and item[:2] == short and len(item) > 2:
        walk.note(path, "flag")
        return short + REDACTED
    assigned = _ASSIGNED.fullmatch(item)
    if assigned and keys.is_secret(assigned["key"]) and assigned["value"] != REDACTED:
        walk.note(path, "assignment")
        return f"{assigned['key']}={REDACTED}"
    return walk.string(item, path, 0)
