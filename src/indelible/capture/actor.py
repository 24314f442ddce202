"""Who asked: from what is known of a request to an `Actor` that says how it is known. Pure.

Laws: what nobody vouches for is never taken for more than it is; where two answers
are possible there is none; no API key or token is ever returned.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from indelible.capture.address import Network, client_address, direct_peer, is_in, networks
from indelible.capture.claims import bearer, unchecked
from indelible.model.event import Actor, Delegate

if TYPE_CHECKING:
    from indelible.config.sections import IdentitySection

RawHeaders: TypeAlias = Iterable[tuple[bytes, bytes]]
"""Header lines as ASGI gives them: names in lower case."""

MAX_ID_CHARS = 256
MAX_CHAIN = 16
"""Actors kept of a chain of delegation, the one who acts first."""

_TAG_BYTES = 8
_SCHEMES = ("bearer ", "apikey ", "api-key ", "token ")


class Verified(NamedTuple):
    """A token that a verifier accepted: the server's own, or the proxy's."""

    client_id: str | None
    subject: str | None
    claims: Mapping[str, object]
    token: str | None = None
    """The token itself: only to be sure that it is not taken for an id."""

    @classmethod
    def of_claims(cls, claims: Mapping[str, object], token: str) -> Verified:
        """Return what the claims of a token say, where there is no SDK to name its parts."""
        client = claims.get("client_id") or claims.get("azp")
        return cls(_text(client), _text(claims.get("sub")), claims, token)


class Asked(NamedTuple):
    """What is known of one HTTP request, before anything of it is believed."""

    headers: RawHeaders = ()
    peer: tuple[str, int] | None = None
    """Address and port that the server program names as the client's."""
    verified: Verified | None = None


class Identity:
    """Says who asked, by one configuration.

    Args:
        section: Where to look, in which order.

        tag_key: Gives the key of fingerprints, asked when one is wanted; without it there are none.
    """

    def __init__(
        self, section: IdentitySection, tag_key: Callable[[], bytes | None] = lambda: None
    ) -> None:
        self._section = section
        self._tag_key = tag_key
        self._proxies: Sequence[Network] = networks(section.trusted_proxies)

    def of_process(self, os_user: Actor) -> Actor:
        """Return who asks on stdio: whoever runs us, if that is an answer that is wanted."""
        return os_user if "os-user" in self._section.actor else Actor()

    def of_request(self, asked: Asked) -> Actor:
        """Return who asks over HTTP: the first answer of the configured sources."""
        trusted = is_in(direct_peer(asked.peer), self._proxies)
        found: Actor | None = None
        for source in self._section.actor:
            if source == "token" and asked.verified is not None:
                found = self._of_token(asked.verified)
            elif source == "api-key":
                found = self._of_key(asked.headers)
            elif source == "header" and trusted:
                found = self._of_header(asked.headers)
            if found is not None:
                break
        if found is None and "token" in self._section.actor:
            found = self._of_unchecked(asked.headers)
        name = self._section.headers.forwarded_for
        lines = values(asked.headers, name) if trusted else []
        ip = client_address(asked.peer, name, lines, self._proxies)
        return replace(found or Actor(), ip=ip)

    def _of_token(self, verified: Verified) -> Actor | None:
        """Return whom a token names: by the configured claim, else its subject or its client."""
        claims, names = verified.claims, self._section.claims
        client = _text(claims.get(names.client_id)) or _text(verified.client_id)
        wanted = [_text(claims.get(names.id)), _text(verified.subject), client]
        who = next((one for one in wanted if one and one != verified.token), None)
        if who is None:
            return None
        return Actor(
            id=who,
            provenance="verified",
            name=_text(claims.get(names.name)),
            issuer=_text(claims.get(names.issuer)),
            client_id=client if client != verified.token else None,
            tenant=_text(claims.get(names.tenant)) if names.tenant else None,
            chain=_chain(claims.get("act")),
        )

    def _of_unchecked(self, headers: RawHeaders) -> Actor | None:
        """Return whom a token names that nobody has checked; as little as a header's word."""
        how = self._section.unverified_token
        token = bearer(headers) if how != "ignore" else None
        if token is None:
            return None
        claims = unchecked(token) if how == "claims" else None
        found = self._of_token(Verified.of_claims(claims, token)) if claims is not None else None
        return replace(found, provenance="asserted") if found else self._of_secret(token)

    def _of_key(self, headers: RawHeaders) -> Actor | None:
        name = self._section.headers.api_key
        key = _only(values(headers, name)) if name else None
        if key is None:
            return None
        for scheme in _SCHEMES:
            if name == "authorization" and key[: len(scheme)].lower() == scheme:
                key = key[len(scheme) :].strip()
        return self._of_secret(key)

    def _of_secret(self, secret: str) -> Actor | None:
        key = self._tag_key()
        return Actor(id=fingerprint(secret, key), provenance="asserted") if key else None

    def _of_header(self, headers: RawHeaders) -> Actor | None:
        names = self._section.headers
        who = _only(values(headers, names.id)) if names.id else None
        if who is None:
            return None
        name = _only(values(headers, names.name)) if names.name else None
        tenant = _only(values(headers, names.tenant)) if names.tenant else None
        return Actor(
            id=_bounded(who),
            provenance="asserted",
            name=_bounded(name) if name else None,
            tenant=_bounded(tenant) if tenant else None,
        )


def identifies(section: IdentitySection, *, verifies_tokens: bool) -> bool:
    """Return whether anybody who asks over HTTP can be more than `anonymous`."""
    sources, headers = section.actor, section.headers
    if "token" in sources and verifies_tokens:
        return True
    if "api-key" in sources and headers.api_key is not None:
        return True
    return "header" in sources and headers.id is not None and bool(section.trusted_proxies)


def values(headers: RawHeaders, name: str) -> list[str]:
    """Return the values of all lines of one header, in their order."""
    wanted = name.lower().encode("latin-1", "replace")
    return [value.decode("latin-1") for line, value in headers if line.lower() == wanted]


def fingerprint(secret: str, key: bytes) -> str:
    """Return the keyed fingerprint that stands for an API key, or for a token nobody can read."""
    said = b"indelible api-key\0" + secret.encode("utf-8", "surrogatepass")
    return f"fingerprint:{hmac.digest(key, said, 'sha256')[:_TAG_BYTES].hex()}"


def _chain(act: object) -> tuple[Delegate, ...]:
    """Return the actors of a token's `act` claim (RFC 8693 section 4.1), who acts now first."""
    found: list[Delegate] = []
    while isinstance(act, Mapping) and len(found) < MAX_CHAIN:
        who = _text(act.get("sub")) or _text(act.get("client_id"))
        if who is None:
            break
        found.append(Delegate(who, _text(act.get("iss"))))
        act = act.get("act")
    return tuple(found)


def _only(found: list[str]) -> str | None:
    """Return the value of a header that has one: of two, one is not the proxy's."""
    text = found[0].strip() if len(found) == 1 else ""
    return text or None


def _text(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if -(1 << 64) < value < 1 << 64 else None
    return _bounded(value) if isinstance(value, str) and value else None


def _bounded(text: str) -> str:
    """Return valid text of at most `MAX_ID_CHARS`; two long ids stay two."""
    data = text.encode("utf-8", "replace")
    text = data.decode()
    if len(text) <= MAX_ID_CHARS:
        return text
    return f"{text[: MAX_ID_CHARS - 20]}...{hashlib.sha256(data).hexdigest()[:16]}"
