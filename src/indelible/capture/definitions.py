"""What a server's list of tools says now, and how that differs from what it said before. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import NamedTuple

from indelible.capture.protocol import member
from indelible.model.canonical import Json
from indelible.model.digest import sha256_hex

MAX_TOOLS = 10_000
MAX_PAGES = 1_000
"""Of listings that were begun and whose end has not come."""


class Drift(NamedTuple):
    """How a list of tools differs from the one before it."""

    digest: str
    """SHA-256 of the list: of a line for each tool, name and hash, in the order of the names."""

    hashes: dict[str, str]
    """SHA-256 of each tool's definition, by its name."""

    first: bool
    """Whether no list was seen before."""

    added: list[str]
    removed: list[str]
    changed: list[str]


@dataclass(slots=True)
class Definitions:
    """The definitions of a server's tools as they were listed last."""

    _last: list[Json] | None = None
    _hashes: dict[str, str] | None = None
    _pages: dict[str, list[Json]] = field(default_factory=dict)

    def compare(self, result: Json, cursor: Json) -> Drift | None:
        """Return how a ``tools/list`` result differs from the last; None if it does not.

        A list in pages is compared when its last page has come.
        """
        tools = member(result, "tools")
        if not isinstance(tools, list):
            return None
        if cursor is not None:
            before = self._pages.pop(cursor, None) if isinstance(cursor, str) else None
            if before is None:
                return None  # a page whose beginning was not seen
            tools = [*before, *tools][:MAX_TOOLS]
        following = member(result, "nextCursor")
        if isinstance(following, str):
            if len(self._pages) >= MAX_PAGES:
                self._pages.clear()
            self._pages[following] = tools
            return None
        if tools == self._last:
            return None
        self._last = tools
        return self._drift(_hashes(tools))

    def _drift(self, now: dict[str, str]) -> Drift | None:
        before, self._hashes = self._hashes, now
        if now == before:
            return None
        known = before or {}
        lines = "".join(f"{name} {now[name]}\n" for name in sorted(now))
        return Drift(
            sha256_hex(lines.encode("utf-8", "replace")),
            now,
            first=before is None,
            added=sorted(now.keys() - known.keys()),
            removed=sorted(known.keys() - now.keys()),
            changed=sorted(name for name in now.keys() & known.keys() if now[name] != known[name]),
        )


def _hashes(tools: list[Json]) -> dict[str, str]:
    hashes: dict[str, str] = {}
    for tool in tools[:MAX_TOOLS]:
        name = member(tool, "name")
        if isinstance(name, str):
            hashes[name] = _hash(tool)
    return hashes


def _hash(tool: Json) -> str:
    """Return the SHA-256 of a definition: of its JSON with sorted keys and no space."""
    try:
        text = json.dumps(tool, sort_keys=True, separators=(",", ":"))
    except (RecursionError, TypeError, ValueError):
        text = ""  # too deep, or what a server in this process lists is no JSON
    return sha256_hex(text.encode())
