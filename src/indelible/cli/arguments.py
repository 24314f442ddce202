"""Arguments on one line, as a person would say them: ``path=/etc/hosts mode=read``.

Law: two different arguments are not written alike. A string stands bare only where
it can be taken for nothing else; anything else is JSON. What the call was done to
comes first, because what stands at the end of a line is what gets cut.
"""

from __future__ import annotations

import json
import re

from indelible.cli.terminal import line
from indelible.model.canonical import Json
from indelible.model.flat import Fields, text

MAX_VALUE = 60
"""Characters of one value, so that one long text does not push the others off the line."""
MAX_LINE = 400

_BARE = re.compile(r"[^\s\"'\\=,;{}\[\]]+")
_PLAIN_NAME = re.compile(r"[\w.-]+")


def arguments(entry: Fields) -> str:
    """Return the arguments of a call, or a dash where there are none."""
    args = entry.get("args")
    if entry.get("erased") and args is None:
        return "(erased)"
    if not isinstance(args, dict):
        return "-" if args is None else line(args, width=MAX_LINE)
    return members(args, first=text(entry, "target"))


def members(values: Fields, *, first: str | None = None) -> str:
    """Return the members of an object as ``name=value``; the one that is *first* comes first."""
    names = sorted(values)
    if first is not None:
        names.sort(key=lambda name: _plain(values[name]) != first)
    pairs = [f"{_name(one)}={line(spelt(values[one]), width=MAX_VALUE)}" for one in names]
    return line(" ".join(pairs), width=MAX_LINE) or "-"


def spelt(value: Json) -> str:
    """Return a value so that a string and what it might be taken for differ."""
    if isinstance(value, str):
        return value if _is_bare(value) else json.dumps(value, ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _is_bare(value: str) -> bool:
    """Whether a string can be taken for nothing else without its quotes.

    A mark of the redactor is: nothing that is not one looks like ``[EMAIL]``.
    """
    if re.fullmatch(r"\[[A-Z_]+\]", value):
        return True
    if not _BARE.fullmatch(value) or not value.isprintable() or value.endswith("…"):
        return False
    try:
        json.loads(value)
    except ValueError:
        return True
    return False


def _name(name: str) -> str:
    return name if _PLAIN_NAME.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def _plain(value: Json) -> str | None:
    """Return the text that `target` is of a member."""
    return value if isinstance(value, str) else line(value)
