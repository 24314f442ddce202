"""What is allowed and yet hardly meant: `indelible config check` says it."""

from __future__ import annotations

from collections.abc import Iterator

from indelible.config.decode import Path, dotted
from indelible.config.sections import Config

_CHANGING = ("write", "destructive")


def lint(config: Config) -> list[str]:
    """Return one sentence for each thing that is allowed and hardly meant."""
    return [f"{dotted(path)}: {what}" for path, what in _findings(config)]


def _findings(config: Config) -> Iterator[tuple[Path, str]]:
    for name in ("read", *_CHANGING, "undeclared"):
        if getattr(config.capture, name) == "none":
            what = "such calls leave no record at all; `metadata` keeps who, what and when"
            yield ("capture", name), what
    if config.failure.profile == "compliance":
        for name in _CHANGING:
            if getattr(config.failure, name) == "proceed":
                yield ("failure", name), "against the profile `compliance`: it runs unrecorded"
    yield from _tools(config)
    yield from _identity(config)
    yield from _proxies(config)


def _tools(config: Config) -> Iterator[tuple[Path, str]]:
    seen: set[str] = set()
    for rule in config.tools:
        path = ("tools", rule.glob)
        if "*" in seen:
            yield path, 'stands after "*": a key that is set there is not looked for here'
        seen.add(rule.glob)
        if rule.level == "none":
            yield (*path, "level"), "such calls leave no record at all"
        if rule.level in ("none", "metadata", "args") and rule.result not in (None, "none"):
            yield (*path, "result"), f"nothing is kept of results at level {rule.level!r}"
        if rule.level in ("none", "metadata") and rule.target is not None:
            yield (*path, "target"), f"no argument is kept at level {rule.level!r}"


def _identity(config: Config) -> Iterator[tuple[Path, str]]:
    identity = config.identity
    headers = identity.headers
    for network in identity.trusted_proxies:
        if network.endswith("/0"):
            what = f"{network} is everybody: any client could say that it is another"
            yield ("identity", "trusted_proxies"), what
    if "header" in identity.actor and headers.id is None:
        yield ("identity", "actor"), "`header` needs identity.headers.id"
    if "header" in identity.actor and not identity.trusted_proxies:
        yield ("identity", "actor"), "`header` is believed of trusted_proxies only: there are none"
    if headers.id is not None and "header" not in identity.actor:
        yield ("identity", "headers", "id"), "not looked at: `header` is not in identity.actor"
    if "api-key" in identity.actor and headers.api_key is None:
        yield ("identity", "actor"), "`api-key` needs identity.headers.api_key"
    verifier = identity.verifier
    if verifier.issuer or verifier.jwks_url or verifier.introspection_url:
        if not verifier.audience and not verifier.any_audience:
            yield ("identity", "verifier"), "needs `audience`: without it no token is verified"
        if "token" not in identity.actor:
            yield ("identity", "verifier"), "not asked: `token` is not in identity.actor"


def _proxies(config: Config) -> Iterator[tuple[Path, str]]:
    for rule in config.proxy:
        path = ("proxy", rule.name)
        if rule.upstream is None:
            yield path, "needs `upstream`: which server it stands before"
        if rule.listen is None:
            yield path, "needs `listen`: where clients come"
        if (rule.tls_cert is None) != (rule.tls_key is None):
            yield path, "`tls_cert` and `tls_key` belong together"
