"""The line of a key in a TOML file, for an error: the parser itself does not tell.

The parser is asked again: a key stands where the file, cut after that line, has it
for the first time. Only lines that name the key are tried, and not many of them.
"""

from __future__ import annotations

import tomllib

MAX_CHARS = 32 * 1024
MAX_PARSES = 100
"""Both bound what a hostile file costs; the error is the same without its line."""


def line_of(text: str, path: tuple[str, ...]) -> int | None:
    """Return the line, from 1, on which the key at *path* begins; None if it is not found."""
    if not path or len(text) > MAX_CHARS:
        return None
    lines = text.split("\n")
    parses = 0
    for at, line in enumerate(lines):
        if path[-1] not in line:
            continue
        before = _parsed(lines[:at])
        parses += 1
        until = None
        end = at
        while before is not None and until is None and end < len(lines) and parses < MAX_PARSES:
            end += 1
            until = _parsed(lines[:end])
            parses += 1
        if before is not None and not _has(before, path) and _has(until, path):
            return at + 1
        if parses >= MAX_PARSES:
            return None
    return None


def _parsed(lines: list[str]) -> dict[str, object] | None:
    try:
        return tomllib.loads("\n".join(lines))
    except (ValueError, RecursionError):
        return None


def _has(table: object, path: tuple[str, ...]) -> bool:
    for part in path:
        if not isinstance(table, dict) or part not in table:
            return False
        table = table[part]
    return True
