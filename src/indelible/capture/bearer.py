"""By which token and which transport a request over HTTP came."""

from __future__ import annotations

from typing import Any

from indelible.model.event import Transport


def request_token(request: Any) -> Any:
    """Return the access token that the SDK verified for this very request, or None.

    Asked of the request, not of the SDK's context variable: that one keeps, for as long
    as a session lasts, the token that opened it (mcp 1.x).
    """
    scope = getattr(request, "scope", None) or {}
    return getattr(scope.get("user"), "access_token", None)


def http_transport(request: Any) -> Transport:
    """Return which of the two transports over HTTP a request came by.

    Only the older one names the session in the address.
    """
    scope = getattr(request, "scope", None) or {}
    return "sse" if b"session_id=" in scope.get("query_string", b"") else "http"
