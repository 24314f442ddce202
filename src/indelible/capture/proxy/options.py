"""What the proxy is started with, checked."""

from __future__ import annotations

import ipaddress

from yarl import URL

from indelible.config.sections import ProxyRule
from indelible.errors import UsageError

MAX_HEADERS = 128
BODY_S = 60.0
DRAIN_S = 30.0


def checked(rule: ProxyRule) -> ProxyRule:
    """Return a proxy's options, if they can be used.

    Raises:
        UsageError: If they cannot.
    """
    where = f"proxy.{rule.name}" if rule.name else "the proxy"
    for wanted in ("upstream", "listen"):
        if getattr(rule, wanted) is None:
            raise UsageError(
                f"{where} has no {wanted}", hint="give --upstream URL and --listen HOST:PORT"
            )
    if (rule.tls_cert is None) != (rule.tls_key is None):
        raise UsageError(f"{where}: certificate and key belong together", hint="give both")
    return rule


def origin_of(text: str) -> URL:
    """Return scheme, host and port of an upstream server's URL.

    Raises:
        UsageError: If it is none.
    """
    hint = "write it like http://127.0.0.1:3001/mcp"
    try:
        url = URL(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is no URL", hint=hint) from error
    if url.scheme not in ("http", "https") or not url.host:
        raise UsageError(f"{text!r} is no http or https URL", hint=hint)
    if url.user or url.password or url.raw_query_string or url.raw_fragment:
        raise UsageError("an upstream URL has no user, query or fragment", hint=hint)
    return url.origin()


def address_of(text: str) -> tuple[str, int]:
    """Return host and port to listen on.

    Raises:
        UsageError: If it is no ``HOST:PORT``.
    """
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise UsageError(
            f"{text!r} is no address to listen on", hint="write it like 127.0.0.1:8080"
        )
    return host, int(port)


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches *host*."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_reach(host: str, *, has_tls: bool, allows_plain_http: bool) -> None:
    """Refuse to listen beyond this machine in clear text, unless that is wanted.

    Raises:
        UsageError: If it is not allowed.
    """
    if not (has_tls or allows_plain_http or is_loopback(host)):
        raise UsageError(
            f"{host} is reached from other machines: tokens would pass in clear text",
            hint="give --tls-cert and --tls-key, or --allow-plain-http behind a proxy that has TLS",
        )
