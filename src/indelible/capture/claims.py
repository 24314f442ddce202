"""What a bearer token says, before anybody has checked it. Pure."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping

from indelible.model.canonical import Json

MAX_TOKEN_CHARS = 16_384
"""No token is longer; servers refuse headers of half that length."""

_SCHEME = "bearer"


def bearer(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Return the bearer token of a request (RFC 6750 section 2.1); of two, none is its token."""
    lines = [value for name, value in headers if name.lower() == b"authorization"]
    if len(lines) != 1:
        return None
    scheme, _, token = lines[0].decode("latin-1").strip().partition(" ")
    token = token.strip()
    return token if scheme.lower() == _SCHEME and token and " " not in token else None


def is_jwt(token: str) -> bool:
    """Return whether a token has the form of a signed JWT (RFC 7515 section 3.1)."""
    parts = token.split(".", 4)
    return len(parts) == 3 and _object(parts[0]) is not None


def unchecked(token: str) -> Mapping[str, Json] | None:
    """Return the claims that a JWT makes; None where a token is none, or too long to be one.

    Nobody has checked them: anybody can write such a token.
    """
    if len(token) > MAX_TOKEN_CHARS or not is_jwt(token):
        return None
    return _object(token.split(".")[1])


def _object(part: str) -> dict[str, Json] | None:
    try:
        padded = part + "=" * (-len(part) % 4)
        found = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, RecursionError):
        return None  # it is not a JWT: that is all there is to know
    return found if isinstance(found, dict) else None
