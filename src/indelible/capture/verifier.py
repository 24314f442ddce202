"""Verifies the tokens that pass the proxy: by their issuer's keys, or by asking the issuer.

Laws: what is not certain is not verified; a token is never kept, written or shown; no
request waits longer for an issuer than is configured.
"""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from indelible.capture.claims import MAX_TOKEN_CHARS, is_jwt
from indelible.capture.tokens.checks import (
    RefusedError,
    Rules,
    UnknownKeyError,
    check_claims,
    checked_jwt,
)
from indelible.capture.tokens.fetch import Fetcher
from indelible.capture.tokens.introspect import Credentials, Introspection
from indelible.capture.tokens.issuer import IssuerKeys
from indelible.capture.tokens.remembered import Remembered, key_of
from indelible.config.sections import IdentitySection, VerifierSection
from indelible.errors import ConfigError
from indelible.model.canonical import Json

SECRET = "INDELIBLE_INTROSPECTION_SECRET"  # noqa: S105 — the variable's name
VERIFIED_S = 300.0
"""How long a JWT is not checked again: that long a key that was withdrawn may serve."""
_MAX_SECRET_BYTES = 4_096


class Verifier(Protocol):
    """Verifies tokens."""

    async def claims(self, token: str) -> Mapping[str, Json] | None:
        """Return what a token says, if it is certain that its issuer says so; raises nothing."""

    async def close(self) -> None:
        """Let go of connections."""


class Clock(NamedTuple):
    """The time."""

    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic


class TokenVerifier:
    """Verifies tokens of one issuer.

    Args:
        rules: What a token must be like.

        keys: The issuer's; None where JWTs are introspected too.

        introspection: Asks the issuer; None where only JWTs are verified.

        cache_s: How long an answer about a token holds.

        warn: Told why tokens are refused, each reason once.
    """

    def __init__(
        self,
        rules: Rules,
        fetcher: Fetcher,
        *,
        keys: IssuerKeys | None,
        introspection: Introspection | None,
        cache_s: float,
        warn: Callable[[str], None],
        clock: Clock,
    ) -> None:
        self._rules = rules
        self._fetcher = fetcher
        self._keys = keys
        self._introspection = introspection
        self._cache_s = cache_s
        self._warn = warn
        self._clock = clock
        self._remembered = Remembered(clock.monotonic)
        self._told: set[str] = set()

    async def claims(self, token: str) -> Mapping[str, Json] | None:
        """Return what a token says, if it is certain that its issuer says so; raises nothing."""
        if not 0 < len(token) <= MAX_TOKEN_CHARS or not (token.isascii() and token.isprintable()):
            return None
        key = key_of(token)
        known = self._remembered.get(key)
        if known is not None:
            return known.claims
        try:
            return await self._verified(key, token)
        except UnknownKeyError as error:
            self._tell(error)  # not remembered: the issuer may publish it at any time
        except RefusedError as error:
            self._tell(error)
            self._remembered.put(key, None, self._cache_s)
        return None

    async def close(self) -> None:
        """Let go of connections."""
        for part in (self._keys, self._introspection, self._fetcher):
            if part is not None:
                await part.close()

    async def _verified(self, key: bytes, token: str) -> Mapping[str, Json] | None:
        if self._keys is not None and is_jwt(token):
            claims = await self._by_keys(token, self._keys)
            longest = VERIFIED_S
        elif self._introspection is not None:
            claims = await self._by_asking(key, token, self._introspection)
            longest = self._cache_s
        else:
            raise RefusedError("it is no JWT, and there is nobody to ask about it")
        if claims is not None:
            self._remembered.put(key, claims, min(longest, self._left_s(claims)))
        return claims

    async def _by_keys(self, token: str, issuer: IssuerKeys) -> Mapping[str, Json] | None:
        keys = await issuer.current()
        if keys is None:
            return None
        try:
            return checked_jwt(token, keys, self._rules, self._clock.wall())
        except UnknownKeyError:
            newer = await issuer.newer()
            if newer is None or newer is keys:
                raise
            return checked_jwt(token, newer, self._rules, self._clock.wall())

    async def _by_asking(
        self, key: bytes, token: str, introspection: Introspection
    ) -> Mapping[str, Json] | None:
        said = await introspection.said(key, token)
        if said is None:
            return None
        if said.get("active") is not True:
            raise RefusedError("its issuer says that it does not hold")
        now = self._clock.wall()
        check_claims(said, self._rules, now, must_end=False, must_name=False)
        return said

    def _left_s(self, claims: Mapping[str, Json]) -> float:
        """Return how long a token still holds."""
        ends = claims.get("exp")
        if not isinstance(ends, int | float):
            return self._cache_s
        return ends + self._rules.leeway_s - self._clock.wall()

    def _tell(self, error: RefusedError) -> None:
        why = str(error)
        if why not in self._told:
            self._told.add(why)
            self._warn(f"a token is not verified: {why} (said once)")


def verifier_of(
    section: IdentitySection,
    warn: Callable[[str], None],
    environment: Mapping[str, str] = os.environ,
    clock: Clock | None = None,
) -> Verifier | None:
    """Return what verifies tokens by one configuration; None where it configures nothing.

    Raises:
        ConfigError: If a file that it names cannot be used.
    """
    given = section.verifier
    if not (given.issuer or given.jwks_url or given.introspection_url):
        return None
    if not given.audience and not given.any_audience:
        warn(
            "no token is verified: identity.verifier has no audience, so a token for any other"
            " service would do; name the server's URL, or say any_audience = true"
        )
        return None
    clock = clock or Clock()
    fetcher = Fetcher(float(given.timeout), _tls(given.ca))
    rules = Rules(given.algorithms, given.issuer, given.audience, float(given.leeway))
    return TokenVerifier(
        rules,
        fetcher,
        keys=_keys(given, fetcher, warn, clock),
        introspection=_introspection(given, fetcher, warn, clock, environment),
        cache_s=float(given.cache),
        warn=warn,
        clock=clock,
    )


def _keys(
    given: VerifierSection, fetcher: Fetcher, warn: Callable[[str], None], clock: Clock
) -> IssuerKeys | None:
    by_metadata = given.issuer is not None and given.introspection_url is None
    if given.jwks_url is None and not by_metadata:
        return None
    return IssuerKeys(
        fetcher,
        issuer=given.issuer,
        jwks_url=given.jwks_url,
        timeout_s=float(given.timeout),
        warn=warn,
        monotonic=clock.monotonic,
    )


def _introspection(
    given: VerifierSection,
    fetcher: Fetcher,
    warn: Callable[[str], None],
    clock: Clock,
    environment: Mapping[str, str],
) -> Introspection | None:
    if given.introspection_url is None:
        return None
    credentials = None
    if given.introspection_client is not None:
        file = given.introspection_secret_file
        secret = environment.get(SECRET, "") if file is None else _secret(file)
        if not secret:
            raise ConfigError(
                "identity.verifier.introspection_client has no secret",
                hint=f"set {SECRET}, or introspection_secret_file",
            )
        credentials = Credentials(given.introspection_client, secret)
    return Introspection(
        fetcher, given.introspection_url, credentials, warn=warn, monotonic=clock.monotonic
    )


def _secret(path: str) -> str:
    hint = "put the secret alone there"
    try:
        with open(path, "rb") as file:
            text = file.read(_MAX_SECRET_BYTES + 1).decode().strip()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigError(f"cannot read {path}: {why}", hint=hint) from error
    if len(text) > _MAX_SECRET_BYTES:
        raise ConfigError(f"{path} is too long", hint=hint)
    return text


def _tls(ca: str | None) -> ssl.SSLContext | None:
    try:
        return ssl.create_default_context(cafile=ca) if ca is not None else None
    except (OSError, ssl.SSLError) as error:
        why = f"cannot use {ca}: {error.strerror or error}"
        raise ConfigError(why, hint="give certificates in PEM form") from error
