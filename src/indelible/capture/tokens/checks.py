"""Whether a JWT is its issuer's, still holds, and is for us. No I/O; the time is an argument."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import jwt

from indelible.model.canonical import Json

MAX_KEYS = 16
"""Keys that are tried for a token that names none."""

_LAST = 1 << 53
"""No time is later: beyond it a float cannot count seconds."""
_MAX_MEMBER_CHARS = 1_400  # an RSA modulus of 8,192 bits
_PUBLIC = ("kty", "crv", "x", "y", "n", "e")
_FAMILIES = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}


class RefusedError(Exception):
    """A token is not verified; the text says why and holds nothing of the token."""


class UnknownKeyError(RefusedError):
    """No key of the issuer's fits: there may be newer ones."""


class Rules(NamedTuple):
    """What a token must be like."""

    algorithms: tuple[str, ...]
    issuer: str | None
    audience: tuple[str, ...]
    """Empty for anybody."""
    leeway_s: float


class KeySet:
    """The public keys of an issuer (RFC 7517)."""

    def __init__(self, document: Mapping[str, Json]) -> None:
        keys = document.get("keys")
        listed = keys if isinstance(keys, list) else []
        self._keys = [key for key in listed if isinstance(key, dict) and _signs(key)]
        self._made: dict[tuple[int, str], jwt.PyJWK | None] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def fitting(self, algorithm: str, kid: object) -> list[jwt.PyJWK]:
        """Return the keys that could have signed: of that id, family and algorithm."""
        family = _FAMILIES.get(algorithm[:2])
        found = [
            n
            for n, key in enumerate(self._keys)
            if key.get("kty") == family
            and key.get("alg", algorithm) == algorithm
            and (kid is None or key.get("kid") == kid)
        ]
        made = [self._make(n, algorithm) for n in found[:MAX_KEYS]]
        return [key for key in made if key is not None]

    def _make(self, n: int, algorithm: str) -> jwt.PyJWK | None:
        at = n, algorithm
        if at not in self._made:
            # Public members alone: an issuer that publishes a private key has one that checks too.
            members = {name: self._keys[n][name] for name in _PUBLIC if name in self._keys[n]}
            try:
                self._made[at] = jwt.PyJWK(members, algorithm)
            except (jwt.PyJWTError, ValueError, TypeError):
                self._made[at] = None  # no key that can be used is no key
        return self._made[at]


def checked_jwt(token: str, keys: KeySet, rules: Rules, now: float) -> dict[str, Json]:
    """Return the claims of a JWT that is what it says.

    Raises:
        RefusedError: If it is not, or nobody can tell.
    """
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError) as error:
        raise RefusedError("it is no JWT") from error
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in rules.algorithms:
        raise RefusedError("its algorithm is not allowed")
    found = keys.fitting(algorithm, header.get("kid"))
    if not found:
        raise UnknownKeyError("no key of the issuer's fits it")
    for key in found:
        claims = _signed(token, key, algorithm)
        if claims is not None:
            check_claims(claims, rules, now, must_end=True)
            return claims
    raise RefusedError("its signature is wrong")


def check_claims(
    claims: Mapping[str, Json], rules: Rules, now: float, *, must_end: bool, must_name: bool = True
) -> None:
    """Check whose token it is, for whom, and when it holds.

    Args:
        must_end: Whether it must say until when.

        must_name: Whether it must name its issuer.

    Raises:
        RefusedError: If something is wrong.
    """
    issuer = claims.get("iss")
    if rules.issuer is not None and (must_name or issuer is not None) and issuer != rules.issuer:
        raise RefusedError("it is another issuer's")
    aud = claims.get("aud")
    named = [aud] if isinstance(aud, str) else aud if isinstance(aud, list) else []
    if rules.audience and not any(one in rules.audience for one in named if isinstance(one, str)):
        raise RefusedError("it is for another audience")
    ends = _time(claims, "exp")
    if ends is None and must_end:
        raise RefusedError("it does not say until when it holds")
    if ends is not None and now >= ends + rules.leeway_s:
        raise RefusedError("it has expired")
    for name in ("nbf", "iat"):
        begins = _time(claims, name)
        if begins is not None and begins > now + rules.leeway_s:
            raise RefusedError("it does not hold yet")


def _signed(token: str, key: jwt.PyJWK, algorithm: str) -> dict[str, Json] | None:
    """Return the claims if that key signed them. What they say is checked by us, strictly."""
    options = {
        "verify_signature": True,
        "enforce_minimum_key_length": True,
        **dict.fromkeys(("verify_exp", "verify_nbf", "verify_iat", "verify_aud"), False),
        **dict.fromkeys(("verify_iss", "verify_sub", "verify_jti"), False),
    }
    try:
        claims: dict[str, Json] = jwt.decode(token, key, [algorithm], options)  # type: ignore[arg-type]
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    return claims


def _signs(key: Mapping[str, Json]) -> bool:
    """Return whether a key is published for checking signatures, and of a size that can be used."""
    uses = key.get("key_ops")
    return (
        key.get("use", "sig") == "sig"
        and (uses is None or (isinstance(uses, list) and "verify" in uses))
        and all(
            isinstance(key[name], str) and len(str(key[name])) <= _MAX_MEMBER_CHARS
            for name in _PUBLIC
            if name in key
        )
    )


def _time(claims: Mapping[str, Json], name: str) -> int | float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RefusedError("its times are no numbers")
    value = min(max(value, -_LAST), _LAST)
    if math.isnan(value):
        raise RefusedError("its times are no numbers")
    return value
