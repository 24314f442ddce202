"""Header lines as they pass: every byte, order and repeat, less what is one connection's. Pure.

RFC 9110 section 7.6.1: `Connection`, what it names, and the older fields like it are
for the next hop only. `Transfer-Encoding` stays: the body is framed anew in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

Lines: TypeAlias = Iterable[tuple[bytes, bytes]]
"""Name and value of each line, as received."""

_NEXT_HOP_ONLY = frozenset([b"connection", b"keep-alive", b"proxy-connection", b"te", b"upgrade"])
_NEVER_NAMED = frozenset([b"content-length", b"host", b"transfer-encoding"])
"""What frames or routes a message is for everybody, whatever `Connection` says."""


def passed_on(
    lines: Lines, *, without: frozenset[bytes] = frozenset()
) -> list[tuple[bytes, bytes]]:
    """Return the lines that are not for the next hop alone.

    Args:
        without: Further names, in lower case, that are left out.
    """
    kept = []
    named: set[bytes] = set()
    for line in lines:
        name = line[0].lower()
        if name == b"connection":
            named.update(part.strip().lower() for part in line[1].split(b","))
        elif name not in _NEXT_HOP_ONLY and name not in without:
            kept.append(line)
    named -= _NEVER_NAMED
    if named:
        return [line for line in kept if line[0].lower() not in named]
    return kept


def values(lines: Lines, name: bytes) -> list[bytes]:
    """Return the values of all lines of one name, given in lower case."""
    return [value for line, value in lines if line.lower() == name]


def request_head(method: str, target: bytes, lines: Lines) -> bytes:
    """Return the head of a request as it goes on the wire."""
    return b"%s %s HTTP/1.1\r\n%s\r\n" % (method.encode("latin-1"), target, _written(lines))


def response_head(status: int, reason: str | None, lines: Lines) -> bytes:
    """Return the head of a response as it goes on the wire."""
    phrase = (reason or "").encode("utf-8", "surrogateescape")
    return b"HTTP/1.1 %d %s\r\n%s\r\n" % (status, phrase, _written(lines))


def _written(lines: Lines) -> bytes:
    return b"".join(b"%s: %s\r\n" % line for line in lines)


def origin_form(target: str) -> bytes:
    """Return the request target as an origin server gets it: path and query, byte for byte."""
    if "://" in target.partition("?")[0] and not target.startswith("/"):  # absolute form
        rest = target.partition("://")[2]
        cut = min((at for c in "/?" if (at := rest.find(c)) >= 0), default=len(rest))
        target = rest[cut:] if rest[cut : cut + 1] == "/" else f"/{rest[cut:]}"
    return target.encode("utf-8", "surrogateescape")
