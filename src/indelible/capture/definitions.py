"""What a server's list of tools says now, and how that differs from what it said before. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from indelible.capture.protocol import member
from indelible.model.canonical import Json
from indelible.model.digest import sha256_hex

MAX_TOOLS = 10_000
MAX_PAGES = 1_000
"""Of listings that were begun and whose end has not come."""
MAX_ASKERS = 1_000

Asker: TypeAlias = tuple[str | None, str] | None
"""Issuer and id of an actor."""


class Drift(NamedTuple):
    """How a list of tools differs from the one before it."""

    digest: str
    """SHA-256 of the list: of a line for each tool, name and hash, in the order of the names."""

    hashes: dict[str, str]
    """SHA-256 of each tool's definition, by its name."""

    first: bool
    """Whether the asker was shown no list before."""

    added: list[str]
    removed: list[str]
    changed: list[str]


@dataclass(slots=True)
class Definitions:
    """The definitions of a server's tools as they were listed last: to each asker, its own.

    A server may show each user other tools, so only what one asker is shown is compared.
    """

    _last: list[Json] | None = None
    _digest: str = ""
    """Of the list that was seen last, whoever asked."""
    _lists: dict[str, dict[str, str]] = field(default_factory=dict)
    """The hashes of each list, by its digest."""
    _shown: dict[Asker, str] = field(default_factory=dict)
    _pages: dict[tuple[Asker, str], list[Json]] = field(default_factory=dict)

    def compare(self, result: Json, cursor: Json, asker: Asker = None) -> Drift | None:
        """Return how a ``tools/list`` result differs from *asker*'s last; None if it does not.

        A list in pages is compared when its last page has come. One that is the
        asker's first is none to compare where others have been shown the same.
        """
        tools = self._whole(result, cursor, asker)
        if tools is None:
            return None
        if tools != self._last:
            now = _hashes(tools)
            lines = "".join(f"{name} {now[name]}\n" for name in sorted(now))
            self._last, self._digest = tools, sha256_hex(lines.encode("utf-8", "replace"))
        elif self._shown.get(asker) == self._digest:
            return None
        else:
            now = self._lists[self._digest]
        return self._drift(asker, now)

    def _whole(self, result: Json, cursor: Json, asker: Asker) -> list[Json] | None:
        """Return all tools of a list, once its last page is here."""
        tools = member(result, "tools")
        if not isinstance(tools, list):
            return None
        if cursor is not None:
            before = self._pages.pop((asker, cursor), None) if isinstance(cursor, str) else None
            if before is None:
                return None  # a page whose beginning was not seen
            tools = [*before, *tools][:MAX_TOOLS]
        following = member(result, "nextCursor")
        if isinstance(following, str):
            if len(self._pages) >= MAX_PAGES:
                self._pages.clear()
            self._pages[asker, following] = tools
            return None
        return tools

    def _drift(self, asker: Asker, now: dict[str, str]) -> Drift | None:
        digest, before = self._digest, self._shown.get(asker)
        is_known = digest in self._lists
        if len(self._shown) >= MAX_ASKERS:
            self._shown.clear()
            self._lists.clear()
        known = self._lists.get(before, {}) if before is not None else {}
        self._shown[asker] = digest
        self._lists[digest] = now
        if digest == before or (before is None and is_known):
            return None
        return Drift(
            digest,
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
