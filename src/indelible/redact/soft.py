"""Failures that a tool returns as if all were well: said in its own words, not in the protocol's.

Only what nobody can mean otherwise is taken for one: a list of `errors` may be what
a linter was asked for, and a `status` may be that of something else.
"""

from __future__ import annotations

import json

from indelible.model.canonical import Json

MAX_CHARS = 16 * 1024
"""Of a text; a longer one is data."""


def is_soft_error(result: dict[str, Json]) -> bool:
    """Return whether a tool's result, no error to the protocol, tells of one."""
    if _tells(result.get("structuredContent")):
        return True
    content = result.get("content")
    if not isinstance(content, list) or not content:
        return False
    first = content[0]
    text = first.get("text") if isinstance(first, dict) else None
    if not isinstance(text, str) or text[:1] != "{" or len(text) > MAX_CHARS:
        return False
    if '"error"' not in text and "false" not in text:
        return False
    try:
        return _tells(json.loads(text))
    except (ValueError, RecursionError):
        return False


def _tells(value: Json) -> bool:
    if not isinstance(value, dict):
        return False
    if value.get("success") is False or value.get("ok") is False:
        return True
    error = value.get("error")
    return error is True or (isinstance(error, (str, dict)) and bool(error))
