"""Where a request came from: the connection's peer, and what trusted proxies say. Pure.

A forwarding header is a list that every hop appends to and that the client may
begin. So it is read from the right, and each hop is believed only if the one that
names it is a trusted proxy.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_CHARS = 8_192
MAX_HOPS = 100
_REWRITTEN_PORT = 0
_LOOPBACK = ipaddress.IPv4Address("127.0.0.1")


def networks(texts: Sequence[str]) -> list[Network]:
    """Return the networks that configured texts name; a single address is one too.

    Raises:
        ValueError: If one is none: a configuration is checked before.
    """
    return [ipaddress.ip_network(text, strict=False) for text in texts]


def is_in(address: Address | None, proxies: Sequence[Network]) -> bool:
    """Return whether an address is that of a trusted proxy."""
    return address is not None and any(address in network for network in proxies)


def direct_peer(peer: tuple[str, int] | None) -> Address | None:
    """Return who is at the other end of the connection; None where that is not known.

    No connection has port 0: uvicorn names it where it has put an address from a
    forwarding header in place of the peer's. It does so by itself, and only for peers
    on this machine, so that is where the peer is then.
    """
    if peer is None:
        return None
    return _LOOPBACK if peer[1] == _REWRITTEN_PORT else parse(peer[0])


def client_address(
    peer: tuple[str, int] | None, header: str, lines: list[str], proxies: Sequence[Network]
) -> str | None:
    """Return the client's address, or None where nobody who is believed names it.

    Args:
        header: Which header carries the hops; ``forwarded`` has a syntax of its own.

        lines: Its values; none where the peer is not to be believed.
    """
    direct = direct_peer(peer)
    rewritten = peer is not None and peer[1] == _REWRITTEN_PORT
    if not is_in(direct, proxies):
        return None if direct is None or rewritten else str(direct)
    hops = _hops(header.lower(), lines)
    if hops is None:
        return None
    if not hops:
        return None if rewritten else str(direct)
    for hop in reversed(hops):
        if hop is None:
            return None  # the last one who is believed does not say it
        if not is_in(hop, proxies):
            return str(hop)
    return str(hops[0])


def parse(text: str) -> Address | None:
    """Return the address of a text, an IPv4 address in IPv6 form as such; None where it is none."""
    if "%" in text:
        return None  # a zone's name could be any text
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def _hops(header: str, lines: list[str]) -> list[Address | None] | None:
    """Return the hops of a forwarding header, the client's end first; None where it is too much."""
    text = ",".join(lines)
    if len(text) > MAX_CHARS or text.count(",") >= MAX_HOPS:
        return None
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if header == "forwarded":
        parts = [_forwarded_for(part) for part in parts]
    return [parse(_without_port(part)) for part in parts]


def _forwarded_for(element: str) -> str:
    """Return the `for` parameter of one element of `Forwarded` (RFC 7239 section 4)."""
    found = ""
    for pair in element.split(";"):
        name, _, value = pair.partition("=")
        if name.strip().lower() == "for":
            if found:
                return ""  # twice: whom to believe?
            found = value.strip()
    quoted = len(found) > 1 and found[0] == found[-1] == '"'
    return found[1:-1] if quoted else found


def _without_port(text: str) -> str:
    if text.startswith("["):
        inside, closed, _ = text[1:].partition("]")
        return inside if closed else ""
    return text.partition(":")[0] if text.count(":") == 1 else text
