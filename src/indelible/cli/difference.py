"""What changed between the arguments of two calls: members added, removed and changed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from indelible.cli.arguments import spelt
from indelible.model.canonical import Json
from indelible.model.flat import Fields

MAX_DEPTH = 8
"""What differs further down is one change."""
_PLAIN_NAME = re.compile(r"[\w-]+")


@dataclass(frozen=True, slots=True)
class Change:
    """One member that differs; what is not there on one side has no text there."""

    path: str
    before: str | None
    now: str | None

    @property
    def sign(self) -> str:
        """``+`` where it was added, ``-`` where it was removed, ``~`` where it changed."""
        if self.before is None:
            return "+"
        return "-" if self.now is None else "~"

    def as_json(self) -> Fields:
        """Return it for programs; the values as JSON text, for there a null is a value."""
        return {"path": self.path, "before": self.before, "now": self.now}


def changes(before: Json, now: Json) -> list[Change]:
    """Return what differs between two values, by path, in the order of the paths."""
    return sorted(_changes(before, now, "", 0), key=lambda one: one.path)


def _changes(before: Json, now: Json, path: str, depth: int) -> Iterator[Change]:
    if _same(before, now):
        return
    if depth < MAX_DEPTH:
        if isinstance(before, dict) and isinstance(now, dict):
            yield from _members(before, now, path, depth)
            return
        if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
            for at, pair in enumerate(zip(before, now, strict=True)):
                yield from _changes(*pair, f"{path}[{at}]", depth + 1)
            return
    yield Change(path or "(all)", spelt(before), spelt(now))


def _members(before: Fields, now: Fields, path: str, depth: int) -> Iterator[Change]:
    for name in before.keys() | now.keys():
        shown = name if _PLAIN_NAME.fullmatch(name) else json.dumps(name, ensure_ascii=False)
        inner = f"{path}.{shown}" if path else shown
        if name not in before:
            yield Change(inner, None, spelt(now[name]))
        elif name not in now:
            yield Change(inner, spelt(before[name]), None)
        else:
            yield from _changes(before[name], now[name], inner, depth + 1)


def _same(before: Json, now: Json) -> bool:
    """Whether two values are the same JSON: ``1``, ``1.0`` and ``true`` are three."""
    return json.dumps(before, sort_keys=True) == json.dumps(now, sort_keys=True)
