"""One HTTP exchange, followed by two hooks: what the one records, the other need not.

The ASGI seam puts an `Exchange` into the scope; whoever sees a message of that
request says so in it. Quick to load: every hook needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from indelible.model.event import Transport

KEY = "indelible.exchange"
"""Where in an ASGI scope the exchange is."""


INDEX = "indelible.headers"
"""Where in a scope of our own the headers are by name: all that is asked for, found once."""


class Exchange:
    """What is known of one HTTP request by those who follow it."""

    __slots__ = ("has_left", "is_seen")

    def __init__(self) -> None:
        self.is_seen = False
        """Whether a message of this request has come to whoever records messages."""

        self.has_left = False
        """Whether the client has hung up."""


def scope_of(request: Any) -> dict[str, Any]:
    """Return the ASGI scope of a Starlette request; empty for what is none."""
    scope = getattr(request, "scope", None)
    return scope if isinstance(scope, dict) else {}


def see(request: Any) -> None:
    """Say that a message of *request* is recorded, or need not be."""
    exchange = scope_of(request).get(KEY)
    if isinstance(exchange, Exchange):
        exchange.is_seen = True


def has_left(request: Any) -> bool | None:
    """Return whether the client of *request* has hung up; None where nobody looks."""
    exchange = scope_of(request).get(KEY)
    return exchange.has_left if isinstance(exchange, Exchange) else None


def headers_of(scope: dict[str, Any]) -> Callable[[str], list[str]]:
    """Return a reader of the headers in *scope*: all lines of a name in lower case."""
    index: dict[str, list[str]] | None = scope.get(INDEX)
    if index is not None:
        found = index
        return lambda name: found.get(name, [])
    lines: list[tuple[bytes, bytes]] = scope.get("headers") or []

    def read(name: str) -> list[str]:
        wanted = name.encode("latin-1", "replace")
        return [value.decode("latin-1") for line, value in lines if line == wanted]

    return read


def peer_of(scope: dict[str, Any]) -> tuple[str, int] | None:
    """Return the address and port that the server program names as the client's."""
    peer = scope.get("client")
    if not isinstance(peer, (tuple, list)) or len(peer) != 2:
        return None
    host, port = peer
    return (host, port) if isinstance(host, str) and isinstance(port, int) else None


def request_token(request: Any) -> Any:
    """Return the access token that the SDK verified for this very request, or None.

    Asked of the request, not of the SDK's context variable: that one keeps, for as long
    as a session lasts, the token that opened it (mcp 1.x).
    """
    return getattr(scope_of(request).get("user"), "access_token", None)


def http_transport(request: Any) -> Transport:
    """Return which of the two transports over HTTP a request came by."""
    return "sse" if is_of_older_transport(scope_of(request)) else "http"


def is_of_older_transport(scope: Mapping[str, Any]) -> bool:
    """Return whether a request belongs to the transport of 2024-11-05.

    Only that one names the session in the address.
    """
    return b"session_id=" in (scope.get("query_string") or b"")
